package explore

import (
	"math/bits"
	"slices"
	"unsafe"
)

// slabSize is the size of one allocation, in bytes: with a word of the runtime's
// a page.
const slabSize = 4096 - 8

// keptFrame is a frame of a state that is not being followed at the moment. Of its
// registers only those that somebody reads from there on are kept.
type keptFrame struct {
	at       int32 // the instruction that it is at: the call of the frame above it, if there is one
	call     int32
	rounds   int32
	first    int32  // among the state's numbers: the first register's
	live     uint16 // which registers are kept
	callback bool
	use      *instance
	precise  set    // numbers whose value was made use of; only of what is stored
	stack    []word // shared
}

// keep adds the frames of s to l and what their registers hold to regs.
func (w *walker) keep(s *state, l []keptFrame, regs []value) ([]keptFrame, []value) {
	base := len(regs)
	for i := range s.frames {
		f := &s.frames[i]
		f.own = false
		at := s.in(i)
		live := w.live[at]
		l = append(l, keptFrame{at: int32(at), call: f.call, rounds: f.rounds, first: int32(len(regs) - base), live: live, callback: f.callback, use: f.use, stack: f.stack})
		for m := live; m != 0; m &= m - 1 {
			regs = append(regs, f.regs[bits.TrailingZeros16(m)])
		}
	}
	return l, regs
}

// restore is the reverse of keep.
func (s *state) restore(l []keptFrame, regs []value) {
	s.at = int(l[len(l)-1].at)
	s.frames = s.frames[:0]
	for i := range l {
		k := &l[i]
		s.frames = append(s.frames, frame{call: k.call, rounds: k.rounds, callback: k.callback, use: k.use, stack: k.stack})
		f, next := s.top(), k.first
		for m := k.live; m != 0; m &= m - 1 {
			f.regs[bits.TrailingZeros16(m)] = regs[next]
			next++
		}
	}
}

// stored is a state that others are compared with, and the way to it.
type stored struct {
	frames []keptFrame
	regs   []value
	refs   []int32
	parent *stored // the state stored before it on its way
	before *stored // the one stored before it in its chain
	path   []event // from there

	branches int32 // ways from here that are not followed yet
	hit      int32
	miss     int32
	cleaned  bool // what nobody reads is taken out
	dropped  bool // it is not compared any more: too few came to it
}

func (s *stored) at() int { return int(s.frames[len(s.frames)-1].at) }

// reg returns what register r of frame f held, or nil if nobody reads it.
func (s *stored) reg(f *keptFrame, r int) *value {
	bit := uint16(1) << r
	if f.live&bit == 0 {
		return nil
	}
	return &s.regs[int(f.first)+bits.OnesCount16(f.live&(bit-1))]
}

// numbers returns those of m that are numbers in frame f of s.
func (s *stored) numbers(f *keptFrame, m set) set {
	var n set
	i := int(f.first)
	for l := f.live; l != 0; l &= l - 1 {
		if s.regs[i].kind == scalar {
			n.regs |= l & -l
		}
		i++
	}
	n.regs &= m.regs
	for l := m.words; l != 0; l &= l - 1 {
		j := bits.TrailingZeros64(l)
		if j >= len(f.stack) {
			break
		}
		if f.stack[j].isNumber() {
			n.words |= l & -l
		}
	}
	return n
}

// sameCalls reports whether s and o are at one place by the same calls.
func (s *stored) sameCalls(o *state) bool {
	if len(s.frames) != len(o.frames) {
		return false
	}
	for i := range s.frames {
		if s.frames[i].call != o.frames[i].call || s.frames[i].callback != o.frames[i].callback {
			return false
		}
	}
	return true
}

// memoryOfStored is what stored states and their parts are made of.
type memoryOfStored struct {
	states slab[stored]
	frames slab[keptFrame]
	regs   slab[value]
	paths  slab[event]
}

// slab is memory for small slices: one allocation for a few of them.
type slab[T any] struct{ free []T }

// take returns n elements that are zero.
func (a *slab[T]) take(n int) []T {
	if n > len(a.free) {
		a.free = make([]T, max(n, slabSize/int(unsafe.Sizeof(*new(T)))))
	}
	l := a.free[:n:n]
	a.free = a.free[n:]
	return l
}

// copy returns a copy of l.
func (a *slab[T]) copy(l []T) []T {
	c := a.take(len(l))
	copy(c, l)
	return c
}

// store stores s, to be compared with others that come here, before last.
func (w *walker) store(s *state, last **stored) {
	w.frames, w.regs = w.keep(s, w.frames[:0], w.regs[:0])
	m := &w.memory
	c := &m.states.take(1)[0]
	*c = stored{parent: s.parent, before: *last, branches: 1, refs: slices.Clone(s.refs),
		frames: m.frames.copy(w.frames), regs: m.regs.copy(w.regs), path: m.paths.copy(s.path)}
	*last = c
	s.parent, s.path, s.notes = c, s.path[:0], 0
	w.jumpsThen, w.stepsThen = w.jumps, w.steps
}

// ways are those put aside for later, the one put aside last on top: what is known
// of each lies on top of the same stacks.
type ways struct {
	list   []way
	frames []keptFrame
	regs   []value
	refs   []int32
	path   []event
}

// way is a way put aside: where what is known of it begins.
type way struct {
	parent                   *stored
	notes                    int
	frames, regs, refs, path int
}

// aside puts s aside for later.
func (w *walker) aside(s *state) {
	if s.parent != nil {
		s.parent.branches++
	}
	p := &w.pending
	p.list = append(p.list, way{s.parent, s.notes, len(p.frames), len(p.regs), len(p.refs), len(p.path)})
	p.frames, p.regs = w.keep(s, p.frames, p.regs)
	p.refs = append(p.refs, s.refs...)
	p.path = append(p.path, s.path...)
	w.over = w.over || len(p.list) > maxPending
}

// next makes s the way that was put aside last; it reports whether there was one.
func (p *ways) next(s *state) bool {
	n := len(p.list)
	if n == 0 {
		return false
	}
	o := p.list[n-1]
	s.parent, s.notes = o.parent, o.notes
	s.restore(p.frames[o.frames:], p.regs[o.regs:])
	s.refs = append(s.refs[:0], p.refs[o.refs:]...)
	s.path = append(s.path[:0], p.path[o.path:]...)
	p.list, p.frames, p.regs, p.refs, p.path = p.list[:n-1], p.frames[:o.frames], p.regs[:o.regs], p.refs[:o.refs], p.path[:o.path]
	return true
}
