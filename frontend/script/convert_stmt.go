package script

import (
	"github.com/yuin/gopher-lua/ast"

	"github.com/luabpfc/luabpfc/frontend/syntax"
)

// stmt appends what s becomes.
func (c *converter) stmt(out []ast.Stmt, s syntax.Stmt) []ast.Stmt {
	id := c.id(s)
	switch s := s.(type) {
	case *syntax.LocalStmt:
		return c.local(out, id, s)
	case *syntax.AssignStmt:
		return append(out, c.assign(id, s))
	case *syntax.CallStmt:
		return append(out, at(id, &ast.FuncCallStmt{Expr: c.expr(s.Call)}))
	case *syntax.DoStmt:
		return append(out, at(id, &ast.DoBlockStmt{Stmts: c.block(s.Body)}))
	case *syntax.WhileStmt, *syntax.RepeatStmt, *syntax.NumForStmt, *syntax.GenForStmt:
		return c.loop(out, id, s)
	case *syntax.IfStmt:
		return append(out, c.ifStmt(id, s))
	case *syntax.FunctionStmt:
		fn := c.expr(s.Func)
		if name, ok := s.Target.(*syntax.Name); ok {
			return append(out, c.assignName(id, name, fn))
		}
		return append(out, at(id, &ast.AssignStmt{Lhs: []ast.Expr{c.index(s.Target.(*syntax.Index))}, Rhs: []ast.Expr{fn}}))
	case *syntax.LocalFunctionStmt:
		name := c.declare(s.Local)
		if !s.Local.Assigned {
			c.kinds[s.Local] = kindFunc
		}
		return append(out, at(id, &ast.LocalAssignStmt{Names: []string{name}, Exprs: []ast.Expr{c.expr(s.Func)}}))
	case *syntax.ReturnStmt:
		if len(s.Exprs) == 1 {
			c.hint(s.Exprs[0], returned)
		}
		return append(out, at(id, &ast.ReturnStmt{Exprs: c.exprs(s.Exprs)}))
	case *syntax.BreakStmt:
		return append(out, c.breakStmt(id, s))
	case *syntax.GotoStmt:
		c.jump(s)
		if s.Label == nil { // reported by the parser
			return out
		}
		l := c.label(s.Label)
		c.closes[id] = l
		return append(out, at(id, &ast.GotoStmt{Label: l.name}))
	case *syntax.LabelStmt:
		c.jump(s)
		l := c.label(s)
		if l.depth < 0 {
			l.depth = c.fn.active
		}
		return append(out, at(id, &ast.LabelStmt{Name: l.name}))
	}
	return out
}

func (c *converter) local(out []ast.Stmt, id int, s *syntax.LocalStmt) []ast.Stmt {
	c.hints(s.Exprs, func(i int) string {
		if i < len(s.Names) {
			return s.Names[i].Name
		}
		return ""
	})
	exprs := c.exprs(s.Exprs)
	for i, l := range s.Names {
		if l.Assigned {
			continue
		}
		if i < len(s.Exprs) {
			c.kinds[l] = c.kindOf(s.Exprs[i])
		} else if len(s.Exprs) == 0 {
			c.kinds[l] = kindNil
		}
	}
	st := at(id, &ast.LocalAssignStmt{Exprs: exprs})
	out = append(out, st)
	for _, l := range s.Names {
		st.Names = append(st.Names, c.declare(l))
		if l.Attrib == syntax.AttribClose {
			lid := c.id(l)
			out = append(out, at(lid, &ast.FuncCallStmt{Expr: c.op(lid, opClose, c.ident(lid, c.names[l]))}))
		}
	}
	return out
}

