package script

import (
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/syntax"
)

// Names of our operations, as variables around each chunk.
const (
	opEq        = "\x00eq"
	opNe        = "\x00ne"
	opLt        = "\x00lt"
	opLe        = "\x00le"
	opGt        = "\x00gt"
	opGe        = "\x00ge"
	opIDiv      = "\x00idiv"
	opBAnd      = "\x00band"
	opBOr       = "\x00bor"
	opBXor      = "\x00bxor"
	opBNot      = "\x00bnot"
	opShl       = "\x00shl"
	opShr       = "\x00shr"
	opConcat    = "\x00concat"
	opKey       = "\x00key"
	opSet       = "\x00set"
	opFill      = "\x00fill"
	opBound     = "\x00bound"
	opSame      = "\x00same"
	opBuild     = "\x00table"
	opClose     = "\x00close"
	opDeferred  = "\x00deferred"
	opConstants = "\x00constants"
	opGlobals   = "\x00globals"
)

// opTable is what each operation does; the last two are tables.
var opTable = []struct {
	name string
	f    func(st *Stage, L *lua.LState) int
}{
	{opEq, func(st *Stage, L *lua.LState) int { return pushBool(L, st.equal(L, L.Get(1), L.Get(2))) }},
	{opNe, func(st *Stage, L *lua.LState) int { return pushBool(L, !st.equal(L, L.Get(1), L.Get(2))) }},
	{opLt, func(st *Stage, L *lua.LState) int { return pushBool(L, st.less(L, L.Get(1), L.Get(2), false)) }},
	{opLe, func(st *Stage, L *lua.LState) int { return pushBool(L, st.less(L, L.Get(1), L.Get(2), true)) }},
	{opGt, func(st *Stage, L *lua.LState) int { return pushBool(L, st.less(L, L.Get(2), L.Get(1), false)) }},
	{opGe, func(st *Stage, L *lua.LState) int { return pushBool(L, st.less(L, L.Get(2), L.Get(1), true)) }},
	{opIDiv, (*Stage).opIDiv},
	{opBAnd, func(st *Stage, L *lua.LState) int { return st.bitOperator(L, "band") }},
	{opBOr, func(st *Stage, L *lua.LState) int { return st.bitOperator(L, "bor") }},
	{opBXor, func(st *Stage, L *lua.LState) int { return st.bitOperator(L, "bxor") }},
	{opBNot, func(st *Stage, L *lua.LState) int { return st.bitOperator(L, "bnot") }},
	{opShl, func(st *Stage, L *lua.LState) int { return st.bitOperator(L, "lshift") }},
	{opShr, func(st *Stage, L *lua.LState) int { return st.bitOperator(L, "rshift") }},
	{opConcat, (*Stage).opConcat},
	{opKey, func(st *Stage, L *lua.LState) int { L.Push(tableKey(st, L.Get(1))); return 1 }},
	{opSet, func(st *Stage, L *lua.LState) int { st.set(L, L.Get(1), L.Get(2), L.Get(3)); return 0 }},
	{opFill, (*Stage).opFill},
	{opBound, (*Stage).opBound},
	{opSame, func(st *Stage, L *lua.LState) int { L.SetTop(1); return 1 }},
	{opBuild, func(st *Stage, L *lua.LState) int {
		p := st.tables[L.CheckInt(1)]
		st.alloc(L, p.bytes())
		L.Push(p.build(st))
		return 1
	}},
	{opClose, (*Stage).opClose},
	{opDeferred, (*Stage).opDeferred},
	{opConstants, nil},
	{opGlobals, nil},
}

func pushBool(L *lua.LState, b bool) int {
	L.Push(lua.LBool(b))
	return 1
}

// openOps makes the operations, and the table of constants.
func (st *Stage) openOps() {
	st.ops = map[string]lua.LValue{}
	for _, o := range opTable {
		st.opNames = append(st.opNames, o.name)
		if o.f != nil {
			st.ops[o.name] = st.vm.NewFunction(func(L *lua.LState) int { return o.f(st, L) })
		}
	}
	st.constants = constants{root: st.vm.NewTable(), index: map[any]int{}}
	st.ops[opConstants] = st.constants.root
	st.ops[opGlobals] = st.vm.G.Global
}

// equal is ==: integers of ours compare with numbers by value.
func (st *Stage) equal(L *lua.LState, a, b lua.LValue) bool {
	if x, y, ok := st.pair(a, b); ok {
		return x.Bits == y.Bits
	} else if f, g, ok := floatPair(a, b); ok {
		return f == g
	} else if eq, ok := refEqual(a, b); ok {
		return eq
	}
	return L.Equal(a, b)
}

