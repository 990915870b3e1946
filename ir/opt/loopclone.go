package opt

import "github.com/luabpfc/luabpfc/ir"

// Copying blocks, and what that does to SSA form.
//
// A cloner copies a set of blocks, within a function (unrolling, rotation) or
// into another one (extraction). Edges are the caller's: it knows which lead to
// another copy, out of the loop, or nowhere.
//
// When blocks are copied within a function, a value that was defined once has
// several definitions, and what used it outside needs the one that reaches it.
// The repair is that of Braun et al., "Simple and Efficient Construction of
// Static Single Assignment Form" (2013), run on a finished graph: a use asks
// its block, a block asks its predecessors, a block with several makes a phi
// first, so that cycles end. Phis that turn out to have one operand only are
// dropped at the end. Cost: blocks between definitions and uses, per value.

// cloner copies blocks into dst.
type cloner struct {
	dst    *ir.Func
	vals   map[*ir.Value]*ir.Value // what stands for a value in the copy
	blocks map[*ir.Block]*ir.Block
	// keep is asked for a value that is not in vals; nil keeps it.
	keep func(*ir.Value) *ir.Value
	// made, if set, says what stands for v, given its new copy w.
	made func(v, w *ir.Value) *ir.Value
	// only names copied branches that have become jumps, and which successor of
	// the original is left.
	only map[*ir.Block]int

	originals map[*ir.Block]*ir.Block
}

func newCloner(dst *ir.Func) *cloner {
	return &cloner{dst: dst, vals: map[*ir.Value]*ir.Value{}, blocks: map[*ir.Block]*ir.Block{}, only: map[*ir.Block]int{}}
}

// value returns what stands for v.
func (c *cloner) value(v *ir.Value) *ir.Value {
	if w, ok := c.vals[v]; ok {
		return w
	}
	if c.keep != nil {
		return c.keep(v)
	}
	return v
}

// shells makes the copies of blocks, without values and edges.
func (c *cloner) shells(blocks []*ir.Block) {
	for _, b := range blocks {
		n := c.dst.NewBlock(b.Kind)
		n.Pos = b.Pos
		if b.Loop != nil {
			l := *b.Loop
			n.Loop = &l
		}
		c.blocks[b] = n
	}
}

// fill copies the values of blocks, which are in an order in which definitions
// precede uses but for phis. Values that are in vals already are not copied.
// Phis stay without arguments: see phis.
func (c *cloner) fill(blocks []*ir.Block) {
	for _, b := range blocks {
		n := c.blocks[b]
		for _, v := range b.Values {
			if _, ok := c.vals[v]; ok {
				continue
			}
			w := n.NewValue(v.Op, v.Type, v.Pos)
			w.AuxInt, w.Aux = v.AuxInt, v.Aux
			c.vals[v] = w
			if v.Op != ir.OpPhi {
				for _, a := range v.Args {
					w.AddArg(c.value(a))
				}
				if c.made != nil {
					c.vals[v] = c.made(v, w)
				}
			}
		}
		if b.Control != nil {
			n.SetControl(c.value(b.Control))
		}
	}
}

// phis gives the copied phis of b their arguments. All edges into the copy are
// there and come from copies of b's predecessors.
func (c *cloner) phis(b *ir.Block) { c.phisInto(b, c.blocks[b], c) }

// phisInto gives the phis of n, which is to's copy of b, the arguments that
// come from blocks of c.
func (c *cloner) phisInto(b, n *ir.Block, to *cloner) {
	original := c.inverse()
	for _, v := range b.Phis() {
		w := to.vals[v]
		if w.Block != n || w.Op != ir.OpPhi {
			continue
		}
		for _, e := range n.Preds {
			i := e.I
			if only, ok := c.only[e.B]; ok {
				i = only
			}
			w.AddArg(c.value(v.Args[original[e.B].Succs[i].I]))
		}
	}
}

