package lower

import (
	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
	lua "github.com/yuin/gopher-lua"
)

// Options are what the kernel stage must know of the target.
type Options struct {
	CPU    int // BPF instruction set version; 0 means 3
	Kernel kernel.Version
	// StackObject is the size of the largest object on the stack; larger ones are
	// in scratch memory. 0: as large as the stack.
	StackObject int
}

// lowerer is the state of lowering one program.
type lowerer struct {
	stage *script.Stage
	mod   *ir.Module
	r     *diag.Reporter
	opts  Options
	meets map[[2]*header]*header // what two headers have in common
	prog  *script.Program

	b       *ir.Builder
	file    *diag.File // of the function being walked
	fileNo  int
	frame   *frame
	depth   int // nesting of calls
	log     []undo
	facts   *chain[fact]
	pending *chain[*Entry]

	ctx      *ir.Value
	gen      *cell                // the packet as it is, a generation; nil without packet
	keys     map[*ir.Map]*ir.Slot // one key and one value slot per map
	vals     map[*ir.Map]*ir.Slot
	budget   *cell
	handler  *handler // where errors go
	closers  []closer // what is open, innermost last
	inShort  bool     // lowering the on_short handler
	free     map[*syntax.Function][]*syntax.Local
	assigned map[syntax.Node]*assignments
	born     int          // cells made so far
	building []*loopBuild // enclosing loops
	// Subprograms: by shape, how deep this one is nested, whose slots are frames,
	// and which functions become some though the script does not say so.
	subs        map[string]*subprogram
	subDepth    int
	scratch     *scratch
	scratchBase *ir.Value // the address of the scratch memory, in this function
	subFrames   map[*ir.Slot]*subprogram
	interned    map[any]int
	inner       innerMaps
	lookups     map[*lua.LTable]*lookupTable // nil: no table of integers
	outline     map[*syntax.Function]bool
	calls       *callLog
	running     map[*syntax.Function]int // calls of functions that are being inlined
	recursions  int                      // calls of functions from within themselves
	gaveUp      bool                     // the program is too large, or recursion has no end: that was reported
	unmade      map[string]bool          // variables that were assigned to and do not exist: reported
	unused      syntax.Node              // the call at hand is a statement: nothing uses its result
	loans       []*loan                  // lent so far

	backward map[*syntax.LabelStmt]bool // see jumpedBackTo
	rests    map[*syntax.LabelStmt]*syntax.DoStmt
	endless  map[loopKey]bool // loops that no bound was found for
	closures map[*lua.LFunction]*Closure
	epochs   map[*script.Map]*cell // the states of maps' entries (ref.go)
	oldest   int                   // what counts as the birth of what a function has from its beginning
	calling  string                // the name by which a function is called, if any
	epochNo  int
	builtins map[string]builtinRow
	verdicts map[*ir.Block]diag.Span // of the results that the script gives
	cores    map[string]*ir.Core     // quantities of the kernel's types, by what they are
}

// frame is one activation of a Lua function.
type frame struct {
	fn      *syntax.Function
	cells   map[*syntax.Local]*cell
	varargs []Value
	closure *Closure
	main    bool // the function handed to the declaring call
	mark    int
	closers int // what was open when it was called
	returns []edge
	loop    *loopScope
	gotos   []pendingGoto
	spends  map[*syntax.LabelStmt]bool // jumps back take from the budget
	labels  map[*syntax.LabelStmt]*labelScope
}

// loopScope is where break goes.
type loopScope struct {
	up      *loopScope
	mark    int
	label   bool // the loop of a label that goto jumps back to: break goes further out
	closers int  // what is open around it
	breaks  []edge
}

