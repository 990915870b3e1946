package codegen

import (
	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/ir"
)

// Emission: blocks in order become lines, lines get addresses, jumps that do
// not reach get help.
//
// A jump's distance has 16 bits. A comparison that does not reach is led to an
// island, an unconditional jump that control otherwise passes by, some way
// towards its target; an island that does not reach is led to the next. At v4
// there is gotol, with 32 bits, and no islands are needed.

// line is an instruction, or a label if label is not 0. target, if not 0, is the
// label that a jump goes to.
type line struct {
	inst   bpf.Inst
	core   *ir.Core
	pos    ir.Pos
	label  int32
	target int32
}

// reach is the longest distance of a jump, kept below what the format has so
// that an island put in between does no harm.
const reach = 32767 - 64

// emitter makes the lines of one function.
type emitter struct {
	m      *mfunc
	cpu    bpf.CPU
	lines  []line
	next   int32 // label
	reach  int
	index  []int  // place of each block, by number
	landed []bool // blocks that jump to the next one, by number (cfg.go)
}

// emit returns the function's instructions.
func (m *mfunc) emit(cpu bpf.CPU, reach int) []line {
	e := &emitter{m: m, cpu: cpu, next: int32(m.nblock) + 1, reach: reach, index: make([]int, m.nblock)}
	for i, b := range m.blocks {
		e.index[b.id] = i
	}
	e.landed = e.retreats()
	n := 0
	for _, b := range m.blocks {
		n += len(b.insts) + len(b.insts)/8 + 2
	}
	e.lines = make([]line, 0, n)
	for i, b := range m.blocks {
		e.block(b, m.after(i))
	}
	for e.helpJumps() {
	}
	return e.resolve()
}

// after returns the block behind the i-th, nil behind the last.
func (m *mfunc) after(i int) *mblock {
	if i+1 < len(m.blocks) {
		return m.blocks[i+1]
	}
	return nil
}

func (e *emitter) add(in bpf.Inst, pos ir.Pos) {
	e.lines = append(e.lines, line{inst: in, pos: pos})
}

// jump adds a jump to b.
func (e *emitter) jump(in bpf.Inst, b *mblock, pos ir.Pos) {
	e.lines = append(e.lines, line{inst: in, pos: pos, target: int32(b.id) + 1})
}

func (e *emitter) block(b, next *mblock) {
	e.lines = append(e.lines, line{label: int32(b.id) + 1})
	insts := b.insts
	if b.kind == endIf {
		insts = insts[:len(insts)-1]
	}
	for i := range insts {
		e.inst(&insts[i])
	}
	switch b.kind {
	case endJump:
		if to := b.succs[0]; to != next || e.landed[b.id] {
			if to.kind == endRet && len(to.insts) == 1 {
				e.inst(&to.insts[0])
				return
			}
			e.jump(bpf.Goto(0), to, b.pos)
		}
	case endIf:
		e.branch(b, next)
	}
}

// branch adds a conditional jump and, if neither side comes next, another jump.
func (e *emitter) branch(b, next *mblock) {
	in, taken, other := e.sides(b, next)
	pos := b.insts[len(b.insts)-1].pos
	e.jump(in, taken, pos)
	if other != next {
		e.jump(bpf.Goto(0), other, pos)
	}
}

// sides decides which successor of b a conditional jump goes to, and which
// control falls into or is led to by a jump behind. The verifier follows the
// taken side last, so a back edge is the taken side.
func (e *emitter) sides(b, next *mblock) (in bpf.Inst, taken, other *mblock) {
	in = e.convert(&b.insts[len(b.insts)-1])
	yes, no := b.succs[0], b.succs[1]
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
		e.add(e.convert(in), in.pos)
		e.lines[len(e.lines)-1].core = in.core
		return
	}
	e.add(bpf.MovReg(bpf.B64, bpf.Reg(in.dst), bpf.FP), in.pos)
	if off := e.m.objs[in.obj].off + int(in.off); off != 0 {
		e.add(bpf.ALUImm(bpf.Add, bpf.B64, bpf.Reg(in.dst), int32(off)), in.pos)
	}
}

