package regalloc

import "slices"

// spiller rewrites the code so that some registers live in memory.
type spiller struct {
	g       *graph
	c       *code
	stats   *Stats
	liveIn  lists  // of each block
	spilled []bool // of each register that was in the graph
	slot    []int32
	remat   []*Inst // the one definition of a spilled register that can be redone

	cur     []current        // registers that have a copy at hand
	pending map[int][]handed // what blocks leave to their successors
	out     []Inst
}

// current says that the value of spilled register of is in register temp.
type current struct{ of, temp Reg }

// handed is what a block leaves to a successor; store if the register has been
// compared since it was stored.
type handed struct {
	current
	store bool
}

// rewrite puts the spilled registers into memory. nslots is how many slots there
// are before; it returns how many after.
func rewrite(g *graph, spilled []Reg, nslots int, stats *Stats) int {
	s := &spiller{
		g: g, c: g.code, stats: stats,
		spilled: make([]bool, g.code.nreg), slot: make([]int32, g.code.nreg), remat: make([]*Inst, g.code.nreg),
		liveIn: liveness(g.code, start), pending: map[int][]handed{},
	}
	for _, r := range spilled {
		s.spilled[r] = true
	}
	s.commit()
	s.findRemat(spilled)
	nslots = s.shareSlots(spilled, nslots)
	for _, b := range preorder(s.c) {
		s.block(b)
	}
	return nslots
}

// preorder returns the blocks in depth-first order from the entry, those that it
// does not reach last.
func preorder(c *code) []int {
	var order []int
	seen := make([]bool, len(c.blocks))
	for root := range c.blocks {
		stack := []int{root}
		for len(stack) > 0 {
			b := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if seen[b] {
				continue
			}
			seen[b] = true
			order = append(order, b)
			stack = append(stack, c.blocks[b].Succs...)
		}
	}
	return order
}

// rep returns the virtual register that r was merged into.
func (s *spiller) rep(r Reg) Reg {
	for s.g.state[r] == nodeCoalesced && s.g.alias[r].Virtual() {
		r = s.g.alias[r]
	}
	return r
}

// commit renames the registers merged with each other. What was merged into a
// machine register stays apart, so that it can be decided anew.
func (s *spiller) commit() {
	for r := FirstVirtual; r < s.c.nreg; r++ {
		if p := s.rep(r); p != r {
			s.c.ranged[p] = s.c.ranged[p] || s.c.ranged[r]
		}
	}
	for i, r := range s.c.regs {
		s.c.regs[i] = s.rep(r)
	}
	for b := range s.c.blocks {
		insts := s.c.blocks[b].Insts
		for i := range insts {
			in := &insts[i]
			if in.Flags&Move != 0 && in.Kind == Keep && s.use(in) == s.def(in) {
				in.Kind = Elided
			}
		}
	}
	for i := range s.liveIn.links {
		l := &s.liveIn.links[i]
		l.n = int32(s.rep(Reg(l.n)))
	}
}

// use and def return the register of an instruction that has one only.
func (s *spiller) use(in *Inst) Reg { return s.c.regs.Uses(in)[0] }
func (s *spiller) def(in *Inst) Reg { return s.c.regs.Defs(in)[0] }

// findRemat finds the spilled registers whose only definition can be redone.
func (s *spiller) findRemat(spilled []Reg) {
	defs := make([]int32, s.c.nreg)
	for b := range s.c.blocks {
		insts := s.c.blocks[b].Insts
		for i := range insts {
			in := &insts[i]
			if in.Kind == Elided {
				continue
			}
			for _, d := range s.c.regs.Defs(in) {
				defs[d]++
				s.remat[d] = nil
				if in.Flags&Remat != 0 && defs[d] == 1 {
					def := *in
					s.remat[d] = &def
				}
			}
		}
	}
	for _, r := range spilled {
		if s.remat[r] != nil {
			s.stats.Rematerialised++
		} else {
			s.stats.Spilled++
		}
	}
}

