package ir

import "slices"

// Dominators and post-dominators.
//
// Block a dominates block b if every path from the entry to b goes through a;
// b's immediate dominator is the closest such a other than b. The method is
// Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm" (2001): walk
// the blocks in reverse postorder, intersect the dominators of the predecessors
// by climbing the tree built so far, repeat until nothing changes. One round is
// enough for reducible graphs, two are needed to see it. Preorder and postorder
// numbers of the tree then answer "does a dominate b" in constant time.
//
// Func.Short, if set, is a successor of the entry: control may come to it from
// any value that may leave, and all of those lie behind the entry's beginning.
// So the entry dominates Short, but a value of the entry reaches Short only if
// it stands before the entry's first value that may leave; Available knows.
//
// Post-dominance is dominance in the reversed graph from one virtual exit that
// follows every return. There a block with a value that may leave has Short as
// one more successor, and a loop without a way out is tied to the exit by one
// of its blocks, so that every block has a place in the tree.

// Dom is the dominator tree of a function. It describes the function as it was
// when computed; changing edges or blocks invalidates it until Update, which
// compares them with what they were.
type Dom struct {
	// RPO are the blocks reachable from the entry in reverse postorder: a block
	// comes after its dominators, and, back edges aside, after its predecessors.
	// The first successor of a branch tends to follow it; Short comes late.
	RPO []*Block

	tree  domTree
	entry *Block
	leave int // index in the entry of its first value that may leave
	// short marks, by block ID, what Short reaches (with Short itself); empty if
	// there is no Short.
	short []bool
	walk  walker
	of    graph
}

// Dominators computes the dominator tree of f.
func Dominators(f *Func) *Dom {
	d := &Dom{}
	d.compute(f)
	d.findLeave()
	return d
}

// Update makes d what Dominators returns, in the memory that d has. That is
// little work if f's blocks and edges are what they were the last time.
func (d *Dom) Update(f *Func) {
	if !d.of.is(f) {
		d.of.set(f)
		d.compute(f)
	}
	d.findLeave()
}

func (d *Dom) findLeave() {
	d.leave = len(d.entry.Values)
	for i, v := range d.entry.Values {
		if v.Op.Info().MayLeave {
			d.leave = i
			break
		}
	}
}

func (d *Dom) compute(f *Func) {
	d.entry = f.Entry()
	d.RPO = d.walk.postorder(d.RPO[:0], d.entry, f.NumBlocks(), func(b *Block, i int) *Block {
		if b == d.entry && f.Short != nil {
			if i == 0 {
				return f.Short
			}
			i--
		}
		if i >= len(b.Succs) {
			return nil
		}
		return b.Succs[len(b.Succs)-1-i].B
	})
	slices.Reverse(d.RPO)
	d.tree.compute(d.RPO, f.NumBlocks(), func(b *Block, i int) *Block {
		if b == f.Short {
			if i == 0 {
				return d.entry
			}
			i--
		}
		if i >= len(b.Preds) {
			return nil
		}
		return b.Preds[i].B
	})
	d.short = d.short[:0]
	if f.Short != nil {
		d.markShort(f.Short)
	}
}

// markShort marks what Short reaches. RPO goes from the entry to Short first, so each
// of these blocks is behind one that leads to it.
func (d *Dom) markShort(short *Block) {
	d.short = Resize(d.short, short.Func.NumBlocks())
	d.short[short.ID] = true
	for _, b := range d.RPO {
		if d.short[b.ID] {
			for _, e := range b.Succs {
				d.short[e.B.ID] = true
			}
		}
	}
}

// Idom returns b's immediate dominator, nil for the entry and for blocks the
// entry does not reach.
func (d *Dom) Idom(b *Block) *Block { return d.tree.idom[b.ID] }

// Children returns the blocks whose immediate dominator is b, in reverse
// postorder.
func (d *Dom) Children(b *Block) []*Block { return d.tree.kids(b) }

// Reachable reports whether the entry reaches b.
func (d *Dom) Reachable(b *Block) bool { return d.tree.num[b.ID] >= 0 }

// Index returns b's place in RPO, or -1 if the entry does not reach it.
func (d *Dom) Index(b *Block) int { return int(d.tree.num[b.ID]) }

// Cyclic reports whether control can come back to a block.
func (d *Dom) Cyclic() bool { return d.tree.back }

// Dominates reports whether every path from the entry to b goes through a. A
// reachable block dominates itself.
func (d *Dom) Dominates(a, b *Block) bool { return d.tree.dominates(a, b) }

// Available reports whether v has been computed whenever control is at the
// beginning of b: v's block dominates b and is not b, and v, if it is one of
// the entry's, is not skipped by a value that may leave on the way through
// Short. It is what a pass must ask before it uses v in b.
func (d *Dom) Available(v *Value, b *Block) bool {
	if v.Block == b || !d.Dominates(v.Block, b) {
		return false
	}
	if v.Block != d.entry || len(d.short) == 0 || !d.short[b.ID] {
		return true
	}
	for i := 0; i < d.leave; i++ {
		if d.entry.Values[i] == v {
			return true
		}
	}
	return false
}

