package lower

import (
	"slices"

	"github.com/luabpfc/luabpfc/ir"
)

// cell is a variable: a local, a field of a table, the number of an entry.
type cell struct {
	val   Value
	pos   ir.Pos // of the assignment that val comes from
	entry *Entry // of the number of an entry, whose val is nil while put off
	epoch bool   // of a map's entries
	field bool   // of a table; a path that did not make it has nil there
	born  int    // older cells have smaller numbers
	// param is set for a parameter of an inlined function, and for what takes
	// a value from "...": another call may leave it out.
	param bool
}

// newCell makes a variable. Its birth is logged, so that it has no value (a
// nil Value) on paths that don't come by here.
func (lw *lowerer) newCell(v Value) *cell {
	lw.born++
	c := &cell{val: v, pos: lw.b.Pos, born: lw.born}
	lw.log = append(lw.log, undo{c: c})
	return c
}

// get returns the value of a table's field: nil on paths that did not make it.
func (c *cell) get() Value {
	if c == nil || c.val == nil {
		return Nil
	}
	return c.val
}

// undo is one logged assignment.
type undo struct {
	c   *cell
	val Value
	pos ir.Pos
}

// chain is an immutable list that paths share the tails of.
type chain[T any] struct {
	head  T
	up    *chain[T]
	depth int
}

// push returns the list with v in front.
func (c *chain[T]) push(v T) *chain[T] {
	depth := 1
	if c != nil {
		depth = c.depth + 1
	}
	return &chain[T]{v, c, depth}
}

// shared returns the longest tail that both lists have.
func shared[T any](a, b *chain[T]) *chain[T] {
	for a != b {
		switch {
		case a == nil || b == nil:
			return nil
		case a.depth >= b.depth:
			a = a.up
		default:
			b = b.up
		}
	}
	return a
}

// fact is a condition whose value is known on a path.
type fact struct {
	cond  *ir.Value
	truth bool
}

// edge is the end of a path that waits to be joined: its open block and what
// it changed since the mark that join is given.
type edge struct {
	block   *ir.Block
	facts   *chain[fact]
	pending *chain[*Entry]
	changes map[*cell]change
	order   []*cell // of changes, for determinism
	results []Value
}

type change struct {
	val Value
	pos ir.Pos
}

// set assigns to a cell and logs what it held.
func (lw *lowerer) set(c *cell, v Value) {
	for i := len(lw.building) - 1; i >= 0; i-- {
		l := lw.building[i]
		if c.born > l.start {
			break
		}
		if !l.has[c] {
			l.has[c] = true
			l.missed = append(l.missed, c)
		}
	}
	lw.log = append(lw.log, undo{c, c.val, c.pos})
	c.val, c.pos = v, lw.b.Pos
}

// mark names the present state for leave and join.
func (lw *lowerer) mark() int { return len(lw.log) }

// leave ends the current path: it returns its edge and takes its changes
// since mark back. The path has no open block afterwards.
func (lw *lowerer) leave(mark int, results ...Value) edge {
	e := lw.snapshot(mark, results...)
	lw.rollback(mark)
	lw.b.Block = nil
	return e
}

// snapshot returns the edge of the current path without ending it.
func (lw *lowerer) snapshot(mark int, results ...Value) edge {
	e := edge{block: lw.b.Block, facts: lw.facts, pending: lw.pending, results: results, changes: map[*cell]change{}}
	for _, u := range lw.log[mark:] {
		if _, ok := e.changes[u.c]; !ok {
			e.changes[u.c] = change{u.c.val, u.c.pos}
			e.order = append(e.order, u.c)
		}
	}
	return e
}

// rollback takes back the assignments since mark.
func (lw *lowerer) rollback(mark int) {
	for i := len(lw.log) - 1; i >= mark; i-- {
		u := lw.log[i]
		u.c.val, u.c.pos = u.val, u.pos
	}
	lw.log = lw.log[:mark]
}

// open goes on along an edge that is joined with no other.
func (lw *lowerer) open(e edge) []Value {
	lw.b.Block, lw.facts, lw.pending = e.block, e.facts, e.pending
	for _, c := range e.order {
		ch := e.changes[c]
		lw.log = append(lw.log, undo{c, c.val, c.pos})
		c.val, c.pos = ch.val, ch.pos
	}
	return e.results
}

// reachable drops the edges without a block.
func reachable(edges []edge) []edge {
	out := make([]edge, 0, len(edges))
	for _, e := range edges {
		if e.block != nil {
			out = append(out, e)
		}
	}
	return out
}

// anyReachable reports whether one of the edges has a block.
func anyReachable(edges []edge) bool {
	return slices.ContainsFunc(edges, func(e edge) bool { return e.block != nil })
}

// joined is the one result of edges that meet; Bad where none goes on.
func (lw *lowerer) joined(edges []edge) Value {
	res := lw.join(edges)
	if len(res) == 0 || lw.b.Block == nil {
		return Bad{}
	}
	return res[0]
}

