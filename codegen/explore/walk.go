package explore

import (
	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

const (
	maxPending = 8192 // ways put aside
	maxFrames  = 8    // depth of calls
)

// Func is a function of a program.
type Func struct {
	Name  string
	Insts []bpf.Inst
	Args  int // how many arguments it takes
}

// Program is what the verifier is given: the program's function first, then
// those that it calls.
type Program struct {
	Funcs []Func
	Ctx   *kernel.Ctx // of the program; nil: numbers only
}

// Result is what a walk came to.
type Result struct {
	Steps int // instructions processed
	Over  bool
	At    [][]int32 // steps by function and instruction
}

// walker is a walk over a program.
type walker struct {
	p        *Program
	code     []bpf.Inst // of all functions
	start    []int      // where each function begins; and the end
	target   []int32    // of each jump and call
	prune    []bool
	callback []bool // calls of helpers that call back
	live     []set  // before each instruction

	stored  [][]*state
	pending []*state
	nextID  int32
	ids     ids

	steps, stepsThen int
	jumps, jumpsThen int
	over             bool
	at               []int32
}

// Walk walks p for at most limit instructions; Over says that there are more.
func Walk(p *Program, limit int) *Result {
	w := newWalker(p)
	s := &state{frames: make([]frame, 1, maxFrames)}
	s.top().regs[1] = address(ctx)
	for s != nil && !w.over {
		if w.steps >= limit {
			w.over = true
			break
		}
		if w.prune[s.at] && w.visit(s) || !w.step(s) {
			w.finish(s)
			s = nil
			if n := len(w.pending); n > 0 {
				s = w.pending[n-1]
				w.pending = w.pending[:n-1]
			}
		}
	}
	res := &Result{Steps: w.steps, Over: w.over}
	for i := range p.Funcs {
		res.At = append(res.At, w.at[w.start[i]:w.start[i+1]])
	}
	return res
}

// finish notes in the states on the way that one way less is open.
func (w *walker) finish(s *state) {
	for {
		up := s.parent
		if up == nil {
			return
		}
		if s.loop != nil {
			up.inLoop(s.loop)
		}
		if up.branches--; up.branches > 0 {
			return
		}
		s = up
	}
}

// aside puts s aside for later.
func (w *walker) aside(s *state) {
	if s.parent != nil {
		s.parent.branches++
	}
	w.pending = append(w.pending, s)
	w.over = w.over || len(w.pending) > maxPending
}

func newWalker(p *Program) *walker {
	w := &walker{p: p}
	index := map[string]int{}
	for i := range p.Funcs {
		index[p.Funcs[i].Name] = len(w.code)
		w.start = append(w.start, len(w.code))
		if len(p.Funcs) == 1 {
			w.code = p.Funcs[i].Insts
		} else {
			w.code = append(w.code, p.Funcs[i].Insts...)
		}
	}
	n := len(w.code)
	w.start = append(w.start, n)
	w.target, w.prune, w.callback = make([]int32, n), make([]bool, n+1), make([]bool, n)
	w.live, w.stored, w.at = make([]set, n), make([][]*state, n), make([]int32, n)
	for i := range p.Funcs {
		w.link(i, index)
		w.liveness(i)
	}
	return w
}

// link finds the targets of jumps and calls of function f, and its prune points.
func (w *walker) link(f int, index map[string]int) {
	from, to := w.start[f], w.start[f+1]
	slots := make([]int32, to-from) // of each instruction
	n := int32(0)
	for i := range slots {
		slots[i] = n
		n += int32(w.code[from+i].Slots())
	}
	at := make([]int32, n) // by slot: the instruction that begins there
	for i, s := range slots {
		at[s] = int32(from + i)
	}
	for i := from; i < to; i++ {
		in := &w.code[i]
		w.target[i] = -1
		if d, ok := in.Distance(); ok {
			w.target[i] = at[int(slots[i-from])+in.Slots()+d]
			w.prune[w.target[i]] = true
			w.prune[i] = w.prune[i] || in.Op.IsCond()
		}
		if in.Op == bpf.CallFunc || in.Op == bpf.LdFunc {
			if t, ok := index[in.Sym]; ok {
				w.target[i] = int32(t)
			}
			w.prune[i+1] = w.prune[i+1] || in.Op == bpf.CallFunc
		}
		if h := helper(in); h != nil && h.Effects&kernel.EffectCallback != 0 {
			w.callback[i], w.prune[i] = true, true
		}
	}
}

func helper(in *bpf.Inst) *kernel.Helper {
	if in.Op != bpf.Call {
		return nil
	}
	return kernel.HelperByID(int(in.Imm))
}

// liveness computes what is read behind each instruction of function f. Words
// of the stack that are accessed through an address count as read everywhere.
func (w *walker) liveness(f int) {
	from, to := w.start[f], w.start[f+1]
	shared := w.sharedWords(from, to)
	uses, defs := make([]set, to-from), make([]set, to-from)
	for i := from; i < to; i++ {
		uses[i-from], defs[i-from] = w.access(i)
	}
	for changed := true; changed; {
		changed = false
		for i := to - 1; i >= from; i-- {
			in := &w.code[i]
			var out set
			falls := in.Op != bpf.Ja && in.Op != bpf.Gotol && in.Op != bpf.OpExit
			if falls && i+1 < to {
				out = w.live[i+1]
			}
			if in.Op.IsJump() && w.target[i] >= 0 {
				out.regs |= w.live[w.target[i]].regs
				out.words |= w.live[w.target[i]].words
			}
			u, d := uses[i-from], defs[i-from]
			n := set{out.regs&^d.regs | u.regs, out.words&^d.words | u.words | shared}
			if n != w.live[i] {
				w.live[i], changed = n, true
			}
		}
	}
}

// sharedWords are those at and above the lowest address of the frame that the
// code from to to takes.
func (w *walker) sharedWords(from, to int) uint64 {
	lowest := int64(0)
	for i := from; i < to; i++ {
		in := &w.code[i]
		if in.Op != bpf.Mov || in.K || in.Src != bpf.FP {
			continue
		}
		off := int64(-8 * words)
		if i+1 < to {
			if next := &w.code[i+1]; next.Op == bpf.Add && next.K && next.Dst == in.Dst {
				off = next.Imm
			}
		}
		lowest = min(lowest, off)
	}
	if n := (-lowest + 7) / 8; n > 0 {
		return ^uint64(0) >> (words - n)
	}
	return 0
}

// access returns what instruction i reads and writes.
func (w *walker) access(i int) (uses, defs set) {
	in := &w.code[i]
	uses.regs, defs.regs = uint16(in.Uses())&0x3ff, uint16(in.Defs())
	n := 0
	switch h := helper(in); {
	case in.Op == bpf.CallFunc:
		n = 5
		for f := range w.p.Funcs {
			if w.start[f] == int(w.target[i]) {
				n = w.p.Funcs[f].Args
			}
		}
	case h != nil:
		n = len(h.Args)
	}
	uses.regs |= (1<<n - 1) << 1
	word := uint64(0)
	if off := int(in.Off); off < 0 && off >= -8*words {
		word = 1 << ((-off - 1) / 8)
	}
	switch {
	case (in.Op == bpf.Load || in.Op == bpf.LoadSX) && in.Src == bpf.FP:
		uses.words = word
	case in.Op == bpf.Store && in.Dst == bpf.FP && in.Size == bpf.B64:
		defs.words = word
	case in.Op.IsAtomic() && in.Dst == bpf.FP:
		uses.words = word
	}
	return uses, defs
}
