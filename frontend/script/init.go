package script

import (
	"fmt"
	"math"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/ctype"
)

// Initialisers follow LuaJIT's FFI. A table gives elements and members in order,
// from [0] or [1], or members by name; a string gives the bytes of an array of
// characters; data of the same type is copied. A single element initialises all
// of an array. What is not given is zero. Beyond LuaJIT, what does not fit and
// what is not there is an error.

// cannotConvert is the error for a value that a type does not take.
func cannotConvert(t ctype.Type, v lua.LValue) error {
	return fmt.Errorf("cannot convert '%s' to '%s'", typeName(v), ctype.Name(t))
}

// scalarBits converts v to a scalar of type t, extended to 64 bits.
func (st *Stage) scalarBits(t ctype.Type, v lua.LValue) (uint64, error) {
	switch v := v.(type) {
	case lua.LNumber:
		if ctype.IsBool(t) && v != 0 {
			return 1, nil
		}
		return ctype.Extend(t, bitsOf(math.Trunc(float64(v)))), nil
	case lua.LBool:
		if v {
			return 1, nil
		}
		return 0, nil
	case lua.LString:
		if bits, ok := ctype.EnumValue(t, string(v)); ok {
			return bits, nil
		}
	case *lua.LUserData:
		if c, ok := v.Value.(*CData); ok && ctype.IsScalar(c.Type) {
			return ctype.Extend(t, c.Bits), nil
		}
	}
	return 0, cannotConvert(t, v)
}

// fillValue writes v to dst, zeroed memory of type t.
func (st *Stage) fillValue(dst []byte, t ctype.Type, v lua.LValue) error {
	switch {
	case ctype.IsPointer(t):
		return st.fillPointer(dst, t, v)
	case ctype.IsFloat(t):
		return st.fillFloat(dst, t, v)
	case ctype.IsArray(t):
		return st.fillArray(dst, t, v)
	case ctype.IsRecord(t):
		if table, ok := v.(*lua.LTable); ok {
			return st.fillRecord(dst, t, table)
		}
		return copyRef(dst, t, v)
	case !ctype.IsScalar(t):
		return cannotConvert(t, v)
	}
	bits, err := st.scalarBits(t, v)
	if err == nil {
		copy(dst, ctype.Encode(t, bits, st.opts.BigEndian))
	}
	return err
}

// fillPointer stores a pointer: nil, or what was cast from a number. Others have
// no address.
func (st *Stage) fillPointer(dst []byte, t ctype.Type, v lua.LValue) error {
	var bits uint64
	if c, ok := ToCData(v); ok && ctype.IsPointer(c.Type) {
		bits = c.Bits
	} else if _, ok := ToRef(v); ok {
		return fmt.Errorf("'%s' is in the compiler's memory: it has no address in the kernel", ctype.Name(t))
	} else if v != lua.LNil {
		return cannotConvert(t, v)
	}
	copy(dst, ctype.Encode(uint64Type, bits, st.opts.BigEndian))
	return nil
}

func (st *Stage) fillFloat(dst []byte, t ctype.Type, v lua.LValue) error {
	n, ok := v.(lua.LNumber)
	if c, isC := ToCData(v); isC {
		n, ok = lua.LNumber(c.float()), true
	}
	if !ok {
		return cannotConvert(t, v)
	}
	if len(dst) == 4 {
		copy(dst, ctype.Encode(uintOf(4), uint64(math.Float32bits(float32(n))), st.opts.BigEndian))
	} else {
		copy(dst, ctype.Encode(uint64Type, math.Float64bits(float64(n)), st.opts.BigEndian))
	}
	return nil
}

// copyRef copies data of the same type.
func copyRef(dst []byte, t ctype.Type, v lua.LValue) error {
	r, ok := ToRef(v)
	if !ok || !ctype.Copies(t, r.target()) || r.Bytes() == nil {
		if ok {
			return fmt.Errorf("cannot convert '%s' to '%s'", ctype.Name(r.Type), ctype.Name(t))
		}
		return cannotConvert(t, v)
	}
	copy(dst, r.Bytes())
	return nil
}

// isByte reports whether a string initialises an array of t.
func isByte(t ctype.Type) bool { return ctype.IsScalar(t) && ctype.Size(t) == 1 && !ctype.IsBool(t) }

func (st *Stage) fillArray(dst []byte, t ctype.Type, v lua.LValue) error {
	switch v := v.(type) {
	case lua.LString:
		if !isByte(ctype.Element(t)) {
			return cannotConvert(t, v)
		}
		if len(v) > len(dst) {
			return fmt.Errorf("a string of %d bytes does not fit '%s'", len(v), ctype.Name(t))
		}
		copy(dst, v)
		return nil
	case *lua.LTable:
		if name, ok := firstName(v); ok {
			return fmt.Errorf("'%s' has elements, no member '%s'", ctype.Name(t), name)
		}
		return st.fillElements(dst, t, positions(v))
	}
	return copyRef(dst, t, v)
}

