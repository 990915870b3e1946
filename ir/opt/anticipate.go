package opt

import (
	"math"

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
// Definitions. The need at a point is the greatest n such that from there on,
// with a packet of less than n bytes, the function leaves or returns what Short
// returns, and does nothing observable before. Behind a return of the same
// constant it is infinite, before anything observable 0; a check at a constant
// offset raises it to the check's end; a branch has the least need of its sides;
// a new generation is another packet, of which a finite need says nothing.
// A check behind a variable offset may leave or not: it changes nothing.
//
// Method: backward dataflow to the greatest fixed point, then each check grows
// to the need in front of it. Not where LD_ABS reads the packet: there a check
// costs nothing before its load, and a greater one would be another load.

// need is a number of bytes; anyLength is infinite.
type need int64

const anyLength need = math.MaxInt64

// anticipateChecks is the pass "anticipate".
func anticipateChecks(c *Context, f *ir.Func) {
	if f.Kind == nil || f.Kind.Packet == kernel.SkbLoad || f.Short == nil || !onlyReturns(f.Short) {
		return
	}
	in := make([]need, f.NumBlocks())
	for i := range in {
		in[i] = anyLength
	}
	rpo := ir.Dominators(f).RPO
	for changed := true; changed; {
		changed = false
		for i := len(rpo) - 1; i >= 0; i-- {
			b := rpo[i]
			n := needBehind(f, in, b)
			for k := len(b.Values) - 1; k >= 0; k-- {
				n = n.before(b.Values[k])
			}
			if n != in[b.ID] {
				in[b.ID], changed = n, true
			}
		}
	}
	for _, b := range rpo {
		n := needBehind(f, in, b)
		for k := len(b.Values) - 1; k >= 0; k-- {
			v := b.Values[k]
			n = n.before(v)
			if end, ok := checkEnd(v); ok && n > need(end) && n <= maxPacket && c.Change("check") {
				m := *v.Mem()
				m.Size += int32(int64(n) - end)
				v.Aux = &m
			}
		}
	}
}

// needBehind is the need at b's end.
func needBehind(f *ir.Func, in []need, b *ir.Block) need {
	if b.Kind == ir.BlockRet {
		x, y := b.Control, f.Short.Control
		if x == nil || y == nil {
			if x == y {
				return anyLength
			}
			return 0
		}
		k, ok := x.IsConst()
		if same, _ := y.IsConst(); ok && k == same {
			return anyLength
		}
		return 0
	}
	if len(b.Succs) == 0 {
		return 0
	}
	n := anyLength
	for _, e := range b.Succs {
		n = min(n, in[e.B.ID])
	}
	return n
}

// before is the need in front of v, if n is the need behind it.
func (n need) before(v *ir.Value) need {
	switch end, ok := checkEnd(v); {
	case ok:
		return max(n, need(end))
	case v.Op == ir.OpPktGen:
		if n != anyLength {
			return 0
		}
	case observable(v):
		return 0
	}
	return n
}

// checkEnd returns how many bytes a check at a constant offset asks for.
func checkEnd(v *ir.Value) (int64, bool) {
	if v.Op != ir.OpPktCheck {
		return 0, false
	}
	p := packetSpan(v)
	return p.hi, p.base == nil && p.lo >= 0 && p.hi <= maxPacket
}
