package lower

import (
	"math"

	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	lua "github.com/yuin/gopher-lua"
)

// arithOp is the row of a binary operator on numbers.
type arithOp struct {
	signed, unsigned ir.Op
	word             string // how messages name it
}

// arithOps are the operators that are one op each. // needs more than one.
var arithOps = map[syntax.BinaryOp]arithOp{
	syntax.OpAdd:  {ir.OpAdd, ir.OpAdd, "'+'"},
	syntax.OpSub:  {ir.OpSub, ir.OpSub, "'-'"},
	syntax.OpMul:  {ir.OpMul, ir.OpMul, "'*'"},
	syntax.OpDiv:  {ir.OpSDiv, ir.OpUDiv, "'/'"},
	syntax.OpMod:  {ir.OpSMod, ir.OpUMod, "'%'"},
	syntax.OpIDiv: {ir.OpSDiv, ir.OpUDiv, "'//'"},
	syntax.OpBAnd: {ir.OpAnd, ir.OpAnd, "'&'"},
	syntax.OpBOr:  {ir.OpOr, ir.OpOr, "'|'"},
	syntax.OpBXor: {ir.OpXor, ir.OpXor, "'~'"},
	syntax.OpShl:  {ir.OpShl, ir.OpShl, "'<<'"},
	syntax.OpShr:  {ir.OpLShr, ir.OpLShr, "'>>'"},
}

// compareOps are the orderings; swap exchanges the operands.
var compareOps = map[syntax.BinaryOp]struct {
	signed, unsigned ir.Op
	swap             bool
	word             string
}{
	syntax.OpLt: {ir.OpSLt, ir.OpULt, false, "'<'"},
	syntax.OpLe: {ir.OpSLe, ir.OpULe, false, "'<='"},
	syntax.OpGt: {ir.OpSLt, ir.OpULt, true, "'>'"},
	syntax.OpGe: {ir.OpSLe, ir.OpULe, true, "'>='"},
}

func (lw *lowerer) unary(e *syntax.Unary) Value {
	switch e.Op {
	case syntax.OpNot:
		return lw.boolValue(e)
	case syntax.OpLen:
		return lw.length(e, lw.materialize(e.X, lw.expr(e.X)))
	case syntax.OpNeg:
		v := lw.expr(e.X)
		if f, ok := floatConst(v); ok {
			return lw.constant(lua.LNumber(-f))
		}
		n, ok := lw.intOf(e.X, v, "'-'")
		if !ok {
			return Bad{}
		}
		lw.at(e)
		return Int{V: lw.b.Op(ir.OpNeg, n.V), Unsigned: n.Unsigned}
	case syntax.OpBNot:
		n, ok := lw.intOf(e.X, lw.expr(e.X), "'~'")
		if !ok {
			return Bad{}
		}
		lw.at(e)
		return Int{V: lw.b.Op(ir.OpXor, n.V, lw.b.Const(-1)), Unsigned: n.Unsigned}
	}
	return Bad{}
}

func (lw *lowerer) binary(e *syntax.Binary) Value {
	switch e.Op {
	case syntax.OpAnd, syntax.OpOr:
		return lw.andOr(e)
	case syntax.OpConcat:
		return lw.concat(e)
	}
	l := lw.pin(lw.expr(e.L), []syntax.Expr{e.R})
	r := lw.expr(e.R)
	if lw.b.Block == nil {
		return Bad{}
	}
	lw.at(e)
	switch e.Op {
	case syntax.OpEq:
		return lw.equal(e, l, r, false)
	case syntax.OpNe:
		return lw.equal(e, l, r, true)
	case syntax.OpLt, syntax.OpLe, syntax.OpGt, syntax.OpGe:
		return lw.compare(e, l, r)
	case syntax.OpPow:
		return lw.pow(e, l, r)
	}
	return lw.arith(e, l, r)
}

