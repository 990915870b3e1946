package opt

import (
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Results that the verifier sees in bounds.
//
// The verifier limits what some kinds of programs return. The front end accepts
// a result whose range it can prove, but it knows more than the verifier does:
// ranges through byte swaps, divisions and loops; and other passes may turn
// "swap, then mask" into "mask, then swap", of which old kernels know nothing.
// A result that is not in bounds by its own last operations gets a bound, which
// is the identity. The pass comes last: to others the bound says nothing.

// boundResults is the pass "verdicts".
func boundResults(c *Context, f *ir.Func) {
	if f.Kind == nil || f.Kind.Ret == nil || f.Kind.Ret.Fixed() {
		return
	}
	bounds := f.Kind.Ret
	for _, b := range f.Blocks {
		v := b.Control
		if b.Kind != ir.BlockRet || v == nil || seenWithin(v, bounds, 0) || !c.Change("bound") {
			continue
		}
		at := endOf(b, v.Pos)
		if bounds.Min != 0 {
			v = at.op(ir.OpSub, ir.I64, v, at.konst(bounds.Min))
		}
		v = at.op(ir.OpBound, ir.I64, v)
		v.AuxInt = bounds.Max - bounds.Min
		if bounds.Min != 0 {
			v = at.op(ir.OpAdd, ir.I64, v, at.konst(bounds.Min))
		}
		b.SetControl(v)
	}
}

// seenWithin reports whether every supported kernel's verifier sees by v's own
// computation that it is in bounds.
func seenWithin(v *ir.Value, bounds *kernel.Bounds, depth int) bool {
	const far = 8 // joins to look through
	switch v.Op {
	case ir.OpConst:
		return v.AuxInt >= bounds.Min && v.AuxInt <= bounds.Max
	case ir.OpBoolToInt:
		return bounds.Min <= 0 && bounds.Max >= 1
	case ir.OpPhi:
		for _, a := range v.Args {
			if depth == far || !seenWithin(a, bounds, depth+1) {
				return false
			}
		}
		return true
	}
	most, ok := ir.EvidentMax(v)
	return ok && bounds.Min <= 0 && int64(most) >= 0 && int64(most) <= bounds.Max
}
