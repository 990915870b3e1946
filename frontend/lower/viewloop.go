package lower

import (
	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/ir"
)

// Pointers into the kernel that change from trip to trip of a loop are carried as
// numbers, and what they point to is read by the helpers: the kernel's verifier
// would have to know a pointer's type in each trip, and loops that become
// callbacks hide from it what they carry.

// carriesView reports whether a loop can carry r.
func carriesView(r Ref) bool { return r.view != nil && (r.Pointer || !isScalarOrArray(r.Type)) }

// carriedView is a variable like k in a trip that has the number n for it.
func (lw *lowerer) carriedView(k Ref, n *ir.Value) Ref {
	out := lw.viewOf(lw.b.NumPtr(n), k.Type, max(k.view.by, byKernel))
	out.Pointer = k.Pointer
	return out
}

// carryView returns v as the number that is carried for a variable like k; ok is
// false if v is of another kind.
func (lw *lowerer) carryView(k Ref, v Value) (n *ir.Value, ok bool) {
	if isNil(v) {
		return lw.b.Const(0), true
	}
	r, isRef := v.(Ref)
	if !isRef || !carriesView(r) || r.Pointer != k.Pointer || (r.view.by == byUser) != (k.view.by == byUser) ||
		ctype.Underlying(r.Type).TypeName() != ctype.Underlying(k.Type).TypeName() {
		return nil, false
	}
	if r.view.by != byLoad {
		return lw.viewAddress(r).V, true
	}
	return lw.launder(lw.viewAddress(r).V), true
}

// launder returns an address as a number that is no pointer to the kernel's
// verifier: read back from the stack by a helper.
func (lw *lowerer) launder(n *ir.Value) *ir.Value {
	if n.Op != ir.OpPtrNum {
		return n
	}
	node := rangeNode(lw.b.Pos, lw)
	u64, _ := ctype.Scalar("uint64_t")
	from, ok1 := lw.rawObject(node, u64, "pointer")
	to, ok2 := lw.rawObject(node, u64, "pointer")
	if !ok1 || !ok2 {
		return n
	}
	mem := ir.Mem{Region: ir.RegionStack, Size: 8}
	lw.b.Store(lw.b.SlotAddr(from.Slot), n.Args[0], mem)
	if lw.helper(node, byKernel.helper(false), ir.I64, lw.b.SlotAddr(to.Slot), lw.b.Const(8), lw.b.PtrNum(lw.b.SlotAddr(from.Slot))) == nil {
		return n
	}
	return lw.b.Load(ir.I64, lw.b.SlotAddr(to.Slot), mem)
}