// less is < and, with orEqual, <=.
func (st *Stage) less(L *lua.LState, a, b lua.LValue, orEqual bool) bool {
	switch x := a.(type) {
	case lua.LNumber:
		if y, ok := b.(lua.LNumber); ok {
			return x < y || orEqual && x == y
		}
	case lua.LString:
		if y, ok := b.(lua.LString); ok {
			return x < y || orEqual && x == y
		}
	}
	if x, y, ok := st.pair(a, b); ok {
		if x.Bits == y.Bits {
			return orEqual
		}
		if x.Type == uint64Type {
			return x.Bits < y.Bits
		}
		return int64(x.Bits) < int64(y.Bits)
	} else if f, g, ok := floatPair(a, b); ok {
		return f < g || orEqual && f == g
	}
	if a.Type() != b.Type() || isOurs(a) || isOurs(b) {
		L.RaiseError("attempt to compare %s with %s", typeName(a), typeName(b))
	}
	if orEqual {
		if m := sharedMeta(L, a, b, "__le"); m != nil {
			return st.truth(L, m, a, b)
		}
		if m := sharedMeta(L, a, b, "__lt"); m != nil {
			return !st.truth(L, m, b, a)
		}
	} else if m := sharedMeta(L, a, b, "__lt"); m != nil {
		return st.truth(L, m, a, b)
	}
	L.RaiseError("attempt to compare two %s values", typeName(a))
	return false
}

// sharedMeta returns the metamethod that a and b have in common.
func sharedMeta(L *lua.LState, a, b lua.LValue, event string) *lua.LFunction {
	m, ok := L.GetMetaField(a, event).(*lua.LFunction)
	if !ok || L.GetMetaField(b, event) != lua.LValue(m) {
		return nil
	}
	return m
}

func (st *Stage) truth(L *lua.LState, f *lua.LFunction, a, b lua.LValue) bool {
	L.Push(f)
	L.Push(a)
	L.Push(b)
	L.Call(2, 1)
	v := L.Get(-1)
	L.Pop(1)
	return lua.LVAsBool(v)
}

// opConcat is a .. b .. c.
func (st *Stage) opConcat(L *lua.LState) int {
	n := L.GetTop()
	total := 0
	plain := true
	for i := 1; i <= n; i++ {
		s, ok := concatString(L.Get(i))
		plain = plain && ok
		total += len(s)
	}
	if !plain {
		return st.concatMeta(L, n)
	}
	st.alloc(L, int64(total))
	var b strings.Builder
	b.Grow(total)
	for i := 1; i <= n; i++ {
		s, _ := concatString(L.Get(i))
		b.WriteString(s)
	}
	L.Push(lua.LString(b.String()))
	return 1
}

// concatString is an operand of .. as text; integers of ours are written in
// full.
func concatString(v lua.LValue) (string, bool) {
	switch v := v.(type) {
	case lua.LString:
		return string(v), true
	case lua.LNumber:
		return formatNumber(v), true
	case *lua.LUserData:
		if c, ok := v.Value.(*CData); ok {
			return c.digits(), true
		}
		if r, ok := v.Value.(*Ref); ok {
			return r.text()
		}
	}
	return "", false
}

// concatMeta joins from the right, as Lua does, calling __concat.
func (st *Stage) concatMeta(L *lua.LState, n int) int {
	acc := L.Get(n)
	for i := n - 1; i >= 1; i-- {
		v := L.Get(i)
		a, ok1 := concatString(v)
		b, ok2 := concatString(acc)
		if ok1 && ok2 {
			st.alloc(L, int64(len(a)+len(b)))
			acc = lua.LString(a + b)
			continue
		}
		m := L.GetMetaField(v, "__concat")
		if m == lua.LNil {
			m = L.GetMetaField(acc, "__concat")
		}
		if m == lua.LNil {
			bad := v
			if ok1 {
				bad = acc
			}
			L.RaiseError("attempt to concatenate a %s value", typeName(bad))
		}
		L.Push(m)
		L.Push(v)
		L.Push(acc)
		L.Call(2, 1)
		acc = L.Get(-1)
		L.Pop(1)
	}
	L.Push(acc)
	return 1
}

// set is obj[key] = value.
func (st *Stage) set(L *lua.LState, obj, key, value lua.LValue) {
	key = st.settableKey(key)
	if t, ok := obj.(*lua.LTable); ok && t.Metatable == lua.LNil {
		st.rawSet(L, t, key, value)
		return
	}
	if m, ok := ToMap(obj); ok {
		st.mapSet(L, m, key, value)
		return
	}
	if t, ok := obj.(*lua.LTable); ok && (t.RawGet(key) != lua.LNil || L.GetMetaField(t, "__newindex") == lua.LNil) {
		st.rawSet(L, t, key, value)
		return
	}
	L.SetTable(obj, key, value)
}

