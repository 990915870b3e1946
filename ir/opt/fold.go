package opt

import "github.com/luabpfc/luabpfc/ir"

// Branch folding.
//
// Local rewrites of the control-flow graph, repeated until none applies:
//
//	if const            jump                  a branch that is decided
//	if c, b, b          jump b                both ways lead to one place
//	if (not c), x, y    if c, y, x
//	b: jump s           preds go to s         b is empty
//	b: jump s           b and s are one       s has no other predecessor
//	b: ret x            preds go to a         a returns the same (tail merging)
//
// Thereafter jump threading (thread.go). Loop headers are neither skipped nor
// entered past: ir.Loop sits on them, and loops stay natural.

// foldBranches is the pass "fold".
func foldBranches(c *Context, f *ir.Func) {
	for changed := true; changed; {
		changed = false
		headers := c.space.loopHeaders(f) // folding makes no new ones
		for foldRound(c, f, headers) {
			changed = true
		}
		if threadJumps(c, f, headers) {
			changed = true
		}
	}
}

// foldRound visits each block once. A block that is skipped or merged is left
// behind without edges and values until the end of the round.
func foldRound(c *Context, f *ir.Func, headers []bool) bool {
	before := c.Stats.Changes()
	for _, b := range f.Blocks {
		foldIf(c, b)
		skipEmpty(c, f, b, headers)
		mergeLine(c, b)
	}
	mergeReturns(c, f)
	if c.Stats.Changes() == before {
		return false
	}
	dropUnreachable(f)
	dropCopies(c, f)
	return true
}

// dropCopies renames copies, which merged blocks leave of their phis, to what
// they copy.
func dropCopies(c *Context, f *ir.Func) {
	r := c.space.rewriter(f)
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			if v.Op == ir.OpCopy {
				r.set(v, v.Args[0])
			}
		}
	}
	r.apply(f)
}

// loopHeaders marks, by block ID, the targets of back edges, until it is called
// again.
func (s *workspace) loopHeaders(f *ir.Func) []bool {
	s.headers = ir.Resize(s.headers, f.NumBlocks())
	h, d := s.headers, s.dominators(f)
	cyclic := d.Cyclic()
	for _, b := range f.Blocks {
		h[b.ID] = b.Loop != nil
		if !cyclic {
			continue
		}
		for _, e := range b.Preds {
			if d.Dominates(b, e.B) {
				h[b.ID] = true
			}
		}
	}
	return h
}

// foldIf simplifies how b ends, if it branches.
func foldIf(c *Context, b *ir.Block) {
	if b.Kind != ir.BlockIf {
		return
	}
	if b.Control.Op == ir.OpNot && c.Change("not") {
		b.SetControl(b.Control.Args[0])
		s := b.Succs
		s[0], s[1] = s[1], s[0]
		s[0].B.Preds[s[0].I].I = 0
		s[1].B.Preds[s[1].I].I = 1
	}
	if k, ok := b.Control.IsConst(); ok && c.Change("const") {
		takeEdge(b, int(1-k))
		return
	}
	if s := b.Succs; s[0].B == s[1].B && sameOnEdges(s[0].B, s[0].I, s[1].I) && c.Change("same") {
		takeEdge(b, 0)
	}
}

// sameOnEdges reports whether b's phis are the same coming by predecessors i
// and j.
func sameOnEdges(b *ir.Block, i, j int) bool {
	for _, v := range b.Phis() {
		if !same(v.Args[i], v.Args[j]) {
			return false
		}
	}
	return true
}

