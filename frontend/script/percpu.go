package script

import (
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/ctype"
)

// eachCPU is what is written to a map with a value for each CPU, one value behind the
// other: an array as a read of the map gave, or a list of values. False for what is
// one value, which all CPUs get: a list of numbers may be a structure's members.
func (st *Stage) eachCPU(L *lua.LState, m *Map, v lua.LValue) (all []byte, ok bool) {
	if r, isRef := ToRef(v); isRef && ctype.IsArray(r.Type) && ctype.Element(r.Type) == m.Value {
		return slices.Clone(r.Bytes()), true
	}
	t, isTable := v.(*lua.LTable)
	if !isTable || t.Len() == 0 {
		return nil, false
	}
	for i := 1; i <= t.Len(); i++ {
		e := t.RawGetInt(i)
		_, table := e.(*lua.LTable)
		_, ref := ToRef(e)
		if !ctype.IsScalar(m.Value) && !table && !ref {
			return nil, false
		}
		all = append(all, st.mapData(L, m, "value", m.Value, e)...)
	}
	return all, true
}

// valueData converts what is written to an entry of a map.
func (st *Stage) valueData(L *lua.LState, m *Map, v lua.LValue) []byte {
	if st.live && m.Type.PerCPU {
		if all, ok := st.eachCPU(L, m, v); ok {
			return all
		}
	}
	return st.mapData(L, m, "value", m.Value, v)
}
