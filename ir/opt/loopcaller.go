package opt

import (
	"slices"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// The caller's side of an extracted loop (loopextract.go).

// caller fills the frame, calls, and goes where the exit's number says.
func (e *extraction) caller() {
	x, f := e.x, e.f
	at := endOf(e.call, e.pos())
	p := at.slot(e.fr.slot)
	if e.fr.ctx >= 0 {
		at.put(p, e.fr.ctx, contextOf(f), nil)
	}
	u := x.number(at)
	at.put(p, e.fr.unknown, u, nil)
	at.put(p, e.fr.exit, at.konst(0), nil)
	for i, v := range e.captures {
		at.put(p, e.capAt[i], v, nil)
	}
	for _, phi := range e.l.Header.Phis() {
		if phi.Type != ir.Gen {
			at.put(p, e.field[phi], e.init[phi], u)
		}
	}
	for _, off := range e.zero {
		at.put(p, off, at.konst(0), nil)
	}
	e.callHelper(at, p)
	exit := at.get(ir.I64, p, e.fr.exit)
	loaded := map[*ir.Value]*ir.Value{}
	for _, v := range e.out {
		if e.travels(v) {
			loaded[v] = at.get(v.Type, p, e.field[v])
			continue
		}
		w := at.op(v.Op, v.Type)
		w.AuxInt, w.Aux = v.AuxInt, v.Aux
		if e.again[v] {
			for _, a := range v.Args {
				if l := loaded[a]; l != nil {
					a = l
				}
				w.AddArg(a)
			}
		}
		if v.Type == ir.Gen {
			w.Reset(ir.OpPktGen)
		}
		loaded[v] = w
	}
	e.dispatch(exit, loaded)
	e.replaceOut(loaded)
}

// dispatch branches on the number of the exit taken.
func (e *extraction) dispatch(exit *ir.Value, loaded map[*ir.Value]*ir.Value) {
	b := e.call
	number := func(i int) int64 { return int64(i + 1) }
	if e.walk != nil { // first what ends by itself
		e.exits = slices.Insert(e.exits, 0, e.exitOf(e.l.Header, e.walk.out))
		number = func(i int) int64 { return int64(i) }
	}
	for i, x := range e.exits {
		b.Pos = e.pos()
		if i == len(e.exits)-1 && e.walk != nil && !e.mayLeave() {
			b.Kind = ir.BlockJump
			e.edgeTo(b, x, loaded)
			return
		}
		b.Kind = ir.BlockIf
		at := endOf(b, e.pos())
		b.SetControl(at.op(ir.OpEq, ir.Bool, exit, at.konst(number(i))))
		e.edgeTo(b, x, loaded)
		next := e.f.NewBlock(ir.BlockRet)
		next.Pos = e.pos()
		b.AddEdge(next)
		b = next
	}
	e.leave(b)
}

// edgeTo adds the edge from b to where an exit leads.
func (e *extraction) edgeTo(b *ir.Block, x exitEdge, loaded map[*ir.Value]*ir.Value) {
	b.AddEdge(x.to)
	for k, phi := range x.to.Phis() {
		a := x.args[k]
		if w := loaded[a]; w != nil {
			a = w
		}
		phi.AddArg(a)
	}
}

// leave ends b as a packet read past the end does.
func (e *extraction) leave(b *ir.Block) {
	f := e.f
	if f.Short != nil {
		b.Kind = ir.BlockJump
		b.AddEdge(f.Short)
		return
	}
	b.Kind = ir.BlockRet
	at := endOf(b, e.pos())
	switch {
	case f.Kind != nil:
		b.SetControl(at.konst(int64(f.Kind.Default)))
	case f.Callback != nil:
		at.put(frameParam(f), e.x.exitAt[f], at.konst(exitLeft), nil)
		b.SetControl(at.konst(1))
	case returnsValue(f):
		b.SetControl(at.konst(0))
	}
}

// returnsValue reports whether f, a plain subprogram, returns a number.
func returnsValue(f *ir.Func) bool {
	for _, b := range f.Blocks {
		if b.Kind == ir.BlockRet && b.Control != nil {
			return true
		}
	}
	return false
}

// replaceOut makes what stands behind the loop use the loaded values.
func (e *extraction) replaceOut(loaded map[*ir.Value]*ir.Value) {
	for _, b := range e.f.Blocks {
		if e.in[b] {
			continue
		}
		for _, v := range b.Values {
			for i, a := range v.Args {
				if w := loaded[a]; w != nil && !(v.Op == ir.OpPhi && e.in[b.Preds[i].B]) {
					v.SetArg(i, w)
				}
			}
		}
		if w := loaded[b.Control]; w != nil {
			b.SetControl(w)
		}
	}
}

// callHelper calls the helper that runs the callback.
func (e *extraction) callHelper(at *cursor, p *ir.Value) {
	h := e.helper()
	if e.walk != nil {
		e.invoke(at, h, e.g, 0, p)
		return
	}
	trips := e.n.shape[e.l].trips
	most := int64(maxLoopCalls)
	if h.Name == "for_each_map_elem" {
		most = arrayTrips
	}
	g, calls := e.g, most
	switch {
	case trips >= 0 && trips < most:
		calls = trips + 1
	default:
		if trips >= most*most && e.n.shape[e.l].constant {
			_, what := loopPlace(e.l)
			e.x.report(e.pos(), diag.UnboundedLoop, "a '"+what+"' loop of so many trips needs kernel 5.17, the target is "+e.x.target.String())
		}
		g = e.chunks(h, most)
	}
	e.invoke(at, h, g, calls, p)
}

// invoke appends the helper call that runs g.
func (e *extraction) invoke(at *cursor, h *kernel.Helper, g *ir.Func, calls int64, p *ir.Value) {
	var over *ir.Value
	if h.Name == "for_each_map_elem" {
		over = at.op(ir.OpMapRef, ir.Ptr)
		if e.walk != nil {
			over.Aux = e.walk.next.Aux
		} else {
			over.Aux = e.x.tripsArray()
		}
	} else {
		over = at.konst(calls)
	}
	fn := at.op(ir.OpFuncRef, ir.Ptr)
	fn.Aux = g
	at.call(ir.I64, h, over, fn, p, at.konst(0))
}

// chunks returns a callback that runs the loop for as long as one helper call
// can, and stops when the loop has.
func (e *extraction) chunks(h *kernel.Helper, most int64) *ir.Func {
	w := e.x.m.NewFunc(e.x.newName(e.f, "chunk"), e.g.Params...)
	cb := *e.g.Callback
	w.Callback, w.Pos = &cb, e.pos()
	entry := w.Entry()
	fp := entry.NewValue(ir.OpArg, ir.Ptr, e.pos())
	fp.AuxInt = int64(cb.Frame)
	at := endOf(entry, e.pos())
	e.invoke(at, h, e.g, most, fp)
	exit := at.get(ir.I64, fp, e.fr.exit)
	entry.Kind = ir.BlockIf
	entry.SetControl(at.op(ir.OpEq, ir.Bool, exit, at.konst(0)))
	for _, r := range []int64{0, 1} {
		b := w.NewBlock(ir.BlockRet)
		b.Pos = e.pos()
		b.SetControl(endOf(b, e.pos()).konst(r))
		entry.AddEdge(b)
	}
	return w
}

// remove takes the loop out of the caller.
func (e *extraction) remove() {
	for _, b := range e.l.Blocks {
		for len(b.Succs) > 0 {
			b.RemoveEdge(len(b.Succs) - 1)
		}
		b.SetControl(nil)
	}
	for _, b := range e.l.Blocks {
		dropValues(b, func(*ir.Value) bool { return true })
	}
	kept := e.f.Blocks[:0]
	for _, b := range e.f.Blocks {
		if !e.in[b] {
			kept = append(kept, b)
		}
	}
	e.f.Blocks = kept
}
