package userspace

import (
	"errors"
	"io"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/btf"
	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
	"github.com/luabpfc/luabpfc/loader"
)

// Options are what a run depends on besides the script.
type Options struct {
	Compile luabpfc.Options
	// Running is the kernel that is running: it is compiled for if the one in
	// Compile is too old for the script.
	Running  kernel.Version
	In       io.Reader
	Out, Err io.Writer
	// Interrupt, once closed, ends what the script waits for; Halt ends the script.
	Interrupt, Halt <-chan struct{}
	// Compiled is called with the object before it is loaded. It may refuse it.
	Compiled func(*luabpfc.Object) error
	// Attached is called when everything is attached; nil: nothing is.
	Attached func()
	// PinPath is where maps are pinned by name, by default where libbpf does.
	PinPath string
	// Show is how maps are shown if the script has no part in user space.
	Show Show
	// Note is told what the user should know and is no error.
	Note func(text string)
}

// Run runs a script to its end, or to the end of its process's wishes: code is
// what it passed to os.exit. The error is a diag.List, what luabpfc.Compile
// returns, or one of package loader. Nothing stays attached.
func Run(src luabpfc.Source, opts Options) (code int, err error) {
	h := &host{src: src, opts: opts}
	defer func() {
		if e := h.close(); err == nil {
			err = e
		}
	}()
	var r diag.Reporter
	c := opts.Compile
	h.st = script.Run(diag.NewFile(src.Name, src.Text), h, script.Options{Args: c.Args, Defines: c.Defines, Require: src.Files(),
		Output: opts.Out, Reporter: &r, Kernel: btf.LazyKernel(c.BTF), Halt: opts.Halt})
	if err := h.atEnd(); err != nil && h.err == nil {
		return 0, err
	}
	switch {
	case h.err != nil:
		return 0, h.err
	case h.exited:
		return h.code, nil
	case r.Errors() > 0 && h.loaded == nil:
		// The compiler may have more to say about the same script; not where it ends at
		// an operation that has gone wrong here.
		_, err := h.compile()
		if list, ok := diag.AsList(err); err == nil || ok && slices.ContainsFunc(list, func(d *diag.Diagnostic) bool { return d.Code == diag.NothingDeclared }) {
			err = r.Err()
		}
		return 0, err
	case r.Errors() > 0:
		return 0, r.Err()
	case h.st.Interrupted():
		return Interrupted, nil
	}
	if err := h.goOn(); err != nil {
		return 0, err
	}
	return h.code, nil
}

// Interrupted is the exit code of a script that Ctrl-C has ended.
const Interrupted = 130

// host is the live side of a script.
type host struct {
	script.Record // until programs are loaded
	src           luabpfc.Source
	opts          Options
	st            *script.Stage

	answers []script.Answer // of operations in front of the declarations
	loaded  *loader.Object
	object  *luabpfc.Object
	maps    map[*script.Map]*liveMap
	links   map[*script.Program]io.Closer
	ops     map[*script.Ops]io.Closer
	closers []io.Closer
	atExit  []*lua.LFunction
	timers  []*timer
	inTimer bool
	table   map[string]operation
	io      ioState
	files   map[lua.LValue]*file
	handles map[lua.LValue]script.Handle // of files and the like
	symbols loader.Symbolizer
	ended   chan watched // processes that have ended; nil if none is watched
	cut     int          // waits that ended because of an interrupt

	err    error // what ended the script, if it is not the script's own
	exited bool
	code   int
}

// DeclareMap and DeclareProgram have nothing to do: what was declared is compiled
// when it is needed.
func (h *host) DeclareMap(*script.Stage, *script.Map) {}

// DeclareProgram refuses programs that come too late.
func (h *host) DeclareProgram(st *script.Stage, p *script.Program) {
	if h.loaded != nil {
		st.Reporter().Errorf(diag.DeclaredTooLate, p.Span, "this declaration comes too late: the programs are loaded already")
	}
}

// compile compiles the script as far as it has come.
func (h *host) compile() (*luabpfc.Object, error) {
	opts := h.opts.Compile
	opts.Output, opts.Answers = nil, h.answers
	return Compile(h.src, opts, h.opts.Running)
}

