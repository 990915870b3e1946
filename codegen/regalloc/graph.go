package regalloc

import "math/bits"

// graph is the interference graph and what is known of each register.
type graph struct {
	code   *code
	liveIn [][]Reg
	alloc  Set // machine registers that may be given out
	order  []Reg
	k      int
	adj    [][]Reg // virtual neighbours
	edges  edgeSet
	forbid []Set   // machine registers it interferes with
	degree []int32 // virtual neighbours still in the graph, and forbidden machine registers
	cost   []float64

	redoable []redo

	moves    []move
	moveList [][]int32 // of each register

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
	weight   float64
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
	n := int(c.nreg)
	g := &graph{
		code: c, order: order, k: len(order),
		adj: make([][]Reg, n), edges: newEdgeSet(n), forbid: make([]Set, n), degree: make([]int32, n),
		cost: make([]float64, n), redoable: make([]redo, n), moveList: make([][]int32, n),
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
	liveIn, liveOut := liveness(c)
	g.liveIn = liveIn
	live := newSparse(c.nreg)
	for b := range c.blocks {
		live.clear()
		for _, r := range liveOut[b] {
			live.add(r)
		}
		g.buildBlock(c.blocks[b], live, c.weight[b])
	}
	for r := range g.cost {
		if g.redoable[r] == redoYes {
			g.cost[r] *= redoCost
		}
	}
	return g
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

func (g *graph) buildBlock(insts []Inst, live *sparse, weight float64) {
	for i := len(insts) - 1; i >= 0; i-- {
		in := &insts[i]
		if in.Kind == Elided {
			continue
		}
		if in.Flags&Move != 0 && in.Uses[0] != in.Defs[0] {
			live.remove(in.Uses[0])
			g.addMove(in.Defs[0], in.Uses[0], weight)
		}
		for _, d := range in.Defs {
			live.add(d)
			g.appears(d, weight)
			g.defines(d, in.Flags)
		}
		for _, d := range in.Defs {
			for _, l := range live.dense {
				g.addEdge(d, l)
			}
		}
		for _, d := range in.Defs {
			live.remove(d)
		}
		if in.Clobbers != 0 {
			for _, l := range live.dense {
				if l.Virtual() {
					g.forbidRegs(l, in.Clobbers)
				}
			}
		}
		for _, u := range in.Uses {
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

func (g *graph) addMove(dst, src Reg, weight float64) {
	m := int32(len(g.moves))
	g.moves = append(g.moves, move{dst: dst, src: src, weight: weight})
	for _, r := range [2]Reg{dst, src} {
		if r.Virtual() {
			g.moveList[r] = append(g.moveList[r], m)
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
		g.adj[a] = append(g.adj[a], b)
		g.adj[b] = append(g.adj[b], a)
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