// assign converts a, b = x, y. A constant can't be the VM's table, even to say
// that it is none: (0)[1] = x is a call of ours. Several targets are assigned from temporaries,
// after everything on both sides has been evaluated.
func (c *converter) assign(id int, s *syntax.AssignStmt) ast.Stmt {
	c.hints(s.Exprs, func(i int) string {
		if i < len(s.Targets) {
			return targetName(s.Targets[i])
		}
		return ""
	})
	if len(s.Targets) == 1 && len(s.Exprs) == 1 {
		switch t := s.Targets[0].(type) {
		case *syntax.Name:
			return c.assignName(id, t, c.expr(s.Exprs[0]))
		case *syntax.Index:
			if _, ok := t.Obj.(*syntax.Paren); !ok && c.plainKey(t.Key) {
				return at(id, &ast.AssignStmt{Lhs: []ast.Expr{c.index(t)}, Rhs: c.exprs(s.Exprs)})
			}
			iid := c.id(t)
			return at(id, &ast.FuncCallStmt{Expr: c.op(iid, opSet, c.expr(t.Obj), c.expr(t.Key), c.single(s.Exprs[0]))})
		}
		return at(id, &ast.DoBlockStmt{}) // reported by the parser
	}
	blk := at(id, &ast.DoBlockStmt{})
	type place struct{ obj, key string }
	places := make([]place, len(s.Targets))
	local := func(e ast.Expr) string {
		n := c.temp()
		blk.Stmts = append(blk.Stmts, at(id, &ast.LocalAssignStmt{Names: []string{n}, Exprs: []ast.Expr{e}}))
		return n
	}
	for i, t := range s.Targets {
		if t, ok := t.(*syntax.Index); ok {
			places[i] = place{local(c.expr(t.Obj)), local(c.expr(t.Key))}
		}
	}
	vals := at(id, &ast.LocalAssignStmt{Exprs: c.exprs(s.Exprs)})
	for range s.Targets {
		vals.Names = append(vals.Names, c.temp())
	}
	blk.Stmts = append(blk.Stmts, vals)
	for i := len(s.Targets) - 1; i >= 0; i-- {
		v := c.ident(id, vals.Names[i])
		switch t := s.Targets[i].(type) {
		case *syntax.Name:
			blk.Stmts = append(blk.Stmts, c.assignName(id, t, v))
		case *syntax.Index:
			iid := c.id(t)
			set := c.op(iid, opSet, c.ident(iid, places[i].obj), c.ident(iid, places[i].key), v)
			blk.Stmts = append(blk.Stmts, at(iid, &ast.FuncCallStmt{Expr: set}))
		}
	}
	return blk
}

// assignName is name = v.
func (c *converter) assignName(id int, n *syntax.Name, v ast.Expr) ast.Stmt {
	assign := at(id, &ast.AssignStmt{Lhs: []ast.Expr{c.variable(n)}, Rhs: []ast.Expr{v}})
	call, ok := v.(*ast.FuncCallExpr)
	if !ok || !call.AdjustRet || n.Local == nil {
		return assign
	}
	// Assigned to its last parameter, a call would be set up in its register.
	t := c.temp()
	assign.Rhs[0] = c.ident(id, t)
	return at(id, &ast.DoBlockStmt{Stmts: []ast.Stmt{
		at(id, &ast.LocalAssignStmt{Names: []string{t}, Exprs: []ast.Expr{v}}), assign,
	}})
}

func (c *converter) ifStmt(id int, s *syntax.IfStmt) ast.Stmt {
	first := at(id, &ast.IfStmt{})
	cur := first
	for i, cl := range s.Clauses {
		c.control(cl)
		if i > 0 {
			next := at(c.id(cl), &ast.IfStmt{})
			cur.Else = []ast.Stmt{next}
			cur = next
		}
		cur.Condition = c.expr(cl.Cond)
		cur.Then = c.block(cl.Body)
	}
	if s.Else != nil {
		cur.Else = c.block(s.Else)
	}
	return first
}

