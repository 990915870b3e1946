package lower

import (
	"github.com/luabpfc/luabpfc/frontend/syntax"
	lua "github.com/yuin/gopher-lua"
)

// assignments is what a part of the tree may assign.
type assignments struct {
	locals []*syntax.Local // in source order, each once
	budget bool            // it has loops that take from the budget
}

// inspect visits n and everything below it, inner functions included.
func inspect(n syntax.Node, visit func(syntax.Node)) {
	syntax.Inspect(n, func(m syntax.Node) bool {
		if m != nil {
			visit(m)
		}
		return true
	})
}

// assignmentsIn returns what n may assign, its inner functions included.
func (lw *lowerer) assignmentsIn(n syntax.Node) *assignments {
	if a := lw.assigned[n]; a != nil {
		return a
	}
	a := &assignments{}
	seen := map[*syntax.Local]bool{}
	add := func(e syntax.Expr) {
		if name, ok := e.(*syntax.Name); ok && name.Local != nil && !seen[name.Local] {
			seen[name.Local] = true
			a.locals = append(a.locals, name.Local)
		}
	}
	inspect(n, func(m syntax.Node) {
		switch m := m.(type) {
		case *syntax.AssignStmt:
			for _, t := range m.Targets {
				add(t)
			}
		case *syntax.FunctionStmt:
			add(m.Target)
		case *syntax.WhileStmt, *syntax.RepeatStmt:
			a.budget = true
		case *syntax.GotoStmt:
			a.budget = a.budget || m.Label != nil && m.Label.Start < m.Start
		}
	})
	lw.assigned[n] = a
	return a
}

// changedIn returns the cells of variables outside n that n assigns. What it
// misses (a closure's, a table's), tryLoop finds and starts anew.
func (lw *lowerer) changedIn(n syntax.Node) []*cell {
	a := lw.assignmentsIn(n)
	var out []*cell
	if a.budget {
		out = append(out, lw.budget)
	}
	at := n.Bounds()
	for _, l := range a.locals {
		if l.Start >= at.Start && l.End <= at.End {
			continue // each trip has its own; one from an earlier attempt is gone
		}
		if c, ok := lw.variable(&syntax.Name{Name: l.Name, Local: l}); ok {
			out = append(out, c)
		}
	}
	return out
}

// freeLocals returns the locals of enclosing functions that fn uses.
func (lw *lowerer) freeLocals(fn *syntax.Function) []*syntax.Local {
	if l, ok := lw.free[fn]; ok {
		return l
	}
	var out []*syntax.Local
	seen := map[*syntax.Local]bool{}
	inspect(fn.Body, func(m syntax.Node) {
		if n, ok := m.(*syntax.Name); ok && n.Local != nil && !seen[n.Local] && !inside(n.Local.Func, fn) {
			seen[n.Local] = true
			out = append(out, n.Local)
		}
	})
	lw.free[fn] = out
	return out
}

// inside reports whether f is fn or nested in it.
func inside(f, fn *syntax.Function) bool {
	for ; f != nil; f = f.Parent {
		if f == fn {
			return true
		}
	}
	return false
}

// needsConstant reports whether the variable of a loop, or what is computed
// from it, is used where only a constant will do: as a key of a table, in a
// slice, or as an argument of a function of the library.
func (lw *lowerer) needsConstant(s *syntax.NumForStmt) bool {
	tainted := map[*syntax.Local]bool{s.Var: true}
	uses := func(e syntax.Node) bool {
		found := false
		inspect(e, func(m syntax.Node) {
			if n, ok := m.(*syntax.Name); ok && tainted[n.Local] && n.Local != nil {
				found = true
			}
		})
		return found
	}
	for changed := true; changed; {
		n := len(tainted)
		inspect(s.Body, func(m syntax.Node) {
			switch m := m.(type) {
			case *syntax.LocalStmt:
				for i, l := range m.Names {
					if i < len(m.Exprs) && derived(m.Exprs[i]) && uses(m.Exprs[i]) && !l.Assigned {
						tainted[l] = true
					}
				}
			}
		})
		changed = len(tainted) > n
	}
	need := false
	inspect(s.Body, func(m syntax.Node) {
		switch m := m.(type) {
		case *syntax.Index:
			if !m.Dot && !need && derived(m.Key) && uses(m.Key) {
				need = lw.isTable(m.Obj)
			}
		case *syntax.Call:
			switch {
			case need || len(m.Args) == 0:
			case lw.isBuiltin(m.Fn, "select"):
				need = derived(m.Args[0]) && uses(m.Args[0])
			case lw.wantsConstants(m.Fn):
				for _, a := range m.Args {
					need = need || derived(a) && uses(a)
				}
			case len(m.Args) == 2 && lw.isPacket(m.Fn): // the length of p(a, b)
				need = uses(m.Args[0]) != uses(m.Args[1]) && derived(m.Args[0]) && derived(m.Args[1])
			}
		case *syntax.MethodCall:
			if c, ok := lw.peek(m.Recv).(Const); ok && !need && c.V.Type() == lua.LTString {
				for _, a := range m.Args {
					need = need || derived(a) && uses(a)
				}
			}
		}
	})
	return need
}

// derived reports whether an expression of constants is a constant: no calls,
// no memory.
func derived(e syntax.Expr) bool {
	switch e := e.(type) {
	case *syntax.Binary:
		return derived(e.L) && derived(e.R)
	case *syntax.Unary:
		return derived(e.X)
	case *syntax.Paren:
		return derived(e.X)
	case *syntax.Name, *syntax.NumberExpr, *syntax.StringExpr, *syntax.BoolExpr, *syntax.NilExpr:
		return true
	}
	return false
}