func (lw *lowerer) arith(e *syntax.Binary, l, r Value) Value {
	row := arithOps[e.Op]
	if v, ok := lw.pointerArith(e, l, r); ok {
		return v
	}
	if v, ok := lw.refArith(e, l, r); ok {
		return v
	}
	if v, ok := lw.floatArith(e.Op, l, r); ok {
		return v
	}
	x, ok1 := lw.intOf(e.L, l, row.word)
	y, ok2 := lw.intOf(e.R, r, row.word)
	if !ok1 || !ok2 {
		return Bad{}
	}
	lw.at(e)
	return lw.arithInts(e.Op, x, y)
}

// arithInts applies an operator of arithOps to two numbers.
func (lw *lowerer) arithInts(op syntax.BinaryOp, x, y Int) Int {
	row := arithOps[op]
	if op == syntax.OpShl || op == syntax.OpShr {
		return Int{V: lw.b.Op(row.signed, x.V, y.V), Unsigned: x.Unsigned}
	}
	u := x.Unsigned || y.Unsigned
	if u {
		return Int{V: lw.b.Op(row.unsigned, x.V, y.V), Unsigned: true}
	}
	if op == syntax.OpIDiv {
		return Int{V: lw.floorDiv(x.V, y.V)}
	}
	return Int{V: lw.b.Op(row.signed, x.V, y.V)}
}

// floorDiv is x // y: the quotient truncated, less 1 if the remainder is not
// 0 and has the other sign than y.
func (lw *lowerer) floorDiv(x, y *ir.Value) *ir.Value {
	b := lw.b
	q := b.Op(ir.OpSDiv, x, y)
	rem := b.Op(ir.OpSMod, x, y)
	zero := b.Const(0)
	inexact := b.Op(ir.OpNe, rem, zero)
	differ := b.Op(ir.OpSLt, b.Op(ir.OpXor, rem, y), zero)
	// y == 0 gives rem == x and must stay 0.
	valid := b.Op(ir.OpNe, y, zero)
	less := b.Op(ir.OpAnd, b.Op(ir.OpAnd, inexact, differ), valid)
	return b.Op(ir.OpSub, q, b.Op(ir.OpBoolToInt, less))
}

// floatConst returns a constant that is a number but no integer.
func floatConst(v Value) (float64, bool) {
	if c, ok := v.(Const); ok {
		if n, ok := c.V.(lua.LNumber); ok {
			return float64(n), true
		}
	}
	return 0, false
}

// floatArith computes with constants of which one is no integer, as the script
// stage would.
func (lw *lowerer) floatArith(op syntax.BinaryOp, l, r Value) (Value, bool) {
	_, lf := floatConst(l)
	_, rf := floatConst(r)
	if !lf && !rf {
		return nil, false
	}
	x, ok1 := lw.float(l)
	y, ok2 := lw.float(r)
	if !ok1 || !ok2 {
		return nil, false
	}
	var f float64
	switch op {
	case syntax.OpAdd:
		f = x + y
	case syntax.OpSub:
		f = x - y
	case syntax.OpMul:
		f = x * y
	case syntax.OpDiv:
		f = x / y
	case syntax.OpMod:
		f = x - math.Floor(x/y)*y
	case syntax.OpIDiv:
		f = math.Floor(x / y)
	default:
		return nil, false
	}
	return lw.constant(lua.LNumber(f)), true
}

// float returns a known number as a double.
func (lw *lowerer) float(v Value) (float64, bool) {
	if f, ok := floatConst(v); ok {
		return f, true
	}
	if n, ok := v.(Int); ok {
		if c, ok := n.V.IsConst(); ok {
			if n.Unsigned {
				return float64(uint64(c)), true
			}
			return float64(c), true
		}
	}
	return 0, false
}