// Frontiers returns, by block ID, the dominance frontiers: the blocks that b
// does not strictly dominate but of which it dominates a predecessor, in
// reverse postorder, each once.
func (d *Dom) Frontiers() [][]*Block {
	df := make([][]*Block, len(d.tree.idom))
	for _, b := range d.RPO {
		implicit := 0
		if b != d.entry && len(d.short) > 0 && b.Func.Short == b {
			implicit = 1
		}
		if len(b.Preds)+implicit < 2 {
			continue
		}
		for _, e := range b.Preds {
			for r := e.B; r != nil && d.Reachable(r) && r != d.Idom(b); r = d.Idom(r) {
				if l := df[r.ID]; len(l) == 0 || l[len(l)-1] != b {
					df[r.ID] = append(l, b)
				}
			}
		}
	}
	return df
}

// PostDom is the post-dominator tree of a function.
type PostDom struct {
	tree domTree
}

// PostDominators computes the post-dominator tree of f.
func PostDominators(f *Func) *PostDom {
	leaves := make([]bool, f.NumBlocks()+1)
	for _, b := range f.Blocks {
		leaves[b.ID] = f.Short != nil && b.MayLeave()
	}
	succs := func(b *Block, i int) *Block {
		if i == len(b.Succs) && leaves[b.ID] {
			return f.Short
		}
		return succOf(b, i)
	}
	var w walker
	fwd := w.postorder(nil, f.Entry(), f.NumBlocks(), succs)
	preds := make([][]*Block, f.NumBlocks()+1)
	for _, b := range fwd {
		for i := 0; succs(b, i) != nil; i++ {
			s := succs(b, i)
			preds[s.ID] = append(preds[s.ID], b)
		}
	}
	// exit is the virtual exit, in the side tables only.
	exit := &Block{ID: f.NumBlocks()}
	toExit := make([]bool, f.NumBlocks()+1)
	seen := make([]bool, f.NumBlocks()+1)
	tie := func(b *Block) {
		toExit[b.ID] = true
		preds[exit.ID] = append(preds[exit.ID], b)
		work := []*Block{b}
		for seen[b.ID] = true; len(work) > 0; {
			x := work[len(work)-1]
			work = work[:len(work)-1]
			for _, p := range preds[x.ID] {
				if !seen[p.ID] {
					seen[p.ID] = true
					work = append(work, p)
				}
			}
		}
	}
	for _, b := range fwd {
		if len(b.Succs) == 0 {
			tie(b)
		}
	}
	for _, b := range fwd {
		if !seen[b.ID] {
			tie(b)
		}
	}
	order := w.postorder(nil, exit, f.NumBlocks()+1, func(b *Block, i int) *Block {
		if i >= len(preds[b.ID]) {
			return nil
		}
		return preds[b.ID][i]
	})
	slices.Reverse(order)
	p := &PostDom{}
	p.tree.compute(order, f.NumBlocks()+1, func(b *Block, i int) *Block {
		if b == exit {
			return nil
		}
		if toExit[b.ID] {
			if i == 0 {
				return exit
			}
			i--
		}
		return succs(b, i)
	})
	return p
}

// Ipdom returns b's immediate post-dominator, nil if that is the function's
// exit or if the entry does not reach b.
func (p *PostDom) Ipdom(b *Block) *Block {
	d := p.tree.idom[b.ID]
	if d != nil && d.Func == nil {
		return nil
	}
	return d
}

// PostDominates reports whether every path from b to a return goes through a.
func (p *PostDom) PostDominates(a, b *Block) bool { return p.tree.dominates(a, b) }

// domTree is a dominator tree over any graph of blocks; slices are indexed by
// block ID.
type domTree struct {
	idom  []*Block
	list  []*Block // the children of all blocks, parent after parent
	first []int32  // where a block's children begin in list; one more at the end
	num   []int32  // place in the order given, -1 if absent
	// pre numbers a walk over the tree, parents before children, from 1; the
	// blocks of b's subtree have the numbers from pre[b.ID] to end[b.ID].
	pre, end []int32
	// back: some block comes behind itself, or behind one that follows it in the
	// order given.
	back bool

	blocks  []*Block // what idom and list are parts of
	numbers []int32  // what the others are parts of
}

// kids returns the blocks whose immediate dominator is b.
func (t *domTree) kids(b *Block) []*Block { return t.list[t.first[b.ID]:t.first[b.ID+1]] }

