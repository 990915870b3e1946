package explore

import "github.com/luabpfc/luabpfc/codegen/bpf"

const words = 64 // of a frame, eight bytes each

// frame is a function that is being executed.
type frame struct {
	fn       int
	ret      int // the instruction that is next in the caller
	callback bool
	rounds   int // of callbacks that returned to the call at hand
	regs     [bpf.NumRegs - 1]value
	stack    []value // by word, the highest first; shared with other states
	own      bool    // stack is this state's
}

// put writes word i of the stack.
func (f *frame) put(i int, v value) {
	if i >= len(f.stack) || !f.own {
		l := make([]value, max(i+1, len(f.stack)))
		copy(l, f.stack)
		f.stack, f.own = l, true
	}
	f.stack[i] = v
}

func (f *frame) word(i int) value {
	if i < 0 || i >= len(f.stack) {
		return value{}
	}
	return f.stack[i]
}

// event is an instruction that a path went through.
type event struct {
	at    int32
	how   how
	frame int8 // whose stack it accessed as whole words
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

// state is what is known at a point of a path. It is stored where paths are
// compared; then precise and the counts are in use.
type state struct {
	at     int
	frames []frame
	parent *state  // the state stored last on the way
	path   []event // from there

	precise  []set  // by frame
	branches int    // ways from here that are not followed yet
	depth    int    // stored states before it
	loop     *state // a stored state before it that ways from here come back to
	hit      int
	miss     int
}

// copy returns a state like s that shares the contents of stacks.
func (s *state) copy() *state {
	c := &state{at: s.at, parent: s.parent, depth: s.depth, frames: make([]frame, len(s.frames))}
	for i := range s.frames {
		s.frames[i].own = false
	}
	copy(c.frames, s.frames)
	c.path = append(make([]event, 0, len(s.path)+8), s.path...)
	return c
}

func (s *state) top() *frame { return &s.frames[len(s.frames)-1] }

// each visits every register and word of the stack.
func (s *state) each(do func(v *value) bool) {
	for i := range s.frames {
		f := &s.frames[i]
		for r := range f.regs {
			do(&f.regs[r])
		}
		for w := range f.stack {
			v := f.stack[w]
			if do(&v) {
				f.put(w, v)
			}
		}
	}
}