// rawSet sets a field of a table. The VM's tables fill up to a new integer key
// and keep deleted keys; both are accounted for.
func (st *Stage) rawSet(L *lua.LState, t *lua.LTable, key, value lua.LValue) {
	switch k := key.(type) {
	case lua.LNumber:
		f := float64(k)
		if f != f {
			L.RaiseError("table index is NaN")
		}
		if i := int(k); f == math.Trunc(f) && f > maxInline && f < float64(lua.MaxArrayIndex) {
			if old := max(t.Len(), st.bounds.padded[t]); i > old+1 {
				if value == lua.LNil {
					return
				}
				st.alloc(L, int64(i-old)*slotBytes)
			}
			if i > st.bounds.padded[t] {
				st.bounds.padded[t] = i
			}
		}
	case *lua.LNilType:
		L.RaiseError("table index is nil")
	}
	if value == lua.LNil && t.RawGet(key) != lua.LNil {
		if _, ok := key.(lua.LNumber); !ok {
			st.bounds.kept += deletedBytes
		}
	}
	t.RawSet(key, value)
}

// opFill sets fields of a new table.
func (st *Stage) opFill(L *lua.LState) int {
	t := L.CheckTable(1)
	for i := 2; i+1 <= L.GetTop(); i += 2 {
		st.rawSet(L, t, st.settableKey(L.Get(i)), L.Get(i+1))
	}
	L.SetTop(1)
	return 1
}

// opBound makes a bound of a numeric 'for' a number.
func (st *Stage) opBound(L *lua.LState) int {
	if f, ok := plainNumber(L.Get(1)); ok {
		L.Push(lua.LNumber(f))
		return 1
	}
	if c, ok := ToCData(L.Get(1)); ok {
		if n, ok := c.number(); ok {
			L.Push(n)
			return 1
		}
		L.RaiseError("'for' %s is too large for the script stage: %s", L.CheckString(2), c.digits())
	}
	L.RaiseError("'for' %s must be a number", L.CheckString(2))
	return 0
}

// opClose stands behind local x <close>.
func (st *Stage) opClose(L *lua.LState) int {
	if v := L.Get(1); v != lua.LNil && v != lua.LFalse {
		L.RaiseError("'<close>' works in functions compiled for the kernel; here, close the value where its scope ends")
	}
	return 0
}

// constants are values that the VM's code takes from a table, in pages.
type constants struct {
	root  *lua.LTable
	page  *lua.LTable
	n     int
	index map[any]int
}

const constsPerPage = 200

func (st *Stage) constant(key any, v lua.LValue) int {
	k := &st.constants
	if i, ok := k.index[key]; ok {
		return i
	}
	i := k.n
	if i%constsPerPage == 0 {
		k.page = st.vm.CreateTable(constsPerPage, 0)
		k.root.RawSetInt(i/constsPerPage+1, k.page)
	}
	k.page.RawSetInt(i%constsPerPage+1, v)
	k.index[key] = i
	k.n++
	return i
}

func (st *Stage) numberConst(f float64) int { return st.constant(f, lua.LNumber(f)) }
func (st *Stage) stringConst(s string) int  { return st.constant(s, lua.LString(s)) }

// wideLiteral is the constant of a literal that is an integer of ours.
func (st *Stage) wideLiteral(e *syntax.NumberExpr) int {
	unsigned := e.Kind == syntax.Uint
	return st.constant(wideKey{e.Bits, unsigned}, st.wide(e.Bits, unsigned))
}

func (st *Stage) wideValue(e *syntax.NumberExpr) *lua.LUserData {
	return st.wide(e.Bits, e.Kind == syntax.Uint)
}

// constTable is a table constructor of literals only.
type constTable struct{ entries []constEntry }

type constEntry struct{ key, value constValue }

type constValue struct {
	value lua.LValue
	table *constTable
}

func (p *constTable) bytes() int64 {
	n := int64(tableBytes)
	for _, e := range p.entries {
		n += slotBytes
		if e.value.table != nil {
			n += e.value.table.bytes()
		}
	}
	return n
}

// build makes the table. Its keys are in order, or few.
func (p *constTable) build(st *Stage) *lua.LTable {
	t := st.vm.CreateTable(len(p.entries), 0)
	for _, e := range p.entries {
		v := e.value.value
		if e.value.table != nil {
			v = e.value.table.build(st)
		}
		t.RawSet(st.settableKey(e.key.value), v)
	}
	return t
}

// validKey reports whether a literal may be a key that is set without asking.
func validKey(v lua.LValue) bool {
	n, ok := v.(lua.LNumber)
	return !ok || float64(n) <= maxInline || float64(n) != math.Trunc(float64(n))
}

func number[T int | float64](n T) lua.LValue { return lua.LNumber(n) }
func boolean(b bool) lua.LValue              { return lua.LBool(b) }
func str(s string) lua.LValue                { return lua.LString(s) }
