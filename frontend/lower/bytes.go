package lower

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// Runs of bytes: arrays, slices of the packet, strings, and numbers that are
// slices. They are read in words of the target's byte order, so that what is
// copied or compared needs no swapping.

// runLength returns how many bytes v has if it is a run of bytes.
func runLength(v Value) (int, bool) {
	switch v := v.(type) {
	case Ref:
		if v.isArray() {
			return v.size(), true
		}
	case Bytes:
		return v.Len, true
	case Int:
		return v.Slice, v.Slice > 0
	case Const:
		if s, ok := v.V.(lua.LString); ok {
			return len(s), true
		}
	}
	return 0, false
}

// runUnit returns how many of v's bytes from off up to end one access may have.
func runUnit(v Value, off, end int) int {
	if r, ok := v.(Ref); ok {
		return r.unit(int64(off), int64(end))
	}
	size := 8
	for size > end-off {
		size /= 2
	}
	return size
}

// runWord reads size of v's bytes, which are there, in the target's order.
func (lw *lowerer) runWord(n syntax.Node, v Value, off, size int) *ir.Value {
	var be *ir.Value
	switch v := v.(type) {
	case Ref:
		p, at := lw.address(v)
		return lw.loadMem(p, ir.Mem{Region: v.Region, Off: int32(at) + int32(off), Size: int32(size)})
	case Bytes:
		be = lw.word(n, v, off, size)
	case Int:
		be = v.V
		if shift := int64(v.Slice-off-size) * 8; shift > 0 {
			be = lw.b.Op(ir.OpLShr, be, lw.b.Const(shift))
		}
		if size < 8 && off > 0 {
			be = lw.b.Op(ir.OpAnd, be, lw.b.Const(1<<(8*size)-1))
		}
	case Const:
		s, _ := v.V.(lua.LString)
		var text [8]byte
		if off < len(s) {
			copy(text[:size], s[off:])
		}
		be = lw.b.Const(int64(bigEndian(string(text[:size]))))
	}
	if size == 1 {
		return be
	}
	return lw.b.OpBits(ir.OpToBE, int64(size)*8, be)
}

// copyRun writes the first n bytes of v to r; both are there.
func (lw *lowerer) copyRun(node syntax.Node, r Ref, v Value, n int) {
	p, at := lw.address(r)
	for off := 0; off < n; {
		size := min(r.unit(int64(off), int64(n)), runUnit(v, off, n))
		x := lw.runWord(node, v, off, size)
		lw.storeMem(p, x, ir.Mem{Region: r.Region, Off: int32(at) + int32(off), Size: int32(size)})
		off += size
	}
}

// equalRuns compares n bytes of v and w, both of which are there.
func (lw *lowerer) equalRuns(node syntax.Node, v, w Value, n int) *ir.Value {
	return lw.allEqual(v, w, n, func(off, size int) (x, y *ir.Value) {
		return lw.runWord(node, v, off, size), lw.runWord(node, w, off, size)
	})
}

// equalArrays compares the bytes of two runs of which one is an array.
func (lw *lowerer) equalArrays(e *syntax.Binary, l, r Value) (c *ir.Value, done bool) {
	lr, lok := l.(Ref)
	rr, rok := r.(Ref)
	if !lok && !rok {
		return nil, false
	}
	if lok && rok {
		if c, ok := lw.samePlace(lr, rr); ok {
			return c, true
		}
	}
	for _, x := range []struct {
		r  Ref
		ok bool
		n  syntax.Node
	}{{lr, lok, e.L}, {rr, rok, e.R}} {
		switch {
		case x.ok && !x.r.isArray():
			lw.errorf(e, diag.CantCompare, "%s can't be compared; compare its members", describe(x.r))
			return nil, true
		case x.ok && !lw.live(x.n, x.r):
			return nil, true
		}
	}
	if s, ok := stringConst(r); ok {
		return lw.equalChars(e, lr, s), true
	}
	if s, ok := stringConst(l); ok {
		return lw.equalChars(e, rr, s), true
	}
	n, ok1 := runLength(l)
	m, ok2 := runLength(r)
	switch {
	case !ok1 || !ok2:
		return lw.b.Bool(false), true
	case n != m:
		lw.r.Warnf(diag.LengthMismatch, e.Bounds().In(lw.file), "%d bytes never equal %d", n, m)
		return lw.b.Bool(false), true
	}
	both := func(l, r Value) Value { return lw.boolOf(lw.equalRuns(e, l, r, n)) }
	no := func() Value { return constBool(false) }
	v := Value(nil)
	switch {
	case lok && rok:
		v = lw.within(lr, func(lr Ref) Value {
			return lw.within(rr, func(rr Ref) Value { return both(lr, rr) }, no)
		}, no)
	case lok:
		v = lw.within(lr, func(lr Ref) Value { return both(lr, r) }, no)
	default:
		v = lw.within(rr, func(rr Ref) Value { return both(l, rr) }, no)
	}
	return lw.asIRBool(v), true
}

// asIRBool returns what within made of booleans.
func (lw *lowerer) asIRBool(v Value) *ir.Value {
	c, _ := lw.asBool(v)
	return c
}

// equalChars compares a char array with a constant: the constant's bytes, and
// then a NUL or the array's end; other arrays compare with all their bytes.
func (lw *lowerer) equalChars(e *syntax.Binary, r Ref, s string) *ir.Value {
	a, _ := arrayOf(r.Type)
	if ctype.Size(a.Type) != 1 {
		lw.errorf(e, diag.CantCompare, "an array of '%s' can't be compared with a string", ctype.Name(a.Type))
		return nil
	}
	size := r.size()
	if r.exact {
		if len(s) != size {
			lw.warnLength(e, size, s)
			return lw.b.Bool(false)
		}
	} else if len(s) > size {
		return lw.b.Bool(false)
	} else if len(s) < size {
		s += "\x00"
	}
	v := lw.within(r, func(r Ref) Value { return lw.boolOf(lw.equalRuns(e, r, Const{lua.LString(s)}, len(s))) },
		func() Value { return constBool(false) })
	return lw.asIRBool(v)
}
