package userspace

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/script"
)

// file is a file of Lua's io library.
type file struct {
	name  string
	r     *bufio.Reader
	w     io.Writer
	seek  io.Seeker
	close func() error
	shut  bool
	value lua.LValue // the file as the script has it
}

// ioState are the files that io.read and io.write work on.
type ioState struct{ in, out, err *file }

// ioCalls are Lua's io library. What is behind io.stdin and its like is a method of
// that file.
func ioCalls() map[string]operation {
	all := map[string]operation{
		"io.open":  ioOpen,
		"io.lines": ioLines,
		"io.popen": ioPopen,
		"io.close": func(c *call) ([]lua.LValue, error) {
			if f, ok := c.fileOf(c.arg(0)); ok {
				return f.end()
			}
			return nil, c.bad(0, "a file")
		},
		"io.read":  func(c *call) ([]lua.LValue, error) { return c.std().in.read(c.args) },
		"io.write": func(c *call) ([]lua.LValue, error) { return c.write(c.std().out, c.args) },
		"io.flush": func(*call) ([]lua.LValue, error) { return results(lua.LTrue) },
		"io.type": func(c *call) ([]lua.LValue, error) {
			switch f, ok := c.fileOf(c.arg(0)); {
			case !ok:
				return results(lua.LNil)
			case f.shut:
				return results(lua.LString("closed file"))
			}
			return results(lua.LString("file"))
		},
		"io.tmpfile": func(c *call) ([]lua.LValue, error) {
			f, err := os.CreateTemp("", "lua_")
			if err != nil {
				return failed(err)
			}
			os.Remove(f.Name()) // it is there until it is closed
			return results(c.opened(f))
		},
	}
	for _, name := range []string{"stdin", "stdout", "stderr"} {
		for method := range fileMethods {
			all["io."+name+"."+method] = func(c *call) ([]lua.LValue, error) {
				s := c.std()
				f := map[string]*file{"stdin": s.in, "stdout": s.out, "stderr": s.err}[name]
				return fileMethods[method](c, f, c.args[min(1, len(c.args)):])
			}
		}
	}
	return all
}

// fileMethods are the methods of files.
var fileMethods = map[string]func(c *call, f *file, args []lua.LValue) ([]lua.LValue, error){
	"read":    func(_ *call, f *file, args []lua.LValue) ([]lua.LValue, error) { return f.read(args) },
	"write":   func(c *call, f *file, args []lua.LValue) ([]lua.LValue, error) { return c.write(f, args) },
	"lines":   func(c *call, f *file, _ []lua.LValue) ([]lua.LValue, error) { return results(c.lines(f, false)) },
	"close":   func(_ *call, f *file, _ []lua.LValue) ([]lua.LValue, error) { return f.end() },
	"flush":   func(*call, *file, []lua.LValue) ([]lua.LValue, error) { return results(lua.LTrue) },
	"setvbuf": func(*call, *file, []lua.LValue) ([]lua.LValue, error) { return results(lua.LTrue) },
	"seek":    func(_ *call, f *file, args []lua.LValue) ([]lua.LValue, error) { return f.move(args) },
}

// std are the standard files.
func (c *call) std() *ioState {
	if c.io.in == nil {
		in := c.opts.In
		if in == nil {
			in = strings.NewReader("")
		}
		c.io = ioState{in: &file{name: "stdin", r: bufio.NewReader(in)}, out: &file{name: "stdout", w: c.opts.Out}, err: &file{name: "stderr", w: c.opts.Err}}
	}
	return &c.io
}

// value makes a file a value of the script.
func (c *call) fileValue(f *file) lua.LValue {
	methods := map[string]method{}
	for name, m := range fileMethods {
		methods[name] = func(L *lua.LState, args []lua.LValue) ([]lua.LValue, error) {
			out, err := m(&call{host: c.host, op: c.op, L: L}, f, args[min(1, len(args)):])
			if err == nil {
				err = c.keep("file."+name, c.op.Span, out)
			}
			return out, err
		}
	}
	f.value = c.hand(c.st.NewObject("file", methods), script.Handle{Kind: "file", Methods: slices.Sorted(maps.Keys(methods))})
	if c.files == nil {
		c.files = map[lua.LValue]*file{}
	}
	c.files[f.value] = f
	return f.value
}

