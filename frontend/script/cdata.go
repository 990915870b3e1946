package script

import (
	"fmt"
	"math"
	"strconv"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// Integers of ours are C scalars in userdata. Arithmetic is that of LuaJIT's
// 64-bit cdata: an operation is unsigned if an operand is uint64_t, otherwise
// both are int64_t. Division by zero gives 0 and modulo by zero the dividend,
// as in the kernel stage, which folds the same expressions.

func mustType(name string) ctype.Type {
	t, ok := ctype.Scalar(name)
	if !ok {
		panic(&ir.Bug{Msg: "script: unknown type " + name})
	}
	return t
}

// The types that results have.
var int64Type, uint64Type = mustType("int64_t"), mustType("uint64_t")

// wideKey is the value of an integer beyond ±2^53, as a table's key.
type wideKey struct {
	bits     uint64
	negative bool
}

func (c *CData) signed() bool { return ctype.Signed(c.Type) }

// unsigned64 reports whether arithmetic with c is unsigned.
func (c *CData) unsigned64() bool { return ctype.Size(c.Type) == 8 && !c.signed() }

// digits writes c's value.
func (c *CData) digits() string {
	if c.signed() {
		return strconv.FormatInt(int64(c.Bits), 10)
	}
	return strconv.FormatUint(c.Bits, 10)
}

// String writes c as tostring does: with its suffix if it is 64 bits wide.
func (c *CData) String() string {
	if ctype.IsPointer(c.Type) {
		return fmt.Sprintf("cdata<%s>: 0x%x", ctype.Name(c.Type), c.Bits)
	}
	if ctype.IsBool(c.Type) {
		return strconv.FormatBool(c.Bits != 0)
	}
	switch {
	case ctype.Size(c.Type) < 8:
		return c.digits()
	case c.signed():
		return c.digits() + "LL"
	}
	return c.digits() + "ULL"
}

func (c *CData) float() float64 {
	if c.signed() {
		return float64(int64(c.Bits))
	}
	return float64(c.Bits)
}

// number returns c as a Lua number if one holds it exactly.
func (c *CData) number() (lua.LNumber, bool) {
	const limit = 1 << 53
	if c.signed() {
		i := int64(c.Bits)
		return lua.LNumber(i), -limit <= i && i <= limit
	}
	return lua.LNumber(c.Bits), c.Bits <= limit
}

// bitsOf converts a number to 64 bits: those of int64_t, or of uint64_t above.
func bitsOf(f float64) uint64 {
	switch {
	case f != f:
		return 1 << 63
	case f >= 1<<63 && f < 1<<64:
		return uint64(f)
	case f >= 1<<64 || f < -(1<<63):
		return 1 << 63
	}
	return uint64(int64(f))
}

// userdata wraps a value of ours.
func (st *Stage) userdata(v any, meta *lua.LTable) *lua.LUserData {
	u := st.vm.NewUserData()
	u.Value, u.Metatable = v, meta
	return u
}

// wide makes a 64-bit integer.
func (st *Stage) wide(bits uint64, unsigned bool) *lua.LUserData {
	t := int64Type
	if unsigned {
		t = uint64Type
	}
	return st.userdata(&CData{t, bits}, st.cdataMeta)
}

// The VM's tables fill up to an integer key, nil by nil. Keys that no table may
// fill up to within the memory limit, but for which the VM would try, are stored
// as objects: boxed.
const (
	boxedFrom = 1 << 22
	boxedTo   = 1 << 26 // lua.MaxArrayIndex: from here on the VM hashes keys
)

// tableKey makes equal integers equal keys: a number where one holds the value,
// otherwise one object of each value that was ever set.
func tableKey(st *Stage, v lua.LValue) lua.LValue {
	k, use, ok := st.boxKey(v)
	if !ok || k == (wideKey{}) {
		return use
	}
	if u, ok := st.wides[k]; ok {
		return u
	}
	return use
}

// boxKey reports whether v is an integer; one that is boxed has a key k. For
// others the value to use instead of v is returned.
func (st *Stage) boxKey(v lua.LValue) (k wideKey, use lua.LValue, ok bool) {
	var n lua.LNumber
	switch x := v.(type) {
	case lua.LNumber:
		n = x
	case *lua.LUserData:
		c, ok := x.Value.(*CData)
		if !ok {
			return k, v, false
		}
		if n, ok = c.number(); !ok {
			return wideKey{c.Bits, c.signed() && int64(c.Bits) < 0}, v, true
		}
	default:
		return k, v, false
	}
	if n < boxedFrom || n >= boxedTo || n != lua.LNumber(int64(n)) {
		return wideKey{}, n, true
	}
	return wideKey{uint64(n), false}, n, true
}

// settableKey is tableKey for a key that is about to be set.
func (st *Stage) settableKey(v lua.LValue) lua.LValue {
	k, use, ok := st.boxKey(v)
	if !ok || k == (wideKey{}) {
		return use
	}
	u, ok := st.wides[k]
	if !ok {
		u = st.wide(k.bits, !k.negative && k.bits>>63 != 0)
		st.wides[k] = u
		st.bounds.kept += 2 * entryBytes
	}
	return u
}

// unboxed is a key of a table as the script sees it.
func unboxed(k lua.LValue) lua.LValue {
	if c, ok := ToCData(k); ok {
		if n, ok := c.number(); ok {
			return n
		}
	}
	return k
}

// pair returns a and b as 64-bit operands of the same type if one of them is an
// integer of ours and the other one too, or a number with an integer value.
func (st *Stage) pair(a, b lua.LValue) (x, y *CData, ok bool) {
	ca, okA := ToCData(a)
	cb, okB := ToCData(b)
	if !okA && !okB {
		return nil, nil, false
	}
	t := int64Type
	if okA && ca.unsigned64() || okB && cb.unsigned64() {
		t = uint64Type
	}
	operand := func(v lua.LValue, c *CData) (*CData, bool) {
		if c != nil {
			return &CData{t, c.Bits}, true
		}
		n, ok := v.(lua.LNumber)
		f := float64(n)
		if !ok || f != math.Trunc(f) || f < -(1<<63) || f >= 1<<64 {
			return nil, false
		}
		return &CData{t, bitsOf(f)}, true
	}
	if x, ok = operand(a, ca); ok {
		y, ok = operand(b, cb)
	}
	return x, y, ok
}

// floatPair returns a and b as doubles if one is an integer of ours and the
// other a number without an integer value.
func floatPair(a, b lua.LValue) (f, g float64, ok bool) {
	if c, ok := ToCData(a); ok {
		if n, ok := b.(lua.LNumber); ok {
			return c.float(), float64(n), true
		}
	}
	if c, ok := ToCData(b); ok {
		if n, ok := a.(lua.LNumber); ok {
			return float64(n), c.float(), true
		}
	}
	return 0, 0, false
}

// arith are the operators on integers of ours.
var arith = map[string]func(x, y uint64, unsigned bool) uint64{
	"__add": func(x, y uint64, _ bool) uint64 { return x + y },
	"__sub": func(x, y uint64, _ bool) uint64 { return x - y },
	"__mul": func(x, y uint64, _ bool) uint64 { return x * y },
	"__div": divide,
	"__mod": modulo,
	"__pow": power,
}

func divide(x, y uint64, unsigned bool) uint64 {
	switch {
	case y == 0:
		return 0
	case unsigned:
		return x / y
	case int64(y) == -1:
		return -x
	}
	return uint64(int64(x) / int64(y))
}

func modulo(x, y uint64, unsigned bool) uint64 {
	switch {
	case y == 0:
		return x
	case unsigned:
		return x % y
	case int64(y) == -1:
		return 0
	}
	return uint64(int64(x) % int64(y))
}

// floorDivide rounds towards negative infinity.
func floorDivide(x, y uint64, unsigned bool) uint64 {
	q := divide(x, y, unsigned)
	if !unsigned && y != 0 && modulo(x, y, false) != 0 && (int64(x) < 0) != (int64(y) < 0) {
		q--
	}
	return q
}

func power(x, y uint64, unsigned bool) uint64 {
	if !unsigned && int64(y) < 0 {
		switch int64(x) {
		case 0:
			return math.MaxInt64
		case 1:
			return 1
		case -1:
			if y&1 == 0 {
				return 1
			}
			return ^uint64(0)
		}
		return 0
	}
	r := uint64(1)
	for ; y != 0; y >>= 1 {
		if y&1 != 0 {
			r *= x
		}
		x *= x
	}
	return r
}

// operand64 is an operand of arithmetic as 64 bits; numbers are cut.
func (st *Stage) operand64(L *lua.LState, i int) *CData {
	switch v := L.Get(i).(type) {
	case lua.LNumber:
		return &CData{int64Type, bitsOf(float64(v))}
	case *lua.LUserData:
		if c, ok := v.Value.(*CData); ok {
			return c
		}
	}
	L.RaiseError("attempt to perform arithmetic on a %s value", typeName(L.Get(i)))
	return nil
}

func (st *Stage) pushWide(L *lua.LState, bits uint64, unsigned bool) int {
	L.Push(st.wide(bits, unsigned))
	return 1
}

// openMeta makes the metatables of our values.
func (st *Stage) openMeta() {
	st.failureMeta = st.vm.NewTable()
	st.failureMeta.RawSetString("__tostring", st.vm.NewFunction(func(L *lua.LState) int {
		L.Push(st.readable(L.Get(1)))
		return 1
	}))
	m := st.vm.NewTable()
	for name, f := range arith {
		m.RawSetString(name, st.vm.NewFunction(func(L *lua.LState) int {
			x, y := st.operand64(L, 1), st.operand64(L, 2)
			unsigned := x.unsigned64() || y.unsigned64()
			return st.pushWide(L, f(x.Bits, y.Bits, unsigned), unsigned)
		}))
	}
	m.RawSetString("__unm", st.vm.NewFunction(func(L *lua.LState) int {
		x := st.operand64(L, 1)
		return st.pushWide(L, -x.Bits, x.unsigned64())
	}))
	m.RawSetString("__index", st.vm.NewFunction(func(L *lua.LState) int {
		c, _ := ToCData(L.Get(1))
		if ctype.IsPointer(c.Type) {
			L.RaiseError("'%s' is an address in the kernel: the script can't read there", ctype.Name(c.Type))
		}
		L.RaiseError("attempt to index a number ('%s')", ctype.Name(c.Type))
		return 0
	}))
	m.RawSetString("__metatable", lua.LString("ffi"))
	st.cdataMeta = m
	st.refMeta = st.vm.NewTable()
	for name, f := range map[string]libFunc{"__index": st.refIndex, "__newindex": st.refSet, "__len": st.refLen, "__add": st.refAdd, "__sub": st.refSub} {
		st.refMeta.RawSetString(name, st.vm.NewFunction(lua.LGFunction(f)))
	}
	st.refMeta.RawSetString("__metatable", lua.LString("ffi"))

	st.ctypeMeta = st.vm.NewTable()
	st.ctypeMeta.RawSetString("__call", st.vm.NewFunction(st.ctypeCall))
	st.ctypeMeta.RawSetString("__index", st.vm.NewFunction(func(L *lua.LState) int {
		ct, _ := ToCType(L.Get(1))
		st.fail(L, diag.UnknownMember, "'%s' is a type: call it to make a value, which has members", ctype.Name(ct.Type))
		return 0
	}))
	st.ctypeMeta.RawSetString("__metatable", lua.LString("ffi"))
	st.mapMeta = st.vm.NewTable()
	st.mapMeta.RawSetString("__index", st.vm.NewFunction(st.mapIndex))
	st.mapMeta.RawSetString("__newindex", st.vm.NewFunction(func(L *lua.LState) int {
		m, _ := ToMap(L.Get(1))
		st.mapSet(L, m, L.Get(2), L.Get(3))
		return 0
	}))
	st.mapMeta.RawSetString("__len", st.vm.NewFunction(func(L *lua.LState) int {
		m, _ := ToMap(L.Get(1))
		L.Push(lua.LNumber(m.MaxEntries))
		return 1
	}))
	st.mapMeta.RawSetString("__metatable", lua.LString("bpf"))
	st.programMeta = st.vm.NewTable()
	st.programMeta.RawSetString("__index", st.vm.NewFunction(func(L *lua.LState) int {
		p, _ := ToProgram(L.Get(1))
		return st.userSpace(L, "using a program", "program.get", p)
	}))
	st.programMeta.RawSetString("__metatable", lua.LString("bpf"))
	st.opsMeta = st.vm.NewTable()
	st.opsMeta.RawSetString("__index", st.vm.NewFunction(func(L *lua.LState) int {
		o, _ := ToOps(L.Get(1))
		return st.userSpace(L, "using a structure of functions", "ops.get", o)
	}))
	st.opsMeta.RawSetString("__metatable", lua.LString("bpf"))
}

// isOurs reports whether v is a value of this package.
func isOurs(v lua.LValue) bool {
	u, ok := v.(*lua.LUserData)
	if !ok {
		return false
	}
	switch u.Value.(type) {
	case *CData, *CType, *Ref, *Map, *Program:
		return true
	}
	return false
}

// describeOurs is tostring of a value of ours.
func describeOurs(u *lua.LUserData) (string, bool) {
	switch v := u.Value.(type) {
	case *CData:
		return v.String(), true
	case *Ref:
		return v.String(), true
	case *CType:
		return "ctype<" + ctype.Name(v.Type) + ">", true
	case *Map:
		return "map: " + v.Name, true
	case *Program:
		return "program: " + v.Name, true
	}
	return "", false
}

// opIDiv is //: it floors, on numbers and on integers of ours.
func (st *Stage) opIDiv(L *lua.LState) int {
	_, okA := ToCData(L.Get(1))
	_, okB := ToCData(L.Get(2))
	if okA || okB {
		x, y := st.operand64(L, 1), st.operand64(L, 2)
		unsigned := x.unsigned64() || y.unsigned64()
		return st.pushWide(L, floorDivide(x.Bits, y.Bits, unsigned), unsigned)
	}
	L.Push(lua.LNumber(math.Floor(arithNumber(L, 1) / arithNumber(L, 2))))
	return 1
}

// arithNumber is an operand of an arithmetic operator that is a call of ours.
func arithNumber(L *lua.LState, i int) float64 {
	if f, ok := plainNumber(L.Get(i)); ok {
		return f
	}
	L.RaiseError("attempt to perform arithmetic on a %s value", typeName(L.Get(i)))
	return 0
}
