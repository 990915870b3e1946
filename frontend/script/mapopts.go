package script

import (
	"fmt"
	"math"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// mapOptions are the options of bpf.map.
var mapOptions = map[string]bool{"name": true, "flags": true, "pinning": true, "inner": true,
	"numa_node": true, "values": true, "map_extra": true}

// innerOptions are the options of the definition that 'inner' is.
var innerOptions = map[string]bool{"flags": true, "numa_node": true, "map_extra": true}

// readMapOptions takes opts into m and returns the name given.
func (st *Stage) readMapOptions(L *lua.LState, opts lua.LValue, m *Map) (name string) {
	t, ok := opts.(*lua.LTable)
	if !ok && opts != lua.LNil {
		st.failOn(L, opts, diag.BadMapOption, "the options of a map must be a table, not %s", article(typeName(opts)))
	}
	if ok {
		name = st.readOptionTable(L, t, m, mapOptions)
	}
	if m.Type.Can(kernel.MapInner) && m.Inner == nil {
		st.fail(L, diag.BadMapOption, "%s needs the option 'inner': a map like those in it, or what bpf.map would be given in a table", mapPhrase(m))
	}
	return name
}

// readOptionTable takes the options in t, those that known lists.
func (st *Stage) readOptionTable(L *lua.LState, t *lua.LTable, m *Map, known map[string]bool) (name string) {
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		if n, ok := k.(lua.LNumber); ok && n >= 1 && n <= 4 || slices.Contains(mapFields, k.String()) {
			continue
		}
		st.checkOption(L, k.String(), known)
		switch k.String() {
		case "name":
			name = st.stringOption(L, "name", v)
		case "flags":
			m.Flags |= uint32(st.integer(L, v, 0, math.MaxUint32, "option 'flags'"))
		case "numa_node":
			m.NUMANode = uint32(st.integer(L, v, 0, math.MaxInt32, "option 'numa_node'"))
			m.Flags |= kernel.MapNUMANode
		case "map_extra":
			m.Extra = uint32(st.integer(L, v, 0, math.MaxUint32, "option 'map_extra'"))
		case "pinning":
			m.Pinned = st.pinning(L, v)
		case "inner":
			m.Inner = st.innerMap(L, m, v)
		}
	}
	return name
}

// pinning is the option of that name: by name, or not at all.
func (st *Stage) pinning(L *lua.LState, v lua.LValue) bool {
	switch v {
	case lua.LTrue, lua.LString("by_name"), lua.LNumber(1):
		return true
	case lua.LFalse, lua.LString("none"), lua.LNumber(0):
		return false
	}
	st.failOn(L, v, diag.BadMapOption, "option 'pinning' must be 'by_name' or 'none', not %s", asText(v))
	return false
}

// innerMap is the definition of the maps that m holds: another map's, or one
// written as a table.
func (st *Stage) innerMap(L *lua.LState, m *Map, v lua.LValue) *Map {
	if !m.Type.Can(kernel.MapInner) {
		st.failKey(L, "inner", diag.BadMapOption, "option 'inner' is for maps of maps, not for %s", mapPhrase(m))
	}
	in := &Map{Span: m.Span}
	if x, ok := ToMap(v); ok {
		in.Type, in.MaxEntries, in.Key, in.Value = x.Type, x.MaxEntries, x.Key, x.Value
		in.Flags, in.NUMANode, in.Extra = x.Flags, x.NUMANode, x.Extra
	} else if t, ok := v.(*lua.LTable); ok {
		st.defineMap(L, in, tableArguments(t), t)
		st.readOptionTable(L, t, in, innerOptions)
	} else {
		st.failOn(L, v, diag.BadMapOption, "option 'inner' is a map, or a table such as { 'hash', 16, 'uint32_t', 'uint64_t' }, not %s", article(typeName(v)))
	}
	if in.Type.Can(kernel.MapInner) || in.Type.Can(kernel.MapTailCall) {
		st.failOn(L, v, diag.BadDeclaration, "maps in a map can't be of type '%s'", in.Type.Name)
	}
	return in
}

