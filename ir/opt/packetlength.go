package opt

import "github.com/luabpfc/luabpfc/ir"

// Comparisons of the packet's length with a constant, where it is accessed by
// pointers: data_end is compared with data + n, as for a check. That is cheaper
// than the difference of the two, and the verifier lets programs do it that
// are not to see addresses.

// compareLength turns v, a comparison, into one of pointers if it is of the
// packet's length with a constant.
func (d *directForm) compareLength(s *splitter, v *ir.Value) {
	if v.Op == ir.OpEq || v.Op == ir.OpNe {
		d.lengthIs(s, v)
		return
	}
	signed := v.Op == ir.OpSLt || v.Op == ir.OpSLe
	less := v.Op == ir.OpULt || v.Op == ir.OpSLt
	x, y := v.Args[0], v.Args[1]
	length, n, over := x, y, false // length < n or length <= n
	if y.Op == ir.OpPtrDiff {
		length, n, over = y, x, true // n < length or n <= length
	}
	k, ok := n.IsConst()
	if !ok || length.Op != ir.OpPtrDiff || k < 0 && !signed {
		return
	}
	if less == over { // length > k, not length > k
		k++
	}
	if k < 0 || k > maxPacket {
		return
	}
	end, data := length.Args[0], length.Args[1]
	p := s.ptrAdd(data, s.konst(k))
	if over {
		become(v, ir.OpULe, p, end)
	} else {
		become(v, ir.OpULt, end, p)
	}
}

// lengthIs turns v, "length == k" or its opposite, into two comparisons: the
// verifier lets nobody test pointers for being equal without CAP_PERFMON.
func (d *directForm) lengthIs(s *splitter, v *ir.Value) {
	length, n := v.Args[0], v.Args[1]
	if n.Op == ir.OpPtrDiff {
		length, n = n, length
	}
	k, ok := n.IsConst()
	if !ok || length.Op != ir.OpPtrDiff || k < 0 || k > maxPacket {
		return
	}
	end, data := length.Args[0], length.Args[1]
	if k == 0 { // not the address of data itself, which would lose what is known of it
		p := s.ptrAdd(data, s.konst(1))
		if v.Op == ir.OpEq {
			become(v, ir.OpULt, end, p)
		} else {
			become(v, ir.OpULe, p, end)
		}
		return
	}
	p := s.ptrAdd(data, s.konst(k))
	less, more := s.truth(ir.OpULt, end, p), s.truth(ir.OpULt, p, end)
	other := s.op(ir.OpOr, less, more) // 1 if the length is another
	become(v, v.Op, other, s.konst(0))
}

// truth computes a comparison as a number.
func (s *splitter) truth(op ir.Op, x, y *ir.Value) *ir.Value {
	return s.op(ir.OpBoolToInt, s.cursor.op(op, ir.Bool, x, y))
}

// dropLengths drops the differences that nothing uses any more.
func (d *directForm) dropLengths() {
	for _, b := range d.f.Blocks {
		dropValues(b, func(v *ir.Value) bool { return v.Op == ir.OpPtrDiff && v.Uses == 0 })
	}
}
