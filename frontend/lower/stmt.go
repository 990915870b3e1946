package lower

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// block lowers the statements of a block.
func (lw *lowerer) block(b *syntax.Block) {
	open := len(lw.closers)
	lw.stmts(b.Stmts, lw.enterLabels(b.Stmts))
	lw.endScope(open)
}

// stmts lowers statements whose labels are entered.
func (lw *lowerer) stmts(stmts []syntax.Stmt, scope *labelScope) {
	for i, s := range stmts {
		scope.closers = len(lw.closers)
		if l, ok := s.(*syntax.LabelStmt); ok {
			if lw.jumpedBackTo(l, stmts[i+1:]) {
				lw.labelLoop(l, stmts[i+1:])
				return
			}
			lw.label(l)
			continue
		}
		if lw.b.Block == nil && !labelAhead(stmts[i:]) {
			return // unreachable
		}
		if lw.b.Block != nil {
			lw.stmt(s)
		}
	}
}

func labelAhead(stmts []syntax.Stmt) bool {
	for _, s := range stmts {
		if _, ok := s.(*syntax.LabelStmt); ok {
			return true
		}
	}
	return false
}

func (lw *lowerer) stmt(s syntax.Stmt) {
	lw.at(s)
	switch s := s.(type) {
	case *syntax.LocalStmt:
		lw.localStmt(s)
	case *syntax.AssignStmt:
		lw.assignStmt(s)
	case *syntax.CallStmt:
		lw.callStmt(s)
	case *syntax.DoStmt:
		lw.block(s.Body)
	case *syntax.IfStmt:
		lw.ifStmt(s)
	case *syntax.WhileStmt:
		lw.whileStmt(s)
	case *syntax.RepeatStmt:
		lw.repeatStmt(s)
	case *syntax.NumForStmt:
		lw.numFor(s)
	case *syntax.GenForStmt:
		lw.genFor(s)
	case *syntax.FunctionStmt:
		lw.assign(s.Target, lw.function(s.Func))
	case *syntax.LocalFunctionStmt:
		c := lw.declare(s.Local, Nil)
		lw.set(c, lw.function(s.Func))
	case *syntax.ReturnStmt:
		lw.returnStmt(s)
	case *syntax.BreakStmt:
		lw.breakStmt()
	case *syntax.GotoStmt:
		lw.gotoStmt(s)
	}
}

// breakStmt leaves the innermost loop that is a statement; a label's is none.
func (lw *lowerer) breakStmt() {
	l := lw.frame.loop
	for l != nil && l.label {
		l = l.up
	}
	if l == nil {
		return
	}
	if l != lw.frame.loop {
		lw.settleEntries(l.mark)
	}
	if lw.closeFrom(l.closers, Nil); lw.b.Block != nil {
		l.breaks = append(l.breaks, lw.leaveTo(l.mark))
	}
}

// leaveTo ends the path towards a join at an outer mark. Unlike leave it
// takes back nothing: what encloses the statement does.
func (lw *lowerer) leaveTo(mark int, results ...Value) edge {
	e := lw.snapshot(mark, results...)
	lw.b.Block = nil
	return e
}

// declare makes a new variable of the current function.
func (lw *lowerer) declare(l *syntax.Local, v Value) *cell {
	c := lw.newCell(v)
	lw.frame.cells[l] = c
	return c
}

func (lw *lowerer) localStmt(s *syntax.LocalStmt) {
	vals := lw.exprs(s.Exprs, len(s.Names))
	for i, n := range s.Names {
		lw.declare(n, lw.hold(vals[i])).param = fromVarargs(s)
		if n.Attrib == syntax.AttribClose {
			lw.closeVar(n, vals[i])
		}
	}
}

// fromVarargs reports whether s takes values from "...".
func fromVarargs(s *syntax.LocalStmt) bool {
	if len(s.Exprs) == 0 {
		return false
	}
	_, ok := s.Exprs[len(s.Exprs)-1].(*syntax.VarargExpr)
	return ok
}

func (lw *lowerer) assignStmt(s *syntax.AssignStmt) {
	if len(s.Targets) == 1 && len(s.Exprs) == 1 {
		lw.warnLostUpdate(s)
		t := lw.target(s.Targets[0])
		v := lw.expr(s.Exprs[0])
		lw.at(s)
		t(v)
		return
	}
	targets := make([]func(Value), len(s.Targets))
	for i, t := range s.Targets {
		targets[i] = lw.target(t)
	}
	vals := lw.exprs(s.Exprs, len(s.Targets))
	for i, v := range vals {
		vals[i] = lw.pinBytes(s, lw.settled(v)) // the right side is read first
	}
	lw.at(s)
	for i := range targets {
		targets[i](vals[i])
	}
}

