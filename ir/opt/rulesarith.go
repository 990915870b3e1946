package opt

import "github.com/luabpfc/luabpfc/ir"

// constantRules come first: what they decide needs no algebra.
var constantRules = []rule{
	{"copy", []ir.Op{ir.OpCopy}, copyRule},
	{"phi", []ir.Op{ir.OpPhi}, phiRule},
	{"fold", nil, foldRule},
	{"range", nil, rangeRule},
	{"const-right", nil, constRightRule},
}

var arithmeticRules = []rule{
	{"add", []ir.Op{ir.OpAdd}, addRule},
	{"sub", []ir.Op{ir.OpSub}, subRule},
	{"neg", []ir.Op{ir.OpNeg}, negRule},
	{"mul", []ir.Op{ir.OpMul}, mulRule},
	{"udiv", []ir.Op{ir.OpUDiv}, udivRule},
	{"umod", []ir.Op{ir.OpUMod}, umodRule},
	{"sdiv", []ir.Op{ir.OpSDiv, ir.OpSMod}, signedDivRule},
}

// (copy x) => x
func copyRule(s *simplifier, v *ir.Value) *ir.Value {
	if !s.ok() {
		return nil
	}
	return v.Args[0]
}

// (phi x x v) => x; equal constants count as equal
func phiRule(s *simplifier, v *ir.Value) *ir.Value {
	var x *ir.Value
	for _, a := range v.Args {
		a = s.r.find(a)
		switch {
		case a == v || x != nil && same(a, x):
		case x != nil:
			return nil
		default:
			x = a
		}
	}
	if x == nil || !s.ok() {
		return nil
	}
	if k, ok := x.IsConst(); ok {
		// One argument's constant need not dominate the phi.
		return s.constant(v, k)
	}
	return x
}

// (op const...) => const
func foldRule(s *simplifier, v *ir.Value) *ir.Value {
	if !v.Op.Info().Pure || v.Op == ir.OpConst {
		return nil
	}
	x, ok := ir.FoldConst(v.Op, v.AuxInt, s.f.Module.BigEndian, v.Args)
	if !ok || !s.ok() {
		return nil
	}
	return s.constant(v, x)
}

// A number or Bool whose range has one element is that element.
func rangeRule(s *simplifier, v *ir.Value) *ir.Value {
	if v.Type != ir.I64 && v.Type != ir.Bool || v.Op == ir.OpConst || !v.Op.Info().Pure && v.Op != ir.OpPhi || forVerifier(v) {
		return nil
	}
	x, ok := s.ranges.Of(v).Const()
	if !ok {
		switch v.Op {
		case ir.OpEq, ir.OpNe, ir.OpULt, ir.OpULe, ir.OpSLt, ir.OpSLe:
			is, known := ir.Decide(v.Op, s.rangeOf(v.Args[0]), s.rangeOf(v.Args[1]))
			if x, ok = 0, known; is {
				x = 1
			}
		}
	}
	if !ok || !s.ok() {
		return nil
	}
	return s.constant(v, int64(x))
}

// (add c x) => (add x c), and so for every commutative op
func constRightRule(s *simplifier, v *ir.Value) *ir.Value {
	if !v.Op.Info().Commutative || v.Args[0].Op != ir.OpConst || v.Args[1].Op == ir.OpConst || !s.ok() {
		return nil
	}
	v.Args[0], v.Args[1] = v.Args[1], v.Args[0]
	return v
}

func addRule(s *simplifier, v *ir.Value) *ir.Value {
	x, y := v.Args[0], v.Args[1]
	k, isConst := right(v)
	switch {
	// (add x 0) => x
	case isConst && k == 0 && s.ok():
		return x
	// (add (neg y) x) => (sub x y); (add x (neg y)) => (sub x y)
	case !isConst && y.Op == ir.OpNeg && s.ok():
		return become(v, ir.OpSub, x, y.Args[0])
	case !isConst && x.Op == ir.OpNeg && s.ok():
		return become(v, ir.OpSub, y, x.Args[0])
	// (add (sub x y) y) => x
	case x.Op == ir.OpSub && x.Args[1] == y && s.ok():
		return x.Args[0]
	}
	if !isConst {
		return nil
	}
	// (add (add x c) d) => (add x c+d)
	if z, c, ok := inner(v, ir.OpAdd); ok && s.ok() {
		return become(v, ir.OpAdd, z, s.num(c+k))
	}
	return nil
}

