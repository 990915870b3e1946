package explore

// ids says which id of one state stands for which of another.
type ids struct{ pairs [][2]int32 }

func (m *ids) same(a, b int32) bool {
	if (a == 0) != (b == 0) {
		return false
	}
	for _, p := range m.pairs {
		if p[0] == a || p[1] == b {
			return p[0] == a && p[1] == b
		}
	}
	m.pairs = append(m.pairs, [2]int32{a, b})
	return true
}

// allows reports whether stored state s allows all that c does. With ranges,
// all numbers count, not only precise ones: so the verifier compares rounds of
// callbacks.
func (w *walker) allows(s, c *state, ranges bool) bool {
	if len(s.frames) != len(c.frames) {
		return false
	}
	w.ids.pairs = w.ids.pairs[:0]
	for i := range s.frames {
		a, b := &s.frames[i], &c.frames[i]
		if a.fn != b.fn || a.ret != b.ret || a.callback != b.callback || a.rounds > b.rounds {
			return false
		}
		at := s.at
		if i+1 < len(s.frames) {
			at = s.frames[i+1].ret
		}
		live, pr := w.live[at], s.precise[i]
		for r := range a.regs {
			if live.regs>>r&1 != 0 && !w.covers(&a.regs[r], &b.regs[r], ranges || pr.regs>>r&1 != 0) {
				return false
			}
		}
		for j := range a.stack {
			if live.words>>j&1 == 0 {
				continue
			}
			y := b.word(j)
			if !w.covers(&a.stack[j], &y, ranges || pr.words>>j&1 != 0) {
				return false
			}
		}
	}
	return true
}

// covers reports whether a allows all that b may be.
func (w *walker) covers(a, b *value, precise bool) bool {
	switch a.kind {
	case nothing:
		return true
	case misc:
		return b.kind == misc || b.kind == scalar
	case scalar:
		if !precise {
			return b.kind == scalar || b.kind == misc
		}
		return b.kind == scalar && a.within(b) || b.kind == misc && a.umin == 0 && a.umax == ^uint64(0)
	}
	if a.kind != b.kind || a.off != b.off || a.frame != b.frame {
		return false
	}
	switch a.kind {
	case maybe:
		return w.ids.same(a.id, b.id)
	case packet:
		return a.there <= b.there && w.ids.same(a.id, b.id) && a.within(b)
	case memory:
		return a.within(b)
	}
	return true
}

// visit is called at a prune point: it reports whether s need not be followed,
// and stores it if not too little happened since the last time.
func (w *walker) visit(s *state) bool {
	callback := w.callback[s.at]
	add := callback || w.jumps-w.jumpsThen >= 2 && w.steps-w.stepsThen >= 8
	l := w.stored[s.at]
	kept := l[:0]
	for i, old := range l {
		if old.branches == 0 || callback {
			entry := old.entry()
			open := entry != nil && entry.branches > 0
			if w.allows(old, s, open || old.branches > 0) {
				old.hit++
				if old.branches > 0 {
					s.inLoop(old)
				} else if open {
					s.inLoop(entry)
				}
				w.inherit(old, s)
				w.stored[s.at] = append(kept, l[i:]...)
				return true
			}
		} else if !callback && w.jumps-w.jumpsThen < 20 && w.steps-w.stepsThen < 100 {
			add = false
		}
		if add {
			old.miss++
		}
		n := 3
		if callback && old.branches > 0 {
			n = 64
		}
		if old.miss <= old.hit*n+n {
			kept = append(kept, old)
		}
	}
	for i := len(kept); i < len(l); i++ {
		l[i] = nil
	}
	w.stored[s.at] = kept
	if add {
		w.store(s)
	}
	return false
}

// store stores s.
func (w *walker) store(s *state) {
	c := s.copy()
	c.precise = make([]set, len(s.frames))
	c.branches, c.depth = 1, s.depth
	c.path = c.path[:len(c.path):len(c.path)]
	w.stored[s.at] = append(w.stored[s.at], c)
	s.parent, s.path, s.depth, s.loop = c, s.path[:0], s.depth+1, nil
	w.jumpsThen, w.stepsThen = w.jumps, w.steps
}

// inherit makes precise in s what is precise in old, which s ends at.
func (w *walker) inherit(old, s *state) {
	var want [maxFrames + 1]set
	any := false
	for i := range old.precise {
		at := old.at
		if i+1 < len(old.frames) {
			at = old.frames[i+1].ret
		}
		live := w.live[at]
		want[i] = set{old.precise[i].regs & live.regs, old.precise[i].words & live.words}
		any = any || want[i] != set{}
	}
	if any {
		w.mark(s, want[:])
	}
}

// entry returns the first state of the outermost loop of states that s is known
// to be in, or nil.
func (s *state) entry() *state {
	top := s.loop
	for top != nil && top.loop != nil && top.loop != top {
		top = top.loop
	}
	return top
}

// inLoop notes that a way from s comes back to stored state e.
func (s *state) inLoop(e *state) {
	a, b := s.entry(), e.entry()
	if a == nil {
		a = s
	}
	if b == nil {
		b = e
	}
	if b.branches > 0 && b.depth <= a.depth {
		s.loop = e
	}
}