// pow computes x ^ y of constants; whole powers of whole numbers stay exact.
func (lw *lowerer) pow(e *syntax.Binary, l, r Value) Value {
	x, ok1 := lw.float(lw.resolve(l))
	y, ok2 := lw.float(lw.resolve(r))
	if !ok1 || !ok2 {
		return lw.errorf(e, diag.NeedsConstant, "'^' needs two constants; the kernel has no such operation")
	}
	if f := math.Pow(x, y); f != math.Trunc(f) || math.Abs(f) <= 1<<53 {
		return lw.constant(lua.LNumber(f))
	} else if f == 1<<63 || math.Abs(f) < 1<<63 {
		if f >= 1<<63 {
			return Int{V: lw.b.Const(math.MinInt64), Unsigned: true}
		}
		if exp := math.Log2(math.Abs(f)); exp == math.Trunc(exp) {
			return Int{V: lw.b.Const(int64(f))}
		}
	}
	return lw.constant(lua.LNumber(math.Pow(x, y)))
}

// compare evaluates < <= > >=.
func (lw *lowerer) compare(e *syntax.Binary, l, r Value) Value {
	row := compareOps[e.Op]
	l, r = lw.resolve(l), lw.resolve(r)
	if ls, ok := stringConst(l); ok {
		if rs, ok := stringConst(r); ok {
			if row.swap {
				ls, rs = rs, ls
			}
			return Const{lua.LBool(ls < rs || ls == rs && row.signed == ir.OpSLe)}
		}
	}
	for i, s := range []Value{l, r} {
		text, isText := stringConst(s)
		if _, bad := []Value{r, l}[i].(Bad); !isText || bad {
			continue
		}
		hint := ""
		if _, err := parseNumber(text); err == nil {
			hint = "; write " + text + " without quotes"
		}
		return lw.errorf(e, diag.CantCompare, "%s can't order %s and %s%s", row.word, describe(l), describe(r), hint)
	}
	if v, done := lw.orderPlaces(e, l, r); done {
		return v
	}
	// A packet pointer is an offset: it compares with another, and with a length.
	if p, ok := l.(Pointer); ok {
		l = lw.offset(p)
	}
	if p, ok := r.(Pointer); ok {
		r = lw.offset(p)
	}
	lf, okl := lw.float(l)
	rf, okr := lw.float(r)
	if okl && okr {
		if _, f := floatConst(l); f {
			return orderFloats(lf, rf, row.swap, row.signed == ir.OpSLe)
		}
		if _, f := floatConst(r); f {
			return orderFloats(lf, rf, row.swap, row.signed == ir.OpSLe)
		}
	}
	x, ok1 := lw.intOf(e.L, l, row.word)
	y, ok2 := lw.intOf(e.R, r, row.word)
	if !ok1 || !ok2 {
		return Bad{}
	}
	lw.at(e)
	lw.warnSign(e, x, y)
	op := row.signed
	if x.Unsigned || y.Unsigned {
		op = row.unsigned
	}
	if row.swap {
		x, y = y, x
	}
	return lw.boolOf(lw.b.Op(op, x.V, y.V))
}

func orderFloats(x, y float64, swap, orEqual bool) Value {
	if swap {
		x, y = y, x
	}
	return Const{lua.LBool(x < y || orEqual && x == y)}
}

// boolOf wraps an IR Bool, constants as Lua's.
func (lw *lowerer) boolOf(v *ir.Value) Value {
	if c, ok := v.IsConst(); ok {
		return Const{lua.LBool(c != 0)}
	}
	return Bool{v}
}

// warnSign warns of comparisons that signedness decides: an unsigned number
// with a negative constant, or with 0 from below.
func (lw *lowerer) warnSign(e *syntax.Binary, x, y Int) {
	if !x.Unsigned && !y.Unsigned {
		return
	}
	cx, okx := x.V.IsConst()
	cy, oky := y.V.IsConst()
	if okx == oky {
		return
	}
	switch {
	case oky && !y.Unsigned && cy < 0, okx && !x.Unsigned && cx < 0:
		lw.r.Warnf(diag.SignedComparison, e.Bounds().In(lw.file),
			"a uint64_t is compared with a negative number, which counts as a large one here")
	case oky && cy == 0 && (e.Op == syntax.OpLt || e.Op == syntax.OpGe),
		okx && cx == 0 && (e.Op == syntax.OpGt || e.Op == syntax.OpLe):
		lw.r.Warnf(diag.SignedComparison, e.Bounds().In(lw.file),
			"a uint64_t is never below 0: this is always %v", e.Op == syntax.OpGe || e.Op == syntax.OpLe)
	}
}