// shareSlots gives slots to the spilled registers: one slot for those that moves
// connect and that do not interfere.
func (s *spiller) shareSlots(spilled []Reg, nslots int) int {
	group := map[Reg][]Reg{}
	leader := map[Reg]Reg{}
	conflicts := s.spilledConflicts()
	for _, r := range spilled {
		group[r], leader[r] = []Reg{r}, r
	}
	for _, m := range s.g.moves {
		a, b := s.rep(m.dst), s.rep(m.src)
		if a >= Reg(len(s.spilled)) || b >= Reg(len(s.spilled)) || !s.spilled[a] || !s.spilled[b] || s.remat[a] != nil || s.remat[b] != nil {
			continue
		}
		a, b = leader[a], leader[b]
		if a == b || anyConflict(conflicts, group[a], group[b]) {
			continue
		}
		for _, r := range group[b] {
			leader[r] = a
		}
		group[a] = append(group[a], group[b]...)
	}
	number := map[Reg]int32{}
	for _, r := range spilled {
		if s.remat[r] != nil {
			continue
		}
		l := leader[r]
		if _, ok := number[l]; !ok {
			number[l] = int32(nslots)
			nslots++
		}
		s.slot[r] = number[l]
	}
	return nslots
}

// spilledConflicts returns which spilled registers interfere. The graph's edges
// do not say: they leave out those between what was merged and what had been
// taken out before.
func (s *spiller) spilledConflicts() map[[2]Reg]bool {
	conflicts := map[[2]Reg]bool{}
	for r := FirstVirtual; int(r) < len(s.spilled); r++ {
		a := s.rep(r)
		if !s.spilled[a] {
			continue
		}
		for n := range s.g.neighbours(r) {
			if b := s.rep(n); s.spilled[b] {
				conflicts[[2]Reg{a, b}] = true
				conflicts[[2]Reg{b, a}] = true
			}
		}
	}
	return conflicts
}

func anyConflict(conflicts map[[2]Reg]bool, as, bs []Reg) bool {
	for _, a := range as {
		for _, b := range bs {
			if conflicts[[2]Reg{a, b}] {
				return true
			}
		}
	}
	return false
}

func (s *spiller) isSpilled(r Reg) bool { return int(r) < len(s.spilled) && s.spilled[r] }

// block rewrites one block.
func (s *spiller) block(b int) {
	old := s.c.blocks[b].Insts
	s.out = make([]Inst, 0, len(old)+4)
	s.cur = s.cur[:0]
	for _, p := range s.pending[b] {
		s.cur = append(s.cur, p.current)
		if p.store {
			s.store(p.of, p.temp)
		}
	}
	for i := range old {
		s.inst(&old[i])
	}
	s.c.blocks[b].Insts = s.out
	s.handOn(b)
}

// handOn lets the block's only successors go on with what is at hand. What the
// block compared last is stored there.
func (s *spiller) handOn(b int) {
	var check *Inst
	if n := len(s.out); n > 0 && s.out[n-1].Flags&Check != 0 {
		check = &s.out[n-1]
	}
	for _, succ := range s.c.blocks[b].Succs {
		if !s.c.onlyPred(succ) {
			continue
		}
		for _, c := range s.cur {
			if !s.liveInto(succ, c.of) {
				continue
			}
			store := check != nil && s.c.ranged[c.of] && s.remat[c.of] == nil && slices.Contains(s.c.regs.Uses(check), c.temp)
			if store || s.c.level[c.of] == 0 {
				s.pending[succ] = append(s.pending[succ], handed{c, store})
			}
		}
	}
}