// skipEmpty sends the predecessors of an empty block b on to its successor.
// Phis of b go along if only phis of the successor use them.
func skipEmpty(c *Context, f *ir.Func, b *ir.Block, headers []bool) {
	if b.Kind != ir.BlockJump || len(b.Preds) == 0 || b == f.Entry() || b == f.Short || b.Succs[0].B == b || b.ID >= len(headers) || headers[b.ID] {
		return
	}
	s, at := b.Succs[0].B, b.Succs[0].I
	phis := b.Phis()
	if len(phis) != len(b.Values) {
		return
	}
	for _, v := range phis {
		n := int32(0)
		for _, w := range s.Phis() {
			if w.Args[at] == v {
				n++
			}
		}
		if n != v.Uses {
			return
		}
	}
	if s == f.Short && len(phis) > 0 {
		return
	}
	// onEdge is what w, a phi of s, is for b's predecessor i.
	onEdge := func(w *ir.Value, i int) *ir.Value {
		if a := w.Args[at]; a.Op == ir.OpPhi && a.Block == b {
			return a.Args[i]
		}
		return w.Args[at]
	}
	if len(s.Phis()) > 0 {
		for i, e := range b.Preds {
			// Two edges from one branch to s: they must agree.
			for _, x := range e.B.Succs {
				if x.B == s {
					for _, w := range s.Phis() {
						if !same(w.Args[x.I], onEdge(w, i)) {
							return
						}
					}
				}
			}
			// And so must two that come by b itself.
			for j := 0; j < i; j++ {
				if b.Preds[j].B == e.B {
					for _, w := range s.Phis() {
						if !same(onEdge(w, i), onEdge(w, j)) {
							return
						}
					}
				}
			}
		}
	}
	if !c.Change("empty") {
		return
	}
	for len(b.Preds) > 0 {
		e := b.Preds[0]
		args := make([]*ir.Value, 0, len(s.Phis()))
		for _, w := range s.Phis() {
			args = append(args, onEdge(w, 0))
		}
		e.B.RedirectEdge(e.I, s)
		for j, w := range s.Phis() {
			w.AddArg(args[j])
		}
	}
	b.RemoveEdge(0)
	dropValues(b, func(*ir.Value) bool { return true })
}

// mergeLine appends to b the blocks that follow it and nothing else.
func mergeLine(c *Context, b *ir.Block) {
	f := b.Func
	for b.Kind == ir.BlockJump && len(b.Succs) == 1 {
		s := b.Succs[0].B
		if len(s.Preds) != 1 || s == b || s == f.Short || s == f.Entry() || !c.Change("line") {
			return
		}
		for _, v := range s.Phis() {
			v.Op = ir.OpCopy
		}
		b.RemoveEdge(0)
		for _, v := range s.Values {
			v.Block = b
		}
		b.Values = append(b.Values, s.Values...)
		b.Kind, b.Pos = s.Kind, s.Pos
		b.Control, s.Control = s.Control, nil
		b.Succs, s.Succs = s.Succs, nil
		for _, e := range b.Succs {
			e.B.Preds[e.I].B = b
		}
		s.Kind, s.Values = ir.BlockJump, nil
	}
}

// mergeReturns sends what comes to a block that only returns to an earlier one
// that returns the same.
func mergeReturns(c *Context, f *ir.Func) {
	type result struct {
		typ ir.Type
		x   int64
	}
	first := map[result]*ir.Block{}
	for _, b := range f.Blocks[1:] {
		if !onlyReturns(b) {
			continue
		}
		var k result
		if b.Control != nil {
			k = result{b.Control.Type, b.Control.AuxInt}
		}
		a := first[k]
		if a == nil {
			first[k] = b
			continue
		}
		if !c.Change("return") {
			continue
		}
		ownConst(a)
		if b == f.Short {
			f.Short = a
		}
		for len(b.Preds) > 0 {
			e := b.Preds[0]
			e.B.RedirectEdge(e.I, a)
		}
	}
}

// onlyReturns reports whether b does nothing but return a constant, one of its
// own or of before, or nothing.
func onlyReturns(b *ir.Block) bool {
	if b.Kind != ir.BlockRet {
		return false
	}
	for _, v := range b.Values {
		if v.Op != ir.OpConst {
			return false
		}
	}
	return b.Control == nil || b.Control.Op == ir.OpConst
}

// ownConst makes the constant that a returns, if any, one of its own, so that it
// may be reached from anywhere.
func ownConst(a *ir.Block) {
	if v := a.Control; v != nil && v.Block != a {
		a.SetControl(newConst(a, 0, v.Type, v.AuxInt, v.Pos))
	}
}
