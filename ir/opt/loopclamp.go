package opt

import "github.com/luabpfc/luabpfc/ir"

// Native loops are left as they are but for two things.
//
// A loop that counts up to a number n computed at run time is native because an
// upper bound of its trips is known, and the verifier has to know it too. Unless
// it sees by itself that n is small (ir.EvidentRanges), n is replaced in front
// of the loop by n & m, where m is the smallest 2^k - 1 that n can't exceed: by
// an OpBound, as other passes would find that a mask changes nothing. If nothing
// but the front end's promise says so (ir.Loop.Limit), n becomes min(n, limit + 1)
// first: the promised way out is taken before that. A mask rather than the
// comparison alone, because the bound must be the number's own: what a branch
// proves of a register, old kernels do not know of its copy on the stack.
//
// And the test is turned, "leave if n <= i" for "stay if i < n": kernels before
// 6.4 decide a comparison of registers only if the second one is known, and
// that is the counter.
//
// Where the back edge is the taken side of the test, as the code generator lays
// loops out, one pending branch is enough for the verifier; else it keeps one a
// trip, of which it allows 8192.

// finishNative bounds and turns the tests of the loops left in f.
func (x *former) finishNative(f *ir.Func) {
	n := newNest(f, x.space)
	for _, l := range n.loops.All {
		x.count("native")
		s := n.shape[l]
		c := s.clamp
		if c == nil {
			continue
		}
		if s.mask != 0 {
			x.count("clamp")
			p, bound := preheader(l), c.bound
			if s.promised {
				p, bound = atMost(p, bound, c.most(s.trips)+1)
			}
			at := endOf(p, p.Pos)
			bound = at.op(ir.OpBound, ir.I64, bound)
			bound.AuxInt = int64(s.mask)
			less := c.compare()
			for i, a := range less.Args {
				if a == c.bound {
					less.SetArg(i, bound)
				}
			}
		}
		turnTest(c)
	}
}

// compare returns the comparison of the test.
func (x *counted) compare() *ir.Value {
	v := x.test.Control
	for v.Op == ir.OpNot {
		v = v.Args[0]
	}
	return v
}

// turnTest makes "stay if i < n" of a loop's test "leave if n <= i".
func turnTest(c *counted) {
	b, less := c.test, c.compare()
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

// atMost computes min(n, most) behind the preheader p, which goes on into the
// new preheader returned.
func atMost(p *ir.Block, n *ir.Value, most uint64) (*ir.Block, *ir.Value) {
	f, pos := p.Func, p.Pos
	big, j := f.NewBlock(ir.BlockJump), f.NewBlock(ir.BlockJump)
	big.Pos, j.Pos = pos, pos
	h, k := p.Succs[0].B, p.Succs[0].I
	args := make([]*ir.Value, 0, len(h.Phis()))
	for _, phi := range h.Phis() {
		args = append(args, phi.Args[k])
	}
	p.RedirectEdge(0, j)
	at := endOf(p, pos)
	p.Kind = ir.BlockIf
	p.SetControl(at.op(ir.OpULe, ir.Bool, n, at.konst(int64(most))))
	p.AddEdge(big)
	top := endOf(big, pos).konst(int64(most))
	big.AddEdge(j)
	j.AddEdge(h)
	for i, phi := range h.Phis() {
		phi.AddArg(args[i])
	}
	return j, j.NewValue(ir.OpPhi, ir.I64, pos, n, top)
}
