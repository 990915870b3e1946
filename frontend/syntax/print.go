package syntax

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Fprint writes a chunk as an indented S-expression, one statement a line. A
// local is written name#n, where n counts the chunk's locals in the order of
// their declarations, so that equal names stay apart; a plain name is global.
func Fprint(w io.Writer, c *Chunk) error {
	t := &treePrinter{numbers: map[*Local]int{}}
	root := form("chunk").breaks(t.block(c.Func.Body)...)
	var b strings.Builder
	root.write(&b, 0)
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}

// sexp is an atom, or a list.
type sexp struct {
	atom  string
	list  []*sexp
	head  int  // how many items of the list stay on its first line
	tall  bool // always on several lines
	width int  // on one line
}

func atom(text string) *sexp { return &sexp{atom: text, width: len(text)} }

// form returns the list (name items...).
func form(name string, items ...*sexp) *sexp { return list(append([]*sexp{atom(name)}, items...)...) }

func list(items ...*sexp) *sexp {
	s := &sexp{list: items, head: 1, width: 1 + len(items)}
	if len(items) > 1 && !items[1].tall {
		s.head = 2
	}
	for _, x := range items {
		s.width += x.width
		s.tall = s.tall || x.tall
	}
	if len(items) == 0 {
		s.width = 2
	}
	return s
}

// breaks adds items that stand on a line each. What s has so far stays on the
// first line.
func (s *sexp) breaks(items ...*sexp) *sexp {
	if len(items) > 0 {
		s.head, s.tall = len(s.list), true
		s.list = append(s.list, items...)
	}
	return s
}

const (
	printWidth  = 100
	printIndent = 30 // levels; deeper ones stay there
)

func (s *sexp) write(b *strings.Builder, level int) {
	if s.list == nil && s.atom != "" {
		b.WriteString(s.atom)
		return
	}
	indent := 2 * min(level, printIndent)
	wide := s.tall || indent+s.width > printWidth
	b.WriteByte('(')
	for i, x := range s.list {
		switch {
		case i == 0:
		case wide && i >= s.head:
			b.WriteByte('\n')
			b.WriteString(strings.Repeat("  ", min(level+1, printIndent)))
		default:
			b.WriteByte(' ')
		}
		x.write(b, level+1)
	}
	b.WriteByte(')')
}

// treePrinter converts a tree. numbers holds the locals declared so far.
type treePrinter struct{ numbers map[*Local]int }

func (t *treePrinter) local(l *Local) string {
	n, ok := t.numbers[l]
	if !ok {
		n = len(t.numbers) + 1
		t.numbers[l] = n
	}
	return fmt.Sprintf("%s#%d", l.Name, n)
}

// declares returns the declaration of a local with what is known of it.
func (t *treePrinter) declares(l *Local) *sexp {
	s := list(atom(t.local(l)))
	for _, flag := range []struct {
		set  bool
		name string
	}{
		{l.Attrib == AttribConst, "<const>"},
		{l.Attrib == AttribClose, "<close>"},
		{l.Assigned, "assigned"},
		{l.Captured, "captured"},
	} {
		if flag.set {
			s = list(append(s.list, atom(flag.name))...)
		}
	}
	if len(s.list) == 1 {
		return s.list[0]
	}
	return s
}

func (t *treePrinter) declaresAll(ls []*Local) *sexp {
	items := make([]*sexp, len(ls))
	for i, l := range ls {
		items[i] = t.declares(l)
	}
	return list(items...)
}

func (t *treePrinter) block(b *Block) []*sexp {
	items := make([]*sexp, len(b.Stmts))
	for i, s := range b.Stmts {
		items[i] = t.stmt(s)
	}
	return items
}

func (t *treePrinter) exprs(es []Expr) []*sexp {
	items := make([]*sexp, len(es))
	for i, e := range es {
		items[i] = t.expr(e)
	}
	return items
}

func (t *treePrinter) stmt(s Stmt) *sexp {
	switch s := s.(type) {
	case *LocalStmt:
		values := t.exprs(s.Exprs) // first: they do not see the names
		return form("local", append([]*sexp{t.declaresAll(s.Names)}, values...)...)
	case *AssignStmt:
		return form("assign", append([]*sexp{list(t.exprs(s.Targets)...)}, t.exprs(s.Exprs)...)...)
	case *CallStmt:
		return t.expr(s.Call)
	case *DoStmt:
		return form("do").breaks(t.block(s.Body)...)
	case *WhileStmt:
		return form("while", t.expr(s.Cond)).breaks(t.block(s.Body)...)
	case *RepeatStmt:
		body := t.block(s.Body)
		return form("repeat").breaks(append(body, form("until", t.expr(s.Cond)))...)
	case *IfStmt:
		return t.ifStmt(s)
	case *NumForStmt:
		return t.numFor(s)
	case *GenForStmt:
		values := list(t.exprs(s.Exprs)...)
		return form("forin", t.declaresAll(s.Vars), values).breaks(t.block(s.Body)...)
	case *FunctionStmt:
		return form("setfunction", t.expr(s.Target), t.function(s.Func.Func))
	case *LocalFunctionStmt:
		return form("localfunction", t.declares(s.Local), t.function(s.Func.Func))
	case *ReturnStmt:
		return form("return", t.exprs(s.Exprs)...)
	case *BreakStmt:
		return form("break")
	case *GotoStmt:
		return form("goto", atom(s.Name))
	case *LabelStmt:
		return form("label", atom(s.Name))
	}
	return form("unknown")
}

