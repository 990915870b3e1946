package regalloc

import (
	"cmp"
	"math/bits"
	"slices"
)

// nodeState is where a register stands in the work of colouring.
type nodeState uint8

const (
	nodeAbsent    nodeState = iota // not in the code
	nodeInitial                    // not yet in a worklist
	nodeFixed                      // a machine register
	nodeSimplify                   // few neighbours, no moves: can go
	nodeFreeze                     // few neighbours, but moves
	nodeSpill                      // many neighbours
	nodeStack                      // taken out of the graph
	nodeCoalesced                  // one with alias
)

// paint colours the graph and returns the registers that got no colour.
func (g *graph) paint() (spilled []Reg) {
	g.moveQueue = make([]int32, len(g.moves))
	for i := range g.moveQueue {
		g.moveQueue[i] = int32(i)
	}
	slices.SortStableFunc(g.moveQueue, func(a, b int32) int { return cmp.Compare(g.moves[b].weight, g.moves[a].weight) })
	for r := FirstVirtual; r < g.code.nreg; r++ {
		if g.state[r] == nodeInitial {
			g.enlist(r)
		}
	}
	for g.step() {
	}
	return g.assign()
}

// enlist puts r in the worklist it belongs to.
func (g *graph) enlist(r Reg) {
	switch {
	case g.degree[r] >= int32(g.k):
		g.state[r] = nodeSpill
		g.spillList = append(g.spillList, r)
	case g.moveRelated(r):
		g.state[r] = nodeFreeze
		g.freezeList = append(g.freezeList, r)
	default:
		g.state[r] = nodeSimplify
		g.simplifyList = append(g.simplifyList, r)
	}
}

// step does one thing of the work; false when all is done.
func (g *graph) step() bool {
	if r, ok := g.pop(&g.simplifyList, nodeSimplify); ok {
		g.remove(r)
		return true
	}
	for len(g.moveQueue) > 0 {
		m := g.moveQueue[0]
		g.moveQueue = g.moveQueue[1:]
		if g.moves[m].state == moveReady {
			g.coalesce(m)
			return true
		}
	}
	if r, ok := g.pop(&g.freezeList, nodeFreeze); ok {
		g.freeze(r)
		return true
	}
	return g.pickSpill()
}

// pop takes a register off a worklist, passing over those that have left it.
func (g *graph) pop(list *[]Reg, want nodeState) (Reg, bool) {
	for l := *list; len(l) > 0; {
		r := l[len(l)-1]
		l = l[:len(l)-1]
		*list = l
		if g.state[r] == want {
			return r, true
		}
	}
	return 0, false
}

// inGraph reports whether r has not been taken out or merged.
func (g *graph) inGraph(r Reg) bool {
	return g.state[r] != nodeStack && g.state[r] != nodeCoalesced
}

// neighbours goes through the virtual registers that r interferes with.
func (g *graph) neighbours(r Reg) func(yield func(Reg) bool) {
	return func(yield func(Reg) bool) {
		for n := range g.adj.all(int(r)) {
			if !yield(Reg(n)) {
				return
			}
		}
	}
}

// remove takes r out of the graph; it will be coloured after all that is left.
func (g *graph) remove(r Reg) {
	g.state[r] = nodeStack
	g.stack = append(g.stack, r)
	for n := range g.neighbours(r) {
		if g.inGraph(n) {
			g.lower(n)
		}
	}
}

// lower counts one neighbour of r less.
func (g *graph) lower(r Reg) {
	g.degree[r]--
	if g.degree[r] != int32(g.k)-1 {
		return
	}
	g.enableMoves(r)
	for n := range g.neighbours(r) {
		if g.inGraph(n) {
			g.enableMoves(n)
		}
	}
	if g.state[r] == nodeSpill {
		g.enlist(r)
	}
}

func (g *graph) enableMoves(r Reg) {
	for m := range g.moveList.all(int(r)) {
		if g.moves[m].state == moveActive {
			g.moves[m].state = moveReady
			g.moveQueue = append(g.moveQueue, m)
		}
	}
}

func (g *graph) moveRelated(r Reg) bool {
	for m := range g.moveList.all(int(r)) {
		if g.moves[m].state != moveDone {
			return true
		}
	}
	return false
}

func (g *graph) find(r Reg) Reg {
	for g.state[r] == nodeCoalesced {
		// Halve the way for the next search.
		if a := g.alias[r]; g.state[a] == nodeCoalesced && g.alias[a].Virtual() {
			g.alias[r] = g.alias[a]
		}
		r = g.alias[r]
	}
	return r
}

// coalesce tries to make the two registers of a move one.
func (g *graph) coalesce(m int32) {
	mv := &g.moves[m]
	u, v := g.find(mv.dst), g.find(mv.src)
	if !v.Virtual() {
		u, v = v, u
	}
	switch {
	case u == v:
		mv.state = moveDone
		g.settle(u)
	case !v.Virtual() || g.interferes(u, v):
		mv.state = moveDone
		g.settle(u)
		g.settle(v)
	case g.georgeTest(u, v) || u.Virtual() && (g.georgeTest(v, u) || g.briggsTest(u, v)):
		mv.state = moveDone
		g.merge(u, v)
		g.settle(u)
	default:
		mv.state = moveActive
	}
}

