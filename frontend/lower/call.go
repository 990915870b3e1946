package lower

import (
	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir/diag"
	lua "github.com/yuin/gopher-lua"
)

// maxDepth bounds calls within calls: recursion must end when compiling.
const maxDepth = 190

// maxRecursions bounds how often a program's functions are called from within
// themselves: each such call is written out, and f(n - 1) + f(n - 2) doubles them
// with each step.
const maxRecursions = 4096

// maxValues bounds the size of a program while it is built.
const maxValues = 400_000

// tooLarge reports a program that inlining and unrolling let grow beyond what
// any kernel loads.
func (lw *lowerer) tooLarge(n syntax.Node) bool {
	if lw.b.Func.NumValues() < maxValues || lw.gaveUp {
		return lw.gaveUp
	}
	lw.gaveUp = true
	lw.errorf(n, diag.TooLarge, "the program is too large: calls and unrolled loops made %d operations of it", lw.b.Func.NumValues())
	return true
}

// callExpr evaluates fn(args). A call has any number of results: a Tuple,
// unless it is known to be one.
func (lw *lowerer) callExpr(e *syntax.Call) Value {
	if m, x := lw.progArray(e.Fn); m != nil {
		return lw.callProgram(e, m, x)
	}
	fn := lw.expr(e.Fn)
	if lw.b.Block == nil {
		return Bad{}
	}
	fn = lw.resolve(fn)
	switch f := fn.(type) {
	case *Closure:
		args := lw.exprs(e.Args, -1)
		if lw.b.Block == nil {
			return Bad{}
		}
		lw.at(e)
		lw.calling = exprName(e.Fn)
		return lw.call(f, args, e.Range, false)
	case Global:
		return lw.builtin(e, f.Name)
	case Pointer:
		return lw.slice(e, f)
	case Ref:
		return lw.refSlice(e, f)
	case Bytes:
		if r, ok := lw.bytesRef(e.Fn, f); ok {
			return lw.refSlice(e, r)
		}
		return Bad{}
	case Const:
		if v, ok := lw.callConst(e, f.V); ok {
			return v
		}
	case *Conflict:
		lw.useConflict(e.Fn, f)
		return Bad{}
	case Bad:
		return f
	}
	return lw.notAFunction(e, fn)
}

// exprName names a variable or a chain of members, "" for anything else.
func exprName(e syntax.Expr) string {
	switch e := e.(type) {
	case *syntax.Name:
		return e.Name
	case *syntax.Index:
		if s, ok := e.Key.(*syntax.StringExpr); ok && e.Dot {
			if o := exprName(e.Obj); o != "" {
				return o + "." + s.Value
			}
		}
	}
	return ""
}

// callConst calls a function or ctype of the script stage.
func (lw *lowerer) callConst(e *syntax.Call, v lua.LValue) (Value, bool) {
	if ct, ok := script.ToCType(v); ok {
		return lw.convert(e, ct.Type), true
	}
	f, ok := v.(*lua.LFunction)
	if !ok {
		return nil, false
	}
	name := lw.stage.BuiltinName(f)
	if _, ok := lw.builtins[name]; ok {
		return lw.builtin(e, name), true
	}
	args := lw.exprs(e.Args, -1)
	if lw.b.Block == nil {
		return Bad{}, true
	}
	lw.at(e)
	known := make([]lua.LValue, len(args))
	for i, a := range args {
		if _, bad := a.(Bad); bad {
			return Bad{}, true
		}
		k, ok := lw.lua(a)
		if !ok {
			n := syntax.Node(e)
			if i < len(e.Args) {
				n = e.Args[i]
			}
			return lw.notConstant(n, name, a), true
		}
		known[i] = k
	}
	res, err := lw.stage.Call(f, known...)
	if err != nil {
		return lw.callFailed(e, name, err), true
	}
	out := make(Tuple, len(res))
	for i, r := range res {
		out[i] = lw.constant(r)
	}
	return out, true
}

// call calls a Lua function: it is inlined, or becomes a subprogram.
func (lw *lowerer) call(c *Closure, args []Value, at syntax.Range, main bool) Value {
	if lw.stage.IsHist(c.script) {
		noteHist(args)
	}
	if !main {
		if v, ok := lw.callOutlined(c, args, at); ok {
			return v
		}
	}
	return lw.inline(c, args, at, main)
}

