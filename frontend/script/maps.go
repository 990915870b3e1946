package script

import (
	"math"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// otherMaps are the kernel's map types that this version does not have.
var otherMaps = []string{"prog_array", "perf_event_array", "stack_trace", "cgroup_array", "lpm_trie", "array_of_maps",
	"hash_of_maps", "devmap", "sockmap", "cpumap", "xskmap", "sockhash", "cgroup_storage", "reuseport_sockarray",
	"percpu_cgroup_storage", "queue", "stack", "sk_storage", "devmap_hash", "struct_ops", "ringbuf", "inode_storage",
	"task_storage", "bloom_filter", "user_ringbuf", "cgrp_storage", "arena"}

// mapOptions are the options of bpf.map, true for those of this version.
var mapOptions = map[string]bool{"name": true, "flags": true,
	"pinning": false, "inner": false, "numa_node": false, "values": false, "map_extra": false}

// mapFields are the names of bpf.map's arguments, where they stand in a table.
var mapFields = []string{"type", "max_entries", "key", "value"}

const defaultEntries = 4096

// bpfMap is bpf.map(type [, max_entries [, key [, value [, opts]]]]), or
// the same in a table.
func (st *Stage) bpfMap(L *lua.LState) int {
	args := [4]lua.LValue{L.Get(1), L.Get(2), L.Get(3), L.Get(4)}
	opts := L.Get(5)
	if t, ok := args[0].(*lua.LTable); ok {
		opts = t
		for i, name := range mapFields {
			if args[i] = t.RawGetInt(i + 1); args[i] == lua.LNil {
				args[i] = t.RawGetString(name)
			}
		}
	}
	m := &Map{Span: firstLine(st.caller(L)), Type: st.mapType(L, args[0])}
	m.MaxEntries = st.maxEntries(L, args[1])
	m.Key, m.Value = st.mapMember(L, "key", args[2]), st.mapMember(L, "value", args[3])
	if m.Type.Array && ctype.Size(m.Key) != 4 {
		st.fail(L, diag.BadDeclaration, "the key of an array map is an index: uint32_t, not %s", ctype.Name(m.Key))
	}
	name := st.readMapOptions(L, opts, m)
	if name == "" {
		name = st.assignedName(L)
	}
	if name == "" {
		name = m.Type.Name
	}
	m.Name = st.uniqueName(name, m.Span)
	st.maps = append(st.maps, m)
	st.declare(L, func() { st.host.DeclareMap(st, m) })
	L.Push(st.userdata(m, st.mapMeta))
	return 1
}

func (st *Stage) mapType(L *lua.LState, v lua.LValue) *kernel.MapType {
	s, ok := v.(lua.LString)
	if !ok {
		st.fail(L, diag.BadDeclaration, "bpf.map needs a map type such as 'hash', not %s", article(typeName(v)))
	}
	name := strings.ToLower(string(s))
	t, ok := kernel.MapTypeByName(name)
	if ok {
		return t
	}
	if slices.Contains(otherMaps, name) {
		st.fail(L, diag.UnsupportedKind, "maps of type '%s' are not supported by this version", name)
	}
	names := slices.Clone(otherMaps)
	for _, t := range kernel.MapTypes {
		names = append(names, t.Name)
	}
	hint := ""
	if near := diag.Closest(name, names); near != "" {
		hint = " (did you mean '" + near + "'?)"
	}
	st.fail(L, diag.BadDeclaration, "there is no map type '%s'%s", s, hint)
	return nil
}

func (st *Stage) maxEntries(L *lua.LState, v lua.LValue) uint32 {
	if v == lua.LNil {
		return defaultEntries
	}
	n, ok := v.(lua.LNumber)
	if c, isC := ToCData(v); isC {
		n, ok = c.number()
	}
	f := float64(n)
	if !ok || f != math.Trunc(f) || f < 1 || f > math.MaxUint32 {
		st.fail(L, diag.BadDeclaration, "max_entries must be an integer from 1 to 4294967295")
	}
	return uint32(f)
}

// mapMember is the type of a map's keys or values.
func (st *Stage) mapMember(L *lua.LState, what string, v lua.LValue) ctype.Type {
	_, isType := ToCType(v)
	_, isText := v.(lua.LString)
	switch {
	case v == lua.LNil:
		return mustType("uint32_t")
	case isType, isText:
		t := st.typeValue(L, v)
		if !ctype.IsScalar(t) {
			st.fail(L, diag.UnsupportedType, "the %s of a map can't be of type '%s' in this version", what, ctype.Name(t))
		}
		return t
	}
	st.fail(L, diag.BadDeclaration, "the %s type of a map is a C type, as a string or from ffi.typeof, not %s", what, article(typeName(v)))
	return nil
}

// readMapOptions takes opts into m and returns the name given.
func (st *Stage) readMapOptions(L *lua.LState, opts lua.LValue, m *Map) (name string) {
	m.Flags = m.Type.Flags
	if opts == lua.LNil {
		return ""
	}
	t, ok := opts.(*lua.LTable)
	if !ok {
		st.fail(L, diag.BadDeclaration, "the options of a map must be a table, not %s", article(typeName(opts)))
	}
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		if n, ok := k.(lua.LNumber); ok && n >= 1 && n <= 4 || slices.Contains(mapFields, k.String()) {
			continue
		}
		st.checkOption(L, k.String(), mapOptions)
		switch k.String() {
		case "name":
			name = st.stringOption(L, "name", v)
		case "flags":
			n, ok := v.(lua.LNumber)
			if !ok || float64(n) != math.Trunc(float64(n)) || n < 0 || n > math.MaxUint32 {
				st.fail(L, diag.BadDeclaration, "option 'flags' must be an integer")
			}
			m.Flags |= uint32(n)
		}
	}
	return name
}