// Program compiles the function of p into a program of mod. It reports what
// is wrong to r and returns false if that was an error.
func Program(stage *script.Stage, p *script.Program, mod *ir.Module, r *diag.Reporter, opts Options) (*ir.Func, bool) {
	errs := r.Errors()
	fn, ok := stage.FunctionOf(p.Func)
	if !ok {
		r.Errorf(diag.NotALuaFunction, p.Span, "a program must be a function written in Lua")
		return nil, false
	}
	if !kindAvailable(p, r, opts.Kernel) {
		return nil, false
	}
	mark, from := r.Mark(), len(mod.Funcs)
	lw := newLowerer(stage, p, mod, r, opts)
	f := lw.program(fn)
	if repeated := lw.calls.repeated(); len(repeated) > 0 {
		r.Reset(mark)
		mod.Funcs = mod.Funcs[:from]
		lw = newLowerer(stage, p, mod, r, opts)
		lw.outline = repeated
		f = lw.program(fn)
	}
	if r.Errors() > errs {
		return nil, false
	}
	prune(f)
	keepCalled(mod, f, from)
	for _, g := range mod.Funcs[from:] {
		lw.checkLocks(g)
	}
	lw.closeScratch(f)
	lw.checkResults(f)
	return f, r.Errors() == errs
}

func newLowerer(stage *script.Stage, p *script.Program, mod *ir.Module, r *diag.Reporter, opts Options) *lowerer {
	return &lowerer{stage: stage, mod: mod, r: r, opts: opts, prog: p,
		keys: map[*ir.Map]*ir.Slot{}, vals: map[*ir.Map]*ir.Slot{}, epochs: map[*script.Map]*cell{},
		free:     map[*syntax.Function][]*syntax.Local{},
		running:  map[*syntax.Function]int{},
		assigned: map[syntax.Node]*assignments{}, builtins: builtinTable(), verdicts: map[*ir.Block]diag.Span{},
		unmade: map[string]bool{}, subs: map[string]*subprogram{}, subFrames: map[*ir.Slot]*subprogram{}, interned: map[any]int{}, lookups: map[*lua.LTable]*lookupTable{},
		backward: map[*syntax.LabelStmt]bool{}, rests: map[*syntax.LabelStmt]*syntax.DoStmt{}, endless: map[loopKey]bool{}, calls: &callLog{parent: -1}}
}

// program lowers the program's main function, everything that it calls, and its
// handler.
func (lw *lowerer) program(fn *syntax.Function) *ir.Func {
	p := lw.prog
	f := lw.mod.NewFunc(p.Name)
	if p.Proto != nil {
		lw.linkable(f)
	} else {
		f.Kind, f.Section, f.Params = p.Kind, p.Section, []ir.Param{{Name: "ctx", Type: ir.Ptr}}
	}
	lw.b = ir.NewBuilder(f)
	lw.enter(fn)
	f.Pos = lw.pos(fn.Range)
	lw.b.Pos = f.Pos
	if f.Kind != nil {
		lw.ctx = lw.b.Arg(0)
	}
	lw.onlyProcess()
	lw.openScratch()
	if p.Kind.Packet != kernel.NoPacket {
		lw.needDynptr()
		lw.gen = lw.newCell(generation{lw.b.PktGen()})
	}
	lw.budget = lw.newCell(Int{V: lw.b.Const(p.LoopLimit)})
	lw.handler = &handler{}
	lw.main(fn)
	lw.shortHandler(f)
	return f
}

// main lowers the program's function and returns its results.
func (lw *lowerer) main(fn *syntax.Function) {
	c := lw.scriptClosure(lw.prog.Func, fn)
	lw.call(c, lw.programArgs(fn), fn.Range, true)
}

