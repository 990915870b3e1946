package opt

import (
	"math"

	"github.com/luabpfc/luabpfc/ir"
)

var compareRules = []rule{
	{"eq", []ir.Op{ir.OpEq, ir.OpNe}, eqRule},
	{"eq-const", []ir.Op{ir.OpEq, ir.OpNe}, eqConstRule},
	{"less", []ir.Op{ir.OpULt, ir.OpULe, ir.OpSLt, ir.OpSLe}, lessRule},
	{"less-int", []ir.Op{ir.OpULt, ir.OpULe, ir.OpSLt, ir.OpSLe}, lessIntRule},
}

var boolRules = []rule{
	{"not", []ir.Op{ir.OpNot}, notRule},
	{"bool", []ir.Op{ir.OpAnd, ir.OpOr, ir.OpXor}, boolRule},
}

// opposite are the comparisons that hold when the op's does not; swap says that
// the arguments change places.
var opposite = map[ir.Op]struct {
	op   ir.Op
	swap bool
}{
	ir.OpEq:  {ir.OpNe, false},
	ir.OpNe:  {ir.OpEq, false},
	ir.OpULt: {ir.OpULe, true},
	ir.OpULe: {ir.OpULt, true},
	ir.OpSLt: {ir.OpSLe, true},
	ir.OpSLe: {ir.OpSLt, true},
}

// verdict turns v, an eq or ne, into what it is if its arguments are equal.
func (s *simplifier) verdict(v *ir.Value, equal bool) *ir.Value {
	k := int64(0)
	if equal == (v.Op == ir.OpEq) {
		k = 1
	}
	return s.constant(v, k)
}

// eqRule: eq and ne of anything.
func eqRule(s *simplifier, v *ir.Value) *ir.Value {
	x, y := v.Args[0], v.Args[1]
	switch {
	// (eq x x) => true
	case x == y && s.ok():
		return s.verdict(v, true)
	// (eq (sub x y) 0) => (eq x y)
	case x.Op == ir.OpSub && isZero(y) && s.ok(),
		x.Op == ir.OpXor && x.Type == ir.I64 && isZero(y) && s.ok():
		return become(v, v.Op, x.Args[0], x.Args[1])
	// (eq (tobe n x) (tobe n y)) => (eq (zext n x) (zext n y))
	case x.Op == ir.OpToBE && y.Op == ir.OpToBE && x.AuxInt == y.AuxInt && s.ok():
		return become(v, v.Op, s.zext(x.Args[0], x.AuxInt), s.zext(y.Args[0], x.AuxInt))
	}
	return nil
}

func isZero(v *ir.Value) bool { return v.Op == ir.OpConst && v.AuxInt == 0 }

// zext makes (zext n x), x itself for all 64 bits.
func (s *simplifier) zext(x *ir.Value, n int64) *ir.Value {
	if n == 64 {
		return x
	}
	z := s.op(ir.OpZext, ir.I64, x)
	z.AuxInt = n
	return z
}

// eqConstRule: eq and ne with a constant, whose other side is taken apart.
func eqConstRule(s *simplifier, v *ir.Value) *ir.Value {
	x := v.Args[0]
	k, ok := right(v)
	if !ok {
		return nil
	}
	if x.Type == ir.Bool {
		// (eq b true), (ne b false) => b; (eq b false), (ne b true) => (not b)
		if !s.ok() {
			return nil
		}
		if (k == 1) == (v.Op == ir.OpEq) {
			return x
		}
		return become(v, ir.OpNot, x)
	}
	switch x.Op {
	case ir.OpBoolToInt:
		// (eq (int b) 1) => (eq b true); with 0 likewise, never equal otherwise
		if k != 0 && k != 1 {
			if s.ok() {
				return s.verdict(v, false)
			}
		} else if s.ok() {
			return become(v, v.Op, x.Args[0], s.konst(ir.Bool, k))
		}
	case ir.OpAdd, ir.OpXor:
		// (eq (add x c) d) => (eq x d-c); (eq (xor x c) d) => (eq x c^d)
		c, ok := x.Args[1].IsConst()
		if !ok || !s.ok() {
			return nil
		}
		if x.Op == ir.OpAdd {
			return become(v, v.Op, x.Args[0], s.num(k-c))
		}
		return become(v, v.Op, x.Args[0], s.num(k^c))
	case ir.OpNeg:
		// (eq (neg x) c) => (eq x -c)
		if s.ok() {
			return become(v, v.Op, x.Args[0], s.num(-k))
		}
	case ir.OpToBE:
		// (eq (tobe n x) c) => (eq (zext n x) (tobe n c)) if c has n bits
		n := x.AuxInt
		if ir.Zext(uint64(k), int(n)) != uint64(k) {
			if s.ok() {
				return s.verdict(v, false)
			}
		} else if s.ok() {
			c := s.num(int64(ir.ToBE(uint64(k), int(n), s.f.Module.BigEndian)))
			return become(v, v.Op, s.zext(x.Args[0], n), c)
		}
	case ir.OpAnd:
		return s.eqMasked(v, x, k)
	}
	return nil
}

