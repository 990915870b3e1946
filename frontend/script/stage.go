package script

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Stage is one run of the script stage.
type Stage struct {
	inlining map[*lua.LFunction]Inlining

	live        bool // programs are loaded: user space goes on
	interrupted bool // by an interrupt that nothing caught
	host        Host
	opts        Options
	reporter    *diag.Reporter
	vm          *lua.LState
	current     *lua.LState // the thread that is in a declaring call
	bounds      *bounds
	bug         *ir.Bug // that the VM caught

	maps      []*Map
	globals   []*Global
	structOps []*Ops
	programs  []*Program
	pending   []*Program // made by bpf(fn); those never passed on become socket filters
	license   string
	loopLimit int64
	options   options
	names     map[string]bool // of maps, variables and programs
	reserved  map[string]bool // those of names that the script has not chosen

	nodes     nodes // what the VM's line numbers stand for
	functions map[*lua.FunctionProto]*syntax.Function
	deferred  map[*syntax.Function]*deferredFunc
	assigned  map[*syntax.Call]string // what the values of calls are assigned to
	builtins  map[*lua.LFunction]string
	chunks    []*syntax.Chunk // the files that ran

	library   library
	ops       map[string]lua.LValue
	opNames   []string // in the order of their table
	constants constants
	tables    []*constTable
	loaded    *lua.LTable            // modules
	closed    map[*lua.LTable]string // tables that the language fills, by what messages call them
	anonymous map[lua.LValue]int
	nesting   int                // of coroutines and modules
	reach     map[*diag.File]int // how far each file has run when the stage ended

	failureMeta, cdataMeta, refMeta, ctypeMeta, mapMeta, globalMeta, programMeta, opsMeta, stringMeta *lua.LTable

	wides map[wideKey]*lua.LUserData
	types *ctype.Scope
}

// Call frames of the VM, and registers; a thread begins with few. For each error
// the VM does work that grows with the frames times the captured variables in
// them, so there are not as many as Lua has.
const (
	maxFrames    = 12_000
	maxRegisters = 2 << 20
	registers    = 1024
	growRegister = 32 << 10
)

// Run parses and runs file's chunk to its end, to the first user-space
// operation, or to an error, which is reported.
func Run(file *diag.File, host Host, opts Options) *Stage {
	st := &Stage{host: host, opts: opts, reporter: opts.Reporter, license: "GPL", loopLimit: DefaultLoopLimit, bounds: newBounds(opts.Limits),
		names: map[string]bool{}, reserved: map[string]bool{}, functions: map[*lua.FunctionProto]*syntax.Function{}, deferred: map[*syntax.Function]*deferredFunc{},
		assigned: map[*syntax.Call]string{}, builtins: map[*lua.LFunction]string{}, closed: map[*lua.LTable]string{},
		library: library{constants: map[string]bool{}}, anonymous: map[lua.LValue]int{}, wides: map[wideKey]*lua.LUserData{}}
	if st.reporter == nil {
		st.reporter = new(diag.Reporter)
	}
	st.vm = lua.NewState(lua.Options{SkipOpenLibs: true, MinimizeStackMemory: true, CallStackSize: maxFrames,
		RegistrySize: registers, RegistryMaxSize: maxRegisters, RegistryGrowStep: growRegister})
	st.current = st.vm
	st.types = st.newTypes()
	st.open(file.Text)
	st.vm.SetContext(clock{context.Background(), st})
	st.run(file)
	return st
}

// run runs the main file, and reports what ended it if not its end.
func (st *Stage) run(file *diag.File) {
	before := st.reporter.Errors()
	ch := syntax.Parse(file, st.reporter)
	if st.reporter.Errors() > before {
		return
	}
	fn, err := st.load(ch)
	if err != nil {
		return
	}
	st.chunks = append(st.chunks, ch)
	st.vm.Push(fn)
	err = st.protected(st.vm, 0)
	if st.bug != nil {
		panic(st.bug)
	}
	switch s := st.bounds.stop; {
	case s != nil && (st.live || s.op == nil && s.code == ""): // exit, or a halt
		return
	case s != nil && s.op != nil:
		st.checkEnd(s)
	case s != nil:
		st.noteStop(err)
		st.reporter.Errorf(s.code, firstLine(s.span), "%s", s.msg)
		return
	case err != nil && isInterrupt(err):
		st.interrupted = true
		return
	case err != nil:
		st.report(err)
		return
	}
	st.declarePending()
	st.checkOptions()
}