// compute makes t the tree of the graph whose blocks in reverse postorder
// are order. pred returns the i-th block in front of another, nil behind the last.
func (t *domTree) compute(order []*Block, n int, pred func(b *Block, i int) *Block) {
	t.blocks, t.numbers = Resize(t.blocks, n+len(order)-1), Resize(t.numbers, 4*n+1)
	t.idom, t.list = t.blocks[:n:n], t.blocks[n:]
	numbers := t.numbers
	t.num, t.pre, t.end, t.first = numbers[:n:n], numbers[n:2*n:2*n], numbers[2*n:3*n:3*n], numbers[3*n:]
	for i := range t.num {
		t.num[i] = -1
	}
	for i, b := range order {
		t.num[b.ID] = int32(i)
	}
	root := order[0]
	t.idom[root.ID] = root
	// Where control comes from blocks in front only, so does all that tells.
	t.back = false
	for changed := true; changed; changed = changed && t.back {
		changed = false
		for _, b := range order[1:] {
			var d *Block
			for i := 0; ; i++ {
				p := pred(b, i)
				if p == nil {
					break
				}
				t.back = t.back || t.num[p.ID] >= t.num[b.ID]
				switch {
				case t.num[p.ID] < 0 || t.idom[p.ID] == nil:
				case d == nil:
					d = p
				default:
					d = t.intersect(d, p)
				}
			}
			if t.idom[b.ID] != d {
				t.idom[b.ID] = d
				changed = true
			}
		}
	}
	t.idom[root.ID] = nil
	t.collect(order)
	t.number(order)
}

// collect lists the children of each block in the order given, by counting
// them first.
func (t *domTree) collect(order []*Block) {
	for _, b := range order[1:] {
		t.first[t.idom[b.ID].ID+1]++
	}
	for i := 1; i < len(t.first); i++ {
		t.first[i] += t.first[i-1]
	}
	next := t.pre // not needed yet
	copy(next, t.first)
	for _, b := range order[1:] {
		d := t.idom[b.ID].ID
		t.list[next[d]] = b
		next[d]++
	}
	clear(next)
}

// intersect returns the closest common dominator of a and b.
func (t *domTree) intersect(a, b *Block) *Block {
	for a != b {
		for t.num[a.ID] > t.num[b.ID] {
			a = t.idom[a.ID]
		}
		for t.num[b.ID] > t.num[a.ID] {
			b = t.idom[b.ID]
		}
	}
	return a
}

// number gives each block its numbers. Parents come before their children in
// order, so the sizes of subtrees are summed up backwards, and then each parent
// deals out the numbers behind its own.
func (t *domTree) number(order []*Block) {
	size, next := t.end, t.pre
	for i := len(order) - 1; i >= 0; i-- {
		b := order[i]
		size[b.ID]++
		if i > 0 {
			size[t.idom[b.ID].ID] += size[b.ID]
		}
	}
	next[order[0].ID] = 1
	for _, b := range order {
		at := next[b.ID] + 1
		for _, k := range t.kids(b) {
			next[k.ID] = at
			at += size[k.ID]
		}
	}
	for _, b := range order {
		t.end[b.ID] += t.pre[b.ID] - 1
	}
}

func (t *domTree) dominates(a, b *Block) bool {
	return t.pre[a.ID] > 0 && t.pre[a.ID] <= t.pre[b.ID] && t.pre[b.ID] <= t.end[a.ID]
}

// walker is the memory of depth-first walks.
type walker struct {
	seen  []bool // by block ID: by the last walk
	stack []walkFrame
}

type walkFrame struct {
	b    *Block
	next int
}

// postorder appends to order the blocks reachable from root, each after those that a
// depth-first walk finds behind it. succ returns a block's i-th successor, nil
// behind the last.
func (w *walker) postorder(order []*Block, root *Block, n int, succ func(b *Block, i int) *Block) []*Block {
	w.seen = Resize(w.seen, n)
	order = slices.Grow(order, n)
	seen, stack := w.seen, append(w.stack[:0], walkFrame{b: root})
	seen[root.ID] = true
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		s := succ(top.b, top.next)
		top.next++
		switch {
		case s == nil:
			order = append(order, top.b)
			stack = stack[:len(stack)-1]
		case !seen[s.ID]:
			seen[s.ID] = true
			if len(stack) == cap(stack) {
				stack = slices.Grow(stack, min(n-len(stack), 3*len(stack)))
			}
			stack = append(stack, walkFrame{b: s})
		}
	}
	w.stack = stack
	return order
}

// succOf returns b's i-th successor, nil behind the last.
func succOf(b *Block, i int) *Block {
	if i >= len(b.Succs) {
		return nil
	}
	return b.Succs[i].B
}

// MayLeave reports whether one of b's values may end the program.
func (b *Block) MayLeave() bool {
	for _, v := range b.Values {
		if v.Op.Info().MayLeave {
			return true
		}
	}
	return false
}

// MayLeave reports whether one of f's values may end the program.
func (f *Func) MayLeave() bool { return slices.ContainsFunc(f.Blocks, (*Block).MayLeave) }
