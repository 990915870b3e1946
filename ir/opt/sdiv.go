package opt

import "github.com/luabpfc/luabpfc/ir"

// Signed division by what the instruction set has.
//
// Before CPU v4 there is only unsigned division. With s(x) = x >> 63 (signed),
// all ones or zero, |x| = (x ^ s(x)) - s(x), and "negate if s" the same:
//
//	sdiv x y = negate |x| /u |y| if s(x) ^ s(y)
//	smod x y = negate |x| %u |y| if s(x)
//
// Corner cases fall out as ir.Eval has them: |INT64_MIN| is 2^63 unsigned, so
// INT64_MIN / -1 is 2^63, INT64_MIN again; x/0 is 0; x%0 is x; x % -1 is 0.
//
// v4 has the instruction, but INT64_MIN / -1 raised an exception on x86 kernels
// 6.6 to 6.11. Unless the divisor is a constant other than -1, it is replaced
// by y + 2*(y == -1), which is never -1, and the quotient is negated in that
// case; the remainder by 1 is 0 as it should be.

// legalSignedDiv is the pass "sdiv".
func legalSignedDiv(c *Context, f *ir.Func) {
	var r *ir.Ranges
	for _, b := range f.Blocks {
		for i := 0; i < len(b.Values); i++ {
			v := b.Values[i]
			if v.Op != ir.OpSDiv && v.Op != ir.OpSMod {
				continue
			}
			if r == nil {
				r = ir.ComputeRanges(f, nil)
			}
			e := &expander{cursor{b, i, v.Pos}, f.Module.BigEndian}
			if c.Opts.CPU >= 4 {
				guardDivisor(c, e, v)
			} else if c.Change("expand") {
				expandSignedDiv(e, v, r)
			}
			i = e.i
		}
	}
}

// expander inserts pure values in front of position i of b.
type expander struct {
	cursor
	big bool
}

// op inserts a value, or the constant that it folds to.
func (e *expander) op(op ir.Op, args ...*ir.Value) *ir.Value { return e.bits(op, 0, args...) }

func (e *expander) bits(op ir.Op, bits int64, args ...*ir.Value) *ir.Value {
	t := op.Info().Result
	if t == ir.Same {
		t = args[0].Type
	}
	if x, ok := ir.FoldConst(op, bits, e.big, args); ok {
		op, bits, args = ir.OpConst, x, nil
	}
	v := e.cursor.op(op, t, args...)
	v.AuxInt = bits
	return v
}

// negateIf negates x if s is all ones, not if s is 0.
func (e *expander) negateIf(x, s *ir.Value) *ir.Value {
	return e.op(ir.OpSub, e.op(ir.OpXor, x, s), s)
}

// sign returns s(x), nil if x is known not to be negative, and |x|.
func (e *expander) sign(x *ir.Value, r *ir.Ranges) (s, abs *ir.Value) {
	if r.At(x, e.b).Hi <= 1<<63-1 {
		return nil, x
	}
	s = e.op(ir.OpAShr, x, e.konst(63))
	return s, e.negateIf(x, s)
}

func expandSignedDiv(e *expander, v *ir.Value, r *ir.Ranges) {
	x, y := v.Args[0], v.Args[1]
	sx, ax := e.sign(x, r)
	sy, ay := e.sign(y, r)
	op, s := ir.OpUMod, sx
	if v.Op == ir.OpSDiv {
		op = ir.OpUDiv
		switch {
		case s == nil:
			s = sy
		case sy != nil:
			s = e.op(ir.OpXor, sx, sy)
		}
	}
	if s == nil {
		v.Op = op
		v.SetArg(0, ax)
		v.SetArg(1, ay)
		return
	}
	q := e.op(op, ax, ay)
	v.Op = ir.OpSub
	v.SetArg(0, e.op(ir.OpXor, q, s))
	v.SetArg(1, s)
}

func guardDivisor(c *Context, e *expander, v *ir.Value) {
	x, y := v.Args[0], v.Args[1]
	k, ok := y.IsConst()
	switch {
	case ok && k != -1 || !c.Change("guard"):
		return
	case ok && v.Op == ir.OpSDiv:
		become(v, ir.OpNeg, x)
		return
	case ok:
		v.SetConst(0)
		return
	}
	m := e.op(ir.OpBoolToInt, e.op(ir.OpEq, y, e.konst(-1)))
	y = e.op(ir.OpAdd, y, e.op(ir.OpShl, m, e.konst(1)))
	if v.Op == ir.OpSMod {
		v.SetArg(1, y)
		return
	}
	q := e.op(ir.OpSDiv, x, y)
	s := e.op(ir.OpNeg, m)
	v.Op = ir.OpSub
	v.SetArg(0, e.op(ir.OpXor, q, s))
	v.SetArg(1, s)
}
