package explore

import "slices"

// Which words of the stack are read behind an instruction, the verifier learns as
// it goes: what it saw an instruction read, in its own frame or one above, or write
// each time, by the calls that led to the function. When a path or a function ends
// it draws from that what is live, as in data flow analysis, but beginning with what
// it had drawn before: so what was live round a loop stays so.

// instance is a function as called by one chain of calls.
type instance struct {
	outer *instance // of the caller; nil for the program
	call  int32     // there
	start int
	end   int
	depth int // frame of the function
	inner []*instance

	frames  [maxFrames][]wordUse // by frame and instruction; nil: nothing seen
	seen    []bool               // writes of an instruction are known
	changed bool
	dropped bool // writes became fewer
}

// wordUse is which words of one frame an instruction uses.
type wordUse struct {
	reads  uint64
	writes uint64 // as a whole, each time
	all    uint64 // writes of it and of what follows, on each way
	live   uint64 // read there or behind it, before they are written
}

// called returns the instance of the function at start that is called at call.
func (w *walker) called(outer *instance, call int32, start int) *instance {
	depth := 0
	if outer != nil {
		depth = outer.depth + 1
		for _, o := range outer.inner {
			if o.call == call && o.start == start {
				return o
			}
		}
	}
	i, ok := slices.BinarySearch(w.start, start)
	if !ok {
		i--
	}
	o := &instance{outer: outer, call: call, start: start, end: w.start[i+1], depth: depth}
	o.seen = make([]bool, o.end-o.start)
	if outer != nil {
		outer.inner = append(outer.inner, o)
	}
	return o
}

// uses returns what instruction at uses of a frame.
func (o *instance) uses(frame, at int) *wordUse {
	if o.frames[frame] == nil {
		o.frames[frame] = make([]wordUse, o.end-o.start)
	}
	return &o.frames[frame][at-o.start]
}

// reads notes that instruction at reads words of a frame.
func (o *instance) reads(frame, at int, words uint64) {
	u := o.uses(frame, at)
	if words&^u.reads != 0 && words&^u.live != 0 {
		o.changed = true
	}
	u.reads |= words
}

// writes notes which words, by frame, instruction at writes as a whole.
func (o *instance) writes(at int, words *[maxFrames]uint64) {
	seen := o.seen[at-o.start]
	o.seen[at-o.start] = true
	for f := range o.depth + 1 {
		m := words[f]
		if m == 0 && (!seen || o.frames[f] == nil) {
			continue
		}
		u := o.uses(f, at)
		old := uint64(uint32(u.writes)) // the verifier forgets those beyond
		if seen {
			m &= old
		}
		if old != m {
			u.writes, o.changed = m, true
		}
		o.dropped = o.dropped || old&^m != 0
	}
}

// reads notes that the path at s reads word j of frame i.
func (w *walker) reads(s *state, i, j int) {
	if j >= 0 && j < words {
		s.top().use.reads(i, w.now, 1<<j)
		if f := &s.frames[i]; j >= len(f.stack) { // the frame goes that far now
			f.put(j, word{})
		}
	}
}

// writes notes that the path at s writes words of frame i, as a whole.
func (w *walker) writes(s *state, i int, words uint64) {
	var m [maxFrames]uint64
	m[i] = words
	s.top().use.writes(w.now, &m)
}

// draw draws what is live from what was seen, for the functions that s is in.
func (w *walker) draw(s *state) {
	for o := s.top().use; o != nil; o = o.outer {
		if o.changed {
			w.drawOne(o)
			o.changed, o.dropped = false, false
		}
	}
}

func (w *walker) drawOne(o *instance) {
	for f := range o.depth + 1 {
		l := o.frames[f]
		if l == nil {
			continue
		}
		for i := range l {
			if o.dropped {
				l[i].all = 0
			}
		}
	}
	order := w.order[o.start]
	for changed := true; changed; {
		changed = false
		for _, l := range o.frames[:o.depth+1] {
			for _, i := range order {
				if l != nil && w.drawAt(o, l, int(i)) {
					changed = true
				}
			}
		}
	}
	if o.outer == nil {
		return
	}
	var m [maxFrames]uint64
	for f := range o.depth {
		if o.frames[f] != nil {
			u := o.uses(f, o.start)
			m[f] = u.all
			o.outer.reads(f, int(o.call), u.live)
		}
	}
	o.outer.writes(int(o.call), &m)
}

// drawAt draws what is live at instruction i from what is behind it.
func (w *walker) drawAt(o *instance, l []wordUse, i int) (changed bool) {
	next, n := w.next(i)
	if n == 0 {
		return false
	}
	var live uint64
	all := ^uint64(0)
	for _, to := range next[:n] {
		u := &l[to-o.start]
		live |= u.live
		all &= u.all
	}
	u := &l[i-o.start]
	live = live&^u.writes | u.reads
	all |= u.writes
	changed = live != u.live || all != u.all
	u.live, u.all = live, all
	return changed
}

// postorder returns the instructions of the function from start on, what follows
// before what it follows.
func (w *walker) postorder(start, end int) []int32 {
	const found, done = 1, 2
	state := make([]uint8, end-start)
	order := make([]int32, 0, end-start)
	for todo := []int{start}; len(todo) > 0; {
		i := todo[len(todo)-1]
		if state[i-start] == done {
			order = append(order, int32(i))
			todo = todo[:len(todo)-1]
			continue
		}
		state[i-start] = done
		next, n := w.next(i)
		for _, to := range next[:n] {
			if state[to-start] == 0 {
				state[to-start] = found
				todo = append(todo, to)
			}
		}
	}
	return order
}

// wordsRead returns which words of frame i of s are read from here on, as far as
// was seen.
func (w *walker) wordsRead(s *stored, i int) (m uint64) {
	top := len(s.frames) - 1
	for k := top; k >= i; k-- {
		f := &s.frames[k]
		at := int(f.at)
		if k < top && !s.frames[k+1].callback {
			at++
		}
		if l := f.use.frames[i]; l != nil {
			m |= l[at-f.use.start].live
		}
	}
	return m
}
