package script

import (
	"slices"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"

	"github.com/luabpfc/luabpfc/frontend/syntax"
)

// Functions that are written as the argument of a call that declares a program
// run in the kernel, and are most of many scripts. The VM gets something short in
// their place: a function that captures the same variables, which is what the
// kernel stage asks for. Should it be called after all, because the script has put
// another function where the library's was, it is compiled then.

// deferredFunc is such a function.
type deferredFunc struct {
	conv     *converter
	fn       *syntax.Function
	captures []*syntax.Local // of the functions around it
	compiled map[*lua.LFunction]*lua.LFunction
}

// arguments converts those of a call.
func (c *converter) arguments(e *syntax.Call) []ast.Expr {
	if !declaresProgram(e.Fn) {
		return c.exprs(e.Args)
	}
	out := make([]ast.Expr, len(e.Args))
	for i, a := range e.Args {
		if f, ok := a.(*syntax.FunctionExpr); ok && !c.failed {
			out[i] = c.deferred(f.Func)
		} else {
			out[i] = c.expr(a)
		}
	}
	return out
}

// declaresProgram reports whether fn reads bpf.NAME, with the name of a call that
// declares a program.
func declaresProgram(fn syntax.Expr) bool {
	x, ok := fn.(*syntax.Index)
	if !ok {
		return false
	}
	obj, ok := x.Obj.(*syntax.Name)
	if !ok || obj.Name != "bpf" {
		return false
	}
	key, ok := x.Key.(*syntax.StringExpr)
	return ok && slices.ContainsFunc(declarations(), func(d declaration) bool { return d.name == key.Value })
}

// deferred is what the VM gets for f:
//
//	function(...)
//	  return \0deferred(...)
//	  do local _ = CAPTURED end ...
//	end
func (c *converter) deferred(f *syntax.Function) ast.Expr {
	id := c.id(f)
	d := &deferredFunc{conv: c, fn: f, captures: captures(f)}
	c.st.deferred[f] = d
	call := at(id, &ast.FuncCallExpr{Func: c.ident(id, opDeferred), Args: []ast.Expr{at(id, &ast.Comma3Expr{})}})
	body := make([]ast.Stmt, 0, 1+len(d.captures))
	body = append(body, at(id, &ast.ReturnStmt{Exprs: []ast.Expr{call}}))
	names := []string{c.temp()}
	for _, l := range d.captures {
		body = append(body, at(id, &ast.DoBlockStmt{Stmts: []ast.Stmt{
			at(id, &ast.LocalAssignStmt{Names: names, Exprs: []ast.Expr{c.ident(id, c.names[l])}})}}))
	}
	return at(id, &ast.FunctionExpr{ParList: &ast.ParList{HasVargs: true}, Stmts: body})
}

// captures are the variables of functions around f that it uses, in order of
// their first use.
func captures(f *syntax.Function) (out []*syntax.Local) {
	walk(f.Body, func(n syntax.Node) bool {
		if name, ok := n.(*syntax.Name); ok && name.Local != nil && name.Local.Captured && outside(name.Local, f) && !slices.Contains(out, name.Local) {
			out = append(out, name.Local)
		}
		return true
	})
	return out
}

// outside reports whether l is of a function around f.
func outside(l *syntax.Local, f *syntax.Function) bool {
	for g := l.Func; g != nil; g = g.Parent {
		if g == f {
			return false
		}
	}
	return true
}

// opDeferred calls the function in whose place its caller is.
func (st *Stage) opDeferred(L *lua.LState) int {
	frame, ok := L.GetStack(1)
	if !ok {
		return 0
	}
	v, _ := L.GetInfo("f", frame, lua.LNil)
	standIn, ok := v.(*lua.LFunction)
	if !ok {
		return 0
	}
	d := st.deferred[st.functions[standIn.Proto]]
	fn := d.compiled[standIn]
	if fn == nil {
		var err error
		if fn, err = d.compile(st, standIn); err != nil {
			L.RaiseError("%v", err)
		}
		if d.compiled == nil {
			d.compiled = map[*lua.LFunction]*lua.LFunction{}
		}
		d.compiled[standIn] = fn
	}
	fn.Env = standIn.Env
	args := L.GetTop()
	L.Insert(fn, 1)
	L.Call(args, lua.MultRet)
	return L.GetTop()
}

// compile makes the function, with the variables that its stand-in captured.
func (d *deferredFunc) compile(st *Stage, standIn *lua.LFunction) (*lua.LFunction, error) {
	proto, err := st.compileDeferred(d)
	if err != nil {
		return nil, err
	}
	fn := st.vm.NewFunctionFromProto(proto)
	for i, name := range proto.DbgUpvalues {
		if k := slices.Index(standIn.Proto.DbgUpvalues, name); k >= 0 {
			fn.Upvalues[i] = standIn.Upvalues[k]
			continue
		}
		fn.Upvalues[i] = &lua.Upvalue{}
		fn.Upvalues[i].SetValue(st.ops[name])
	}
	return fn, nil
}

// compileDeferred compiles the function in a chunk that declares what it captures.
func (st *Stage) compileDeferred(d *deferredFunc) (*lua.FunctionProto, error) {
	c := d.conv
	id := c.id(d.fn)
	c.fn = &funcState{consts: map[any]bool{}}
	declare := func(names []string) ast.Stmt {
		return at(id, &ast.LocalAssignStmt{Names: names, Exprs: []ast.Expr{at(id, &ast.NilExpr{})}})
	}
	var names []string
	for _, l := range d.captures {
		names = append(names, c.names[l])
	}
	stmts := []ast.Stmt{declare(st.opNames)}
	if len(names) > 0 {
		stmts = append(stmts, declare(names))
	}
	stmts = append(stmts, at(id, &ast.ReturnStmt{Exprs: []ast.Expr{c.function(d.fn, id)}}))
	if c.failed {
		return nil, errCompile
	}
	outer, err := compileVM(func() (*lua.FunctionProto, error) { return lua.Compile(stmts, sourceName) })
	if err != nil {
		return nil, err
	}
	proto := outer.FunctionPrototypes[0]
	if !c.finish(proto) {
		return nil, errCompile
	}
	return proto, nil
}