func (s *spiller) inst(in *Inst) {
	if in.Kind == Elided {
		s.out = append(s.out, *in)
		return
	}
	if in.Flags&Move != 0 && s.elideMove(in) {
		return
	}
	if in.Flags&Remat != 0 && in.Kind != Load && s.isSpilled(s.def(in)) && s.remat[s.def(in)] != nil {
		// The definition is redone where it is needed. Of a redone one there
		// is nothing left to tell.
		if in.Kind == Keep {
			in.Kind = Elided
			s.out = append(s.out, *in)
		}
		return
	}
	// Reloads add operands: the list may be elsewhere behind each.
	for j := range in.Uses {
		if u := s.c.regs.Uses(in)[j]; s.isSpilled(u) {
			t := s.reload(u)
			s.c.regs.Uses(in)[j] = t
		}
	}
	var stores []current
	for j, d := range s.c.regs.Defs(in) {
		if s.isSpilled(d) {
			t := s.define(d)
			s.c.regs.Defs(in)[j] = t
			stores = append(stores, current{d, t})
		}
	}
	s.out = append(s.out, *in)
	for _, st := range stores {
		s.store(st.of, st.temp)
	}
	s.forget(in)
}

func (s *spiller) liveInto(b int, r Reg) bool {
	for l := range s.liveIn.all(b) {
		if Reg(l) == r {
			return true
		}
	}
	return false
}

// elideMove drops a move between registers that share a slot.
func (s *spiller) elideMove(in *Inst) bool {
	d, u := s.def(in), s.use(in)
	if !s.isSpilled(d) || !s.isSpilled(u) || s.remat[d] != nil || s.remat[u] != nil || s.slot[d] != s.slot[u] {
		return false
	}
	in.Kind = Elided
	s.out = append(s.out, *in)
	s.drop(d)
	if t, ok := s.at(u); ok {
		s.cur = append(s.cur, current{d, t})
	}
	return true
}

// at returns the register that holds the value of spilled r.
func (s *spiller) at(r Reg) (Reg, bool) {
	for _, c := range s.cur {
		if c.of == r {
			return c.temp, true
		}
	}
	return 0, false
}

// drop forgets what is at hand of r.
func (s *spiller) drop(r Reg) {
	for i, c := range s.cur {
		if c.of == r {
			s.cur = append(s.cur[:i], s.cur[i+1:]...)
			return
		}
	}
}

// reload returns a register with the value of spilled r.
func (s *spiller) reload(r Reg) Reg {
	if t, ok := s.at(r); ok {
		return t
	}
	t := s.temp(r)
	if def := s.remat[r]; def != nil {
		redo := *def
		if redo.Kind == Keep {
			redo.Kind = Redo
		}
		s.out = append(s.out, s.c.regs.Add(redo, nil, []Reg{t}))
	} else {
		s.out = append(s.out, s.c.regs.Add(Inst{Kind: Load, Slot: s.slot[r]}, nil, []Reg{t}))
	}
	s.cur = append(s.cur, current{r, t})
	return t
}

// define returns a register for the new value of spilled r: that of the old
// value if it is at hand, since the instruction may change it in place.
func (s *spiller) define(r Reg) Reg {
	t, ok := s.at(r)
	if !ok {
		t = s.temp(r)
	}
	kept := s.cur[:0]
	for _, c := range s.cur {
		if c.temp != t && c.of != r {
			kept = append(kept, c)
		}
	}
	s.cur = append(kept, current{r, t})
	return t
}

func (s *spiller) temp(r Reg) Reg {
	return s.c.newReg(min(s.c.level[r]+1, 2), s.c.ranged[r])
}

func (s *spiller) store(r, t Reg) {
	s.out = append(s.out, s.c.regs.Add(Inst{Kind: Store, Slot: s.slot[r]}, []Reg{t}, nil))
}

// forget ends the short live ranges that must not go on behind the instruction:
// all of them at a call, those split before at once.
func (s *spiller) forget(in *Inst) {
	kept := s.cur[:0]
	for _, c := range s.cur {
		if in.Clobbers == 0 && (s.c.level[c.of] == 0 || in.Flags&Check != 0) {
			kept = append(kept, c)
		}
	}
	s.cur = kept
}
