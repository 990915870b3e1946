package lower

import (
	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// Loads and stores of scalars and bit-fields at a place.
//
// The stack and the context are accessed in aligned units only; map values and
// packets at any place. An access that is not aligned there is made of pieces.
// A bit-field is read from the smallest aligned unit that holds it, and written
// by reading that unit, so that it costs one access of memory each way.

// alignment returns the largest power of two up to 8 that the addresses of r,
// off bytes behind it, are known to be a multiple of.
func (r Ref) alignment(off int64) int {
	if !aligned(r.Region) {
		return 8
	}
	bits := r.Off + off
	if r.Slot != nil {
		bits |= int64(r.Slot.Align)
	}
	bits |= int64(r.align)
	for x := r.Index; x != nil; x = x.up {
		bits |= x.scale
	}
	a := 8
	for a > 1 && bits&int64(a-1) != 0 {
		a /= 2
	}
	return a
}

// aligned reports whether the kernel's verifier wants accesses of a region
// aligned on every architecture.
func aligned(r ir.Region) bool { return r == ir.RegionStack || r == ir.RegionCtx }

// loadBits reads size bytes at p+off as an unsigned number of the target's
// byte order, in units of at most unit bytes.
func (lw *lowerer) loadBits(p *ir.Value, region ir.Region, off int64, size, unit int) *ir.Value {
	if size <= unit {
		return lw.loadMem(p, ir.Mem{Region: region, Off: int32(off), Size: int32(size)})
	}
	var sum *ir.Value
	for i := 0; i < size; i += unit {
		x := lw.loadMem(p, ir.Mem{Region: region, Off: int32(off) + int32(i), Size: int32(unit)})
		if n := lw.pieceShift(i, unit, size); n > 0 {
			x = lw.b.Op(ir.OpShl, x, lw.b.Const(n))
		}
		if sum != nil {
			x = lw.b.Op(ir.OpOr, sum, x)
		}
		sum = x
	}
	return sum
}

// pieceShift is by how many bits the piece at byte i of a number is shifted.
func (lw *lowerer) pieceShift(i, unit, size int) int64 {
	if lw.mod.BigEndian {
		return int64(size-unit-i) * 8
	}
	return int64(i) * 8
}

// storeBits is the opposite of loadBits.
func (lw *lowerer) storeBits(p *ir.Value, region ir.Region, off int64, size, unit int, x *ir.Value) {
	if size <= unit {
		lw.storeMem(p, x, ir.Mem{Region: region, Off: int32(off), Size: int32(size)})
		return
	}
	for i := 0; i < size; i += unit {
		y := x
		if n := lw.pieceShift(i, unit, size); n > 0 {
			y = lw.b.Op(ir.OpLShr, x, lw.b.Const(n))
		}
		lw.storeMem(p, y, ir.Mem{Region: region, Off: int32(off) + int32(i), Size: int32(unit)})
	}
}

// loadRef reads what is at r: a scalar's number (nil where the object is nil),
// or r itself if it is no scalar.
func (lw *lowerer) loadRef(n syntax.Node, r Ref) Value {
	if r.view != nil {
		return lw.loadView(n, r)
	}
	t, ok := scalarOf(r.Type)
	if !ok || r.Pointer {
		return r
	}
	if !lw.live(n, r) {
		return Bad{}
	}
	if r.Present != nil {
		if truth, known := lw.known(r.Present); known && !truth {
			return Nil
		}
	}
	zero := func() Value {
		v := lw.widened(t, r.Bits, lw.b.Const(0))
		return v
	}
	v := lw.within(r, func(r Ref) Value { return lw.loadScalar(t, r) }, zero)
	if p, ok := lw.keptPointer(r.Type, v); ok {
		return p
	}
	if r.Present == nil || r.Sure {
		return v
	}
	if truth, known := lw.known(r.Present); known && truth {
		return v
	}
	return Opt{r.Present, v}
}

// widened wraps a number read as a t; what it can be is the type's business.
func (lw *lowerer) widened(t scalarType, bits bitField, v *ir.Value) Int {
	return Int{V: v, Unsigned: t.size == 8 && !t.signed && (bits.Width == 0 || bits.Width == 64), Bit: t.bool || bits.Width == 1 && !t.signed}
}

// loadScalar reads r, which is there.
func (lw *lowerer) loadScalar(t scalarType, r Ref) Int {
	p, off := lw.address(r)
	if r.Bits.Width > 0 {
		return lw.widened(t, r.Bits, lw.loadField(t, r, p, off))
	}
	unit := r.alignment(0)
	signed := t.signed && t.size < 8 && !t.be
	var v *ir.Value
	if r.Volatile && t.size <= unit && r.Region != ir.RegionPacket {
		v = lw.b.VolatileLoad(p, ir.Mem{Region: r.Region, Off: int32(off), Size: int32(t.size), Signed: signed})
	} else if t.size <= unit {
		v = lw.loadMem(p, ir.Mem{Region: r.Region, Off: int32(off), Size: int32(t.size), Signed: signed})
	} else {
		v = lw.loadBits(p, r.Region, off, t.size, unit)
		if signed {
			v = lw.b.OpBits(ir.OpSext, int64(t.size)*8, v)
		}
	}
	if t.be {
		v = lw.b.OpBits(ir.OpToBE, int64(t.size)*8, v)
	}
	n := lw.widened(t, r.Bits, v)
	if !t.be {
		n.Width = t.size * 8
	}
	return n
}

// fieldUnit returns the aligned unit that holds a bit-field: its offset and
// size in bytes; ok is false if no unit holds all of it.
func fieldUnit(r Ref) (off, size int64, ok bool) {
	first, last := int64(r.Bits.Off/8), int64(r.Bits.Off+r.Bits.Width-1)/8
	for size = 1; size <= 8; size *= 2 {
		off = first / size * size
		if last < off+size && (r.Hi == 0 || r.Off+off+size <= r.Hi || size == 1) && int64(r.alignment(off)) >= size {
			return off, size, true
		}
	}
	return 0, 0, false
}

// loadField reads a bit-field at p+off.
func (lw *lowerer) loadField(t scalarType, r Ref, p *ir.Value, off int64) *ir.Value {
	width := r.Bits.Width
	x := lw.fieldBits(r, p, off)
	switch {
	case t.signed && !t.bool:
		x = lw.b.Op(ir.OpShl, x, lw.b.Const(int64(64-width)))
		return lw.b.Op(ir.OpAShr, x, lw.b.Const(int64(64-width)))
	case width < 64:
		return lw.b.Op(ir.OpAnd, x, lw.b.Const(1<<width-1))
	}
	return x
}

// fieldBits returns the unit of a bit-field, or its bytes, with the field in
// the low bits.
func (lw *lowerer) fieldBits(r Ref, p *ir.Value, off int64) *ir.Value {
	if uoff, size, ok := fieldUnit(r); ok {
		x := lw.loadBits(p, r.Region, off+uoff, int(size), int(size))
		if n := lw.fieldShift(r, uoff, size); n > 0 {
			x = lw.b.Op(ir.OpLShr, x, lw.b.Const(n))
		}
		return x
	}
	var sum *ir.Value
	lw.fieldBytes(r, func(at, shift int64) {
		x := lw.loadBits(p, r.Region, off+at, 1, 1)
		if shift >= 0 {
			x = lw.b.Op(ir.OpShl, x, lw.b.Const(shift))
		} else {
			x = lw.b.Op(ir.OpLShr, x, lw.b.Const(-shift))
		}
		if sum != nil {
			x = lw.b.Op(ir.OpOr, sum, x)
		}
		sum = x
	})
	return sum
}

// fieldShift is by how much a unit is shifted right to have the field in its
// low bits.
func (lw *lowerer) fieldShift(r Ref, uoff, size int64) int64 {
	n := int64(r.Bits.Off) - uoff*8
	if lw.mod.BigEndian {
		n = size*8 - n - int64(r.Bits.Width)
	}
	return n
}

// fieldBytes calls visit for each byte of a bit-field that no unit holds: where
// it is, and by how much it is shifted left to get to its place in the number.
func (lw *lowerer) fieldBytes(r Ref, visit func(at, shift int64)) {
	first, last := int64(r.Bits.Off/8), int64(r.Bits.Off+r.Bits.Width-1)/8
	for at := first; at <= last; at++ {
		shift := at*8 - int64(r.Bits.Off)
		if lw.mod.BigEndian {
			shift = int64(r.Bits.Off+r.Bits.Width) - at*8 - 8
		}
		visit(at, shift)
	}
}

// storeField writes a bit-field at p+off.
func (lw *lowerer) storeField(r Ref, p *ir.Value, off int64, x *ir.Value) {
	mask := int64(-1)
	if r.Bits.Width < 64 {
		mask = 1<<r.Bits.Width - 1
	}
	x = lw.b.Op(ir.OpAnd, x, lw.b.Const(mask))
	put := func(at int64, size int, m int64, bits *ir.Value) {
		old := lw.loadBits(p, r.Region, off+at, size, size)
		old = lw.b.Op(ir.OpAnd, old, lw.b.Const(^m))
		lw.storeBits(p, r.Region, off+at, size, size, lw.b.Op(ir.OpOr, old, bits))
	}
	if uoff, size, ok := fieldUnit(r); ok {
		n := lw.fieldShift(r, uoff, size)
		put(uoff, int(size), mask<<n, lw.b.Op(ir.OpShl, x, lw.b.Const(n)))
		return
	}
	lw.fieldBytes(r, func(at, shift int64) {
		if shift >= 0 {
			put(at, 1, int64(uint64(mask)>>shift)&0xff, lw.b.Op(ir.OpLShr, x, lw.b.Const(shift)))
		} else {
			put(at, 1, mask<<-shift&0xff, lw.b.Op(ir.OpShl, x, lw.b.Const(-shift)))
		}
	})
}

// storeRef writes v to r: a scalar, or what storeInit takes.
func (lw *lowerer) storeRef(n syntax.Node, r Ref, v Value) {
	if !lw.writable(n, r) {
		return
	}
	t, ok := scalarOf(r.Type)
	if !ok {
		lw.storeInit(n, r, v)
		return
	}
	x, ok := lw.storable(n, lw.enumerator(r.Type, v), "stored")
	if !ok || lw.b.Block == nil {
		return
	}
	lw.aboutToWrite(r)
	lw.within(r, func(r Ref) Value {
		lw.storeScalar(t, r, x)
		return Nil
	}, nothing)
}

// writable reports whether r may be written; if not, that is reported.
func (lw *lowerer) writable(n syntax.Node, r Ref) bool {
	if r.Region == ir.RegionPacket && !lw.packetWritable(n) {
		return false
	}
	if r.ReadOnly != "" && !lw.memberWritable(r) {
		lw.errorf(n, diag.NotAPlace, "%s", r.ReadOnly)
		return false
	}
	return lw.live(n, r)
}

// aboutToWrite reads what was put off and may change by a write to r.
func (lw *lowerer) aboutToWrite(r Ref) {
	if r.Region == ir.RegionMap || r.Region == ir.RegionGlobal {
		lw.flush()
	}
}

// storeScalar writes a number to r, which is there.
func (lw *lowerer) storeScalar(t scalarType, r Ref, x Int) {
	p, off := lw.address(r)
	v := x.V
	if t.bool {
		v = lw.b.Op(ir.OpBoolToInt, lw.b.Op(ir.OpNe, v, lw.b.Const(0)))
	}
	if r.Bits.Width > 0 {
		lw.storeField(r, p, off, v)
		return
	}
	if t.be {
		v = lw.b.OpBits(ir.OpToBE, int64(t.size)*8, v)
	}
	if r.Volatile && t.size <= r.alignment(0) && r.Region != ir.RegionPacket {
		lw.b.VolatileStore(p, v, ir.Mem{Region: r.Region, Off: int32(off), Size: int32(t.size)})
		return
	}
	lw.storeBits(p, r.Region, off, t.size, r.alignment(0), v)
}

// xaddRef adds n to r atomically.
func (lw *lowerer) xaddRef(n syntax.Node, r Ref, x *ir.Value) {
	t, ok := scalarOf(r.Type)
	switch {
	case !ok:
		lw.errorf(n, diag.NotAPlace, "'xadd' adds to a number, not to %s", describe(r))
		return
	case t.size < 4 || r.Bits.Width > 0:
		lw.errorf(n, diag.NotAPlace, "the kernel adds atomically to 4 and 8 bytes only; this is a '%s'", ctype.Name(r.Type))
		return
	case t.be:
		lw.errorf(n, diag.NotAPlace, "'xadd' can't add to a '%s', which is in network order", ctype.Name(r.Type))
		return
	case r.misaligned(t.size):
		lw.errorf(n, diag.NotAPlace, "the kernel adds atomically to aligned numbers only; this one is not")
		return
	}
	if !lw.writable(n, r) {
		return
	}
	lw.aboutToWrite(r)
	lw.within(r, func(r Ref) Value {
		p, off := lw.address(r)
		lw.b.AtomicAdd(p, x, ir.Mem{Region: r.Region, Off: int32(off), Size: int32(t.size)})
		return Nil
	}, nothing)
}

// misaligned reports whether r may lie at no multiple of n.
func (r Ref) misaligned(n int) bool {
	bits := r.Off
	for x := r.Index; x != nil; x = x.up {
		bits |= x.scale
	}
	return bits&int64(n-1) != 0
}