func (c *call) fileOf(v lua.LValue) (*file, bool) {
	f, ok := c.files[v]
	return f, ok
}

// opened is a file of the system's.
func (c *call) opened(f *os.File) lua.LValue {
	return c.fileValue(&file{name: f.Name(), r: bufio.NewReader(f), w: f, seek: f, close: f.Close})
}

// fileError is an error with the file's name in front, as C's library says it.
func fileError(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", p.Path, p.Err)
	}
	return err
}

// modes are those of C's fopen.
var modes = map[string]int{"r": os.O_RDONLY, "r+": os.O_RDWR, "w": os.O_WRONLY | os.O_CREATE | os.O_TRUNC,
	"w+": os.O_RDWR | os.O_CREATE | os.O_TRUNC, "a": os.O_WRONLY | os.O_CREATE | os.O_APPEND, "a+": os.O_RDWR | os.O_CREATE | os.O_APPEND}

func ioOpen(c *call) ([]lua.LValue, error) {
	name, err := c.text(0)
	if err != nil {
		return nil, err
	}
	mode := "r"
	if c.arg(1) != lua.LNil {
		if mode, err = c.text(1); err != nil {
			return nil, err
		}
	}
	flags, ok := modes[strings.ReplaceAll(mode, "b", "")]
	if !ok {
		return nil, fmt.Errorf("io.open: there is no mode '%s'", mode)
	}
	f, err := os.OpenFile(name, flags, 0o666)
	if err != nil {
		return failed(fileError(err))
	}
	return results(c.opened(f))
}

// ioLines is io.lines([name]).
func ioLines(c *call) ([]lua.LValue, error) {
	if c.arg(0) == lua.LNil {
		return results(c.lines(c.std().in, false))
	}
	name, err := c.text(0)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fileError(err)
	}
	return results(c.lines(&file{name: name, r: bufio.NewReaderSize(f, 64<<10), close: f.Close}, true))
}

// lines is an iterator over a file's lines; at its end it may close the file.
func (c *call) lines(f *file, close bool) lua.LValue {
	next := c.st.NewFunction(func(*lua.LState, []lua.LValue) ([]lua.LValue, error) {
		v, err := f.line(false)
		if v == lua.LNil && close && f.close != nil {
			err = errors.Join(err, f.close())
		}
		out := []lua.LValue{v}
		if err == nil {
			err = c.keep("lines", c.op.Span, out)
		}
		return out, err
	})
	return c.hand(next, script.Handle{Kind: "lines"})
}

// ioPopen is io.popen(command [, mode]).
func ioPopen(c *call) ([]lua.LValue, error) {
	text, err := c.text(0)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("/bin/sh", "-c", text)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.opts.In, c.opts.Out, c.opts.Err
	f := &file{name: text}
	var pipe io.Closer
	if mode, _ := script.Text(c.arg(1)); mode == "w" {
		cmd.Stdin = nil
		w, err := cmd.StdinPipe()
		if err != nil {
			return failed(err)
		}
		f.w, pipe = w, w
	} else {
		cmd.Stdout = nil
		r, err := cmd.StdoutPipe()
		if err != nil {
			return failed(err)
		}
		f.r, pipe = bufio.NewReader(r), r
	}
	if err := cmd.Start(); err != nil {
		return failed(err)
	}
	f.close = func() error {
		pipe.Close()
		return cmd.Wait()
	}
	return results(c.fileValue(f))
}

// end closes the file.
func (f *file) end() ([]lua.LValue, error) {
	if f.shut || f.close == nil {
		return results(lua.LTrue)
	}
	f.shut = true
	if err := f.close(); err != nil {
		return failed(err)
	}
	return results(lua.LTrue)
}

