package opt

import (
	"maps"
	"slices"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Which bytes of which stack slots and records each value reads and writes: the
// ground for dead stores (dse.go) and for knowing what a slot holds (contents.go).
//
// A slot is tracked if every use of its address is one whose bytes are known:
// a load or store at a constant offset, or a helper's argument whose row and
// neighbours say how many bytes it is. The address may be compared. Anything
// else (a phi, a variable offset, storing the address, a frame for a callback,
// a call of a subprogram) lets the address escape: then all of the slot may be
// read and written at any time, and no pass touches it. Escaped frames of
// callbacks are the caller's slots; here they are not slots at all, see
// ir.Callback.
//
// A record of a ring buffer is like a slot that begins with the call that
// reserves it, with bytes that are not known: nobody sees it before it is submitted,
// which reads all of it. Discarding it reads nothing, and so does leaving the
// program, which discards what is open.

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
	f       *ir.Func
	start   []int             // by slot ID, -1 if the slot is not tracked
	records map[*ir.Value]int // likewise of calls that reserve records
	size    int               // bytes in all

	escaped map[*ir.Value]bool // records
	calls   []*ir.Value        // that reserve records
}

// maxTrackedBytes bounds the side tables: slots beyond it are not tracked.
const maxTrackedBytes = 4096

func trackSlots(f *ir.Func) *slotTable {
	t := &slotTable{}
	t.track(f)
	return t
}

// slots returns the table of f's slots, until the function changes.
func (c *Context) slots(f *ir.Func) *slotTable {
	s := &c.space
	if s.slotsFor.is(c, f) {
		if c.Opts.Check && !s.slots.same(trackSlots(f)) {
			ir.Bugf("%s: the table of slots is not up to date", f.Name)
		}
		return &s.slots
	}
	s.slots.track(f)
	s.slotsFor.set(c, f)
	return &s.slots
}

func (t *slotTable) same(u *slotTable) bool {
	return t.size == u.size && slices.Equal(t.start, u.start) && maps.Equal(t.records, u.records)
}

// track makes t the table of f, in the memory that t has.
func (t *slotTable) track(f *ir.Func) {
	*t = slotTable{f: f, start: ir.Resize(t.start, len(f.Slots)), records: t.records, escaped: t.escaped, calls: t.calls[:0]}
	clear(t.records)
	clear(t.escaped)
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			if recordSize(v) > 0 {
				t.calls = append(t.calls, v)
			}
			for i, a := range v.Args {
				if a.Type != ir.Ptr {
					continue
				}
				if s := slotOf(a); s != nil && !t.known(v, i) {
					t.start[s.ID] = -1
				} else if r := recordOf(a); r != nil && !t.known(v, i) {
					if t.escaped == nil {
						t.escaped = map[*ir.Value]bool{}
					}
					t.escaped[r] = true
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
	for _, v := range t.calls {
		if n := recordSize(v); !t.escaped[v] && t.size+n <= maxTrackedBytes {
			if t.records == nil {
				t.records = map[*ir.Value]int{}
			}
			t.records[v] = t.size
			t.size += n
		}
	}
}

// recordSize returns the size of the record that v reserves, 0 if it reserves
// none, or one of unknown size.
func recordSize(v *ir.Value) int {
	if isHelper(v, "ringbuf_reserve") {
		if n, ok := v.Args[1].IsConst(); ok && n > 0 && n <= maxTrackedBytes {
			return int(n)
		}
	}
	return 0
}

// recordOf returns the call that reserved the record that p points into, or nil.
func recordOf(p *ir.Value) *ir.Value {
	base, _ := place(p)
	for base.Op == ir.OpPtrAdd {
		base, _ = place(base.Args[0])
	}
	if recordSize(base) > 0 {
		return base
	}
	return nil
}

// at returns where the bytes of the slot or record at base are, ok if it is
// tracked.
func (t *slotTable) at(base *ir.Value) (start int, ok bool) {
	if s, isSlot := base.Aux.(*ir.Slot); isSlot {
		start = t.start[s.ID]
		return start, start >= 0
	}
	start, ok = t.records[base]
	return start, ok
}

// objectSize returns the size of the slot or record at base; ok is false if it is
// neither.
func objectSize(base *ir.Value) (size int, ok bool) {
	if base.Op == ir.OpSlotAddr {
		return base.Aux.(*ir.Slot).Size, true
	}
	size = recordSize(base)
	return size, size > 0
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
	}
	if v.Op == ir.OpCall || v.Op.IsAccess() {
		_, ok := t.access(v, i)
		return ok
	}
	return false
}

// access returns what v does to the slot that its argument i points into, with
// bytes counted from the slot's beginning.
func (t *slotTable) access(v *ir.Value, i int) (access, bool) {
	base, off := place(v.Args[i])
	bytes, ok := objectSize(base)
	if !ok {
		return access{}, false
	}
	size := int64(bytes)
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
	if h.Args[i] == kernel.ArgScalar {
		// The address of a string to print: all that is behind it.
		return access{reads: true}, -1, true
	}
	does, ok := h.Access(i)
	if !ok || h.Args[i] == kernel.ArgFrame {
		return access{}, 0, false
	}
	if h.Name == "ringbuf_discard" {
		return access{}, 0, true
	}
	a = access{reads: does.Reads, writes: does.Writes, must: does.Writes && !does.Reads}
	switch does.Size {
	case kernel.KeySize, kernel.ValueSize:
		m := mapOf(v)
		if m == nil {
			return access{}, 0, false
		}
		n = int64(m.KeySize)
		if does.Size == kernel.ValueSize {
			n = int64(m.ValueSize)
		}
	case kernel.NextArg:
		var known bool
		if n, known = v.Args[i+1].IsConst(); !known {
			n = -1
		}
	case kernel.Fixed:
		n = int64(does.Bytes)
	default:
		n, a.must = -1, false
	}
	return a, n, true
}

// mapOf returns the map that a call is given, nil if that can't be told.
func mapOf(v *ir.Value) *ir.Map {
	for i, a := range v.Args {
		if h := v.Aux.(*kernel.Helper); i < len(h.Args) && h.Args[i] == kernel.ArgMap && a.Op == ir.OpMapRef {
			return a.Aux.(*ir.Map)
		}
	}
	return nil
}

// accesses calls visit for each access of v to a tracked slot.
func (t *slotTable) accesses(v *ir.Value, visit func(access)) {
	if v.Op != ir.OpCall && !v.Op.IsAccess() {
		return
	}
	if start, ok := t.records[v]; ok {
		visit(access{lo: start, hi: start + recordSize(v), writes: true, must: true})
	}
	for i, p := range v.Args {
		if i > 0 && v.Op != ir.OpCall {
			return
		}
		base, _ := place(p)
		start, ok := t.at(base)
		if !ok {
			continue
		}
		a, ok := t.access(v, i)
		if !ok {
			ir.Bugf("%s: %s is no access to a tracked slot", t.f.Name, v)
		}
		a.lo += start
		a.hi += start
		visit(a)
	}
}
