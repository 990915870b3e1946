package syntax

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// sameTree returns where our tree and gopher-lua's of the same text differ, nil
// if nowhere. gopher-lua keeps parentheses only as AdjustRet, an elseif as an if
// in an else, and numbers as text.
func sameTree(text string, ours *Chunk, theirs []ast.Stmt) error {
	m := &matcher{text: text}
	m.block(ours.Func.Body, theirs)
	return m.err
}

type matcher struct {
	text string
	err  error
}

func (m *matcher) differ(n Node, theirs any) {
	if m.err == nil {
		b := n.Bounds()
		m.err = fmt.Errorf("%T %q is %T %+v to gopher-lua", n, m.text[b.Start:b.End], theirs, theirs)
	}
}

// check records a difference unless ok.
func (m *matcher) check(ok bool, n Node, theirs any) {
	if !ok {
		m.differ(n, theirs)
	}
}

func (m *matcher) block(b *Block, theirs []ast.Stmt) {
	if len(b.Stmts) != len(theirs) {
		m.differ(b, theirs)
		return
	}
	for i, s := range b.Stmts {
		m.stmt(s, theirs[i])
	}
}

func (m *matcher) exprs(n Node, es []Expr, theirs []ast.Expr) {
	if len(es) != len(theirs) {
		m.differ(n, theirs)
		return
	}
	for i, e := range es {
		m.expr(e, theirs[i])
	}
}

func (m *matcher) names(n Node, ls []*Local, theirs []string) {
	m.check(len(ls) == len(theirs), n, theirs)
	for i := range min(len(ls), len(theirs)) {
		m.check(ls[i].Name == theirs[i], ls[i], theirs[i])
	}
}

func (m *matcher) function(f *Function, theirs *ast.FunctionExpr) {
	params := f.Params
	if f.Method {
		params = params[1:]
	}
	m.names(f, params, theirs.ParList.Names)
	m.check(f.Vararg == theirs.ParList.HasVargs, f, theirs)
	m.block(f.Body, theirs.Stmts)
}

// as asserts theirs to be of type T and hands it to f.
func as[T any](m *matcher, n Node, theirs any, f func(T)) {
	x, ok := theirs.(T)
	if !ok {
		m.differ(n, theirs)
		return
	}
	f(x)
}

func (m *matcher) stmt(s Stmt, theirs ast.Stmt) {
	if m.err != nil {
		return
	}
	switch s := s.(type) {
	case *LocalStmt:
		as(m, s, theirs, func(x *ast.LocalAssignStmt) { m.names(s, s.Names, x.Names); m.exprs(s, s.Exprs, x.Exprs) })
	case *AssignStmt:
		as(m, s, theirs, func(x *ast.AssignStmt) { m.exprs(s, s.Targets, x.Lhs); m.exprs(s, s.Exprs, x.Rhs) })
	case *CallStmt:
		as(m, s, theirs, func(x *ast.FuncCallStmt) { m.expr(s.Call, x.Expr) })
	case *DoStmt:
		as(m, s, theirs, func(x *ast.DoBlockStmt) { m.block(s.Body, x.Stmts) })
	case *WhileStmt:
		as(m, s, theirs, func(x *ast.WhileStmt) { m.expr(s.Cond, x.Condition); m.block(s.Body, x.Stmts) })
	case *RepeatStmt:
		as(m, s, theirs, func(x *ast.RepeatStmt) { m.expr(s.Cond, x.Condition); m.block(s.Body, x.Stmts) })
	case *IfStmt:
		m.ifStmt(s, s.Clauses, theirs)
	case *NumForStmt:
		as(m, s, theirs, func(x *ast.NumberForStmt) {
			m.names(s, []*Local{s.Var}, []string{x.Name})
			m.expr(s.From, x.Init)
			m.expr(s.To, x.Limit)
			if m.check((s.Step == nil) == (x.Step == nil), s, x); s.Step != nil {
				m.expr(s.Step, x.Step)
			}
			m.block(s.Body, x.Stmts)
		})
	case *GenForStmt:
		as(m, s, theirs, func(x *ast.GenericForStmt) {
			m.names(s, s.Vars, x.Names)
			m.exprs(s, s.Exprs, x.Exprs)
			m.block(s.Body, x.Stmts)
		})
	case *FunctionStmt:
		as(m, s, theirs, func(x *ast.FuncDefStmt) { m.funcDef(s, x) })
	case *LocalFunctionStmt:
		as(m, s, theirs, func(x *ast.LocalAssignStmt) {
			m.names(s, []*Local{s.Local}, x.Names)
			m.exprs(s, []Expr{s.Func}, x.Exprs)
		})
	case *ReturnStmt:
		as(m, s, theirs, func(x *ast.ReturnStmt) { m.exprs(s, s.Exprs, x.Exprs) })
	case *BreakStmt:
		as(m, s, theirs, func(x *ast.BreakStmt) {})
	case *GotoStmt:
		as(m, s, theirs, func(x *ast.GotoStmt) { m.check(s.Name == x.Label, s, x) })
	case *LabelStmt:
		as(m, s, theirs, func(x *ast.LabelStmt) { m.check(s.Name == x.Name, s, x) })
	default:
		m.differ(s, theirs)
	}
}

