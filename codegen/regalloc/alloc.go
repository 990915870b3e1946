package regalloc

import "fmt"

// maxRounds bounds the rounds of colouring; more mean a defect.
const maxRounds = 60

// Allocate assigns registers and slots. An error is a defect of the caller's
// function: more registers needed at once than there are.
func Allocate(f *Func) (*Result, error) {
	c := newCode(f)
	res := &Result{}
	slots := 0
	for {
		res.Stats.Rounds++
		g := build(c, f.Order)
		spilled := g.paint()
		if len(spilled) == 0 {
			return res, finish(res, g, slots)
		}
		if res.Stats.Rounds == maxRounds {
			return nil, fmt.Errorf("register allocation: no end after %d rounds", maxRounds)
		}
		slots = rewrite(g, spilled, slots, &res.Stats)
	}
}

// finish turns the coloured code into steps.
func finish(res *Result, g *graph, nslots int) error {
	slots := colorSlots(g.code, nslots)
	paint := func(rs []Reg) []Reg { // the code is not needed any more
		for i, r := range rs {
			rs[i] = g.color[g.find(r)]
		}
		return rs
	}
	res.Blocks = make([][]Step, len(g.code.blocks))
	for b, insts := range g.code.blocks {
		steps := make([]Step, 0, len(insts))
		for i := range insts {
			in := &insts[i]
			st := Step{Kind: in.kind, Block: in.block, Inst: in.index}
			switch in.kind {
			case Elided:
				res.Stats.MovesGone++
				steps = append(steps, st)
				continue
			case Load, Store:
				st.Slot = int32(slots[in.slot])
				if st.Slot < 0 {
					continue // nothing reads the slot
				}
				st.Block, st.Inst = 0, 0
				res.Slots = max(res.Slots, int(st.Slot)+1)
				if in.kind == Load {
					res.Stats.Loads++
				} else {
					res.Stats.Stores++
				}
			}
			st.Uses, st.Defs = paint(in.uses), paint(in.defs)
			if in.flags&Move != 0 && in.kind == Keep {
				if st.Uses[0] == st.Defs[0] {
					res.Stats.MovesGone++
				} else {
					res.Stats.MovesLeft++
				}
			}
			steps = append(steps, st)
		}
		res.Blocks[b], g.code.blocks[b] = steps, nil
	}
	return nil
}

// colorSlots lets slots whose contents are not needed at one time share. It
// returns the new number of each slot, -1 for one that nothing reads, and drops
// stores that nothing reads from the code.
func colorSlots(c *code, nslots int) []int {
	if nslots == 0 {
		return nil
	}
	// The slots are the registers of a function of loads and stores only.
	sc := &code{preds: c.preds, succs: c.succs, blocks: make([][]inst, len(c.blocks)), nreg: FirstVirtual + Reg(nslots)}
	for b, insts := range c.blocks {
		for i := range insts {
			r := []Reg{FirstVirtual + Reg(insts[i].slot)}
			switch insts[i].kind {
			case Load:
				sc.blocks[b] = append(sc.blocks[b], inst{uses: r, index: int32(i)})
			case Store:
				sc.blocks[b] = append(sc.blocks[b], inst{defs: r, index: int32(i)})
			}
		}
	}
	_, liveOut := liveness(sc)
	adj := make([][]int, nslots)
	used := make([]bool, nslots)
	live := newSparse(sc.nreg)
	for b, insts := range sc.blocks {
		live.clear()
		for _, r := range liveOut[b] {
			live.add(r)
		}
		for i := len(insts) - 1; i >= 0; i-- {
			for _, d := range insts[i].defs {
				if !live.has(d) {
					dead := &c.blocks[b][insts[i].index]
					dead.slot, dead.kind, dead.uses = int32(nslots), Store, nil
					continue
				}
				live.remove(d)
				for _, l := range live.dense {
					a, b := int(d-FirstVirtual), int(l-FirstVirtual)
					adj[a], adj[b] = append(adj[a], b), append(adj[b], a)
				}
			}
			for _, u := range insts[i].uses {
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
