package regalloc

import "fmt"

// maxRounds bounds the rounds of colouring; more mean a defect.
const maxRounds = 60

// Allocate assigns registers and slots. It uses up f: the result is made of its
// instructions. An error is a defect of the caller's function: more registers
// needed at once than there are.
func Allocate(f *Func) (*Result, error) {
	c := newCode(f)
	res := &Result{}
	slots := 0
	for {
		res.Stats.Rounds++
		g := build(c, f.Order)
		spilled := g.paint()
		if len(spilled) == 0 {
			finish(res, g, slots)
			return res, nil
		}
		if res.Stats.Rounds == maxRounds {
			return nil, fmt.Errorf("register allocation: no end after %d rounds", maxRounds)
		}
		slots = rewrite(g, spilled, slots, &res.Stats)
	}
}

// finish puts machine registers and slots into the coloured code, which becomes
// the result.
func finish(res *Result, g *graph, nslots int) {
	slots := colorSlots(g.code, nslots)
	regs := g.code.regs
	for i, r := range regs {
		regs[i] = g.color[g.find(r)]
	}
	res.Operands, res.Blocks = regs, make([][]Inst, len(g.code.blocks))
	for b := range res.Blocks {
		insts := g.code.blocks[b].Insts
		kept := insts[:0]
		for i := range insts {
			in := &insts[i]
			switch in.Kind {
			case Elided:
				res.Stats.MovesGone++
				kept = append(kept, *in)
				continue
			case Load, Store:
				in.Slot = int32(slots[in.Slot])
				if in.Slot < 0 {
					continue // nothing reads the slot
				}
				res.Slots = max(res.Slots, int(in.Slot)+1)
				if in.Kind == Load {
					res.Stats.Loads++
				} else {
					res.Stats.Stores++
				}
			}
			if in.Flags&Move != 0 && in.Kind == Keep {
				if regs.Uses(in)[0] == regs.Defs(in)[0] {
					res.Stats.MovesGone++
				} else {
					res.Stats.MovesLeft++
				}
			}
			kept = append(kept, *in)
		}
		res.Blocks[b] = kept
	}
}

// colorSlots lets slots whose contents are not needed at one time share. It
// returns the new number of each slot, -1 for one that nothing reads, and drops
// stores that nothing reads from the code.
func colorSlots(c *code, nslots int) []int {
	if nslots == 0 {
		return nil
	}
	sc := slotCode(c, nslots)
	liveOut := liveness(sc, end)
	adj := make([][]int, nslots)
	used := make([]bool, nslots)
	live := newSparse(sc.nreg)
	for b := range sc.blocks {
		insts := sc.blocks[b].Insts
		live.clear()
		for r := range liveOut.all(b) {
			live.add(Reg(r))
		}
		for i := len(insts) - 1; i >= 0; i-- {
			for _, d := range sc.regs.Defs(&insts[i]) {
				if !live.has(d) {
					dead := &c.blocks[b].Insts[insts[i].Index]
					dead.Slot, dead.Kind, dead.Uses = int32(nslots), Store, 0
					continue
				}
				live.remove(d)
				for _, l := range live.dense {
					a, b := int(d-FirstVirtual), int(l-FirstVirtual)
					adj[a], adj[b] = append(adj[a], b), append(adj[b], a)
				}
			}
			for _, u := range sc.regs.Uses(&insts[i]) {
				used[u-FirstVirtual] = true
				live.add(u)
			}
		}
	}
	color := make([]int, nslots+1)
	for s := range color {
		color[s] = -1
	}
	for s := range adj {
		if !used[s] {
			continue
		}
		taken := make([]bool, nslots+1)
		for _, n := range adj[s] {
			if color[n] >= 0 {
				taken[color[n]] = true
			}
		}
		for color[s] = 0; taken[color[s]]; {
			color[s]++
		}
	}
	return color
}

// slotCode returns a function of the loads and stores only, whose registers are the
// slots. Index is an instruction's place in c.
func slotCode(c *code, nslots int) *code {
	sc := &code{preds: c.preds, blocks: make([]Block, len(c.blocks)), nreg: FirstVirtual + Reg(nslots)}
	for b := range c.blocks {
		insts, slots := c.blocks[b].Insts, &sc.blocks[b].Insts
		for i := range insts {
			r := []Reg{FirstVirtual + Reg(insts[i].Slot)}
			switch insts[i].Kind {
			case Load:
				*slots = append(*slots, sc.regs.Add(Inst{Index: int32(i)}, r, nil))
			case Store:
				*slots = append(*slots, sc.regs.Add(Inst{Index: int32(i)}, nil, r))
			}
		}
	}
	return sc
}
