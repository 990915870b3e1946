package script

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// openFFI makes the ffi module.
func (st *Stage) openFFI() {
	t := st.module("ffi", map[string]libFunc{
		"cdef": st.ffiCdef,
		"typeof": func(L *lua.LState) int {
			L.Push(st.userdata(&CType{st.checkType(L, 1)}, st.ctypeMeta))
			return 1
		},
		"new":      func(L *lua.LState) int { return st.make(L, st.checkType(L, 1)) },
		"cast":     st.ffiCast,
		"sizeof":   st.ffiSizeof,
		"alignof":  st.ffiAlignof,
		"offsetof": st.ffiOffsetof,
		"istype": func(L *lua.LState) int {
			t := st.checkType(L, 1)
			have := dataType(L.Get(2))
			return pushBool(L, have != nil && ctype.IsArray(t) == ctype.IsArray(have) && ctype.Copies(t, have))
		},
		"copy":     st.ffiCopy,
		"fill":     st.ffiFill,
		"string":   st.ffiString,
		"abi":      st.ffiABI,
		"tonumber": st.baseTonumber,
	})
	for _, name := range []string{"metatype", "gc", "addressof"} {
		t.RawSetString(name, st.function("ffi."+name, func(L *lua.LState) int {
			st.fail(L, diag.UnsupportedType, "there is no ffi.%s: C data has no methods, no finalisers and no addresses here", name)
			return 0
		}))
	}
	t.RawSetString("load", st.function("ffi.load", func(L *lua.LState) int { return st.userSpace(L, "ffi.load()", "ffi.load", nil) }))
	t.RawSetString("os", lua.LString("Linux"))
	t.RawSetString("C", st.userdata(object{"ffi.C"}, st.libraryMeta()))
}

// libraryMeta is the metatable of ffi.C: constants are there, functions are
// operations of user space.
func (st *Stage) libraryMeta() *lua.LTable {
	meta := st.vm.NewTable()
	meta.RawSetString("__index", st.vm.NewFunction(func(L *lua.LState) int {
		name := L.CheckString(2)
		if e, ok := st.types.Enumerator(name); ok {
			L.Push(st.enumerator(e))
			return 1
		}
		if _, ok := st.types.Object(name); !ok {
			st.fail(L, diag.UnknownMember, "ffi.C has no '%s': declare it with ffi.cdef", name)
		}
		L.Push(L.NewFunction(func(L *lua.LState) int { return st.userSpace(L, "ffi.C."+name+"()", "ffi.C."+name, nil) }))
		return 1
	}))
	meta.RawSetString("__metatable", lua.LString("ffi"))
	return meta
}

// enumerator is a constant of C as a value of the script.
func (st *Stage) enumerator(e ctype.Enumerator) lua.LValue {
	c := &CData{int64Type, e.Bits}
	if e.Unsigned {
		c.Type = uint64Type
	}
	if n, ok := c.number(); ok {
		return n
	}
	return st.userdata(c, st.cdataMeta)
}

// dataType is the type of C data, nil for any other value.
func dataType(v lua.LValue) ctype.Type {
	if c, ok := ToCData(v); ok {
		return c.Type
	}
	if r, ok := ToRef(v); ok {
		return r.Type
	}
	return nil
}

func (st *Stage) pushCData(L *lua.LState, c *CData) int {
	L.Push(st.userdata(c, st.cdataMeta))
	return 1
}

func (st *Stage) pushRef(L *lua.LState, t ctype.Type, mem *memory, off int) int {
	L.Push(st.userdata(&Ref{t, mem, off}, st.refMeta))
	return 1
}

// ctypeCall is ct(...): the same as ffi.new(ct, ...).
func (st *Stage) ctypeCall(L *lua.LState) int {
	ct, ok := ToCType(L.Get(1))
	if !ok {
		L.ArgError(1, "C type expected")
	}
	return st.make(L, ct.Type)
}