// assign assigns a value that is already computed.
func (lw *lowerer) assign(target syntax.Expr, v Value) { lw.target(target)(v) }

// target evaluates the operands of an assignment's left side and returns what
// stores to it.
func (lw *lowerer) target(e syntax.Expr) func(Value) {
	switch e := e.(type) {
	case *syntax.Name:
		c, ok := lw.variable(e)
		if !ok {
			lw.assignToCaptured(e)
			return func(Value) {}
		}
		return func(v Value) {
			if !lw.assignArray(e, c, v) {
				lw.set(c, lw.hold(v))
			}
		}
	case *syntax.Index:
		obj := lw.expr(e.Obj)
		key := lw.expr(e.Key)
		key = lw.settled(key) // before the right side changes it
		return func(v Value) { lw.setIndex(e, obj, key, v) }
	}
	return func(Value) {}
}

// assignToCaptured reports an assignment to a variable of the script stage.
func (lw *lowerer) assignToCaptured(n *syntax.Name) {
	what := "the global"
	switch {
	case n.Local != nil:
		what = "the captured variable"
	case lw.stage.Global(lw.scriptFunc(), n.Name) == lua.LNil && !lw.unmade[n.Name]:
		lw.unmade[n.Name] = true
		lw.errorf(n, diag.AssignToCaptured, "there is no variable '%s' here: write 'local %s' for one of this run, bpf.global for one that outlives it", n.Name, n.Name)
		return
	case lw.unmade[n.Name]:
		return
	}
	if g := lw.capturedVariable(n); g != nil {
		how := "its members"
		if !isAggregate(g.Type) {
			how = "'" + n.Name + "[0]'"
		} else if _, ok := arrayOf(g.Type); ok {
			how = "its elements"
		}
		lw.r.Errorf(diag.AssignToCaptured, n.Bounds().In(lw.file), "'%s' names a variable, which can't be another one; assign to %s", n.Name, how)
		return
	}
	d := lw.r.Errorf(diag.AssignToCaptured, n.Bounds().In(lw.file),
		"%s '%s' is a constant in the kernel; use bpf.global for a variable that programs share", what, n.Name)
	if n.Local != nil {
		d.Note(n.Local.Bounds().In(lw.file), "'%s' is declared here", n.Name)
	}
}

func (lw *lowerer) callStmt(s *syntax.CallStmt) {
	lw.unused = s.Call
	switch c := s.Call.(type) {
	case *syntax.Call:
		lw.callExpr(c)
	case *syntax.MethodCall:
		lw.methodCall(c)
	}
}

func (lw *lowerer) ifStmt(s *syntax.IfStmt) {
	mark := lw.mark()
	var ends []edge
	for _, c := range s.Clauses {
		yes, no := lw.cond(c.Cond, mark)
		if anyReachable(yes) {
			lw.join(yes)
			lw.block(c.Body)
			if lw.b.Block != nil {
				ends = append(ends, lw.leave(mark))
			}
			lw.rollback(mark)
		}
		if !anyReachable(no) {
			lw.b.Block = nil
			lw.join(ends)
			return
		}
		lw.join(no)
	}
	if s.Else != nil {
		lw.block(s.Else)
	}
	if lw.b.Block != nil {
		ends = append(ends, lw.leave(mark))
	}
	lw.rollback(mark)
	lw.at(s)
	lw.join(ends)
}

func (lw *lowerer) returnStmt(s *syntax.ReturnStmt) {
	var vals []Value
	if len(s.Exprs) > 0 {
		vals = lw.exprs(s.Exprs, -1)
		for i, v := range vals {
			vals[i] = lw.settled(v)
		}
	}
	if lw.b.Block == nil {
		return
	}
	lw.at(s)
	if lw.frame.main {
		lw.ret(s, vals)
		return
	}
	if lw.closeFrom(lw.frame.closers, Nil); lw.b.Block == nil {
		return
	}
	if lw.frame.loop != nil {
		lw.settleEntries(lw.frame.mark)
	}
	lw.frame.returns = append(lw.frame.returns, lw.leaveTo(lw.frame.mark, Tuple(vals)))
}
