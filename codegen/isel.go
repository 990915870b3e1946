package codegen

import (
	"slices"

	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/codegen/regalloc"
	"github.com/luabpfc/luabpfc/ir"
)

// Instruction selection.
//
// A value is demanded when an instruction needs it in a register. Blocks are
// visited in postorder and their values from the last to the first, so that
// what is demanded of a value is known when it is reached, except round loops,
// where phis count as demanded if anything with an effect depends on them. A
// pure value that nothing demanded was folded into its users (an offset, an
// immediate, a comparison into its branch) and gives no instruction.
//
// A value's instructions are made in forward order (seq) and then appended in
// reverse to the block, which is turned round at the end. Constants, addresses
// of slots and references to maps are made anew at each use: they cost an
// instruction or two and no register across calls.
//
// Phis leave SSA by one temporary each: predecessors copy into the temporary,
// the block begins by copying it into the phi's register. That is right for
// parallel copies, cycles included, and coalescing takes away what is not
// needed. Copies of a branch's edge go into a block of its own.

// selector selects the instructions of one function.
type selector struct {
	m      *mfunc
	f      *ir.Func
	cpu    bpf.CPU
	regs   []reg // by value ID; 0 until demanded
	temps  []reg // by value ID of a phi: what predecessors write
	needed []bool
	calls  []int32   // by value ID: calls in its block up to it
	blocks []*mblock // by block ID: where control enters it

	cur *mblock // being filled, its instructions in reverse
	seq []minst // of the current value, forward
	pos ir.Pos

	// Blocks are filled one after the other, nearly: their instructions lie in
	// one piece of memory, at the end of it those of the block open.
	pool   []minst
	open   *mblock
	openAt int
}

// selectFunc returns the machine IR of f.
func selectFunc(f *ir.Func, cpu bpf.CPU) *mfunc {
	m := &mfunc{fn: f, nreg: regalloc.FirstVirtual, objs: make([]object, 1, len(f.Slots)+1)}
	for _, s := range f.Slots {
		m.objs = append(m.objs, object{size: s.Size, align: s.Align, name: s.Name, pos: s.Pos})
	}
	s := &selector{m: m, f: f, cpu: cpu,
		regs: make([]reg, f.NumValues()), temps: make([]reg, f.NumValues()), needed: make([]bool, f.NumValues()), calls: make([]int32, f.NumValues()),
		blocks: make([]*mblock, f.NumBlocks()),
	}
	dom := ir.Dominators(f)
	loops := ir.FindLoops(f, dom)
	m.spare = make([]mblock, 2*len(dom.RPO))
	m.blocks = make([]*mblock, 0, 2*len(dom.RPO))
	for _, b := range dom.RPO {
		weight := 1
		for range min(loops.Depth(b), 4) {
			weight *= 8
		}
		s.blocks[b.ID] = m.newBlock(endJump, b.Pos, weight)
	}
	s.findNeeded(dom.RPO)
	s.findEscapes(dom.RPO)
	for i := len(dom.RPO) - 1; i >= 0; i-- {
		s.block(dom.RPO[i])
	}
	for _, b := range m.blocks {
		slices.Reverse(b.insts)
	}
	s.findRanged(dom.RPO)
	return m
}

// droppable reports whether a value that nothing uses gives no instruction.
func droppable(v *ir.Value) bool {
	info := v.Op.Info()
	return info.Pure || v.Op == ir.OpPhi || v.Op == ir.OpLoad || v.Op == ir.OpOpaque || v.Op == ir.OpHide
}

// findNeeded marks the values that something with an effect depends on.
func (s *selector) findNeeded(rpo []*ir.Block) {
	var work []*ir.Value
	mark := func(v *ir.Value) {
		if v != nil && !s.needed[v.ID] {
			s.needed[v.ID] = true
			work = append(work, v)
		}
	}
	for _, b := range rpo {
		mark(b.Control)
		calls := int32(0)
		for _, v := range b.Values {
			switch v.Op {
			case ir.OpCall, ir.OpCallFunc, ir.OpLdAbs, ir.OpLdInd:
				calls++
			}
			s.calls[v.ID] = calls
			if !droppable(v) {
				mark(v)
			}
		}
	}
	for len(work) > 0 {
		v := work[len(work)-1]
		work = work[:len(work)-1]
		for _, a := range v.Args {
			mark(a)
		}
	}
}

