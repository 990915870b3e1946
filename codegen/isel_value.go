package codegen

import (
	"math"
	"math/bits"
	"slices"

	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// binaryOps are the two-operand instructions.
var binaryOps = map[ir.Op]bpf.Op{
	ir.OpAdd: bpf.Add, ir.OpSub: bpf.Sub, ir.OpMul: bpf.Mul, ir.OpUDiv: bpf.Div, ir.OpUMod: bpf.Mod,
	ir.OpSDiv: bpf.SDiv, ir.OpSMod: bpf.SMod, ir.OpAnd: bpf.And, ir.OpOr: bpf.Or, ir.OpXor: bpf.Xor,
	ir.OpShl: bpf.Lsh, ir.OpLShr: bpf.Rsh, ir.OpAShr: bpf.Arsh, ir.OpPtrAdd: bpf.Add, ir.OpPtrDiff: bpf.Sub,
}

// value selects the instructions of one value.
func (s *selector) value(v *ir.Value) {
	d := s.regs[v.ID]
	if d == 0 && droppable(v) || fresh(v) || s.root(v) != v {
		return
	}
	s.pos = v.Pos
	switch v.Op {
	case ir.OpArg, ir.OpPhi:
		return // at the start of the block
	case ir.OpGlobalAddr:
		s.add(minst{op: bpf.LdImm64, size: bpf.B64, dst: d, sym: v.Aux.(*ir.Global).Name})
	case ir.OpKfuncAddr:
		s.add(minst{op: bpf.LdImm64, size: bpf.B64, dst: d, sym: v.Aux.(*kernel.Helper).Name})
	case ir.OpOpaque:
		u := s.use(v.Args[1])
		s.put(d, v.Args[0])
		s.add(minst{op: bpf.Xor, size: bpf.B64, dst: d, src: u})
		s.add(minst{op: bpf.Xor, size: bpf.B64, dst: d, src: u})
	case ir.OpHide:
		s.put(d, v.Args[0])
		s.add(minst{op: s.m.sameOrder(), size: bpf.B64, dst: d})
	case ir.OpNeg:
		s.put(d, v.Args[0])
		s.add(minst{op: bpf.Neg, size: bpf.B64, dst: d})
	case ir.OpNot:
		s.put(d, v.Args[0])
		s.aluImm(bpf.Xor, bpf.B64, d, 1)
	case ir.OpBoolToInt:
		s.put(d, v.Args[0])
	case ir.OpZext:
		s.zext(d, v)
	case ir.OpSext:
		s.sext(d, v.Args[0], int(v.AuxInt))
	case ir.OpBound:
		s.bound(d, v)
	case ir.OpToBE:
		s.put(d, v.Args[0])
		s.add(minst{op: bpf.ToBE, size: bpf.Size(v.AuxInt / 8), dst: d})
	case ir.OpEq, ir.OpNe, ir.OpULt, ir.OpULe, ir.OpSLt, ir.OpSLe:
		s.boolean(d, v)
	case ir.OpLoad, ir.OpVolatileLoad:
		if d == 0 {
			d = s.m.newReg()
		}
		s.load(d, v)
	case ir.OpStore, ir.OpVolatileStore:
		s.store(v)
	case ir.OpFetchAdd, ir.OpFetchAnd, ir.OpFetchOr, ir.OpFetchXor, ir.OpXchg:
		s.atomicFetch(d, v)
	case ir.OpCmpXchg:
		s.cmpXchg(d, v)
	case ir.OpAtomicAdd:
		s.atomicAdd(v)
	case ir.OpLdAbs, ir.OpLdInd:
		s.skbLoad(d, v)
	case ir.OpCall, ir.OpCallFunc:
		s.call(d, v)
	default:
		op, ok := binaryOps[v.Op]
		if !ok {
			ir.Bugf("%s: no instruction for %s", s.f.Name, v.Op)
		}
		s.binary(d, op, v)
	}
	s.flush()
}

// bound puts a number that the verifier knows to be at most v.AuxInt into d.
// Above the bound anything will do: the program does not get there.
//
// A mask comes first, which is all where the bound is 2^n - 1. On ways that are
// never taken verifiers may know a least value of a number that is above its
// greatest, and a comparison leaves that as it is; an address that such a number
// is added to is lost. The mask makes bounds of the number's bits, which agree.
func (s *selector) bound(d reg, v *ir.Value) {
	x, k := v.Args[0], v.AuxInt
	s.put(d, x)
	mask := int64(1)<<bits.Len64(uint64(k)) - 1
	most, evident := ir.EvidentMax(x)
	evident = evident && most <= uint64(mask) && x.Block == v.Block // nothing was compared since it was computed
	if mask <= math.MaxInt32 && (mask == k || !evident) {
		s.aluImm(bpf.And, bpf.B64, d, mask)
	}
	if mask != k || mask > math.MaxInt32 {
		s.add(minst{op: opBound, size: bpf.B64, k: true, dst: d, imm: k})
	}
}

func (s *selector) aluImm(op bpf.Op, size bpf.Size, d reg, imm int64) {
	s.add(minst{op: op, size: size, k: true, dst: d, imm: imm})
}

// binary selects d = x op y as a copy of x and an operation in place.
func (s *selector) binary(d reg, op bpf.Op, v *ir.Value) {
	if (op == bpf.SDiv || op == bpf.SMod) && s.cpu < bpf.V4 {
		ir.Bugf("%s: %s at %s", s.f.Name, v.Op, s.cpu)
	}
	x, y := s.operandOrder(v)
	if c, ok := y.IsConst(); ok && s.byConst(d, op, x, c) {
		return
	}
	if c, ok := y.Aux.(*ir.Core); ok && c.Kind != ir.CoreEnumValue && (op == bpf.Add || op == bpf.Sub) {
		s.put(d, x)
		s.add(minst{op: op, size: bpf.B64, k: true, dst: d, imm: y.AuxInt, core: c})
		return
	}
	src := s.use(y)
	s.put(d, x)
	s.add(minst{op: op, size: bpf.B64, dst: d, src: src})
}

// operandOrder returns the operands, those of a commutative operation in the
// order that likely spares a copy. The first is the one that is changed in
// place: never a constant, a loop's sum rather than what is added, what is not
// used again rather than what is, what lives in a register that calls lose rather
// than what has lived across one.
func (s *selector) operandOrder(v *ir.Value) (x, y *ir.Value) {
	x, y = s.root(v.Args[0]), s.root(v.Args[1])
	if !v.Op.Info().Commutative || y.Op == ir.OpConst || y.Op == ir.OpCore && x.Op != ir.OpConst {
		return x, y
	}
	swap := false
	switch {
	case x.Op == ir.OpConst, x.Op == ir.OpCore:
		swap = true
	case carries(x, v) || carries(y, v):
		swap = !carries(x, v)
	case x.Uses == 1 && y.Uses == 1:
		swap = s.crossesCall(x, v) && !s.crossesCall(y, v)
	default:
		swap = y.Uses == 1
	}
	if swap {
		return y, x
	}
	return x, y
}

// carries reports whether x is a phi that v becomes in a loop's next trip.
func carries(x, v *ir.Value) bool {
	return x.Op == ir.OpPhi && slices.Contains(x.Args, v)
}

// crossesCall reports whether x lives across a call on its way to v, as far as
// one block shows.
func (s *selector) crossesCall(x, v *ir.Value) bool {
	return x.Block == v.Block && s.calls[x.ID] != s.calls[v.ID]
}

// byConst selects an operation with a constant, if it fits the instruction.
func (s *selector) byConst(d reg, op bpf.Op, x *ir.Value, c int64) bool {
	fits := c == int64(int32(c))
	low := c == int64(uint32(c)) // the upper half is zero
	switch op {
	case bpf.Lsh, bpf.Rsh, bpf.Arsh:
		c &= 63 // the verifier refuses more
		fits = true
		if c == 0 {
			s.put(d, x)
			return true
		}
	case bpf.Div, bpf.SDiv:
		if c == 0 {
			s.constant(d, 0) // the verifier refuses a division by the constant 0
			return true
		}
	case bpf.Mod, bpf.SMod:
		if c == 0 {
			s.put(d, x)
			return true
		}
	case bpf.And:
		if c == 0xffffffff {
			s.zext32(d, x)
			return true
		}
	case bpf.Sub:
		if fits && c != -1<<31 {
			op, c = bpf.Add, -c
		}
	}
	size := bpf.B64
	if !fits && low && s.cpu >= bpf.V3 {
		switch {
		case op == bpf.And, (op == bpf.Or || op == bpf.Xor) && narrow(x, 32, 4):
			// The result's upper half is zero either way.
			fits, size, c = true, bpf.B32, int64(int32(c))
		}
	}
	if !fits {
		return false
	}
	s.put(d, x)
	s.aluImm(op, size, d, c)
	return true
}

// zext selects the low bits of a value.
func (s *selector) zext(d reg, v *ir.Value) {
	x := v.Args[0]
	if v.AuxInt != 32 {
		s.put(d, x)
		s.aluImm(bpf.And, bpf.B64, d, 1<<v.AuxInt-1)
		return
	}
	if s.cpu >= bpf.V3 && x.Uses == 1 && s.regs[x.ID] == 0 && s.root(x) == x && s.binary32(d, x) {
		return
	}
	s.zext32(d, x)
}

func (s *selector) zext32(d reg, x *ir.Value) {
	if s.cpu >= bpf.V3 {
		s.add(minst{op: bpf.Mov, size: bpf.B32, dst: d, src: s.use(x)})
		return
	}
	s.put(d, x)
	s.aluImm(bpf.Lsh, bpf.B64, d, 32)
	s.aluImm(bpf.Rsh, bpf.B64, d, 32)
}

// binary32 selects the low half of an operation whose low half depends on the
// low halves of its operands only.
func (s *selector) binary32(d reg, v *ir.Value) bool {
	switch v.Op {
	case ir.OpAdd, ir.OpSub, ir.OpMul, ir.OpAnd, ir.OpOr, ir.OpXor:
	case ir.OpShl:
		if c, ok := v.Args[1].IsConst(); !ok || c <= 0 || c >= 32 {
			return false
		}
	default:
		return false
	}
	op := binaryOps[v.Op]
	x, y := s.operandOrder(v)
	if c, ok := y.IsConst(); ok {
		s.put(d, x)
		s.aluImm(op, bpf.B32, d, int64(int32(c)))
		return true
	}
	src := s.use(y)
	s.put(d, x)
	s.add(minst{op: op, size: bpf.B32, dst: d, src: src})
	return true
}

func (s *selector) sext(d reg, x *ir.Value, bits int) {
	if s.cpu >= bpf.V4 {
		op := map[int]bpf.Op{8: bpf.MovSX8, 16: bpf.MovSX16, 32: bpf.MovSX32}[bits]
		s.add(minst{op: op, size: bpf.B64, dst: d, src: s.use(x)})
		return
	}
	s.put(d, x)
	s.aluImm(bpf.Lsh, bpf.B64, d, int64(64-bits))
	s.aluImm(bpf.Arsh, bpf.B64, d, int64(64-bits))
}

// narrow reports whether v is known to be below 2^bits. It looks depth values
// deep.
func narrow(v *ir.Value, bits, depth int) bool {
	if depth == 0 || v.Type == ir.Ptr {
		return false
	}
	arg := func(i int) bool { return narrow(v.Args[i], bits, depth-1) }
	switch v.Op {
	case ir.OpConst:
		return bits >= 64 || uint64(v.AuxInt)>>bits == 0
	case ir.OpLoad, ir.OpLdAbs, ir.OpLdInd:
		m := v.Mem()
		return !m.Signed && int(m.Size)*8 <= bits
	case ir.OpBoolToInt:
		return true
	case ir.OpZext:
		return int(v.AuxInt) <= bits || arg(0)
	case ir.OpToBE:
		return int(v.AuxInt) <= bits
	case ir.OpCopy:
		return arg(0)
	case ir.OpAnd:
		return arg(0) || arg(1)
	case ir.OpOr, ir.OpXor:
		return arg(0) && arg(1)
	case ir.OpUDiv, ir.OpUMod:
		return arg(0)
	case ir.OpLShr:
		c, ok := v.Args[1].IsConst()
		return ok && 64-int(c&63) <= bits || arg(0)
	case ir.OpPhi:
		for i := range v.Args {
			if !arg(i) {
				return false
			}
		}
		return true
	}
	return false
}