func (m *matcher) ifStmt(s *IfStmt, clauses []*IfClause, theirs ast.Stmt) {
	as(m, s, theirs, func(x *ast.IfStmt) {
		m.expr(clauses[0].Cond, x.Condition)
		m.block(clauses[0].Body, x.Then)
		switch {
		case len(clauses) > 1 && len(x.Else) == 1:
			m.ifStmt(s, clauses[1:], x.Else[0])
		case len(clauses) > 1:
			m.differ(s, x)
		case s.Else != nil:
			m.block(s.Else, x.Else)
		default:
			m.check(len(x.Else) == 0, s, x)
		}
	})
}

func (m *matcher) funcDef(s *FunctionStmt, x *ast.FuncDefStmt) {
	if s.Func.Func.Method {
		target := s.Target.(*Index)
		m.expr(target.Obj, x.Name.Receiver)
		m.check(target.Key.(*StringExpr).Value == x.Name.Method, s, x.Name)
	} else {
		m.expr(s.Target, x.Name.Func)
	}
	m.function(s.Func.Func, x.Func)
}

func (m *matcher) expr(e Expr, theirs ast.Expr) {
	if m.err != nil {
		return
	}
	switch e := e.(type) {
	case *Paren:
		switch x := theirs.(type) {
		case *ast.FuncCallExpr:
			m.adjusted(e, x.AdjustRet)
		case *ast.Comma3Expr:
			m.adjusted(e, x.AdjustRet)
		}
		m.expr(e.X, theirs)
	case *NilExpr:
		as(m, e, theirs, func(x *ast.NilExpr) {})
	case *BoolExpr:
		_, yes := theirs.(*ast.TrueExpr)
		_, no := theirs.(*ast.FalseExpr)
		m.check(e.Value && yes || !e.Value && no, e, theirs)
	case *NumberExpr:
		as(m, e, theirs, func(x *ast.NumberExpr) { m.check(gopherNumber(x.Value) == e.Float, e, x) })
	case *StringExpr:
		as(m, e, theirs, func(x *ast.StringExpr) {
			written := m.text[e.Start:e.End]
			quoted := written[0] == '"' || written[0] == '\''
			m.check(e.Value == x.Value || quoted && newEscape.MatchString(written), e, x)
		})
	case *VarargExpr:
		as(m, e, theirs, func(x *ast.Comma3Expr) {})
	case *FunctionExpr:
		as(m, e, theirs, func(x *ast.FunctionExpr) { m.function(e.Func, x) })
	case *Name:
		as(m, e, theirs, func(x *ast.IdentExpr) { m.check(e.Name == x.Value, e, x) })
	case *Index:
		as(m, e, theirs, func(x *ast.AttrGetExpr) { m.expr(e.Obj, x.Object); m.expr(e.Key, x.Key) })
	case *Call:
		as(m, e, theirs, func(x *ast.FuncCallExpr) { m.expr(e.Fn, x.Func); m.exprs(e, e.Args, x.Args) })
	case *MethodCall:
		as(m, e, theirs, func(x *ast.FuncCallExpr) {
			m.check(e.Name == x.Method, e, x)
			m.expr(e.Recv, x.Receiver)
			m.exprs(e, e.Args, x.Args)
		})
	case *Binary:
		m.binary(e, theirs)
	case *Unary:
		var x ast.Expr
		switch t := theirs.(type) {
		case *ast.UnaryMinusOpExpr:
			m.check(e.Op == OpNeg, e, t)
			x = t.Expr
		case *ast.UnaryNotOpExpr:
			m.check(e.Op == OpNot, e, t)
			x = t.Expr
		case *ast.UnaryLenOpExpr:
			m.check(e.Op == OpLen, e, t)
			x = t.Expr
		}
		m.expr(e.X, x)
	case *TableExpr:
		as(m, e, theirs, func(x *ast.TableExpr) { m.table(e, x) })
	default:
		m.differ(e, theirs)
	}
}

// adjusted compares parentheses around a call or ... with AdjustRet.
func (m *matcher) adjusted(e *Paren, adjust bool) {
	switch e.X.(type) {
	case *Call, *MethodCall, *VarargExpr:
		m.check(adjust, e, adjust)
	}
}

func (m *matcher) binary(e *Binary, theirs ast.Expr) {
	op, l, r := "", ast.Expr(nil), ast.Expr(nil)
	switch x := theirs.(type) {
	case *ast.LogicalOpExpr:
		op, l, r = x.Operator, x.Lhs, x.Rhs
	case *ast.RelationalOpExpr:
		op, l, r = x.Operator, x.Lhs, x.Rhs
	case *ast.StringConcatOpExpr:
		op, l, r = "..", x.Lhs, x.Rhs
	case *ast.ArithmeticOpExpr:
		op, l, r = x.Operator, x.Lhs, x.Rhs
	}
	m.check(op == e.Op.String(), e, theirs)
	m.expr(e.L, l)
	m.expr(e.R, r)
}

func (m *matcher) table(e *TableExpr, x *ast.TableExpr) {
	m.check(len(e.Fields) == len(x.Fields), e, x)
	for i := range min(len(e.Fields), len(x.Fields)) {
		f, t := e.Fields[i], x.Fields[i]
		m.check((f.Key == nil) == (t.Key == nil || reflect.ValueOf(t.Key).IsNil()), f, t)
		if f.Key != nil {
			m.expr(f.Key, t.Key)
		}
		m.expr(f.Value, t.Value)
	}
}

// gopherNumber converts the text that gopher-lua keeps of a number.
func gopherNumber(text string) float64 {
	if strings.HasPrefix(strings.ToLower(text), "0x") {
		v, _ := strconv.ParseUint(text[2:], 16, 64)
		return float64(v)
	}
	f, _ := strconv.ParseFloat(text, 64)
	return f
}
