package explore

import (
	"math/bits"
	"slices"
)

// ids says which id of one state stands for which of another.
type ids struct {
	pairs  [][2]int32
	single int32 // ids for numbers without copies, below 0
}

func (m *ids) same(a, b int32) bool {
	if (a == 0) != (b == 0) {
		return false
	}
	if a == 0 {
		return true
	}
	for _, p := range m.pairs {
		if p[0] == a || p[1] == b {
			return p[0] == a && p[1] == b
		}
	}
	m.pairs = append(m.pairs, [2]int32{a, b})
	return true
}

// copies is same for numbers: where the first has no copies, it does not matter
// of what the second is one.
func (m *ids) copies(a, b int32) bool {
	if a == 0 {
		return true
	}
	if b == 0 {
		m.single--
		b = m.single
	}
	return m.same(a, b)
}

// allows reports whether stored state s allows all that c does. With ranges,
// all numbers count, not only precise ones: so the verifier compares rounds of
// callbacks.
func (w *walker) allows(s *stored, c *state, ranges bool) bool {
	if !s.sameCalls(c) || len(s.refs) != len(c.refs) {
		return false
	}
	w.ids.pairs, w.ids.single = w.ids.pairs[:0], 0
	for i, id := range s.refs {
		if w.sameRefs && id != c.refs[i] || !w.ids.same(id, c.refs[i]) {
			return false
		}
	}
	for i := range s.frames {
		a, b := &s.frames[i], &c.frames[i]
		if a.rounds > b.rounds {
			return false
		}
		next := int(a.first)
		for m := a.live; m != 0; m &= m - 1 {
			if !w.covers(&s.regs[next], &b.regs[bits.TrailingZeros16(m)], ranges || a.precise.regs&m&-m != 0) {
				return false
			}
			next++
		}
		for j := range a.stack {
			x, y := &a.stack[j], &noWord
			if j < len(b.stack) {
				y = &b.stack[j]
			} else if ranges || x.n != 0 || x.zero != 0 {
				return false
			}
			if ranges && (x.n != y.n || x.zero != y.zero || x.misc != y.misc) ||
				!w.coversWord(x, y, ranges || a.precise.words>>j&1 != 0) {
				return false
			}
		}
	}
	return true
}

// coversWord is covers for words of the stack.
func (w *walker) coversWord(a, b *word, precise bool) bool {
	if a.n == 0 && a.zero == 0 {
		return true
	}
	x, ok := a.whole()
	y, both := b.whole()
	switch {
	case ok && both:
		return w.covers(&x, &y, precise)
	case a.n > b.n, a.zero&^b.zero != 0:
		return false
	}
	return a.n == 0 || w.covers(&a.v, &b.v, precise)
}

// covers reports whether a allows all that b may be.
func (w *walker) covers(a, b *value, precise bool) bool {
	if a.kind == nothing {
		return true
	}
	if a.kind != b.kind {
		return false
	}
	switch a.kind {
	case scalar:
		return !precise || a.within(b) && (a.id == 0 || a.added == b.added && a.delta == b.delta && w.ids.copies(a.id, b.id))
	case packet:
		return a.off == b.off && (a.there == b.there || a.there >= 0 && a.there <= b.there) && w.ids.same(a.id, b.id) && a.within(b)
	case maybe, memory:
		return a.off == b.off && a.what == b.what && w.ids.same(a.id, b.id) && a.within(b)
	}
	return a.off == b.off && a.frame == b.frame && a.what == b.what && a.umin == b.umin && a.umax == b.umax
}

// visit is called at a prune point: it reports whether s need not be followed,
// and stores it if not too little happened since the last time. It is compared
// with those stored at the same instruction, its function called by the same call,
// the last first.
func (w *walker) visit(s *state) bool {
	callback := w.callback[s.at]
	force := callback || s.notes > maxNotes
	jumps, steps := w.jumps-w.jumpsThen, w.steps-w.stepsThen
	add := force || jumps >= 2 && steps >= 8
	at, call := int32(s.at), s.top().call
	last := &w.stored[(s.at+int(call)+1)%len(w.stored)]
	for old := *last; old != nil; old = old.before {
		if f := &old.frames[len(old.frames)-1]; old.branches == 0 && !old.cleaned && f.at == at && f.call == call && old.sameCalls(s) {
			w.clean(old)
		}
	}
	for from := last; *from != nil; {
		old := *from
		if f := &old.frames[len(old.frames)-1]; f.at != at || f.call != call {
			from = &old.before
			continue
		}
		if old.branches > 0 {
			if callback && w.allows(old, s, true) {
				w.hit(old, s)
				return true
			} else if !force && jumps < 20 && steps < 100 {
				add = false
			}
		} else if w.allows(old, s, false) {
			w.hit(old, s)
			return true
		}
		if add {
			old.miss++
		}
		n := int32(3)
		if callback && old.branches > 0 {
			n = 64
		}
		if old.miss > old.hit*n+n {
			*from = old.before
			old.dropped = true
		} else {
			from = &old.before
		}
	}
	if add {
		w.store(s, last)
	}
	return false
}

// hit is called when s ends at stored state old.
func (w *walker) hit(old *stored, s *state) {
	old.hit++
	w.inherit(old, s)
}

// clean takes out of stored state s what nobody reads.
func (w *walker) clean(s *stored) {
	s.cleaned = true
	for i := range s.frames {
		f, own := &s.frames[i], false
		read := w.wordsRead(s, i)
		for j := range f.stack {
			if read>>j&1 != 0 || f.stack[j] == (word{}) {
				continue
			}
			if !own {
				f.stack, own = slices.Clone(f.stack), true
			}
			f.stack[j] = word{}
		}
	}
}

// inherit makes precise on the way of s what is precise in old, which s ends at.
func (w *walker) inherit(old *stored, s *state) {
	var want [maxFrames + 1]set
	for i := range old.frames {
		f := &old.frames[i]
		want[i] = old.numbers(f, f.precise)
	}
	w.mark(s, want[:])
}
