package ir

import "math/bits"

// Eval computes a pure op on constant operands, exactly as the target does.
// It is the one place that says what arithmetic means: the builder, SCCP and
// the interpreter use it. bigEndian is the target's byte order. ok is false
// if the op is not one of numbers and Bools only.
func Eval(op Op, auxInt int64, bigEndian bool, x, y uint64) (r uint64, ok bool) {
	switch op {
	case OpAdd:
		return x + y, true
	case OpSub:
		return x - y, true
	case OpMul:
		return x * y, true
	case OpUDiv:
		if y == 0 {
			return 0, true
		}
		return x / y, true
	case OpUMod:
		if y == 0 {
			return x, true
		}
		return x % y, true
	case OpSDiv:
		return sdiv(x, y), true
	case OpSMod:
		return x - sdiv(x, y)*y, true
	case OpAnd:
		return x & y, true
	case OpOr:
		return x | y, true
	case OpXor:
		return x ^ y, true
	case OpShl:
		return x << (y & 63), true
	case OpLShr:
		return x >> (y & 63), true
	case OpAShr:
		return uint64(int64(x) >> (y & 63)), true
	case OpNeg:
		return -x, true
	case OpCopy, OpOpaque, OpHide, OpBoolToInt:
		return x, op != OpOpaque && op != OpHide
	case OpZext:
		return Zext(x, int(auxInt)), true
	case OpSext:
		return Sext(x, int(auxInt)), true
	case OpToBE:
		return ToBE(x, int(auxInt), bigEndian), true
	case OpBound:
		if x > uint64(auxInt) {
			x = 0
		}
		return x, true
	case OpEq:
		return b2u(x == y), true
	case OpNe:
		return b2u(x != y), true
	case OpULt:
		return b2u(x < y), true
	case OpULe:
		return b2u(x <= y), true
	case OpSLt:
		return b2u(int64(x) < int64(y)), true
	case OpSLe:
		return b2u(int64(x) <= int64(y)), true
	case OpNot:
		return x ^ 1, true
	}
	return 0, false
}

// sdiv truncates; x/0 is 0 and INT64_MIN/-1 is INT64_MIN, as the kernel's.
func sdiv(x, y uint64) uint64 {
	switch int64(y) {
	case 0:
		return 0
	case -1:
		return -x
	}
	return uint64(int64(x) / int64(y))
}

// Zext keeps the low n bits of x.
func Zext(x uint64, n int) uint64 {
	if n >= 64 {
		return x
	}
	return x & (1<<n - 1)
}

// Sext extends bit n-1 of x over the bits above.
func Sext(x uint64, n int) uint64 {
	return uint64(int64(x<<(64-n)) >> (64 - n))
}

// ToBE converts the low n bits of x between the target's byte order and
// big-endian; the rest becomes zero.
func ToBE(x uint64, n int, bigEndian bool) uint64 {
	x = Zext(x, n)
	if bigEndian {
		return x
	}
	return bits.ReverseBytes64(x) >> (64 - n)
}

func b2u(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
