package opt

import (
	"math/bits"

	"github.com/luabpfc/luabpfc/ir"
)

// What a native loop costs the kernel's verifier.
//
// The verifier runs a native loop trip by trip. It forks at each branch it
// can't decide and merges the forks again where their states agree; where a
// branch depends on a value carried round the loop that it doesn't know, they
// need not agree, and the number of paths doubles with each such branch of each
// trip. A value is known if it follows from constants alone: counters are,
// whatever arithmetic makes the next one. A comparison that is computed as a
// value is a branch too, to a 0 and to a 1. So for a loop of at most t trips
//
//	cost = t * instructions * (1 + branches on data) * 2^(t * branches on carried values)
//
// with branches out of the loop counted as instructions only. Often it is less:
// three branches on carried numbers take 1,400 steps for 8 trips, 16,500 for
// 16, over a million for 32 (verifier.md 2); but with conditions carried round
// as well, 7 trips already take more than the million that the kernel allows.
// Plain bodies are linear up to 100,000 trips; 8192 branches may be pending at
// a time. Newer kernels refuse what older ones load, so the bounds do not
// depend on the target.
//
// One rule does. Kernels before 6.3 take two states with references that were
// acquired in different trips, to records of a ring buffer say, for different: if
// it is while one is held that they compare states, no paths merge. For them
// branches on data count as those on carried values in a loop that acquires
// references.

const (
	maxNativeCost    = 50_000
	plainFactor      = 2       // for bodies without branches, whose cost is certain
	maxOldNativeCost = 300_000 // where there is no other form
	maxForks         = 12      // branches on carried values, all trips together
	maxPending       = 4_000
)

// loopShape is what the choice of a form depends on.
type loopShape struct {
	trips    int64 // an upper bound; -1 if none is known
	constant bool  // trips is exact, other ways out aside
	follows  bool  // the verifier sees that it ends, by then or a little later
	walk     int64 // the trips it sees
	// clamp is the test against a number computed at run time that bounds the
	// loop to the verifier. mask bounds the number first, if not 0; promised,
	// only the front end says that it does not change it (loopclamp.go).
	clamp    *counted
	mask     uint64
	promised bool
}

// nest knows the loops of one function.
type nest struct {
	f     *ir.Func
	dom   *ir.Dom
	loops *ir.Loops
	shape map[*ir.NaturalLoop]*loopShape
	known []bool // by value ID: the verifier computes it
	old   bool   // the target has native loops only
	refs  bool   // it tells references apart by where they were acquired

	ranges, evident *ir.Ranges
}

func newNest(f *ir.Func, space *workspace) *nest {
	if d := space.dominators(f); !d.Cyclic() {
		return &nest{f: f, loops: ir.FindLoops(f, d)}
	}
	n := &nest{f: f, dom: ir.Dominators(f), shape: map[*ir.NaturalLoop]*loopShape{}}
	n.loops = ir.FindLoops(f, n.dom)
	n.ranges, n.evident = ir.ComputeRanges(f, n.dom), ir.EvidentRanges(f)
	n.assume(nil)
	return n
}

// assume computes what depends on which loops are callbacks: nothing that is
// carried round those is known, in them or behind.
func (n *nest) assume(callback map[*ir.NaturalLoop]bool) {
	n.findKnown(callback)
	for _, l := range n.loops.All {
		n.shape[l] = n.shapeOf(l)
	}
}

// findKnown assumes all phis of headers known and takes back what does not
// follow, until nothing changes. Behind a loop that can be left for reasons that
// are not known, each trip may have been the last: what was known in it is a
// different number on each of so many paths, and does not count as known. Where
// there are no callbacks to turn to it does: the paths often merge.
func (n *nest) findKnown(callback map[*ir.NaturalLoop]bool) {
	n.known = make([]bool, n.f.NumValues())
	header := map[*ir.Block]bool{}
	for _, l := range n.loops.All {
		if callback[l] {
			continue
		}
		header[l.Header] = true
		for _, p := range l.Header.Phis() {
			n.known[p.ID] = true
		}
	}
	loose := map[*ir.NaturalLoop]bool{}
	for first, changed := true, true; changed; first = false {
		changed = false
		for _, l := range n.loops.All {
			loose[l] = !first && !n.old && n.leftUnknown(l)
		}
		for _, b := range n.dom.RPO {
			for _, v := range b.Values {
				ok := v.Op == ir.OpConst
				if v.Op == ir.OpPhi && header[b] || v.Op != ir.OpPhi && computed(v) {
					ok = true
					for i, a := range v.Args {
						ok = ok && (n.knownAt(v, i, loose) || v.Op == ir.OpPhi && first && n.dom.Index(a.Block) >= n.dom.Index(b))
					}
				}
				if n.known[v.ID] != ok {
					n.known[v.ID] = ok
					changed = true
				}
			}
		}
	}
}