// block selects the instructions of b.
func (s *selector) block(b *ir.Block) {
	first := s.blocks[b.ID]
	s.cur, s.pos = first, b.Pos
	switch b.Kind {
	case ir.BlockRet:
		s.cur.kind = endRet
		if b.Control != nil {
			s.put(0, b.Control)
		} else {
			s.constant(0, 0)
		}
		s.add(minst{op: bpf.OpExit, size: bpf.B64})
		s.flush()
	case ir.BlockJump:
		s.cur.to[0] = s.blocks[b.Succs[0].B.ID]
		s.phiCopies(b.Succs[0])
	case ir.BlockIf:
		yes, no := s.edge(b.Succs[0]), s.edge(b.Succs[1])
		s.cur, s.pos = first, b.Pos
		s.branch(b.Control, yes, no)
	}
	for i := len(b.Values) - 1; i >= 0; i-- {
		s.value(b.Values[i])
	}
	s.blockStart(b)
	if s.cur != first {
		// Comparisons made numbers split the block: what is filled last is
		// where control enters.
		ir.Bugf("%s: selection of b%d ended in another block", s.f.Name, b.ID)
	}
}

// blockStart copies what comes into the block: parameters or phis.
func (s *selector) blockStart(b *ir.Block) {
	for _, v := range b.Values {
		s.pos = v.Pos
		switch {
		case v.Op == ir.OpArg && s.regs[v.ID] != 0:
			s.pos = s.f.Pos
			s.add(minst{op: bpf.Mov, size: bpf.B64, dst: s.regs[v.ID], src: reg(v.AuxInt) + 1})
		case v.Op == ir.OpPhi && s.needed[v.ID]:
			s.add(minst{op: bpf.Mov, size: bpf.B64, dst: s.reg(v), src: s.temp(v)})
		}
	}
	s.flush()
}

// edge returns the block where a branch's edge leads: one of its own.
func (s *selector) edge(e ir.Edge) *mblock {
	to := s.blocks[e.B.ID]
	if len(e.B.Preds) == 1 && len(e.B.Phis()) == 0 {
		return to
	}
	b := s.m.newBlock(endJump, s.pos, to.weight)
	b.to[0] = to
	s.cur = b
	s.phiCopies(e)
	return b
}

// phiCopies appends the copies that belong to an edge.
func (s *selector) phiCopies(e ir.Edge) {
	for _, phi := range e.B.Phis() {
		if !s.needed[phi.ID] {
			continue
		}
		from := e.B.Preds[e.I]
		if arg := phi.Args[e.I]; from.B.Kind == ir.BlockIf && arg == from.B.Control {
			// On this side of the branch it is known.
			s.constant(s.temp(phi), int64(1-from.I))
		} else {
			s.put(s.temp(phi), arg)
		}
	}
	s.flush()
}

func (s *selector) temp(phi *ir.Value) reg {
	if s.temps[phi.ID] == 0 {
		s.temps[phi.ID] = s.m.newReg()
	}
	return s.temps[phi.ID]
}

// add appends to the current value's instructions.
func (s *selector) add(in minst) {
	in.pos = s.pos
	s.seq = append(s.seq, in)
}

// flush moves the current value's instructions to the block.
func (s *selector) flush() {
	b, n := s.cur, len(s.seq)
	if s.open != b || len(s.pool)-s.openAt != len(b.insts) || len(s.pool)+n > cap(s.pool) {
		if len(s.pool)+len(b.insts)+n > cap(s.pool) {
			s.pool = make([]minst, 0, max(min(s.f.NumValues(), 256), 2*(len(b.insts)+n)))
		}
		s.open, s.openAt = b, len(s.pool)
		s.pool = append(s.pool, b.insts...)
	}
	for i := n - 1; i >= 0; i-- {
		s.pool = append(s.pool, s.seq[i])
	}
	b.insts = s.pool[s.openAt:len(s.pool):len(s.pool)]
	s.seq = s.seq[:0]
}