// shortHandler builds Func.Short: what a packet read past the end does, and an
// error that nothing catches.
func (lw *lowerer) shortHandler(f *ir.Func) {
	uncaught := reachable(lw.handler.edges)
	if lw.gen == nil && len(uncaught) == 0 {
		return
	}
	f.Short = f.NewBlock(ir.BlockRet)
	for _, e := range uncaught {
		lw.b.Block = e.block
		lw.b.Jump(f.Short)
	}
	lw.handler = &handler{}
	defer func() {
		for _, e := range reachable(lw.handler.edges) { // error in the handler itself
			lw.b.Block = e.block
			lw.b.Ret(lw.b.Const(lw.prog.Kind.Default))
		}
	}()
	lw.b.Block, lw.facts, lw.pending, lw.log = f.Short, nil, nil, nil
	lw.b.Pos = f.Pos
	lw.keys, lw.vals = map[*ir.Map]*ir.Slot{}, map[*ir.Map]*ir.Slot{}
	switch v := lw.prog.OnShort.(type) {
	case nil, *lua.LNilType:
		lw.b.Ret(lw.b.Const(lw.prog.Kind.Default))
	case *lua.LFunction:
		fn, ok := lw.stage.FunctionOf(v)
		if !ok {
			lw.r.Errorf(diag.NotALuaFunction, lw.prog.Span, "on_short must be a verdict or a function written in Lua")
			return
		}
		lw.inShort = true
		lw.gen = lw.newCell(generation{lw.b.PktGen()})
		lw.enter(fn)
		lw.budget = lw.newCell(Int{V: lw.b.Const(lw.prog.LoopLimit)})
		lw.call(lw.scriptClosure(v, fn), []Value{Context{lw.prog.Kind}}, fn.Range, true)
	default:
		n, ok := lw.constant(v).(Int)
		if !ok {
			lw.r.Errorf(diag.BadResult, lw.prog.Span, "on_short must be a verdict or a function, not %s", describe(lw.constant(v)))
			return
		}
		lw.b.Ret(n.V)
		lw.verdicts[f.Short] = lw.prog.Span
	}
}

// enter makes fn's file the one positions refer to.
func (lw *lowerer) enter(fn *syntax.Function) {
	lw.file = fn.File
	for i, f := range lw.mod.Files {
		if f == fn.File {
			lw.fileNo = i
			return
		}
	}
	lw.mod.Files = append(lw.mod.Files, fn.File)
	lw.fileNo = len(lw.mod.Files) - 1
}

// pos converts a range of the current file to an IR position.
func (lw *lowerer) pos(r syntax.Range) ir.Pos {
	line, col := lw.file.Position(r.Start)
	return ir.Pos{File: int32(lw.fileNo), Line: int32(line), Col: int32(col)}
}

// at makes n the place that new IR values get.
func (lw *lowerer) at(n syntax.Node) { lw.b.Pos = lw.pos(n.Bounds()) }

// errorf reports an error at n and returns Bad.
func (lw *lowerer) errorf(n syntax.Node, code diag.Code, format string, args ...any) Value {
	lw.r.Errorf(code, n.Bounds().In(lw.file), format, args...)
	return Bad{}
}

// span converts an IR position back to a place in the source.
func (lw *lowerer) span(p ir.Pos) diag.Span {
	f := lw.mod.Files[p.File]
	off := f.Offset(int(p.Line), int(p.Col))
	return diag.Span{File: f, Start: off, End: off + 1}
}

// prune removes the blocks that nothing reaches: code behind a return, arms
// known not to be taken.
func prune(f *ir.Func) {
	seen := make([]bool, f.NumBlocks())
	stack := []*ir.Block{f.Entry()}
	if f.Short != nil {
		stack = append(stack, f.Short)
	}
	for len(stack) > 0 {
		b := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[b.ID] {
			continue
		}
		seen[b.ID] = true
		for _, e := range b.Succs {
			stack = append(stack, e.B)
		}
	}
	var keep []*ir.Block
	for _, b := range f.Blocks {
		if seen[b.ID] {
			keep = append(keep, b)
			continue
		}
		discard(b)
	}
	f.Blocks = keep
}

// discard empties a block that is about to be dropped.
func discard(b *ir.Block) {
	b.SetControl(nil)
	for len(b.Succs) > 0 {
		b.RemoveEdge(len(b.Succs) - 1)
	}
	for _, v := range b.Values {
		v.ResetArgs()
	}
	b.Values = nil
}
