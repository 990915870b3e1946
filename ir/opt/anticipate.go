package opt

import (
	"maps"

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

// need is a number of bytes by base, nil for the packet's start. A nil need is
// infinite.
type need map[*ir.Value]int64

// maxBases is how many bases a function may have, or only the packet's start is
// followed; maxRounds bounds the dataflow, whatever the loops.
const (
	maxBases  = 64
	maxRounds = 64
)

// anticipateChecks is the pass "anticipate".
func anticipateChecks(c *Context, f *ir.Func) {
	if f.Kind == nil || f.Kind.Packet == kernel.SkbLoad || f.Kind.Packet == kernel.SkbDynptr || f.Short == nil || !onlyReturns(f.Short) {
		return
	}
	in := make([]need, f.NumBlocks())
	rpo := c.space.dominators(f).RPO
	checkEnd := followed(f)
	for round, changed := 0, true; changed; round++ {
		if round == maxRounds {
			return
		}
		changed = false
		for i := len(rpo) - 1; i >= 0; i-- {
			b := rpo[i]
			n := needBehind(f, in, b)
			for k := len(b.Values) - 1; k >= 0; k-- {
				n = n.before(b.Values[k], checkEnd)
			}
			if n != nil && (in[b.ID] == nil || !maps.Equal(n, in[b.ID])) {
				in[b.ID], changed = n, true
			}
		}
	}
	for _, b := range rpo {
		n := needBehind(f, in, b)
		for k := len(b.Values) - 1; k >= 0; k-- {
			v := b.Values[k]
			n = n.before(v, checkEnd)
			if base, end, ok := checkEnd(v); ok && n[base] > end && c.Change("check") {
				m := *v.Mem()
				m.Size += int32(n[base] - end)
				v.Aux = &m
			}
		}
	}
}

// checkEnds is checkEnd for the bases that are followed.
type checkEnds func(v *ir.Value) (base *ir.Value, end int64, ok bool)

// followed returns the checks to look at.
func followed(f *ir.Func) checkEnds {
	bases := map[*ir.Value]bool{}
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			if base, _, ok := checkEnd(v); ok {
				bases[base] = true
			}
		}
	}
	if len(bases) <= maxBases {
		return checkEnd
	}
	return func(v *ir.Value) (*ir.Value, int64, bool) {
		base, end, ok := checkEnd(v)
		return nil, end, ok && base == nil
	}
}

// needBehind is the need at b's end.
func needBehind(f *ir.Func, in []need, b *ir.Block) need {
	if b.Kind == ir.BlockRet {
		if sameReturn(b.Control, f.Short.Control) {
			return nil
		}
		return need{}
	}
	if len(b.Succs) == 0 {
		return need{}
	}
	var n need
	for _, e := range b.Succs {
		n = least(n, in[e.B.ID])
	}
	return n
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

// least returns what both sides of a branch need.
func least(m, n need) need {
	switch {
	case m == nil:
		return n
	case n == nil:
		return m
	}
	out := need{}
	for base, x := range m {
		if y := n[base]; y > 0 {
			out[base] = min(x, y)
		}
	}
	return out
}

// before is the need in front of v, if n is the need behind it.
func (n need) before(v *ir.Value, checkEnd checkEnds) need {
	base, end, ok := checkEnd(v)
	switch {
	case ok && n != nil && n[base] < end:
		out := maps.Clone(n)
		out[base] = end
		return out
	case ok:
		return n
	case v.Op == ir.OpPktGen && n != nil, observable(v):
		return need{}
	}
	if _, ok := n[v]; ok { // the base is computed here
		out := maps.Clone(n)
		delete(out, v)
		return out
	}
	return n
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
