package lower

import (
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// Loops that say only when they end: while, repeat, goto backwards.
//
// Such a loop is lowered as it stands first, and its trips are looked for in
// what came of it (trips.go). If they have a bound, that is all. Otherwise it
// is taken back and lowered again with a test of the budget of the run.

// whileStmt lowers while.
func (lw *lowerer) whileStmt(s *syntax.WhileStmt) {
	lw.budgetLoop(s, s, "while", nil, func(l *loopScope, spend bool, again func()) {
		yes, no := lw.cond(s.Cond, l.mark)
		l.breaks = append(l.breaks, reachable(no)...)
		lw.join(yes)
		if lw.b.Block != nil {
			if spend {
				lw.spend(s, l)
			}
			lw.block(s.Body)
		}
		again()
	})
}

// repeatStmt lowers repeat; its condition sees the body's variables.
func (lw *lowerer) repeatStmt(s *syntax.RepeatStmt) {
	lw.budgetLoop(s, s, "repeat", nil, func(l *loopScope, spend bool, again func()) {
		if spend {
			lw.spend(s, l)
		}
		lw.block(s.Body)
		if lw.b.Block == nil {
			return
		}
		yes, no := lw.cond(s.Cond, l.mark)
		l.breaks = append(l.breaks, reachable(yes)...)
		lw.join(no)
		again()
	})
}

// loopKey names a loop of one activation.
type loopKey struct {
	n  syntax.Node
	fr *frame
}

// budgetLoop lowers a loop without a count of its own. n is where messages
// point, in what may change variables besides first. body calls again
// behind a trip; it takes trips from the budget if spend is set.
func (lw *lowerer) budgetLoop(n, in syntax.Node, what string, first []*cell, body func(l *loopScope, spend bool, again func())) {
	lw.flush()
	changed := func(budget bool) []*cell {
		out := append([]*cell(nil), first...)
		for _, c := range lw.changedIn(in) {
			if budget || c != lw.budget {
				out = append(out, c)
			}
		}
		return out
	}
	key := loopKey{n, lw.frame}
	if !lw.endless[key] {
		state := lw.saveLoop()
		header := lw.loop(n, ir.Loop{What: what}, changed(false), func(l *loopScope, again func()) {
			body(l, false, again)
		})
		if header == nil {
			return
		}
		if trips, ok := lw.boundOf(header); ok {
			header.Loop.Limit = max(trips, 1)
			return
		}
		lw.restoreLoop(state)
		lw.endless[key] = true
	}
	info := ir.Loop{What: what, Budget: true, Limit: lw.prog.LoopLimit}
	lw.loop(n, info, changed(true), func(l *loopScope, again func()) {
		body(l, true, func() {
			if lw.b.Block != nil {
				lw.r.Warnf(diag.LoopBudget, n.Bounds().In(lw.file),
					"no bound is known for this loop: it is left after %d iterations of all such loops in a run", lw.prog.LoopLimit)
			}
			again()
		})
	})
}

// spend takes one trip from the budget, and leaves the loop if there is none.
func (lw *lowerer) spend(n syntax.Node, l *loopScope) {
	lw.at(n)
	left := lw.budget.val.(Int).V
	yes, no := lw.branch(lw.b.Op(ir.OpNe, left, lw.b.Const(0)), l.mark)
	if no.block != nil {
		l.breaks = append(l.breaks, no)
	}
	lw.open(yes)
	lw.set(lw.budget, Int{V: lw.b.Op(ir.OpSub, left, lw.b.Const(1))})
}
