package script

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// Global is a variable of the object that the script declared, with bpf.global
// or bpf.const.
type Global struct {
	Name    string // unique among variables, maps and programs; a C identifier
	Type    ctype.Type
	Section string // "": the usual one
	Const   bool   // nobody writes it once programs are loaded
	Align   int
	Span    diag.Span // the declaring call
	data    *Ref      // what it begins with
}

// ToGlobal returns the variable that v holds.
func ToGlobal(v lua.LValue) (*Global, bool) { return userdata[*Global](v) }

// Data returns what the variable begins with, as it lies in the target's memory.
func (g *Global) Data() []byte { return g.data.mem.bytes }

// Globals returns the variables declared, in order.
func (st *Stage) Globals() []*Global { return st.globals }

// openGlobals makes bpf.global, bpf.const and what their values can do.
func (st *Stage) openGlobals(fs map[string]libFunc) {
	fs["global"] = func(L *lua.LState) int { return st.bpfGlobal(L, "bpf.global") }
	fs["const"] = func(L *lua.LState) int { return st.bpfGlobal(L, "bpf.const") }
	m := st.vm.NewTable()
	m.RawSetString("__index", st.vm.NewFunction(st.globalIndex))
	m.RawSetString("__newindex", st.vm.NewFunction(st.globalSet))
	m.RawSetString("__len", st.vm.NewFunction(func(L *lua.LState) int {
		st.globalData(L)
		return st.refLen(L)
	}))
	m.RawSetString("__metatable", lua.LString("global"))
	st.globalMeta = m
}

// bpfGlobal is bpf.global(ctype [, init [, opts]]) and bpf.const(ctype, init [, opts]).
func (st *Stage) bpfGlobal(L *lua.LState, call string) int {
	t := st.checkType(L, 1)
	g := &Global{Const: call == "bpf.const", Span: firstLine(st.caller(L))}
	st.globalOptions(L, g, call)
	st.noMore(L, 2, call)
	if g.Const && L.Get(2) == lua.LNil {
		st.fail(L, diag.BadDeclaration, "bpf.const needs a value: bpf.const(ctype, value)")
	}
	if ctype.IsFloat(t) {
		st.fail(L, diag.UnsupportedType, "a variable of the kernel can't be of type '%s': the kernel has no floating point", ctype.Name(t))
	}
	if L.Get(2) == lua.LNil {
		L.SetTop(1)
	}
	g.data = st.initialData(L, t)
	if g.Type = g.data.Type; ctype.IsPointer(g.Type) {
		g.Type = t
	}
	g.Align = min(st.types.Alignof(g.Type), 8)
	if g.Name == "" {
		g.Name = st.assignedName(L)
	}
	if g.Name == "" {
		g.Name = call[len("bpf."):]
	}
	g.Name = st.uniqueName(g.Name, g.Span)
	st.globals = append(st.globals, g)
	L.Push(st.userdata(g, st.globalMeta))
	return 1
}

// globalOpts are the options of a variable.
var globalOpts = map[string]bool{"name": true, "section": true}

// globalOptions reads the options, argument 3, and drops it.
func (st *Stage) globalOptions(L *lua.LState, g *Global, call string) {
	t, ok := L.Get(3).(*lua.LTable)
	if !ok {
		return
	}
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		st.checkOption(L, k.String(), globalOpts)
		switch s := st.stringOption(L, k.String(), v); {
		case k.String() == "name":
			g.Name = s
		case g.Const || strings.HasPrefix(s, ".") || s == "license":
			st.failOn(L, v, diag.BadDeclaration, "%s can't be put into section '%s', which has a meaning of its own to loaders", call, s)
		default:
			g.Section = s
		}
	}
	L.SetTop(2)
}

// initialData makes data of type t, which the arguments from the second on
// initialise. That of a scalar is a pointer to it, so that it is g[0].
func (st *Stage) initialData(L *lua.LState, t ctype.Type) *Ref {
	if !ctype.IsScalar(t) && !ctype.IsPointer(t) {
		if ctype.Size(t) <= 0 && !st.types.Variable(t) {
			st.fail(L, diag.BadDeclaration, "a variable can't be of type '%s', which has no size", ctype.Name(t))
		}
		st.make(L, t)
		r, _ := ToRef(L.Get(-1))
		L.Pop(1)
		if len(r.mem.bytes) == 0 {
			st.fail(L, diag.BadDeclaration, "a variable can't be of type '%s', which has no size", ctype.Name(r.Type))
		}
		return r
	}
	r := &Ref{Type: ctype.PointerTo(t), mem: &memory{make([]byte, ctype.Size(t))}}
	if v := L.Get(2); v != lua.LNil {
		if err := st.fillValue(r.mem.bytes, t, v); err != nil {
			L.RaiseError("%s", err)
		}
	}
	return r
}

// globalData puts what the variable begins with in the place of argument 1.
func (st *Stage) globalData(L *lua.LState) *Global {
	g, _ := ToGlobal(L.Get(1))
	L.Replace(1, st.userdata(g.data, st.refMeta))
	return g
}

// globalIndex is g[k] and g.k. A constant keeps its value; a variable has the
// one it begins with until programs are declared, which may change it.
func (st *Stage) globalIndex(L *lua.LState) int {
	if g, _ := ToGlobal(L.Get(1)); st.Declared() && !g.Const {
		st.userSpace(L, "reading variable '"+g.Name+"'", "global.get", g)
	}
	st.globalData(L)
	return st.refIndex(L)
}

// globalSet is g[k] = v and g.k = v: what the variable begins with, or what it is
// from now on where programs run.
func (st *Stage) globalSet(L *lua.LState) int {
	g, _ := ToGlobal(L.Get(1))
	if st.live {
		st.userSpace(L, "writing variable '"+g.Name+"'", "global.get", g)
	}
	st.globalData(L)
	st.refSet(L)
	if st.live {
		st.userSpace(L, "writing variable '"+g.Name+"'", "global.set", g)
	}
	return 0
}