// noteStop takes the place where a limit was met from the first error that it
// raised.
func (st *Stage) noteStop(err error) {
	s := st.bounds.stop
	if s == nil || !s.span.IsZero() {
		return
	}
	if ae, ok := err.(*lua.ApiError); ok {
		if id, _, ok := cutMark(ae.Object.String()); ok {
			s.span = st.nodeSpan(id)
		}
	}
}

// End ends the stage because of a user-space operation and returns ErrStopped,
// which the operation returns in turn.
func (st *Stage) End(op Operation) error {
	if st.bounds.stop == nil {
		o := op
		st.bounds.stop = &stop{op: &o, span: op.Span}
	}
	return ErrStopped
}

// checkEnd reports an end that came before anything was declared, or before a
// declaring call that stands behind it in the text.
func (st *Stage) checkEnd(s *stop) {
	if len(st.maps)+len(st.programs)+len(st.pending) == 0 {
		st.reporter.Errorf(diag.NothingDeclared, firstLine(s.span),
			"%s ends the script stage, and nothing was declared before it", s.op.Name)
		return
	}
	for _, ch := range st.chunks {
		pos, ok := st.reach[ch.File]
		if !ok {
			continue
		}
		if call := declaredAfter(ch, pos); call != nil {
			d := st.reporter.Errorf(diag.DeclaredTooLate, firstLine(call.Bounds().In(ch.File)),
				"this declaration is never reached: %s ends the script stage before it", s.op.Name)
			d.Note(firstLine(s.span), "%s works only in user space, once the programs are loaded; move the declarations in front of it", s.op.Name)
		}
	}
}

// Reporter returns where the stage reports to.
func (st *Stage) Reporter() *diag.Reporter { return st.reporter }

// Maps returns the maps declared, in order.
func (st *Stage) Maps() []*Map { return st.maps }

// Programs returns the programs whose kind is fixed, in order.
func (st *Stage) Programs() []*Program { return st.programs }

// Declared reports whether the script has declared a program.
func (st *Stage) Declared() bool { return len(st.programs)+len(st.pending) > 0 }

// License returns the license in force: GPL, or what bpf.license set.
func (st *Stage) License() string { return st.license }

// Ended returns the user-space operation that ended the stage, nil if it ran
// to the end of the chunk.
func (st *Stage) Ended() *Operation {
	if st.bounds.stop == nil {
		return nil
	}
	return st.bounds.stop.op
}

// FunctionOf returns the source of a function written in Lua; false for a
// function of the library.
func (st *Stage) FunctionOf(fn *lua.LFunction) (*syntax.Function, bool) {
	if fn == nil || fn.IsG {
		return nil, false
	}
	f, ok := st.functions[fn.Proto]
	return f, ok
}

// Upvalue returns the current value of fn's upvalue name.
func (st *Stage) Upvalue(fn *lua.LFunction, name string) (lua.LValue, bool) {
	if fn == nil || fn.IsG {
		return lua.LNil, false
	}
	for i, n := range fn.Proto.DbgUpvalues {
		if rest, ok := strings.CutPrefix(n, name+"\x00"); ok && rest != "" && name != "" && i < len(fn.Upvalues) && fn.Upvalues[i] != nil {
			if v := fn.Upvalues[i].Value(); v != nil {
				return v, true
			}
			return lua.LNil, true
		}
	}
	return lua.LNil, false
}

// LocalNames lists the local variables declared in front of an offset of a file
// in functions that it lies in.
func (st *Stage) LocalNames(file *diag.File, offset int) (names []string) {
	for _, ch := range st.chunks {
		if ch.File != file {
			continue
		}
		syntax.Inspect(ch.Func, func(n syntax.Node) bool {
			r := n.Bounds()
			if l, ok := n.(*syntax.Local); ok && l.End <= offset {
				names = append(names, l.Name)
			}
			_, isFunc := n.(*syntax.Function)
			return r.Start <= offset && (!isFunc || offset < r.End)
		})
	}
	return names
}

// GlobalNames lists the globals of the script, predefined ones included, sorted.
func (st *Stage) GlobalNames() []string {
	st.openAll()
	return tableNames(st.vm.G.Global)
}

