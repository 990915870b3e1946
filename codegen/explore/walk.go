package explore

import (
	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

const (
	maxPending = 8192 // ways put aside
	maxFrames  = 8    // depth of calls
	maxNotes   = 40   // of a path between two states
)

// Func is a function of a program.
type Func struct {
	Name  string
	Insts []bpf.Inst
}

// Program is what the verifier is given: the program's function first, then
// those that it calls.
type Program struct {
	Funcs  []Func
	Ctx    *kernel.Ctx // of the program; nil: numbers only
	Result bool        // the program's result has to be in a range
	Maps   []Map
	CPUs   uint64         // of the machine; 0: any number
	Kernel kernel.Version // the oldest that must accept it; 0: the newest
}

// Map is what the verifier makes use of, of a map.
type Map struct {
	Name       string
	Array      bool // whose values are looked up by index, and always there
	Entries    uint32
	Key, Value int  // sizes
	Inner      *Map // what the maps in it are like
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
	code     []bpf.Inst      // of all functions
	start    []int           // where each function begins; and the end
	target   []int32         // of each jump and call
	prune    []bool          // where states are compared
	jump     []bool          // where jumps and calls lead
	callback []bool          // calls of helpers that call back
	live     []uint16        // registers read from each instruction on
	order    map[int][]int32 // of the function that begins there
	what     map[string]int32

	stored  []*stored // the ends of chains, by instruction and call
	pending ways
	spare   state       // for the other way of a branch
	frames  []keptFrame // for a state that is being stored
	regs    []value
	memory  memoryOfStored
	links   [][]place // numbers that branches narrowed together
	nextID  int32
	ids     ids

	sameRefs         bool // kernels before 6.3 tell references apart by where they were acquired
	now              int  // the instruction at hand
	noted            bool // it was written down
	steps, stepsThen int
	jumps, jumpsThen int
	over             bool
	at               []int32
}

// Walk walks p for at most limit instructions; Over says that there are more.
func Walk(p *Program, limit int) *Result {
	w := newWalker(p)
	s := &state{frames: make([]frame, 1, maxFrames)}
	s.frames[0].call = -1
	s.top().regs[1] = address(ctx)
	s.top().use = w.called(nil, -1, 0)
	for goes := true; goes && !w.over; {
		if w.steps >= limit {
			w.over = true
			break
		}
		w.steps++
		w.at[s.at]++
		if w.prune[s.at] && w.visit(s) || !w.step(s) {
			w.draw(s)
			s.finish()
			goes = w.pending.next(s)
		}
	}
	res := &Result{Steps: w.steps, Over: w.over}
	for i := range p.Funcs {
		res.At = append(res.At, w.at[w.start[i]:w.start[i+1]])
	}
	return res
}

// finish notes in the states on the way that one way less is open.
func (s *state) finish() {
	for c := s.parent; c != nil; c = c.parent {
		if c.branches--; c.branches > 0 {
			return
		}
	}
}

func newWalker(p *Program) *walker {
	w := &walker{p: p, sameRefs: p.Kernel != kernel.Version{} && p.Kernel.Before(kernel.Version{Major: 6, Minor: 3}), what: map[string]int32{}, order: map[int][]int32{}, links: make([][]place, 1)}
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
	for i := range p.Maps {
		w.what[p.Maps[i].Name] = int32(i + 1)
	}
	for i := range p.Maps {
		if m := p.Maps[i].Inner; m != nil {
			w.what[m.Name] = int32(len(w.what) + 1)
		}
	}
	n := len(w.code)
	w.start = append(w.start, n)
	w.target, w.prune, w.jump, w.callback = make([]int32, n), make([]bool, n+1), make([]bool, n+1), make([]bool, n)
	w.live, w.at, w.stored = make([]uint16, n), make([]int32, n), make([]*stored, n)
	for i := range p.Funcs {
		w.link(i, index)
		w.liveness(i)
		w.order[w.start[i]] = w.postorder(w.start[i], w.start[i+1])
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
			t := at[int(slots[i-from])+in.Slots()+d]
			w.leadsTo(i, int(t))
			w.prune[i] = w.prune[i] || in.Op.IsCond()
		}
		if t, ok := index[in.Sym]; ok && (in.Op == bpf.CallFunc || in.Op == bpf.LdFunc) {
			w.leadsTo(i, t)
			w.prune[i] = true
		}
		if in.Op.IsCall() || in.Op == bpf.LdFunc {
			w.prune[i+1], w.jump[i+1] = true, true
		}
		if h := helper(in); h != nil && h.Effects&kernel.EffectCallback != 0 {
			w.callback[i], w.prune[i], w.jump[i] = true, true, true
		}
	}
}

// leadsTo notes that instruction i jumps to, calls or names t.
func (w *walker) leadsTo(i, t int) {
	w.target[i] = int32(t)
	w.prune[t], w.jump[t] = true, true
}
