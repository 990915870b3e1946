package explore

import (
	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Which registers are read behind an instruction is known beforehand. Which words
// of the stack are, the verifier learns as it goes: what it saw an instruction
// read, in its own frame or one above, or always write.

// stackUse is what was seen so far, by instruction.
type stackUse struct {
	// live are the words read from an instruction on before they are written, by how
	// many frames they are above that of its function; nil: none.
	live   [maxFrames][]uint64
	writes []uint64 // words of the own frame that an instruction writes as a whole, each time
	seen   []bool   // writes is set
	// jumps[i] is an instruction that jumps to i, or -1; of those that jump to the
	// same, more[j] is one beside j.
	jumps, more []int32
}

// reads notes that the path at s reads word j of frame i.
func (w *walker) reads(s *state, i, j int) {
	for k := len(s.frames) - 1; j >= 0 && j < words && k >= i; k-- {
		at := w.now
		if k < len(s.frames)-1 {
			at = s.in(k)
		}
		w.spread(at, k-i, 1<<j)
	}
}

// spread notes that from instruction i on a word, up frames above, is read: so it
// is from what may come before.
func (w *walker) spread(i, up int, word uint64) {
	u := &w.use
	if u.live[up] == nil {
		u.live[up] = make([]uint64, len(w.code))
	}
	live := u.live[up]
	for todo := []int{i}; len(todo) > 0; {
		i = todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if live[i]&word != 0 {
			continue
		}
		live[i] |= word
		before := func(p int) {
			if live[p]&word == 0 && (up > 0 || u.writes[p]&word == 0) {
				todo = append(todo, p)
			}
		}
		if i > 0 && w.falls(i-1) {
			before(i - 1)
		}
		for p := u.jumps[i]; p >= 0; p = u.more[p] {
			before(int(p))
		}
	}
}

// writes notes which words of its frame the instruction at hand writes as a whole.
func (w *walker) writes(m uint64) {
	u, i := &w.use, w.now
	if !u.seen[i] {
		u.seen[i], u.writes[i] = true, m
		return
	}
	lost := u.writes[i] &^ m
	u.writes[i] &= m
	next, n := w.next(i)
	for _, to := range next[:n] {
		for j := range words {
			if word := uint64(1) << j; u.live[0] != nil && lost&u.live[0][to]&word != 0 {
				w.spread(i, 0, word)
			}
		}
	}
}

// wordsRead returns which words of frame i of s are read from here on, as far as
// was seen.
func (w *walker) wordsRead(s *stored, i int) (m uint64) {
	top := len(s.frames) - 1
	for k := top; k >= i; k-- {
		at := s.frames[k].at
		if k < top && !s.frames[k+1].callback {
			at++
		}
		if live := w.use.live[k-i]; live != nil {
			m |= live[at]
		}
	}
	return m
}

// liveness computes which registers are read behind each instruction of function
// f.
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