func subRule(s *simplifier, v *ir.Value) *ir.Value {
	x, y := v.Args[0], v.Args[1]
	k, isConst := right(v)
	l, leftConst := x.IsConst()
	switch {
	// (sub x x) => 0
	case x == y && s.ok():
		return s.constant(v, 0)
	// (sub x c) => (add x -c)
	case isConst && s.ok():
		return become(v, ir.OpAdd, x, s.num(-k))
	// (sub 0 x) => (neg x)
	case leftConst && l == 0 && s.ok():
		return become(v, ir.OpNeg, y)
	// (sub x (neg y)) => (add x y)
	case y.Op == ir.OpNeg && s.ok():
		return become(v, ir.OpAdd, x, y.Args[0])
	// (sub (add x y) y) => x; (sub (add x y) x) => y
	case x.Op == ir.OpAdd && x.Args[1] == y && s.ok():
		return x.Args[0]
	case x.Op == ir.OpAdd && x.Args[0] == y && s.ok():
		return x.Args[1]
	}
	return nil
}

func negRule(s *simplifier, v *ir.Value) *ir.Value {
	x := v.Args[0]
	switch {
	// (neg (neg x)) => x
	case x.Op == ir.OpNeg && s.ok():
		return x.Args[0]
	// (neg (sub x y)) => (sub y x)
	case x.Op == ir.OpSub && s.ok():
		return become(v, ir.OpSub, x.Args[1], x.Args[0])
	}
	return nil
}

func mulRule(s *simplifier, v *ir.Value) *ir.Value {
	x := v.Args[0]
	k, ok := right(v)
	if !ok {
		return nil
	}
	if z, c, ok := inner(v, ir.OpMul); ok && s.ok() {
		// (mul (mul x c) d) => (mul x c*d)
		return become(v, ir.OpMul, z, s.num(c*k))
	}
	n, power := log2(k)
	switch {
	// (mul x 0) => 0
	case k == 0 && s.ok():
		return s.constant(v, 0)
	// (mul x 1) => x
	case k == 1 && s.ok():
		return x
	// (mul x -1) => (neg x)
	case k == -1 && s.ok():
		return become(v, ir.OpNeg, x)
	// (mul x 2^n) => (shl x n)
	case power && k != 1 && s.ok():
		return become(v, ir.OpShl, x, s.num(n))
	}
	return nil
}

func udivRule(s *simplifier, v *ir.Value) *ir.Value {
	x := v.Args[0]
	k, ok := right(v)
	if !ok {
		return nil
	}
	n, power := log2(k)
	switch {
	// (udiv x 0) => 0
	case k == 0 && s.ok():
		return s.constant(v, 0)
	// (udiv x 1) => x
	case k == 1 && s.ok():
		return x
	// (udiv x 2^n) => (lshr x n)
	case power && k != 1 && s.ok():
		return become(v, ir.OpLShr, x, s.num(n))
	}
	return nil
}

func umodRule(s *simplifier, v *ir.Value) *ir.Value {
	x, y := v.Args[0], v.Args[1]
	// (umod x y) => x if x < y
	if s.rangeOf(x).Hi < s.rangeOf(y).Lo && s.ok() {
		return x
	}
	k, ok := right(v)
	if !ok {
		return nil
	}
	_, power := log2(k)
	switch {
	// (umod x 0) => x
	case k == 0 && s.ok():
		return x
	// (umod x 1) => 0
	case k == 1 && s.ok():
		return s.constant(v, 0)
	// (umod x 2^n) => (and x 2^n-1)
	case power && k != 1 && s.ok():
		return become(v, ir.OpAnd, x, s.num(k-1))
	}
	return nil
}

// signedDivRule is for sdiv and smod.
func signedDivRule(s *simplifier, v *ir.Value) *ir.Value {
	x, y := v.Args[0], v.Args[1]
	div := v.Op == ir.OpSDiv
	// (sdiv x y) => (udiv x y), (smod x y) => (umod x y) if neither is negative
	if s.rangeOf(x).NonNegative() && s.rangeOf(y).NonNegative() && s.ok() {
		v.Op = ir.OpUMod
		if div {
			v.Op = ir.OpUDiv
		}
		return v
	}
	k, ok := right(v)
	if !ok {
		return nil
	}
	n, power := log2(k)
	switch {
	// (sdiv x 0) => 0; (smod x 0) => x
	case k == 0 && div && s.ok():
		return s.constant(v, 0)
	case k == 0 && !div && s.ok():
		return x
	// (sdiv x 1) => x; (sdiv x -1) => (neg x); (smod x 1), (smod x -1) => 0
	case k == 1 && div && s.ok():
		return x
	case k == -1 && div && s.ok():
		return become(v, ir.OpNeg, x)
	case (k == 1 || k == -1) && s.ok():
		return s.constant(v, 0)
	// (sdiv x 2^n) => (ashr (add x (lshr (ashr x 63) 64-n)) n): truncation
	// rounds towards zero, so what is negative gets 2^n-1 added first
	case power && n > 0 && n < 63 && div && s.ok():
		sign := s.op(ir.OpAShr, ir.I64, x, s.num(63))
		bias := s.op(ir.OpLShr, ir.I64, sign, s.num(64-n))
		sum := s.op(ir.OpAdd, ir.I64, x, bias)
		return become(v, ir.OpAShr, sum, s.num(n))
	}
	return nil
}