// (eq (and (tobe n x) c) d) => (eq (and x (tobe n c)) (tobe n d)) if d has n bits
func (s *simplifier) eqMasked(v, x *ir.Value, k int64) *ir.Value {
	z, n := x.Args[0], int(x.Args[0].AuxInt)
	c, ok := x.Args[1].IsConst()
	if !ok || z.Op != ir.OpToBE || x.Uses > 1 || ir.Zext(uint64(k), n) != uint64(k) || !s.ok() {
		return nil
	}
	swapped := func(k int64) *ir.Value { return s.num(int64(ir.ToBE(uint64(k), n, s.f.Module.BigEndian))) }
	return become(v, v.Op, s.op(ir.OpAnd, ir.I64, z.Args[0], swapped(c)), swapped(k))
}

// lessRule brings comparisons with a constant to the strict form and finds
// those that are equalities. A constant on the left stays there: there is no
// "greater".
func lessRule(s *simplifier, v *ir.Value) *ir.Value {
	x, y := v.Args[0], v.Args[1]
	signed := v.Op == ir.OpSLt || v.Op == ir.OpSLe
	strict := v.Op == ir.OpULt || v.Op == ir.OpSLt
	if x == y {
		// (ult x x) => false; (ule x x) => true
		if !s.ok() {
			return nil
		}
		if strict {
			return s.constant(v, 0)
		}
		return s.constant(v, 1)
	}
	if x.Type != ir.I64 {
		return nil
	}
	l, left := x.IsConst()
	k, rightConst := y.IsConst()
	if signed && s.rangeOf(x).NonNegative() && s.rangeOf(y).NonNegative() && s.ok() {
		// (slt x y) => (ult x y) if neither is negative
		v.Op = ir.OpULe
		if strict {
			v.Op = ir.OpULt
		}
		return v
	}
	// Immediates have 32 bits; the strict form must not need more.
	switch {
	// (ule x c) => (ult x c+1)
	case rightConst && !strict && k != math.MaxInt32 && k != -1 && k != math.MaxInt64 && s.ok():
		return become(v, v.Op-1, x, s.num(k+1))
	// (ule c x) => (ult c-1 x)
	case left && !strict && l != math.MinInt32 && l != 0 && l != math.MinInt64 && s.ok():
		return become(v, v.Op-1, s.num(l-1), y)
	// (ult x 1) => (eq x 0); (ult 0 x) => (ne x 0)
	case v.Op == ir.OpULt && rightConst && k == 1 && s.ok():
		return become(v, ir.OpEq, x, s.num(0))
	case v.Op == ir.OpULt && left && l == 0 && s.ok():
		return become(v, ir.OpNe, y, x)
	}
	return nil
}

// (ult (int b) c), and the others: 0 and 1 are tried
func lessIntRule(s *simplifier, v *ir.Value) *ir.Value {
	for i, b := range v.Args {
		k, ok := v.Args[1-i].IsConst()
		if b.Op != ir.OpBoolToInt || !ok {
			continue
		}
		var r [2]uint64
		for x := range r {
			args := [2]uint64{uint64(x), uint64(k)}
			r[x], _ = ir.Eval(v.Op, 0, false, args[i], args[1-i])
		}
		if !s.ok() {
			return nil
		}
		switch r {
		case [2]uint64{0, 1}:
			return b.Args[0]
		case [2]uint64{1, 0}:
			return become(v, ir.OpNot, b.Args[0])
		}
		return s.constant(v, int64(r[0]))
	}
	return nil
}

func notRule(s *simplifier, v *ir.Value) *ir.Value {
	x := v.Args[0]
	// (not (not b)) => b
	if x.Op == ir.OpNot && s.ok() {
		return x.Args[0]
	}
	// (not (eq x y)) => (ne x y); (not (ult x y)) => (ule y x)
	o, ok := opposite[x.Op]
	if !ok || !s.ok() {
		return nil
	}
	if o.swap {
		return become(v, o.op, x.Args[1], x.Args[0])
	}
	return become(v, o.op, x.Args[0], x.Args[1])
}

// boolRule: and, or, xor of Bools.
func boolRule(s *simplifier, v *ir.Value) *ir.Value {
	if v.Type != ir.Bool {
		return nil
	}
	x, y := v.Args[0], v.Args[1]
	complement := x.Op == ir.OpNot && x.Args[0] == y || y.Op == ir.OpNot && y.Args[0] == x
	k, ok := right(v)
	switch {
	// (and b (not b)) => false; (or b (not b)), (xor b (not b)) => true
	case complement && s.ok():
		if v.Op == ir.OpAnd {
			return s.constant(v, 0)
		}
		return s.constant(v, 1)
	case !ok:
		return nil
	// (and b false) => false; (or b true) => true
	case v.Op == ir.OpAnd && k == 0 && s.ok(), v.Op == ir.OpOr && k == 1 && s.ok():
		return s.constant(v, k)
	// (xor b true) => (not b)
	case v.Op == ir.OpXor && k == 1 && s.ok():
		return become(v, ir.OpNot, x)
	// (and b true), (or b false), (xor b false) => b
	case s.ok():
		return x
	}
	return nil
}