// Compile compiles a script to be loaded here: for the running kernel where the
// target lacks what the script needs.
func Compile(src luabpfc.Source, opts luabpfc.Options, running kernel.Version) (*luabpfc.Object, error) {
	obj, err := luabpfc.Compile(src, opts)
	newer := func(d *diag.Diagnostic) bool { return d.Code == diag.NeedsNewerKernel }
	if list, ok := diag.AsList(err); ok && opts.Kernel.Before(running) && slices.ContainsFunc(list, newer) {
		opts.Kernel = running
		return luabpfc.Compile(src, opts)
	}
	return obj, err
}

// load compiles, loads and attaches what is declared, once.
func (h *host) load(st *script.Stage) error {
	if h.loaded != nil {
		return nil
	}
	h.st = st
	if err := h.bring(); err != nil {
		return h.stop(err)
	}
	st.GoLive()
	return nil
}

// stop ends the script because of an error that it can't catch.
func (h *host) stop(err error) error {
	if h.err == nil {
		h.err = err
	}
	return h.st.End(script.Operation{})
}

func (h *host) bring() error {
	obj, err := h.compile()
	if err != nil {
		return err
	}
	if h.opts.Compiled != nil {
		if err := h.opts.Compiled(obj); err != nil {
			return err
		}
	}
	o, err := loader.Open(obj.ELF)
	if err != nil {
		return err
	}
	o.PinPath = h.opts.PinPath
	if err := o.Load(); err != nil {
		return err
	}
	h.loaded, h.object = o, obj
	h.maps = map[*script.Map]*liveMap{}
	for _, m := range h.st.Maps() {
		lm, err := o.Map(m.Name)
		if err != nil {
			return err
		}
		h.maps[m] = &liveMap{Map: m, in: lm}
	}
	if err := h.attach(); err != nil {
		return err
	}
	if h.opts.Attached != nil {
		h.opts.Attached()
	}
	return nil
}

// attach attaches every program to what the script, and so the object, names.
func (h *host) attach() error {
	h.links = map[*script.Program]io.Closer{}
	for _, p := range h.st.Programs() {
		if p.Member != nil {
			continue // attached with all of its structure
		}
		c, err := h.loaded.Attach(p.Name, loader.Target{})
		if none, ok := errors.AsType[*loader.NoTargetError](err); ok {
			if none.Target != "" && !h.inMap(p) {
				h.note(none.Error())
			}
			continue
		}
		if err != nil {
			return err
		}
		h.links[p] = c
	}
	h.ops = map[*script.Ops]io.Closer{}
	for _, o := range h.st.Ops() {
		c, err := h.loaded.AttachStructOps(o.Name)
		if err != nil {
			return err
		}
		h.ops[o] = c
	}
	for _, n := range h.loaded.Notes() {
		h.note(n)
	}
	h.watchProcesses()
	return nil
}

// inMap reports whether a map calls the program.
func (h *host) inMap(p *script.Program) bool {
	for _, m := range h.st.Maps() {
		for _, s := range m.Slots {
			if s.Program == p {
				return true
			}
		}
	}
	return false
}

func (h *host) note(text string) {
	if h.opts.Note != nil {
		h.opts.Note(text)
	}
}

// goOn is what follows a script that nothing has ended: what it wants done from
// time to time goes on. Programs that no operation of user space has loaded yet
// are loaded now, and run until Ctrl-C.
func (h *host) goOn() error {
	plain := h.loaded == nil
	if h.load(h.st) != nil {
		return h.err
	}
	switch {
	case plain:
		return h.show()
	case len(h.timers) == 0:
		return nil
	}
	err := h.st.Protect(func(L *lua.LState) error { return (&call{host: h, L: L}).sleep(forever()) })
	if h.interrupted() {
		return nil
	}
	return err
}

// atEnd calls what bpf.at_exit was given, the last first.
func (h *host) atEnd() error {
	var errs []error
	for i := len(h.atExit) - 1; i >= 0; i-- {
		errs = append(errs, h.st.Finally(h.atExit[i]))
	}
	return errors.Join(errs...)
}

// close runs what was to be run at the end and detaches everything.
func (h *host) close() error {
	var errs []error
	for i := len(h.closers) - 1; i >= 0; i-- {
		h.closers[i].Close() // readers and files: nothing is lost by an error
	}
	if h.loaded != nil {
		errs = append(errs, h.loaded.Close())
	}
	return errors.Join(errs...)
}
