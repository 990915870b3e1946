package regalloc

import "math/bits"

// graph is the interference graph and what is known of each register.
type graph struct {
	code   *code
	alloc  Set // machine registers that may be given out
	order  []Reg
	k      int
	adj    lists // virtual neighbours
	edges  edgeSet
	forbid []Set   // machine registers it interferes with
	degree []int32 // virtual neighbours still in the graph, and forbidden machine registers
	cost   []float64

	redoable []redo

	moves    []move
	moveList lists // of each register, in moves

	state []nodeState
	alias []Reg
	color []Reg

	simplifyList, freezeList, spillList []Reg
	moveQueue                           []int32
	stack                               []Reg
}

// move is a copy instruction that may go.
type move struct {
	dst, src Reg
	weight   int32
	state    moveState
}

type moveState uint8

const (
	moveReady moveState = iota // in moveQueue
	moveActive
	moveDone // coalesced, constrained or frozen
)

// edgeSet answers whether two virtual registers interfere: a bit matrix while
// that is small, a hash set beyond.
type edgeSet struct {
	n    int
	bits []uint64
	hash map[uint64]struct{}
}

const maxMatrix = 4096

func newEdgeSet(n int) edgeSet {
	if n <= maxMatrix {
		return edgeSet{n: n, bits: make([]uint64, n*n/128+1)}
	}
	return edgeSet{n: n, hash: map[uint64]struct{}{}}
}

// insert adds an edge and reports whether it is new.
func (e *edgeSet) insert(a, b Reg) bool {
	if a > b {
		a, b = b, a
	}
	i := uint64(b)*(uint64(b)-1)/2 + uint64(a)
	if e.hash != nil {
		if _, ok := e.hash[i]; ok {
			return false
		}
		e.hash[i] = struct{}{}
		return true
	}
	if e.bits[i/64]>>(i%64)&1 != 0 {
		return false
	}
	e.bits[i/64] |= 1 << (i % 64)
	return true
}

func (e *edgeSet) has(a, b Reg) bool {
	if a > b {
		a, b = b, a
	}
	i := uint64(b)*(uint64(b)-1)/2 + uint64(a)
	if e.hash != nil {
		_, ok := e.hash[i]
		return ok
	}
	return e.bits[i/64]>>(i%64)&1 != 0
}

// build makes the graph of the code as it is now.
func build(c *code, order []Reg) *graph {
	n, nmoves := int(c.nreg), c.countMoves()
	g := &graph{
		code: c, order: order, k: len(order),
		adj: newLists(n, 3*n), edges: newEdgeSet(n), forbid: make([]Set, n), degree: make([]int32, n),
		cost: make([]float64, n), redoable: make([]redo, n), moves: make([]move, 0, nmoves), moveList: newLists(n, 2*nmoves),
		state: make([]nodeState, n), alias: make([]Reg, n), color: make([]Reg, n),
	}
	for _, r := range order {
		g.alloc |= 1 << uint(r)
	}
	for r := range g.alias {
		g.alias[r] = Reg(r)
		g.color[r] = -1
	}
	for r := Reg(0); r < FirstVirtual; r++ {
		g.state[r], g.color[r] = nodeFixed, r
	}
	liveOut := liveness(c, end)
	live := newSparse(c.nreg)
	for b := range c.blocks {
		live.clear()
		for r := range liveOut.all(b) {
			live.add(Reg(r))
		}
		g.buildBlock(b, live)
	}
	for r := range g.cost {
		if g.redoable[r] == redoYes {
			g.cost[r] *= redoCost
		}
	}
	return g
}

// countMoves returns how many moves the code has.
func (c *code) countMoves() (n int) {
	for b := range c.blocks {
		insts := c.blocks[b].Insts
		for i := range insts {
			if insts[i].Flags&Move != 0 && insts[i].Kind != Elided {
				n++
			}
		}
	}
	return n
}

// redoCost is how much a constant made again costs, in reloads.
const redoCost = 0.5

// redo says whether a register's definitions are one that can be redone.
type redo uint8

const (
	redoNoDef redo = iota
	redoYes
	redoNo
)

// defines notes a definition of r.
func (g *graph) defines(r Reg, f Flag) {
	if g.redoable[r] == redoNoDef && f&Remat != 0 {
		g.redoable[r] = redoYes
	} else {
		g.redoable[r] = redoNo
	}
}

// buildBlock adds block b to the graph. live is what is live behind it.
func (g *graph) buildBlock(b int, live *sparse) {
	insts, weight := g.code.blocks[b].Insts, g.code.weight(b)
	for i := len(insts) - 1; i >= 0; i-- {
		in := &insts[i]
		if in.Kind == Elided {
			continue
		}
		uses, defs := g.code.regs.Uses(in), g.code.regs.Defs(in)
		if in.Flags&Move != 0 && uses[0] != defs[0] {
			live.remove(uses[0])
			g.addMove(defs[0], uses[0], int32(weight))
		}
		for _, d := range defs {
			live.add(d)
			g.appears(d, weight)
			g.defines(d, in.Flags)
		}
		for _, d := range defs {
			for _, l := range live.dense {
				g.addEdge(d, l)
			}
		}
		for _, d := range defs {
			live.remove(d)
		}
		if in.Clobbers != 0 {
			for _, l := range live.dense {
				if l.Virtual() {
					g.forbidRegs(l, in.Clobbers)
				}
			}
		}
		for _, u := range uses {
			live.add(u)
			g.appears(u, weight)
		}
	}
}

// appears counts an occurrence of r.
func (g *graph) appears(r Reg, weight float64) {
	if r.Virtual() {
		g.cost[r] += weight
		if g.state[r] == nodeAbsent {
			g.state[r] = nodeInitial
		}
	}
}

func (g *graph) addMove(dst, src Reg, weight int32) {
	m := int32(len(g.moves))
	g.moves = append(g.moves, move{dst: dst, src: src, weight: weight})
	for _, r := range [2]Reg{dst, src} {
		if r.Virtual() {
			g.moveList.add(int(r), m)
		}
	}
}

// addEdge makes a and b interfere.
func (g *graph) addEdge(a, b Reg) {
	switch {
	case a == b:
	case !a.Virtual() && !b.Virtual():
	case !a.Virtual():
		g.forbidRegs(b, 1<<uint(a))
	case !b.Virtual():
		g.forbidRegs(a, 1<<uint(b))
	case g.edges.insert(a, b):
		g.adj.add(int(a), int32(b))
		g.adj.add(int(b), int32(a))
		g.degree[a]++
		g.degree[b]++
	}
}

func (g *graph) forbidRegs(r Reg, s Set) {
	s &= g.alloc &^ g.forbid[r]
	g.forbid[r] |= s
	g.degree[r] += int32(bits.OnesCount32(uint32(s)))
}

// interferes reports whether a and b do; at most one is a machine register.
func (g *graph) interferes(a, b Reg) bool {
	switch {
	case !a.Virtual():
		return g.forbid[b].Has(a) || !g.alloc.Has(a)
	case !b.Virtual():
		return g.forbid[a].Has(b) || !g.alloc.Has(b)
	}
	return g.edges.has(a, b)
}