func stringConst(v Value) (string, bool) {
	if c, ok := v.(Const); ok {
		if s, ok := c.V.(lua.LString); ok {
			return string(s), true
		}
	}
	return "", false
}

// equal evaluates == and ~=.
func (lw *lowerer) equal(e *syntax.Binary, l, r Value, negate bool) Value {
	l, r = lw.materialize(e.L, lw.resolve(l)), lw.materialize(e.R, lw.resolve(r))
	c := lw.equality(e, l, r)
	if c == nil {
		return Bad{}
	}
	if negate {
		c = lw.b.Op(ir.OpNot, c)
	}
	return lw.boolOf(c)
}

// equality returns l == r as an IR Bool, or nil after an error.
func (lw *lowerer) equality(e *syntax.Binary, l, r Value) *ir.Value {
	if c, ok := l.(*Choice); ok {
		return lw.equalChoice(e, c, r)
	}
	if c, ok := r.(*Choice); ok {
		return lw.equalChoice(e, c, l)
	}
	b := lw.b
	for _, p := range []struct {
		v Value
		n syntax.Node
	}{{l, e.L}, {r, e.R}} {
		switch v := p.v.(type) {
		case Bad:
			return nil
		case *Conflict:
			lw.useConflict(p.n, v)
			return nil
		}
	}
	if isNil(l) {
		l, r = r, l
	}
	if isNil(r) {
		return lw.isNilValue(l)
	}
	if l, r = lw.viewOperands(e, l, r); lw.b.Block == nil {
		return nil
	}
	if c, done := lw.equalArrays(e, l, r); done {
		return c
	}
	if _, ok := stringConst(l); ok {
		l, r = r, l
	}
	if s, ok := stringConst(r); ok {
		if v, done := lw.equalString(e, l, s); done {
			return v
		}
	}
	switch x := l.(type) {
	case *Entry, Opt:
		return lw.equalOpt(e, x, r)
	case Int:
		switch y := r.(type) {
		case *Entry, Opt:
			return lw.equalOpt(e, y, l)
		case Int:
			return b.Op(ir.OpEq, x.V, y.V)
		case Const:
			lw.warnNeverEqual(e, x, y)
			return b.Bool(false) // a float or another type
		}
	case Pointer:
		if y, ok := r.(Pointer); ok {
			return b.Op(ir.OpEq, lw.offset(x).V, lw.offset(y).V)
		}
	case Bytes:
		if y, ok := r.(Bytes); ok {
			return lw.equalBytes(e, x, y)
		}
	}
	if y, ok := r.(Opt); ok {
		return lw.equalOpt(e, y, l)
	}
	if x, ok := lw.asBool(l); ok {
		if y, ok := lw.asBool(r); ok {
			return b.Op(ir.OpEq, x, y)
		}
		return b.Bool(false)
	}
	x, ok1 := lw.lua(l)
	y, ok2 := lw.lua(r)
	if ok1 && ok2 {
		return b.Bool(x == y)
	}
	if l.kind() != r.kind() {
		return b.Bool(false)
	}
	if identical(l, r) {
		return b.Bool(true)
	}
	lw.errorf(e, diag.CantCompare, "%s and %s can't be compared in the kernel", describe(l), describe(r))
	return nil
}