// fillElements writes an array's elements; one alone goes to all.
func (st *Stage) fillElements(dst []byte, t ctype.Type, vs []lua.LValue) error {
	e := ctype.Element(t)
	n := ctype.Size(e)
	if len(vs) > ctype.Length(t) {
		return fmt.Errorf("%d elements do not fit '%s'", len(vs), ctype.Name(t))
	}
	for i, v := range vs {
		if err := st.fillValue(dst[i*n:(i+1)*n], e, v); err != nil {
			return fmt.Errorf("element %d: %w", i, err)
		}
	}
	if len(vs) == 1 {
		for i := 1; i < ctype.Length(t); i++ {
			copy(dst[i*n:], dst[:n])
		}
	}
	return nil
}

// positions are the elements of a table in order, from [0] or [1] to the first
// that is nil.
func positions(t *lua.LTable) []lua.LValue {
	start := 1
	if t.RawGet(lua.LNumber(0)) != lua.LNil { // RawGetInt does not see it
		start = 0
	}
	var out []lua.LValue
	for i := start; ; i++ {
		v := t.RawGet(lua.LNumber(i))
		if v == lua.LNil {
			return out
		}
		out = append(out, v)
	}
}

// firstName is the first key of t, by its letters, that is a name.
func firstName(t *lua.LTable) (name string, ok bool) {
	t.ForEach(func(k, _ lua.LValue) {
		if s, isName := k.(lua.LString); isName && (!ok || string(s) < name) {
			name, ok = string(s), true
		}
	})
	return name, ok
}

// fillRecord writes the members that a table gives, in order or by name.
func (st *Stage) fillRecord(dst []byte, t ctype.Type, table *lua.LTable) error {
	vs := positions(table)
	name, named := firstName(table)
	if len(vs) > 0 && named {
		return fmt.Errorf("members of '%s' are given by name ('%s') and in order: choose one", ctype.Name(t), name)
	}
	if len(vs) > 0 {
		return st.fillMembers(dst, t, vs)
	}
	known := map[string]bool{}
	for _, m := range ctype.AllMembers(t) {
		known[m.Name] = true
		v := table.RawGetString(m.Name)
		if v == lua.LNil {
			continue
		}
		if err := st.fillMember(dst, m, v); err != nil {
			return err
		}
	}
	unknown := ""
	table.ForEach(func(k, _ lua.LValue) {
		s := k.String()
		if _, ok := k.(lua.LString); !ok {
			s = "[" + s + "]"
		}
		if !known[s] && (unknown == "" || s < unknown) {
			unknown = s
		}
	})
	if unknown != "" {
		return fmt.Errorf("%s", noMember(t, unknown))
	}
	return nil
}

// fillMembers writes members in order.
func (st *Stage) fillMembers(dst []byte, t ctype.Type, vs []lua.LValue) error {
	ms := ctype.InitMembers(t)
	if len(vs) > len(ms) {
		return fmt.Errorf("%d values for the %d members of '%s'", len(vs), len(ms), ctype.Name(t))
	}
	for i, v := range vs {
		if err := st.fillMember(dst, ms[i], v); err != nil {
			return err
		}
	}
	return nil
}

func (st *Stage) fillMember(rec []byte, m ctype.Member, v lua.LValue) (err error) {
	if m.Bits != 0 {
		err = st.storeBits(rec, m, v)
	} else {
		err = st.fillValue(rec[m.Offset:m.Offset+ctype.Size(m.Type)], m.Type, v)
	}
	if err != nil {
		return fmt.Errorf("member '%s': %w", m.Name, err)
	}
	return nil
}

// fill writes the initialisers of ffi.new to dst, zeroed memory of type t.
func (st *Stage) fill(dst []byte, t ctype.Type, vs []lua.LValue) error {
	switch {
	case len(vs) == 0:
		return nil
	case len(vs) == 1 && st.whole(t, vs[0]):
		return st.fillValue(dst, t, vs[0])
	}
	switch {
	case ctype.IsArray(t):
		return st.fillElements(dst, t, vs)
	case ctype.IsRecord(t):
		return st.fillMembers(dst, t, vs)
	}
	if len(vs) > 1 {
		return fmt.Errorf("'%s' takes one value, not %d", ctype.Name(t), len(vs))
	}
	return st.fillValue(dst, t, vs[0])
}

// whole reports whether a single initialiser is for all of t, rather than for
// its first element or member.
func (st *Stage) whole(t ctype.Type, v lua.LValue) bool {
	switch v := v.(type) {
	case *lua.LTable:
		return true
	case lua.LString:
		return ctype.IsArray(t) && isByte(ctype.Element(t))
	case *lua.LUserData:
		r, ok := v.Value.(*Ref)
		return ok && ctype.Copies(t, r.target())
	}
	return false
}

// Encode returns the bytes that v has as a value of type t in the memory of the
// target, padding zero.
func (st *Stage) Encode(t ctype.Type, v lua.LValue) ([]byte, error) {
	dst := make([]byte, ctype.Size(t))
	return dst, st.fillValue(dst, t, v)
}
