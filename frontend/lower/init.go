package lower

import (
	"strings"

	"github.com/cilium/ebpf/btf"
	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// Initialisers: what is written where a struct, union or array is expected, by
// the rules of LuaJIT's FFI. A table gives members by name or in order, elements
// in order from 0 or 1, and one element for all of an array; a string gives
// bytes; another object of the type is copied. What is not named is 0, padding
// included.

// initTable is a table in an initialiser: made in the kernel stage, or captured.
type initTable struct {
	keys []lua.LValue
	get  func(lua.LValue) Value
}

// asTable returns v as a table for an initialiser.
func (lw *lowerer) asTable(v Value) (initTable, bool) {
	switch v := v.(type) {
	case *Table:
		return initTable{v.keys, func(k lua.LValue) Value { return lw.resolve(v.fields[k].get()) }}, true
	case Const:
		t, ok := v.V.(*lua.LTable)
		if !ok {
			return initTable{}, false
		}
		var keys []lua.LValue
		for k, _ := t.Next(lua.LNil); k != lua.LNil; k, _ = t.Next(k) {
			keys = append(keys, k)
		}
		return initTable{keys, func(k lua.LValue) Value { return lw.constant(t.RawGet(k)) }}, true
	}
	return initTable{}, false
}

// positions returns the elements given by number, from 0 or 1 on.
func (t initTable) positions() []Value {
	start := 1
	if !isNil(t.get(lua.LNumber(0))) {
		start = 0
	}
	var list []Value
	for v := t.get(lua.LNumber(start)); !isNil(v); v = t.get(lua.LNumber(start + len(list))) {
		list = append(list, v)
	}
	return list
}

// names returns the keys that are names.
func (t initTable) names() []string {
	var list []string
	for _, k := range t.keys {
		if s, ok := k.(lua.LString); ok && !isNil(t.get(k)) {
			list = append(list, string(s))
		}
	}
	return list
}

// storeInit writes v to r, which is no scalar: all of it.
func (lw *lowerer) storeInit(n syntax.Node, r Ref, v Value) {
	v = lw.resolve(v)
	if _, bad := v.(Bad); bad || !lw.writable(n, r) || lw.wholeOpaque(n, r) {
		return
	}
	if c, ok := v.(*Conflict); ok {
		lw.useConflict(n, c)
		return
	}
	lw.aboutToWrite(r)
	if src, ok := v.(Ref); ok {
		if viewString(src) && isBytes(r) {
			lw.readString(n, r, src)
		} else if lw.copyable(n, r.Type, src) {
			lw.copyRef(n, r, src)
		}
		return
	}
	lw.within(r, func(r Ref) Value {
		if r.Region == ir.RegionStack || r.scratch {
			lw.zero(r, 0, int64(r.size()))
			lw.fill(n, r, v)
			return Nil
		}
		// Built on the stack first: nobody is to see the object half written.
		if tmp, ok := lw.newObject(n, r.Type, "value"); ok && lw.fill(n, tmp, v) {
			lw.copyBytes(r, tmp, int64(r.size()))
		}
		return Nil
	}, nothing)
}

// copyable reports whether src may be copied to an object of type t; if not,
// that is reported.
func (lw *lowerer) copyable(n syntax.Node, t ctype.Type, src Ref) bool {
	if sameType(t, src.Type) && (!src.Pointer || isAggregate(src.Type)) {
		return true
	}
	if a, ok := arrayOf(t); ok && !src.Pointer {
		if b, ok := arrayOf(src.Type); ok {
			if ctype.Size(t) == ctype.Size(src.Type) && ctype.Size(a.Type) == ctype.Size(b.Type) {
				return true
			}
			lw.errorf(n, diag.BadValue, "%d bytes can't be assigned to an array of %d", ctype.Size(src.Type), ctype.Size(t))
			return false
		}
	}
	lw.errorf(n, diag.BadValue, "%s is no '%s'", describe(src), ctype.Name(t))
	return false
}

// sameType reports whether two types are one, typedefs aside.
func sameType(t, u ctype.Type) bool {
	t, u = underlying(t), underlying(u)
	if t == u {
		return true
	}
	switch t := t.(type) {
	case *btf.Struct:
		u, ok := u.(*btf.Struct)
		return ok && t.Name != "" && t.Name == u.Name && t.Size == u.Size
	case *btf.Union:
		u, ok := u.(*btf.Union)
		return ok && t.Name != "" && t.Name == u.Name && t.Size == u.Size
	case *btf.Array:
		u, ok := u.(*btf.Array)
		return ok && t.Nelems == u.Nelems && sameType(t.Type, u.Type)
	case *btf.Int:
		u, ok := u.(*btf.Int)
		return ok && t.Size == u.Size && t.Encoding == u.Encoding
	}
	return false
}

// fill writes v to r, which is there, is on the stack and holds zeros. It
// returns false after an error.
func (lw *lowerer) fill(n syntax.Node, r Ref, v Value) bool {
	v = lw.resolve(v)
	if isNil(v) {
		return true
	}
	if t, ok := scalarOf(r.Type); ok {
		return lw.fillScalar(n, t, r, v)
	}
	if d, ok := scriptData(v); ok {
		if text, ok := dataBytes(d); ok && ctype.Copies(r.Type, d.Type) {
			lw.copyRun(n, r, text, r.size())
			return true
		}
		lw.errorf(n, diag.BadValue, "a '%s' is no '%s'", ctype.Name(d.Type), ctype.Name(r.Type))
		return false
	}
	if src, ok := v.(Ref); ok {
		if viewString(src) && isBytes(r) {
			lw.readString(n, r, src)
			return true
		}
		if !lw.copyable(n, r.Type, src) {
			return false
		}
		lw.copyRef(n, r, src)
		return true
	}
	if done, ok := lw.fillBytes(n, r, v); done {
		return ok
	}
	t, ok := lw.asTable(v)
	if !ok {
		if _, bad := v.(Bad); !bad {
			lw.errorf(n, diag.BadValue, "%s is no '%s'%s", describe(v), ctype.Name(r.Type), asTableHint(r.Type))
		}
		return false
	}
	if a, ok := arrayOf(r.Type); ok {
		return lw.fillArray(n, r, a, t)
	}
	return lw.fillStruct(n, r, t)
}

// asTableHint shows how an object of a struct type is written.
func asTableHint(t ctype.Type) string {
	names := ctype.MemberNames(t)
	if _, ok := membersOf(t); !ok || len(names) == 0 {
		return ""
	}
	if len(names) > 1 {
		return "; write a table of its members: { " + names[0] + " = ..., " + names[1] + " = ... }"
	}
	return "; write a table of its members: { " + names[0] + " = ... }"
}

func (lw *lowerer) fillScalar(n syntax.Node, t scalarType, r Ref, v Value) bool {
	if c, ok := v.(*Conflict); ok {
		lw.useConflict(n, c)
		return false
	}
	x, ok := lw.storable(n, lw.enumerator(r.Type, v), "stored")
	if !ok {
		return false
	}
	if c, known := x.V.IsConst(); !known || c != 0 {
		lw.storeScalar(t, r, x)
	}
	return true
}

// fillBytes writes a string, a slice of the packet or a number that is one.
func (lw *lowerer) fillBytes(n syntax.Node, r Ref, v Value) (done, ok bool) {
	a, isArray := arrayOf(r.Type)
	bytes := isArray && ctype.Size(a.Type) == 1
	length := 0
	switch v := v.(type) {
	case Const:
		s, isString := v.V.(lua.LString)
		if !isString {
			return false, false
		}
		if bytes && len(s) > r.size() {
			lw.errorf(n, diag.BadValue, "'%s' has %d bytes; '%s' has room for %d", s, len(s), ctype.Name(r.Type), r.size())
			return true, false
		}
		if bytes {
			text := strings.TrimRight(string(s), "\x00") // zeros are there
			lw.copyRun(n, r, v, len(text))
			return true, true
		}
	case Bytes:
		length = v.Len
	case Int:
		if length = v.Slice; length == 0 {
			return false, false
		}
	default:
		return false, false
	}
	if !bytes {
		lw.errorf(n, diag.BadValue, "%s is no '%s'", describe(v), ctype.Name(r.Type))
		return true, false
	}
	if length != r.size() {
		lw.errorf(n, diag.BadValue, "%d bytes can't be assigned to an array of %d", length, r.size())
		return true, false
	}
	lw.copyRun(n, r, v, length)
	return true, true
}

func (lw *lowerer) fillArray(n syntax.Node, r Ref, a *btf.Array, t initTable) bool {
	if names := t.names(); len(names) > 0 {
		lw.errorf(n, diag.UnknownField, "an array has no member '%s'", names[0])
		return false
	}
	list := t.positions()
	if len(list) > int(a.Nelems) {
		lw.errorf(n, diag.BadValue, "%d elements for an array of %d", len(list), a.Nelems)
		return false
	}
	if len(list) == 1 {
		for len(list) < int(a.Nelems) {
			list = append(list, list[0])
		}
	}
	for i, v := range list {
		if !lw.fill(n, r.element(a, int64(i)), v) {
			return false
		}
	}
	return true
}

// element returns element i of r, an array.
func (r Ref) element(a *btf.Array, i int64) Ref {
	size := int64(ctype.Size(a.Type))
	r.Off += i * size
	r = r.part()
	r.Type = a.Type
	if isAggregate(a.Type) {
		r.Lo, r.Hi = r.Off, r.Off+size
	}
	return r
}

func (lw *lowerer) fillStruct(n syntax.Node, r Ref, t initTable) bool {
	names := t.names()
	if list := t.positions(); len(list) > 0 && len(names) == 0 {
		return lw.fillInOrder(n, r, list)
	}
	for _, name := range names {
		m, ok := lw.refMember(n, r, name).(Ref)
		if !ok || !lw.fill(n, m, t.get(lua.LString(name))) {
			return false
		}
	}
	return true
}

// fillInOrder writes the members of a struct one after the other, and the first
// of a union.
func (lw *lowerer) fillInOrder(n syntax.Node, r Ref, list []Value) bool {
	names := ctype.MemberNames(r.Type)
	if _, ok := underlying(r.Type).(*btf.Union); ok && len(names) > 1 {
		names = names[:1]
	}
	if len(list) > len(names) {
		lw.errorf(n, diag.BadValue, "%d values for the %d members of '%s'", len(list), len(names), ctype.Name(r.Type))
		return false
	}
	for i, v := range list {
		m, ok := lw.refMember(n, r, names[i]).(Ref)
		if !ok || !lw.fill(n, m, v) {
			return false
		}
	}
	return true
}
