package codegen

import (
	"fmt"

	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// The machine verifier's part about records (kernel.RetKind.TestedOnce): once the
// address of one was compared with null it must not be again, where the kernel may
// still think that it is an address. It may if a way leads there on which it is
// one, whatever else it is on others.
//
// In registers a record is followed by the call it came from; in the stack, that
// there is one, and whether it was tested. What is not seen (a test of the copy in a
// register, then one of that in the stack) is not an error here.

// recordSlots are the 8-byte slots of the stack, a bit each, that hold records.
type recordSlots struct{ untested, tested uint64 }

// slotBit returns the bit of the slot that 8 bytes at fp+off are; 0 if they are
// none.
func slotBit(off int64) uint64 {
	if off < -maxStack || off > -8 || off%8 != 0 {
		return 0
	}
	return 1 << ((off + maxStack) / 8)
}

// isTest reports whether the instruction compares a register with null.
func isTest(in *bpf.Inst) bool {
	return (in.Op == bpf.JEq || in.Op == bpf.JNe) && in.Size == bpf.B64 && in.K && in.Imm == 0
}

// recordResult enters what instruction i, which has been applied to s, does to
// records.
func recordResult(s *absState, i int, in *bpf.Inst) {
	if in.Op == bpf.Call && kernel.HelperByID(int(in.Imm)).Ret.TestedOnce() {
		s.regs[bpf.R0] = absVal{kind: absRecord, n: int64(i)}
	}
}

// recordMemory follows records through the stack; it is called before in is
// applied, and returns what a load of one gives.
func recordMemory(s *absState, in *bpf.Inst) (loaded absVal, ok bool) {
	switch {
	case in.Op == bpf.Load && in.Size == bpf.B64 && s.regs[in.Src].kind == absFrame:
		bit := slotBit(s.regs[in.Src].n + int64(in.Off))
		switch {
		case s.records.tested&bit != 0:
			return absVal{kind: absTested, n: -1}, true
		case s.records.untested&bit != 0:
			return absVal{kind: absRecord, n: -1}, true
		}
	case in.Op == bpf.Store && s.regs[in.Dst].kind == absFrame:
		bit := slotBit((s.regs[in.Dst].n + int64(in.Off)) &^ 7)
		s.records.tested &^= bit
		s.records.untested &^= bit
		if in.K || in.Size != bpf.B64 {
			break
		}
		switch s.regs[in.Src].kind {
		case absTested:
			s.records.tested |= bit
		case absRecord:
			s.records.untested |= bit
		}
	}
	return absVal{}, false
}

// meetRecord joins two values at least one of which is a record.
func meetRecord(a, b absVal) absVal {
	v := absVal{kind: absRecord, n: -1}
	if a.kind == absTested || b.kind == absTested {
		v.kind = absTested
	}
	if a.n == b.n && (a.kind == absRecord || a.kind == absTested) && (b.kind == absRecord || b.kind == absTested) {
		v.n = a.n
	}
	return v
}

// onEdge returns the state on the way from a test to its target (taken) or the
// next instruction.
func onEdge(s *absState, in *bpf.Inst, taken bool) (absState, error) {
	out := *s
	if !isTest(in) {
		return out, nil
	}
	p := s.regs[in.Dst]
	switch p.kind {
	case absTested:
		return out, fmt.Errorf("compares a record with null that was compared before")
	case absRecord:
		there := absVal{kind: absConst}
		if taken == (in.Op == bpf.JNe) {
			there = absVal{kind: absTested, n: p.n}
		}
		for r := range out.regs {
			if bpf.Reg(r) == in.Dst || p.n >= 0 && out.regs[r] == p {
				out.regs[r] = there
			}
		}
	}
	return out, nil
}