// make is a new value of type t; the initialisers are the arguments from the
// second on.
func (st *Stage) make(L *lua.LState, t ctype.Type) int {
	var inits []lua.LValue
	for i := 2; i <= L.GetTop(); i++ {
		inits = append(inits, L.Get(i))
	}
	if ctype.IsScalar(t) && len(inits) <= 1 {
		c := &CData{Type: t}
		if len(inits) == 1 {
			c = st.convert(L, t, inits[0])
		}
		return st.pushCData(L, c)
	}
	if st.types.Variable(t) && len(inits) > 0 {
		n, ok := index(inits[0])
		sized, fits := st.types.WithLength(t, int(n))
		if !ok || !fits || n < 0 {
			L.RaiseError("the number of elements of '%s' must be an integer, and not too large", ctype.Name(t))
		}
		t, inits = sized, inits[1:]
	} else if st.types.Variable(t) {
		L.RaiseError("the number of elements of '%s' is missing", ctype.Name(t))
	}
	if st.types.Incomplete(t) {
		st.fail(L, diag.UnknownType, "'%s' has no size: it is not declared", ctype.Name(t))
	}
	if ctype.IsPointer(t) && len(inits) == 1 {
		return st.castPointer(L, t, inits[0])
	}
	n := ctype.Size(t)
	st.alloc(L, int64(n)+tableBytes)
	mem := &memory{make([]byte, n)}
	if err := st.fill(mem.bytes, t, inits); err != nil {
		L.RaiseError("%s", err)
	}
	if ctype.IsPointer(t) || ctype.IsFloat(t) {
		L.Push(st.read(t, mem, 0))
		return 1
	}
	return st.pushRef(L, t, mem, 0)
}

// convert converts v to the scalar type t as C does.
func (st *Stage) convert(L *lua.LState, t ctype.Type, v lua.LValue) *CData {
	bits, err := st.scalarBits(t, v)
	if err != nil {
		L.RaiseError("%s", err)
	}
	return &CData{t, bits}
}

// truncate cuts a value to a type's size and extends it again.
func truncate(t ctype.Type, x uint64) uint64 { return ctype.Extend(t, x) }

// ffiCast is ffi.cast(ct, v).
func (st *Stage) ffiCast(L *lua.LState) int {
	t, v := st.checkType(L, 1), L.CheckAny(2)
	switch {
	case ctype.IsPointer(t):
		return st.castPointer(L, t, v)
	case ctype.IsFloat(t):
		return st.make(L, t)
	case !ctype.IsScalar(t):
		L.RaiseError("a value can't be cast to '%s': only to numbers and pointers", ctype.Name(t))
	}
	if _, ok := ToRef(v); ok {
		L.RaiseError("'%s' has no address: it is in the compiler's memory", ctype.Name(dataType(v)))
	}
	if c, ok := ToCData(v); ok && ctype.IsPointer(c.Type) {
		v = st.wide(c.Bits, true)
	}
	return st.pushCData(L, st.convert(L, t, v))
}

// castPointer is a pointer to data in memory, or one made of a number.
func (st *Stage) castPointer(L *lua.LState, t ctype.Type, v lua.LValue) int {
	if r, ok := ToRef(v); ok {
		return st.pushRef(L, t, r.mem, r.off)
	}
	var bits uint64
	switch c, ok := ToCData(v); {
	case ok:
		bits = c.Bits
	case v == lua.LNil:
	default:
		n, ok := v.(lua.LNumber)
		if !ok {
			L.RaiseError("%s", cannotConvert(t, v))
		}
		bits = bitsOf(float64(n))
	}
	if bits == 0 {
		L.Push(lua.LNil)
		return 1
	}
	return st.pushCData(L, &CData{t, bits})
}

