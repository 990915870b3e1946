package opt

import "github.com/luabpfc/luabpfc/ir"

// Trip counts.
//
// The trips of a loop are how often control comes back to its header, so the
// header runs trips + 1 times. A counter is a phi of the header that every back
// edge changes by the same constant. A loop is counted if a block that every
// trip passes (it dominates all latches) leaves by comparing a counter, plus a
// constant, with a number that the loop does not change. From the counter's
// constant start and the bound's constant value the exact trip count follows,
// unless another exit comes first; from the bound's largest value, an upper
// bound. The shapes recognised are those the front end builds (ir.Loop) and
// what simplification makes of them: either order of operands, negated tests,
// tests of the value before or after the step.

// counter is a phi that changes by a constant each trip.
type counter struct {
	phi   *ir.Value
	start *ir.Value // where the loop is entered
	step  int64
	// set: the back edges make it the number step instead. A counter becomes
	// that when its test has only one value that stays.
	set bool
}

// counted is an exit that a counter decides.
type counted struct {
	counter
	test  *ir.Block // leaves or stays
	stay  int       // successor of test that stays
	bound *ir.Value // compared with
	op    ir.Op     // the comparison...
	left  bool      // ... has the counter on its left
	not   bool      // ... and is negated
	add   int64     // ... after adding add
}

// outside says of each of the header's predecessors whether it is not in the
// loop.
func outside(l *ir.NaturalLoop, in map[*ir.Block]bool) []bool {
	out := make([]bool, len(l.Header.Preds))
	for i, e := range l.Header.Preds {
		out[i] = !in[e.B]
	}
	return out
}

// blockSet returns the loop's blocks as a set.
func blockSet(l *ir.NaturalLoop) map[*ir.Block]bool {
	in := make(map[*ir.Block]bool, len(l.Blocks))
	for _, b := range l.Blocks {
		in[b] = true
	}
	return in
}

// stepOf returns c if v is x + c for the given x.
func stepOf(v, x *ir.Value) (int64, bool) {
	if v == x {
		return 0, true
	}
	switch v.Op {
	case ir.OpAdd:
		if c, ok := v.Args[1].IsConst(); ok && v.Args[0] == x {
			return c, true
		}
		if c, ok := v.Args[0].IsConst(); ok && v.Args[1] == x {
			return c, true
		}
	case ir.OpSub:
		if c, ok := v.Args[1].IsConst(); ok && v.Args[0] == x {
			return -c, true
		}
	}
	return 0, false
}

// counterOf returns phi as a counter of the loop.
func counterOf(phi *ir.Value, out []bool) (counter, bool) {
	c := counter{phi: phi}
	seen := false
	for i, a := range phi.Args {
		if out[i] {
			if c.start != nil && !same(c.start, a) {
				return c, false
			}
			c.start = a
			continue
		}
		s, ok := stepOf(a, phi)
		set := false
		if !ok {
			s, ok = a.IsConst()
			set = true
		}
		if !ok || s == 0 && !set || seen && (s != c.step || set != c.set) {
			return c, false
		}
		c.step, c.set, seen = s, set, true
	}
	return c, seen && c.start != nil
}

// countedExits returns the exits of l that a counter decides.
func countedExits(l *ir.NaturalLoop, d *ir.Dom) []counted {
	in := blockSet(l)
	out := outside(l, in)
	var cs []counter
	for _, p := range l.Header.Phis() {
		if p.Type == ir.I64 {
			if c, ok := counterOf(p, out); ok {
				cs = append(cs, c)
			}
		}
	}
	var exits []counted
	for _, e := range l.Exits {
		if e.B.Kind != ir.BlockIf || !in[e.B.Succs[1-e.I].B] || !passedEachTrip(e.B, l, d) {
			continue
		}
		if x, ok := matchTest(e.B, 1-e.I, cs, in); ok {
			exits = append(exits, x)
		}
	}
	return exits
}

