package lower

import (
	"github.com/cilium/ebpf/btf"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
)

// Slices of the packet as values. A slice is read where it is used, while
// nothing can have changed it; a variable that is given one holds its bytes, in
// numbers of 8, 4, 2 and 1 bytes: "local x = p(0, 6)" is what was there then.

// generation is the packet as it is on the path: what offsets count in. A
// helper that may move the packet begins another.
type generation struct{ v *ir.Value }

func (generation) kind() string { return "generation" }

// packetNow returns the packet's generation.
func (lw *lowerer) packetNow() *ir.Value { return lw.gen.val.(generation).v }

// packetMoved begins a generation: the packet may have moved.
func (lw *lowerer) packetMoved() {
	if lw.gen != nil && lw.b.Block != nil {
		lw.set(lw.gen, generation{lw.b.PktGen()})
	}
}

// keepSlice reads all of a slice.
func (lw *lowerer) keepSlice(v Bytes) Bytes {
	if v.Slot != nil || v.kept != nil || lw.b.Block == nil {
		return v
	}
	n := rangeNode(lw.b.Pos, lw)
	off := 0
	var kept []*ir.Value
	for _, size := range words(v.Len) {
		kept = append(kept, lw.load(n, v.At, int64(off), int32(size)))
		off += size
	}
	v.kept, v.At = kept, Pointer{}
	return v
}

// keptWord returns the big-endian number of size bytes of a kept slice.
func (lw *lowerer) keptWord(v Bytes, off, size int) *ir.Value {
	var sum *ir.Value
	at := 0
	for i, n := range words(v.Len) {
		lo, hi := max(at, off), min(at+n, off+size)
		if lo < hi {
			x := v.kept[i]
			if right := at + n - hi; right > 0 {
				x = lw.b.Op(ir.OpLShr, x, lw.b.Const(int64(right)*8))
			}
			if lo > at { // bytes in front of it
				x = lw.b.Op(ir.OpAnd, x, lw.b.Const(1<<(8*(hi-lo))-1))
			}
			if left := off + size - hi; left > 0 {
				x = lw.b.Op(ir.OpShl, x, lw.b.Const(int64(left)*8))
			}
			if sum != nil {
				x = lw.b.Op(ir.OpOr, sum, x)
			}
			sum = x
		}
		at += n
	}
	return sum
}

// mergeSlices merges slices of one length by their bytes.
func (j *joiner) mergeSlices(vals []Value, poss []ir.Pos) Value {
	lw := j.lw
	first := vals[0].(Bytes)
	kept := make([]Bytes, len(vals))
	for i, v := range vals {
		b, ok := v.(Bytes)
		if !ok || b.Slot != nil || b.Len != first.Len {
			return lw.conflict(vals, poss)
		}
		j.at(i, func() *ir.Value { kept[i] = lw.keepSlice(b); return nil })
	}
	out := Bytes{Len: first.Len}
	for k := range words(first.Len) {
		col := make([]*ir.Value, len(vals))
		for i := range vals {
			col[i] = kept[i].kept[k]
		}
		out.kept = append(out.kept, j.phi(ir.I64, col))
	}
	return out
}

// bytesRef returns a copy of v on the stack: an array of bytes, for what
// numbers can't do.
func (lw *lowerer) bytesRef(n syntax.Node, v Bytes) (Ref, bool) {
	u8, _ := ctype.Scalar("uint8_t")
	t := &btf.Array{Index: u8, Type: u8, Nelems: uint32(v.Len)}
	if v.Slot != nil {
		return slotRef(v.Slot, t), true
	}
	r, ok := lw.rawObject(n, t, "slice")
	if ok {
		lw.copyRun(n, r, v, v.Len)
		r.exact = true
	}
	return r, ok
}