// ffiSizeof is ffi.sizeof(ct [, n]).
func (st *Stage) ffiSizeof(L *lua.LState) int {
	t := st.checkType(L, 1)
	if st.types.Variable(t) && L.GetTop() > 1 {
		n, _ := index(L.Get(2))
		if sized, ok := st.types.WithLength(t, int(n)); ok {
			t = sized
		}
	}
	if st.types.Incomplete(t) {
		L.Push(lua.LNil)
		return 1
	}
	L.Push(lua.LNumber(ctype.Size(t)))
	return 1
}

func (st *Stage) ffiAlignof(L *lua.LState) int {
	L.Push(lua.LNumber(st.types.Alignof(st.checkType(L, 1))))
	return 1
}

// ffiOffsetof is ffi.offsetof(ct, member). For a bit-field the position and width
// of its bits follow.
func (st *Stage) ffiOffsetof(L *lua.LState) int {
	t, name := st.checkType(L, 1), L.CheckString(2)
	m, ok := ctype.FindMember(t, name)
	if !ok {
		st.fail(L, diag.UnknownMember, "%s", noMember(t, name))
	}
	L.Push(lua.LNumber(m.Offset))
	if m.Bits == 0 {
		return 1
	}
	u := m.Units(ctype.Size(t), st.opts.BigEndian)[0]
	L.Pop(1)
	L.Push(lua.LNumber(u.Offset))
	L.Push(lua.LNumber(u.Shift))
	L.Push(lua.LNumber(m.Bits))
	return 3
}

// bytesArg is an argument that is data in memory, and what may be written there.
func (st *Stage) bytesArg(L *lua.LState, i int) []byte {
	r, ok := ToRef(L.Get(i))
	if !ok {
		L.ArgError(i, "C data expected, got "+argType(L, i))
	}
	return r.rest()
}

// ffiCopy is ffi.copy(dst, src, len) and ffi.copy(dst, str). What does not fit is
// cut.
func (st *Stage) ffiCopy(L *lua.LState) int {
	dst := st.bytesArg(L, 1)
	var src []byte
	if s, ok := L.Get(2).(lua.LString); ok {
		src = append([]byte(s), 0)
	} else if src = st.bytesArg(L, 2); L.GetTop() < 3 && ctype.IsPointer(dataType(L.Get(2))) {
		r, _ := ToRef(L.Get(2))
		src = r.Bytes()
	}
	if L.GetTop() >= 3 {
		n := L.CheckInt(3)
		src = src[:max(0, min(n, len(src)))]
	}
	st.spend(L, int64(len(src)/bytesPerStep))
	copy(dst, src)
	return 0
}

// ffiFill is ffi.fill(dst, len [, byte]).
func (st *Stage) ffiFill(L *lua.LState) int {
	dst := st.bytesArg(L, 1)
	dst = dst[:max(0, min(L.OptInt(2, len(dst)), len(dst)))]
	c := byte(L.OptInt(3, 0))
	st.spend(L, int64(len(dst)/bytesPerStep))
	for i := range dst {
		dst[i] = c
	}
	return 0
}

// ffiString is ffi.string(data [, len]): up to the first zero, or len bytes.
func (st *Stage) ffiString(L *lua.LState) int {
	if s, ok := L.Get(1).(lua.LString); ok {
		L.Push(s)
		return 1
	}
	b := st.bytesArg(L, 1)
	if L.GetTop() >= 2 {
		n := L.CheckInt(2)
		if n < 0 || n > len(b) {
			L.RaiseError("ffi.string: there are %d bytes, not %d", len(b), n)
		}
		b = b[:n]
	} else {
		for i, c := range b {
			if c == 0 {
				b = b[:i]
				break
			}
		}
	}
	st.alloc(L, int64(len(b)))
	L.Push(lua.LString(b))
	return 1
}

// ffiABI is ffi.abi(what), of the target.
func (st *Stage) ffiABI(L *lua.LState) int {
	switch L.CheckString(1) {
	case "64bit":
		return pushBool(L, true)
	case "le":
		return pushBool(L, !st.opts.BigEndian)
	case "be":
		return pushBool(L, st.opts.BigEndian)
	}
	return pushBool(L, false)
}
