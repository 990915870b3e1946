package lower

import (
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
)

// goto.
//
// A label is visible in its block only, so a jump backwards to it starts
// somewhere behind it in that block. The statements from the label to the
// block's end are thus a loop whose header is the label: a jump back begins the
// next trip, and falling off the block's end leaves the loop. Where the trips
// come from the budget and it is used up, the jump is not taken.
//
// A jump forward is an edge that waits for its label. One that comes from in
// front of such a loop to a label inside it would enter the loop in its middle,
// which no loop pass can take: it goes to the header instead, with a number
// that says where to go on from there.

// pendingGoto is a jump that waits for its label, relative to the start of the
// label's block, or of the loop that the label heads.
type pendingGoto struct {
	label *syntax.LabelStmt
	e     edge
	// closers is what is open behind it; a jump to the end of a block, past the
	// declaration of a variable to close, has fewer than the path that falls in.
	closers int
}

// labelScope is what jumps to the labels of a block are relative to.
type labelScope struct {
	mark    int
	closers int // what is open in the block and around it, at the present statement
}

// enterLabels notes where the jumps to a block's labels start from.
func (lw *lowerer) enterLabels(stmts []syntax.Stmt) *labelScope {
	scope := &labelScope{lw.mark(), len(lw.closers)}
	for _, s := range stmts {
		if l, ok := s.(*syntax.LabelStmt); ok {
			if lw.frame.labels == nil {
				lw.frame.labels = map[*syntax.LabelStmt]*labelScope{}
			}
			lw.frame.labels[l] = scope
		}
	}
	return scope
}

func (lw *lowerer) gotoStmt(s *syntax.GotoStmt) {
	if s.Label == nil {
		return
	}
	if s.Label.Start < s.Start && lw.frame.spends[s.Label] {
		lw.spendOn(s, func() { lw.jump(s.Label) })
		return
	}
	lw.jump(s.Label)
}

// jump ends the path towards a label.
func (lw *lowerer) jump(l *syntax.LabelStmt) {
	fr := lw.frame
	mark, open := fr.labels[l].mark, fr.labels[l].closers
	if lw.closeFrom(open, Nil); lw.b.Block == nil {
		return
	}
	if fr.loop != nil && mark < fr.loop.mark {
		lw.settleEntries(mark)
	}
	fr.gotos = append(fr.gotos, pendingGoto{l, lw.leaveTo(mark), open})
}

// spendOn takes one trip from the budget and does jump; if there is none, it
// goes on behind.
func (lw *lowerer) spendOn(s *syntax.GotoStmt, jump func()) {
	lw.at(s)
	here := lw.mark()
	left := lw.budget.val.(Int).V
	yes, no := lw.branch(lw.b.Op(ir.OpNe, left, lw.b.Const(0)), here)
	if yes.block != nil {
		lw.open(yes)
		lw.set(lw.budget, Int{V: lw.b.Op(ir.OpSub, left, lw.b.Const(1))})
		jump()
		lw.rollback(here)
	}
	if no.block != nil {
		lw.open(no)
	}
}

// takeGotos returns the jumps to l that wait, and forgets them.
func (lw *lowerer) takeGotos(l *syntax.LabelStmt) []edge {
	fr := lw.frame
	var edges []edge
	var rest []pendingGoto
	for _, g := range fr.gotos {
		if g.label == l {
			edges = append(edges, g.e)
		} else {
			rest = append(rest, g)
		}
	}
	fr.gotos = rest
	return edges
}

// label joins the paths that jump to l with the one that falls into it.
func (lw *lowerer) label(l *syntax.LabelStmt) {
	mark := lw.frame.labels[l].mark
	for _, g := range lw.frame.gotos {
		if g.label == l && g.closers < len(lw.closers) {
			lw.endScope(g.closers)
		}
	}
	var edges []edge
	if lw.b.Block != nil {
		edges = append(edges, lw.snapshot(mark))
	}
	lw.rollback(mark)
	lw.at(l)
	lw.join(append(edges, lw.takeGotos(l)...))
}

