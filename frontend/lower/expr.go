package lower

import (
	"math"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	lua "github.com/yuin/gopher-lua"
)

// exprs evaluates an expression list and adjusts it to want values, as Lua
// does; want -1 keeps all.
func (lw *lowerer) exprs(list []syntax.Expr, want int) []Value {
	var out []Value
	for i, e := range list {
		if i == len(list)-1 {
			v := lw.multi(e)
			if t, ok := v.(Tuple); ok {
				out = append(out, t...)
			} else {
				out = append(out, v)
			}
			break
		}
		out = append(out, lw.pin(lw.expr(e), list[i+1:]))
	}
	if want >= 0 {
		for len(out) < want {
			out = append(out, Nil)
		}
		out = out[:want]
	}
	return out
}

// pin keeps an entry's number, or a slice's bytes, as they are now if one of the later expressions
// may change it.
func (lw *lowerer) pin(v Value, later []syntax.Expr) Value {
	e, isEntry := v.(*Entry)
	b, isBytes := v.(Bytes)
	if !isEntry && !isBytes {
		return v
	}
	for _, x := range later {
		switch {
		case plain(x):
		case isBytes:
			return lw.keepSlice(b)
		default:
			lw.postpone(e)
			return v
		}
	}
	return v
}

// plain reports whether evaluating e can't change memory.
func plain(e syntax.Expr) bool {
	switch e := e.(type) {
	case *syntax.Call, *syntax.MethodCall:
		return false
	case *syntax.Index:
		return plain(e.Obj) && plain(e.Key)
	case *syntax.Binary:
		return plain(e.L) && plain(e.R)
	case *syntax.Unary:
		return plain(e.X)
	case *syntax.Paren:
		return plain(e.X)
	}
	return true
}

// multi evaluates an expression that may have several values: a Tuple.
func (lw *lowerer) multi(e syntax.Expr) Value {
	switch e := e.(type) {
	case *syntax.Call:
		return lw.callExpr(e)
	case *syntax.MethodCall:
		return lw.methodCall(e)
	case *syntax.VarargExpr:
		return Tuple(lw.frame.varargs)
	}
	return lw.expr(e)
}

// expr evaluates an expression to one value.
func (lw *lowerer) expr(e syntax.Expr) Value {
	if lw.b.Block == nil {
		return Bad{}
	}
	v := lw.eval(e)
	if t, ok := v.(Tuple); ok {
		if len(t) == 0 {
			return Nil
		}
		return t[0]
	}
	return v
}

func (lw *lowerer) eval(e syntax.Expr) Value {
	lw.at(e)
	switch e := e.(type) {
	case *syntax.NilExpr:
		return Nil
	case *syntax.BoolExpr:
		return Const{lua.LBool(e.Value)}
	case *syntax.NumberExpr:
		return lw.number(e)
	case *syntax.StringExpr:
		return Const{lua.LString(e.Value)}
	case *syntax.FunctionExpr:
		return lw.function(e)
	case *syntax.Name:
		return lw.name(e)
	case *syntax.Index:
		return lw.index(e)
	case *syntax.Paren:
		return lw.expr(e.X)
	case *syntax.Call, *syntax.MethodCall, *syntax.VarargExpr:
		return lw.multi(e)
	case *syntax.Unary:
		return lw.unary(e)
	case *syntax.Binary:
		return lw.binary(e)
	case *syntax.TableExpr:
		return lw.table(e)
	}
	return Bad{}
}

func (lw *lowerer) number(e *syntax.NumberExpr) Value {
	switch e.Kind {
	case syntax.Int:
		return Int{V: lw.b.Const(int64(e.Bits))}
	case syntax.Uint:
		return Int{V: lw.b.Const(int64(e.Bits)), Unsigned: true}
	}
	return lw.constant(lua.LNumber(e.Float))
}

// constant turns a value of the script stage into one of the kernel stage.
func (lw *lowerer) constant(v lua.LValue) Value {
	switch v := v.(type) {
	case nil:
		return Nil
	case lua.LNumber:
		f := float64(v)
		if f == math.Trunc(f) && math.Abs(f) <= 1<<53 && lw.b.Block != nil {
			return Int{V: lw.b.Const(int64(f))}
		}
	case *lua.LUserData:
		if r, ok := lw.variableRef(v); ok {
			return r
		}
		if c, ok := script.ToCData(v); ok && lw.b.Block != nil {
			return Int{V: lw.b.Const(int64(c.Bits)), Unsigned: isUint64(c.Type)}
		}
	case *lua.LFunction:
		if fn, ok := lw.stage.FunctionOf(v); ok {
			return lw.scriptClosure(v, fn)
		}
	}
	return Const{v}
}

// isUint64 reports whether reading a t gives a uint64_t: narrower integers
// widen to int64_t.
func isUint64(t ctype.Type) bool { return ctype.Size(t) == 8 && !ctype.Signed(t) }

// scriptClosure returns the one closure of a function of the script stage.
func (lw *lowerer) scriptClosure(f *lua.LFunction, fn *syntax.Function) *Closure {
	if lw.closures == nil {
		lw.closures = map[*lua.LFunction]*Closure{}
	}
	c := lw.closures[f]
	if c == nil {
		c = &Closure{Func: fn, script: f}
		lw.closures[f] = c
	}
	return c
}

// variable returns the cell of a local variable of the kernel stage.
func (lw *lowerer) variable(n *syntax.Name) (*cell, bool) {
	if n.Local == nil {
		return nil, false
	}
	if c, ok := lw.frame.cells[n.Local]; ok {
		return c, true
	}
	if cl := lw.frame.closure; cl != nil {
		if c, ok := cl.cells[n.Local]; ok {
			return c, true
		}
	}
	return nil, false
}