// noteHist notes that a call of bpf.hist makes its map a histogram.
func noteHist(args []Value) {
	if len(args) < 2 {
		return
	}
	m, ok := asMap(args[0])
	if !ok {
		return
	}
	m.Hist = &script.Histogram{}
	if len(args) > 2 {
		if n, ok := args[2].(Int); ok {
			m.Hist.Step, _ = n.V.IsConst()
		}
	}
}

// inline lowers the body of a Lua function where it is called.
func (lw *lowerer) inline(c *Closure, args []Value, at syntax.Range, main bool) Value {
	fn := c.Func
	if lw.depth >= maxDepth && !lw.gaveUp {
		lw.gaveUp = true
		return lw.errorf(&syntax.NilExpr{Range: at}, diag.Recursion,
			"calls are nested more than %d deep: recursion must end when compiling", maxDepth)
	}
	if lw.running[fn]++; lw.running[fn] > 1 && !lw.gaveUp {
		if lw.recursions++; lw.recursions > maxRecursions {
			lw.gaveUp = true
			lw.errorf(&syntax.NilExpr{Range: at}, diag.Recursion,
				"functions call themselves more than %d times here: recursion is written out when compiling; a loop is not", maxRecursions)
		}
	}
	defer func() { lw.running[fn]-- }()
	if lw.tooLarge(&syntax.NilExpr{Range: at}) {
		return Bad{}
	}
	file, fileNo, caller, pos := lw.file, lw.fileNo, lw.frame, lw.b.Pos
	lw.enter(fn)
	lw.frame = &frame{fn: fn, closure: c, cells: map[*syntax.Local]*cell{}, main: main, mark: lw.mark(), closers: len(lw.closers)}
	lw.depth++
	leave := lw.calls.enter(c, lw.b.Func)
	for i, p := range fn.Params {
		var v Value = Nil
		if i < len(args) {
			v = args[i]
		}
		lw.declare(p, lw.holdArg(v)).param = !main
	}
	if fn.Vararg && len(args) > len(fn.Params) {
		lw.frame.varargs = args[len(fn.Params):]
		for _, v := range lw.frame.varargs {
			lw.holdArg(v)
		}
	}
	lw.block(fn.Body)
	if lw.b.Block != nil {
		lw.b.Pos = lw.pos(syntax.Range{Start: max(fn.End-3, fn.Start), End: fn.End})
		if main {
			lw.end(lw.b.Const(lw.prog.Kind.Default))
		} else {
			lw.frame.returns = append(lw.frame.returns, lw.leaveTo(lw.frame.mark, Tuple{}))
		}
	}
	returns, mark := lw.frame.returns, lw.frame.mark
	leave()
	lw.depth--
	lw.file, lw.fileNo, lw.frame, lw.b.Pos = file, fileNo, caller, pos
	lw.rollback(mark)
	if main {
		return Bad{}
	}
	return lw.joinReturns(returns)
}

// joinReturns goes on behind an inlined call. Returns of different counts are
// filled up with nil.
func (lw *lowerer) joinReturns(returns []edge) Value {
	n := 0
	for _, r := range returns {
		n = max(n, len(r.results[0].(Tuple)))
	}
	for i := range returns {
		t := returns[i].results[0].(Tuple)
		vals := append([]Value(nil), t...)
		for len(returns) > 1 && len(vals) < n {
			vals = append(vals, Nil)
		}
		returns[i].results = vals
	}
	return Tuple(lw.join(returns))
}

// methodCall evaluates recv:name(args).
func (lw *lowerer) methodCall(e *syntax.MethodCall) Value {
	recv := lw.resolve(lw.expr(e.Recv))
	if lw.b.Block == nil {
		return Bad{}
	}
	switch r := recv.(type) {
	case *Table:
		return lw.tableMethod(e, r, func(x *syntax.Index, name Value) Value { return lw.field(x, r, name) })
	case Ref:
		if r.inner != nil {
			return lw.onInner(r, func(m *script.Map) Value { return lw.callMapMethod(e, m) })
		}
		if v, ok := lw.recordMethod(e, r); ok {
			return v
		}
	case Const:
		if m, ok := script.ToMap(r.V); ok {
			return lw.callMapMethod(e, m)
		}
		switch t := r.V.(type) {
		case *lua.LTable:
			return lw.tableMethod(e, r, func(x *syntax.Index, name Value) Value { return lw.constField(x, t, name) })
		case lua.LString:
			return lw.stringMethod(e, t)
		}
	case Pointer:
		return lw.packetMethod(e, r)
	case *Choice:
		if v, ok := lw.methodOf(e, r); ok {
			return v
		}
	case Bad:
		return r
	}
	return lw.noMethod(e, recv)
}