// join goes on where edges meet and returns their merged results. The state
// must be what it was at the mark the edges were left with.
func (lw *lowerer) join(edges []edge) []Value {
	edges = reachable(edges)
	switch len(edges) {
	case 0:
		lw.b.Block = nil
		return nil
	case 1:
		return lw.open(edges[0])
	}
	var results []Value
	lw.joinWith(edges, func(j *joiner) { results = j.results() })
	return results
}

// joinWith goes on where two or more edges meet; merge merges what they bring
// besides variables.
func (lw *lowerer) joinWith(edges []edge, merge func(j *joiner)) {
	j := &joiner{lw: lw, edges: edges, block: lw.b.Func.NewBlock(ir.BlockJump)}
	type merged struct {
		c   *cell
		val Value
	}
	var cells []merged
	seen := map[*cell]bool{}
	for _, c := range j.mergeEpochs() {
		seen[c] = true
		cells = append(cells, merged{c, j.epochs[c]})
	}
	for _, e := range edges {
		for _, c := range e.order {
			if seen[c] {
				continue
			}
			seen[c] = true
			vals := make([]Value, len(edges))
			poss := make([]ir.Pos, len(edges))
			for i := range edges {
				vals[i], poss[i] = c.val, c.pos
				if ch, ok := edges[i].changes[c]; ok {
					vals[i], poss[i] = ch.val, ch.pos
				}
			}
			if !j.visible(c, vals) {
				continue
			}
			cells = append(cells, merged{c, j.merge(vals, poss)})
		}
	}
	merge(j)
	common, pending := edges[0].facts, edges[0].pending
	for i := range j.edges {
		common = shared(common, j.edges[i].facts)
		pending = shared(pending, j.edges[i].pending)
		lw.b.Block = j.edges[i].block
		lw.b.Jump(j.block)
	}
	j.finish()
	lw.b.Block, lw.facts, lw.pending = j.block, common, pending
	for _, m := range cells {
		lw.set(m.c, m.val)
	}
}

// results merges the results of the edges one by one; what one lacks is nil.
func (j *joiner) results() []Value {
	n := 0
	for _, e := range j.edges {
		n = max(n, len(e.results))
	}
	results := make([]Value, n)
	for k := range results {
		vals := make([]Value, len(j.edges))
		for i, e := range j.edges {
			vals[i] = Nil
			if k < len(e.results) {
				vals[i] = e.results[k]
			}
		}
		results[k] = j.merge(vals, make([]ir.Pos, len(j.edges)))
	}
	return results
}

// postpone lists an entry whose number has not been read.
func (lw *lowerer) postpone(e *Entry) {
	lw.pending = lw.pending.push(e)
}

// flush reads the numbers that were put off: something is about to happen
// that could change them.
func (lw *lowerer) flush() {
	var list []*Entry
	for p := lw.pending; p != nil; p = p.up {
		list = append(list, p.head)
	}
	lw.pending = nil
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].num.val == nil {
			lw.readEntry(list[i])
		}
	}
}

// learn records that cond has the given truth on this path.
func (lw *lowerer) learn(cond *ir.Value, truth bool) {
	for cond.Op == ir.OpNot {
		cond, truth = cond.Args[0], !truth
	}
	lw.facts = lw.facts.push(fact{cond, truth})
}

// known returns the truth of a condition, if it is known on this path.
func (lw *lowerer) known(cond *ir.Value) (truth, ok bool) {
	flip := false
	for cond.Op == ir.OpNot {
		cond, flip = cond.Args[0], !flip
	}
	if c, ok := cond.IsConst(); ok {
		return (c != 0) != flip, true
	}
	for f := lw.facts; f != nil; f = f.up {
		if f.head.cond == cond {
			return f.head.truth != flip, true
		}
	}
	return false, false
}

// branch splits the path on cond and returns the edges of both arms; an arm
// that is known not to be taken has no block.
func (lw *lowerer) branch(cond *ir.Value, mark int) (yes, no edge) {
	here := lw.snapshot(mark)
	lw.rollback(mark)
	if truth, ok := lw.known(cond); ok {
		lw.b.Block = nil
		if truth {
			return here, edge{}
		}
		return edge{}, here
	}
	f := lw.b.Func
	yb, nb := f.NewBlock(ir.BlockJump), f.NewBlock(ir.BlockJump)
	if cond.Op == ir.OpNe && cond.Args[0].Type == ir.Ptr {
		// What is there comes first: the kernel's verifier follows the jump
		// last, and then finds that the nothing (0) read instead is among what
		// it has seen.
		lw.b.If(lw.b.Op(ir.OpEq, cond.Args[0], cond.Args[1]), nb, yb)
	} else {
		lw.b.If(cond, yb, nb)
	}
	yes, no = here, here
	yes.block, no.block = yb, nb
	saved := lw.facts
	lw.learn(cond, true)
	yes.facts = lw.facts
	lw.facts = saved
	lw.learn(cond, false)
	no.facts = lw.facts
	lw.facts = saved
	return yes, no
}
