package script

import (
	"math"
	"strconv"

	"github.com/yuin/gopher-lua/ast"

	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// kind is what is known about an expression's value without running it.
type kind uint8

const (
	kindAny kind = iota
	kindNil
	kindBool
	kindNum   // a Lua number, never an integer of ours
	kindIndex // a number below boxedFrom
	kindStr
	kindTable
	kindFunc
)

func (k kind) number() bool { return k == kindNum || k == kindIndex }

// kindOf returns the kind of e, given the kinds of the locals before it.
func (c *converter) kindOf(e syntax.Expr) kind {
	switch e := e.(type) {
	case *syntax.NilExpr:
		return kindNil
	case *syntax.BoolExpr:
		return kindBool
	case *syntax.NumberExpr:
		if !wide(e) {
			if e.Float < boxedFrom {
				return kindIndex
			}
			return kindNum
		}
	case *syntax.StringExpr:
		return kindStr
	case *syntax.TableExpr:
		return kindTable
	case *syntax.FunctionExpr:
		return kindFunc
	case *syntax.Paren:
		return c.kindOf(e.X)
	case *syntax.Name:
		if e.Local != nil {
			return c.kinds[e.Local]
		}
	case *syntax.Unary:
		switch {
		case e.Op == syntax.OpNot:
			return kindBool
		case e.Op == syntax.OpLen:
			return kindIndex
		case e.Op == syntax.OpNeg && c.kindOf(e.X).number():
			return kindNum
		}
	case *syntax.Binary:
		switch {
		case e.Op >= syntax.OpEq && e.Op <= syntax.OpGe:
			return kindBool
		case e.Op <= syntax.OpPow && c.kindOf(e.L).number() && c.kindOf(e.R).number():
			return kindNum
		}
	}
	return kindAny
}

// wide reports whether a literal is an integer of ours: written with a suffix,
// or beyond what a double holds exactly.
func wide(e *syntax.NumberExpr) bool {
	return e.Suffix || e.Kind == syntax.Uint || e.Kind == syntax.Int && e.Bits > 1<<53
}

// plainKey reports whether the VM itself can assign to a table at this key.
func (c *converter) plainKey(k syntax.Expr) bool {
	if n, ok := k.(*syntax.NumberExpr); ok {
		return !wide(n) && n.Float <= maxInline
	}
	kd := c.kindOf(k)
	return kd != kindAny && kd != kindNum
}

func (c *converter) exprs(es []syntax.Expr) []ast.Expr {
	out := make([]ast.Expr, len(es))
	for i, e := range es {
		out[i] = c.expr(e)
	}
	return out
}

// single converts e to an expression with one value.
func (c *converter) single(e syntax.Expr) ast.Expr { return one(c.expr(e)) }

func one(x ast.Expr) ast.Expr {
	switch x := x.(type) {
	case *ast.FuncCallExpr:
		x.AdjustRet = true
	case *ast.Comma3Expr:
		x.AdjustRet = true
	}
	return x
}

func (c *converter) expr(e syntax.Expr) ast.Expr {
	id := c.id(e)
	c.fn.depth++
	defer func() { c.fn.depth-- }()
	if c.fn.depth == maxDepth {
		c.fail(e, diag.FunctionTooLarge, "the expression is nested too deep")
	}
	if c.failed {
		return at(id, &ast.NilExpr{})
	}
	switch e := e.(type) {
	case *syntax.BoolExpr:
		if e.Value {
			return at(id, &ast.TrueExpr{})
		}
		return at(id, &ast.FalseExpr{})
	case *syntax.NumberExpr:
		if wide(e) {
			return c.fromTable(id, c.st.wideLiteral(e))
		}
		return c.number(id, e.Float)
	case *syntax.StringExpr:
		return c.str(id, e.Value)
	case *syntax.VarargExpr:
		return at(id, &ast.Comma3Expr{})
	case *syntax.FunctionExpr:
		return c.function(e.Func, c.id(e.Func))
	case *syntax.Name:
		return c.variable(e)
	case *syntax.Index:
		return c.index(e)
	case *syntax.Call:
		return at(id, &ast.FuncCallExpr{Func: c.single(e.Fn), Args: c.arguments(e)})
	case *syntax.MethodCall:
		return at(id, &ast.FuncCallExpr{Receiver: c.single(e.Recv), Method: e.Name, Args: c.exprs(e.Args)})
	case *syntax.Binary:
		return c.binary(id, e)
	case *syntax.Unary:
		return c.unary(id, e)
	case *syntax.Paren:
		return c.single(e.X)
	case *syntax.TableExpr:
		return c.table(id, e)
	}
	return at(id, &ast.NilExpr{})
}

func (c *converter) variable(n *syntax.Name) ast.Expr {
	id := c.id(n)
	if n.Local != nil {
		return c.ident(id, c.names[n.Local])
	}
	return c.global(id, n.Name)
}

// constant notes a constant of the function; false when it has many already.
func (c *converter) constant(v any) bool {
	if !c.fn.consts[v] {
		if len(c.fn.consts) >= maxConsts {
			return false
		}
		c.fn.consts[v] = true
	}
	return true
}

func (c *converter) number(id int, f float64) ast.Expr {
	if !c.constant(f) {
		return c.fromTable(id, c.st.numberConst(f))
	}
	return at(id, &ast.NumberExpr{Value: strconv.FormatFloat(f, 'g', -1, 64)})
}

func (c *converter) str(id int, s string) ast.Expr {
	if !c.constant(s) {
		return c.fromTable(id, c.st.stringConst(s))
	}
	return at(id, &ast.StringExpr{Value: s})
}

// fromTable is the stage's constant number i.
func (c *converter) fromTable(id, i int) ast.Expr {
	index := func(o ast.Expr, i int) ast.Expr {
		return at(id, &ast.AttrGetExpr{Object: o, Key: at(id, &ast.NumberExpr{Value: strconv.Itoa(i + 1)})})
	}
	return index(index(c.ident(id, opConstants), i/constsPerPage), i%constsPerPage)
}

func (c *converter) index(e *syntax.Index) ast.Expr {
	id := c.id(e)
	obj := c.single(e.Obj)
	key := c.single(e.Key)
	if k := c.kindOf(e.Key); k == kindAny || k == kindNum {
		key = c.op(c.id(e.Key), opKey, key)
	}
	return at(id, &ast.AttrGetExpr{Object: obj, Key: key})
}

// arithmetic are the operators that the VM does itself, metamethods included.
var arithmetic = map[syntax.BinaryOp]string{
	syntax.OpAdd: "+", syntax.OpSub: "-", syntax.OpMul: "*", syntax.OpDiv: "/", syntax.OpMod: "%", syntax.OpPow: "^",
}

// called are the operators that are calls of ours.
var called = map[syntax.BinaryOp]string{
	syntax.OpIDiv: opIDiv, syntax.OpBAnd: opBAnd, syntax.OpBOr: opBOr, syntax.OpBXor: opBXor,
	syntax.OpShl: opShl, syntax.OpShr: opShr,
}

// relational are the comparisons: the VM's operator, and ours.
var relational = map[syntax.BinaryOp]struct{ vm, op string }{
	syntax.OpEq: {"==", opEq}, syntax.OpNe: {"~=", opNe}, syntax.OpLt: {"<", opLt},
	syntax.OpLe: {"<=", opLe}, syntax.OpGt: {">", opGt}, syntax.OpGe: {">=", opGe},
}

func (c *converter) binary(id int, e *syntax.Binary) ast.Expr {
	switch e.Op {
	case syntax.OpAnd, syntax.OpOr:
		c.control(e)
		op := "and"
		if e.Op == syntax.OpOr {
			op = "or"
		}
		l := c.single(e.L)
		return at(id, &ast.LogicalOpExpr{Operator: op, Lhs: l, Rhs: c.single(e.R)})
	case syntax.OpConcat:
		return c.concat(id, e)
	}
	l := c.single(e.L)
	r := c.single(e.R)
	if op, ok := arithmetic[e.Op]; ok {
		// gopher-lua folds constants by walking down each chain of operators
		// at each of its links; a call of ours ends it.
		if arithDepth(l) > maxArgs {
			l = c.op(id, opSame, l)
		}
		return at(id, &ast.ArithmeticOpExpr{Operator: op, Lhs: l, Rhs: r})
	}
	if op, ok := called[e.Op]; ok {
		return c.op(id, op, l, r)
	}
	rel := relational[e.Op]
	if c.plainComparison(e) {
		c.control(e)
		return at(id, &ast.RelationalOpExpr{Operator: rel.vm, Lhs: l, Rhs: r})
	}
	return c.op(id, rel.op, l, r)
}

// plainComparison reports whether the VM compares e's operands as it should.
func (c *converter) plainComparison(e *syntax.Binary) bool {
	l, r := c.kindOf(e.L), c.kindOf(e.R)
	if e.Op == syntax.OpEq || e.Op == syntax.OpNe {
		// A string may be compared with an array of char.
		plain := func(k kind) bool { return k != kindAny && k != kindStr && !k.number() }
		return plain(l) || plain(r) || l.number() && r.number() || l == kindStr && r == kindStr
	}
	return l.number() && r.number() || l == kindStr && r == kindStr
}

func arithDepth(e ast.Expr) int {
	for n := 0; ; n++ {
		switch x := e.(type) {
		case *ast.ArithmeticOpExpr:
			e = x.Lhs
		case *ast.UnaryMinusOpExpr:
			e = x.Expr
		default:
			return n
		}
		if n > maxArgs {
			return n
		}
	}
}

// concat makes a chain of .. one call, or several for a long one.
func (c *converter) concat(id int, e *syntax.Binary) ast.Expr {
	var args []ast.Expr
	var x syntax.Expr = e
	for {
		b, ok := x.(*syntax.Binary)
		if !ok || b.Op != syntax.OpConcat {
			break
		}
		args = append(args, c.single(b.L))
		x = b.R
	}
	args = append(args, c.single(x))
	for len(args) > maxArgs {
		n := len(args) - maxArgs
		args = append(args[:n:n], c.op(id, opConcat, args[n:]...))
	}
	return c.op(id, opConcat, args...)
}

func (c *converter) unary(id int, e *syntax.Unary) ast.Expr {
	x := c.single(e.X)
	switch e.Op {
	case syntax.OpNeg:
		if arithDepth(x) > maxArgs {
			x = c.op(id, opSame, x)
		}
		return at(id, &ast.UnaryMinusOpExpr{Expr: x})
	case syntax.OpNot:
		return at(id, &ast.UnaryNotOpExpr{Expr: x})
	case syntax.OpLen:
		return at(id, &ast.UnaryLenOpExpr{Expr: x})
	}
	return c.op(id, opBNot, x)
}

// table converts a constructor. Fields whose key the VM can't set are set by a
// call around it.
func (c *converter) table(id int, e *syntax.TableExpr) ast.Expr {
	c.hintFields(e)
	if p, ok := c.constTable(e); ok {
		return c.op(id, opBuild, at(id, &ast.NumberExpr{Value: strconv.Itoa(p)}))
	}
	t := at(id, &ast.TableExpr{})
	var sets []ast.Expr
	for i, f := range e.Fields {
		v := c.expr(f.Value)
		if i < len(e.Fields)-1 || f.Key != nil {
			v = one(v)
		}
		switch {
		case f.Key == nil:
			t.Fields = append(t.Fields, &ast.Field{Value: v})
		case c.plainKey(f.Key):
			t.Fields = append(t.Fields, &ast.Field{Key: c.expr(f.Key), Value: v})
		default:
			sets = append(sets, c.single(f.Key), v)
		}
	}
	if len(t.Fields) > maxFields {
		c.fail(e, diag.FunctionTooLarge, "the table has more than %s computed fields: fill it in a loop", count(maxFields))
	}
	var out ast.Expr = t
	for len(sets) > 0 {
		n := min(len(sets), maxArgs)
		out = c.op(id, opFill, append([]ast.Expr{out}, sets[:n]...)...)
		sets = sets[n:]
	}
	return out
}

// constTable makes a large table of constants in Go; i is its number.
func (c *converter) constTable(e *syntax.TableExpr) (i int, ok bool) {
	if len(e.Fields) <= inlineTable {
		return 0, false
	}
	p := c.tableOf(e)
	if p == nil {
		return 0, false
	}
	c.st.tables = append(c.st.tables, p)
	return len(c.st.tables) - 1, true
}

// tableOf returns what to build e from, nil if not all of it is constant.
func (c *converter) tableOf(e *syntax.TableExpr) *constTable {
	p := &constTable{}
	n := 0
	for _, f := range e.Fields {
		v, ok := c.constValue(f.Value)
		if !ok {
			return nil
		}
		var k constValue
		if f.Key == nil {
			n++
			k.value = number(n)
		} else if k, ok = c.constValue(f.Key); !ok || k.table != nil || !validKey(k.value) {
			return nil
		}
		p.entries = append(p.entries, constEntry{k, v})
	}
	return p
}

// constValue returns the value of a literal.
func (c *converter) constValue(e syntax.Expr) (v constValue, ok bool) {
	switch e := e.(type) {
	case *syntax.BoolExpr:
		return constValue{value: boolean(e.Value)}, true
	case *syntax.NumberExpr:
		if wide(e) {
			return constValue{value: c.st.wideValue(e)}, true
		}
		return constValue{value: number(e.Float)}, true
	case *syntax.StringExpr:
		return constValue{value: str(e.Value)}, true
	case *syntax.Unary:
		if n, isNum := e.X.(*syntax.NumberExpr); isNum && e.Op == syntax.OpNeg && !wide(n) && !math.IsInf(n.Float, 0) {
			return constValue{value: number(-n.Float)}, true
		}
	case *syntax.Paren:
		return c.constValue(e.X)
	case *syntax.TableExpr:
		if p := c.tableOf(e); p != nil {
			return constValue{table: p}, true
		}
	}
	return v, false
}
