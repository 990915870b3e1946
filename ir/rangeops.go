package ir

import "math/bits"

// transfer returns the range of v's result; arg gives those of its arguments.
func (r *Ranges) transfer(v *Value, arg func(*Value) Range) Range {
	var x, y Range
	for i, a := range v.Args {
		n := arg(a)
		if n.Empty() && v.Op != OpCall && v.Op != OpCallFunc {
			return emptyRange
		}
		switch i {
		case 0:
			x = n
		case 1:
			y = n
		}
	}
	return rangeOf(v, x, y, r.f.Module.BigEndian)
}

func rangeOf(v *Value, x, y Range, bigEndian bool) Range {
	switch v.Op {
	case OpConst:
		return ConstRange(uint64(v.AuxInt))
	case OpCopy, OpBoolToInt:
		return x
	case OpLoad, OpPktLoad, OpLdAbs, OpLdInd:
		if m := v.Mem(); v.Type == I64 && m.Size < 8 && !m.Signed {
			return Interval(0, 1<<(8*m.Size)-1)
		}
	case OpPktLen:
		return Interval(0, 1<<32-1)
	case OpNonNull, OpSlotAddr, OpMapRef, OpGlobalAddr, OpFuncRef, OpPtrAdd:
		return Interval(1, ^uint64(0))
	case OpZext:
		return x.zext(int(v.AuxInt))
	case OpSext:
		return x.sext(int(v.AuxInt))
	case OpToBE:
		n := int(v.AuxInt)
		return Range{Hi: Zext(^uint64(0), n), Zero: ToBE(x.Zero, n, bigEndian), One: ToBE(x.One, n, bigEndian)}.norm()
	case OpBound:
		if k := uint64(v.AuxInt); x.Hi > k {
			return Interval(0, k)
		}
		return x
	case OpNot:
		if c, ok := x.Const(); ok {
			return ConstRange(c ^ 1)
		}
		return Interval(0, 1)
	case OpEq, OpNe, OpULt, OpULe, OpSLt, OpSLe:
		if is, ok := Decide(v.Op, x, y); ok {
			return ConstRange(b2u(is))
		}
		return Interval(0, 1)
	case OpNeg:
		return ConstRange(0).sub(x)
	default:
		if arithmetic[v.Op] != nil {
			return arithmetic[v.Op](x, y)
		}
	}
	if v.Type == Bool {
		return Interval(0, 1)
	}
	return fullRange
}

// arithmetic are the ops of two numbers. Each returns a superset of the
// results; a test tries them against Eval.
var arithmetic = [NumOps]func(x, y Range) Range{
	OpAdd: Range.add, OpSub: Range.sub, OpMul: Range.mul,
	OpUDiv: Range.udiv, OpUMod: Range.umod, OpSDiv: Range.sdiv, OpSMod: Range.smod,
	OpAnd: Range.and, OpOr: Range.or, OpXor: Range.xor,
	OpShl: Range.shl, OpLShr: Range.lshr, OpAShr: Range.ashr,
}

// Decide compares ranges: known if every pair of numbers compares alike.
func Decide(op Op, x, y Range) (is, known bool) {
	switch op {
	case OpEq:
		cx, okx := x.Const()
		cy, oky := y.Const()
		if okx && oky && cx == cy {
			return true, true
		}
		return false, x.Meet(y).Empty()
	case OpNe:
		is, known = Decide(OpEq, x, y)
		return !is, known
	case OpULt:
		return x.Hi < y.Lo, x.Hi < y.Lo || x.Lo >= y.Hi
	case OpULe:
		return x.Hi <= y.Lo, x.Hi <= y.Lo || x.Lo > y.Hi
	}
	xlo, xhi := x.signed()
	ylo, yhi := y.signed()
	if op == OpSLt {
		return xhi < ylo, xhi < ylo || xlo >= yhi
	}
	return xhi <= ylo, xhi <= ylo || xlo > yhi
}

