package ir

import "math/bits"

// evidentDepth bounds how far EvidentMax looks.
const evidentDepth = 8

// EvidentMax returns the largest number that v can be, as far as every
// supported kernel's verifier derives it from v's own computation, without
// branches: from a bound, a mask, the width of a load, and sums, products and
// shifts of such numbers.
func EvidentMax(v *Value) (uint64, bool) { return evidentMax(v, evidentDepth) }

func evidentMax(v *Value, depth int) (uint64, bool) {
	if depth == 0 || v.Type != I64 {
		return 0, false
	}
	arg := func(i int) (uint64, bool) { return evidentMax(v.Args[i], depth-1) }
	switch v.Op {
	case OpConst:
		return uint64(v.AuxInt), v.AuxInt >= 0
	case OpBound:
		return uint64(v.AuxInt), true
	case OpCore:
		return v.Aux.(*Core).Max(), v.Aux.(*Core).Kind != CoreEnumValue
	case OpCopy:
		return arg(0)
	case OpLoad:
		m := v.Mem()
		return 1<<(8*m.Size) - 1, m.Size < 8 && !m.Signed
	case OpZext:
		if x, ok := arg(0); ok {
			return min(x, Zext(^uint64(0), int(v.AuxInt))), true
		}
		return Zext(^uint64(0), int(v.AuxInt)), true
	case OpAnd:
		x, okx := arg(0)
		y, oky := arg(1)
		switch {
		case okx && oky:
			return min(x, y), true
		case okx:
			return x, true
		}
		return y, oky
	case OpLShr:
		c, ok := v.Args[1].IsConst()
		x, okx := arg(0)
		if !okx {
			x = ^uint64(0)
		}
		return x >> (c & 63), ok && (okx || c&63 > 0)
	}
	return evidentSum(v, arg)
}

// evidentSum is evidentMax for the ops that may overflow.
func evidentSum(v *Value, arg func(int) (uint64, bool)) (uint64, bool) {
	if len(v.Args) != 2 {
		return 0, false
	}
	x, okx := arg(0)
	y, oky := arg(1)
	if !okx || !oky {
		return 0, false
	}
	switch v.Op {
	case OpAdd:
		sum, carry := bits.Add64(x, y, 0)
		return sum, carry == 0
	case OpMul:
		over, p := bits.Mul64(x, y)
		return p, over == 0 && p <= 1<<32-1 // of larger products 5.10 knows nothing
	case OpShl:
		c, ok := v.Args[1].IsConst()
		if !ok || c < 0 || c > 63 {
			return 0, false
		}
		return x << c, x<<c>>c == x
	}
	return 0, false
}
