package regalloc

// code is the function being allocated. Rounds rewrite it.
type code struct {
	blocks []Block
	regs   Operands
	preds  lists // of each block
	nreg   Reg   // one more than the highest register

	// Of each register: how often it has been split, and whether its range
	// matters.
	level  []uint8
	ranged []bool
}

// newCode makes the caller's function code. The instructions are the same ones.
func newCode(f *Func) *code {
	c := &code{blocks: f.Blocks, regs: f.Operands, preds: newLists(len(f.Blocks), 2*len(f.Blocks)), nreg: f.maxReg()}
	for b := range f.Blocks {
		fb := &f.Blocks[b]
		for _, s := range fb.Succs {
			c.preds.add(s, int32(b))
		}
		for i := range fb.Insts {
			fb.Insts[i].Block, fb.Insts[i].Index = int32(b), int32(i)
		}
	}
	c.level, c.ranged = make([]uint8, c.nreg), make([]bool, c.nreg)
	copy(c.ranged, f.Ranged)
	return c
}

// weight is how often block b runs.
func (c *code) weight(b int) float64 { return float64(max(c.blocks[b].Weight, 1)) }

// onlyPred reports whether block b has one predecessor.
func (c *code) onlyPred(b int) bool {
	last := c.preds.last[b]
	return last != 0 && c.preds.links[last].next == last
}

// newReg returns a new virtual register.
func (c *code) newReg(level uint8, ranged bool) Reg {
	c.level, c.ranged = append(c.level, level), append(c.ranged, ranged)
	c.nreg++
	return c.nreg - 1
}

// lists are many lists of numbers in one piece of memory. A list is a circle of
// links, known by its last one, so that adding to its end and appending another
// to it are a few steps; only the links that are there take memory.
type lists struct {
	last  []int32 // of each list: its last link, 0 if it is empty
	links []link  // [0] is unused
}

type link struct{ n, next int32 }

// newLists returns count empty lists; about size numbers will be added.
func newLists(count, size int) lists {
	return lists{make([]int32, count), make([]link, 1, size+1)}
}

// add adds n to the end of a list.
func (l *lists) add(list int, n int32) {
	at := int32(len(l.links))
	if last := l.last[list]; last != 0 {
		l.links = append(l.links, link{n, l.links[last].next})
		l.links[last].next = at
	} else {
		l.links = append(l.links, link{n, at})
	}
	l.last[list] = at
}

// move puts all of a list, which is empty then, at the end of another.
func (l *lists) move(to, from int) {
	a, b := l.last[to], l.last[from]
	if b == 0 {
		return
	}
	if a != 0 {
		l.links[a].next, l.links[b].next = l.links[b].next, l.links[a].next
	}
	l.last[to], l.last[from] = b, 0
}

// lastOf returns what was added last to a list, -1 if that is empty.
func (l *lists) lastOf(list int) int32 {
	if at := l.last[list]; at != 0 {
		return l.links[at].n
	}
	return -1
}

// all goes through a list, from the first to the last.
func (l *lists) all(list int) func(yield func(n int32) bool) {
	return func(yield func(n int32) bool) {
		last := l.last[list]
		if last == 0 {
			return
		}
		for at := l.links[last].next; yield(l.links[at].n) && at != last; {
			at = l.links[at].next
		}
	}
}

// border is a side of blocks.
type border uint8

const (
	start border = iota
	end
)

// liveness finds the virtual registers live at the start, or the end, of each block,
// in the order of their numbers. From each use that no definition of its block
// precedes, it walks up the predecessors to the definitions; so its cost is the size
// of its answer.
func liveness(c *code, at border) lists {
	n := len(c.blocks)
	exposed, defs := c.occurrences()
	live := newLists(n, 3*n)
	into := func(b int32, r Reg) {
		if at == start {
			live.add(int(b), int32(r))
		}
	}
	// marks[b] holds the last register that was seen to be live into block b, out
	// of it, and defined in it.
	marks := make([]struct{ in, out, def Reg }, n)
	var stack []int32
	for r := FirstVirtual; r < c.nreg; r++ {
		if exposed.last[r] == 0 {
			continue
		}
		for b := range defs.all(int(r)) {
			marks[b].def = r
		}
		for b := range exposed.all(int(r)) {
			if marks[b].in != r {
				marks[b].in = r
				into(b, r)
				stack = append(stack, b)
			}
		}
		for len(stack) > 0 {
			b := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			for p := range c.preds.all(int(b)) {
				m := &marks[p]
				if m.out == r {
					continue
				}
				m.out = r
				if at == end {
					live.add(int(p), int32(r))
				}
				if m.def != r && m.in != r {
					m.in = r
					into(p, r)
					stack = append(stack, p)
				}
			}
		}
	}
	return live
}

// occurrences returns, of each virtual register, the blocks with a use that no
// definition there precedes, and where there are such the blocks with a definition.
func (c *code) occurrences() (exposed, defs lists) {
	exposed, defs = newLists(int(c.nreg), len(c.blocks)), newLists(int(c.nreg), len(c.blocks))
	defined := make([]int32, c.nreg) // one more than the last block
	for b := range c.blocks {
		insts := c.blocks[b].Insts
		for i := range insts {
			in := &insts[i]
			if in.Kind == Elided {
				continue
			}
			for _, r := range c.regs.Uses(in) {
				if r.Virtual() && defined[r] != int32(b+1) && exposed.lastOf(int(r)) != int32(b) {
					exposed.add(int(r), int32(b))
				}
			}
			for _, r := range c.regs.Defs(in) {
				defined[r] = int32(b + 1)
			}
		}
	}
	for b := range c.blocks {
		insts := c.blocks[b].Insts
		for i := range insts {
			in := &insts[i]
			if in.Kind == Elided {
				continue
			}
			for _, r := range c.regs.Defs(in) {
				if exposed.last[r] != 0 && defs.lastOf(int(r)) != int32(b) {
					defs.add(int(r), int32(b))
				}
			}
		}
	}
	return exposed, defs
}

// sparse is a set of registers with constant-time operations and iteration in
// the order of insertion (but for removals).
type sparse struct {
	dense []Reg
	index []int32
}

func newSparse(n Reg) *sparse { return &sparse{index: make([]int32, n)} }

func (s *sparse) has(r Reg) bool {
	i := s.index[r]
	return int(i) < len(s.dense) && s.dense[i] == r
}

func (s *sparse) add(r Reg) {
	if !s.has(r) {
		s.index[r] = int32(len(s.dense))
		s.dense = append(s.dense, r)
	}
}

func (s *sparse) remove(r Reg) {
	if !s.has(r) {
		return
	}
	i := s.index[r]
	last := s.dense[len(s.dense)-1]
	s.dense[i], s.index[last] = last, i
	s.dense = s.dense[:len(s.dense)-1]
}

func (s *sparse) clear() { s.dense = s.dense[:0] }
