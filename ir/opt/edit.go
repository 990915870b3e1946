package opt

import "github.com/luabpfc/luabpfc/ir"

// Editing: renaming values and reshaping the control-flow graph. A pass never
// looks for the uses of a value; it notes "v is now w" in a rewriter, looks
// arguments up there while it walks, and applies all of it in one sweep.

// rewriter maps replaced values to their replacements. Chains are allowed.
type rewriter struct {
	to []*ir.Value // by ID
	n  int
}

func newRewriter(f *ir.Func) *rewriter { return &rewriter{to: make([]*ir.Value, f.NumValues())} }

// set makes w the replacement of v.
func (r *rewriter) set(v, w *ir.Value) {
	if n := int(v.ID) + 1 - len(r.to); n > 0 {
		r.to = append(r.to, make([]*ir.Value, n)...)
	}
	r.to[v.ID] = w
	r.n++
}

// find returns what stands for v now.
func (r *rewriter) find(v *ir.Value) *ir.Value {
	w := v
	for int(w.ID) < len(r.to) && r.to[w.ID] != nil {
		w = r.to[w.ID]
	}
	for v != w && r.to[v.ID] != w { // shorten the chain
		v, r.to[v.ID] = r.to[v.ID], w
	}
	return w
}

// args renames v's arguments.
func (r *rewriter) args(v *ir.Value) {
	for i, a := range v.Args {
		if w := r.find(a); w != a {
			v.SetArg(i, w)
		}
	}
}

// control renames b's control value.
func (r *rewriter) control(b *ir.Block) {
	if b.Control != nil {
		if w := r.find(b.Control); w != b.Control {
			b.SetControl(w)
		}
	}
}

// apply renames all uses in f and drops the replaced values.
func (r *rewriter) apply(f *ir.Func) {
	if r.n == 0 {
		return
	}
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			r.args(v)
		}
		r.control(b)
	}
	for _, b := range f.Blocks {
		dropValues(b, func(v *ir.Value) bool { return int(v.ID) < len(r.to) && r.to[v.ID] != nil })
	}
}

// dropValues removes the values of b that dead names; nothing may use them
// afterwards, except each other.
func dropValues(b *ir.Block, dead func(*ir.Value) bool) int {
	kept := b.Values[:0]
	n := 0
	for _, v := range b.Values {
		if dead(v) {
			v.ResetArgs()
			v.Block = nil
			n++
			continue
		}
		kept = append(kept, v)
	}
	for i := len(kept); i < len(b.Values); i++ {
		b.Values[i] = nil
	}
	b.Values = kept
	return n
}

// reachableFrom returns the blocks of f that control can come to from any of from,
// these included, and by ID whether a block is one of them.
func reachableFrom(f *ir.Func, from ...*ir.Block) (order []*ir.Block, seen []bool) {
	seen = make([]bool, f.NumBlocks())
	add := func(b *ir.Block) {
		if !seen[b.ID] {
			seen[b.ID] = true
			order = append(order, b)
		}
	}
	for _, b := range from {
		add(b)
	}
	for i := 0; i < len(order); i++ {
		for _, e := range order[i].Succs {
			add(e.B)
		}
	}
	return order, seen
}

// dropUnreachable removes the blocks that control can't come to. Short stays
// while it is set.
func dropUnreachable(f *ir.Func) int {
	from := []*ir.Block{f.Entry()}
	if f.Short != nil {
		from = append(from, f.Short)
	}
	_, seen := reachableFrom(f, from...)
	n := 0
	kept := f.Blocks[:0]
	for _, b := range f.Blocks {
		if seen[b.ID] {
			kept = append(kept, b)
			continue
		}
		n++
		for len(b.Succs) > 0 {
			b.RemoveEdge(len(b.Succs) - 1)
		}
		b.SetControl(nil)
		dropValues(b, func(*ir.Value) bool { return true })
	}
	for i := len(kept); i < len(f.Blocks); i++ {
		f.Blocks[i] = nil
	}
	f.Blocks = kept
	return n
}

