package ir_test

import (
	"testing"

	"github.com/luabpfc/luabpfc/ir"
)

// TestArithmetic pins Eval down where targets differ, by numbers worked out by hand.
func TestArithmetic(t *testing.T) {
	const minInt, minusOne = 1 << 63, ^uint64(0)
	for _, c := range []struct {
		op      ir.Op
		bits    int64
		x, y, r uint64
	}{
		{ir.OpUDiv, 0, 7, 0, 0}, {ir.OpUMod, 0, 7, 0, 7}, {ir.OpUDiv, 0, minusOne, 2, 1<<63 - 1},
		{ir.OpSDiv, 0, 7, 0, 0}, {ir.OpSMod, 0, 7, 0, 7},
		{ir.OpSDiv, 0, minInt, minusOne, minInt}, {ir.OpSMod, 0, minInt, minusOne, 0},
		{ir.OpSDiv, 0, ^uint64(6), 2, ^uint64(2)}, {ir.OpSMod, 0, ^uint64(6), 2, minusOne},
		{ir.OpSMod, 0, 7, ^uint64(1), 1},
		{ir.OpShl, 0, 1, 64, 1}, {ir.OpShl, 0, 1, 65, 2}, {ir.OpLShr, 0, minInt, 63, 1},
		{ir.OpAShr, 0, minInt, 63, minusOne}, {ir.OpAShr, 0, minInt, 127, minusOne},
		{ir.OpNeg, 0, minInt, 0, minInt},
		{ir.OpZext, 8, 0x1ff, 0, 0xff}, {ir.OpSext, 8, 0x80, 0, ^uint64(0x7f)}, {ir.OpSext, 32, 0x17fffffff, 0, 0x7fffffff},
		{ir.OpToBE, 16, 0xabc1234, 0, 0x3412}, {ir.OpToBE, 32, 0x12345678, 0, 0x78563412},
		{ir.OpToBE, 64, 0x0102030405060708, 0, 0x0807060504030201},
		{ir.OpSLt, 0, minusOne, 0, 1}, {ir.OpULt, 0, minusOne, 0, 0}, {ir.OpSLe, 0, 5, 5, 1}, {ir.OpULe, 0, 6, 5, 0},
		{ir.OpAdd, 0, minusOne, 1, 0}, {ir.OpSub, 0, 0, 1, minusOne}, {ir.OpMul, 0, 1 << 32, 1 << 32, 0},
		{ir.OpEq, 0, 3, 3, 1}, {ir.OpNe, 0, 3, 3, 0}, {ir.OpAnd, 0, 6, 3, 2}, {ir.OpOr, 0, 6, 3, 7}, {ir.OpXor, 0, 6, 3, 5},
	} {
		if r, ok := ir.Eval(c.op, c.bits, false, c.x, c.y); !ok || r != c.r {
			t.Errorf("%s %#x, %#x = %#x, want %#x", c.op, c.x, c.y, r, c.r)
		}
	}
	if r, _ := ir.Eval(ir.OpToBE, 16, true, 0xabc1234, 0); r != 0x1234 {
		t.Errorf("tobe on a big-endian target: %#x", r)
	}
}

// TestEvalRefuses: ops that are not of numbers only have no value here.
func TestEvalRefuses(t *testing.T) {
	for _, op := range []ir.Op{ir.OpInvalid, ir.OpConst, ir.OpPhi, ir.OpOpaque, ir.OpHide, ir.OpPtrAdd, ir.OpLoad, ir.OpCall} {
		if r, ok := ir.Eval(op, 0, false, 1, 2); ok {
			t.Errorf("%s = %d", op, r)
		}
	}
}
