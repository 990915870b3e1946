package script

import (
	"sort"

	lua "github.com/yuin/gopher-lua"
)

// openTable makes the table library.
func (st *Stage) openTable() {
	st.module("table", map[string]libFunc{
		"concat": st.tabConcat, "insert": st.tabInsert, "remove": st.tabRemove, "sort": st.tabSort,
		"unpack": st.baseUnpack, "pack": st.tabPack, "foreach": st.tabForeach, "foreachi": st.tabForeachi,
		"getn": func(L *lua.LState) int { L.Push(lua.LNumber(L.CheckTable(1).Len())); return 1 },
		"maxn": st.tabMaxn,
	})
}

func (st *Stage) tabPack(L *lua.LState) int {
	n := L.GetTop()
	t := L.CreateTable(n, 1)
	st.alloc(L, tableBytes+int64(n)*slotBytes)
	for i := 1; i <= n; i++ {
		t.RawSetInt(i, L.Get(i))
	}
	t.RawSetString("n", lua.LNumber(n))
	L.Push(t)
	return 1
}

func (st *Stage) tabMaxn(L *lua.LState) int {
	t := L.CheckTable(1)
	var n lua.LNumber
	st.spend(L, int64(t.Len()))
	t.ForEach(func(k, _ lua.LValue) {
		if i, ok := unboxed(k).(lua.LNumber); ok && i > n {
			n = i
		}
	})
	L.Push(n)
	return 1
}

func (st *Stage) tabConcat(L *lua.LState) int {
	t, sep := L.CheckTable(1), L.OptString(2, "")
	i, j := L.OptInt(3, 1), L.OptInt(4, t.Len())
	b := st.builder(L)
	defer b.close()
	for k := i; k <= j; k++ {
		s, ok := concatString(t.RawGet(tableKey(st, lua.LNumber(k))))
		if !ok {
			L.RaiseError("invalid value (%s) at index %d in table for 'concat'", typeName(t.RawGet(tableKey(st, lua.LNumber(k)))), k)
		}
		b.add(s)
		if k < j {
			b.add(sep)
		}
		st.spend(L, 1)
	}
	return st.pushStr(L, b.b.String())
}

func (st *Stage) tabInsert(L *lua.LState) int {
	t := L.CheckTable(1)
	n := t.Len()
	switch L.GetTop() {
	case 2:
		st.rawSet(L, t, st.settableKey(lua.LNumber(n+1)), L.Get(2))
	case 3:
		pos := L.CheckInt(2)
		if pos < 1 || pos > n {
			st.rawSet(L, t, st.settableKey(lua.LNumber(pos)), L.Get(3))
			return 0
		}
		st.alloc(L, int64(n-pos+1)*slotBytes)
		for i := n; i >= pos; i-- {
			t.RawSetInt(i+1, t.RawGetInt(i))
		}
		t.RawSetInt(pos, L.Get(3))
	default:
		L.RaiseError("wrong number of arguments to 'insert'")
	}
	return 0
}

func (st *Stage) tabRemove(L *lua.LState) int {
	t := L.CheckTable(1)
	n := t.Len()
	pos := L.OptInt(2, n)
	if n == 0 || pos < 1 || pos > n {
		L.Push(lua.LNil)
		return 1
	}
	st.spend(L, int64(n-pos)/bytesPerStep)
	L.Push(t.RawGetInt(pos))
	for i := pos; i < n; i++ {
		t.RawSetInt(i, t.RawGetInt(i+1))
	}
	t.Remove(n)
	return 1
}

// tabSort sorts a copy, so that a comparison that changes the table does no
// harm, and stores it.
func (st *Stage) tabSort(L *lua.LState) int {
	t := L.CheckTable(1)
	n := t.Len()
	st.alloc(L, int64(n)*slotBytes)
	st.spend(L, int64(n))
	var less *lua.LFunction
	if L.Get(2) != lua.LNil {
		less = L.CheckFunction(2)
	}
	vals := make([]lua.LValue, n)
	for i := range vals {
		vals[i] = t.RawGetInt(i + 1)
	}
	sort.SliceStable(vals, func(i, j int) bool {
		if less != nil {
			return st.truth(L, less, vals[i], vals[j])
		}
		return st.less(L, vals[i], vals[j], false)
	})
	for i, v := range vals {
		t.RawSetInt(i+1, v)
	}
	return 0
}

func (st *Stage) tabForeachi(L *lua.LState) int {
	t, f := L.CheckTable(1), L.CheckFunction(2)
	for i := 1; i <= t.Len(); i++ {
		if visit(L, f, lua.LNumber(i), t.RawGetInt(i)) {
			return 1
		}
	}
	return 0
}

func (st *Stage) tabForeach(L *lua.LState) int {
	t, f := L.CheckTable(1), L.CheckFunction(2)
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		if visit(L, f, unboxed(k), v) {
			return 1
		}
	}
	return 0
}

// visit calls f(k, v) and leaves its result if that is not nil.
func visit(L *lua.LState, f *lua.LFunction, k, v lua.LValue) bool {
	L.Push(f)
	L.Push(k)
	L.Push(v)
	L.Call(2, 1)
	if L.Get(-1) != lua.LNil {
		return true
	}
	L.Pop(1)
	return false
}
