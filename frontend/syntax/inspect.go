package syntax

// Inspect calls visit for n and every node below it, in source order; a node's
// children are skipped if visit returns false.
func Inspect(n Node, visit func(Node) bool) {
	if n == nil || !visit(n) {
		return
	}
	exprs := func(es []Expr) {
		for _, e := range es {
			Inspect(e, visit)
		}
	}
	locals := func(ls []*Local) {
		for _, l := range ls {
			Inspect(l, visit)
		}
	}
	switch n := n.(type) {
	case *Function:
		locals(n.Params)
		Inspect(n.Body, visit)
	case *Block:
		for _, s := range n.Stmts {
			Inspect(s, visit)
		}
	case *LocalStmt:
		locals(n.Names)
		exprs(n.Exprs)
	case *AssignStmt:
		exprs(n.Targets)
		exprs(n.Exprs)
	case *CallStmt:
		Inspect(n.Call, visit)
	case *DoStmt:
		Inspect(n.Body, visit)
	case *WhileStmt:
		Inspect(n.Cond, visit)
		Inspect(n.Body, visit)
	case *RepeatStmt:
		Inspect(n.Body, visit)
		Inspect(n.Cond, visit)
	case *IfStmt:
		for _, c := range n.Clauses {
			Inspect(c, visit)
		}
		if n.Else != nil {
			Inspect(n.Else, visit)
		}
	case *IfClause:
		Inspect(n.Cond, visit)
		Inspect(n.Body, visit)
	case *NumForStmt:
		Inspect(n.Var, visit)
		exprs([]Expr{n.From, n.To})
		if n.Step != nil {
			Inspect(n.Step, visit)
		}
		Inspect(n.Body, visit)
	case *GenForStmt:
		locals(n.Vars)
		exprs(n.Exprs)
		Inspect(n.Body, visit)
	case *FunctionStmt:
		Inspect(n.Target, visit)
		Inspect(n.Func, visit)
	case *LocalFunctionStmt:
		Inspect(n.Local, visit)
		Inspect(n.Func, visit)
	case *ReturnStmt:
		exprs(n.Exprs)
	case *FunctionExpr:
		Inspect(n.Func, visit)
	case *Index:
		Inspect(n.Obj, visit)
		Inspect(n.Key, visit)
	case *Call:
		Inspect(n.Fn, visit)
		exprs(n.Args)
	case *MethodCall:
		Inspect(n.Recv, visit)
		exprs(n.Args)
	case *Binary:
		Inspect(n.L, visit)
		Inspect(n.R, visit)
	case *Unary:
		Inspect(n.X, visit)
	case *Paren:
		Inspect(n.X, visit)
	case *TableExpr:
		for _, f := range n.Fields {
			Inspect(f, visit)
		}
	case *Field:
		if n.Key != nil {
			Inspect(n.Key, visit)
		}
		Inspect(n.Value, visit)
	}
}
