package opt

import (
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Which bytes of which stack slots each value reads and writes: the ground for
// dead stores (dse.go) and for knowing what a slot holds (contents.go).
//
// A slot is tracked if every use of its address is one whose bytes are known:
// a load or store at a constant offset, or a helper's argument whose row and
// neighbours say how many bytes it is. The address may be compared. Anything
// else (a phi, a variable offset, storing the address, a frame for a callback,
// a call of a subprogram) lets the address escape: then all of the slot may be
// read and written at any time, and no pass touches it. Escaped frames of
// callbacks are the caller's slots; here they are not slots at all, see
// ir.Callback.

// access is what a value does to some bytes of a tracked slot.
type access struct {
	lo, hi int // bytes, counted over all tracked slots
	reads  bool
	writes bool
	// must is set if the write certainly stores to every byte.
	must bool
	// value is what a store stores, nil if that is not a value.
	value *ir.Value
}

// slotTable says where tracked slots' bytes are in a line of all of them.
type slotTable struct {
	f     *ir.Func
	start []int // by slot ID, -1 if the slot is not tracked
	size  int   // bytes in all
}

// maxTrackedBytes bounds the side tables: slots beyond it are not tracked.
const maxTrackedBytes = 4096

func trackSlots(f *ir.Func) *slotTable {
	t := &slotTable{f: f, start: make([]int, len(f.Slots))}
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			for i, a := range v.Args {
				if s := slotOf(a); s != nil && !t.known(v, i) {
					t.start[s.ID] = -1
				}
			}
		}
	}
	for i, s := range f.Slots {
		if t.start[i] < 0 || t.size+s.Size > maxTrackedBytes {
			t.start[i] = -1
			continue
		}
		t.start[i] = t.size
		t.size += s.Size
	}
	return t
}

// known reports whether it is known what v does with its argument i, the
// address of a slot.
func (t *slotTable) known(v *ir.Value, i int) bool {
	switch v.Op {
	case ir.OpCopy, ir.OpNonNull, ir.OpEq, ir.OpNe:
		return true
	case ir.OpPtrAdd:
		_, ok := v.Args[1].IsConst()
		return ok
	case ir.OpLoad, ir.OpStore, ir.OpAtomicAdd, ir.OpCall:
		_, ok := t.access(v, i)
		return ok
	}
	return false
}

// access returns what v does to the slot that its argument i points into, with
// bytes counted from the slot's beginning.
func (t *slotTable) access(v *ir.Value, i int) (access, bool) {
	base, off := place(v.Args[i])
	if base.Op != ir.OpSlotAddr {
		return access{}, false
	}
	size := int64(base.Aux.(*ir.Slot).Size)
	var a access
	var n int64
	if v.Op == ir.OpCall {
		var ok bool
		if a, n, ok = helperAccess(v, i); !ok {
			return access{}, false
		}
		if n < 0 { // unknown: up to the slot's end
			n, a.must = size-off, false
		}
	} else {
		if i != 0 {
			return access{}, false
		}
		m := v.Mem()
		off, n = off+int64(m.Off), int64(m.Size)
		a = access{reads: v.Op != ir.OpStore, writes: v.Op != ir.OpLoad, must: v.Op == ir.OpStore}
		if v.Op == ir.OpStore {
			a.value = v.Args[1]
		}
	}
	if off < 0 || n < 0 || off+n > size {
		return access{}, false
	}
	a.lo, a.hi = int(off), int(off+n)
	return a, true
}

// helperAccess returns what a call does through its argument i, and to how many
// bytes, -1 if that is not known.
func helperAccess(v *ir.Value, i int) (a access, n int64, ok bool) {
	h := v.Aux.(*kernel.Helper)
	if i >= len(h.Args) {
		return access{}, 0, false
	}
	switch h.Args[i] {
	case kernel.ArgKey, kernel.ArgValue:
		if v.Args[0].Op != ir.OpMapRef {
			return access{}, 0, false
		}
		m := v.Args[0].Aux.(*ir.Map)
		n = int64(m.KeySize)
		if h.Args[i] == kernel.ArgValue {
			n = int64(m.ValueSize)
		}
		return access{reads: true}, n, true
	case kernel.ArgBuf, kernel.ArgOut:
		out := h.Args[i] == kernel.ArgOut
		a = access{reads: !out, writes: out, must: out}
		n, ok := v.Args[i+1].IsConst()
		if !ok {
			n = -1
		}
		return a, n, true
	case kernel.ArgScalar:
		// The address of a string to print: all that is behind it.
		return access{reads: true}, -1, true
	}
	return access{}, 0, false
}

// accesses calls visit for each access of v to a tracked slot.
func (t *slotTable) accesses(v *ir.Value, visit func(access)) {
	switch v.Op {
	case ir.OpLoad, ir.OpStore, ir.OpAtomicAdd, ir.OpCall:
	default:
		return
	}
	for i, p := range v.Args {
		if i > 0 && v.Op != ir.OpCall {
			return
		}
		base, _ := place(p)
		if base.Op != ir.OpSlotAddr {
			continue
		}
		s := base.Aux.(*ir.Slot)
		if t.start[s.ID] < 0 {
			continue
		}
		a, ok := t.access(v, i)
		if !ok {
			ir.Bugf("%s: %s is no access to a tracked slot", t.f.Name, v)
		}
		a.lo += t.start[s.ID]
		a.hi += t.start[s.ID]
		visit(a)
	}
}