// root returns the value that v is another name of.
func (s *selector) root(v *ir.Value) *ir.Value {
	for {
		switch {
		case v.Op == ir.OpCopy, v.Op == ir.OpNonNull, v.Op == ir.OpPtrNum, v.Op == ir.OpNumPtr:
			v = v.Args[0]
		case v.Op == ir.OpZext && narrow(v.Args[0], int(v.AuxInt), 4):
			v = v.Args[0]
		case v.Op == ir.OpNe && isBit(v):
			v = v.Args[0] // without a branch
		default:
			return v
		}
	}
}

// isBit reports whether v asks whether a number that is 0 or 1 is not 0.
func isBit(v *ir.Value) bool {
	x, ok := v.Args[1].IsConst()
	return ok && x == 0 && v.Args[0].Type == ir.I64 && v.Args[0].Op != ir.OpConst && narrow(v.Args[0], 1, 4)
}

// reg returns the register of v, demanding it.
func (s *selector) reg(v *ir.Value) reg {
	v = s.root(v)
	if s.regs[v.ID] == 0 {
		s.regs[v.ID] = s.m.newReg()
	}
	return s.regs[v.ID]
}

// fresh reports whether v is made anew at each use.
func fresh(v *ir.Value) bool {
	switch v.Op {
	case ir.OpConst, ir.OpSlotAddr, ir.OpMapRef, ir.OpFuncRef, ir.OpCore:
		return true
	case ir.OpPtrAdd:
		// A place in a slot.
		for v.Op == ir.OpPtrAdd {
			if _, ok := v.Args[1].IsConst(); !ok {
				return false
			}
			v = v.Args[0]
		}
		return v.Op == ir.OpSlotAddr
	}
	return false
}

// use returns a register that holds v here.
func (s *selector) use(v *ir.Value) reg {
	v = s.root(v)
	if !fresh(v) {
		return s.reg(v)
	}
	r := s.m.newReg()
	s.put(r, v)
	return r
}

// put copies v into dst.
func (s *selector) put(dst reg, v *ir.Value) {
	v = s.root(v)
	if !fresh(v) {
		s.add(minst{op: bpf.Mov, size: bpf.B64, dst: dst, src: s.reg(v)})
		return
	}
	switch v.Op {
	case ir.OpConst:
		s.constant(dst, v.AuxInt)
	case ir.OpCore:
		s.core(dst, v)
	case ir.OpMapRef:
		s.add(minst{op: bpf.LdImm64, size: bpf.B64, dst: dst, sym: v.Aux.(*ir.Map).Name})
	case ir.OpFuncRef:
		s.add(minst{op: bpf.LdFunc, size: bpf.B64, dst: dst, sym: v.Aux.(*ir.Func).Name})
	default:
		a := s.address(v, 0)
		s.add(minst{op: opLea, size: bpf.B64, dst: dst, obj: a.obj, off: a.off})
	}
}

// core sets dst to a quantity that the loader fills in.
func (s *selector) core(dst reg, v *ir.Value) {
	c := v.Aux.(*ir.Core)
	in := minst{op: bpf.Mov, size: bpf.B64, k: true, dst: dst, imm: v.AuxInt, core: c}
	if c.Kind == ir.CoreEnumValue {
		in.op, in.k = bpf.LdImm64, false
	}
	s.add(in)
}

// constant sets dst to a number in as few slots as there are ways.
func (s *selector) constant(dst reg, x int64) {
	switch {
	case x == int64(int32(x)):
		s.add(minst{op: bpf.Mov, size: bpf.B64, k: true, dst: dst, imm: x})
	case s.cpu >= bpf.V3 && x == int64(uint32(x)):
		s.add(minst{op: bpf.Mov, size: bpf.B32, k: true, dst: dst, imm: int64(int32(x))})
	default:
		s.add(minst{op: bpf.LdImm64, size: bpf.B64, dst: dst, imm: x})
	}
}

// immediate returns v's value if it is a constant of 32 signed bits.
func immediate(v *ir.Value) (int64, bool) {
	x, ok := v.IsConst()
	return x, ok && x == int64(int32(x))
}
