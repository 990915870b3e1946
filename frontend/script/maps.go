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

// mapFields are the names of bpf.map's arguments, where they stand in a table.
var mapFields = []string{"type", "max_entries", "key", "value"}

// bpfMap is bpf.map(type [, max_entries [, key [, value [, opts]]]]), or
// the same in a table.
func (st *Stage) bpfMap(L *lua.LState) int {
	args, opts := st.mapArguments(L)
	m := &Map{Span: firstLine(st.caller(L))}
	st.defineMap(L, m, args, opts)
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
	v := st.userdata(m, st.mapMeta)
	m.self = v
	if opts, ok := opts.(*lua.LTable); ok {
		st.readValues(L, m, opts.RawGetString("values"))
	}
	L.Push(v)
	return 1
}

// mapArguments returns the arguments of bpf.map: the four in front, and the
// options.
func (st *Stage) mapArguments(L *lua.LState) (args [4]lua.LValue, opts lua.LValue) {
	if t, ok := L.Get(1).(*lua.LTable); ok {
		return tableArguments(t), t
	}
	st.noMore(L, 5, "bpf.map")
	return [4]lua.LValue{L.Get(1), L.Get(2), L.Get(3), L.Get(4)}, L.Get(5)
}

// tableArguments are bpf.map's arguments in a table, by position or name.
func tableArguments(t *lua.LTable) (args [4]lua.LValue) {
	for i, name := range mapFields {
		if args[i] = t.RawGetInt(i + 1); args[i] == lua.LNil {
			args[i] = t.RawGetString(name)
		}
	}
	return args
}

// defineMap takes what bpf.map's four arguments say into m.
func (st *Stage) defineMap(L *lua.LState, m *Map, args [4]lua.LValue, opts lua.LValue) {
	m.Type = st.mapType(L, args[0])
	m.Flags = m.Type.Flags
	m.MaxEntries = m.Type.Entries.Default()
	if args[1] != lua.LNil {
		m.MaxEntries = uint32(st.integer(L, args[1], 0, math.MaxUint32, "max_entries"))
	}
	if what := m.Type.CheckEntries(m.MaxEntries); what != "" {
		st.failOn(L, args[1], diag.BadMapSize, "%s: %s", mapPhrase(m), what)
	}
	m.Key = st.keyType(L, m, args[2])
	m.Value = st.valueType(L, m, args[3])
}

// mapPhrase names a kind of map in a message.
func mapPhrase(m *Map) string {
	if strings.IndexByte("ai", m.Type.Name[0]) >= 0 || m.Type.Name == "lpm_trie" || m.Type.Name == "xskmap" || m.Type.Name == "sk_storage" {
		return "an " + m.Type.Name + " map"
	}
	return "a " + m.Type.Name + " map"
}

func (st *Stage) mapType(L *lua.LState, v lua.LValue) *kernel.MapType {
	s, ok := v.(lua.LString)
	if !ok {
		st.failOn(L, v, diag.UnknownMapType, "bpf.map needs a map type such as 'hash', not %s", article(typeName(v)))
	}
	name := strings.ToLower(string(s))
	t, ok := kernel.MapTypeByName(name)
	if ok {
		return t
	}
	if name == "struct_ops" {
		st.failOn(L, v, diag.UnknownMapType, "a struct_ops map can't be made by a script: loaders make it from the functions in it")
	}
	names := make([]string, 0, len(kernel.MapTypes))
	for _, t := range kernel.MapTypes {
		names = append(names, t.Name)
	}
	hint := ""
	if near := diag.Closest(name, names); near != "" {
		hint = " (did you mean '" + near + "'?)"
	}
	st.failOn(L, v, diag.UnknownMapType, "there is no map type '%s'%s", s, hint)
	return nil
}

// integer is a number from lo to hi.
func (st *Stage) integer(L *lua.LState, v lua.LValue, lo, hi uint64, what string) uint64 {
	n, ok := v.(lua.LNumber)
	if c, isC := ToCData(v); isC {
		n, ok = c.number()
	}
	f := float64(n)
	if !ok || f != math.Trunc(f) || f < float64(lo) || f > float64(hi) {
		st.failOn(L, v, diag.BadMapSize, "%s must be an integer from %d to %d, not %s", what, lo, hi, asText(v))
	}
	return uint64(f)
}

