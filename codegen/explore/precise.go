package explore

import "github.com/luabpfc/luabpfc/codegen/bpf"

// mark makes the numbers of which want names registers and words, by frame,
// precise: in each state stored on the way of s, the registers and words that
// they come from. It goes back along the path, instruction by instruction.
func (w *walker) mark(s *state, want []set) {
	for ; s != nil; s = s.parent {
		if s.precise != nil { // a stored state
			left := false
			for i := range want {
				if i < len(s.frames) {
					want[i] = s.note(i, want[i])
				}
				left = left || want[i] != set{}
			}
			if !left {
				return
			}
		}
		depth := len(s.frames) - 1
		for i := len(s.path) - 1; i >= 0; i-- {
			depth = w.unstep(&s.path[i], want, depth)
			if depth < 0 {
				return
			}
		}
	}
}

// note marks in stored state s what is a number and was not precise, and
// returns that.
func (s *state) note(i int, want set) set {
	f, p := &s.frames[i], &s.precise[i]
	want.regs &^= p.regs
	want.words &^= p.words
	for r := range f.regs {
		if want.regs>>r&1 != 0 && f.regs[r].kind != scalar {
			want.regs &^= 1 << r
		}
	}
	for j := range words {
		if want.words>>j&1 != 0 && f.word(j).kind != scalar {
			want.words &^= 1 << j
		}
	}
	p.regs |= want.regs
	p.words |= want.words
	return want
}

// unstep says what must be known before an instruction for want to be known
// behind it; it returns the depth of frames before it.
func (w *walker) unstep(e *event, want []set, depth int) int {
	switch e.how {
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
		want[depth+1] = set{}
		return depth + 1
	}
	in := &w.code[e.at]
	m := &want[depth]
	dst, src := uint16(1)<<in.Dst, uint16(1)<<in.Src
	if in.K || in.Op == bpf.Neg || in.Src >= bpf.FP {
		src = 0
	}
	switch {
	case in.Op == bpf.Store:
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
		m.regs &^= uint16(in.Defs())
	case in.Op.IsCall(), in.Op == bpf.LdAbs, in.Op == bpf.LdInd:
		m.regs &^= 0x3f
	case in.Op.IsLdImm64():
		m.regs &^= dst
	}
	return depth
}
