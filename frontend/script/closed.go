package script

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// The tables that the language itself fills are closed: bpf, bpf.atomic, BPF, c.
// A member that they don't have is a mistake, in both stages, because nil would
// count as 0 in the kernel stage and vanish without a word; rawget asks whether
// there is one. What the script adds to them is its own. The libraries of Lua and
// LuaJIT stay open, for the sake of 'table.unpack or unpack': they hold
// functions, and calling what is not there is an error as it is.

// close makes reading an unknown member of t, which messages call name, an error.
func (st *Stage) close(t *lua.LTable, name string) {
	st.closed[t] = name
	meta := st.vm.NewTable()
	meta.RawSetString("__index", st.vm.NewFunction(func(L *lua.LState) int {
		key, ok := L.Get(2).(lua.LString)
		if !ok {
			return 0
		}
		msg, _ := st.NoMember(t, string(key))
		st.fail(L, diag.UnknownMember, "%s", msg)
		return 0
	}))
	t.Metatable = meta
}

// NoMember says what is wrong with reading member key of t, which t does not
// have; false if t is not closed, and the member nil.
func (st *Stage) NoMember(t *lua.LTable, key string) (msg string, closed bool) {
	name, ok := st.closed[t]
	if !ok {
		return "", false
	}
	return "there is no '" + name + "." + key + "'" + st.memberMeant(t, name, key), true
}

// memberMeant proposes what an unknown member of a closed table was meant to be.
func (st *Stage) memberMeant(t *lua.LTable, name, key string) string {
	switch name {
	case "bpf":
		if short := strings.TrimPrefix(key, "bpf_"); kernel.HelperByName(short) != nil {
			return "; the kernel's helper is called as bpf.helper." + short
		}
		return diag.DidYouMean(key, st.BPFNames())
	case "BPF":
		for _, whole := range []string{"BPF_" + key, key} {
			if st.mention(whole); st.vm.G.Global.RawGetString(whole) != lua.LNil {
				return " (did you mean '" + whole + "'?)"
			}
		}
	}
	return diag.MeantOr(key, tableNames(t))
}

// LibraryMeant proposes a member of a library for one that it does not have: e
// is the library's name and the member's.
func (st *Stage) LibraryMeant(e *syntax.Index) string {
	lib, isName := e.Obj.(*syntax.Name)
	key, isText := e.Key.(*syntax.StringExpr)
	if !isName || !isText || lib.Local != nil {
		return ""
	}
	t, ok := st.vm.G.Global.RawGetString(lib.Name).(*lua.LTable)
	if !ok || st.loaded.RawGetString(lib.Name) != lua.LValue(t) {
		return ""
	}
	return diag.DidYouMean(key.Value, tableNames(t))
}
