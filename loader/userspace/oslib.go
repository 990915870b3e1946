package userspace

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/script"
)

// osCalls are Lua's os library.
func osCalls() map[string]operation {
	return map[string]operation{
		"os.exit":      osExit,
		"os.time":      osTime,
		"os.date":      osDate,
		"os.clock":     osClock,
		"os.difftime":  osDifftime,
		"os.getenv":    osGetenv,
		"os.execute":   osExecute,
		"os.remove":    func(c *call) ([]lua.LValue, error) { return c.onFile(os.Remove) },
		"os.rename":    osRename,
		"os.tmpname":   osTmpname,
		"os.setlocale": func(*call) ([]lua.LValue, error) { return results(lua.LString("C")) },
	}
}

// osExit ends the script: os.exit([code or boolean]).
func osExit(c *call) ([]lua.LValue, error) {
	switch v := c.arg(0).(type) {
	case lua.LBool:
		if !v {
			c.code = 1
		}
	case *lua.LNilType:
	default:
		n, err := c.integer(0)
		if err != nil {
			return nil, err
		}
		c.code = int(uint8(n))
	}
	c.exited = true
	return nil, c.st.End(c.op)
}

// osTime is os.time([table]).
func osTime(c *call) ([]lua.LValue, error) {
	t, ok := c.arg(0).(*lua.LTable)
	if !ok {
		return results(lua.LNumber(time.Now().Unix()))
	}
	field := func(name string, otherwise int) (int, error) {
		v := t.RawGetString(name)
		if v == lua.LNil && otherwise >= 0 {
			return otherwise, nil
		}
		f, ok := script.Number(v)
		if !ok {
			return 0, fmt.Errorf("field '%s' missing in date table", name)
		}
		return int(f), nil
	}
	var n [6]int
	for i, f := range []struct {
		name      string
		otherwise int
	}{{"year", -1}, {"month", -1}, {"day", -1}, {"hour", 12}, {"min", 0}, {"sec", 0}} {
		var err error
		if n[i], err = field(f.name, f.otherwise); err != nil {
			return nil, err
		}
	}
	at := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], 0, time.Local)
	return results(lua.LNumber(at.Unix()))
}

// osDate is os.date([format [, time]]).
func osDate(c *call) ([]lua.LValue, error) {
	format := "%c"
	if c.arg(0) != lua.LNil {
		var err error
		if format, err = c.text(0); err != nil {
			return nil, err
		}
	}
	at := time.Now()
	if c.arg(1) != lua.LNil {
		n, err := c.number(1)
		if err != nil {
			return nil, err
		}
		at = time.Unix(int64(n), 0)
	}
	if rest, ok := strings.CutPrefix(format, "!"); ok {
		format, at = rest, at.UTC()
	}
	if strings.HasPrefix(format, "*t") {
		t := c.st.NewTable()
		for name, n := range map[string]int{"year": at.Year(), "month": int(at.Month()), "day": at.Day(), "hour": at.Hour(),
			"min": at.Minute(), "sec": at.Second(), "wday": int(at.Weekday()) + 1, "yday": at.YearDay()} {
			t.RawSetString(name, lua.LNumber(n))
		}
		t.RawSetString("isdst", lua.LBool(at.IsDST()))
		return results(t)
	}
	return results(lua.LString(strftime(format, at)))
}

// layouts are C's conversions as Go writes times.
var layouts = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'h': "Jan", 'c': "Mon Jan _2 15:04:05 2006", 'd': "02", 'D': "01/02/06",
	'e': "_2", 'F': "2006-01-02", 'H': "15", 'I': "03", 'm': "01", 'M': "04", 'p': "PM", 'r': "03:04:05 PM", 'R': "15:04", 'S': "05",
	'T': "15:04:05", 'x': "01/02/06", 'X': "15:04:05", 'y': "06", 'Y': "2006", 'z': "-0700", 'Z': "MST", 'n': "\n", 't': "\t",
}

// strftime writes a time as C does. A conversion that it does not know stays.
func strftime(format string, at time.Time) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		switch layout, ok := layouts[format[i]]; {
		case ok:
			b.WriteString(at.Format(layout))
		case format[i] == '%':
			b.WriteByte('%')
		case format[i] == 'j':
			fmt.Fprintf(&b, "%03d", at.YearDay())
		case format[i] == 's':
			fmt.Fprintf(&b, "%d", at.Unix())
		case format[i] == 'w':
			fmt.Fprintf(&b, "%d", at.Weekday())
		case format[i] == 'u':
			fmt.Fprintf(&b, "%d", (at.Weekday()+6)%7+1)
		default:
			b.WriteByte('%')
			b.WriteByte(format[i])
		}
	}
	return b.String()
}

func osClock(c *call) ([]lua.LValue, error) {
	sec, nsec, err := clock(2) // the time that the process has had
	return []lua.LValue{lua.LNumber(float64(sec) + float64(nsec)/1e9)}, err
}

func osDifftime(c *call) ([]lua.LValue, error) {
	a, err := c.number(0)
	if err != nil {
		return nil, err
	}
	b := 0.0
	if c.arg(1) != lua.LNil {
		if b, err = c.number(1); err != nil {
			return nil, err
		}
	}
	return results(lua.LNumber(a - b))
}

func osGetenv(c *call) ([]lua.LValue, error) {
	name, err := c.text(0)
	if err != nil {
		return nil, err
	}
	if v, ok := os.LookupEnv(name); ok {
		return results(lua.LString(v))
	}
	return results(lua.LNil)
}

// osExecute is os.execute(command): its exit code, as Lua 5.1 returns it.
func osExecute(c *call) ([]lua.LValue, error) {
	if c.arg(0) == lua.LNil {
		return results(lua.LNumber(1)) // there is a shell
	}
	text, err := c.text(0)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("/bin/sh", "-c", text)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.opts.In, c.opts.Out, c.opts.Err
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return results(lua.LNumber(exit.ExitCode()))
	} else if err != nil {
		return failed(err)
	}
	return results(lua.LNumber(0))
}

// onFile does something to the file that argument 0 names.
func (c *call) onFile(f func(string) error) ([]lua.LValue, error) {
	name, err := c.text(0)
	if err != nil {
		return nil, err
	}
	if err := f(name); err != nil {
		return failed(fileError(err))
	}
	return results(lua.LTrue)
}

func osRename(c *call) ([]lua.LValue, error) {
	to, err := c.text(1)
	if err != nil {
		return nil, err
	}
	return c.onFile(func(from string) error { return os.Rename(from, to) })
}

func osTmpname(*call) ([]lua.LValue, error) {
	f, err := os.CreateTemp("", "lua_")
	if err != nil {
		return nil, err
	}
	return results(lua.LString(f.Name()))
}