// isNilValue returns v == nil.
func (lw *lowerer) isNilValue(v Value) *ir.Value {
	switch v := v.(type) {
	case *Entry:
		if v.sure {
			return lw.b.Bool(false)
		}
		return lw.b.Op(ir.OpNot, v.Present)
	case Ref:
		if v.Present == nil || v.Sure {
			return lw.b.Bool(false)
		}
		return lw.b.Op(ir.OpNot, v.Present)
	case Opt:
		return lw.b.Op(ir.OpNot, v.Present)
	}
	return lw.b.Bool(isNil(v))
}

// equalOpt compares a value that may be nil with one that is not nil, or may
// be as well.
func (lw *lowerer) equalOpt(e *syntax.Binary, o, r Value) *ir.Value {
	b := lw.b
	p, v := lw.parts(o)
	if _, ok := r.(Const); ok {
		if _, isBool := lw.asBool(r); !isBool {
			return b.Bool(false)
		}
	}
	switch r.(type) {
	case *Entry, Opt:
		q, w := lw.parts(r)
		eq := lw.equality(e, v, w)
		if eq == nil {
			return nil
		}
		// Absent numbers are 0, so both absent compare equal in eq.
		return b.Op(ir.OpAnd, b.Op(ir.OpEq, p, q), eq)
	}
	eq := lw.equality(e, v, r)
	if eq == nil {
		return nil
	}
	if n, ok := r.(Int); ok {
		if c, ok := n.V.IsConst(); ok && c != 0 {
			return eq // what is absent is 0
		}
	}
	return b.Op(ir.OpAnd, p, eq)
}

// parts splits a value that may be nil.
func (lw *lowerer) parts(v Value) (present *ir.Value, val Value) {
	switch v := v.(type) {
	case *Entry:
		if v.sure {
			return lw.b.Bool(true), lw.readEntry(v)
		}
		return v.Present, lw.readEntry(v)
	case Opt:
		return v.Present, v.Val
	}
	return lw.b.Bool(!isNil(v)), v
}

// concat joins strings and numbers that are known.
func (lw *lowerer) concat(e *syntax.Binary) Value {
	l, r := lw.expr(e.L), lw.expr(e.R)
	x, ok1 := lw.lua(l)
	y, ok2 := lw.lua(r)
	if _, bad := l.(Bad); bad {
		return Bad{}
	}
	if _, bad := r.(Bad); bad {
		return Bad{}
	}
	if !ok1 || !ok2 {
		return lw.errorf(e, diag.NeedsConstant, "'..' needs strings that are known when compiling, and this is made when the program runs; print takes several values: print('%%d', x)")
	}
	if !lua.LVCanConvToString(x) || !lua.LVCanConvToString(y) {
		return lw.errorf(e, diag.NotANumber, "'..' needs strings, not %s and %s", describe(l), describe(r))
	}
	return Const{lua.LString(lua.LVAsString(x) + lua.LVAsString(y))}
}

// length evaluates #v.
func (lw *lowerer) length(e *syntax.Unary, v Value) Value {
	switch v := lw.resolve(v).(type) {
	case Const:
		switch c := v.V.(type) {
		case lua.LString:
			return Int{V: lw.b.Const(int64(len(c)))}
		case *lua.LTable:
			return Int{V: lw.b.Const(int64(c.Len()))}
		}
		if m, ok := asMap(v); ok {
			return Int{V: lw.b.Const(int64(m.MaxEntries))}
		}
	case *Table:
		return Int{V: lw.b.Const(int64(v.border()))}
	case Bytes:
		return Int{V: lw.b.Const(int64(v.Len))}
	case CtxArray:
		return Int{V: lw.b.Const(int64(v.Field.Len))}
	case Ref:
		if a, ok := arrayOf(v.Type); ok && !v.Pointer {
			return Int{V: lw.b.Const(int64(a.Nelems))}
		}
	case Pointer:
		if v.Base == nil && v.Off == 0 && v.View == lw.packet().View {
			return Int{V: lw.packetLen()}
		}
	case Bad:
		return v
	}
	return lw.errorf(e, diag.NoLength, "%s has no length in the kernel", describe(lw.resolve(v)))
}
