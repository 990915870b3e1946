package opt

import (
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// What a value does to memory, derived from the op and helper tables. Every
// pass that drops, merges or moves a value asks here.

// regions is a set of regions, one bit each.
type regions uint16

const allRegions = ^regions(0)

func region(r ir.Region) regions { return 1 << r }

// has reports whether the sets overlap.
func (s regions) has(t regions) bool { return s&t != 0 }

// observed is every region that someone besides the function sees.
const observed = allRegions &^ (1 << ir.RegionStack)

// reads returns the regions v may load from. A value that may leave reads all
// but the stack: whoever runs next sees them.
func reads(v *ir.Value) regions {
	info := v.Op.Info()
	switch {
	case v.Op == ir.OpCall:
		return helperReads(v.Aux.(*kernel.Helper))
	case v.Op == ir.OpCallFunc:
		return allRegions
	case v.Op == ir.OpLdAbs || v.Op == ir.OpLdInd || info.MayLeave:
		return observed
	case info.Reads:
		return region(v.Mem().Region)
	case v.Op == ir.OpPktGen:
		return region(ir.RegionCtx)
	}
	return 0
}

// writes returns the regions v may store to.
func writes(v *ir.Value) regions {
	switch {
	case v.Op == ir.OpCall:
		return callWrites(v) &^ region(ir.RegionConst)
	case v.Op == ir.OpCallFunc:
		return allRegions &^ region(ir.RegionConst)
	case v.Op.Info().Writes:
		return region(v.Mem().Region)
	}
	return 0
}

func helperReads(h *kernel.Helper) regions {
	var s regions
	for _, a := range h.Args {
		if a.Info().Reads {
			s = allRegions // whichever the pointer is into
		}
	}
	if h.Effects&kernel.EffectReadsMaps != 0 {
		s |= region(ir.RegionMap)
	}
	if h.Effects&(kernel.EffectCallback|kernel.EffectOutput) != 0 {
		s |= allRegions
	}
	return s
}

// callWrites takes the region of a buffer that the helper fills from where its
// address comes from: a slot of ours, or anything writable.
func callWrites(v *ir.Value) regions {
	h := v.Aux.(*kernel.Helper)
	var s regions
	for i, a := range h.Args {
		switch {
		case a == kernel.ArgFrame:
			return allRegions
		case a == kernel.ArgRecord:
			s |= region(ir.RegionRecord)
		case !a.Info().Writes:
		case slotOf(v.Args[i]) != nil:
			s |= region(ir.RegionStack)
		default:
			s |= allRegions &^ region(ir.RegionCtx)
		}
	}
	if h.Effects&kernel.EffectWritesMaps != 0 {
		s |= region(ir.RegionMap)
	}
	if h.Effects&kernel.EffectMovesPacket != 0 {
		s |= region(ir.RegionPacket) | region(ir.RegionCtx)
	}
	if h.Effects&kernel.EffectCallback != 0 {
		s = allRegions
	}
	return s
}

// observable reports whether someone besides the function's own stack can tell
// whether v ran: what must not move over a value that may leave.
func observable(v *ir.Value) bool {
	switch v.Op {
	case ir.OpCallFunc:
		return true
	case ir.OpCall:
		const seen = kernel.EffectOutput | kernel.EffectMovesPacket | kernel.EffectCallback
		if v.Aux.(*kernel.Helper).Effects&seen != 0 {
			return true
		}
	}
	return writes(v).has(observed)
}

// removable reports whether v may be dropped when nothing uses it.
func removable(v *ir.Value) bool {
	if v.Op.Info().Writes {
		return false
	}
	switch v.Op {
	case ir.OpLdAbs, ir.OpLdInd, ir.OpCallFunc:
		return false
	case ir.OpCall:
		h := v.Aux.(*kernel.Helper)
		if h.Effects&(kernel.EffectWritesMaps|kernel.EffectMovesPacket|kernel.EffectOutput|kernel.EffectCallback) != 0 {
			return false
		}
		return !h.Fills()
	}
	return !v.Op.Info().MayLeave
}

// forVerifier reports whether v may be there for the kernel's verifier: in the
// low phase, an ordered comparison of numbers. What the compiler knows of them
// from elsewhere, the verifier may not know here, in this register; before
// 5.11 it forgets the bounds of a number that was spilled.
func forVerifier(v *ir.Value) bool {
	switch v.Op {
	case ir.OpULt, ir.OpULe, ir.OpSLt, ir.OpSLe:
		return v.Block.Func.Phase == ir.PhaseLow && v.Args[0].Type == ir.I64
	}
	return false
}

// place splits an address into the value it starts from and a constant number
// of bytes behind it.
func place(p *ir.Value) (base *ir.Value, off int64) {
	for {
		switch p.Op {
		case ir.OpCopy, ir.OpNonNull:
			p = p.Args[0]
		case ir.OpPtrAdd:
			c, ok := p.Args[1].IsConst()
			if !ok {
				return p, off
			}
			off += c
			p = p.Args[0]
		default:
			return p, off
		}
	}
}

// slotOf returns the slot that p points into, or nil if that is not to be seen.
func slotOf(p *ir.Value) *ir.Slot {
	base, _ := place(p)
	if base.Op == ir.OpSlotAddr {
		return base.Aux.(*ir.Slot)
	}
	for base.Op == ir.OpPtrAdd {
		base, _ = place(base.Args[0])
		if base.Op == ir.OpSlotAddr {
			return base.Aux.(*ir.Slot)
		}
	}
	return nil
}
