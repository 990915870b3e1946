package ir

import "math/bits"

// Ranges: what is known of each number.
//
// The domain is the product of unsigned intervals and known bits: Range says
// Lo <= x <= Hi, that x has no bit of Zero and every bit of One. The two parts
// sharpen each other (norm). Numbers known not to be negative are those with
// Hi below 2^63. Bools are 0 or 1; of addresses only "is not null" is known.
//
// Method: abstract interpretation in static single assignment form. The
// dominator tree is walked in preorder with a current range for each value; a
// block entered by one edge of a branch starts with what the branch proved, and
// takes that back when the walk leaves its subtree. A phi is the join of its
// arguments as their edges have them. Values start empty (not computed yet) and
// only grow; a phi that keeps growing is widened to the next power of two, so
// that the walk ends; two more walks then narrow what widening overshot, which
// is sound because each follows from facts that hold. See Cousot and Cousot
// (1977). Cost: a few times the size of the function.
//
// EvidentRanges is the weaker analysis of what every supported kernel's
// verifier derives by itself: no branches, no phis, no quotients, no byte
// swaps. A test whose only purpose is to convince the verifier must not be
// dropped on stronger grounds.

// Range is what is known of one number.
type Range struct {
	Lo, Hi    uint64
	Zero, One uint64
}

// fullRange is no knowledge; emptyRange has no number.
var (
	fullRange  = Range{Hi: ^uint64(0)}
	emptyRange = Range{Lo: 1}
)

// FullRange returns the range of a number of which nothing is known.
func FullRange() Range { return fullRange }

// ConstRange returns the range of x alone.
func ConstRange(x uint64) Range { return Range{Lo: x, Hi: x, Zero: ^x, One: x} }

// Interval returns the range from lo to hi.
func Interval(lo, hi uint64) Range { return Range{Lo: lo, Hi: hi}.norm() }

// Empty reports whether no number is in the range: the place is not reached.
func (r Range) Empty() bool { return r.Lo > r.Hi }

// Const returns the range's only number.
func (r Range) Const() (uint64, bool) { return r.Lo, r.Lo == r.Hi }

// NonNegative reports whether all numbers are below 2^63.
func (r Range) NonNegative() bool { return r.Hi <= 1<<63-1 }

// Has reports whether x is in the range.
func (r Range) Has(x uint64) bool {
	return r.Lo <= x && x <= r.Hi && x&r.Zero == 0 && x&r.One == r.One
}

// norm lets interval and bits sharpen each other.
func (r Range) norm() Range {
	if r.Lo > r.Hi || r.Zero&r.One != 0 {
		return emptyRange
	}
	r.Hi = min(r.Hi, ^r.Zero)
	r.Lo = max(r.Lo, r.One)
	if r.Lo > r.Hi {
		return emptyRange
	}
	common := ^uint64(0)
	if n := bits.Len64(r.Lo ^ r.Hi); n < 64 {
		common <<= n
	} else {
		common = 0
	}
	r.Zero |= ^r.Hi & common
	r.One |= r.Lo & common
	if r.Zero&r.One != 0 {
		return emptyRange
	}
	return r
}

// Join returns what holds of numbers in either range.
func (r Range) Join(s Range) Range {
	switch {
	case r.Empty():
		return s
	case s.Empty():
		return r
	}
	return Range{min(r.Lo, s.Lo), max(r.Hi, s.Hi), r.Zero & s.Zero, r.One & s.One}
}

// Meet returns what holds of numbers in both ranges.
func (r Range) Meet(s Range) Range {
	if r.Empty() || s.Empty() {
		return emptyRange
	}
	return Range{max(r.Lo, s.Lo), min(r.Hi, s.Hi), r.Zero | s.Zero, r.One | s.One}.norm()
}

// signed returns the range's bounds as signed numbers.
func (r Range) signed() (lo, hi int64) {
	if int64(r.Lo) <= int64(r.Hi) {
		return int64(r.Lo), int64(r.Hi)
	}
	return -1 << 63, 1<<63 - 1
}