func (t *treePrinter) ifStmt(s *IfStmt) *sexp {
	f := form("if")
	var parts []*sexp
	for _, c := range s.Clauses {
		parts = append(parts, form("then", t.expr(c.Cond)).breaks(t.block(c.Body)...))
	}
	if s.Else != nil {
		parts = append(parts, form("else").breaks(t.block(s.Else)...))
	}
	return f.breaks(parts...)
}

func (t *treePrinter) numFor(s *NumForStmt) *sexp {
	bounds := []*sexp{t.expr(s.From), t.expr(s.To)}
	if s.Step != nil {
		bounds = append(bounds, t.expr(s.Step))
	}
	f := form("for", append([]*sexp{t.declares(s.Var)}, bounds...)...)
	return f.breaks(t.block(s.Body)...)
}

func (t *treePrinter) function(f *Function) *sexp {
	params := t.declaresAll(f.Params)
	if f.Vararg {
		params = list(append(params.list, atom("..."))...)
	}
	s := form("function")
	if f.Name != "" {
		s = form("function", atom(f.Name))
	}
	return list(append(s.list, params)...).breaks(t.block(f.Body)...)
}

// binaryNames and unaryNames are how operators are printed.
var binaryNames = [...]string{
	OpAdd: "+", OpSub: "-", OpMul: "*", OpDiv: "/", OpMod: "%", OpPow: "^", OpIDiv: "//",
	OpBAnd: "&", OpBOr: "|", OpBXor: "~", OpShl: "<<", OpShr: ">>", OpConcat: "..",
	OpEq: "==", OpNe: "~=", OpLt: "<", OpLe: "<=", OpGt: ">", OpGe: ">=", OpAnd: "and", OpOr: "or",
}

var unaryNames = [...]string{OpNeg: "-", OpNot: "not", OpLen: "#", OpBNot: "~"}

// String returns the operator as Lua writes it.
func (op BinaryOp) String() string { return binaryNames[op] }

// String returns the operator as Lua writes it.
func (op UnaryOp) String() string { return unaryNames[op] }

func (t *treePrinter) expr(e Expr) *sexp {
	switch e := e.(type) {
	case *NilExpr:
		return atom("nil")
	case *BoolExpr:
		return atom(strconv.FormatBool(e.Value))
	case *NumberExpr:
		return atom(e.String())
	case *StringExpr:
		return atom(strconv.Quote(e.Value))
	case *VarargExpr:
		return atom("...")
	case *FunctionExpr:
		return t.function(e.Func)
	case *Name:
		if e.Local != nil {
			return atom(t.local(e.Local))
		}
		return atom(e.Name)
	case *Index:
		if key, ok := e.Key.(*StringExpr); ok && e.Dot {
			return form(".", t.expr(e.Obj), atom(key.Value))
		}
		return form("index", t.expr(e.Obj), t.expr(e.Key))
	case *Call:
		return form("call", append([]*sexp{t.expr(e.Fn)}, t.exprs(e.Args)...)...)
	case *MethodCall:
		return form("method", append([]*sexp{t.expr(e.Recv), atom(e.Name)}, t.exprs(e.Args)...)...)
	case *Binary:
		return form(e.Op.String(), t.expr(e.L), t.expr(e.R))
	case *Unary:
		return form(e.Op.String(), t.expr(e.X))
	case *Paren:
		return form("paren", t.expr(e.X))
	case *TableExpr:
		return t.table(e)
	}
	return form("unknown")
}

func (t *treePrinter) table(e *TableExpr) *sexp {
	items := make([]*sexp, len(e.Fields))
	for i, f := range e.Fields {
		switch {
		case f.Named:
			items[i] = form("=", atom(f.Key.(*StringExpr).Value), t.expr(f.Value))
		case f.Key != nil:
			items[i] = form("=", list(t.expr(f.Key)), t.expr(f.Value))
		default:
			items[i] = t.expr(f.Value)
		}
	}
	return form("table", items...)
}

// String returns the literal: an integer with its suffix, a float with a '.',
// an exponent or a name that tells it from an integer.
func (n *NumberExpr) String() string {
	switch n.Kind {
	case Int:
		text := strconv.FormatInt(int64(n.Bits), 10)
		if n.Suffix {
			text += "LL"
		}
		return text
	case Uint:
		text := strconv.FormatUint(n.Bits, 10)
		if n.Suffix {
			text += "ULL"
		}
		return text
	}
	text := strconv.FormatFloat(n.Float, 'g', -1, 64)
	if strings.ContainsAny(text, ".eIN") {
		return text
	}
	return text + ".0"
}
