package script

import (
	"math"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// scalarOf converts a key or value of a map; it must fit its type, signed or
// unsigned.
func (st *Stage) scalarOf(L *lua.LState, m *Map, what string, t ctype.Type, v lua.LValue) *CData {
	var bits uint64
	switch x := v.(type) {
	case lua.LNumber:
		f := float64(x)
		if f != math.Trunc(f) || f < -(1<<63) || f >= 1<<64 {
			st.fail(L, badPart(what), "a %s of map '%s' must be an integer, not %s", what, m.Name, formatNumber(x))
		}
		bits = bitsOf(f)
	case lua.LBool:
		if x {
			bits = 1
		}
	case *lua.LUserData:
		c, ok := x.Value.(*CData)
		if !ok {
			st.fail(L, badPart(what), "a %s of map '%s' must be an integer ('%s'), not %s", what, m.Name, ctype.Name(t), article(typeName(v)))
		}
		bits = c.Bits
	default:
		st.fail(L, badPart(what), "a %s of map '%s' must be an integer ('%s'), not %s", what, m.Name, ctype.Name(t), article(typeName(v)))
	}
	got := truncate(t, bits)
	if n := 8 * uint(ctype.Size(t)); n < 64 && !ctype.IsBool(t) {
		if high := int64(bits) >> (n - 1); high != 0 && high != -1 && bits>>n != 0 {
			st.fail(L, badPart(what), "%s %s does not fit %s, the %s type of map '%s'", what, (&CData{int64Type, bits}).digits(), ctype.Name(t), what, m.Name)
		}
	}
	return &CData{t, got}
}

// badPart is the code of what is wrong with a "key" or a "value".
func badPart(what string) diag.Code {
	if what == "key" {
		return diag.BadKey
	}
	return diag.BadValue
}

// mapData converts a key or value of a map to what lies in the target's memory.
func (st *Stage) mapData(L *lua.LState, m *Map, what string, t ctype.Type, v lua.LValue) []byte {
	st.alloc(L, int64(ctype.Size(t)))
	if ctype.IsScalar(t) {
		return ctype.Encode(t, st.scalarOf(L, m, what, t, v).Bits, st.opts.BigEndian)
	}
	b, err := st.Encode(t, v)
	if err != nil {
		st.fail(L, badPart(what), "a %s of map '%s': %s", what, m.Name, err)
	}
	return b
}

// mapMethods are what a map has in functions compiled for the kernel, and what
// only user space has.
var (
	mapMethods = []string{"each", "update", "push", "pop", "peek", "init", "add", "output", "reserve"}
	mapUser    = []string{"pairs", "reader", "poll", "print_hist", "lost"}
)

// mapIndex is m[k], or a method of m.
func (st *Stage) mapIndex(L *lua.LState) int {
	m, _ := ToMap(L.Get(1))
	if s, ok := L.Get(2).(lua.LString); ok {
		switch name := string(s); {
		case name == "lost":
			return st.userSpace(L, "reading 'lost' of map '"+m.Name+"'", "map.lost", m)
		case slices.Contains(mapUser, name):
			what := m.Name + ":" + name + "()"
			if name == "pairs" {
				L.Push(st.pairs(m))
				return 1
			}
			L.Push(L.NewFunction(func(L *lua.LState) int { return st.userSpace(L, what, "map."+name, m) }))
			return 1
		case slices.Contains(mapMethods, name):
			L.RaiseError("'%s' of a map works only in functions compiled for the kernel", name)
		}
	}
	if !m.Type.Can(kernel.MapStack) {
		st.needEntries(L, m)
	}
	key := st.mapData(L, m, "key", m.Key, L.Get(2))
	st.alloc(L, int64(ctype.Size(m.Value)))
	var sp diag.Span
	if !st.live {
		st.noteReach(L)
		sp = firstLine(st.caller(L))
	}
	v, err := st.host.MapGet(st, m, key, sp)
	st.hostError(L, err)
	L.Push(st.MapValue(m, v))
	return 1
}

// mapSet is m[k] = v.
func (st *Stage) mapSet(L *lua.LState, m *Map, k, v lua.LValue) {
	if m.Type.Can(kernel.MapInner) || m.Type.Can(kernel.MapTailCall) {
		st.setSlot(L, m, k, v)
		return
	}
	st.needEntries(L, m)
	key := st.mapData(L, m, "key", m.Key, k)
	var value []byte
	if v != lua.LNil {
		value = st.valueData(L, m, v)
	}
	at := uint64(0)
	if m.Type.Array {
		at = ctype.Decode(m.Key, key, st.opts.BigEndian)
	}
	switch {
	case m.Type.Array && value == nil:
		st.fail(L, diag.BadValue, "entries of an array map can't be deleted")
	case m.Type.Array && at >= uint64(m.MaxEntries):
		st.fail(L, diag.OutOfRange, "map '%s' has the entries 0 to %d: there is no entry %d", m.Name, m.MaxEntries-1, at)
	case !st.live && value != nil && m.entry(key) == nil && uint64(len(m.Contents)) >= uint64(m.MaxEntries):
		st.fail(L, diag.BadMapSize, "map '%s' is full: it has %d entries", m.Name, m.MaxEntries)
	}
	if !st.live {
		st.bounds.kept += entryBytes + int64(len(key)+len(value))
		st.alloc(L, entryBytes)
	}
	st.hostError(L, st.host.MapSet(st, m, key, value, firstLine(st.caller(L))))
}

// needEntries refuses the entries of maps that a script can't fill or read.
func (st *Stage) needEntries(L *lua.LState, m *Map) {
	if !m.Type.Can(kernel.MapUpdate) {
		st.fail(L, diag.BadMapOperation, "%s has no entries that the script can read or write", mapPhrase(m))
	}
}
