package script

import (
	lua "github.com/yuin/gopher-lua"
)

// What the language has and is best said in the language itself. Such a function
// is read when a script first names it.

// inLua are the members of module bpf that are written in Lua.
var inLua = map[string]string{
	// Slot 0 counts what is 0 or less, slot n the values from 2^(n-1) on, or from n
	// times the step that is given, and the last slot all that is greater.
	"hist": `return function(m, v, step)
	local slot = 0
	if v > 0 then
		if step then slot = v // step else slot = math.log2(v) + 1 end
	end
	if slot >= #m then slot = #m - 1 end
	m:add(slot, 1)
end`,
}

// Prelude returns the member of module bpf called name that is written in Lua; nil
// if there is none, or t is another table.
func (st *Stage) Prelude(t *lua.LTable, name string) lua.LValue {
	text, ok := inLua[name]
	if !ok || t != st.loaded.RawGetString("bpf") {
		return lua.LNil
	}
	L := st.current
	top := L.GetTop()
	defer L.SetTop(top)
	st.loadText(L, text, "=bpf."+name)
	fn, ok := L.Get(top + 1).(*lua.LFunction)
	if !ok {
		return lua.LNil
	}
	vs, err := st.Call(fn)
	if err != nil || len(vs) != 1 {
		return lua.LNil
	}
	t.RawSetString(name, vs[0])
	return vs[0]
}

// Histogram says that bpf.hist counts in a map: by powers of two, or in steps.
type Histogram struct{ Step int64 }

// IsHist reports whether fn is bpf.hist.
func (st *Stage) IsHist(fn *lua.LFunction) bool {
	t, ok := st.loaded.RawGetString("bpf").(*lua.LTable)
	return ok && fn != nil && t.RawGetString("hist") == lua.LValue(fn)
}