// name evaluates a variable: of the kernel stage, captured, or global.
func (lw *lowerer) name(n *syntax.Name) Value {
	if c, ok := lw.variable(n); ok {
		if bad, ok := c.val.(*Conflict); ok {
			lw.useConflict(n, bad)
			return Bad{}
		}
		return lw.resolve(c.val)
	}
	origin := lw.scriptFunc()
	if n.Local != nil && origin != nil {
		if v, ok := lw.stage.Upvalue(origin, n.Name); ok {
			return lw.constant(v)
		}
		return lw.errorf(n, diag.UndefinedName, "'%s' has no value when the program is declared", n.Name)
	}
	var v lua.LValue = lua.LNil
	if origin != nil {
		v = lw.stage.Global(origin, n.Name)
	}
	if fn, ok := v.(*lua.LFunction); ok && lw.stage.BuiltinName(fn) == n.Name {
		if _, ok := lw.builtins[n.Name]; ok {
			return Global{n.Name}
		}
	}
	if v != lua.LNil {
		return lw.constant(v)
	}
	if isKernelGlobal(n.Name) {
		return lw.kernelGlobal(n)
	}
	return lw.undefined(n)
}

// scriptFunc returns the function of the script stage that the current
// function is, or is nested in: its upvalues and globals are constants.
func (lw *lowerer) scriptFunc() *lua.LFunction {
	if c := lw.frame.closure; c != nil {
		return c.script
	}
	return nil
}

// function makes a closure over the variables its body uses.
func (lw *lowerer) function(e *syntax.FunctionExpr) Value {
	c := &Closure{Func: e.Func, cells: map[*syntax.Local]*cell{}, script: lw.scriptFunc()}
	for _, l := range lw.freeLocals(e.Func) {
		if cl, ok := lw.variable(&syntax.Name{Name: l.Name, Local: l}); ok {
			c.cells[l] = cl
		}
	}
	return c
}

// intOf returns v as a number: what is nil reads 0 (language.md 2, "nil").
func (lw *lowerer) intOf(n syntax.Node, v Value, what string) (Int, bool) {
	switch v := lw.resolve(v).(type) {
	case Int:
		return v, true
	case *Entry:
		return lw.readEntry(v), true
	case Opt:
		return lw.intOf(n, v.Val, what)
	case Ref:
		if x, ok := lw.asAddress(v).(Int); ok {
			return x, true
		}
	case Const:
		switch c := v.V.(type) {
		case *lua.LNilType:
			return Int{V: lw.b.Const(0)}, true
		case lua.LNumber:
			lw.notAnInteger(n, float64(c))
			return Int{V: lw.b.Const(0)}, false
		case lua.LString:
			if f, err := parseNumber(string(c)); err == nil {
				return lw.intOf(n, lw.constant(lua.LNumber(f)), what)
			}
		}
	case *Conflict:
		lw.useConflict(n, v)
		return Int{V: lw.b.Const(0)}, false
	case Bad:
		return Int{V: lw.b.Const(0)}, false
	}
	lw.errorf(n, diag.NotANumber, "%s needs a number, not %s", what, describe(lw.resolve(v)))
	return Int{V: lw.b.Const(0)}, false
}

// storable returns v as the number that is stored or returned for it: a
// boolean is 1 or 0.
func (lw *lowerer) storable(n syntax.Node, v Value, how string) (Int, bool) {
	switch v := lw.resolve(v).(type) {
	case Bool:
		return Int{V: lw.b.Op(ir.OpBoolToInt, v.V)}, true
	case Const:
		switch c := v.V.(type) {
		case lua.LBool:
			if c {
				return Int{V: lw.b.Const(1)}, true
			}
			return Int{V: lw.b.Const(0)}, true
		case lua.LNumber, *lua.LNilType:
		default:
			lw.errorf(n, diag.NotANumber, "%s can't be %s: it is no number", describe(v), how)
			return Int{V: lw.b.Const(0)}, false
		}
	case Opt:
		if b, ok := v.Val.(Bool); ok {
			return Int{V: lw.b.Op(ir.OpBoolToInt, lw.b.Op(ir.OpAnd, v.Present, b.V))}, true
		}
	case Int, *Entry, Bad, *Conflict:
	case Ref:
		if x, ok := lw.asAddress(v).(Int); ok {
			return x, true
		}
		lw.errorf(n, diag.NotANumber, "%s can't be %s: it is no number", describe(v), how)
		return Int{V: lw.b.Const(0)}, false
	default:
		lw.errorf(n, diag.NotANumber, "%s can't be %s: it is no number", describe(v), how)
		return Int{V: lw.b.Const(0)}, false
	}
	return lw.intOf(n, v, "this")
}

// known returns v as a value of the script stage if it is one.
func (lw *lowerer) lua(v Value) (lua.LValue, bool) {
	switch v := lw.resolve(v).(type) {
	case Const:
		return v.V, true
	case Int:
		c, ok := v.V.IsConst()
		if !ok {
			return nil, false
		}
		if c >= -(1<<53) && c <= 1<<53 && !v.Unsigned {
			return lua.LNumber(c), true
		}
		return lw.stage.NewCData(cInteger(v.Unsigned), uint64(c)), true
	case *Closure:
		if v.script != nil && v.cells == nil {
			return v.script, true
		}
	}
	return nil, false
}

// cInteger is the type that a number of the kernel stage has.
func cInteger(unsigned bool) ctype.Type {
	name := "int64_t"
	if unsigned {
		name = "uint64_t"
	}
	t, _ := ctype.Scalar(name)
	return t
}
