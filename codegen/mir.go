package codegen

import (
	"fmt"
	"strings"

	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/codegen/regalloc"
	"github.com/luabpfc/luabpfc/ir"
)

// Machine IR: BPF instructions over machine registers (below
// regalloc.FirstVirtual) and virtual ones, in blocks. A virtual register may
// be defined many times.

type reg = regalloc.Reg

// opLea is an operation that BPF has not got: dst = address of a stack
// object + off. It becomes two instructions.
const opLea = bpf.Op(bpf.NumOps)

// opBound stands for two or three instructions: dst = 0 unless dst <= imm.
const opBound = bpf.Op(bpf.NumOps + 1)

// mfunc is a function in machine IR.
type mfunc struct {
	fn     *ir.Func
	blocks []*mblock // blocks[0] is the entry
	nreg   reg
	objs   []object // what lies on the stack; [0] is unused
	ranged []bool   // of each register, once all are selected: its range matters
	nblock int
	spare  []mblock // memory for blocks
	stack  int      // bytes of stack, once placed
	stats  regalloc.Stats
}

// object is a piece of the stack: a slot of the script or a spill slot.
type object struct {
	size, align int
	name        string
	pos         ir.Pos
	spill       bool
	escapes     bool // its address is kept where accesses can't be seen
	off         int  // place relative to the frame pointer, once placed
}

// small reports whether the object fits into half a word.
func (o *object) small() bool { return o.size <= 4 }

// blockKind is how a machine block ends.
type blockKind uint8

const (
	endJump blockKind = iota // goes to to[0]
	endIf                    // its last instruction is a comparison: to[0] if true, else to[1]
	endRet                   // its last instruction is exit
)

// mblock is a basic block.
type mblock struct {
	id     int
	kind   blockKind
	insts  []minst
	to     [2]*mblock // those that kind says
	weight int
	pos    ir.Pos // of the jump
}

// succs returns the blocks that b goes to.
func (b *mblock) succs() []*mblock {
	switch b.kind {
	case endJump:
		return b.to[:1]
	case endIf:
		return b.to[:]
	}
	return nil
}

// minst is an instruction.
type minst struct {
	op     bpf.Op
	size   bpf.Size
	k      bool      // the second operand is imm
	wanted bool      // a load for its own sake
	number bool      // a store of src, which is no address
	param  int8      // of a store to the stack of a caller: the parameter that is its base, from 1
	region ir.Region // of an access that is not to obj
	dst    reg
	src    reg
	off    int32
	obj    int32 // stack object that is the base of the access or the address; 0: none
	pos    ir.Pos
	imm    int64
	sym    string
	call   *call    // of calls
	core   *ir.Core // what the loader puts in the place of imm or off
}

// call is what there is to know of a call.
type call struct {
	args int   // in r1 to r5
	mem  []use // objects that the callee reads and writes
}

// use is an access to part of a stack object.
type use struct {
	obj       int32
	off, size int32
	read      bool
	write     bool
	callee    *ir.Func // the function that is handed the address, as its
	param     int      // parameter
}

func (m *mfunc) newReg() reg {
	m.nreg++
	return m.nreg - 1
}

func (m *mfunc) newBlock(kind blockKind, pos ir.Pos, weight int) *mblock {
	if len(m.spare) == 0 {
		m.spare = make([]mblock, max(len(m.blocks), 8))
	}
	b := &m.spare[0]
	m.spare = m.spare[1:]
	*b = mblock{id: m.nblock, kind: kind, pos: pos, weight: weight}
	m.nblock++
	m.blocks = append(m.blocks, b)
	return b
}

// isMove reports whether the instruction only copies a register.
func (in *minst) isMove() bool { return in.op == bpf.Mov && in.size == bpf.B64 && !in.k }

// isConst reports whether the instruction computes dst from nothing.
func (in *minst) isConst() bool {
	return in.op == opLea || in.op.IsLdImm64() || in.op == bpf.Mov && in.k
}

// maxOperands is the most registers that an instruction reads or writes.
const maxOperands = 8

// operands appends the registers that the instruction reads and writes, in the
// order in which setOperands takes them back.
func (in *minst) operands(uses, defs []reg) ([]reg, []reg, regalloc.Set) {
	const callerSaved = regalloc.Set(bpf.CallerSaved)
	switch {
	case in.isConst():
		return uses, append(defs, in.dst), 0
	case in.op == bpf.Mov || in.op >= bpf.MovSX8 && in.op <= bpf.MovSX32:
		return append(uses, in.src), append(defs, in.dst), 0
	case in.op == opBound:
		return append(uses, in.dst), append(defs, in.dst), 0
	case in.op.IsALU():
		if !in.k && !in.unary() {
			return append(uses, in.dst, in.src), append(defs, in.dst), 0
		}
		return append(uses, in.dst), append(defs, in.dst), 0
	case in.op.IsCond():
		if !in.k {
			return append(uses, in.dst, in.src), defs, 0
		}
		return append(uses, in.dst), defs, 0
	case in.op == bpf.Load || in.op == bpf.LoadSX:
		if in.obj == 0 {
			uses = append(uses, in.src)
		}
		return uses, append(defs, in.dst), 0
	case in.op == bpf.Store || in.op.IsAtomic():
		if in.obj == 0 {
			uses = append(uses, in.dst)
		}
		if !in.k {
			uses = append(uses, in.src)
		}
		switch in.op {
		case bpf.FetchAdd, bpf.FetchOr, bpf.FetchAnd, bpf.FetchXor, bpf.Xchg:
			defs = append(defs, in.src)
		case bpf.CmpXchg:
			uses, defs = append(uses, 0), append(defs, 0)
		}
		return uses, defs, 0
	case in.op == bpf.LdAbs:
		return append(uses, 6), append(defs, 0), callerSaved
	case in.op == bpf.LdInd:
		return append(uses, 6, in.src), append(defs, 0), callerSaved
	case in.op.IsCall():
		for i := 1; i <= in.call.args; i++ {
			uses = append(uses, reg(i))
		}
		return uses, append(defs, 0), callerSaved
	case in.op == bpf.OpExit:
		return append(uses, 0), defs, 0
	}
	ir.Bugf("machine instruction %s has no operands", in.op)
	return nil, nil, 0
}