// signedInterval is the tightest range of the signed interval, full if it
// holds both -1 and 0.
func signedInterval(lo, hi int64) Range {
	switch {
	case lo > hi:
		return emptyRange
	case lo >= 0 || hi < 0:
		return Interval(uint64(lo), uint64(hi))
	}
	return fullRange
}

// Ranges are the ranges of a function's values, as it was when computed.
type Ranges struct {
	f       *Func
	dom     *Dom    // nil if branches prove nothing
	of      []Range // during the walk met with what its path proved
	facts   []fact  // what entering blocks proves, block after block
	factsOf []span  // by block ID: its part of facts
	told    []bool  // by value ID: whether some block has a fact of it
	edges   []Range // of phis by predecessor, phi after phi
	edgesAt []int32 // by value ID of a phi: where its part of edges begins
	grown   []uint8 // by value ID: how often a phi grew
	undo    []fact  // what of was before the walk's path proved more
	scratch []fact
	stack   []rangeFrame
	narrow  bool
	changed bool
}

// fact is a range that holds of a value from some place on.
type fact struct {
	v *Value
	r Range
}

type span struct{ from, to int32 }

// rangeFrame is a block on the walk's path.
type rangeFrame struct {
	b          *Block
	next, undo int
}

// rounds of growth before a phi is widened, and of narrowing at the end.
const (
	growRounds   = 3
	narrowRounds = 2
)

// ComputeRanges computes the ranges of f, whose dominators are d; nil computes
// them, too.
func ComputeRanges(f *Func, d *Dom) *Ranges {
	r := &Ranges{}
	r.Compute(f, d)
	return r
}

// Compute makes r what ComputeRanges returns, in the memory that r has.
func (r *Ranges) Compute(f *Func, d *Dom) {
	if d == nil {
		d = Dominators(f)
	}
	r.reset(f, emptyRange)
	r.dom = d
	r.factsOf = Resize(r.factsOf, f.NumBlocks())
	r.told = Resize(r.told, f.NumValues())
	r.edgesAt = Resize(r.edgesAt, f.NumValues())
	r.grown = Resize(r.grown, f.NumValues())
	for _, b := range d.RPO {
		for _, v := range b.Phis() {
			r.edgesAt[v.ID] = int32(len(r.edges))
			for range v.Args {
				r.edges = append(r.edges, emptyRange)
			}
		}
	}
	if !d.Cyclic() {
		r.walk() // every block after all that leads to it
		return
	}
	for r.changed = true; r.changed; {
		r.changed = false
		r.walk()
	}
	r.narrow = true
	for i := 0; i < narrowRounds; i++ {
		r.walk()
	}
}

// EvidentRanges computes what the kernel's verifier knows without help.
func EvidentRanges(f *Func) *Ranges {
	r := &Ranges{}
	r.ComputeEvident(f, Dominators(f))
	return r
}

// ComputeEvident makes r what EvidentRanges returns, in the memory that r has.
func (r *Ranges) ComputeEvident(f *Func, d *Dom) {
	r.reset(f, fullRange)
	of := func(a *Value) Range { return r.of[a.ID] }
	for _, b := range d.RPO {
		for _, v := range b.Values {
			if evident(v.Op) {
				x := r.transfer(v, of)
				if v.Op != OpMul || x.Hi <= 1<<32-1 { // products of larger numbers are unknown to 5.10
					r.of[v.ID] = x
				}
			}
		}
	}
}

// evident are the ops whose results the verifiers from 5.10 on bound by the
// bounds of their arguments. Comparisons are their results' own bound.
func evident(op Op) bool {
	switch op {
	case OpConst, OpCopy, OpLoad, OpAdd, OpMul, OpAnd, OpOr, OpShl, OpLShr, OpZext, OpBound, OpNonNull, OpSlotAddr, OpMapRef, OpGlobalAddr, OpFuncRef, OpPtrAdd:
		return true
	}
	return false
}

// reset makes all ranges of f x and forgets the rest.
func (r *Ranges) reset(f *Func, x Range) {
	*r = Ranges{f: f, of: Resize(r.of, f.NumValues()), facts: r.facts[:0], factsOf: r.factsOf[:0], told: r.told[:0],
		edges: r.edges[:0], edgesAt: r.edgesAt[:0], grown: r.grown[:0], undo: r.undo[:0], scratch: r.scratch[:0], stack: r.stack[:0]}
	for i := range r.of {
		r.of[i] = x
	}
}

