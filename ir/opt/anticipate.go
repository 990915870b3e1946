package opt

import (
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Anticipated packet checks.
//
// A check of n bytes may ask for more if leaving there, instead of going on
// with a packet that has the n but not the more, makes no difference: if all
// that can follow is to leave later, or to return what leaving returns, with
// nothing in between that anybody observes. Then it asks for all of it, and the
// later checks are covered by it (pass gvn): of the paths through
//
//	if ethertype == IP then proto = ... elseif ethertype == IPv6 then ... else return XDP_PASS
//
// with XDP_PASS for packets that are too short, one check is left.
//
// Definitions. The need at a point, of bytes behind a base, is the greatest n such
// that from there on, with a packet that has less than n bytes there, the
// function leaves or returns what Short returns, and does nothing observable
// before. Behind a return of the same constant it is infinite for all bases,
// before anything observable 0; a check raises that of its base to the check's
// end; a branch has the least need of its sides; a new generation is another
// packet, of which a finite need says nothing, as of a base where it is computed.
//
// Method: backward dataflow to the greatest fixed point, then each check grows
// to the need in front of it. Not where LD_ABS or
// bpf_dynptr_read reads the packet: there a check costs nothing before its load, and
// a greater one would be another load.

// need is a number of bytes by base.
type need struct {
	infinite bool
	of       []int64 // by the base's number; without meaning if infinite
}

// maxBases is how many bases a function may have, or only the packet's start is
// followed; maxRounds bounds the dataflow, whatever the loops.
const (
	maxBases  = 64
	maxRounds = 64
)

type anticipation struct {
	f     *ir.Func
	bases map[*ir.Value]int // the numbers of those that are followed; nil is the packet's start
	in    []need            // at the beginning of blocks, by ID
	now   need              // at the place of a walk
}

// anticipateChecks is the pass "anticipate".
func anticipateChecks(c *Context, f *ir.Func) {
	if f.Kind == nil || f.Kind.Packet == kernel.SkbLoad || f.Kind.Packet == kernel.SkbDynptr || f.Short == nil || !onlyReturns(f.Short) {
		return
	}
	bases := followed(f)
	if len(bases) == 0 {
		return
	}
	a := newAnticipation(f, bases)
	rpo := c.space.dominators(f).RPO
	for round, changed := 0, true; changed; round++ {
		if round == maxRounds {
			return
		}
		changed = false
		for i := len(rpo) - 1; i >= 0; i-- {
			b := rpo[i]
			a.behind(b)
			for k := len(b.Values) - 1; k >= 0; k-- {
				a.before(b.Values[k])
			}
			changed = a.in[b.ID].sink(a.now) || changed
		}
	}
	for _, b := range rpo {
		a.behind(b)
		for k := len(b.Values) - 1; k >= 0; k-- {
			v := b.Values[k]
			a.before(v)
			if i, end, ok := a.check(v); ok && !a.now.infinite && a.now.of[i] > end && c.Change("check") {
				m := *v.Mem()
				m.Size += int32(a.now.of[i] - end)
				v.Aux = &m
			}
		}
	}
}

func newAnticipation(f *ir.Func, bases map[*ir.Value]int) *anticipation {
	a := &anticipation{f: f, bases: bases, in: make([]need, f.NumBlocks())}
	n := len(bases)
	of := make([]int64, n*(len(f.Blocks)+1))
	for _, b := range f.Blocks {
		a.in[b.ID], of = need{true, of[:n:n]}, of[n:]
	}
	a.now.of = of
	return a
}

// followed numbers the bases of checks that are looked at.
func followed(f *ir.Func) map[*ir.Value]int {
	var bases map[*ir.Value]int
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			base, _, ok := checkEnd(v)
			if !ok {
				continue
			}
			if bases == nil {
				bases = map[*ir.Value]int{}
			}
			if _, known := bases[base]; !known {
				bases[base] = len(bases)
			}
		}
	}
	if len(bases) > maxBases {
		return map[*ir.Value]int{nil: 0}
	}
	return bases
}

// check is checkEnd for the bases that are followed, with the base's number.
func (a *anticipation) check(v *ir.Value) (i int, end int64, ok bool) {
	base, end, ok := checkEnd(v)
	if ok {
		i, ok = a.bases[base]
	}
	return i, end, ok
}

// behind moves to b's end.
func (a *anticipation) behind(b *ir.Block) {
	switch {
	case b.Kind == ir.BlockRet && sameReturn(b.Control, a.f.Short.Control):
		a.now.infinite = true
		return
	case b.Kind == ir.BlockRet || len(b.Succs) == 0:
		a.now.forget()
		return
	}
	a.now.infinite = true
	for _, e := range b.Succs {
		a.now.sink(a.in[e.B.ID])
	}
}

// sameReturn reports whether x and y are one constant, or both nothing.
func sameReturn(x, y *ir.Value) bool {
	if x == nil || y == nil {
		return x == y
	}
	k, ok := x.IsConst()
	same, _ := y.IsConst()
	return ok && k == same
}

// forget makes n nothing.
func (n *need) forget() {
	n.infinite = false
	clear(n.of)
}

// sink makes n what both n and m are at least, and reports whether n changed.
func (n *need) sink(m need) (changed bool) {
	switch {
	case m.infinite:
		return false
	case n.infinite:
		n.infinite = false
		copy(n.of, m.of)
		return true
	}
	for i, x := range m.of {
		if x < n.of[i] {
			n.of[i], changed = x, true
		}
	}
	return changed
}

// before moves from behind v to the place in front of it.
func (a *anticipation) before(v *ir.Value) {
	n := &a.now
	if i, end, ok := a.check(v); ok {
		if !n.infinite {
			n.of[i] = max(n.of[i], end)
		}
		return
	}
	switch {
	case v.Op == ir.OpPktGen && !n.infinite, observable(v):
		n.forget()
	case !n.infinite:
		if i, ok := a.bases[v]; ok { // the base is computed here
			n.of[i] = 0
		}
	}
}

// checkEnd returns the base of a check, and how many bytes behind it the check
// asks for.
func checkEnd(v *ir.Value) (base *ir.Value, end int64, ok bool) {
	if v.Op != ir.OpPktCheck {
		return nil, 0, false
	}
	p := packetSpan(v)
	return p.base, p.hi, p.hi > 0 && p.hi <= maxPacket && (p.base != nil || p.lo >= 0)
}