// cutBlock makes b end before Values[i] with a jump to nowhere yet: the rest
// of its values and its edges are gone. The caller adds the new end and calls
// dropUnreachable.
func cutBlock(b *ir.Block, i int) {
	rest := make(map[*ir.Value]bool, len(b.Values)-i)
	for _, v := range b.Values[i:] {
		rest[v] = true
	}
	for len(b.Succs) > 0 {
		b.RemoveEdge(len(b.Succs) - 1)
	}
	b.SetControl(nil)
	b.Kind = ir.BlockJump
	dropValues(b, func(v *ir.Value) bool { return rest[v] })
}

// splitBlock moves Values[i:] of b, and how b ends, to a new block behind it
// in Func.Blocks. b is left without an end.
func splitBlock(b *ir.Block, i int) *ir.Block {
	f := b.Func
	n := f.NewBlock(b.Kind)
	moveBehind(f, n, b)
	n.Pos = b.Pos
	n.Values = append(n.Values, b.Values[i:]...)
	b.Values = b.Values[:i:i]
	for _, v := range n.Values {
		v.Block = n
	}
	n.Control, b.Control = b.Control, nil
	n.Succs, b.Succs = b.Succs, nil
	for _, e := range n.Succs {
		e.B.Preds[e.I].B = n
	}
	b.Kind = ir.BlockJump
	return n
}

// branch ends b, which has no end.
func branch(b *ir.Block, cond *ir.Value, yes, no *ir.Block) {
	b.Kind = ir.BlockIf
	b.SetControl(cond)
	b.AddEdge(yes)
	b.AddEdge(no)
}

// splitOnNull splits the ways behind Values[i], an address, in front of what
// follows: there it is not null, missing it is, and both go on to rest.
func splitOnNull(b *ir.Block, i int) (there, missing, rest *ir.Block) {
	p, pos := b.Values[i], b.Values[i].Pos
	rest = splitBlock(b, i+1)
	missing = b.Func.NewBlock(ir.BlockJump)
	moveBehind(b.Func, missing, b)
	there = b.Func.NewBlock(ir.BlockJump)
	moveBehind(b.Func, there, b)
	there.Pos, missing.Pos = pos, pos
	at := endOf(b, pos)
	branch(b, at.op(ir.OpEq, ir.Bool, p, at.op(ir.OpConst, ir.Ptr)), missing, there)
	there.AddEdge(rest)
	missing.AddEdge(rest)
	return there, missing, rest
}

// isPresent turns the test t of an address with null into what it comes out as
// where present says that there is one.
func isPresent(t, present *ir.Value) {
	if t.Op == ir.OpNe {
		become(t, ir.OpCopy, present)
	} else {
		become(t, ir.OpNot, present)
	}
}

// moveBehind puts the last block of f right behind b.
func moveBehind(f *ir.Func, n, b *ir.Block) {
	at := 0
	for i, x := range f.Blocks {
		if x == b {
			at = i + 1
		}
	}
	copy(f.Blocks[at+1:], f.Blocks[at:len(f.Blocks)-1])
	f.Blocks[at] = n
}

// takeEdge makes a If on a constant or doubtful condition a jump to successor
// i.
func takeEdge(b *ir.Block, i int) {
	b.SetControl(nil)
	b.RemoveEdge(1 - i)
	b.Kind = ir.BlockJump
}

// newConst puts a constant in front of Values[i] of b.
func newConst(b *ir.Block, i int, t ir.Type, x int64, pos ir.Pos) *ir.Value {
	v := b.InsertValue(i, ir.OpConst, t, pos)
	v.AuxInt = x
	return v
}

// afterPhis returns the index of b's first value that is no phi.
func afterPhis(b *ir.Block) int { return len(b.Phis()) }

// sameConst reports whether a and b are equal constants.
func sameConst(a, b *ir.Value) bool {
	return a.Op == ir.OpConst && b.Op == ir.OpConst && a.Type == b.Type && a.AuxInt == b.AuxInt
}

// same reports whether a and b are one value, or equal constants.
func same(a, b *ir.Value) bool { return a == b || sameConst(a, b) }
