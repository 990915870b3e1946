package codegen

import (
	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/codegen/regalloc"
	"github.com/luabpfc/luabpfc/ir"
)

// allocOrder is the order in which registers are given out: those that calls
// lose first, so that the others are left for values that live across calls.
var allocOrder = []reg{1, 2, 3, 4, 5, 0, 6, 7, 8, 9}

// allocate replaces the virtual registers by machine registers and spill slots,
// which become objects.
func (m *mfunc) allocate(check bool) {
	res, err := regalloc.Allocate(m.allocFunc())
	if err == nil && check {
		err = regalloc.Verify(m.allocFunc(), res)
	}
	if err != nil {
		ir.Bugf("%s: %v\n%s", m.fn.Name, err, m)
	}
	m.stats = res.Stats
	firstSlot := int32(len(m.objs))
	for range res.Slots {
		m.objs = append(m.objs, object{size: 8, align: 8, spill: true})
	}
	out := make([][]minst, len(m.blocks))
	for i, b := range m.blocks {
		out[i] = m.applyAllocation(b, res, res.Blocks[i], firstSlot)
	}
	for i, b := range m.blocks {
		b.insts = out[i]
	}
}

// allocFunc describes the function to the allocator.
func (m *mfunc) allocFunc() *regalloc.Func {
	index := make([]int, m.nblock)
	for i, b := range m.blocks {
		index[b.id] = i
	}
	n := 0
	for _, b := range m.blocks {
		n += len(b.insts)
	}
	f := &regalloc.Func{Order: allocOrder, Ranged: m.ranged, Blocks: make([]regalloc.Block, len(m.blocks)),
		Operands: make(regalloc.Operands, 0, 2*n+n/2)}
	insts := make([]regalloc.Inst, n)
	succs := make([]int, 0, 2*len(m.blocks))
	var few [2][maxOperands]reg
	for i, b := range m.blocks {
		rb := &f.Blocks[i]
		rb.Weight = b.weight
		at := len(succs)
		for _, s := range b.succs() {
			succs = append(succs, index[s.id])
		}
		rb.Succs = succs[at:len(succs):len(succs)]
		rb.Insts, insts = insts[:len(b.insts):len(b.insts)], insts[len(b.insts):]
		for j := range b.insts {
			in := &b.insts[j]
			uses, defs, clobbers := in.operands(few[0][:0], few[1][:0])
			rb.Insts[j] = f.Operands.Add(regalloc.Inst{Clobbers: clobbers, Flags: in.flags()}, uses, defs)
		}
	}
	return f
}

// flags is what is special about the instruction to the allocator.
func (in *minst) flags() regalloc.Flag {
	switch {
	case in.isMove():
		return regalloc.Move
	case in.isConst() && in.dst.Virtual():
		return regalloc.Remat
	case in.op.IsCond():
		return regalloc.Check
	}
	return 0
}

// applyAllocation returns the instructions of block b as the allocator gave them.
func (m *mfunc) applyAllocation(b *mblock, res *regalloc.Result, allocated []regalloc.Inst, firstSlot int32) []minst {
	out := b.insts[:0]
	if m.stats.Rounds > 1 { // some were added, which may be any block's
		out = make([]minst, 0, len(allocated))
	}
	var pos ir.Pos
	for i := range allocated {
		ri := &allocated[i]
		uses, defs := res.Operands.Uses(ri), res.Operands.Defs(ri)
		switch ri.Kind {
		case regalloc.Elided:
		case regalloc.Load:
			out = append(out, minst{op: bpf.Load, size: bpf.B64, dst: defs[0], obj: firstSlot + ri.Slot, pos: pos})
		case regalloc.Store:
			out = append(out, minst{op: bpf.Store, size: bpf.B64, src: uses[0], obj: firstSlot + ri.Slot, pos: pos})
		default:
			in := m.blocks[ri.Block].insts[ri.Index]
			if ri.Kind == regalloc.Keep {
				pos = in.pos
			} else {
				in.pos = pos
			}
			in.setOperands(uses, defs)
			if !in.isMove() || in.dst != in.src {
				out = append(out, in)
			}
		}
	}
	return out
}
