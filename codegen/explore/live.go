package explore

import (
	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// liveness computes which registers are read from each instruction of function f
// on, before they are written.
func (w *walker) liveness(f int) {
	from, to := w.start[f], w.start[f+1]
	uses, defs := make([]uint16, to-from), make([]uint16, to-from)
	for i := from; i < to; i++ {
		uses[i-from], defs[i-from] = w.access(i)
	}
	for changed := true; changed; {
		changed = false
		for i := to - 1; i >= from; i-- {
			var out uint16
			next, n := w.next(i)
			for _, to := range next[:n] {
				out |= w.live[to]
			}
			if l := out&^defs[i-from] | uses[i-from]; l != w.live[i] {
				w.live[i], changed = l, true
			}
		}
	}
}

// next returns the instructions that may follow i.
func (w *walker) next(i int) (next [2]int, n int) {
	in := &w.code[i]
	if in.Op.IsJump() && w.target[i] >= 0 {
		next[n] = int(w.target[i])
		n++
	}
	if w.falls(i) {
		next[n] = i + 1
		n++
	}
	return next, n
}

// falls reports whether the instruction behind i may be next.
func (w *walker) falls(i int) bool {
	op := w.code[i].Op
	return op != bpf.Ja && op != bpf.Gotol && op != bpf.OpExit && i+1 < len(w.code)
}

// access returns which registers instruction i reads and writes.
func (w *walker) access(i int) (uses, defs uint16) {
	in := &w.code[i]
	uses, defs = uint16(in.Uses())&0x3ff, uint16(in.Defs())&0x3ff
	switch h := helper(in); {
	case h != nil:
		uses |= (1<<len(h.Args) - 1) << 1
	case in.Op.IsCall():
		uses |= 0x3e
	case in.Op == bpf.LdAbs, in.Op == bpf.LdInd: // the verifier does not look
		uses, defs = 0x3ff, 0
	}
	return uses, defs
}

func helper(in *bpf.Inst) *kernel.Helper {
	if in.Op != bpf.Call {
		return nil
	}
	return kernel.HelperByID(int(in.Imm))
}