// write writes what print would, and nothing between.
func (c *call) write(f *file, args []lua.LValue) ([]lua.LValue, error) {
	if f.w == nil || f.shut {
		return failed(fmt.Errorf("'%s' is not open for writing", f.name))
	}
	for i, v := range args {
		switch v.(type) {
		case *lua.LNilType, lua.LBool, *lua.LTable, *lua.LFunction:
			return nil, fmt.Errorf("bad argument #%d to 'write' (a string expected, got %s)", i+1, v.Type())
		}
		if _, err := io.WriteString(f.w, c.st.ToString(c.L, v)); err != nil {
			return failed(fileError(err))
		}
	}
	if f.value != nil {
		return results(f.value)
	}
	return results(lua.LTrue)
}

// line reads a line; nil at the end.
func (f *file) line(keep bool) (lua.LValue, error) {
	s, err := f.r.ReadString('\n')
	if err != nil && s == "" {
		if err == io.EOF {
			err = nil
		}
		return lua.LNil, err
	}
	if !keep {
		s = strings.TrimSuffix(s, "\n")
	}
	return lua.LString(s), nil
}

// read reads in the formats given: "*l" without any.
func (f *file) read(formats []lua.LValue) (out []lua.LValue, err error) {
	if f.r == nil || f.shut {
		return failed(fmt.Errorf("'%s' is not open for reading", f.name))
	}
	if len(formats) == 0 {
		formats = []lua.LValue{lua.LString("*l")}
	}
	for _, format := range formats {
		v, err := f.readOne(format)
		if err != nil {
			return failed(err)
		}
		if out = append(out, v); v == lua.LNil {
			break
		}
	}
	return out, nil
}

func (f *file) readOne(format lua.LValue) (lua.LValue, error) {
	if n, ok := format.(lua.LNumber); ok {
		b := make([]byte, int(max(0, min(n, 1<<30))))
		got, err := io.ReadFull(f.r, b)
		if got == 0 && err != nil {
			return lua.LNil, nil
		}
		return lua.LString(b[:got]), nil
	}
	switch s := strings.TrimPrefix(format.String(), "*"); {
	case strings.HasPrefix(s, "l"):
		return f.line(false)
	case strings.HasPrefix(s, "L"):
		return f.line(true)
	case strings.HasPrefix(s, "a"):
		b, err := io.ReadAll(f.r)
		return lua.LString(b), err
	case strings.HasPrefix(s, "n"):
		var text string
		if _, err := fmt.Fscan(f.r, &text); err != nil {
			return lua.LNil, nil
		}
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return lua.LNil, nil
		}
		return lua.LNumber(n), nil
	}
	return nil, fmt.Errorf("'%s' is no format of read: '*l', '*a', '*n' or a number of bytes", format)
}

// move is f:seek([whence [, offset]]).
func (f *file) move(args []lua.LValue) ([]lua.LValue, error) {
	if f.seek == nil || f.shut {
		return failed(fmt.Errorf("'%s' can't be moved in", f.name))
	}
	whence, off := io.SeekCurrent, int64(0)
	if len(args) > 0 {
		n, ok := map[string]int{"set": io.SeekStart, "cur": io.SeekCurrent, "end": io.SeekEnd}[args[0].String()]
		if !ok {
			return nil, fmt.Errorf("seek goes from 'set', 'cur' or 'end', not '%s'", args[0])
		}
		whence = n
	}
	if len(args) > 1 {
		n, _ := script.Number(args[1])
		off = int64(n)
	}
	if whence == io.SeekCurrent {
		off -= int64(f.r.Buffered())
	}
	at, err := f.seek.Seek(off, whence)
	if err != nil {
		return failed(err)
	}
	if r, ok := f.seek.(io.Reader); ok {
		f.r.Reset(r)
	}
	return results(lua.LNumber(at))
}