// inverse returns the original of each copied block, computed when first asked
// for: all copies are there by then.
func (c *cloner) inverse() map[*ir.Block]*ir.Block {
	if c.originals == nil {
		c.originals = make(map[*ir.Block]*ir.Block, len(c.blocks))
		for b, n := range c.blocks {
			c.originals[n] = b
		}
	}
	return c.originals
}

// repair finds the reaching definition of one variable.
type repair struct {
	defs  map[*ir.Block]*ir.Value // the variable at the end of a block
	begin map[*ir.Block]*ir.Value // at the beginning, as far as asked
	t     ir.Type
	pos   ir.Pos
	made  *[]*ir.Value // phis
}

func (r *repair) atEnd(b *ir.Block) *ir.Value {
	if v, ok := r.defs[b]; ok {
		return v
	}
	return r.atBegin(b)
}

func (r *repair) atBegin(b *ir.Block) *ir.Value {
	if v, ok := r.begin[b]; ok {
		return v
	}
	switch len(b.Preds) {
	case 0:
		ir.Bugf("%s: %s is reached without a definition", b.Func.Name, b)
	case 1:
		v := r.atEnd(b.Preds[0].B)
		r.begin[b] = v
		return v
	}
	phi := b.InsertValue(len(b.Phis()), ir.OpPhi, r.t, r.pos)
	*r.made = append(*r.made, phi)
	r.begin[b] = phi
	for _, e := range b.Preds {
		phi.AddArg(r.atEnd(e.B))
	}
	return phi
}

// repairUses makes every use outside the definitions' blocks see the definition
// that reaches it. defs maps each original value to its definitions by block,
// the original's own included; skip names blocks whose uses are right. order
// lists the originals.
func repairUses(f *ir.Func, order []*ir.Value, defs map[*ir.Value]map[*ir.Block]*ir.Value, skip map[*ir.Block]bool) {
	var made []*ir.Value
	vars := make(map[*ir.Value]*repair, len(order))
	for _, v := range order {
		vars[v] = &repair{defs: defs[v], begin: map[*ir.Block]*ir.Value{}, t: v.Type, pos: v.Pos, made: &made}
	}
	type use struct {
		v *ir.Value
		i int
	}
	var uses []use
	blocks := append([]*ir.Block(nil), f.Blocks...)
	for _, b := range blocks {
		for _, v := range b.Values {
			for i, a := range v.Args {
				if vars[a] != nil && (!skip[b] || v.Op == ir.OpPhi) {
					uses = append(uses, use{v, i})
				}
			}
		}
	}
	for _, u := range uses {
		r := vars[u.v.Args[u.i]]
		if u.v.Op == ir.OpPhi {
			from := u.v.Block.Preds[u.i].B
			if !skip[from] {
				u.v.SetArg(u.i, r.atEnd(from))
			}
			continue
		}
		u.v.SetArg(u.i, r.atBegin(u.v.Block))
	}
	for _, b := range blocks {
		if b.Control != nil && !skip[b] {
			if r := vars[b.Control]; r != nil {
				b.SetControl(r.atBegin(b))
			}
		}
	}
	dropTrivialPhis(f, made)
}

// dropTrivialPhis drops those of phis that have one operand besides themselves.
func dropTrivialPhis(f *ir.Func, phis []*ir.Value) {
	r := &rewriter{} // mostly there are none
	for changed := true; changed; {
		changed = false
		for _, p := range phis {
			if r.find(p) != p {
				continue
			}
			if x := onlyOperand(r, p); x != nil {
				r.set(p, x)
				changed = true
			}
		}
	}
	r.apply(f)
}

// onlyOperand returns the one value that p can have, or nil.
func onlyOperand(r *rewriter, p *ir.Value) *ir.Value {
	var x *ir.Value
	for _, a := range p.Args {
		a = r.find(a)
		if a == p || a == x {
			continue
		}
		if x != nil {
			return nil
		}
		x = a
	}
	return x
}
