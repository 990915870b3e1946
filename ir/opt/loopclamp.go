package opt

import "github.com/luabpfc/luabpfc/ir"

// Native loops are left as they are but for two things. A loop that counts up
// to a number computed at run time is native because an upper bound t of its
// trips is known, and the verifier has to know it too. Unless it sees by itself
// that the number is small enough, the number is replaced in front of the loop
// by min(number, t), which changes nothing else. And the comparison is turned
// so that old kernels follow it.
//
// Where the back edge is the taken side of the test, as the code generator lays
// loops out, one pending branch is enough for the verifier; else it keeps one a
// trip, of which it allows 8192.

// finishNative clamps the loops left in f, and turns their tests.
func (x *former) finishNative(f *ir.Func) {
	n := newNest(f)
	for _, l := range n.loops.All {
		x.count("native")
		s := n.shape[l]
		c := s.clamp
		if c == nil {
			continue
		}
		if n.evident.At(c.bound, c.test).Hi > c.most(s.trips) {
			x.count("clamp")
			clamp(c, preheader(l), s.trips)
		}
		turnTest(c)
	}
}

// turnTest makes "stay if i < n" of a loop's test "leave if n <= i". Kernels
// before 6.4 decide a comparison of registers only if the second one is known,
// and that is the counter.
func turnTest(c *counted) {
	b := c.test
	less := b.Control
	for less.Op == ir.OpNot {
		less = less.Args[0]
	}
	b.SetControl(b.NewValue(ir.OpULe, ir.Bool, less.Pos, less.Args[1], less.Args[0]))
	if c.stay == 0 {
		swapSuccs(b)
	}
}

// swapSuccs exchanges the two ways out of a branch.
func swapSuccs(b *ir.Block) {
	b.Succs[0], b.Succs[1] = b.Succs[1], b.Succs[0]
	for i, e := range b.Succs {
		e.B.Preds[e.I].I = i
	}
}

// most returns the bound that gives at most t trips.
func (x *counted) most(t int64) uint64 {
	start, _ := x.start.IsConst()
	return uint64(t + start + x.add)
}

// preheader returns the block that jumps to l's header and is its only
// predecessor outside, making one if there is none.
func preheader(l *ir.NaturalLoop) *ir.Block {
	h := l.Header
	in := blockSet(l)
	var from []ir.Edge
	for _, p := range h.Preds {
		if !in[p.B] {
			from = append(from, p)
		}
	}
	if len(from) == 1 && from[0].B.Kind == ir.BlockJump {
		return from[0].B
	}
	p := h.Func.NewBlock(ir.BlockJump)
	p.Pos = h.Pos
	phis := append([]*ir.Value(nil), h.Phis()...)
	start := make([]*ir.Value, len(phis))
	for i, phi := range phis {
		if len(from) > 1 {
			start[i] = p.NewValue(ir.OpPhi, phi.Type, phi.Pos)
		}
	}
	for _, e := range from {
		k := e.B.Succs[e.I].I
		for i, phi := range phis {
			if len(from) > 1 {
				start[i].AddArg(phi.Args[k])
			} else {
				start[i] = phi.Args[k]
			}
		}
		e.B.RedirectEdge(e.I, p)
	}
	p.AddEdge(h)
	for i, phi := range phis {
		phi.AddArg(start[i])
	}
	return p
}

// clamp bounds the test c between p and the loop, so that there are at most t
// trips.
func clamp(c *counted, p *ir.Block, t int64) {
	f := p.Func
	pos := p.Pos
	most := int64(c.most(t))
	big, j := f.NewBlock(ir.BlockJump), f.NewBlock(ir.BlockJump)
	big.Pos, j.Pos = pos, pos
	h := p.Succs[0].B
	k := p.Succs[0].I
	args := make([]*ir.Value, 0, len(h.Phis()))
	for _, phi := range h.Phis() {
		args = append(args, phi.Args[k])
	}
	p.RedirectEdge(0, j)
	at := endOf(p, pos)
	p.Kind = ir.BlockIf
	p.SetControl(at.op(ir.OpULe, ir.Bool, c.bound, at.konst(most)))
	p.AddEdge(big)
	top := endOf(big, pos).konst(most)
	big.AddEdge(j)
	n := j.NewValue(ir.OpPhi, ir.I64, pos, c.bound, top)
	j.AddEdge(h)
	for i, phi := range h.Phis() {
		phi.AddArg(args[i])
	}
	cmp := c.test.Control
	for cmp.Op == ir.OpNot {
		cmp = cmp.Args[0]
	}
	for i, a := range cmp.Args {
		if a == c.bound {
			cmp.SetArg(i, n)
		}
	}
}