// Resize returns n zeros, in the memory of s if that is enough: passes that run
// often keep their tables.
func Resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/8)
	}
	s = s[:n]
	clear(s)
	return s
}

// Of returns what holds of v wherever it is defined.
func (r *Ranges) Of(v *Value) Range {
	if int(v.ID) >= len(r.of) || r.of[v.ID].Empty() {
		return fullRange
	}
	return r.of[v.ID]
}

// At returns what holds of v in block b, with what the branches on the way to
// b proved.
func (r *Ranges) At(v *Value, b *Block) Range {
	x := r.Of(v)
	if r.dom == nil || b.ID >= len(r.factsOf) || int(v.ID) >= len(r.told) || !r.told[v.ID] {
		return x
	}
	const far = 64 // dominators to look at
	for n := 0; b != nil && n < far; n++ {
		for _, k := range r.facts[r.factsOf[b.ID].from:r.factsOf[b.ID].to] {
			if k.v == v {
				if m := x.Meet(k.r); !m.Empty() {
					x = m
				}
			}
		}
		if b == v.Block {
			break // nothing was proved of it before
		}
		b = r.dom.Idom(b)
	}
	return x
}

// walk visits the dominator tree once, without recursion: trees are deep.
func (r *Ranges) walk() {
	r.facts = r.facts[:0]
	stack := append(r.stack[:0], rangeFrame{b: r.f.Entry(), undo: r.enter(r.f.Entry())})
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if kids := r.dom.Children(top.b); top.next < len(kids) {
			b := kids[top.next]
			top.next++
			stack = append(stack, rangeFrame{b: b, undo: r.enter(b)})
			continue
		}
		r.restore(top.undo)
		stack = stack[:len(stack)-1]
	}
	r.stack = stack
}

// enter computes the values of b and returns how much of undo is to be left on
// leaving its subtree.
func (r *Ranges) enter(b *Block) (mark int) {
	mark = len(r.undo)
	if len(b.Preds) == 1 && b.Preds[0].B.Kind == BlockIf && b != r.f.Short {
		p := b.Preds[0]
		from := len(r.facts)
		r.facts = r.proves(r.facts, p.B.Control, p.I == 0, 0)
		r.factsOf[b.ID] = span{int32(from), int32(len(r.facts))}
		for _, k := range r.facts[from:] {
			r.told[k.v.ID] = true
		}
		r.assume(r.facts[from:])
	}
	now := func(a *Value) Range { return r.of[a.ID] }
	for _, v := range b.Values {
		var x Range
		if v.Op == OpPhi {
			x = emptyRange
			at := r.edgesAt[v.ID]
			for _, e := range r.edges[at : int(at)+len(v.Args)] {
				x = x.Join(e)
			}
		} else {
			x = r.transfer(v, now)
		}
		r.update(v, x)
	}
	for i, e := range b.Succs {
		phis := e.B.Phis()
		if len(phis) == 0 {
			continue
		}
		saved := len(r.undo)
		if b.Kind == BlockIf {
			r.scratch = r.proves(r.scratch[:0], b.Control, i == 0, 0)
			r.assume(r.scratch)
		}
		for _, v := range phis {
			r.edges[int(r.edgesAt[v.ID])+e.I] = r.of[v.Args[e.I].ID]
		}
		r.restore(saved)
	}
	return mark
}

// update sets the range of v to x: joined with what it was while growing, met
// with it while narrowing.
func (r *Ranges) update(v *Value, x Range) {
	old := r.of[v.ID]
	switch {
	case r.narrow:
		if x = old.Meet(x); x.Empty() {
			x = old
		}
	default:
		x = old.Join(x)
		if x == old {
			break
		}
		r.changed = true
		if v.Op == OpPhi {
			if r.grown[v.ID]++; r.grown[v.ID] > growRounds {
				r.grown[v.ID] = growRounds
				x = x.widen(old)
			}
		}
	}
	r.of[v.ID] = x
}

