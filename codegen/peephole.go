package codegen

import (
	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/codegen/regalloc"
)

// Peephole improvements after allocation, with the machine registers live at
// each point (backward data flow over eleven bits).
//
//	rX op= rY; rY = rX        with rX dead behind and op commutative:  rY op= rX
//	rX = ...                  with rX dead behind:                     nothing

func commutative(op bpf.Op) bool {
	switch op {
	case bpf.Add, bpf.Mul, bpf.And, bpf.Or, bpf.Xor:
		return true
	}
	return false
}

// peephole improves each block until nothing more is found.
func (m *mfunc) peephole() {
	liveOut := m.liveMachine()
	for i, b := range m.blocks {
		for again := true; again; {
			again = peepBlock(b, liveOut[i])
		}
	}
}

// liveMachine returns the machine registers live out of each block.
func (m *mfunc) liveMachine() []regalloc.Set {
	index := make([]int, m.nblock)
	for i, b := range m.blocks {
		index[b.id] = i
	}
	in, out := make([]regalloc.Set, len(m.blocks)), make([]regalloc.Set, len(m.blocks))
	for changed := true; changed; {
		changed = false
		for i := len(m.blocks) - 1; i >= 0; i-- {
			b := m.blocks[i]
			live := out[i]
			for _, s := range b.succs() {
				live |= in[index[s.id]]
			}
			out[i] = live
			for j := len(b.insts) - 1; j >= 0; j-- {
				live = liveBefore(&b.insts[j], live)
			}
			if live != in[i] {
				in[i], changed = live, true
			}
		}
	}
	return out
}

// liveBefore steps backwards over an instruction.
func liveBefore(in *minst, live regalloc.Set) regalloc.Set {
	var regs [2][maxOperands]reg
	uses, defs, clobbers := in.operands(regs[0][:0], regs[1][:0])
	live &^= clobbers
	for _, d := range defs {
		live &^= 1 << uint(d)
	}
	for _, u := range uses {
		live |= 1 << uint(u)
	}
	return live
}

// peepBlock makes one pass over a block and reports a change.
func peepBlock(b *mblock, live regalloc.Set) bool {
	keep := len(b.insts) // what is kept is moved up to b.insts[keep:]
	for j := len(b.insts) - 1; j >= 0; j-- {
		in := b.insts[j]
		if in.pure() && !live.Has(in.dst) {
			continue
		}
		if j > 0 && in.isMove() && !live.Has(in.src) {
			op := &b.insts[j-1]
			if commutative(op.op) && !op.k && op.size == bpf.B64 && op.dst == in.src && op.src == in.dst {
				op.dst, op.src = op.src, op.dst
				continue
			}
		}
		live = liveBefore(&in, live)
		keep--
		b.insts[keep] = in
	}
	n := copy(b.insts, b.insts[keep:])
	b.insts = b.insts[:n]
	return keep > 0
}

// pure reports whether the instruction does nothing but set dst.
func (in *minst) pure() bool {
	return in.isConst() || in.op.IsALU() || (in.op == bpf.Load || in.op == bpf.LoadSX) && !in.wanted
}
