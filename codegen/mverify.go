package codegen

import (
	"fmt"

	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// The machine verifier: an abstract interpretation of the finished instructions
// that knows nothing of how they came about. On every way to an instruction,
// every register it reads must have been written, and not lost in a call since;
// every stack byte that it loads, or that a helper reads through an argument,
// must have been written, at an aligned place within the 512 bytes.
//
// The kernel's verifier says so too, but for privileged programs it has long
// stopped looking at uninitialised stack.
//
// A register holds nothing, a constant, an address in the frame, a map, or
// something else; a stack byte was written or not; where ways meet, what they
// agree on remains. An address of the frame that goes out of sight (stored,
// added to something unknown, handed to a function that may write behind it)
// ends the tracking of the bytes: they count as written from there on.

type absKind uint8

const (
	absNothing absKind = iota
	absOther
	absConst  // n
	absFrame  // frame pointer + n
	absMap    // sym
	absRecord // a record or null, of the call at instruction n (-1: of one or more)
	absTested // the same, and it was compared with null on some way
)

type absVal struct {
	kind absKind
	n    int64
	sym  string
}

// absState is what is known at an instruction.
type absState struct {
	reached bool
	regs    [bpf.NumRegs]absVal
	stack   [maxStack / 64]uint64 // a bit for each byte written
	records recordSlots
	lost    bool // an address is out of sight
}

type codeVerifier struct {
	m     *ir.Module
	code  *FuncCode
	at    []int // slot of each instruction
	index []int // instruction at each slot, -1 inside one
	in    []absState
}

// verifyCode checks one function.
func verifyCode(m *ir.Module, f *ir.Func, code *FuncCode) error {
	v := &codeVerifier{m: m, code: code, in: make([]absState, len(code.Insts))}
	for i := range code.Insts {
		in := &code.Insts[i]
		if err := in.Check(); err != nil {
			return fmt.Errorf("instruction %d: %w", i, err)
		}
		v.at = append(v.at, len(v.index))
		v.index = append(v.index, i)
		if in.Slots() == 2 {
			v.index = append(v.index, -1)
		}
	}
	start := &v.in[0]
	start.reached = true
	start.regs[bpf.FP] = absVal{kind: absFrame}
	n := len(f.Params)
	if f.Kind != nil {
		n = 1
	}
	for r := 1; r <= n; r++ {
		start.regs[r] = absVal{kind: absOther}
	}
	work := []int{0}
	for len(work) > 0 {
		i := work[len(work)-1]
		work = work[:len(work)-1]
		st := v.in[i]
		if err := v.step(&st, &code.Insts[i]); err != nil {
			return fmt.Errorf("instruction %d: %s: %w", i, code.Insts[i], err)
		}
		recordResult(&st, i, &code.Insts[i])
		nexts, err := v.successors(i)
		if err != nil {
			return err
		}
		for j, n := range nexts {
			st, err := onEdge(&st, &code.Insts[i], j == 0)
			if err != nil {
				return fmt.Errorf("instruction %d: %s: %w", i, code.Insts[i], err)
			}
			if v.in[n].meet(&st) {
				work = append(work, n)
			}
		}
	}
	for i := range v.in {
		if !v.in[i].reached {
			return fmt.Errorf("instruction %d: %s: unreachable", i, code.Insts[i])
		}
	}
	return v.walk()
}

// walk repeats the kernel's own walk of the control flow, instruction by
// instruction (see cfg.go).
func (v *codeVerifier) walk() error {
	const (
		unseen = iota
		inside
		done
	)
	state := make([]uint8, len(v.code.Insts))
	state[0] = inside
	type visit struct {
		i     int
		nexts []int
	}
	enter := func(i int) (visit, error) {
		state[i] = inside
		nexts, err := v.successors(i)
		if len(nexts) == 2 { // the next instruction before the target
			nexts[0], nexts[1] = nexts[1], nexts[0]
		}
		return visit{i, nexts}, err
	}
	first, err := enter(0)
	if err != nil {
		return err
	}
	for stack := []visit{first}; len(stack) > 0; {
		top := &stack[len(stack)-1]
		if len(top.nexts) == 0 {
			state[top.i] = done
			stack = stack[:len(stack)-1]
			continue
		}
		to := top.nexts[0]
		top.nexts = top.nexts[1:]
		if _, jumps := v.code.Insts[top.i].Distance(); state[to] == inside && !jumps {
			return fmt.Errorf("instruction %d: %s: falls back to instruction %d", top.i, v.code.Insts[top.i], to)
		}
		if state[to] == unseen {
			n, err := enter(to)
			if err != nil {
				return err
			}
			stack = append(stack, n)
		}
	}
	return nil
}

// successors returns the instructions that control goes to from i.
func (v *codeVerifier) successors(i int) ([]int, error) {
	in := &v.code.Insts[i]
	var list []int
	add := func(slot int) error {
		if slot < 0 || slot >= len(v.index) || v.index[slot] < 0 {
			return fmt.Errorf("instruction %d: %s: goes to no instruction", i, in)
		}
		list = append(list, v.index[slot])
		return nil
	}
	next := v.at[i] + in.Slots()
	if d, ok := in.Distance(); ok {
		if err := add(next + d); err != nil {
			return nil, err
		}
	}
	if in.Op == bpf.OpExit || in.Op == bpf.Ja || in.Op == bpf.Gotol {
		return list, nil
	}
	return list, add(next)
}

// meet joins another way into the state and reports a change.
func (s *absState) meet(t *absState) bool {
	if !s.reached {
		*s = *t
		return true
	}
	old := *s
	for r := range s.regs {
		a, b := s.regs[r], t.regs[r]
		switch {
		case a == b:
		case a.kind == absNothing || b.kind == absNothing:
			s.regs[r] = absVal{}
		case a.kind >= absRecord || b.kind >= absRecord:
			s.regs[r] = meetRecord(a, b)
		default:
			if a.kind == absFrame || b.kind == absFrame {
				s.lost = true
			}
			s.regs[r] = absVal{kind: absOther}
		}
	}
	for i := range s.stack {
		s.stack[i] &= t.stack[i]
	}
	s.records.tested |= t.records.tested
	s.records.untested |= t.records.untested
	s.lost = s.lost || t.lost
	return *s != old
}

// step checks the instruction and changes the state as it does.
func (v *codeVerifier) step(s *absState, in *bpf.Inst) error {
	uses := in.Uses()
	if in.Op.IsCall() {
		n, err := v.argCount(in)
		if err != nil {
			return err
		}
		for r := 1; r <= n; r++ {
			uses |= bpf.Regs(bpf.Reg(r))
		}
	}
	for r := bpf.R0; r < bpf.NumRegs; r++ {
		if uses.Has(r) && s.regs[r].kind == absNothing {
			return fmt.Errorf("reads %s, which holds nothing", r)
		}
		if in.Defs().Has(r) && r == bpf.FP {
			return fmt.Errorf("writes the frame pointer")
		}
	}
	if err := v.memory(s, in); err != nil {
		return err
	}
	result := v.result(s, in)
	if record, ok := recordMemory(s, in); ok {
		result = record
	}
	for r := bpf.R0; r < bpf.NumRegs; r++ {
		if in.Defs().Has(r) {
			s.regs[r] = absVal{}
		}
	}
	switch {
	case in.Op.IsCall() || in.Op == bpf.LdAbs || in.Op == bpf.LdInd:
		s.regs[bpf.R0] = absVal{kind: absOther}
	case in.Op == bpf.CmpXchg:
		s.regs[bpf.R0] = absVal{kind: absOther}
	case in.Op.IsAtomic() && in.Defs() != 0:
		s.regs[in.Src] = absVal{kind: absOther}
	case in.Defs() != 0:
		s.regs[in.Dst] = result
	}
	return nil
}

// argCount returns how many arguments a call reads.
func (v *codeVerifier) argCount(in *bpf.Inst) (int, error) {
	if in.Op == bpf.CallFunc {
		for _, f := range v.m.Funcs {
			if f.Name == in.Sym {
				return len(f.Params), nil
			}
		}
		if k := v.m.Kfunc(in.Sym); k != nil {
			return len(k.Helper.Args), nil
		}
		return 0, fmt.Errorf("no function %q", in.Sym)
	}
	h := kernel.HelperByID(int(in.Imm))
	if h == nil {
		return 0, fmt.Errorf("no helper %d", in.Imm)
	}
	return len(h.Args), nil
}

// result returns what the instruction leaves in its destination.
func (v *codeVerifier) result(s *absState, in *bpf.Inst) absVal {
	dst, src := s.regs[in.Dst], absVal{kind: absConst, n: in.Imm}
	if !in.K {
		src = s.regs[in.Src]
	}
	switch {
	case in.Core != 0 && in.Op == bpf.Mov:
		return absVal{kind: absOther} // what the loader makes of it
	case in.Op == bpf.Mov && in.Size == bpf.B64:
		return src
	case in.Op == bpf.Mov && src.kind == absConst:
		return absVal{kind: absConst, n: int64(uint32(src.n))}
	case in.Op == bpf.LdImm64 && in.Sym != "":
		return absVal{kind: absMap, sym: in.Sym}
	case in.Op == bpf.LdImm64:
		return absVal{kind: absConst, n: in.Imm}
	case in.Op == bpf.Add && in.Size == bpf.B64 && dst.kind == absFrame && src.kind == absConst:
		return absVal{kind: absFrame, n: dst.n + src.n}
	}
	if in.Op.IsALU() && (dst.kind == absFrame || src.kind == absFrame) {
		s.lost = true
	}
	return absVal{kind: absOther}
}

// memory checks and applies what the instruction does to the stack.
func (v *codeVerifier) memory(s *absState, in *bpf.Inst) error {
	size := int64(in.Size)
	switch {
	case in.Op == bpf.Load || in.Op == bpf.LoadSX:
		if p := s.regs[in.Src]; p.kind == absFrame {
			return s.reads(p.n+int64(in.Off), size, true)
		}
	case in.Op == bpf.Store:
		if !in.K && s.regs[in.Src].kind == absFrame {
			s.lost = true
		}
		if p := s.regs[in.Dst]; p.kind == absFrame {
			return s.writes(p.n+int64(in.Off), size, true)
		}
	case in.Op.IsAtomic():
		if p := s.regs[in.Dst]; p.kind == absFrame {
			return s.reads(p.n+int64(in.Off), size, true)
		}
	case in.Op == bpf.CallFunc:
		for r := 1; r <= maxArgs; r++ {
			if s.regs[r].kind == absFrame {
				s.lost = true
			}
		}
	case in.Op == bpf.Call:
		return v.helper(s, kernel.HelperByID(int(in.Imm)))
	}
	return nil
}

// helper checks and applies a helper's accesses through its arguments.
func (v *codeVerifier) helper(s *absState, h *kernel.Helper) error {
	var m *ir.Map
	for i, kind := range h.Args {
		arg := s.regs[i+1]
		if kind == kernel.ArgMap && arg.kind == absMap {
			for _, x := range v.m.Maps {
				if x.Name == arg.sym {
					m = x
				}
			}
		}
		if arg.kind != absFrame {
			continue
		}
		var n int64
		if i+1 < len(h.Args) && s.regs[i+2].kind == absConst {
			n = s.regs[i+2].n
		}
		info := kind.Info()
		switch {
		case info.Size == kernel.KeySize && m != nil:
			n = int64(m.KeySize)
		case info.Size == kernel.ValueSize && m != nil:
			n = int64(m.ValueSize)
		case info.Size == kernel.Fixed:
			n = int64(info.Bytes)
		case info.Size != kernel.NextArg:
			s.lost = true
			continue
		}
		var err error
		if info.Reads {
			err = s.reads(arg.n, n, false)
		}
		if info.Writes && err == nil {
			err = s.writes(arg.n, n, false)
		}
		if err != nil {
			return fmt.Errorf("argument %d: %w", i+1, err)
		}
	}
	return nil
}

// inStack checks that a range lies in the frame.
func inStack(off, size int64, aligned bool) error {
	if off < -maxStack || off+size > 0 {
		return fmt.Errorf("accesses %d bytes at fp%+d, outside of the stack", size, off)
	}
	if aligned && off%size != 0 {
		return fmt.Errorf("accesses %d bytes at fp%+d, not aligned", size, off)
	}
	return nil
}

func (s *absState) reads(off, size int64, aligned bool) error {
	if err := inStack(off, size, aligned); err != nil || s.lost {
		return err
	}
	for b := off + maxStack; b < off+size+maxStack; b++ {
		if s.stack[b/64]>>(b%64)&1 == 0 {
			return fmt.Errorf("reads %d bytes at fp%+d; the one at fp%+d was not written", size, off, b-maxStack)
		}
	}
	return nil
}

func (s *absState) writes(off, size int64, aligned bool) error {
	if err := inStack(off, size, aligned); err != nil {
		return err
	}
	for b := off + maxStack; b < off+size+maxStack; b++ {
		s.stack[b/64] |= 1 << (b % 64)
	}
	return nil
}
