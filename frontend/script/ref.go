package script

import (
	"errors"
	"fmt"
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// C data in memory. Bytes lie as they do on the target: in its byte order, with
// padding that is zero. What a script can get at is a Ref: a whole struct, union
// or array, a part of one, or a pointer into it. There are no addresses; a Ref
// knows its memory, so every access is checked.

// memory is what ffi.new allocates.
type memory struct{ bytes []byte }

// Ref is C data in memory as a value of the script. One of a pointer type points
// there, any other is what lies there.
type Ref struct {
	Type ctype.Type
	mem  *memory
	off  int
}

// ToRef returns the C data in memory that v is.
func ToRef(v lua.LValue) (*Ref, bool) { return userdata[*Ref](v) }

// Bytes returns what the data, or what the pointer points to, consists of; nil
// if that is not in its memory. The slice is the memory itself.
func (r *Ref) Bytes() []byte {
	n := ctype.Size(r.target())
	if r.off < 0 || r.off+n > len(r.mem.bytes) {
		return nil
	}
	return r.mem.bytes[r.off : r.off+n : r.off+n]
}

// target is the type of what lies at r.
func (r *Ref) target() ctype.Type {
	if ctype.IsPointer(r.Type) {
		return ctype.Element(r.Type)
	}
	return r.Type
}

// rest returns the memory from r on.
func (r *Ref) rest() []byte {
	if r.off < 0 || r.off > len(r.mem.bytes) {
		return nil
	}
	if !ctype.IsPointer(r.Type) {
		return r.Bytes()
	}
	return r.mem.bytes[r.off:]
}

// NewRef returns data of type t, which lies in b, as a value of the script.
func (st *Stage) NewRef(t ctype.Type, b []byte) lua.LValue {
	return st.userdata(&Ref{Type: t, mem: &memory{b}}, st.refMeta)
}

// String writes r as tostring does.
func (r *Ref) String() string {
	if s, ok := r.text(); ok {
		return s
	}
	return "cdata<" + ctype.Name(r.Type) + ">"
}

// text is the string in an array of char, up to its first zero.
func (r *Ref) text() (string, bool) {
	if !ctype.IsArray(r.Type) || !isText(ctype.Element(r.Type)) {
		return "", false
	}
	s, _, _ := strings.Cut(string(r.Bytes()), "\x00")
	return s, true
}

// textNumber is what an array of char reads as, as a number.
func textNumber(v lua.LValue) (float64, bool) {
	r, ok := ToRef(v)
	if !ok {
		return 0, false
	}
	s, _ := r.text()
	return parseNumber(s, 10)
}

// isText reports whether t is char itself, not another integer of one byte.
func isText(t ctype.Type) bool { return ctype.Underlying(t).TypeName() == "char" }

// read is the value of type t that lies in b: a number, a boolean, a 64-bit
// integer of ours, a pointer. mem and off are where that is.
func (st *Stage) read(t ctype.Type, mem *memory, off int) lua.LValue {
	n := ctype.Size(t)
	if off < 0 || off+n > len(mem.bytes) {
		return lua.LNil
	}
	b := mem.bytes[off : off+n]
	switch {
	case ctype.IsFloat(t):
		return lua.LNumber(decodeFloat(b, st.opts.BigEndian))
	case ctype.IsPointer(t):
		bits := ctype.Decode(uint64Type, b, st.opts.BigEndian)
		if bits == 0 {
			return lua.LNil
		}
		return st.userdata(&CData{t, bits}, st.cdataMeta)
	case ctype.IsScalar(t):
		return st.scalar(t, ctype.Decode(t, b, st.opts.BigEndian))
	}
	return st.userdata(&Ref{t, mem, off}, st.refMeta)
}

// scalar is a C scalar that was read, as Lua has it.
func (st *Stage) scalar(t ctype.Type, bits uint64) lua.LValue {
	c := &CData{t, bits}
	if ctype.IsBool(t) {
		return lua.LBool(bits != 0)
	}
	if n, ok := c.number(); ok && ctype.Size(t) < 8 {
		return n
	}
	return st.wide(bits, c.unsigned64())
}

func decodeFloat(b []byte, big bool) float64 {
	if len(b) == 4 {
		t, _ := ctype.Scalar("uint32_t")
		return float64(math.Float32frombits(uint32(ctype.Decode(t, b, big))))
	}
	return math.Float64frombits(ctype.Decode(uint64Type, b, big))
}

// place is what r[k] or r.k is: a member or an element.
type place struct {
	t   ctype.Type
	mem *memory
	off int
	// rec and bits are set for a bit-field: the record around it, and where in
	// it the bits are.
	rec  []byte
	bits ctype.Member
}

// accessError is what is wrong with an access.
type accessError struct {
	code diag.Code
	msg  string
}

func (e *accessError) Error() string { return e.msg }

func badAccess(format string, args ...any) error {
	return &accessError{diag.ScriptError, fmt.Sprintf(format, args...)}
}

// place finds a member or element.
func (r *Ref) place(key lua.LValue) (place, error) {
	t := r.Type
	if name, ok := key.(lua.LString); ok {
		if ctype.IsPointer(t) && ctype.IsRecord(ctype.Element(t)) {
			t = ctype.Element(t)
		}
		return (&Ref{t, r.mem, r.off}).member(string(name))
	}
	e := ctype.Element(t)
	i, ok := index(key)
	switch {
	case e == nil:
		return place{}, badAccess("'%s' has members, no elements: it can't be indexed with %s", ctype.Name(t), article(typeName(key)))
	case !ok:
		return place{}, badAccess("'%s' is indexed with an integer, not %s", ctype.Name(t), article(typeName(key)))
	case !ctype.IsPointer(t) && (i < 0 || i >= int64(ctype.Length(t))):
		return place{}, badAccess("index %d is outside '%s'", i, ctype.Name(t))
	}
	n := int64(ctype.Size(e))
	if n == 0 || i < -1<<32 || i > 1<<32 || int64(r.off)+i*n < 0 || int64(r.off)+(i+1)*n > int64(len(r.mem.bytes)) {
		return place{}, badAccess("element %d is outside the memory that '%s' points to", i, ctype.Name(t))
	}
	return place{t: e, mem: r.mem, off: r.off + int(i*n)}, nil
}

// member finds the member of that name of the record r.
func (r *Ref) member(name string) (place, error) {
	m, ok := ctype.FindMember(r.Type, name)
	if !ok {
		return place{}, &accessError{diag.UnknownMember, noMember(r.Type, name)}
	}
	if r.Bytes() == nil {
		return place{}, badAccess("'%s' points outside its memory", ctype.Name(r.Type))
	}
	p := place{t: m.Type, mem: r.mem, off: r.off + m.Offset}
	if m.Bits != 0 {
		p.rec, p.bits = r.Bytes(), m
	}
	return p, nil
}

// noMember says that t has no such member, and which it probably has.
func noMember(t ctype.Type, name string) string {
	if !ctype.IsRecord(t) {
		return "'" + ctype.Name(t) + "' has no members, so no '" + name + "'"
	}
	hint := ""
	if near := diag.Closest(name, ctype.MemberNames(t)); near != "" {
		hint = " (did you mean '" + near + "'?)"
	}
	return "'" + ctype.Name(t) + "' has no member '" + name + "'" + hint
}

// index is a key as an integer.
func index(v lua.LValue) (int64, bool) {
	if c, ok := ToCData(v); ok {
		return int64(c.Bits), ctype.IsScalar(c.Type)
	}
	n, ok := v.(lua.LNumber)
	f := float64(n)
	return int64(f), ok && math.Abs(f) < 1<<53
}

// refPlace is the place that the first two arguments name.
func (st *Stage) refPlace(L *lua.LState) (*Ref, place) {
	r, _ := ToRef(L.Get(1))
	p, err := r.place(L.Get(2))
	var e *accessError
	if errors.As(err, &e) && e.code != diag.ScriptError {
		st.fail(L, e.code, "%s", e.msg)
	} else if err != nil {
		L.RaiseError("%s", err)
	}
	return r, p
}

// refIndex is r[k] and r.k.
func (st *Stage) refIndex(L *lua.LState) int {
	_, p := st.refPlace(L)
	L.Push(st.readPlace(p))
	return 1
}

// Index returns a member or element of C data, as the script reads it.
func (st *Stage) Index(r *Ref, key lua.LValue) (lua.LValue, error) {
	p, err := r.place(key)
	if err != nil {
		return nil, err
	}
	return st.readPlace(p), nil
}

func (st *Stage) readPlace(p place) lua.LValue {
	if p.bits.Bits == 0 {
		return st.read(p.t, p.mem, p.off)
	}
	var bits uint64
	for _, u := range p.bits.Units(len(p.rec), st.opts.BigEndian) {
		v := ctype.Decode(uintOf(u.Size), p.rec[u.Offset:], st.opts.BigEndian) >> u.Shift
		bits |= v & (1<<u.Bits - 1) << u.Place
	}
	if n := 64 - p.bits.Bits; ctype.Signed(p.t) {
		bits = uint64(int64(bits) << n >> n)
	}
	return st.scalar(p.t, bits)
}

// uintOf is the unsigned integer type of that size.
func uintOf(size int) ctype.Type {
	return mustType(map[int]string{1: "uint8_t", 2: "uint16_t", 4: "uint32_t", 8: "uint64_t"}[size])
}

// refSet is r[k] = v and r.k = v.
func (st *Stage) refSet(L *lua.LState) int {
	r, p := st.refPlace(L)
	if ctype.IsConst(r.target()) || ctype.IsConst(p.t) {
		L.RaiseError("this is part of '%s': it can't be changed", ctype.Name(r.Type))
	}
	var err error
	if p.bits.Bits != 0 {
		err = st.storeBits(p.rec, p.bits, L.Get(3))
	} else if v := L.Get(3); v == lua.LNil && !ctype.IsPointer(p.t) {
		L.RaiseError("cannot convert 'nil' to '%s'", ctype.Name(p.t))
	} else {
		b := p.mem.bytes[p.off : p.off+ctype.Size(p.t)]
		st.spend(L, int64(len(b)/bytesPerStep))
		tmp := make([]byte, len(b)) // v may be a part of b, or not convert
		if err = st.fillValue(tmp, p.t, v); err == nil {
			copy(b, tmp)
		}
	}
	if err != nil {
		L.RaiseError("%s", err)
	}
	return 0
}

// storeBits writes a bit-field.
func (st *Stage) storeBits(rec []byte, m ctype.Member, v lua.LValue) error {
	bits, err := st.scalarBits(m.Type, v)
	if err != nil {
		return err
	}
	for _, u := range m.Units(len(rec), st.opts.BigEndian) {
		t := uintOf(u.Size)
		mask := uint64(1<<u.Bits-1) << u.Shift
		word := ctype.Decode(t, rec[u.Offset:], st.opts.BigEndian)&^mask | bits>>u.Place<<u.Shift&mask
		copy(rec[u.Offset:], ctype.Encode(t, word, st.opts.BigEndian))
	}
	return nil
}

// refLen is #r: the size of an array.
func (st *Stage) refLen(L *lua.LState) int {
	r, _ := ToRef(L.Get(1))
	if !ctype.IsArray(r.Type) {
		L.RaiseError("attempt to get the length of '%s', which is no array", ctype.Name(r.Type))
	}
	L.Push(lua.LNumber(ctype.Length(r.Type)))
	return 1
}

// pointer is what an array or struct is in pointer arithmetic.
func (r *Ref) pointer() *Ref {
	switch {
	case ctype.IsPointer(r.Type):
		return r
	case ctype.IsArray(r.Type):
		return &Ref{ctype.PointerTo(ctype.Element(r.Type)), r.mem, r.off}
	}
	return &Ref{ctype.PointerTo(r.Type), r.mem, r.off}
}

// refAdd is p + n and n + p; refSub is p - n and p - q.
func (st *Stage) refAdd(L *lua.LState) int {
	a, b := L.Get(1), L.Get(2)
	if _, ok := ToRef(a); !ok {
		a, b = b, a
	}
	return st.move(L, a, b, 1)
}

func (st *Stage) refSub(L *lua.LState) int {
	p, okP := ToRef(L.Get(1))
	q, okQ := ToRef(L.Get(2))
	if !okP || !okQ {
		return st.move(L, L.Get(1), L.Get(2), -1)
	}
	p, q = p.pointer(), q.pointer()
	n := ctype.Size(p.target())
	if p.mem != q.mem || n == 0 || n != ctype.Size(q.target()) {
		L.RaiseError("pointers to different objects can't be subtracted")
	}
	L.Push(lua.LNumber((p.off - q.off) / n))
	return 1
}

func (st *Stage) move(L *lua.LState, ptr, by lua.LValue, sign int64) int {
	r, ok := ToRef(ptr)
	i, okI := index(by)
	if !ok || !okI {
		L.RaiseError("attempt to perform arithmetic on a %s value", typeName(ptr))
	}
	r = r.pointer()
	n := int64(ctype.Size(r.target()))
	to := int64(r.off) + sign*i*n
	if i < -1<<32 || i > 1<<32 || to < -1<<40 || to > 1<<40 {
		L.RaiseError("a pointer can't be moved by that much")
	}
	L.Push(st.userdata(&Ref{r.Type, r.mem, int(to)}, st.refMeta))
	return 1
}

// refEqual is ==: arrays are equal if their bytes are, and to a string if it is
// what is in them; structs and pointers if they are the same place.
func refEqual(a, b lua.LValue) (equal, ok bool) {
	x, okX := ToRef(a)
	y, okY := ToRef(b)
	switch {
	case !okX && !okY:
		return false, false
	case !okX:
		return refEqual(b, a)
	case !okY:
		s, isString := b.(lua.LString)
		if !isString || ctype.Element(x.Type) == nil || ctype.Size(ctype.Element(x.Type)) != 1 || ctype.IsPointer(x.Type) {
			return false, true
		}
		have := x.Bytes()
		return strings.HasPrefix(string(have), string(s)) && (len(s) == len(have) || have[len(s)] == 0), true
	}
	if ctype.Length(x.Type) > 0 && ctype.Length(y.Type) > 0 {
		return string(x.Bytes()) == string(y.Bytes()), true
	}
	return x.mem == y.mem && x.off == y.off, true
}