// scalarOf converts a key or value of a map; it must fit its type, signed or
// unsigned.
func (st *Stage) scalarOf(L *lua.LState, m *Map, what string, t ctype.Type, v lua.LValue) *CData {
	var bits uint64
	switch x := v.(type) {
	case lua.LNumber:
		f := float64(x)
		if f != math.Trunc(f) || f < -(1<<63) || f >= 1<<64 {
			L.RaiseError("a %s of map '%s' must be an integer, not %s", what, m.Name, formatNumber(x))
		}
		bits = bitsOf(f)
	case lua.LBool:
		if x {
			bits = 1
		}
	case *lua.LUserData:
		c, ok := x.Value.(*CData)
		if !ok {
			L.RaiseError("a %s of map '%s' must be an integer, not %s", what, m.Name, article(typeName(v)))
		}
		bits = c.Bits
	default:
		L.RaiseError("a %s of map '%s' must be an integer, not %s", what, m.Name, article(typeName(v)))
	}
	got := truncate(t, bits)
	if n := 8 * uint(ctype.Size(t)); n < 64 && !ctype.IsBool(t) {
		if high := int64(bits) >> (n - 1); high != 0 && high != -1 && bits>>n != 0 {
			L.RaiseError("%s %s does not fit %s, the %s type of map '%s'", what, (&CData{int64Type, bits}).digits(), ctype.Name(t), what, m.Name)
		}
	}
	return &CData{t, got}
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
			return st.userSpace(L, "reading 'lost' of map '"+m.Name+"'")
		case slices.Contains(mapUser, name):
			what := m.Name + ":" + name + "()"
			if name == "pairs" {
				what = "iterating map '" + m.Name + "'"
			}
			L.Push(L.NewFunction(func(L *lua.LState) int { return st.userSpace(L, what) }))
			return 1
		case slices.Contains(mapMethods, name):
			L.RaiseError("'%s' of a map works only in functions compiled for the kernel", name)
		}
	}
	key := st.scalarOf(L, m, "key", m.Key, L.Get(2))
	st.noteReach(L)
	v, err := st.host.MapGet(st, m, key, firstLine(st.caller(L)))
	st.hostError(L, err)
	if v == nil {
		L.Push(lua.LNil)
		return 1
	}
	if n, ok := v.number(); ok && ctype.Size(v.Type) < 8 {
		L.Push(n)
		return 1
	}
	return st.pushWide(L, v.Bits, v.unsigned64())
}

// mapSet is m[k] = v.
func (st *Stage) mapSet(L *lua.LState, m *Map, k, v lua.LValue) {
	key := st.scalarOf(L, m, "key", m.Key, k)
	var value *CData
	if v != lua.LNil {
		value = st.scalarOf(L, m, "value", m.Value, v)
	}
	switch {
	case m.Type.Array && value == nil:
		L.RaiseError("entries of an array map can't be deleted")
	case m.Type.Array && key.Bits >= uint64(m.MaxEntries):
		L.RaiseError("index %s is outside map '%s', which has %d entries", key.digits(), m.Name, m.MaxEntries)
	case value != nil && m.entry(key) == nil && uint64(len(m.Contents)) >= uint64(m.MaxEntries):
		L.RaiseError("map '%s' is full: it has %d entries", m.Name, m.MaxEntries)
	}
	st.bounds.kept += entryBytes
	st.alloc(L, entryBytes)
	st.hostError(L, st.host.MapSet(st, m, key, value, firstLine(st.caller(L))))
}
