package opt

import "github.com/luabpfc/luabpfc/ir"

var bitRules = []rule{
	{"and", []ir.Op{ir.OpAnd}, andRule},
	{"or", []ir.Op{ir.OpOr}, orRule},
	{"xor", []ir.Op{ir.OpXor}, xorRule},
	{"shift", []ir.Op{ir.OpShl, ir.OpLShr, ir.OpAShr}, shiftRule},
	{"zext", []ir.Op{ir.OpZext}, zextRule},
	{"sext", []ir.Op{ir.OpSext}, sextRule},
	{"tobe", []ir.Op{ir.OpToBE}, toBERule},
}

// possible returns the bits that x may have set.
func (s *simplifier) possible(x *ir.Value) uint64 { return ^s.rangeOf(x).Zero }

func andRule(s *simplifier, v *ir.Value) *ir.Value {
	x, y := v.Args[0], v.Args[1]
	// (and x x) => x
	if x == y && s.ok() {
		return x
	}
	k, ok := right(v)
	if !ok || v.Type != ir.I64 {
		return nil
	}
	switch {
	// (and x 0) => 0
	case k == 0 && s.ok():
		return s.constant(v, 0)
	// (and x c) => x if c has every bit that x may have
	case s.possible(x)&^uint64(k) == 0 && s.ok():
		return x
	// (and x 2^n-1) => (zext n x) for the widths there are
	case k == 0xff && s.ok():
		return becomeBits(v, ir.OpZext, 8, x)
	case k == 0xffff && s.ok():
		return becomeBits(v, ir.OpZext, 16, x)
	case k == 0xffffffff && s.ok():
		return becomeBits(v, ir.OpZext, 32, x)
	}
	// (and (and x c) d) => (and x c&d)
	if z, c, ok := inner(v, ir.OpAnd); ok && s.ok() {
		return become(v, ir.OpAnd, z, s.num(c&k))
	}
	switch {
	// (and (zext n x) c) => (and x c & 2^n-1) if that is no other zext
	case x.Op == ir.OpZext && ir.Zext(uint64(k), int(x.AuxInt)) == uint64(k) && s.ok():
		return become(v, ir.OpAnd, x.Args[0], y)
	// (and (tobe n x) c) => (tobe n (and x (tobe n c))): masks move to the
	// memory's order, where the swap may turn out needless. Of what is swapped
	// last the verifier knows nothing: in the low phase only where the swap goes
	case x.Op == ir.OpToBE && x.Uses == 1 && s.f.Phase == ir.PhaseHigh && s.ok():
		n := x.AuxInt
		c := s.num(int64(ir.ToBE(uint64(k), int(n), s.f.Module.BigEndian)))
		return becomeBits(v, ir.OpToBE, n, s.op(ir.OpAnd, ir.I64, x.Args[0], c))
	}
	return nil
}

func orRule(s *simplifier, v *ir.Value) *ir.Value {
	x, y := v.Args[0], v.Args[1]
	k, ok := right(v)
	switch {
	// (or x x) => x
	case x == y && s.ok():
		return x
	case !ok || v.Type != ir.I64:
		return nil
	// (or x 0) => x
	case k == 0 && s.ok():
		return x
	// (or x -1) => -1
	case k == -1 && s.ok():
		return s.constant(v, -1)
	}
	// (or (or x c) d) => (or x c|d)
	if z, c, ok := inner(v, ir.OpOr); ok && s.ok() {
		return become(v, ir.OpOr, z, s.num(c|k))
	}
	return nil
}

func xorRule(s *simplifier, v *ir.Value) *ir.Value {
	x, y := v.Args[0], v.Args[1]
	k, ok := right(v)
	switch {
	// (xor x x) => 0
	case x == y && s.ok():
		return s.constant(v, 0)
	case !ok || v.Type != ir.I64:
		return nil
	// (xor x 0) => x
	case k == 0 && s.ok():
		return x
	}
	// (xor (xor x c) d) => (xor x c^d)
	if z, c, ok := inner(v, ir.OpXor); ok && s.ok() {
		return become(v, ir.OpXor, z, s.num(c^k))
	}
	return nil
}

// shiftRule is for shl, lshr and ashr; amounts count modulo 64.
func shiftRule(s *simplifier, v *ir.Value) *ir.Value {
	x := v.Args[0]
	k, ok := right(v)
	if !ok {
		return nil
	}
	switch {
	// (shl x n) => (shl x n mod 64)
	case k&63 != k && s.ok():
		return become(v, v.Op, x, s.num(k&63))
	// (shl x 0) => x
	case k == 0 && s.ok():
		return x
	// (ashr x n) => (lshr x n) if x is not negative
	case v.Op == ir.OpAShr && s.rangeOf(x).NonNegative() && s.ok():
		v.Op = ir.OpLShr
		return v
	}
	if z, c, ok := inner(v, v.Op); ok && c == c&63 {
		return s.shiftTwice(v, z, c+k)
	}
	if z, c, ok := inner(v, ir.OpShl); ok && c == k {
		// (lshr (shl x n) n) => (zext 64-n x); (ashr (shl x n) n) => (sext 64-n x)
		op := ir.OpZext
		if v.Op == ir.OpAShr {
			op = ir.OpSext
		}
		if n := 64 - k; (n == 8 || n == 16 || n == 32) && s.ok() {
			return becomeBits(v, op, n, z)
		}
		// (lshr (shl x n) n) => (and x 2^(64-n)-1)
		if v.Op == ir.OpLShr && k > 33 && s.ok() {
			return become(v, ir.OpAnd, z, s.num(1<<(64-k)-1))
		}
	}
	return nil
}

