package explore

import "github.com/luabpfc/luabpfc/codegen/bpf"

// mark makes the numbers of which want names registers and words, by frame,
// precise: in each state stored on the way of s, the registers and words that
// they come from. It goes back along the path, instruction by instruction.
func (w *walker) mark(s *state, want []set) {
	depth, path := len(s.frames)-1, s.path
	for c := s.parent; ; c = c.parent {
		for i := len(path) - 1; i >= 0; i-- {
			ok := true
			if depth, ok = w.unstep(&path[i], want, depth); !ok {
				s.allPrecise()
				return
			} else if depth < 0 {
				return
			}
		}
		if c == nil {
			return
		}
		left := false
		for i := range want {
			if i < len(c.frames) {
				c.note(i, &want[i])
			}
			left = left || want[i] != set{}
		}
		if !left {
			return
		}
		depth, path = len(c.frames)-1, c.path
	}
}

// note marks in stored state s what of want is a number and was not precise, and
// leaves that in want.
func (s *stored) note(i int, want *set) {
	f := &s.frames[i]
	p := &f.precise
	*want = s.numbers(f, set{want.regs &^ p.regs, want.words &^ p.words})
	p.regs |= want.regs
	p.words |= want.words
}

// allPrecise makes all numbers in states stored on the way of s precise: the
// verifier does so where it can't go back.
func (s *state) allPrecise() {
	for c := s.parent; c != nil; c = c.parent {
		for i := range c.frames {
			all := set{^uint16(0), ^uint64(0)}
			c.note(i, &all)
		}
	}
}

// unstep says what must be known before an instruction for want to be known
// behind it; it returns the depth of frames before it. It is not ok where the
// verifier gives up.
func (w *walker) unstep(e *event, want []set, depth int) (before int, ok bool) {
	if e.how != straight {
		return unstepCall(e.how, want, depth), true
	}
	w.sync(e, want)
	in := &w.code[e.at]
	m := &want[depth]
	dst, src := uint16(1)<<in.Dst, uint16(1)<<in.Src
	if in.Dst >= bpf.FP {
		dst = 0
	}
	if in.K || in.Op == bpf.Neg || in.Src >= bpf.FP {
		src = 0
	}
	switch {
	case in.Op == bpf.Store:
		if m.regs&dst != 0 {
			return depth, false
		}
		if e.word >= 0 && want[e.frame].words>>e.word&1 != 0 {
			want[e.frame].words &^= 1 << e.word
			m.regs |= src
		}
	case in.Op == bpf.Load || in.Op == bpf.LoadSX:
		if m.regs&dst != 0 {
			m.regs &^= dst
			if e.word >= 0 {
				want[e.frame].words |= 1 << e.word
			}
		}
	case in.Op.IsCond():
		if !in.K && m.regs&(dst|src) != 0 {
			m.regs |= dst | src
		}
	case in.Op.IsALU():
		if m.regs&dst == 0 {
			break
		}
		if in.Op == bpf.Mov || in.Op >= bpf.MovSX8 && in.Op <= bpf.MovSX32 {
			m.regs &^= dst
		}
		if in.Op < bpf.ToLE {
			m.regs |= src
		}
	case in.Op.IsAtomic():
		return depth, m.regs&dst == 0
	case in.Op == bpf.LdAbs, in.Op == bpf.LdInd:
		if m.regs&1 != 0 {
			return depth, false
		}
	case in.Op.IsCall():
		m.regs &^= 0x3f
	case in.Op.IsLdImm64():
		m.regs &^= dst
	}
	w.sync(e, want)
	return depth, true
}

// unstepCall is unstep where a path changed frames.
func unstepCall(how how, want []set, depth int) (before int) {
	switch how {
	case calls:
		in := want[depth].regs & 0x3e
		want[depth] = set{}
		depth--
		if depth >= 0 {
			want[depth].regs |= in
		}
		return depth
	case callsBack:
		want[depth] = set{}
		return depth - 1
	case returns:
		depth++
		want[depth] = set{regs: want[depth-1].regs & 1}
		want[depth-1].regs &^= 0x3f
		return depth
	case returnsToCall:
		want[depth].regs &^= 0x3f
		want[depth+1] = set{}
		return depth + 1
	}
	return depth
}

// sync wants all numbers that a branch narrowed together where it wants one.
func (w *walker) sync(e *event, want []set) {
	if e.links == 0 {
		return
	}
	some := false
	for _, p := range w.links[e.links] {
		some = some || want[p.frame].has(p)
	}
	if some {
		for _, p := range w.links[e.links] {
			want[p.frame].add(p)
		}
	}
}
