package opt

import (
	"slices"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// field is a field of the frame.
func field(off int32) ir.Mem { return ir.Mem{Region: ir.RegionStack, Off: off, Size: 8} }

// get loads a field as a value of type t.
func (at *cursor) get(t ir.Type, p *ir.Value, off int32) *ir.Value {
	switch t {
	case ir.Bool:
		return at.op(ir.OpNe, ir.Bool, at.load(ir.I64, p, field(off)), at.konst(0))
	case ir.Ptr, ir.I64:
		return at.load(t, p, field(off))
	}
	ir.Bugf("a %s does not fit into a frame", t)
	return nil
}

// put stores a value in a field; u, if not nil, hides it from the verifier.
func (at *cursor) put(p *ir.Value, off int32, v, u *ir.Value) {
	if v.Type == ir.Bool {
		v = at.op(ir.OpBoolToInt, ir.I64, v)
	}
	if u != nil && v.Type == ir.I64 {
		v = at.op(ir.OpOpaque, ir.I64, v, u)
	}
	mem := field(off)
	at.op(ir.OpStore, ir.Void, p, v).Aux = &mem
}

// extraction moves one loop into a callback.
type extraction struct {
	x  *former
	n  *nest
	f  *ir.Func // the caller
	l  *ir.NaturalLoop
	in map[*ir.Block]bool
	fr *sharedFrame

	call  *ir.Block               // where the caller calls
	init  map[*ir.Value]*ir.Value // of the header's phis
	field map[*ir.Value]int32     // of phis and of values used behind the loop
	zero  []int32                 // fields to clear before the call
	out   []*ir.Value             // values used behind the loop
	next  int32                   // the next free offset

	g        *ir.Func
	c        *cloner
	fp, u    *ir.Value
	gen      *ir.Value
	captures []*ir.Value // values of f stored before the call
	capAt    []int32
	exits    []exitEdge
	again    map[*ir.Value]bool    // testsAgain
	own      map[*ir.Slot]*ir.Slot // what local slots have become
	walk     *walk                 // if the loop is one through a map
}

// exitLeft is the number of the exit that leaves the program.
const exitLeft = -1

// exitEdge is an edge out of the loop; its number is its index + 1.
type exitEdge struct {
	to   *ir.Block
	args []*ir.Value // of to's phis, values of the loop or from outside
}

func (e *extraction) run() {
	e.keepBounds()
	if w, ok := walkOf(e.l); ok {
		e.walk = &w
		w.endless()
	}
	e.enter()
	e.localChecks()
	e.again = testsAgain(e.f, e.in)
	e.findOut()
	e.layout()
	if e.carriedPointers(); e.x.failed {
		return
	}
	e.callback()
	e.caller()
	e.remove()
}

// keepBounds notes how often the other loops run, inside and behind: what
// bounds them may come out of the frame from now on.
func (e *extraction) keepBounds() {
	for _, l := range e.n.loops.All {
		t := e.n.shape[l].trips
		if l == e.l || t < 0 {
			continue
		}
		if l.Header.Loop == nil {
			l.Header.Loop = &ir.Loop{What: "goto", Pos: l.Header.Pos}
		}
		l.Header.Loop.Limit = max(t, 1) // 0 is no limit
	}
}

func (e *extraction) pos() ir.Pos {
	p, _ := loopPlace(e.l)
	return p
}

// enter makes the block that calls, entered where the loop was.
func (e *extraction) enter() {
	h := e.l.Header
	e.call = e.f.NewBlock(ir.BlockRet)
	e.call.Pos = e.pos()
	e.init = map[*ir.Value]*ir.Value{}
	var from []ir.Edge
	for _, p := range h.Preds {
		if !e.in[p.B] {
			from = append(from, p)
		}
	}
	phis := append([]*ir.Value(nil), h.Phis()...)
	if len(from) > 1 {
		for _, p := range phis {
			e.init[p] = e.call.NewValue(ir.OpPhi, p.Type, p.Pos)
		}
	}
	for _, p := range from {
		i := p.B.Succs[p.I].I
		for _, phi := range phis {
			if len(from) > 1 {
				e.init[phi].AddArg(phi.Args[i])
			} else {
				e.init[phi] = phi.Args[i]
			}
		}
		p.B.RedirectEdge(p.I, e.call)
	}
}

// localChecks repeats checks of the loop where packet loads behind it use them:
// the proof does not leave the callback, the bytes are there all the same.
func (e *extraction) localChecks() { repeatLeaves(e.f, e.in) }

// repeatLeaves gives values outside the blocks in their own copies of what no
// phi can hold or needs to: maps, functions and addresses of slots computed in
// there, and checks, which can't fail a second time.
func repeatLeaves(f *ir.Func, in map[*ir.Block]bool) {
	for _, b := range f.Blocks {
		if in[b] {
			continue
		}
		for i := 0; i < len(b.Values); i++ {
			v := b.Values[i]
			for j, a := range v.Args {
				if in[a.Block] && v.Op != ir.OpPhi && isLeaf(a) {
					w := b.InsertValue(i, a.Op, a.Type, a.Pos, a.Args...)
					w.Aux = a.Aux
					v.SetArg(j, w)
					i++
				}
			}
		}
	}
}

func isLeaf(v *ir.Value) bool {
	switch v.Op {
	case ir.OpPktCheck, ir.OpMapRef, ir.OpGlobalAddr, ir.OpFuncRef, ir.OpSlotAddr:
		return true
	}
	return false
}

// findOut lists the values computed in the loop and used behind it.
func (e *extraction) findOut() {
	seen := map[*ir.Value]bool{}
	var add func(v *ir.Value)
	add = func(v *ir.Value) {
		if v == nil || !e.in[v.Block] || seen[v] {
			return
		}
		seen[v] = true
		if e.again[v] {
			for _, a := range v.Args {
				add(a)
			}
		}
		e.out = append(e.out, v)
	}
	for _, b := range e.f.Blocks {
		if e.in[b] {
			continue
		}
		for _, v := range b.Values {
			for _, a := range v.Args {
				add(a)
			}
		}
		add(b.Control)
	}
}

// layout gives phis and values used behind the loop their fields. A value that
// is a phi's next one shares the phi's field if nobody behind the loop wants
// the phi itself.
func (e *extraction) layout() {
	e.field = map[*ir.Value]int32{}
	isOut := map[*ir.Value]bool{}
	for _, v := range e.out {
		isOut[v] = true
	}
	h := e.l.Header
	for _, p := range h.Phis() {
		if !e.travels(p) {
			continue
		}
		e.field[p] = e.alloc()
		if isOut[p] {
			continue
		}
		for _, a := range p.Args { // only back edges are left
			if _, taken := e.field[a]; isOut[a] && !taken && e.travels(a) && a.Type == p.Type && !(a.Op == ir.OpPhi && a.Block == h) {
				e.field[a] = e.field[p]
				break
			}
		}
	}
	for _, v := range e.out {
		if _, ok := e.field[v]; !ok && e.travels(v) {
			e.field[v] = e.alloc()
			e.zero = append(e.zero, e.field[v])
		}
	}
}

// travels reports whether v crosses in a field; what does not is made anew.
func (e *extraction) travels(v *ir.Value) bool {
	if e.again[v] {
		return false
	}
	switch v.Op {
	case ir.OpConst, ir.OpMapRef, ir.OpGlobalAddr, ir.OpFuncRef, ir.OpKfuncAddr, ir.OpCore, ir.OpSlotAddr:
		return false
	}
	return v.Type != ir.Gen
}

func (e *extraction) alloc() int32 {
	e.next += 8
	return e.next - 8
}

// carriedPointers refuses pointers that change from trip to trip and that the
// loop looks at, where the callback's body is verified once only.
func (e *extraction) carriedPointers() {
	if v := e.x.looksAtCarried(e.l); v != nil {
		e.x.report(v.Pos, diag.UnboundedLoop, "a reference kept from one trip of a loop to the next needs kernel "+callbackFixpoint.String()+" where the loop has many trips, the target is "+e.x.target.String()+"; look it up again, or keep a copy")
	}
}

// looksAtCarried returns what looks at a pointer that changes from trip to trip of
// l, where a callback's body is verified once only; nil if nothing does.
func (x *former) looksAtCarried(l *ir.NaturalLoop) *ir.Value {
	if !x.target.Before(callbackFixpoint) {
		return nil
	}
	for _, p := range l.Header.Phis() {
		if p.Type != ir.Ptr {
			continue
		}
		for _, b := range l.Blocks {
			for _, v := range b.Values {
				if v.Op != ir.OpPhi && slices.Contains(v.Args, p) {
					return v
				}
			}
		}
	}
	return nil
}

// callback builds the function.
func (e *extraction) callback() {
	x := e.x
	params := []ir.Param{{Name: "index", Type: ir.I64}, {Name: "frame", Type: ir.Ptr}}
	if e.helper().Name == "for_each_map_elem" {
		params = []ir.Param{{Name: "map", Type: ir.Ptr}, {Name: "key", Type: ir.Ptr}, {Name: "value", Type: ir.Ptr}, {Name: "frame", Type: ir.Ptr}}
	}
	e.g = x.m.NewFunc(x.newName(e.f, "loop"), params...)
	e.g.Pos = e.pos()
	e.g.Callback = &ir.Callback{Prog: e.f.Prog(), Frame: len(params) - 1, Ctx: e.fr.ctx}
	entry := e.g.Entry()
	e.fp = entry.NewValue(ir.OpArg, ir.Ptr, e.pos())
	e.fp.AuxInt = int64(e.g.Callback.Frame)
	e.u = endOf(entry, e.pos()).get(ir.I64, e.fp, e.fr.unknown)
	x.unknown[e.g], x.exitAt[e.g] = e.u, e.fr.exit

	e.c = newCloner(e.g)
	e.c.keep, e.c.made = e.liveIn, e.made
	for _, p := range e.l.Header.Phis() {
		e.c.vals[p] = e.carried(p)
	}
	e.c.shells(e.l.Blocks)
	e.c.blocks[e.l.Header].Loop = nil
	if e.walk != nil {
		e.walkArgs(entry)
	}
	e.c.fill(e.l.Blocks)
	entry.Kind, entry.Pos = ir.BlockJump, e.pos()
	entry.AddEdge(e.c.blocks[e.l.Header])
	if e.walk != nil {
		e.walkOn()
	}
	for _, b := range e.l.Blocks {
		for j := range b.Succs {
			if e.walk != nil && b == e.l.Header && j == e.walk.out {
				continue
			}
			e.c.blocks[b].AddEdge(e.target(b, j))
		}
	}
	for _, b := range e.l.Blocks[1:] {
		e.c.phis(b)
	}
	if e.g.MayLeave() {
		short := e.g.NewBlock(ir.BlockRet)
		short.Pos = e.pos()
		at := endOf(short, e.pos())
		at.put(e.fp, e.fr.exit, at.konst(exitLeft), nil)
		short.SetControl(at.konst(1))
		e.g.Short = short
	}
}

// carried returns what the callback has for a phi of the header.
func (e *extraction) carried(p *ir.Value) *ir.Value {
	at := endOf(e.g.Entry(), p.Pos)
	switch p.Type {
	case ir.Gen:
		return e.generation()
	case ir.Ptr:
		return at.get(ir.Ptr, e.fp, e.field[p])
	}
	v := at.get(ir.I64, e.fp, e.field[p])
	if p.Type == ir.Bool {
		// Known to be 0 or 1, it is a number without a branch.
		v = at.op(ir.OpNe, ir.Bool, at.op(ir.OpAnd, ir.I64, v, at.konst(1)), at.konst(0))
	}
	return v
}

// generation returns the packet as it is when the callback begins.
func (e *extraction) generation() *ir.Value {
	if e.gen == nil {
		e.gen = endOf(e.g.Entry(), e.pos()).op(ir.OpPktGen, ir.Gen)
	}
	return e.gen
}

// made is told of each copied value. It makes the address of a slot a place in
// the frame, and a load from a shared slot that the loop writes opaque.
func (e *extraction) made(v, w *ir.Value) *ir.Value {
	if s, ok := v.Aux.(*ir.Slot); ok {
		if own := e.ownSlot(s); own != nil {
			w.Aux = own
			return w
		}
		k := newConst(w.Block, len(w.Block.Values)-1, ir.I64, int64(e.fr.moved[s]), v.Pos)
		w.Reset(ir.OpPtrAdd)
		w.AddArg(e.fp)
		w.AddArg(k)
		return w
	}
	if v.Op == ir.OpEachValue && e.walk != nil {
		if base, _ := place(v.Args[0]); base == e.walk.next {
			w.Reset(ir.OpCopy)
			w.AddArg(e.walk.value)
			return w
		}
	}
	if e.fr.mutable(v) {
		return endOf(w.Block, v.Pos).op(ir.OpOpaque, ir.I64, w, e.u)
	}
	return w
}

// ownSlot returns the callback's own slot in place of s, nil if s travels.
func (e *extraction) ownSlot(s *ir.Slot) *ir.Slot {
	if !e.fr.local[e.l][s] {
		return nil
	}
	own := e.own[s]
	if own == nil {
		own = e.g.NewSlot(s.Size, s.Name, s.Pos)
		own.Align = s.Align
		e.own[s] = own
	}
	return own
}

// liveIn returns what the callback has for a value computed outside the loop.
func (e *extraction) liveIn(v *ir.Value) *ir.Value {
	w := e.remake(v)
	if w == nil {
		off := e.alloc()
		e.captures = append(e.captures, v)
		e.capAt = append(e.capAt, off)
		w = endOf(e.g.Entry(), v.Pos).get(v.Type, e.fp, off)
	}
	e.c.vals[v] = w
	return w
}

// remake computes v in the callback's entry, if it can be had without a field.
func (e *extraction) remake(v *ir.Value) *ir.Value {
	entry := e.g.Entry()
	at := endOf(entry, v.Pos)
	switch {
	case e.in[v.Block]:
		ir.Bugf("%s: %s is used before it is copied", e.f.Name, v)
	case isContext(e.f, v) && e.fr.ctx >= 0:
		return at.get(ir.Ptr, e.fp, e.fr.ctx)
	case v == e.x.unknown[e.f]:
		return e.u
	case v.Type == ir.Gen:
		return e.generation()
	}
	switch v.Op {
	case ir.OpConst, ir.OpMapRef, ir.OpGlobalAddr, ir.OpFuncRef, ir.OpKfuncAddr, ir.OpCore:
		w := at.op(v.Op, v.Type)
		w.AuxInt, w.Aux = v.AuxInt, v.Aux
		return w
	case ir.OpSlotAddr:
		if own := e.ownSlot(v.Aux.(*ir.Slot)); own != nil {
			return at.slot(own)
		}
		k := at.konst(int64(e.fr.moved[v.Aux.(*ir.Slot)]))
		return at.op(ir.OpPtrAdd, ir.Ptr, e.fp, k)
	case ir.OpPktCheck:
		args := []*ir.Value{e.c.value(v.Args[0]), e.c.value(v.Args[1])}
		w := endOf(entry, v.Pos).op(v.Op, v.Type, args...)
		w.Aux = v.Aux
		return w
	case ir.OpPtrAdd, ir.OpNonNull, ir.OpEq, ir.OpNe, ir.OpNot:
		if v.Type == ir.Ptr && !cheapAddress(v) || v.Type != ir.Ptr && !e.again[v] {
			return nil
		}
		w := entry.NewValue(v.Op, v.Type, v.Pos)
		for _, a := range v.Args {
			w.AddArg(e.c.value(a))
		}
		// Arguments made on the way stand behind it: move it to the end.
		moveToEnd(w)
		return w
	}
	return nil
}

// cheapAddress reports whether v is a constant distance from a slot, a variable,
// the context or a frame.
func cheapAddress(v *ir.Value) bool {
	base, _ := place(v)
	return base.Op == ir.OpSlotAddr || base.Op == ir.OpGlobalAddr || base.Op == ir.OpArg
}

func moveToEnd(v *ir.Value) {
	b := v.Block
	for i, w := range b.Values {
		if w == v {
			copy(b.Values[i:], b.Values[i+1:])
			b.Values[len(b.Values)-1] = v
			return
		}
	}
}

// target returns where successor j of the copy of b leads: to another copy,
// or to a new block that ends the trip or the loop.
func (e *extraction) target(b *ir.Block, j int) *ir.Block {
	to := b.Succs[j].B
	if e.in[to] && to != e.l.Header {
		return e.c.blocks[to]
	}
	t := e.g.NewBlock(ir.BlockRet)
	t.Pos = b.Pos
	at := endOf(t, b.Pos)
	if to == e.l.Header {
		for _, p := range to.Phis() {
			if a := p.Args[b.Succs[j].I]; a != p && p.Type != ir.Gen {
				at.put(e.fp, e.field[p], e.c.value(a), e.u)
			}
		}
		t.SetControl(at.konst(0))
		return t
	}
	for _, v := range e.out {
		unchanged := v.Op == ir.OpPhi && v.Block == e.l.Header
		if e.travels(v) && !unchanged && e.n.dom.Dominates(v.Block, b) {
			at.put(e.fp, e.field[v], e.c.value(v), nil)
		}
	}
	at.put(e.fp, e.fr.exit, at.konst(e.number(b, j)), nil)
	t.SetControl(at.konst(1))
	return t
}

// exitOf returns the exit by successor j of b.
func (e *extraction) exitOf(b *ir.Block, j int) exitEdge {
	x := exitEdge{to: b.Succs[j].B}
	for _, p := range x.to.Phis() {
		x.args = append(x.args, p.Args[b.Succs[j].I])
	}
	return x
}

// number numbers the exit by successor j of b; exits that lead to one place
// with the same values are one.
func (e *extraction) number(b *ir.Block, j int) int64 {
	x := e.exitOf(b, j)
next:
	for i, y := range e.exits {
		if y.to != x.to {
			continue
		}
		for k := range y.args {
			if !same(y.args[k], x.args[k]) {
				continue next
			}
		}
		return int64(i + 1)
	}
	e.exits = append(e.exits, x)
	return int64(len(e.exits))
}
