package codegen

import (
	"slices"

	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/ir"
)

// Emission: blocks in order become instructions, these get addresses, jumps that
// do not reach get help.
//
// A jump's distance has 16 bits. A comparison that does not reach is led to an
// island, an unconditional jump that control otherwise passes by, some way
// towards its target; an island that does not reach is led to the next. At v4
// there is gotol, with 32 bits, and no islands are needed.

// reach is the longest distance of a jump, kept below what the format has so
// that an island put in between does no harm.
const reach = 32767 - 64

// emitter makes the code of one function. Labels are numbers from 1, those of
// blocks first.
type emitter struct {
	m       *mfunc
	cpu     bpf.CPU
	code    *FuncCode
	targets []int32 // of each instruction: the label that it jumps to, 0 for none
	labels  []int32 // of each label: the instruction that it stands in front of
	slots   []int32 // of each instruction and of the end: the address
	reach   int
	index   []int  // place of each block, by number
	landed  []bool // blocks that jump to the next one, by number (cfg.go)
}

// emit writes the function's instructions to code.
func (m *mfunc) emit(code *FuncCode, cpu bpf.CPU, reach int) {
	e := &emitter{m: m, cpu: cpu, code: code, labels: make([]int32, m.nblock+1), reach: reach, index: make([]int, m.nblock)}
	for i, b := range m.blocks {
		e.index[b.id] = i
	}
	e.landed = e.retreats()
	n := e.size()
	code.Insts, code.Pos, e.targets = make([]bpf.Inst, 0, n), make([]ir.Pos, 0, n), make([]int32, 0, n)
	for i, b := range m.blocks {
		e.block(b, m.after(i))
	}
	for e.helpJumps() {
	}
	e.resolve()
}

// size returns how many instructions the function has before jumps are helped.
func (e *emitter) size() (n int) {
	for i, b := range e.m.blocks {
		n += len(b.insts)
		next := e.m.after(i)
		if b.kind == endJump && (b.to[0] != next || e.landed[b.id]) || b.kind == endIf && b.to[0] != next && b.to[1] != next {
			n++
		}
		for j := range b.insts {
			switch b.insts[j].op {
			case opLea:
				n++
			case opBound:
				n += 2
			}
		}
	}
	return n
}

// after returns the block behind the i-th, nil behind the last.
func (m *mfunc) after(i int) *mblock {
	if i+1 < len(m.blocks) {
		return m.blocks[i+1]
	}
	return nil
}

// jump adds a jump to label to, or if that is 0 another instruction.
func (e *emitter) jump(in bpf.Inst, pos ir.Pos, to int32) {
	c := e.code
	c.Insts, c.Pos, e.targets = append(c.Insts, in), append(c.Pos, pos), append(e.targets, to)
}

func (e *emitter) add(in bpf.Inst, pos ir.Pos) { e.jump(in, pos, 0) }

// label returns the label of b.
func (b *mblock) label() int32 { return int32(b.id) + 1 }

// newLabel returns a label in front of instruction i.
func (e *emitter) newLabel(i int) int32 {
	e.labels = append(e.labels, int32(i))
	return int32(len(e.labels) - 1)
}

func (e *emitter) block(b, next *mblock) {
	e.labels[b.label()] = int32(len(e.code.Insts))
	insts := b.insts
	if b.kind == endIf {
		insts = insts[:len(insts)-1]
	}
	for i := range insts {
		e.inst(&insts[i])
	}
	switch b.kind {
	case endJump:
		if to := b.to[0]; to != next || e.landed[b.id] {
			if to.kind == endRet && len(to.insts) == 1 {
				e.inst(&to.insts[0])
				return
			}
			e.jump(bpf.Goto(0), b.pos, to.label())
		}
	case endIf:
		e.branch(b, next)
	}
}