// shiftTwice: (shl (shl x n) m) => (shl x n+m), 0 from 64 on; for ashr the sign
func (s *simplifier) shiftTwice(v, z *ir.Value, sum int64) *ir.Value {
	if !s.ok() {
		return nil
	}
	switch {
	case sum < 64:
		return become(v, v.Op, z, s.num(sum))
	case v.Op == ir.OpAShr:
		return become(v, v.Op, z, s.num(63))
	}
	return s.constant(v, 0)
}

func zextRule(s *simplifier, v *ir.Value) *ir.Value {
	x, n := v.Args[0], v.AuxInt
	switch {
	// (zext n x) => x if x has no bit above; loads among them
	case s.possible(x)>>n == 0 && s.ok():
		return x
	// (zext n (tobe m x)) => (tobe m x) if m <= n; kernels before 6.12 see that
	// of the zext only
	case x.Op == ir.OpToBE && x.AuxInt <= n && s.f.Phase == ir.PhaseHigh && s.ok():
		return x
	// (zext n (zext m x)), (zext n (sext m x)) => (zext n x) if n <= m
	case (x.Op == ir.OpZext || x.Op == ir.OpSext) && n <= x.AuxInt && s.ok():
		return becomeBits(v, ir.OpZext, n, x.Args[0])
	}
	// (zext n (and x c)) => (zext n x) if c has all n bits, (and x c) narrowed
	// otherwise
	if z, c, ok := inner(v, ir.OpAnd); ok {
		if low := ir.Zext(uint64(c), int(n)); low == ir.Zext(^uint64(0), int(n)) {
			if s.ok() {
				return becomeBits(v, ir.OpZext, n, z)
			}
		} else if s.ok() {
			return become(v, ir.OpAnd, z, s.num(int64(low)))
		}
	}
	return nil
}

func sextRule(s *simplifier, v *ir.Value) *ir.Value {
	x, n := v.Args[0], v.AuxInt
	switch {
	// (sext n x) => x if x is below 2^(n-1)
	case s.rangeOf(x).Hi < 1<<(n-1) && s.ok():
		return x
	// (sext n x) => x if x is a signed load of at most n bits
	case isLoad(x) && x.Mem().Signed && int64(x.Mem().Size)*8 <= n && s.ok():
		return x
	// (sext n (sext m x)) => (sext m x) if m <= n
	case x.Op == ir.OpSext && x.AuxInt <= n && s.ok():
		return x
	// (sext n (zext m x)), (sext n (sext m x)) => (sext n x) if n <= m
	case (x.Op == ir.OpZext || x.Op == ir.OpSext) && n <= x.AuxInt && s.ok():
		return becomeBits(v, ir.OpSext, n, x.Args[0])
	}
	return nil
}

func isLoad(v *ir.Value) bool { return v.Op == ir.OpLoad || v.Op == ir.OpPktLoad }

func toBERule(s *simplifier, v *ir.Value) *ir.Value {
	x, n := v.Args[0], v.AuxInt
	switch {
	// (tobe n x) => (zext n x) where memory is big-endian
	case s.f.Module.BigEndian && n == 64 && s.ok():
		return x
	case s.f.Module.BigEndian && s.ok():
		return becomeBits(v, ir.OpZext, n, x)
	// (tobe n (tobe n x)) => (zext n x)
	case x.Op == ir.OpToBE && x.AuxInt == n && n == 64 && s.ok():
		return x.Args[0]
	case x.Op == ir.OpToBE && x.AuxInt == n && s.ok():
		return becomeBits(v, ir.OpZext, n, x.Args[0])
	// (tobe n (zext m x)), (tobe n (sext m x)) => (tobe n x) if n <= m
	case (x.Op == ir.OpZext || x.Op == ir.OpSext) && n <= x.AuxInt && s.ok():
		return becomeBits(v, ir.OpToBE, n, x.Args[0])
	}
	// (tobe n (and (tobe n x) c)) => (and x (tobe n c)) if c has n bits
	if z, c, ok := inner(v, ir.OpAnd); ok && z.Op == ir.OpToBE && z.AuxInt == n && ir.Zext(uint64(c), int(n)) == uint64(c) && s.ok() {
		return become(v, ir.OpAnd, z.Args[0], s.num(int64(ir.ToBE(uint64(c), int(n), false))))
	}
	return nil
}
