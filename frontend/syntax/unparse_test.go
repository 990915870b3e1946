package syntax

import (
	"fmt"
	"math"
	"strings"
)

// unparse writes a chunk as Lua again, each statement closed by a ';'. Parsing
// that must give the same tree.
func unparse(c *Chunk) string {
	u := &unparser{}
	u.block(c.Func.Body)
	return u.String()
}

type unparser struct{ strings.Builder }

func (u *unparser) p(format string, args ...any) { fmt.Fprintf(u, format, args...) }

func (u *unparser) block(b *Block) {
	for _, s := range b.Stmts {
		u.stmt(s)
		u.p(";\n")
	}
}

func (u *unparser) exprs(es []Expr) {
	for i, e := range es {
		if i > 0 {
			u.p(", ")
		}
		u.expr(e)
	}
}

func (u *unparser) locals(ls []*Local) {
	for i, l := range ls {
		if i > 0 {
			u.p(", ")
		}
		u.p("%s%s", l.Name, [...]string{"", " <const>", " <close> "}[l.Attrib])
	}
}

func (u *unparser) stmt(s Stmt) {
	switch s := s.(type) {
	case *LocalStmt:
		u.p("local ")
		u.locals(s.Names)
		if len(s.Exprs) > 0 {
			u.p(" = ")
			u.exprs(s.Exprs)
		}
	case *AssignStmt:
		u.exprs(s.Targets)
		u.p(" = ")
		u.exprs(s.Exprs)
	case *CallStmt:
		u.expr(s.Call)
	case *DoStmt:
		u.p("do ")
		u.block(s.Body)
		u.p("end")
	case *WhileStmt:
		u.p("while ")
		u.expr(s.Cond)
		u.p(" do ")
		u.block(s.Body)
		u.p("end")
	case *RepeatStmt:
		u.p("repeat ")
		u.block(s.Body)
		u.p("until ")
		u.expr(s.Cond)
	case *IfStmt:
		for i, c := range s.Clauses {
			u.p("%s", [...]string{"if ", "elseif "}[min(i, 1)])
			u.expr(c.Cond)
			u.p(" then ")
			u.block(c.Body)
		}
		if s.Else != nil {
			u.p("else ")
			u.block(s.Else)
		}
		u.p("end")
	case *NumForStmt:
		u.p("for %s = ", s.Var.Name)
		bounds := []Expr{s.From, s.To}
		if s.Step != nil {
			bounds = append(bounds, s.Step)
		}
		u.exprs(bounds)
		u.p(" do ")
		u.block(s.Body)
		u.p("end")
	case *GenForStmt:
		u.p("for ")
		u.locals(s.Vars)
		u.p(" in ")
		u.exprs(s.Exprs)
		u.p(" do ")
		u.block(s.Body)
		u.p("end")
	case *FunctionStmt:
		u.p("function %s", s.Func.Func.Name)
		u.function(s.Func.Func)
	case *LocalFunctionStmt:
		u.p("local function %s", s.Local.Name)
		u.function(s.Func.Func)
	case *ReturnStmt:
		u.p("return ")
		u.exprs(s.Exprs)
	case *BreakStmt:
		u.p("break")
	case *GotoStmt:
		u.p("goto %s", s.Name)
	case *LabelStmt:
		u.p("::%s::", s.Name)
	}
}

func (u *unparser) function(f *Function) {
	u.p("(")
	params := f.Params
	if f.Method {
		params = params[1:]
	}
	u.locals(params)
	if f.Vararg {
		if len(params) > 0 {
			u.p(", ")
		}
		u.p("...")
	}
	u.p(") ")
	u.block(f.Body)
	u.p("end")
}

func quoteLua(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		if c := s[i]; isAlnum(c) || c == ' ' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "\\%03d", c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func (u *unparser) number(n *NumberExpr) {
	switch {
	case n.Kind == Float && math.IsInf(n.Float, 1):
		u.p("1e999")
	case n.Kind == Int && n.Suffix:
		u.p("%#xLL", n.Bits)
	default:
		u.p("%s", n)
	}
}

func (u *unparser) expr(e Expr) {
	switch e := e.(type) {
	case *NilExpr:
		u.p("nil")
	case *BoolExpr:
		u.p("%v", e.Value)
	case *NumberExpr:
		u.number(e)
	case *StringExpr:
		u.p("%s", quoteLua(e.Value))
	case *VarargExpr:
		u.p("...")
	case *FunctionExpr:
		u.p("function")
		u.function(e.Func)
	case *Name:
		u.p("%s", e.Name)
	case *Index:
		u.expr(e.Obj)
		if e.Dot {
			u.p(".%s", e.Key.(*StringExpr).Value)
			return
		}
		u.p("[ ")
		u.expr(e.Key)
		u.p(" ]")
	case *Call:
		u.expr(e.Fn)
		u.p("(")
		u.exprs(e.Args)
		u.p(")")
	case *MethodCall:
		u.expr(e.Recv)
		u.p(":%s(", e.Name)
		u.exprs(e.Args)
		u.p(")")
	case *Binary:
		u.expr(e.L)
		u.p(" %s ", e.Op)
		u.expr(e.R)
	case *Unary:
		u.p("%s ", e.Op)
		u.expr(e.X)
	case *Paren:
		u.p("(")
		u.expr(e.X)
		u.p(")")
	case *TableExpr:
		u.p("{")
		for _, f := range e.Fields {
			switch {
			case f.Named:
				u.p("%s = ", f.Key.(*StringExpr).Value)
			case f.Key != nil:
				u.p("[ ")
				u.expr(f.Key)
				u.p(" ] = ")
			}
			u.expr(f.Value)
			u.p(", ")
		}
		u.p("}")
	}
}