// loop converts a loop. If a variable in it is captured, breaks become gotos to
// a label behind it.
func (c *converter) loop(out []ast.Stmt, id int, s syntax.Stmt) []ast.Stmt {
	c.control(s)
	l := &loop{}
	if breaksCapture(s) {
		l.exit = &label{name: c.temp(), depth: c.fn.active}
		c.jump(s)
	}
	c.fn.loops = append(c.fn.loops, l)
	active := c.fn.active
	var st ast.Stmt
	switch s := s.(type) {
	case *syntax.WhileStmt:
		cond := c.expr(s.Cond)
		st = at(id, &ast.WhileStmt{Condition: cond, Stmts: c.block(s.Body)})
	case *syntax.RepeatStmt:
		body := c.stmts(s.Body, -1)
		st = at(id, &ast.RepeatStmt{Condition: c.expr(s.Cond), Stmts: body})
	case *syntax.NumForStmt:
		st = c.numFor(id, s)
	case *syntax.GenForStmt:
		exprs := c.exprs(s.Exprs)
		c.fn.active += 3
		f := at(id, &ast.GenericForStmt{Exprs: exprs})
		for _, v := range s.Vars {
			f.Names = append(f.Names, c.declare(v))
		}
		f.Stmts = c.block(s.Body)
		st = f
	}
	c.fn.active = active
	c.fn.loops = c.fn.loops[:len(c.fn.loops)-1]
	out = append(out, st)
	if l.exit != nil {
		out = append(out, at(id, &ast.LabelStmt{Name: l.exit.name}))
	}
	return out
}

func (c *converter) numFor(id int, s *syntax.NumForStmt) ast.Stmt {
	bound := func(e syntax.Expr, what string) ast.Expr {
		if c.kindOf(e).number() {
			return c.expr(e)
		}
		bid := c.id(e)
		return c.op(bid, opBound, c.single(e), at(bid, &ast.StringExpr{Value: what}))
	}
	f := at(id, &ast.NumberForStmt{Init: bound(s.From, "initial value"), Limit: bound(s.To, "limit")})
	if s.Step != nil {
		f.Step = bound(s.Step, "step")
	}
	c.fn.active += 3
	f.Name = c.declare(s.Var)
	if !s.Var.Assigned {
		c.kinds[s.Var] = kindNum
		if c.kindOf(s.From) == kindIndex && c.kindOf(s.To) == kindIndex {
			c.kinds[s.Var] = kindIndex
		}
	}
	f.Stmts = c.block(s.Body)
	return f
}

func (c *converter) breakStmt(id int, s *syntax.BreakStmt) ast.Stmt {
	c.control(s)
	if n := len(c.fn.loops); n > 0 && c.fn.loops[n-1].exit != nil {
		l := c.fn.loops[n-1].exit
		c.closes[id] = l
		return at(id, &ast.GotoStmt{Label: l.name})
	}
	return at(id, &ast.BreakStmt{})
}

// breaksCapture reports whether a break of loop s may leave the scope of a
// captured variable.
func breaksCapture(s syntax.Stmt) bool {
	var breaks, captured bool
	locals := func(ls ...*syntax.Local) {
		for _, l := range ls {
			captured = captured || l.Captured
		}
	}
	var block func(b *syntax.Block, inner bool)
	var stmt func(s syntax.Stmt, inner bool)
	block = func(b *syntax.Block, inner bool) {
		if b == nil {
			return
		}
		for _, s := range b.Stmts {
			stmt(s, inner)
		}
	}
	stmt = func(s syntax.Stmt, inner bool) {
		switch s := s.(type) {
		case *syntax.BreakStmt:
			breaks = breaks || !inner
		case *syntax.LocalStmt:
			locals(s.Names...)
		case *syntax.LocalFunctionStmt:
			locals(s.Local)
		case *syntax.DoStmt:
			block(s.Body, inner)
		case *syntax.IfStmt:
			for _, cl := range s.Clauses {
				block(cl.Body, inner)
			}
			block(s.Else, inner)
		case *syntax.WhileStmt:
			block(s.Body, true)
		case *syntax.RepeatStmt:
			block(s.Body, true)
		case *syntax.NumForStmt:
			locals(s.Var)
			block(s.Body, true)
		case *syntax.GenForStmt:
			locals(s.Vars...)
			block(s.Body, true)
		}
	}
	switch s := s.(type) {
	case *syntax.WhileStmt:
		block(s.Body, false)
	case *syntax.RepeatStmt:
		block(s.Body, false)
	case *syntax.NumForStmt:
		locals(s.Var)
		block(s.Body, false)
	case *syntax.GenForStmt:
		locals(s.Vars...)
		block(s.Body, false)
	}
	return breaks && captured
}