// unary reports whether an arithmetic instruction has no second operand.
func (in *minst) unary() bool {
	switch in.op {
	case bpf.Neg, bpf.ToLE, bpf.ToBE, bpf.Bswap:
		return true
	}
	return false
}

// setOperands puts machine registers in the place of the operands.
func (in *minst) setOperands(uses, defs []reg) {
	switch {
	case in.isConst():
		in.dst = defs[0]
	case in.op == bpf.Mov || in.op >= bpf.MovSX8 && in.op <= bpf.MovSX32, in.op == bpf.Load, in.op == bpf.LoadSX:
		in.dst = defs[0]
		if len(uses) > 0 {
			in.src = uses[0]
		}
	case in.op.IsALU(), in.op.IsCond(), in.op == opBound:
		in.dst = uses[0]
		if len(uses) > 1 {
			in.src = uses[1]
		}
	case in.op == bpf.Store || in.op.IsAtomic():
		if in.obj == 0 {
			in.dst, uses = uses[0], uses[1:]
		}
		if !in.k {
			in.src = uses[0]
		}
	case in.op == bpf.LdInd:
		in.src = uses[1]
	}
}

// String prints the function: virtual registers as v0, objects as their number.
func (m *mfunc) String() string {
	var sb strings.Builder
	fmt.Fprintf(&sb, "func %s", m.fn.Name)
	if m.stack > 0 {
		fmt.Fprintf(&sb, " stack %d", m.stack)
	}
	sb.WriteByte('\n')
	for i, o := range m.objs {
		if i == 0 {
			continue
		}
		fmt.Fprintf(&sb, "  obj%d size %d align %d", i, o.size, o.align)
		if o.spill {
			sb.WriteString(" spill")
		}
		if o.escapes {
			sb.WriteString(" escapes")
		}
		if o.off != 0 {
			fmt.Fprintf(&sb, " at %d", o.off)
		}
		if o.name != "" {
			fmt.Fprintf(&sb, " ; %s", o.name)
		}
		sb.WriteByte('\n')
	}
	for _, b := range m.blocks {
		fmt.Fprintf(&sb, "b%d:\n", b.id)
		for i := range b.insts {
			fmt.Fprintf(&sb, "\t%s", b.insts[i].text())
			if i == len(b.insts)-1 && b.kind == endIf {
				fmt.Fprintf(&sb, " goto b%d else b%d", b.to[0].id, b.to[1].id)
			}
			sb.WriteByte('\n')
		}
		if b.kind == endJump {
			fmt.Fprintf(&sb, "\tgoto b%d\n", b.to[0].id)
		}
	}
	return sb.String()
}

func regText(r reg, size bpf.Size) string {
	switch {
	case r.Virtual() && size == bpf.B32:
		return fmt.Sprintf("v%d.w", r-regalloc.FirstVirtual)
	case r.Virtual():
		return fmt.Sprintf("v%d", r-regalloc.FirstVirtual)
	case size == bpf.B32:
		return fmt.Sprintf("w%d", r)
	}
	return fmt.Sprintf("r%d", r)
}

// text prints an instruction by the rules of the verifier's syntax, which
// package bpf knows for machine registers: stand-ins are printed and replaced.
func (in *minst) text() string {
	const standDst, standSrc = 8, 9
	if in.op == opLea {
		return fmt.Sprintf("%s = obj%d%+d", regText(in.dst, bpf.B64), in.obj, in.off)
	}
	if in.op == opBound {
		return fmt.Sprintf("%s = %[1]s <= %d ? %[1]s : 0", regText(in.dst, bpf.B64), in.imm)
	}
	i := bpf.Inst{Op: in.op, Size: in.size, K: in.k, Imm: in.imm, Sym: in.sym, Off: int16(in.off)}
	if in.op != bpf.OpExit && !in.op.IsCall() {
		i.Dst, i.Src = standDst, standSrc
	}
	s := i.String()
	if in.op.IsCond() {
		s, _, _ = strings.Cut(s, " goto")
	}
	base := func(r reg) string {
		if in.obj != 0 {
			return fmt.Sprintf("obj%d", in.obj)
		}
		return regText(r, bpf.B64)
	}
	width := in.size
	if !in.op.IsALU() && !in.op.IsCond() || in.op == bpf.ToBE {
		width = bpf.B64
	}
	dst, src := regText(in.dst, width), regText(in.src, width)
	switch in.op {
	case bpf.Load, bpf.LoadSX:
		src = base(in.src)
	case bpf.Store, bpf.AtomicAdd, bpf.AtomicOr, bpf.AtomicAnd, bpf.AtomicXor, bpf.FetchAdd, bpf.FetchOr, bpf.FetchAnd, bpf.FetchXor,
		bpf.Xchg, bpf.CmpXchg:
		dst = base(in.dst)
	}
	return strings.NewReplacer("r8", dst, "w8", dst, "r9", src, "w9", src).Replace(s)
}