// settle moves r on to simplifying if no move holds it any more.
func (g *graph) settle(r Reg) {
	if g.state[r] == nodeFreeze && !g.moveRelated(r) && g.degree[r] < int32(g.k) {
		g.enlist(r)
	}
}

// georgeTest: v may become u if each neighbour of v is one of u already or has
// few neighbours.
func (g *graph) georgeTest(u, v Reg) bool {
	if u.Virtual() && g.forbid[v]&^g.forbid[u] != 0 {
		return false
	}
	for n := range g.neighbours(v) {
		if !g.inGraph(n) || g.degree[n] < int32(g.k) {
			continue
		}
		if !g.interferes(u, n) {
			return false
		}
	}
	return true
}

// briggsTest: u and v may become one if that has fewer than k neighbours that
// have many.
func (g *graph) briggsTest(u, v Reg) bool {
	many := bits.OnesCount32(uint32(g.forbid[u] | g.forbid[v]))
	for n := range g.neighbours(u) {
		if g.inGraph(n) && g.degree[n] >= int32(g.k) {
			// A neighbour of both loses one of them.
			if g.degree[n] > int32(g.k) || !g.edges.has(n, v) {
				many++
			}
		}
	}
	for n := range g.neighbours(v) {
		if g.inGraph(n) && g.degree[n] >= int32(g.k) && !g.edges.has(n, u) {
			many++
		}
	}
	return many < g.k
}

// merge makes v another name of u.
func (g *graph) merge(u, v Reg) {
	g.state[v], g.alias[v] = nodeCoalesced, u
	g.enableMoves(v)
	if u.Virtual() {
		g.moveList.move(int(u), int(v))
		g.cost[u] += g.cost[v]
		g.code.level[u] = min(g.code.level[u], g.code.level[v])
		g.forbidRegs(u, g.forbid[v])
	}
	for n := range g.neighbours(v) {
		if g.inGraph(n) {
			g.addEdge(n, u)
			g.lower(n)
		}
	}
	if u.Virtual() && g.degree[u] >= int32(g.k) && g.state[u] == nodeFreeze {
		g.enlist(u)
	}
}

// freeze gives up the moves of r.
func (g *graph) freeze(r Reg) {
	g.state[r] = nodeSimplify
	g.simplifyList = append(g.simplifyList, r)
	for m := range g.moveList.all(int(r)) {
		mv := &g.moves[m]
		if mv.state == moveDone {
			continue
		}
		mv.state = moveDone
		other := g.find(mv.dst)
		if other == r {
			other = g.find(mv.src)
		}
		if other.Virtual() {
			g.settle(other)
		}
	}
}

// levelCost makes what is split already more costly to split again: a register
// of the caller's, a reload shared by several uses, a reload for one use.
var levelCost = [3]float64{1, 1e4, 1e12}

// pickSpill takes out of the graph the register that is cheapest to spill for
// the room it makes. It may yet get a colour.
func (g *graph) pickSpill() bool {
	best, bestCost := Reg(-1), 0.0
	kept := g.spillList[:0]
	for _, r := range g.spillList {
		if g.state[r] != nodeSpill {
			continue
		}
		kept = append(kept, r)
		cost := g.cost[r] * levelCost[g.code.level[r]] / float64(g.degree[r])
		if g.code.ranged[r] {
			cost *= 4
		}
		if best < 0 || cost < bestCost {
			best, bestCost = r, cost
		}
	}
	g.spillList = kept
	if best < 0 {
		return false
	}
	g.freeze(best)
	return true
}

// assign colours the registers in the reverse order of their removal.
func (g *graph) assign() (spilled []Reg) {
	for i := len(g.stack) - 1; i >= 0; i-- {
		r := g.stack[i]
		free := g.alloc &^ g.forbid[r]
		for n := range g.neighbours(r) {
			if c := g.color[g.find(n)]; c >= 0 {
				free &^= 1 << uint(c)
			}
		}
		if free == 0 {
			spilled = append(spilled, r)
			continue
		}
		g.color[r] = g.choose(r, free)
	}
	return spilled
}

// choose picks a colour: one that makes a move go if there is one, else the
// first in order.
func (g *graph) choose(r Reg, free Set) Reg {
	best, bestWeight := Reg(-1), int32(0)
	for m := range g.moveList.all(int(r)) {
		mv := &g.moves[m]
		other := g.find(mv.dst)
		if other == r {
			other = g.find(mv.src)
		}
		if c := g.color[other]; c >= 0 && free.Has(c) && mv.weight > bestWeight {
			best, bestWeight = c, mv.weight
		}
	}
	if best >= 0 {
		return best
	}
	for _, c := range g.order {
		if free.Has(c) {
			return c
		}
	}
	return -1
}