// readValues takes the option 'values': entries by key.
func (st *Stage) readValues(L *lua.LState, m *Map, v lua.LValue) {
	if v == lua.LNil {
		return
	}
	t, ok := v.(*lua.LTable)
	if !ok {
		st.failOn(L, v, diag.BadMapOption, "option 'values' is a table of entries by their keys, not %s", article(typeName(v)))
	}
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		st.mapSet(L, m, unboxed(k), v)
	}
}

// KeySize and ValueSize are the sizes that the kernel is told.
func (m *Map) KeySize() uint32 {
	if m.Key == nil {
		return 0
	}
	return uint32(ctype.Size(m.Key))
}

// ValueSize is the size of a value in the kernel: not that of the records sent
// through the map.
func (m *Map) ValueSize() uint32 {
	if m.Type.Records || m.Value == nil {
		return m.Type.Value.Min
	}
	return uint32(ctype.Size(m.Value))
}

// Slot is a map or a program that a map holds from the start.
type Slot struct {
	Index   uint32
	Map     *Map
	Program *Program
}

// setSlot is m[i] = v of a map that holds maps or programs.
func (st *Stage) setSlot(L *lua.LState, m *Map, k, v lua.LValue) {
	if m.KeySize() != 4 || !ctype.IsScalar(m.Key) {
		st.fail(L, diag.BadKey, "map '%s' can be filled from its first entry on only, by keys of 4 bytes, not '%s'", m.Name, ctype.Name(m.Key))
	}
	i := st.scalarOf(L, m, "key", m.Key, k).Bits
	if i >= uint64(m.MaxEntries) {
		st.fail(L, diag.OutOfRange, "map '%s' has the entries 0 to %d: there is no entry %d", m.Name, m.MaxEntries-1, i)
	}
	s := Slot{Index: uint32(i)}
	var ok bool
	switch {
	case v == lua.LNil:
		m.Slots = slices.DeleteFunc(m.Slots, func(s Slot) bool { return uint64(s.Index) == i })
		return
	case m.Type.Can(kernel.MapInner):
		if s.Map, ok = ToMap(v); !ok {
			st.fail(L, diag.BadValue, "an entry of map '%s' is a map, not %s", m.Name, article(typeName(v)))
		}
		if what := m.Inner.differs(s.Map); what != "" {
			st.fail(L, diag.BadValue, "map '%s' is not like the maps in '%s': %s", s.Map.Name, m.Name, what)
		}
	default:
		if s.Program, ok = ToProgram(v); !ok {
			st.fail(L, diag.BadValue, "an entry of map '%s' is a program, not %s", m.Name, article(typeName(v)))
		}
		if s.Program.Kind == nil {
			st.fail(L, diag.BadValue, "the program has no kind yet: pass it to bpf.xdp, bpf.socket or their like first")
		}
	}
	at, found := slices.BinarySearchFunc(m.Slots, s, func(a, b Slot) int { return int(int64(a.Index) - int64(b.Index)) })
	if found {
		m.Slots[at] = s
		return
	}
	m.Slots = slices.Insert(m.Slots, at, s)
}

// differs says how x is not like m, the kernel's way: "" if it is.
func (m *Map) differs(x *Map) string {
	switch {
	case m.Type != x.Type:
		return "its type is '" + x.Type.Name + "'"
	case m.KeySize() != x.KeySize():
		return fmt.Sprintf("its keys have %d bytes", x.KeySize())
	case m.ValueSize() != x.ValueSize():
		return fmt.Sprintf("its values have %d bytes", x.ValueSize())
	case m.Flags != x.Flags:
		return "its flags differ"
	case m.Type.Array && m.MaxEntries != x.MaxEntries:
		return "its number of entries differs"
	}
	return ""
}