// branch adds a conditional jump and, if neither side comes next, another jump.
func (e *emitter) branch(b, next *mblock) {
	in, taken, other := e.sides(b, next)
	pos := b.insts[len(b.insts)-1].pos
	e.jump(in, pos, taken.label())
	if other != next {
		e.jump(bpf.Goto(0), pos, other.label())
	}
}

// sides decides which successor of b a conditional jump goes to, and which
// control falls into or is led to by a jump behind. The verifier follows the
// taken side last, so a back edge is the taken side.
func (e *emitter) sides(b, next *mblock) (in bpf.Inst, taken, other *mblock) {
	in = e.convert(&b.insts[len(b.insts)-1])
	yes, no := b.to[0], b.to[1]
	if no == next {
		return in, yes, no
	}
	inverse, ok := e.invert(in)
	if ok && (yes == next || e.index[no.id] <= e.index[b.id]) {
		return inverse, no, yes
	}
	return in, yes, no
}

// invert returns the comparison with the opposite result, with its operands
// exchanged where the level has no other.
func (e *emitter) invert(in bpf.Inst) (bpf.Inst, bool) {
	op, ok := in.Op.Negate()
	if !ok {
		return in, false
	}
	in.Op = op
	if canJump(op, e.cpu) {
		return in, true
	}
	if in.K {
		return in, false
	}
	in.Op, _ = op.Swap()
	in.Dst, in.Src = in.Src, in.Dst
	return in, true
}

// inst adds an instruction of machine registers.
func (e *emitter) inst(in *minst) {
	if in.op == opBound {
		e.bound(in)
		return
	}
	if in.op != opLea {
		out := e.convert(in)
		if in.core != nil {
			e.code.Cores = append(e.code.Cores, in.core)
			out.Core = int32(len(e.code.Cores))
		}
		e.add(out, in.pos)
		return
	}
	e.add(bpf.MovReg(bpf.B64, bpf.Reg(in.dst), bpf.FP), in.pos)
	if off := e.m.objs[in.obj].off + int(in.off); off != 0 {
		e.add(bpf.ALUImm(bpf.Add, bpf.B64, bpf.Reg(in.dst), int32(off)), in.pos)
	}
}

// bound adds "if dst <= imm goto end; dst = 0; end:".
func (e *emitter) bound(in *minst) {
	at := len(e.code.Insts)
	test := bpf.Inst{Op: bpf.JLe, Size: bpf.B64, K: true, Dst: bpf.Reg(in.dst), Imm: in.imm}
	if canJump(test.Op, e.cpu) {
		e.jump(test, in.pos, e.newLabel(at+2))
	} else {
		test.Op = bpf.JGt
		e.jump(test, in.pos, e.newLabel(at+2))
		e.jump(bpf.Goto(0), in.pos, e.newLabel(at+3))
	}
	e.add(bpf.MovImm(bpf.B64, test.Dst, 0), in.pos)
}

// convert makes a machine instruction a BPF instruction.
func (e *emitter) convert(in *minst) bpf.Inst {
	out := bpf.Inst{Op: in.op, Size: in.size, K: in.k, Dst: bpf.Reg(in.dst), Imm: in.imm, Sym: in.sym}
	if !in.k && !in.unary() {
		out.Src = bpf.Reg(in.src)
	}
	off := int(in.off)
	if in.obj != 0 {
		off += e.m.objs[in.obj].off
		if in.op == bpf.Load || in.op == bpf.LoadSX {
			out.Src = bpf.FP
		} else {
			out.Dst = bpf.FP
		}
	}
	out.Off = int16(off)
	return out
}

// addresses computes the slot at which each instruction stands.
func (e *emitter) addresses() {
	e.slots = slices.Grow(e.slots[:0], len(e.code.Insts)+1)
	pc := int32(0)
	for i := range e.code.Insts {
		e.slots = append(e.slots, pc)
		pc += int32(e.code.Insts[i].Slots())
	}
	e.slots = append(e.slots, pc)
}

