package script

import "github.com/luabpfc/luabpfc/frontend/syntax"

// walk calls f for every expression in a block, functions in it included; what is
// in an expression is left out where f returns false.
func walk(b *syntax.Block, f func(syntax.Node) bool) {
	if b == nil {
		return
	}
	for _, s := range b.Stmts {
		walkStmt(s, f)
	}
}

func walkStmt(s syntax.Stmt, f func(syntax.Node) bool) {
	exprs := func(es ...syntax.Expr) {
		for _, e := range es {
			if e != nil {
				walkExpr(e, f)
			}
		}
	}
	switch s := s.(type) {
	case *syntax.LocalStmt:
		exprs(s.Exprs...)
	case *syntax.AssignStmt:
		exprs(s.Targets...)
		exprs(s.Exprs...)
	case *syntax.CallStmt:
		exprs(s.Call)
	case *syntax.DoStmt:
		walk(s.Body, f)
	case *syntax.WhileStmt:
		exprs(s.Cond)
		walk(s.Body, f)
	case *syntax.RepeatStmt:
		walk(s.Body, f)
		exprs(s.Cond)
	case *syntax.IfStmt:
		for _, c := range s.Clauses {
			exprs(c.Cond)
			walk(c.Body, f)
		}
		walk(s.Else, f)
	case *syntax.NumForStmt:
		exprs(s.From, s.To, s.Step)
		walk(s.Body, f)
	case *syntax.GenForStmt:
		exprs(s.Exprs...)
		walk(s.Body, f)
	case *syntax.FunctionStmt:
		exprs(s.Func)
	case *syntax.LocalFunctionStmt:
		exprs(s.Func)
	case *syntax.ReturnStmt:
		exprs(s.Exprs...)
	}
}

func walkExpr(e syntax.Expr, f func(syntax.Node) bool) {
	exprs := func(es ...syntax.Expr) {
		for _, e := range es {
			if e != nil {
				walkExpr(e, f)
			}
		}
	}
	if !f(e) {
		return
	}
	switch e := e.(type) {
	case *syntax.FunctionExpr:
		walk(e.Func.Body, f)
	case *syntax.Index:
		exprs(e.Obj, e.Key)
	case *syntax.Call:
		exprs(e.Fn)
		exprs(e.Args...)
	case *syntax.MethodCall:
		exprs(e.Recv)
		exprs(e.Args...)
	case *syntax.Binary:
		exprs(e.L, e.R)
	case *syntax.Unary:
		exprs(e.X)
	case *syntax.Paren:
		exprs(e.X)
	case *syntax.TableExpr:
		for _, fl := range e.Fields {
			exprs(fl.Key, fl.Value)
		}
	}
}