// passedEachTrip reports whether b dominates all latches, and is in no loop
// inside l.
func passedEachTrip(b *ir.Block, l *ir.NaturalLoop, d *ir.Dom) bool {
	for _, c := range l.Children {
		for _, x := range c.Blocks {
			if x == b {
				return false
			}
		}
	}
	for _, x := range l.Latches {
		if !d.Dominates(b, x) {
			return false
		}
	}
	return true
}

// matchTest recognises b's branch, which stays by successor stay.
func matchTest(b *ir.Block, stay int, cs []counter, in map[*ir.Block]bool) (counted, bool) {
	x := counted{test: b, stay: stay, not: stay == 1}
	c := b.Control
	for c.Op == ir.OpNot {
		c, x.not = c.Args[0], !x.not
	}
	switch c.Op {
	case ir.OpULt, ir.OpULe, ir.OpSLt, ir.OpSLe, ir.OpEq, ir.OpNe:
	default:
		return x, false
	}
	x.op = c.Op
	for side := 0; side < 2; side++ {
		v, bound := c.Args[side], c.Args[1-side]
		if in[bound.Block] && bound.Op != ir.OpConst {
			continue
		}
		for _, k := range cs {
			if add, ok := stepOf(v, k.phi); ok {
				x.counter, x.add, x.bound, x.left = k, add, bound, side == 0
				return x, true
			}
		}
	}
	return x, false
}

// stays evaluates the test for a value of the counter.
func (x *counted) stays(i, bound int64) bool {
	a, b := uint64(i+x.add), uint64(bound)
	if !x.left {
		a, b = b, a
	}
	r, _ := ir.Eval(x.op, 0, false, a, b)
	return (r != 0) != x.not
}

// maxWalk is how far trips follows a counter step by step.
const maxWalk = 1 << 16

// trips returns how often the test stays, if start and bound are constants.
func (x *counted) trips() (int64, bool) {
	start, ok := x.start.IsConst()
	bound, ok2 := x.bound.IsConst()
	if !ok || !ok2 {
		return 0, false
	}
	return x.tripsFrom(start, bound)
}

func (x *counted) tripsFrom(start, bound int64) (int64, bool) {
	if x.upTo() {
		// i + add < bound by steps of 1: no need to walk.
		a := uint64(start + x.add)
		if uint64(bound) <= a {
			return 0, true
		}
		n := uint64(bound) - a
		return int64(n), n < 1<<62
	}
	if x.untilEqual() && !x.set && (x.step == 1 || x.step == -1) {
		// i + add ~= bound by steps of 1: it comes there in any case.
		n := uint64(bound-start-x.add) * uint64(x.step)
		if n > maxWalk {
			return 0, false
		}
		return int64(n), true
	}
	i := start
	for n := int64(0); n <= maxWalk; n++ {
		if !x.stays(i, bound) {
			return n, true
		}
		if i += x.step; x.set {
			i = x.step
		}
	}
	return 0, false
}

// untilEqual reports whether the test stays while i + add is not the bound.
func (x *counted) untilEqual() bool { return x.op == ir.OpNe && !x.not || x.op == ir.OpEq && x.not }

// upTo reports whether the test is i + add < bound, unsigned, i going up by 1.
func (x *counted) upTo() bool {
	return x.op == ir.OpULt && x.left && !x.not && x.step == 1 && !x.set
}

// maxTrips returns an upper bound of trips, if the largest value of the bound
// gives one.
func (x *counted) maxTrips(r *ir.Ranges) (int64, bool) {
	if n, ok := x.trips(); ok {
		return n, true
	}
	start, ok := x.start.IsConst()
	if !ok || !x.upTo() {
		return 0, false
	}
	m := r.At(x.bound, x.test).Hi
	if m >= 1<<62 {
		return 0, false
	}
	return x.tripsFrom(start, int64(m))
}
