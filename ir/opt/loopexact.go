package opt

import (
	"math"

	"github.com/luabpfc/luabpfc/ir"
)

// Counters of native loops, made exact for the verifier.
//
// Kernels before 6.7 call a loop infinite ("infinite loop detected") where they
// come to an instruction again with the same registers, in a state that the first
// one allows; and of that numbers do not count that they made no use of (package
// codegen/explore: "precise"). A comparison of a counter with a number that is not
// known decides nothing, so is no use of it. The counter saves the loop where it
// is in a register, unless that is one of a caller's: a loop whose counter is
// spilled round a call, or that calls a function, is refused though it ends:
//
//	for i = 0, skb.mark & 15 do ... f(i) ... end
//
// So where a trip calls something, the counter is compared with a constant, too,
// that it never is: the outcome is known, since its value is, and that is a use of
// it. A loop with such a comparison of its own needs none. One instruction a trip;
// the trip's calls take longer.

// exactCounters is the pass "counters".
func exactCounters(c *Context, f *ir.Func) {
	dom := c.space.dominators(f)
	if !dom.Cyclic() {
		return
	}
	loops := ir.FindLoops(f, dom)
	var known *ir.Ranges
	for _, l := range loops.All {
		if !calls(l) {
			continue
		}
		x := inexact(countedExits(l, dom))
		if x == nil {
			continue
		}
		if known == nil {
			known = ir.ComputeRanges(f, dom)
		}
		if never, ok := outsideOf(known.At(x.phi, x.test.Succs[x.stay].B)); ok && c.Change("exact") {
			compareCounter(f, x, never)
		}
	}
}

// calls reports whether something is called in l.
func calls(l *ir.NaturalLoop) bool {
	for _, b := range l.Blocks {
		for _, v := range b.Values {
			if v.Op == ir.OpCall || v.Op == ir.OpCallFunc {
				return true
			}
		}
	}
	return false
}

// inexact returns an exit whose counter starts at a constant; nil if there is
// none, or one that has a constant bound, too.
func inexact(exits []counted) *counted {
	var found *counted
	for i := range exits {
		x := &exits[i]
		if x.set || x.start.Op != ir.OpConst {
			continue
		}
		if x.bound.Op == ir.OpConst {
			return nil
		}
		if found == nil {
			found = x
		}
	}
	return found
}

// outsideOf returns a number next to the range r that fits an instruction.
func outsideOf(r ir.Range) (int64, bool) {
	switch {
	case r.Hi < math.MaxInt32:
		return int64(r.Hi) + 1, true
	case r.Lo > 0 && r.Lo <= math.MaxInt32:
		return int64(r.Lo) - 1, true
	}
	return 0, false
}

// compareCounter puts "leave if the counter is never" behind the test of x.
func compareCounter(f *ir.Func, x *counted, never int64) {
	b, stay := x.test, x.test.Succs[x.stay]
	n := f.NewBlock(ir.BlockIf)
	moveBehind(f, n, b)
	n.Pos = b.Pos
	args := edgeArgs(stay)
	b.RedirectEdge(x.stay, n)
	at := endOf(n, n.Pos)
	n.SetControl(at.op(ir.OpEq, ir.Bool, x.phi, at.konst(never)))
	leave := b.Succs[1-x.stay]
	addEdge(n, leave.B, edgeArgs(leave))
	addEdge(n, stay.B, args)
}

// edgeArgs returns what the phis behind an edge, as its source has it, are there.
func edgeArgs(e ir.Edge) []*ir.Value {
	var args []*ir.Value
	for _, p := range e.B.Phis() {
		args = append(args, p.Args[e.I])
	}
	return args
}

// addEdge adds an edge from b behind which to's phis are args.
func addEdge(b, to *ir.Block, args []*ir.Value) {
	b.AddEdge(to)
	for i, p := range to.Phis() {
		p.AddArg(args[i])
	}
}
