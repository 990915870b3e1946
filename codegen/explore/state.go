package explore

import "github.com/luabpfc/luabpfc/codegen/bpf"

const words = 64 // of a frame, eight bytes each

// word is eight bytes of a frame. The first n bytes hold v; of the others those
// in zero are 0, those in misc were written, and the rest was not.
type word struct {
	v    value
	n    int8
	zero uint8
	misc uint8
}

// noWord is one that nothing is known of.
var noWord word

// forget makes what was stored as one bytes of any value, and the bytes beside it
// too if all is set.
func (x *word) forget(all bool) {
	if x.n == 0 {
		return
	}
	x.misc |= 1<<x.n - 1
	x.v, x.n = value{}, 0
	if all {
		x.misc |= x.zero
		x.zero = 0
	}
}

// isNumber reports whether the word holds a number that was stored as a whole.
func (x *word) isNumber() bool { return x.n > 0 && x.v.kind == scalar }

// whole returns what all eight bytes are, if they are one number or may be any.
func (x *word) whole() (v value, ok bool) {
	switch {
	case x.n == 8 && x.v.kind == scalar:
		return x.v, true
	case x.n == 0 && x.zero == 0:
		return anything(), true
	}
	return value{}, false
}

// frame is a function that is being executed.
type frame struct {
	call     int32 // the instruction of the caller that called it
	callback bool
	rounds   int32 // how often the callback of the call at hand was called
	use      *instance
	regs     [bpf.NumRegs - 1]value
	stack    []word // the highest first; shared with other states
	own      bool   // stack is this state's
}

// put writes word i of the stack.
func (f *frame) put(i int, x word) {
	if i >= len(f.stack) || !f.own {
		l := make([]word, max(i+1, len(f.stack)))
		copy(l, f.stack)
		f.stack, f.own = l, true
	}
	f.stack[i] = x
}

func (f *frame) word(i int) word {
	if i < 0 || i >= len(f.stack) {
		return word{}
	}
	return f.stack[i]
}

// place is a register, or a word of the stack, of a frame.
type place struct {
	frame, at int8
	word      bool
}

// number returns the number at p, or nil.
func (s *state) number(p place) *value {
	f := &s.frames[p.frame]
	if !p.word {
		if v := &f.regs[p.at]; v.kind == scalar {
			return v
		}
		return nil
	}
	if x := f.word(int(p.at)); !x.isNumber() {
		return nil
	}
	if !f.own {
		f.put(int(p.at), f.stack[p.at])
	}
	return &f.stack[p.at].v
}

// event is an instruction that a path went through.
type event struct {
	at    int32
	links int32 // which numbers a branch narrowed together, an index; 0: none
	how   how
	frame int8 // whose stack it stored a value to, or loaded one from
	word  int8 // which word; -1: none
}

// how is how a path changed frames.
type how uint8

const (
	straight how = iota
	calls
	returns
	callsBack     // a helper calls a callback
	returnsToCall // a callback returns
)

// set is some registers, and some words of the stack, of one frame.
type set struct {
	regs  uint16
	words uint64
}

func (m *set) has(p place) bool {
	if p.word {
		return m.words>>p.at&1 != 0
	}
	return m.regs>>p.at&1 != 0
}

func (m *set) add(p place) {
	if p.word {
		m.words |= 1 << p.at
	} else {
		m.regs |= 1 << p.at
	}
}

// state is what is known at a point of the path that is being followed.
type state struct {
	at     int
	frames []frame
	refs   []int32 // what has to be released
	parent *stored // the state stored last on the way
	path   []event // from there
	notes  int     // what the verifier wrote down of the path
	seen   word    // by each: a copy, since stacks may be shared
}

// other returns a state like s that shares the contents of stacks, for the other
// way from where s is. It is the walker's, until the next one.
func (w *walker) other(s *state) *state {
	o := &w.spare
	for i := range s.frames {
		s.frames[i].own = false
	}
	*o = state{at: s.at, parent: s.parent, notes: s.notes,
		frames: append(o.frames[:0], s.frames...), refs: append(o.refs[:0], s.refs...), path: append(o.path[:0], s.path...)}
	return o
}

func (s *state) top() *frame { return &s.frames[len(s.frames)-1] }

// in is the instruction that frame i is at: the next one, or the call of the
// frame above it.
func (s *state) in(i int) int {
	if i+1 < len(s.frames) {
		return int(s.frames[i+1].call)
	}
	return s.at
}

// each visits what every register and word of the stack holds.
func (s *state) each(do func(v *value) bool) {
	x := &s.seen
	for i := range s.frames {
		f := &s.frames[i]
		for r := range f.regs {
			do(&f.regs[r])
		}
		for w := range f.stack {
			if *x = f.stack[w]; x.n > 0 && do(&x.v) {
				f.put(w, *x)
			}
		}
	}
}