// distance returns how far it is from instruction i, a jump, to a label.
func (e *emitter) distance(i int, label int32) int {
	return int(e.slots[e.labels[label]] - e.slots[i+1])
}

// reaches reports whether a jump can go that far.
func (e *emitter) reaches(distance int) bool { return distance >= -e.reach && distance <= e.reach }

// helpJumps leads jumps that do not reach to islands; it reports whether it
// inserted something, which moves what is behind.
func (e *emitter) helpJumps() bool {
	e.addresses()
	for i, target := range e.targets {
		in := &e.code.Insts[i]
		if target == 0 || in.Op == bpf.Gotol {
			continue
		}
		d := e.distance(i, target)
		if e.reaches(d) {
			continue
		}
		if e.cpu >= bpf.V4 {
			if in.Op == bpf.Ja {
				*in = bpf.GotoLong(0)
				continue
			}
			e.island(i+1, i)
			return true
		}
		if isle, ok := e.findIsland(i, target); ok {
			e.targets[i] = isle
			continue
		}
		e.island(e.instAt(e.slots[i+1], d), i)
		return true
	}
	return false
}

// instAt returns the instruction nearly as far as a jump reaches from pc towards
// distance d.
func (e *emitter) instAt(pc int32, d int) int {
	want := pc + int32(e.reach*7/8)
	if d < 0 {
		want = pc - int32(e.reach*7/8)
	}
	at, _ := slices.BinarySearch(e.slots, want)
	return min(at, len(e.code.Insts))
}

// findIsland returns an island that leads to target, is in reach of instruction i
// and nearer to the target.
func (e *emitter) findIsland(i int, target int32) (label int32, ok bool) {
	whole := e.distance(i, target)
	best := e.reach / 2 // at least so far, or it is no help
	for l := int32(e.m.nblock) + 1; int(l) < len(e.labels); l++ {
		if at := int(e.labels[l]); at == len(e.targets) || e.targets[at] != target || e.code.Insts[at].Op != bpf.Ja {
			continue
		}
		d := e.distance(i, l)
		if !e.reaches(d) || d*whole <= 0 {
			continue
		}
		if d = max(d, -d); d > best {
			best, label, ok = d, l, true
		}
	}
	return label, ok
}

// island inserts a jump to the target of jump from in front of instruction at and
// makes that go there.
func (e *emitter) island(at, from int) {
	pos, target := e.code.Pos[from], e.targets[from]
	leave := bpf.Goto(0)
	if e.cpu >= bpf.V4 {
		leave = bpf.GotoLong(0)
	}
	insts, targets := []bpf.Inst{leave}, []int32{target}
	if e.fallsInto(at) {
		insts, targets = []bpf.Inst{bpf.Goto(0), leave}, []int32{int32(len(e.labels)), target}
	}
	n := len(insts)
	for l := range e.labels {
		if int(e.labels[l]) >= at {
			e.labels[l] += int32(n)
		}
	}
	if n == 2 {
		e.newLabel(at + n)
	}
	e.targets[from] = e.newLabel(at + n - 1)
	e.targets = slices.Insert(e.targets, at, targets...)
	e.code.Insts = slices.Insert(e.code.Insts, at, insts...)
	e.code.Pos = slices.Insert(e.code.Pos, at, slices.Repeat([]ir.Pos{pos}, n)...)
}

// fallsInto reports whether control comes to instruction i from the one before.
func (e *emitter) fallsInto(i int) bool {
	if i == 0 {
		return true
	}
	op := e.code.Insts[i-1].Op
	return op != bpf.Ja && op != bpf.Gotol && op != bpf.OpExit
}

// resolve fills distances in.
func (e *emitter) resolve() {
	for i, target := range e.targets {
		in := &e.code.Insts[i]
		in.Pos = int32(i)
		if target == 0 {
			continue
		}
		if d := e.distance(i, target); in.Op == bpf.Gotol {
			in.Imm = int64(d)
		} else {
			in.Off = int16(d)
		}
	}
}
