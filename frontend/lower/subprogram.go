package lower

import (
	"slices"
	"strings"

	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Subprograms: Lua functions that become functions of the object.
//
// A subprogram is one function on arguments of one shape (flatten.go): what is
// known of the arguments when compiling is built into it, the numbers in them
// are its parameters, in registers as far as those go, the rest in a frame on
// the caller's stack. Integers that are known are passed as numbers all the
// same, so that calls share a subprogram; if the function needs one as a
// constant, it is built for that constant if the script asked for a subprogram,
// and inlined otherwise. So is what can't travel, and a function that assigns to
// variables of those around it.
//
// It returns one number. If nothing can be raised in it that is its first
// result; otherwise it is 0 when all went well, or says which error was raised,
// which the caller then raises again where it stands. Other results and the
// errors' values come back in the frame.

// subprogram is a function of the module and how it is called.
type subprogram struct {
	f        *ir.Func
	building bool
	// params lists by parameter which leaf it is, or one of the roles below.
	params []int
	stored []int // leaves that go into the frame, from its start
	size   int   // of the frame; 0: none
	base   int   // where results start in it
	status bool  // the result is a status
	ok     *outcome
	errors []*outcome    // status is the index + 1
	moves  bool          // it may move the packet
	maps   []*script.Map // whose entries may come or go in it
}

// Roles of parameters that are no leaves.
const (
	roleCtx   = -1
	roleFrame = -2
)

// outcome is one way in which a subprogram comes back.
type outcome struct {
	vals    []rebuild
	n       int // numbers, the budget not counted
	budget  bool
	leaves  []*ir.Value
	left    *ir.Value // of the budget
	end     *ir.Block
	key     string
	results bool
}

const (
	maxParams   = 5
	maxSubDepth = 5 // of subprograms in subprograms
)

// outlining reports whether a call of c becomes a call of a subprogram, and
// whether the script said so.
func (lw *lowerer) outlining(c *Closure) (yes, forced bool) {
	how := c.inlining
	if c.script != nil && c.cells == nil {
		how = lw.stage.Inlining(c.script)
	}
	switch how {
	case script.InlineYes:
		return false, true
	case script.InlineNever:
		return true, true
	}
	return lw.outline[c.Func], false
}

// callOutlined calls c as a subprogram; ok is false if it must be inlined.
func (lw *lowerer) callOutlined(c *Closure, args []Value, at syntax.Range) (v Value, ok bool) {
	yes, forced := lw.outlining(c)
	if !yes || lw.subDepth >= maxSubDepth || lw.b.Block == nil {
		return nil, false
	}
	for _, known := range []bool{false, true} {
		fl := &flattener{lw: lw, known: known}
		callee, fits := fl.add(c, 0)
		vals := make([]rebuild, len(args))
		for i := 0; i < len(args) && fits; i++ {
			vals[i], fits = fl.add(args[i], 0)
		}
		if !fits || lw.b.Block == nil {
			return nil, false
		}
		budget := len(fl.leaves)
		fl.leaves = append(fl.leaves, lw.budget.val.(Int).V)
		key := fl.key.String()
		s := lw.subs[key]
		if s != nil && s.f != nil && !slices.Contains(lw.mod.Funcs, s.f) {
			s = nil // of an attempt that was taken back
		}
		if s == nil {
			s = &subprogram{building: true}
			lw.subs[key] = s
			if !lw.buildSub(s, callee, vals, fl.leaves, budget, at) {
				s.f = nil
			}
			s.building = false
		}
		switch {
		case s.building:
			lw.errorf(&syntax.NilExpr{Range: at}, diag.Recursion, "this function calls itself, which must end when compiling")
			return Bad{}, true
		case s.f != nil:
			return lw.callSub(s, fl.leaves, at), true
		case !forced:
			return nil, false
		}
	}
	return nil, false
}

// buildSub lowers a function on arguments of the given shape.
func (lw *lowerer) buildSub(s *subprogram, callee rebuild, vals []rebuild, leaves []*ir.Value, budget int, at syntax.Range) bool {
	saved, mark, errs, funcs := *lw, lw.r.Mark(), lw.r.Errors(), len(lw.mod.Funcs)
	ok := lw.lowerSub(s, callee, vals, leaves, budget, at)
	born := lw.born
	*lw = saved
	lw.born = born
	if !ok || lw.r.Errors() > errs {
		lw.r.Reset(mark)
		lw.mod.Funcs = lw.mod.Funcs[:funcs]
		return false
	}
	return true
}

// startFunc makes lw build f, of which nothing is known yet and which changes no
// variable from outside: the barrier that it returns has those that it would.
func (lw *lowerer) startFunc(f *ir.Func) (barrier *loopBuild) {
	lw.b = ir.NewBuilder(f)
	lw.facts, lw.pending, lw.log, lw.gen = nil, nil, nil, nil
	lw.keys, lw.vals = map[*ir.Map]*ir.Slot{}, map[*ir.Map]*ir.Slot{}
	lw.closers, lw.frame = nil, nil
	barrier = &loopBuild{start: lw.born, has: map[*cell]bool{}}
	lw.building = []*loopBuild{barrier}
	lw.born++
	lw.oldest = lw.born
	lw.epochs = map[*script.Map]*cell{}
	lw.handler = &handler{loops: 1}
	return barrier
}

func (lw *lowerer) lowerSub(s *subprogram, callee rebuild, vals []rebuild, leaves []*ir.Value, budget int, at syntax.Range) bool {
	f := lw.mod.NewFunc("")
	s.f = f
	f.Sub = &ir.Sub{Prog: lw.prog.Kind, Ctx: -1}
	packet := lw.gen != nil
	barrier := lw.startFunc(f)
	lw.subDepth++

	frame := lw.param(ir.Ptr, roleFrame)
	lw.ctx = lw.param(ir.Ptr, roleCtx)
	lw.scratchBase = lw.param(ir.Ptr, roleScratch)
	args := make([]*ir.Value, len(leaves))
	for i := range leaves {
		args[i] = lw.param(ir.I64, int64(i))
	}
	if packet {
		lw.gen = lw.newCell(generation{lw.b.PktGen()})
	}
	number := func(i int) *ir.Value { return args[i] }
	c := callee(number).(*Closure)
	f.Name = symbolOf(c.Func.Name)
	if c.Func.Name == "" {
		f.Name = symbolOf(lw.calling)
	}
	lw.enter(c.Func)
	f.Pos = lw.pos(c.Func.Range)
	params := make([]Value, len(vals))
	for i, v := range vals {
		params[i] = v(number)
	}
	lw.budget = lw.newCell(Int{V: args[budget]})
	v := lw.inline(c, params, at, false)
	if !lw.outcomes(s, v, args[budget]) || len(barrier.missed) > 0 {
		return false
	}
	for m := range lw.epochs {
		s.maps = append(s.maps, m)
	}
	slices.SortFunc(s.maps, func(a, b *script.Map) int { return strings.Compare(a.Name, b.Name) })
	prune(f)
	for _, o := range append(slices.Clip(s.errors), s.ok) {
		if o != nil && !slices.Contains(f.Blocks, o.end) {
			o.end = nil
		}
	}
	lw.finishSub(s, frame, args)
	return true
}

// param makes a parameter whose place is not known yet.
func (lw *lowerer) param(t ir.Type, role int64) *ir.Value {
	v := lw.b.Block.NewValue(ir.OpArg, t, lw.b.Pos)
	v.AuxInt = role
	return v
}

// outcomes takes apart what the function returned, v, and each kind of error
// that was raised in it.
func (lw *lowerer) outcomes(s *subprogram, v Value, budget *ir.Value) bool {
	finish := func(vals []Value) (*outcome, bool) {
		fl := &flattener{lw: lw, results: true}
		o := &outcome{}
		for _, v := range vals {
			r, ok := fl.add(v, 0)
			if !ok {
				return nil, false
			}
			o.vals = append(o.vals, r)
		}
		o.key, o.leaves, o.n = fl.key.String(), fl.leaves, len(fl.leaves)
		if left := lw.budget.val.(Int).V; left != budget {
			o.budget, o.left = true, left
		}
		o.end = lw.b.Block
		lw.b.Block = nil
		return o, true
	}
	if lw.b.Block != nil {
		vals, isTuple := v.(Tuple)
		if !isTuple {
			vals = Tuple{v}
		}
		o, ok := finish(vals)
		if !ok {
			return false
		}
		s.ok = o
	}
	lw.rollback(0)
	for _, group := range lw.errorGroups(reachable(lw.handler.edges)) {
		here := lw.mark()
		res := lw.join(group)
		o, ok := finish(res[:1])
		if !ok {
			return false
		}
		s.errors = append(s.errors, o)
		lw.rollback(here)
	}
	return true
}

// errorGroups groups the errors by what is known of their values.
func (lw *lowerer) errorGroups(edges []edge) [][]edge {
	var groups [][]edge
	for _, e := range edges {
		at := slices.IndexFunc(groups, func(g []edge) bool { return together(g[0].results[0], e.results[0]) })
		if at < 0 {
			groups = append(groups, []edge{e})
			continue
		}
		groups[at] = append(groups[at], e)
	}
	return groups
}

// finishSub ends the function's blocks and gives its parameters their places.
func (lw *lowerer) finishSub(s *subprogram, frame *ir.Value, args []*ir.Value) {
	f := s.f
	leaves := f.MayLeave()
	if leaves {
		s.errors = append(s.errors, &outcome{vals: []rebuild{func(func(int) *ir.Value) Value { return Const{shortPacket} }}})
		f.Short = f.NewBlock(ir.BlockRet)
		lw.b.Block = f.Short
		lw.b.Ret(lw.b.Const(int64(len(s.errors))))
	}
	s.status = len(s.errors) > 0
	var stores []*ir.Mem
	put := func(o *outcome, status int64) {
		if o == nil || o.end == nil {
			return
		}
		lw.b.Block = o.end
		ret := lw.b.Const(status)
		out := o.leaves
		if !s.status && len(out) > 0 {
			ret, out = out[0], out[1:]
		}
		if o.budget {
			out = append(slices.Clip(out), o.left)
		}
		for i, x := range out {
			v := lw.b.Block.NewValue(ir.OpStore, ir.Void, lw.b.Pos, frame, x)
			m := &ir.Mem{Region: ir.RegionStack, Off: int32(8 * i), Size: 8}
			v.Aux = m
			stores = append(stores, m)
		}
		s.size = max(s.size, 8*len(out))
		lw.b.Ret(ret)
	}
	put(s.ok, 0)
	for i, o := range s.errors {
		put(o, int64(i+1))
	}
	s.place(frame, lw.ctx, lw.scratchBase, args)
	for _, m := range stores {
		m.Off += int32(s.base)
	}
	s.zeroResults(frame)
}

// zeroResults stores zeros where results will be, if the function has a loop:
// one that the kernel's helpers give up on (ir/opt/loopcaller.go) returns 0
// without having stored any. And if it has a status: without CAP_PERFMON the
// verifier follows the caller's test of it the wrong way too, where results are
// read that nobody stored; until 6.15 it then refuses the program.
func (s *subprogram) zeroResults(frame *ir.Value) {
	entry := s.f.Entry()
	if !s.status && !slices.ContainsFunc(s.f.Blocks, func(b *ir.Block) bool { return b.Loop != nil }) {
		return
	}
	at := slices.IndexFunc(entry.Values, func(v *ir.Value) bool { return v.Op != ir.OpArg })
	if at < 0 {
		at = len(entry.Values)
	}
	for off := s.base; off < s.size; off += 8 {
		zero := entry.InsertValue(at, ir.OpConst, ir.I64, s.f.Pos)
		v := entry.InsertValue(at+1, ir.OpStore, ir.Void, s.f.Pos, frame, zero)
		v.Aux = &ir.Mem{Region: ir.RegionStack, Off: int32(off), Size: 8}
		at += 2
	}
}

// place decides which leaves travel in registers: what is used, context and
// frame first.
func (s *subprogram) place(frame, ctx, scratch *ir.Value, args []*ir.Value) {
	f := s.f
	var used []int
	for i, a := range args {
		if a.Uses > 0 {
			used = append(used, i)
		}
	}
	needsCtx := s.scan(ctx)
	room := maxParams
	if needsCtx {
		room--
	}
	if scratch.Uses > 0 {
		room--
	}
	if s.size > 0 || len(used) > room {
		room--
	}
	n := min(len(used), room)
	s.stored = used[n:]
	s.base = 8 * len(s.stored)
	s.size += s.base
	add := func(v *ir.Value, role int, name string) {
		v.AuxInt = int64(len(f.Params))
		f.Params = append(f.Params, ir.Param{Name: name, Type: v.Type})
		s.params = append(s.params, role)
	}
	if needsCtx {
		f.Sub.Ctx = len(f.Params)
		add(ctx, roleCtx, "ctx")
	} else {
		ctx.Reset(ir.OpConst)
	}
	if scratch.Uses > 0 {
		add(scratch, roleScratch, "scratch")
	} else {
		scratch.Reset(ir.OpConst)
	}
	for _, i := range used[:n] {
		add(args[i], i, "x"+string(rune('0'+i%10))+strings.Repeat("_", i/10))
	}
	if s.size > 0 {
		add(frame, roleFrame, "frame")
	} else {
		frame.Reset(ir.OpConst)
	}
	for k, i := range s.stored {
		v := args[i]
		v.Reset(ir.OpLoad)
		v.AddArg(frame)
		v.Aux = &ir.Mem{Region: ir.RegionStack, Off: int32(8 * k), Size: 8}
	}
	for _, a := range args {
		if a.Op == ir.OpArg && a.Uses == 0 {
			a.Reset(ir.OpConst)
		}
	}
}

// scan reports whether the function needs the context, and drops what only
// says where the packet is.
func (s *subprogram) scan(ctx *ir.Value) bool {
	need := ctx.Uses > 0
	entry := s.f.Entry()
	entry.Values = slices.DeleteFunc(entry.Values, func(v *ir.Value) bool { return v.Op == ir.OpPktGen && v.Uses == 0 })
	for _, b := range s.f.Blocks {
		for _, v := range b.Values {
			switch {
			case v.Op == ir.OpPktGen:
				need = true
			case v.Op == ir.OpCall && v.Aux.(*kernel.Helper).Effects&kernel.EffectMovesPacket != 0:
				s.moves = true
			case v.Op == ir.OpCallFunc:
				s.moves = s.moves || v.Aux.(*ir.Func).Sub != nil && movesPacket(v.Aux.(*ir.Func))
			}
		}
	}
	return need
}

func movesPacket(f *ir.Func) bool {
	t := &subprogram{f: f}
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			if v.Op == ir.OpCall && v.Aux.(*kernel.Helper).Effects&kernel.EffectMovesPacket != 0 || v.Op == ir.OpCallFunc && movesPacket(v.Aux.(*ir.Func)) {
				t.moves = true
			}
		}
	}
	return t.moves
}