// bound adds "if dst <= imm goto end; dst = 0; end:".
func (e *emitter) bound(in *minst) {
	end := e.next
	e.next++
	dst := bpf.Reg(in.dst)
	jump := func(op bpf.Op, to int32) {
		e.lines = append(e.lines, line{inst: bpf.Inst{Op: op, Size: bpf.B64, K: true, Dst: dst, Imm: in.imm}, pos: in.pos, target: to})
	}
	if canJump(bpf.JLe, e.cpu) {
		jump(bpf.JLe, end)
	} else {
		zero := e.next
		e.next++
		jump(bpf.JGt, zero)
		e.lines = append(e.lines, line{inst: bpf.Goto(0), pos: in.pos, target: end}, line{label: zero})
	}
	e.add(bpf.Inst{Op: bpf.Mov, Size: bpf.B64, K: true, Dst: dst}, in.pos)
	e.lines = append(e.lines, line{label: end})
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

// addresses returns the slot at which each label stands.
func (e *emitter) addresses() []int {
	at := make([]int, e.next)
	pc := 0
	for i := range e.lines {
		if l := &e.lines[i]; l.label != 0 {
			at[l.label] = pc
		} else {
			pc += l.inst.Slots()
		}
	}
	return at
}

// helpJumps leads jumps that do not reach to islands; it reports whether it
// inserted something, which moves what is behind.
func (e *emitter) helpJumps() bool {
	at := e.addresses()
	pc := 0
	for i := range e.lines {
		l := &e.lines[i]
		if l.label != 0 {
			continue
		}
		pc += l.inst.Slots()
		if l.target == 0 || l.inst.Op == bpf.Gotol {
			continue
		}
		d := at[l.target] - pc
		if d >= -e.reach && d <= e.reach {
			continue
		}
		if e.cpu >= bpf.V4 {
			if l.inst.Op == bpf.Ja {
				l.inst = bpf.GotoLong(0)
				continue
			}
			e.island(i+1, l)
			return true
		}
		if isle, ok := e.findIsland(l.target, pc, at); ok {
			l.target = isle
			continue
		}
		e.island(e.lineAt(pc, d), l)
		return true
	}
	return false
}

// lineAt returns the line nearly as far as a jump reaches from pc towards d.
func (e *emitter) lineAt(pc, d int) int {
	want := pc + e.reach*7/8
	if d < 0 {
		want = pc - e.reach*7/8
	}
	at := 0
	for i := range e.lines {
		if at >= want {
			return i
		}
		if e.lines[i].label == 0 {
			at += e.lines[i].inst.Slots()
		}
	}
	return len(e.lines)
}

// findIsland returns an island that leads to target, is in reach of pc and
// nearer to the target.
func (e *emitter) findIsland(target int32, pc int, at []int) (label int32, ok bool) {
	whole := at[target] - pc
	best := e.reach / 2 // at least so far, or it is no help
	for i := 1; i < len(e.lines); i++ {
		l := &e.lines[i]
		if l.target != target || l.inst.Op != bpf.Ja || e.lines[i-1].label == 0 {
			continue
		}
		isle := e.lines[i-1].label
		if int(isle) <= e.m.nblock {
			continue // a block of the program
		}
		d := at[isle] - pc
		if d < -e.reach || d > e.reach || d*whole <= 0 {
			continue
		}
		if d = max(d, -d); d > best {
			best, label, ok = d, isle, true
		}
	}
	return label, ok
}

// island inserts a jump to l's target in front of line i and makes l go there.
func (e *emitter) island(i int, l *line) {
	pos, target := l.pos, l.target
	label := e.next
	e.next++
	l.target = label
	leave := bpf.Goto(0)
	if e.cpu >= bpf.V4 {
		leave = bpf.GotoLong(0)
	}
	isle := []line{{label: label}, {inst: leave, pos: pos, target: target}}
	if e.fallsInto(i) {
		skip := e.next
		e.next++
		isle = append([]line{{inst: bpf.Goto(0), pos: pos, target: skip}}, isle...)
		isle = append(isle, line{label: skip})
	}
	e.lines = append(e.lines[:i:i], append(isle, e.lines[i:]...)...)
}

// fallsInto reports whether control comes to line i from the line before.
func (e *emitter) fallsInto(i int) bool {
	for i--; i >= 0; i-- {
		if e.lines[i].label == 0 {
			op := e.lines[i].inst.Op
			return op != bpf.Ja && op != bpf.Gotol && op != bpf.OpExit
		}
	}
	return true
}

// resolve fills distances in and drops labels.
func (e *emitter) resolve() []line {
	at := e.addresses()
	out := e.lines[:0]
	pc := 0
	for i := range e.lines {
		l := e.lines[i]
		if l.label != 0 {
			continue
		}
		pc += l.inst.Slots()
		if l.target != 0 {
			d := at[l.target] - pc
			if l.inst.Op == bpf.Gotol {
				l.inst.Imm = int64(d)
			} else {
				l.inst.Off = int16(d)
			}
		}
		out = append(out, l)
	}
	return out
}
