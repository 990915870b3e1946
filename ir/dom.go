package ir

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

// Dom is the dominator tree of a function. It is computed once and describes
// the function as it was then; changing edges or blocks invalidates it.
type Dom struct {
	// RPO are the blocks reachable from the entry in reverse postorder: a block
	// comes after its dominators, and, back edges aside, after its predecessors.
	// The first successor of a branch tends to follow it; Short comes late.
	RPO []*Block

	tree  domTree
	entry *Block
	leave int // index in the entry of its first value that may leave
	// short marks, by block ID, what Short reaches (with Short itself).
	short []bool
}

// Dominators computes the dominator tree of f.
func Dominators(f *Func) *Dom {
	d := &Dom{entry: f.Entry()}
	d.leave = len(d.entry.Values)
	for i, v := range d.entry.Values {
		if v.Op.Info().MayLeave {
			d.leave = i
			break
		}
	}
	d.RPO = postorder(f.Entry(), f.NumBlocks(), func(b *Block, visit func(*Block)) {
		if b == d.entry && f.Short != nil {
			visit(f.Short)
		}
		for i := len(b.Succs) - 1; i >= 0; i-- {
			visit(b.Succs[i].B)
		}
	})
	reverse(d.RPO)
	d.tree = newDomTree(d.RPO, f.NumBlocks(), func(b *Block, visit func(*Block)) {
		if b == f.Short {
			visit(d.entry)
		}
		for _, e := range b.Preds {
			visit(e.B)
		}
	})
	if f.Short != nil {
		d.short = make([]bool, f.NumBlocks())
		for _, b := range postorder(f.Short, f.NumBlocks(), visitSuccs) {
			d.short[b.ID] = true
		}
	}
	return d
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
	if v.Block != d.entry || d.short == nil || !d.short[b.ID] {
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
		if b != d.entry && d.short != nil && b.Func.Short == b {
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
	succs := func(b *Block, visit func(*Block)) {
		visitSuccs(b, visit)
		if f.Short != nil && mayLeave(b) {
			visit(f.Short)
		}
	}
	fwd := postorder(f.Entry(), f.NumBlocks(), succs)
	preds := make([][]*Block, f.NumBlocks()+1)
	for _, b := range fwd {
		succs(b, func(s *Block) { preds[s.ID] = append(preds[s.ID], b) })
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
	order := postorder(exit, f.NumBlocks()+1, func(b *Block, visit func(*Block)) {
		for _, p := range preds[b.ID] {
			visit(p)
		}
	})
	reverse(order)
	return &PostDom{newDomTree(order, f.NumBlocks()+1, func(b *Block, visit func(*Block)) {
		if b == exit {
			return
		}
		if toExit[b.ID] {
			visit(exit)
		}
		succs(b, visit)
	})}
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
	idom      []*Block
	list      []*Block // the children of all blocks, parent after parent
	first     []int32  // where a block's children begin in list; one more at the end
	num       []int32  // place in the order given, -1 if absent
	pre, post []int32  // numbers of a walk over the tree
}

// kids returns the blocks whose immediate dominator is b.
func (t *domTree) kids(b *Block) []*Block { return t.list[t.first[b.ID]:t.first[b.ID+1]] }

// newDomTree computes the tree of the graph whose blocks in reverse postorder
// are order and whose edges, backwards, preds enumerates.
func newDomTree(order []*Block, n int, preds func(*Block, func(*Block))) domTree {
	t := domTree{idom: make([]*Block, n), list: make([]*Block, len(order)-1), first: make([]int32, n+1)}
	numbers := make([]int32, 3*n)
	t.num, t.pre, t.post = numbers[:n:n], numbers[n:2*n:2*n], numbers[2*n:]
	for i := range t.num {
		t.num[i] = -1
	}
	for i, b := range order {
		t.num[b.ID] = int32(i)
	}
	root := order[0]
	t.idom[root.ID] = root
	var d *Block
	meet := func(p *Block) {
		switch {
		case t.num[p.ID] < 0 || t.idom[p.ID] == nil:
		case d == nil:
			d = p
		default:
			d = t.intersect(d, p)
		}
	}
	for changed := true; changed; {
		changed = false
		for _, b := range order[1:] {
			d = nil
			preds(b, meet)
			if t.idom[b.ID] != d {
				t.idom[b.ID] = d
				changed = true
			}
		}
	}
	t.idom[root.ID] = nil
	t.collect(order)
	t.number(root)
	return t
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
	next := append([]int32(nil), t.first...)
	for _, b := range order[1:] {
		d := t.idom[b.ID].ID
		t.list[next[d]] = b
		next[d]++
	}
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

// number gives each block its preorder and postorder number. Trees can be as
// deep as a function is long, so it does not recurse.
func (t *domTree) number(root *Block) {
	type frame struct {
		b    *Block
		next int
	}
	clock := int32(1)
	t.pre[root.ID] = clock
	stack := []frame{{b: root}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		clock++
		if kids := t.kids(top.b); top.next < len(kids) {
			k := kids[top.next]
			top.next++
			t.pre[k.ID] = clock
			stack = append(stack, frame{b: k})
			continue
		}
		t.post[top.b.ID] = clock
		stack = stack[:len(stack)-1]
	}
}

func (t *domTree) dominates(a, b *Block) bool {
	return t.pre[a.ID] > 0 && t.pre[b.ID] > 0 && t.pre[a.ID] <= t.pre[b.ID] && t.post[b.ID] <= t.post[a.ID]
}

// postorder returns the blocks reachable from root, each after those that a
// depth-first walk finds behind it. succs enumerates a block's successors.
func postorder(root *Block, n int, succs func(*Block, func(*Block))) []*Block {
	type frame struct {
		b          *Block
		next, base int // its successors lie from base on in list
	}
	seen := make([]bool, n)
	order := make([]*Block, 0, n)
	var stack []frame
	var list []*Block // the successors of all blocks on the stack
	add := func(x *Block) { list = append(list, x) }
	push := func(b *Block) {
		seen[b.ID] = true
		stack = append(stack, frame{b, len(list), len(list)})
		succs(b, add)
	}
	push(root)
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if top.next == len(list) {
			order = append(order, top.b)
			list = list[:top.base]
			stack = stack[:len(stack)-1]
			continue
		}
		s := list[top.next]
		top.next++
		if !seen[s.ID] {
			push(s)
		}
	}
	return order
}

func reverse(l []*Block) {
	for i, j := 0, len(l)-1; i < j; i, j = i+1, j-1 {
		l[i], l[j] = l[j], l[i]
	}
}

func visitSuccs(b *Block, visit func(*Block)) {
	for _, e := range b.Succs {
		visit(e.B)
	}
}

func mayLeave(b *Block) bool {
	for _, v := range b.Values {
		if v.Op.Info().MayLeave {
			return true
		}
	}
	return false
}