// computed reports whether the verifier knows v where it knows v's arguments:
// it divides, negates and swaps no numbers.
func computed(v *ir.Value) bool {
	switch v.Op {
	case ir.OpUDiv, ir.OpUMod, ir.OpSDiv, ir.OpSMod, ir.OpNeg, ir.OpToBE:
		return false
	}
	return v.Op.Info().Pure && !v.Op.Info().Pinned && len(v.Args) > 0
}

// leftUnknown reports whether l has an exit whose condition is not known.
func (n *nest) leftUnknown(l *ir.NaturalLoop) bool {
	for _, e := range l.Exits {
		if e.B.Kind == ir.BlockIf && !n.known[e.B.Control.ID] {
			return true
		}
	}
	return false
}

// knownAt reports whether argument i of v is known where v uses it.
func (n *nest) knownAt(v *ir.Value, i int, loose map[*ir.NaturalLoop]bool) bool {
	a, at := v.Args[i], v.Block
	if !n.known[a.ID] {
		return false
	}
	if v.Op == ir.OpPhi {
		at = at.Preds[i].B
	}
	for l := n.loops.Of(a.Block); l != nil && !n.loops.Contains(l, at); l = l.Parent {
		if loose[l] {
			return false
		}
	}
	return true
}

// shapeOf bounds the trips of l.
func (n *nest) shapeOf(l *ir.NaturalLoop) *loopShape {
	s := &loopShape{trips: -1}
	take := func(t int64) {
		if s.trips < 0 || t < s.trips {
			s.trips = t
		}
	}
	fl := l.Header.Loop
	limit := int64(0)
	if fl != nil {
		limit = fl.Limit
	}
	exits := countedExits(l, n.dom)
	for i := range exits {
		x := &exits[i]
		if t, ok := x.trips(); ok {
			take(t)
			s.constant, s.follows, s.clamp = true, true, nil
		} else if c, ok := x.start.IsConst(); ok && c+x.add >= 0 && x.upTo() && !s.follows {
			s.clamp = x
		}
		if t, ok := x.maxTrips(n.ranges); ok {
			take(t)
		}
	}
	if limit > 0 {
		take(limit)
	}
	s.walk = s.trips
	if s.clamp != nil && s.trips >= 0 {
		n.clampShape(s)
	}
	s.follows = s.follows || s.clamp != nil || limit > 0 && n.knownExit(l)
	return s
}

// clampShape says how the number that bounds s must be bounded itself.
func (n *nest) clampShape(s *loopShape) {
	c := s.clamp
	most := c.most(s.trips)
	if n.evident.At(c.bound, c.test).Hi <= most {
		return
	}
	if n.ranges.At(c.bound, c.test).Hi > most {
		s.promised = true
		most++
	}
	s.mask = 1<<bits.Len64(max(most, 1)) - 1 // also where the loop is never run: the verifier may not see that
	s.walk = int64(s.mask - c.most(0))
}

// knownExit reports whether an exit that each trip passes has a condition the
// verifier computes.
func (n *nest) knownExit(l *ir.NaturalLoop) bool {
	for _, e := range l.Exits {
		if e.B.Kind == ir.BlockIf && n.known[e.B.Control.ID] && e.B.Control.Op != ir.OpConst && passedEachTrip(e.B, l, n.dom) {
			return true
		}
	}
	return false
}

// budget reports whether l takes its trips from the run's budget.
func budget(l *ir.NaturalLoop) bool { return l.Header.Loop != nil && l.Header.Loop.Budget }

// runs returns how often a block of loop in runs while l runs once.
func (n *nest) runs(in, l *ir.NaturalLoop) int64 {
	around := int64(1)
	if in != l {
		around = n.runs(in.Parent, l)
	}
	t := n.shape[in].walk + 1
	if budget(in) {
		// One budget for all the times the loop is entered.
		return t + around
	}
	if t > 1<<24 || around > 1<<24 {
		return 1 << 40
	}
	return t * around
}

// weight is how many instructions a value is to the verifier, roughly.
func weight(v *ir.Value) int64 {
	switch v.Op {
	case ir.OpConst, ir.OpPhi, ir.OpArg, ir.OpCopy, ir.OpNonNull, ir.OpSlotAddr, ir.OpMapRef, ir.OpGlobalAddr, ir.OpFuncRef, ir.OpKfuncAddr, ir.OpPktGen:
		return 0
	case ir.OpPktCheck:
		return 4
	case ir.OpPktLoad, ir.OpPktStore, ir.OpPktLen, ir.OpOpaque:
		return 3
	case ir.OpSDiv, ir.OpSMod:
		return 10
	case ir.OpCall:
		return 6
	case ir.OpCallFunc:
		return 60
	}
	return 1
}

