package script

import (
	"math"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// openFFI makes the ffi module, for scalars.
func (st *Stage) openFFI() {
	fs := map[string]libFunc{
		"typeof": func(L *lua.LState) int {
			L.Push(st.userdata(&CType{st.checkType(L, 1)}, st.ctypeMeta))
			return 1
		},
		"new": func(L *lua.LState) int {
			t := st.scalarType(L, 1)
			if L.GetTop() < 2 {
				return st.pushCData(L, &CData{Type: t})
			}
			return st.pushCData(L, st.convert(L, t, L.Get(2)))
		},
		"cast": func(L *lua.LState) int {
			return st.pushCData(L, st.convert(L, st.scalarType(L, 1), L.CheckAny(2)))
		},
		"sizeof": func(L *lua.LState) int {
			L.Push(lua.LNumber(ctype.Size(st.checkType(L, 1))))
			return 1
		},
		"istype": func(L *lua.LState) int {
			t := st.checkType(L, 1)
			c, ok := ToCData(L.Get(2))
			return pushBool(L, ok && ctype.Underlying(c.Type) == ctype.Underlying(t))
		},
		"tonumber": st.baseTonumber,
	}
	for _, name := range []string{"offsetof", "copy", "fill", "string", "metatype", "gc", "load", "addressof", "alignof"} {
		fs[name] = func(L *lua.LState) int {
			st.fail(L, diag.UnsupportedType, "ffi.%s is not supported by this version in the script stage: C types here are integers", name)
			return 0
		}
	}
	fs["cdef"] = st.ffiCdef
	st.module("ffi", fs)
}

// scalarType is an argument that names an integer type.
func (st *Stage) scalarType(L *lua.LState, i int) ctype.Type {
	t := st.checkType(L, i)
	if !ctype.IsScalar(t) {
		st.fail(L, diag.UnsupportedType, "values of type '%s' are not supported by this version", ctype.Name(t))
	}
	return t
}

func (st *Stage) pushCData(L *lua.LState, c *CData) int {
	L.Push(st.userdata(c, st.cdataMeta))
	return 1
}

// ctypeCall is ct(x): a new value of that type, converted as C does.
func (st *Stage) ctypeCall(L *lua.LState) int {
	ct, ok := ToCType(L.Get(1))
	if !ok {
		L.ArgError(1, "C type expected")
	}
	if L.GetTop() < 2 {
		return st.pushCData(L, &CData{Type: ct.Type})
	}
	return st.pushCData(L, st.convert(L, ct.Type, L.Get(2)))
}

// convert converts v to type t as C does.
func (st *Stage) convert(L *lua.LState, t ctype.Type, v lua.LValue) *CData {
	var bits uint64
	switch v := v.(type) {
	case lua.LNumber:
		if f := float64(v); ctype.IsBool(t) && f != 0 {
			bits = 1
		} else {
			bits = bitsOf(math.Trunc(f))
		}
	case lua.LBool:
		if v {
			bits = 1
		}
	case *lua.LUserData:
		c, ok := v.Value.(*CData)
		if !ok {
			L.RaiseError("cannot convert '%s' to '%s'", typeName(v), ctype.Name(t))
		}
		bits = c.Bits
	default:
		L.RaiseError("cannot convert '%s' to '%s'", typeName(v), ctype.Name(t))
	}
	return &CData{t, truncate(t, bits)}
}

// truncate cuts a value to a type's size and extends it again.
func truncate(t ctype.Type, x uint64) uint64 {
	if ctype.IsBool(t) {
		if x != 0 {
			return 1
		}
		return 0
	}
	n := 64 - 8*uint(ctype.Size(t))
	if ctype.Signed(t) {
		return uint64(int64(x) << n >> n)
	}
	return x << n >> n
}