// BPFNames lists the members of module bpf, those included that only functions
// compiled for the kernel have, sorted.
func (st *Stage) BPFNames() []string {
	names := slices.Clone(kernelOnly)
	if t, ok := st.loaded.RawGetString("bpf").(*lua.LTable); ok {
		names = append(names, tableNames(t)...)
	}
	for n := range inLua {
		names = append(names, n)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func tableNames(t *lua.LTable) (names []string) {
	t.ForEach(func(k, _ lua.LValue) {
		if s, ok := k.(lua.LString); ok {
			names = append(names, string(s))
		}
	})
	slices.Sort(names)
	return names
}

// Global returns the value of the global name in fn's environment, or of the
// constant that a C declaration has given that name.
func (st *Stage) Global(fn *lua.LFunction, name string) lua.LValue {
	if fn == nil || fn.Env == nil {
		return lua.LNil
	}
	v := fn.Env.RawGetString(name)
	if v == lua.LNil && fn.Env == st.vm.G.Global {
		st.mention(name)
		v = fn.Env.RawGetString(name)
	}
	if v != lua.LNil || fn.Env != st.vm.G.Global {
		return v // the kernel's types, where constants are looked for last, are not read for it
	}
	if e, ok := st.types.Enumerator(name); ok {
		return st.enumerator(e)
	}
	return lua.LNil
}

// BuiltinName returns the canonical name of a library function, "bit.band",
// "math.log2", "print", "ffi.new"; "" for any other.
func (st *Stage) BuiltinName(fn *lua.LFunction) string { return st.builtins[fn] }

// Call calls a function at compile time, within the stage's limits. That the
// stage has ended does not matter; a user-space operation is an error.
func (st *Stage) Call(fn *lua.LFunction, args ...lua.LValue) ([]lua.LValue, error) {
	was := st.bounds.stop
	if was != nil && was.op != nil {
		st.bounds.stop = nil
	}
	L := st.current
	top := L.GetTop()
	L.Push(fn)
	for _, a := range args {
		L.Push(a)
	}
	err := st.protected(L, len(args))
	now := st.bounds.stop
	if now != nil && now.op != nil || was != nil {
		st.bounds.stop = was
	}
	switch {
	case now != nil && now.op != nil && now != was:
		return nil, fmt.Errorf("%s works only in user space", now.op.Name)
	case now != nil && now.op == nil:
		st.noteStop(err)
		return nil, fmt.Errorf("%s", now.msg)
	case err != nil:
		return nil, st.callError(err)
	}
	var out []lua.LValue
	for i := top + 1; i <= L.GetTop(); i++ {
		out = append(out, L.Get(i))
	}
	L.SetTop(top)
	return out, nil
}

// callError is an error raised in Call, without a place.
func (st *Stage) callError(err error) error {
	ae, ok := err.(*lua.ApiError)
	if !ok {
		return err
	}
	switch v := ae.Object.(type) {
	case lua.LString:
		id, msg, ok := cutMark(string(v))
		if ok {
			return fmt.Errorf("%s", st.message(id, msg))
		}
		return fmt.Errorf("%s", plainMessage(msg))
	case *lua.LUserData:
		if f, ok := v.Value.(*failure); ok {
			return fmt.Errorf("%s", f.msg)
		}
	}
	return fmt.Errorf("error value: %s", describe(ae.Object))
}

// declarePending makes socket filters of the programs that were never passed
// on.
func (st *Stage) declarePending() {
	kind, ok := kernel.ProgKindByName("socket")
	if !ok {
		return
	}
	st.current = st.vm
	for _, p := range st.pending {
		if p.used {
			continue
		}
		q := *p
		q.Kind, q.Section = kind, kind.Section
		if q.Name == "" {
			q.Name = kind.Name
		}
		q.Name = st.uniqueName(q.Name, q.Span)
		st.programs = append(st.programs, &q)
		st.host.DeclareProgram(st, &q)
	}
}

// open fills the VM with the library, as far as text needs it.
func (st *Stage) open(text string) {
	st.loaded = st.vm.NewTable()
	st.openMeta()
	st.openOps()
	st.openBase()
	st.openString()
	st.mention(text)
	st.openEnumerators()
	args := st.vm.NewTable()
	for i, a := range st.opts.Args {
		args.RawSetInt(i+1, lua.LString(a))
	}
	st.vm.G.Global.RawSetString("arg", args)
}

// libFunc is a library function. It returns its results.
type libFunc = func(L *lua.LState) int

// function makes a library function known as name.
func (st *Stage) function(name string, f libFunc) *lua.LFunction {
	fn := st.vm.NewFunction(lua.LGFunction(f))
	st.builtins[fn] = name
	return fn
}

// module makes a table of library functions, a global and a module.
func (st *Stage) module(name string, fs map[string]libFunc) *lua.LTable {
	t := st.vm.NewTable()
	st.register(t, name+".", fs)
	st.vm.G.Global.RawSetString(name, t)
	st.loaded.RawSetString(name, t)
	return t
}

// register adds library functions to a table, in the order of their names:
// pairs shows it.
func (st *Stage) register(t *lua.LTable, prefix string, fs map[string]libFunc) {
	for _, n := range slices.Sorted(maps.Keys(fs)) {
		t.RawSetString(n, st.function(prefix+n, fs[n]))
	}
}