// lowZeros returns how many low bits are known to be zero.
func (r Range) lowZeros() int { return bits.TrailingZeros64(^r.Zero) }

// multipleOf is the range of the numbers whose n low bits are zero.
func multipleOf(n int) Range {
	if n >= 64 {
		return ConstRange(0)
	}
	return Range{Hi: ^uint64(0), Zero: 1<<n - 1}.norm()
}

func (r Range) add(s Range) Range {
	low := multipleOf(min(r.lowZeros(), s.lowZeros()))
	lo, c0 := bits.Add64(r.Lo, s.Lo, 0)
	hi, c1 := bits.Add64(r.Hi, s.Hi, 0)
	if c0 != c1 {
		return low
	}
	return Interval(lo, hi).Meet(low)
}

func (r Range) sub(s Range) Range {
	low := multipleOf(min(r.lowZeros(), s.lowZeros()))
	lo, b0 := bits.Sub64(r.Lo, s.Hi, 0)
	hi, b1 := bits.Sub64(r.Hi, s.Lo, 0)
	if b0 != b1 {
		return low
	}
	return Interval(lo, hi).Meet(low)
}

func (r Range) mul(s Range) Range {
	low := multipleOf(r.lowZeros() + s.lowZeros())
	over, hi := bits.Mul64(r.Hi, s.Hi)
	if over != 0 {
		return low
	}
	return Interval(r.Lo*s.Lo, hi).Meet(low)
}

func (r Range) udiv(s Range) Range {
	if s.Lo == 0 {
		return Interval(0, r.Hi) // x/0 is 0
	}
	return Interval(r.Lo/s.Hi, r.Hi/s.Lo)
}

func (r Range) umod(s Range) Range {
	if s.Lo == 0 {
		return Interval(0, r.Hi) // x%0 is x
	}
	if r.Hi < s.Lo {
		return r
	}
	return Interval(0, min(r.Hi, s.Hi-1))
}

func (r Range) sdiv(s Range) Range {
	if r.NonNegative() && s.NonNegative() {
		return r.udiv(s)
	}
	return fullRange
}

func (r Range) smod(s Range) Range {
	switch {
	case !r.NonNegative():
		return fullRange
	case s.NonNegative():
		return r.umod(s)
	}
	return Interval(0, r.Hi)
}

func (r Range) and(s Range) Range {
	return Range{0, min(r.Hi, s.Hi), r.Zero | s.Zero, r.One & s.One}.norm()
}

func (r Range) or(s Range) Range {
	return Range{max(r.Lo, s.Lo), ^uint64(0), r.Zero & s.Zero, r.One | s.One}.norm()
}

func (r Range) xor(s Range) Range {
	return Range{0, ^uint64(0), r.Zero&s.Zero | r.One&s.One, r.Zero&s.One | r.One&s.Zero}.norm()
}

func (r Range) shl(s Range) Range {
	n, ok := s.Const()
	if !ok {
		return fullRange
	}
	n &= 63
	x := Range{Hi: ^uint64(0), Zero: r.Zero<<n | (1<<n - 1), One: r.One << n}.norm()
	if r.Hi<<n>>n == r.Hi {
		x = x.Meet(Interval(r.Lo<<n, r.Hi<<n))
	}
	return x
}

func (r Range) lshr(s Range) Range {
	n, ok := s.Const()
	if !ok {
		return Interval(0, r.Hi)
	}
	n &= 63
	return Range{r.Lo >> n, r.Hi >> n, r.Zero>>n | ^(^uint64(0) >> n), r.One >> n}.norm()
}

func (r Range) ashr(s Range) Range {
	if r.NonNegative() {
		return r.lshr(s)
	}
	return fullRange
}

func (r Range) zext(n int) Range {
	m := Zext(^uint64(0), n)
	if r.Hi <= m {
		return r
	}
	return Range{0, m, r.Zero | ^m, r.One & m}.norm()
}

func (r Range) sext(n int) Range {
	if n == 64 || r.Hi < 1<<(n-1) {
		return r
	}
	return fullRange
}