// keyType is the type of a map's keys, nil if the type has none.
func (st *Stage) keyType(L *lua.LState, m *Map, v lua.LValue) ctype.Type {
	t := st.mapMember(L, m, "key", v, m.Type.Key)
	switch {
	case t == nil:
	case m.Type.Key == (kernel.Sizes{Min: 4, Max: 4}) && (ctype.Size(t) != 4 || !ctype.IsScalar(t)):
		if m.Type.Can(kernel.MapStorage) {
			st.failOn(L, v, diag.BadKeyType, "the key of %s is declared as int, not %s", mapPhrase(m), ctype.Name(t))
		}
		st.failOn(L, v, diag.BadKeyType, "the key of %s is an index: uint32_t, not %s", mapPhrase(m), ctype.Name(t))
	case m.Type.Name == "lpm_trie" && !m.Type.Key.Ok(uint32(ctype.Size(t))):
		st.failOn(L, v, diag.BadKeyType, "a key of an lpm_trie map is a uint32_t with the length of the prefix and then 1 to 256 bytes of data, not %s", ctype.Name(t))
	case !m.Type.Key.Ok(uint32(ctype.Size(t))):
		st.failOn(L, v, diag.BadKeyType, "the keys of %s have %s; %s has %d", mapPhrase(m), m.Type.Key, ctype.Name(t), ctype.Size(t))
	}
	return t
}

// valueType is the type of a map's values, or of the records that it carries;
// nil if there is none.
func (st *Stage) valueType(L *lua.LState, m *Map, v lua.LValue) ctype.Type {
	if m.Type.Records {
		if v == lua.LNil {
			return nil
		}
		return st.mapMember(L, m, "value", v, kernel.Sizes{Min: 1, Max: math.MaxUint32})
	}
	if v == lua.LNil && m.Type.Can(kernel.MapStack) {
		return st.typeValue(L, lua.LString("uint64_t [127]"))
	}
	if v != lua.LNil && (m.Type.Can(kernel.MapInner) || m.Type.Can(kernel.MapTailCall)) {
		what := "programs"
		if m.Type.Can(kernel.MapInner) {
			what = "maps, which the option 'inner' describes"
		}
		st.failOn(L, v, diag.BadValueType, "the values of %s are %s: the value type must be nil", mapPhrase(m), what)
	}
	t := st.mapMember(L, m, "value", v, m.Type.Value)
	if t != nil && !m.Type.Value.Ok(uint32(ctype.Size(t))) {
		st.failOn(L, v, diag.BadValueType, "the values of %s have %s; %s has %d", mapPhrase(m), m.Type.Value, ctype.Name(t), ctype.Size(t))
	}
	if t != nil {
		st.checkOpaque(L, m, v, t)
	}
	return t
}

// lockedTypes and timedTypes are the types of maps whose entries may have locks
// and timers.
var (
	lockedTypes = []string{"hash", "array", "cgroup_storage", "sk_storage", "inode_storage", "task_storage", "cgrp_storage"}
	timedTypes  = []string{"hash", "lru_hash", "array"}
)

// checkOpaque refuses values with locks and timers where the kernel does.
func (st *Stage) checkOpaque(L *lua.LState, m *Map, v lua.LValue, t ctype.Type) {
	names, deep := ctype.OpaqueMembers(t)
	if len(names) == 0 && ctype.Opaque(t) != "" {
		names, deep = []string{ctype.Opaque(t)}, true
	}
	for i, name := range names {
		allowed := timedTypes
		switch {
		case deep:
			st.failOn(L, v, diag.BadValueType, "a 'struct %s' must be a member of the value's own structure, not of one below it", name)
		case name == "bpf_dynptr":
			st.failOn(L, v, diag.BadValueType, "a 'struct bpf_dynptr' lies on the stack: the values of maps have none")
		case slices.Contains(names[:i], name):
			st.failOn(L, v, diag.BadValueType, "the values of a map have one 'struct %s' at most", name)
		case name == "bpf_spin_lock":
			allowed = lockedTypes
		}
		if !slices.Contains(allowed, m.Type.Name) {
			st.failOn(L, v, diag.BadValueType, "the values of %s can't have a 'struct %s'; those of %s maps can", mapPhrase(m), name, strings.Join(allowed, ", "))
		}
	}
}

// mapMember is the type of a map's keys or values; nil where sizes says there
// are none.
func (st *Stage) mapMember(L *lua.LState, m *Map, what string, v lua.LValue, sizes kernel.Sizes) ctype.Type {
	if sizes.None() {
		if v != lua.LNil {
			st.failOn(L, v, diag.BadDeclaration, "%s has no %ss: the %s type must be nil", mapPhrase(m), what, what)
		}
		return nil
	}
	_, isType := ToCType(v)
	_, isText := v.(lua.LString)
	switch {
	case v == lua.LNil:
		if what == "key" && m.Type.Can(kernel.MapStorage) && sizes.Max == 4 {
			return mustType("int")
		}
		if !sizes.Ok(4) {
			st.fail(L, diag.BadDeclaration, "%s needs the type of its %ss, of %s", mapPhrase(m), what, sizes)
		}
		return mustType("uint32_t")
	case isType, isText:
		t := st.typeValue(L, v)
		if ctype.Size(t) <= 0 {
			st.failOn(L, v, diag.UnknownType, "'%s' is not declared: the %s of a map is of a type whose size is known; declare it with ffi.cdef", ctype.Name(t), what)
		}
		return t
	}
	st.failOn(L, v, diag.BadDeclaration, "the %s type of a map is a C type, as a string or from ffi.typeof, not %s", what, article(typeName(v)))
	return nil
}