// jumpedBackTo reports whether one of the statements behind a label jumps to it.
func (lw *lowerer) jumpedBackTo(l *syntax.LabelStmt, behind []syntax.Stmt) bool {
	if back, ok := lw.backward[l]; ok {
		return back
	}
	back := false
	for _, s := range behind {
		inspect(s, func(m syntax.Node) {
			if g, ok := m.(*syntax.GotoStmt); ok && g.Label == l {
				back = true
			}
		})
	}
	lw.backward[l] = back
	return back
}

// rest is the statements behind a label as a node of their own.
func (lw *lowerer) rest(l *syntax.LabelStmt, stmts []syntax.Stmt) *syntax.DoStmt {
	if d := lw.rests[l]; d != nil {
		return d
	}
	r := l.Range
	if len(stmts) > 0 {
		r.End = stmts[len(stmts)-1].Bounds().End
	}
	d := &syntax.DoStmt{Range: r, Body: &syntax.Block{Range: r, Stmts: stmts}}
	lw.rests[l] = d
	return d
}

// labelLoop lowers the statements behind l, which jump back to it.
func (lw *lowerer) labelLoop(l *syntax.LabelStmt, stmts []syntax.Stmt) {
	lw.label(l)
	sel, labels := lw.middleEntries(l, stmts)
	if lw.b.Block == nil {
		lw.block(lw.rest(l, stmts).Body) // only its own names are looked at
		return
	}
	var first []*cell
	if sel != nil {
		first = append(first, sel)
	}
	n := lw.rest(l, stmts)
	lw.budgetLoop(l, n, "goto", first, func(sc *loopScope, spend bool, again func()) {
		sc.label = true
		if lw.frame.spends == nil {
			lw.frame.spends = map[*syntax.LabelStmt]bool{}
		}
		lw.frame.spends[l] = spend
		scope := lw.enterLabels(stmts)
		lw.frame.labels[l] = &labelScope{sc.mark, len(lw.closers)}
		lw.dispatch(sel, labels)
		lw.stmts(stmts, scope)
		lw.endScope(sc.closers)
		if lw.b.Block != nil {
			sc.breaks = append(sc.breaks, lw.leave(sc.mark))
		}
		lw.rollback(sc.mark)
		lw.join(lw.takeGotos(l))
		if lw.b.Block == nil {
			return
		}
		lw.at(l)
		if sel != nil {
			lw.set(sel, Int{V: lw.b.Const(0)})
		}
		again()
	})
}

// middleEntries joins the jumps from in front of l to labels behind it with the
// path at hand. It returns a variable that says which one control came by, 0
// for none, and the labels of the others, from 1; nil if there are none.
func (lw *lowerer) middleEntries(l *syntax.LabelStmt, stmts []syntax.Stmt) (*cell, []*syntax.LabelStmt) {
	mark := lw.frame.labels[l].mark
	var labels []*syntax.LabelStmt
	var edges []edge
	for _, s := range stmts {
		m, ok := s.(*syntax.LabelStmt)
		if !ok {
			continue
		}
		if in := lw.takeGotos(m); len(in) > 0 {
			labels = append(labels, m)
			k := int64(len(labels))
			for _, e := range in {
				e.results = []Value{Int{V: lw.constAt(e, k)}}
				edges = append(edges, e)
			}
		}
	}
	if len(labels) == 0 {
		return nil, nil
	}
	if lw.b.Block != nil {
		here := lw.snapshot(mark, Int{V: lw.b.Const(0)})
		edges = append([]edge{here}, edges...)
	}
	lw.rollback(mark)
	lw.at(l)
	return lw.newCell(lw.join(edges)[0]), labels
}

// constAt makes a constant at the end of an edge.
func (lw *lowerer) constAt(e edge, x int64) *ir.Value {
	v := e.block.NewValue(ir.OpConst, ir.I64, lw.b.Pos)
	v.AuxInt = x
	return v
}

// dispatch goes on where sel says.
func (lw *lowerer) dispatch(sel *cell, labels []*syntax.LabelStmt) {
	for i, l := range labels {
		mark := lw.frame.labels[l].mark
		which := lw.b.Op(ir.OpEq, sel.val.(Int).V, lw.b.Const(int64(i+1)))
		yes, no := lw.branch(which, mark)
		if yes.block != nil {
			lw.frame.gotos = append(lw.frame.gotos, pendingGoto{l, yes, len(lw.closers)})
		}
		if no.block == nil {
			lw.b.Block = nil
			return
		}
		lw.open(no)
	}
}