// tableMethod calls a function that a table has under the method's name.
func (lw *lowerer) tableMethod(e *syntax.MethodCall, recv Value, field func(*syntax.Index, Value) Value) Value {
	name := &syntax.StringExpr{Range: e.Range, Value: e.Name}
	fn := lw.resolve(field(&syntax.Index{Range: e.Range, Obj: e.Recv, Key: name, Dot: true}, Const{lua.LString(e.Name)}))
	if _, bad := fn.(Bad); bad || lw.b.Block == nil {
		return Bad{}
	}
	f, ok := fn.(*Closure)
	if !ok {
		return lw.errorf(e, diag.NotAFunction, "the method '%s' is %s, not a function", e.Name, describe(fn))
	}
	args := lw.exprs(e.Args, -1)
	if lw.b.Block == nil {
		return Bad{}
	}
	lw.at(e)
	lw.calling = e.Name
	return lw.call(f, append([]Value{recv}, args...), e.Range, false)
}

// stringMethod calls a function of the string library on a constant.
func (lw *lowerer) stringMethod(e *syntax.MethodCall, s lua.LString) Value {
	lib, _ := lw.stage.Global(lw.scriptFunc(), "string").(*lua.LTable)
	var f *lua.LFunction
	ok := false
	if lib != nil {
		f, ok = lib.RawGetString(e.Name).(*lua.LFunction)
	}
	if !ok {
		return lw.errorf(e, diag.UnknownMethod, "strings have no method '%s'", e.Name)
	}
	known := []lua.LValue{s}
	for _, a := range lw.exprs(e.Args, -1) {
		k, ok := lw.lua(a)
		if !ok {
			return lw.notConstant(e, "string."+e.Name, a)
		}
		known = append(known, k)
	}
	res, err := lw.stage.Call(f, known...)
	if err != nil {
		return lw.callFailed(e, "string."+e.Name, err)
	}
	out := make(Tuple, len(res))
	for i, r := range res {
		out[i] = lw.constant(r)
	}
	return out
}

// unpack returns the elements of a table whose keys are known.
func (lw *lowerer) unpack(e *syntax.Call, args []Value) Value {
	element, last := func(int64) Value { return Nil }, int64(0)
	switch t := lw.resolve(args[0]).(type) {
	case *Table:
		element = func(i int64) Value { return lw.resolve(t.fields[lua.LNumber(i)].get()) }
		last = int64(t.border())
	case Const:
		lt, ok := t.V.(*lua.LTable)
		if !ok {
			return lw.errorf(e.Args[0], diag.NotATable, "'unpack' needs a table, not %s", describe(t))
		}
		element = func(i int64) Value { return lw.constant(lt.RawGetInt(int(i))) }
		last = int64(lt.Len())
	default:
		return lw.errorf(e.Args[0], diag.NotATable, "'unpack' needs a table, not %s", describe(t))
	}
	bounds := [2]int64{1, last}
	for k := range args[1:] {
		n, ok := lw.argInt(e, args, k+1)
		if !ok {
			return Bad{}
		}
		if bounds[k], ok = n.V.IsConst(); !ok {
			return lw.errorf(e.Args[k+1], diag.NeedsConstant, "how many values 'unpack' returns must be known when compiling")
		}
	}
	if bounds[1]-bounds[0] >= 1<<12 {
		return lw.errorf(e, diag.TooManyCopies, "'unpack' returns %d values; the limit is %d", bounds[1]-bounds[0]+1, 1<<12)
	}
	out := Tuple{}
	for i := bounds[0]; i <= bounds[1]; i++ {
		out = append(out, element(i))
	}
	return out
}
