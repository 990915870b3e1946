package lower

import (
	"math"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// How often a loop runs at most.
//
// A loop has a bound if a test that every trip passes leaves it, and what is
// tested comes closer to leaving with every trip. Two shapes are recognised:
//
//   - A counter: a phi of the header that each way through the loop moves by an
//     amount of known bounds in one direction, compared with a number that the loop
//     does not change. The bound follows from the ranges of its start and of
//     that number, if the counter can't pass the end of the numbers on the way.
//   - A shrinking number: a phi that becomes itself shifted right, divided by a
//     constant, or without its lowest bit, tested against 0. It takes 64 trips.
//
// The test's block must be on every way from the header to the back edge, which
// is looked for by a walk that avoids it. Cost: the size of the loop for each
// branch that leaves it.

// maxBound returns the trips that a loop of known bound may have on the target:
// what the kernel's loop helpers run (ir/opt/loopform.go).
func (lw *lowerer) maxBound() int64 {
	if lw.opts.Kernel.Before(kernel.Version{Major: 5, Minor: 17}) {
		return 1<<24 - 1
	}
	return 1<<46 - 1
}

// boundOf returns the most trips of the loop at header, which has just been
// built: it has one back edge at most.
func (lw *lowerer) boundOf(header *ir.Block) (int64, bool) {
	switch len(header.Preds) {
	case 1:
		return 0, true
	case 2:
	default:
		return 0, false
	}
	t := &tripper{header: header, latch: header.Preds[1].B, in: map[*ir.Block]bool{header: true}}
	t.collect()
	best, found := int64(0), false
	for b := range t.blocks {
		x, ok := t.exit(t.blocks[b])
		if !ok {
			continue
		}
		if n, ok := t.trips(x); ok && n <= lw.maxBound() && (!found || n < best) {
			best, found = n, true
		}
	}
	return best, found
}

// tripper looks for the bound of one loop.
type tripper struct {
	header, latch *ir.Block
	blocks        []*ir.Block // of the loop, from the latch back
	in            map[*ir.Block]bool
}

// collect finds the loop's blocks: those that come to the latch.
func (t *tripper) collect() {
	work := []*ir.Block{t.latch}
	for len(work) > 0 {
		b := work[len(work)-1]
		work = work[:len(work)-1]
		if t.in[b] {
			continue
		}
		t.in[b] = true
		t.blocks = append(t.blocks, b)
		for _, p := range b.Preds {
			work = append(work, p.B)
		}
	}
	t.blocks = append(t.blocks, t.header)
}

// stay is the test of an exit: the loop goes on while x op y.
type stay struct {
	op   ir.Op
	x, y *ir.Value
}

// exit returns the test by which b leaves the loop, if every trip passes it.
func (t *tripper) exit(b *ir.Block) (stay, bool) {
	if b.Kind != ir.BlockIf || t.in[b.Succs[0].B] == t.in[b.Succs[1].B] || t.avoids(b) {
		return stay{}, false
	}
	c, yes := b.Control, t.in[b.Succs[0].B]
	for c.Op == ir.OpNot {
		c, yes = c.Args[0], !yes
	}
	if len(c.Args) != 2 || c.Args[0].Type != ir.I64 {
		return stay{}, false
	}
	s := stay{c.Op, c.Args[0], c.Args[1]}
	if yes {
		return s, true
	}
	swap := map[ir.Op]ir.Op{ir.OpULt: ir.OpULe, ir.OpULe: ir.OpULt, ir.OpSLt: ir.OpSLe, ir.OpSLe: ir.OpSLt}
	switch c.Op {
	case ir.OpEq:
		s.op = ir.OpNe
	case ir.OpNe:
		s.op = ir.OpEq
	default:
		op, ok := swap[c.Op]
		return stay{op, s.y, s.x}, ok
	}
	return s, true
}

// avoids reports whether there is a way from the header to the latch around b.
func (t *tripper) avoids(b *ir.Block) bool {
	if b == t.header || b == t.latch {
		return false
	}
	seen := map[*ir.Block]bool{b: true, t.header: true}
	work := []*ir.Block{t.header}
	for len(work) > 0 {
		x := work[len(work)-1]
		work = work[:len(work)-1]
		for _, e := range x.Succs {
			if e.B == t.latch {
				return true
			}
			if t.in[e.B] && !seen[e.B] {
				seen[e.B] = true
				work = append(work, e.B)
			}
		}
	}
	return t.header == t.latch
}

// trips bounds how often s holds.
func (t *tripper) trips(s stay) (int64, bool) {
	switch s.op {
	case ir.OpSLt, ir.OpSLe, ir.OpULt, ir.OpULe:
		if n, ok := t.counts(s, s.x, s.y, true); ok {
			return n, true
		}
		if n, ok := t.counts(s, s.y, s.x, false); ok {
			return n, true
		}
		// 0 < x, or 1 <= x
		if c, ok := s.x.IsConst(); ok && (c == 0 && s.op != ir.OpSLe && s.op != ir.OpULe || c == 1 && (s.op == ir.OpSLe || s.op == ir.OpULe)) && t.shrinks(s.y, s.op == ir.OpSLt || s.op == ir.OpSLe) {
			return 64, true
		}
	case ir.OpNe:
		for _, side := range [][2]*ir.Value{{s.x, s.y}, {s.y, s.x}} {
			if n, ok := t.countsTo(side[0], side[1]); ok {
				return n, true
			}
			if c, ok := side[1].IsConst(); ok && c == 0 && t.shrinks(side[0], false) {
				return 64, true
			}
		}
	}
	return 0, false
}

// maxStep bounds by how much a trip may move a counter.
const maxStep = 1 << 32

// moves returns by how much v, computed in the loop, differs from phi at least
// and at most.
func (t *tripper) moves(v, phi *ir.Value, depth int) (d interval, ok bool) {
	switch {
	case v == phi:
		return interval{}, true
	case depth == 0 || !t.in[v.Block]:
		return d, false
	case v.Op == ir.OpPhi && v.Block != t.header:
		d = interval{maxStep, -maxStep}
		for _, a := range v.Args {
			x, ok := t.moves(a, phi, depth-1)
			if !ok {
				return d, false
			}
			d = interval{min(d.lo, x.lo), max(d.hi, x.hi)}
		}
		return d, true
	case v.Op == ir.OpAdd || v.Op == ir.OpSub:
		by := spanOf(v.Args[1], 4)
		d, ok = t.moves(v.Args[0], phi, depth-1)
		if !ok && v.Op == ir.OpAdd {
			by = spanOf(v.Args[0], 4)
			d, ok = t.moves(v.Args[1], phi, depth-1)
		}
		if !ok || by.lo < -maxStep || by.hi > maxStep {
			return d, false
		}
		if v.Op == ir.OpSub {
			by = interval{-by.hi, -by.lo}
		}
		d = interval{d.lo + by.lo, d.hi + by.hi}
		return d, d.lo >= -maxStep && d.hi <= maxStep
	}
	return d, false
}

// counter returns the phi of the header that x is a constant distance from at
// the test, that distance, and by how much a trip changes the phi.
func (t *tripper) counter(x *ir.Value) (phi *ir.Value, at, step interval, ok bool) {
	for _, phi := range t.header.Phis() {
		if phi.Type != ir.I64 {
			continue
		}
		if at, ok = t.moves(x, phi, 8); !ok {
			continue
		}
		step, ok = t.moves(phi.Args[1], phi, 8)
		return phi, at, step, ok
	}
	return nil, at, step, false
}

// counts bounds the trips of "x < bound" (up) or "bound < x", or with "<=".
func (t *tripper) counts(s stay, x, bound *ir.Value, up bool) (int64, bool) {
	phi, at, step, ok := t.counter(x)
	if !ok || !t.invariant(bound, 8) || up && step.lo <= 0 || !up && step.hi >= 0 {
		return 0, false
	}
	start, limit := span(phi.Args[0]), span(bound)
	signed := s.op == ir.OpSLt || s.op == ir.OpSLe
	// What is compared must not come to the end of the numbers, and unsigned
	// not pass 0, where "less" turns round.
	const end = math.MaxInt64/2 - 1<<34
	if max(abs(start.lo), abs(start.hi), abs(limit.lo), abs(limit.hi)) > end {
		return 0, false
	}
	start = interval{start.lo + at.lo, start.hi + at.hi}
	if !signed && (start.lo < 0 || limit.lo < 0) {
		return 0, false
	}
	far, slow := limit.hi-start.lo, step.lo
	if !up {
		far, slow = start.hi-limit.lo, -step.hi
		least := -step.lo
		if s.op == ir.OpULt {
			least--
		}
		if !signed && (limit.lo < least || at.lo != at.hi) {
			return 0, false
		}
	}
	if s.op == ir.OpSLe || s.op == ir.OpULe {
		far++
	}
	if far <= 0 {
		return 0, true
	}
	return (far + slow - 1) / slow, true
}

// countsTo bounds the trips of "x ~= bound".
func (t *tripper) countsTo(x, bound *ir.Value) (int64, bool) {
	phi, at, step, ok := t.counter(x)
	if !ok || !t.invariant(bound, 8) || at.lo != at.hi || step.lo != step.hi || step.lo == 0 {
		return 0, false
	}
	by := step.lo
	const far = 1 << 48
	start, limit := span(phi.Args[0]), span(bound)
	if max(abs(start.lo), abs(start.hi), abs(limit.lo), abs(limit.hi)) > far {
		return 0, false
	}
	start = interval{start.lo + at.lo, start.hi + at.lo}
	exact := start.lo == start.hi && limit.lo == limit.hi
	switch {
	case by != 1 && by != -1 && !exact:
	case by > 0 && start.hi <= limit.lo && (limit.lo-start.lo)%by == 0 || by == 1 && start.hi <= limit.lo:
		return (limit.hi - start.lo) / by, true
	case by < 0 && limit.hi <= start.lo && (start.lo-limit.lo)%-by == 0 || by == -1 && limit.hi <= start.lo:
		return (start.hi - limit.lo) / -by, true
	}
	return 0, false
}

func abs(x int64) int64 {
	if x < 0 && x != math.MinInt64 {
		return -x
	}
	if x == math.MinInt64 {
		return math.MaxInt64
	}
	return x
}

// invariant reports whether v is the same in every trip.
func (t *tripper) invariant(v *ir.Value, depth int) bool {
	if !t.in[v.Block] || v.Op == ir.OpConst {
		return true
	}
	info := v.Op.Info()
	if depth == 0 || !info.Pure || info.Pinned {
		return false
	}
	for _, a := range v.Args {
		if !t.invariant(a, depth-1) {
			return false
		}
	}
	return true
}

// shrinks reports whether v, or what a trip makes of it, comes to 0 within 64
// trips; positive: the loop stays only while v is above 0.
func (t *tripper) shrinks(v *ir.Value, positive bool) bool {
	for _, phi := range t.header.Phis() {
		if phi.Type != ir.I64 || v != phi && v != phi.Args[1] {
			continue
		}
		next := phi.Args[1]
		for next.Op == ir.OpPhi && next.Block != t.header && len(next.Args) == 1 {
			next = next.Args[0]
		}
		return smaller(next, phi, positive)
	}
	return false
}

// smaller reports whether next is phi with fewer bits.
func smaller(next, phi *ir.Value, positive bool) bool {
	if len(next.Args) != 2 {
		return false
	}
	x, y := next.Args[0], next.Args[1]
	c, isConst := y.IsConst()
	switch next.Op {
	case ir.OpLShr:
		return x == phi && isConst && c&63 > 0
	case ir.OpAShr:
		return x == phi && isConst && c&63 > 0 && positive
	case ir.OpUDiv:
		return x == phi && isConst && uint64(c) >= 2
	case ir.OpSDiv:
		return x == phi && isConst && (c >= 2 || c <= -2)
	case ir.OpAnd:
		for i, a := range next.Args {
			if b := next.Args[1-i]; a == phi && (b.Op == ir.OpSub && b.Args[0] == phi && constArg(b, 1) && b.Args[1].AuxInt == 1 ||
				b.Op == ir.OpAdd && b.Args[0] == phi && constArg(b, 1) && b.Args[1].AuxInt == -1) {
				return true
			}
		}
	}
	return false
}

// interval is what is known of a number, as an int64.
type interval struct{ lo, hi int64 }

// span derives an interval from how v is computed, a few steps back.
func span(v *ir.Value) interval { return spanOf(v, 6) }

func spanOf(v *ir.Value, depth int) interval {
	all := interval{math.MinInt64, math.MaxInt64}
	if c, ok := v.IsConst(); ok {
		return interval{c, c}
	}
	if depth == 0 {
		return all
	}
	arg := func(i int) interval { return spanOf(v.Args[i], depth-1) }
	small := func(x interval) bool { return x.lo > -1<<61 && x.hi < 1<<61 }
	switch v.Op {
	case ir.OpLoad, ir.OpPktLoad:
		if m := v.Mem(); v.Type == ir.I64 && m.Size < 8 {
			if m.Signed {
				return interval{-1 << (8*m.Size - 1), 1<<(8*m.Size-1) - 1}
			}
			return interval{0, 1<<(8*m.Size) - 1}
		}
	case ir.OpPktLen:
		return interval{0, math.MaxUint32}
	case ir.OpZext:
		return interval{0, 1<<v.AuxInt - 1}
	case ir.OpSext:
		return interval{-1 << (v.AuxInt - 1), 1<<(v.AuxInt-1) - 1}
	case ir.OpToBE:
		if v.AuxInt < 64 {
			return interval{0, 1<<v.AuxInt - 1}
		}
	case ir.OpBoolToInt:
		return interval{0, 1}
	case ir.OpAnd:
		x, y := arg(0), arg(1)
		if y.lo < 0 || x.lo >= 0 && x.hi < y.hi {
			x, y = y, x
		}
		if y.lo >= 0 {
			return interval{0, y.hi}
		}
	case ir.OpAdd, ir.OpSub:
		x, y := arg(0), arg(1)
		if small(x) && small(y) {
			if v.Op == ir.OpSub {
				y = interval{-y.hi, -y.lo}
			}
			return interval{x.lo + y.lo, x.hi + y.hi}
		}
	case ir.OpMul:
		x, y := arg(0), arg(1)
		if x.lo >= 0 && y.lo >= 0 && x.hi < 1<<31 && y.hi < 1<<31 {
			return interval{x.lo * y.lo, x.hi * y.hi}
		}
	case ir.OpUDiv, ir.OpSDiv:
		if x, y := arg(0), arg(1); x.lo >= 0 && y.lo >= 0 {
			return interval{0, x.hi}
		}
	case ir.OpUMod, ir.OpSMod:
		if x, y := arg(0), arg(1); x.lo >= 0 && y.lo > 0 {
			return interval{0, min(x.hi, y.hi-1)}
		}
	case ir.OpLShr:
		if c, ok := v.Args[1].IsConst(); ok && c&63 > 0 {
			return interval{0, int64(^uint64(0) >> (c & 63))}
		}
	case ir.OpPhi:
		return spanOfPhi(v, depth)
	}
	return all
}

// spanOfPhi joins the arguments, unless v is a loop's that is being built.
func spanOfPhi(v *ir.Value, depth int) interval {
	if len(v.Args) < len(v.Block.Preds) || len(v.Args) == 0 || v.Block.Loop != nil {
		return interval{math.MinInt64, math.MaxInt64}
	}
	out := spanOf(v.Args[0], depth-1)
	for _, a := range v.Args[1:] {
		x := spanOf(a, depth-1)
		out = interval{min(out.lo, x.lo), max(out.hi, x.hi)}
	}
	return out
}

func constArg(v *ir.Value, i int) bool { return v.Args[i].Op == ir.OpConst }