// widen makes sure that a range that grew beyond old can't do so often.
func (r Range) widen(old Range) Range {
	if r.Lo < old.Lo {
		r.Lo = 0
	}
	if r.Hi > old.Hi {
		r.Hi = 1<<bits.Len64(r.Hi) - 1
	}
	return r
}

// assume sharpens the current ranges.
func (r *Ranges) assume(facts []fact) {
	for _, k := range facts {
		r.undo = append(r.undo, fact{k.v, r.of[k.v.ID]})
		r.of[k.v.ID] = r.of[k.v.ID].Meet(k.r)
	}
}

// restore takes back what was assumed since undo had mark elements.
func (r *Ranges) restore(mark int) {
	for i := len(r.undo) - 1; i >= mark; i-- {
		r.of[r.undo[i].v.ID] = r.undo[i].r
	}
	r.undo = r.undo[:mark]
}

// proves appends what follows from c being is.
func (r *Ranges) proves(facts []fact, c *Value, is bool, depth int) []fact {
	facts = append(facts, fact{c, ConstRange(b2u(is))})
	if depth > 8 {
		return facts
	}
	switch c.Op {
	case OpNot:
		return r.proves(facts, c.Args[0], !is, depth+1)
	case OpAnd, OpOr:
		if is == (c.Op == OpAnd) {
			facts = r.proves(facts, c.Args[0], is, depth+1)
			facts = r.proves(facts, c.Args[1], is, depth+1)
		}
		return facts
	case OpEq, OpNe, OpULt, OpULe, OpSLt, OpSLe:
		x, y := c.Args[0], c.Args[1]
		a, b := r.of[x.ID], r.of[y.ID]
		if a.Empty() || b.Empty() {
			return facts
		}
		px, py := compareProves(c.Op, is, a, b)
		facts = append(facts, fact{x, px})
		if y.Op == OpConst && py == b {
			return facts // as of most constants
		}
		return append(facts, fact{y, py})
	}
	return facts
}

// compareProves returns the ranges of x and y after "x op y" came out as is.
func compareProves(op Op, is bool, x, y Range) (Range, Range) {
	switch {
	case op == OpEq && is, op == OpNe && !is:
		m := x.Meet(y)
		return m, m
	case op == OpEq, op == OpNe:
		return x.without(y), y.without(x)
	case !is && op == OpULt:
		y, x = compareProves(OpULe, true, y, x)
	case !is && op == OpULe:
		y, x = compareProves(OpULt, true, y, x)
	case !is && op == OpSLt:
		y, x = compareProves(OpSLe, true, y, x)
	case !is && op == OpSLe:
		y, x = compareProves(OpSLt, true, y, x)
	case op == OpULt:
		if y.Hi == 0 || x.Lo == ^uint64(0) {
			return emptyRange, emptyRange
		}
		return x.Meet(Interval(0, y.Hi-1)), y.Meet(Interval(x.Lo+1, ^uint64(0)))
	case op == OpULe:
		return x.Meet(Interval(0, y.Hi)), y.Meet(Interval(x.Lo, ^uint64(0)))
	default:
		return signedLess(x, y, op == OpSLt)
	}
	return x, y
}

// signedLess is compareProves for x < y or, if not strict, x <= y.
func signedLess(x, y Range, strict bool) (Range, Range) {
	xlo, xhi := x.signed()
	ylo, yhi := y.signed()
	xmax, ymin := yhi, xlo
	if strict {
		if yhi == -1<<63 || xlo == 1<<63-1 {
			return emptyRange, emptyRange
		}
		xmax--
		ymin++
	}
	return x.Meet(signedInterval(xlo, min(xhi, xmax))), y.Meet(signedInterval(max(ylo, ymin), yhi))
}

// without drops the only number of s from the ends of r.
func (r Range) without(s Range) Range {
	c, ok := s.Const()
	switch {
	case !ok:
		return r
	case r.Lo == c && r.Hi == c:
		return emptyRange
	case r.Lo == c:
		r.Lo++
	case r.Hi == c:
		r.Hi--
	}
	return r.norm()
}