// carried marks what depends on a value that is carried round l, or a loop in
// it, and that the verifier doesn't know. Stack contents are carried too.
func (n *nest) carried(l *ir.NaturalLoop) []bool {
	mark := make([]bool, n.f.NumValues())
	header := map[*ir.Block]bool{}
	for _, x := range n.loops.All {
		if x == l || n.loops.Contains(l, x.Header) {
			header[x.Header] = true
		}
	}
	for changed := true; changed; {
		changed = false
		for _, b := range l.Blocks {
			for _, v := range b.Values {
				m := v.Op == ir.OpPhi && header[b] && !n.known[v.ID] ||
					v.Op == ir.OpLoad && v.Mem().Region == ir.RegionStack
				for _, a := range v.Args {
					m = m || mark[a.ID] && !v.Op.Info().Reads
				}
				if m && !mark[v.ID] {
					mark[v.ID] = true
					changed = true
				}
			}
		}
	}
	return mark
}

// native decides whether l can stay a loop, and what that costs the verifier.
// The loops in it must be native: before 6.8 the verifier can take the second
// time that it comes to a callback's body for a loop without an end, as it
// compares the registers of the callback only.
func (n *nest) native(l *ir.NaturalLoop, callback map[*ir.NaturalLoop]bool, limit int64) (int64, bool) {
	s := n.shape[l]
	if _, walk := walkOf(l); walk || s.trips < 0 || !s.follows || s.trips > plainFactor*limit {
		return 0, false
	}
	for _, c := range l.Children {
		if callback[c] {
			return 0, false
		}
	}
	c := loopCost{n: n, l: l, mark: n.carried(l), value: n.materialised(l), apart: n.refs && !n.old && acquire(l.Blocks)}
	for _, b := range l.Blocks {
		c.block(b, n.loops.Of(b))
	}
	if c.forks > maxForks {
		return 0, false
	}
	cost := c.insns * (1 + c.data) << c.forks
	if c.data == 0 && c.forks == 0 {
		limit *= plainFactor
	}
	return cost, cost <= limit && c.pending <= maxPending
}

// loopCost sums up what the verifier does for a loop.
type loopCost struct {
	n     *nest
	l     *ir.NaturalLoop
	mark  []bool // carried and unknown, by value ID
	value []bool // Bools that become numbers
	apart bool   // no paths merge

	insns   int64
	data    int64 // branches on what is not carried
	forks   int64 // runs of branches on what is
	pending int64 // runs of branches whose other side waits
}

// block adds a block of the loop in, which is l or inside it.
func (c *loopCost) block(b *ir.Block, in *ir.NaturalLoop) {
	n := c.n
	runs := n.runs(in, c.l)
	w := int64(1)
	for _, v := range b.Values {
		w += weight(v)
		if v.Op.Info().MayLeave {
			c.pending += runs
		}
		if c.value[v.ID] && !n.known[v.ID] {
			c.branch(v, runs)
		}
	}
	c.insns += w * runs
	if b.Kind != ir.BlockIf || n.known[b.Control.ID] {
		return
	}
	if x := n.shape[in].clamp; x == nil || x.test != b {
		c.pending += runs // not where the way out falls through (loopclamp.go)
	}
	if n.loops.Contains(c.l, b.Succs[0].B) && n.loops.Contains(c.l, b.Succs[1].B) {
		c.branch(b.Control, runs)
	}
}

// branch counts a branch. Whether an address is null the verifier knows of each
// state by itself, and states that differ in no more than that are two.
func (c *loopCost) branch(cond *ir.Value, runs int64) {
	if c.apart || c.mark[cond.ID] && !isNilTest(cond) {
		c.forks += runs
	} else {
		c.data++
	}
}

// materialised marks comparisons in l that are needed as 0 or 1.
func (n *nest) materialised(l *ir.NaturalLoop) []bool {
	mark := make([]bool, n.f.NumValues())
	for _, b := range l.Blocks {
		for _, v := range b.Values {
			if v.Op == ir.OpNot {
				continue
			}
			for _, a := range v.Args {
				switch a.Op {
				case ir.OpEq, ir.OpNe, ir.OpULt, ir.OpULe, ir.OpSLt, ir.OpSLe:
					mark[a.ID] = true
				}
			}
		}
	}
	return mark
}
