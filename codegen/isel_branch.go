package codegen

import (
	"math"

	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/ir"
)

// compareOps are the jumps that the comparisons become.
var compareOps = map[ir.Op]bpf.Op{
	ir.OpEq: bpf.JEq, ir.OpNe: bpf.JNe, ir.OpULt: bpf.JLt, ir.OpULe: bpf.JLe, ir.OpSLt: bpf.JSLt, ir.OpSLe: bpf.JSLe,
}

// branch ends the current block, which is still empty behind its jump, with a
// branch on c. Comparisons are made here even if they have been made before:
// the verifier learns from a comparison, not from a Bool.
func (s *selector) branch(c *ir.Value, yes, no *mblock) {
	if c.Op == ir.OpNe && isBit(c) {
		s.compare(c, yes, no)
		return
	}
	c = s.root(c)
	if x, ok := c.IsConst(); ok {
		if x == 0 {
			yes = no
		}
		s.cur.kind, s.cur.to[0] = endJump, yes
		return
	}
	if _, ok := compareOps[c.Op]; ok {
		s.compare(c, yes, no)
		return
	}
	switch {
	case c.Op == ir.OpNot:
		s.branch(c.Args[0], no, yes)
	case c.Op == ir.OpAnd && c.Uses == 1:
		s.both(c, yes, no, true)
	case c.Op == ir.OpOr && c.Uses == 1:
		s.both(c, yes, no, false)
	default:
		s.end(minst{op: bpf.JNe, size: bpf.B64, k: true, dst: s.reg(c)}, yes, no)
	}
}

// both makes a conjunction (and) or disjunction two branches.
func (s *selector) both(c *ir.Value, yes, no *mblock, and bool) {
	first := s.cur
	second := s.m.newBlock(endJump, s.pos, first.weight)
	s.cur = second
	s.branch(c.Args[1], s.fork(yes), s.fork(no))
	s.cur = first
	if and {
		s.branch(c.Args[0], second, s.fork(no))
	} else {
		s.branch(c.Args[0], s.fork(yes), second)
	}
}

// fork returns an empty block that leads to b: a branch's successor has no other
// predecessor.
func (s *selector) fork(b *mblock) *mblock {
	e := s.m.newBlock(endJump, s.pos, b.weight)
	e.to[0] = b
	return e
}

// end ends the current block with a conditional jump.
func (s *selector) end(jump minst, yes, no *mblock) {
	s.add(jump)
	s.cur.kind, s.cur.to = endIf, [2]*mblock{yes, no}
	s.flush()
}

// compare ends the current block with a comparison.
func (s *selector) compare(c *ir.Value, yes, no *mblock) {
	op := compareOps[c.Op]
	x, y := s.root(c.Args[0]), s.root(c.Args[1])
	if x.Op == ir.OpConst && y.Op != ir.OpConst {
		x, y = y, x
		op, _ = op.Swap()
	}
	if zero, ok := y.IsConst(); ok && zero == 0 && s.testBits(op, x, yes, no) {
		return
	}
	if less := op == bpf.JLt || op == bpf.JLe || op == bpf.JSLt || op == bpf.JSLe; less && s.cpu < bpf.V2 {
		op, _ = op.Negate()
		yes, no = no, yes
	}
	in := minst{op: op, size: bpf.B64}
	if k, ok := immediate(y); ok && s.cpu >= bpf.V3 && x.Op == ir.OpSext && x.AuxInt == 32 && x.Uses == 1 {
		// The lower halves compare as the whole does: k is sign-extended, too.
		x, in.k, in.size, in.imm = s.root(x.Args[0]), true, bpf.B32, k
	} else if k, size, ok := s.compareImm(op, x, y); ok {
		in.k, in.size, in.imm = true, size, k
	} else {
		in.src = s.use(y)
	}
	in.dst = s.use(x)
	s.end(in, yes, no)
}

// compareImm returns the immediate and the width to compare x with y, if y is a
// constant that fits.
func (s *selector) compareImm(op bpf.Op, x, y *ir.Value) (int64, bpf.Size, bool) {
	if k, ok := immediate(y); ok {
		return k, bpf.B64, true
	}
	k, ok := y.IsConst()
	if !ok || s.cpu < bpf.V3 || k != int64(uint32(k)) || !narrow(x, 32, 4) {
		return 0, 0, false
	}
	switch op {
	case bpf.JEq, bpf.JNe, bpf.JLt, bpf.JLe, bpf.JGt, bpf.JGe:
		// Both upper halves are zero.
		return int64(int32(k)), bpf.B32, true
	}
	return 0, 0, false
}

// testBits selects x & mask == 0 and its opposite as one jump.
func (s *selector) testBits(op bpf.Op, x *ir.Value, yes, no *mblock) bool {
	if op != bpf.JEq && op != bpf.JNe || x.Op != ir.OpAnd || x.Type != ir.I64 || x.Uses != 1 {
		return false
	}
	a, b := s.operandOrder(x)
	if a.Op == ir.OpConst {
		return false
	}
	in := minst{op: bpf.JSet, size: bpf.B64}
	if k, ok := immediate(b); ok {
		in.k, in.imm = true, k
		// (x >> n) & k is x & (k << n).
		if n, ok := shiftedBy(a); ok && k >= 0 && k<<n <= math.MaxInt32 {
			a, in.imm = s.root(a.Args[0]), k<<n
		}
	} else {
		in.src = s.use(b)
	}
	in.dst = s.use(a)
	if op == bpf.JEq {
		yes, no = no, yes
	}
	s.end(in, yes, no)
	return true
}

// shiftedBy returns by how much a value that is used once is shifted right, if
// that is little.
func shiftedBy(v *ir.Value) (int64, bool) {
	if v.Op != ir.OpLShr || v.Uses != 1 {
		return 0, false
	}
	n, ok := v.Args[1].IsConst()
	return n, ok && n >= 0 && n < 31
}

// boolean makes a comparison a number: d = 1; if x op y goto next; d = 0; next:
// The instructions selected so far go to the block "next".
func (s *selector) boolean(d reg, c *ir.Value) {
	cur := s.cur
	next := s.m.newBlock(cur.kind, cur.pos, cur.weight)
	next.insts, next.to = cur.insts, cur.to
	cur.insts = nil
	zero := s.m.newBlock(endJump, s.pos, cur.weight)
	zero.insts = []minst{{op: bpf.Mov, size: bpf.B64, k: true, dst: d, pos: s.pos}}
	zero.to[0] = next
	cur.pos = s.pos
	s.constant(d, 1)
	s.compare(c, s.fork(next), zero)
}
