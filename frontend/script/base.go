package script

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// openBase makes Lua's basic functions. They are ours: the VM's print to
// standard output, read files, show addresses, or don't know integers of ours.
func (st *Stage) openBase() {
	g := st.vm.G.Global
	g.RawSetString("_G", g)
	st.loaded.RawSetString("_G", g)
	g.RawSetString("_VERSION", lua.LString("Lua 5.1"))
	next := st.function("next", st.baseNext)
	inext := st.vm.NewFunction(st.ipairsNext)
	st.register(g, "", map[string]libFunc{
		"assert": st.baseAssert, "collectgarbage": st.baseCollect, "error": st.baseError,
		"getfenv": st.baseGetfenv, "setfenv": st.baseSetfenv, "getmetatable": st.baseGetmetatable,
		"setmetatable": st.baseSetmetatable, "load": st.baseLoad, "loadstring": st.baseLoadstring,
		"dofile": st.baseFile, "loadfile": st.baseFile, "require": st.baseRequire,
		"pcall": st.basePcall, "xpcall": st.baseXpcall, "print": st.basePrint,
		"rawequal": st.baseRawequal, "rawget": st.baseRawget, "rawset": st.baseRawset,
		"select": st.baseSelect, "tonumber": st.baseTonumber, "tostring": st.baseTostring,
		"type": st.baseType, "unpack": st.baseUnpack,
		"ipairs": func(L *lua.LState) int { return iterate(L, inext, lua.LNumber(0)) },
		"pairs":  func(L *lua.LState) int { return st.basePairs(L, next) },
	})
	g.RawSetString("next", next)
	pkg := st.vm.NewTable()
	pkg.RawSetString("loaded", st.loaded)
	g.RawSetString("package", pkg)
	st.loaded.RawSetString("package", pkg)
	st.module("debug", map[string]libFunc{"getinfo": st.debugGetinfo, "traceback": func(L *lua.LState) int {
		L.SetTop(1)
		return 1
	}})
}

func iterate(L *lua.LState, f *lua.LFunction, first lua.LValue) int {
	t := L.CheckTable(1)
	L.Push(f)
	L.Push(t)
	L.Push(first)
	return 3
}

func (st *Stage) basePairs(L *lua.LState, next *lua.LFunction) int {
	if m, ok := ToMap(L.Get(1)); ok {
		L.SetTop(1)
		L.Push(st.pairs(m))
		L.Insert(L.Get(-1), 1)
		L.SetTop(2)
		L.Call(1, 3)
		return 3
	}
	return iterate(L, next, lua.LNil)
}

func (st *Stage) ipairsNext(L *lua.LState) int {
	i := L.CheckInt(2) + 1
	v := L.CheckTable(1).RawGetInt(i)
	if v == lua.LNil {
		return 0
	}
	L.Push(lua.LNumber(i))
	L.Push(v)
	return 2
}

func (st *Stage) baseNext(L *lua.LState) int {
	t := L.CheckTable(1)
	k, v := t.Next(tableKey(st, L.Get(2)))
	L.Push(unboxed(k))
	if k == lua.LNil {
		return 1
	}
	L.Push(v)
	return 2
}

func (st *Stage) baseAssert(L *lua.LState) int {
	if L.GetTop() == 0 {
		L.ArgError(1, "value expected")
	}
	if lua.LVAsBool(L.Get(1)) {
		return L.GetTop()
	}
	if L.GetTop() >= 2 && L.Get(2) != lua.LNil {
		L.Error(L.Get(2), 0)
	}
	L.Error(lua.LString("assertion failed!"), 0)
	return 0
}

func (st *Stage) baseCollect(L *lua.LState) int {
	L.Push(lua.LNumber(0))
	return 1
}

func (st *Stage) baseError(L *lua.LState) int {
	v, level := L.Get(1), L.OptInt(2, 1)
	s, ok := v.(lua.LString)
	if n, isNum := v.(lua.LNumber); isNum {
		s, ok = lua.LString(formatNumber(n)), true
	}
	if id, _ := frameNode(L, level); !ok || level <= 0 || id == 0 {
		L.Error(v, 0)
	}
	L.Error(lua.LString(L.Where(level)+" "+string(s)), 0)
	return 0
}

// envFunc returns the function that getfenv and setfenv's argument means, nil
// for the global level.
func envFunc(L *lua.LState, arg lua.LValue) *lua.LFunction {
	switch v := arg.(type) {
	case *lua.LFunction:
		return v
	case lua.LNumber, *lua.LNilType:
		level := 1
		if n, ok := v.(lua.LNumber); ok {
			level = int(n)
		}
		if level == 0 {
			return nil
		}
		if dbg, ok := L.GetStack(level); ok && level > 0 {
			if f, err := L.GetInfo("f", dbg, lua.LNil); err == nil {
				if fn, ok := f.(*lua.LFunction); ok {
					return fn
				}
			}
		}
	}
	L.ArgError(1, "invalid level")
	return nil
}

func (st *Stage) baseGetfenv(L *lua.LState) int {
	if f := envFunc(L, L.Get(1)); f != nil && !f.IsG {
		L.Push(f.Env)
	} else {
		L.Push(st.vm.Env)
	}
	return 1
}

func (st *Stage) baseSetfenv(L *lua.LState) int {
	env := L.CheckTable(2)
	f := envFunc(L, L.Get(1))
	if f == nil {
		st.vm.Env = env
		return 0
	}
	if f.IsG {
		L.RaiseError("'setfenv' cannot change environment of given object")
	}
	f.Env = env
	L.Push(f)
	return 1
}

func (st *Stage) baseGetmetatable(L *lua.LState) int {
	L.CheckAny(1)
	if isOurs(L.Get(1)) {
		L.Push(lua.LString("ffi"))
		return 1
	}
	L.Push(L.GetMetatable(L.Get(1)))
	return 1
}

func (st *Stage) baseSetmetatable(L *lua.LState) int {
	t := L.CheckTable(1)
	switch L.Get(2).(type) {
	case *lua.LNilType, *lua.LTable:
	default:
		L.ArgError(2, "nil or table expected")
	}
	if mt, ok := t.Metatable.(*lua.LTable); ok && mt.RawGetString("__metatable") != lua.LNil {
		L.RaiseError("cannot change a protected metatable")
	}
	t.Metatable = L.Get(2)
	L.SetTop(1)
	return 1
}

// debugGetinfo is debug.getinfo(level or function) as far as places go.
func (st *Stage) debugGetinfo(L *lua.LState) int {
	t := L.NewTable()
	var fn *lua.LFunction
	if f, ok := L.Get(1).(*lua.LFunction); ok {
		fn = f
	} else {
		level := L.CheckInt(1)
		id, ok := frameNode(L, level)
		if !ok || level < 0 {
			return 0
		}
		line, _ := st.nodeSpan(id).Position()
		t.RawSetString("currentline", lua.LNumber(line))
		fn = envFunc(L, lua.LNumber(level))
	}
	t.RawSetString("func", fn)
	if f, ok := st.FunctionOf(fn); ok {
		line, _ := f.In(f.File).Position()
		t.RawSetString("source", lua.LString("@"+f.File.Name))
		t.RawSetString("short_src", lua.LString(f.File.Name))
		t.RawSetString("linedefined", lua.LNumber(line))
		t.RawSetString("what", lua.LString("Lua"))
	} else {
		t.RawSetString("short_src", lua.LString("[C]"))
		t.RawSetString("what", lua.LString("C"))
	}
	L.Push(t)
	return 1
}

// basePcall calls its first argument and catches what it raises, except the end
// of the stage.
func (st *Stage) basePcall(L *lua.LState) int {
	L.CheckAny(1)
	if err := st.protected(L, L.GetTop()-1); err != nil {
		return st.caught(L, err)
	}
	st.spend(L, int64(L.GetTop())/8)
	L.Insert(lua.LTrue, 1)
	return L.GetTop()
}

// caught returns false and what was raised; the end of the stage goes on.
func (st *Stage) caught(L *lua.LState, err error) int {
	if st.bounds.stop != nil {
		st.noteStop(err)
		st.goOn(L)
	}
	L.Push(lua.LFalse)
	if ae, ok := err.(*lua.ApiError); ok {
		L.Push(st.readable(ae.Object))
	} else {
		L.Push(lua.LString(err.Error()))
	}
	return 2
}

func (st *Stage) baseXpcall(L *lua.LState) int {
	f, handler := L.CheckAny(1), L.Get(2)
	n := L.GetTop()
	L.Push(f)
	for i := 3; i <= n; i++ {
		L.Push(L.Get(i))
	}
	err := st.protected(L, max(n-2, 0))
	if err == nil {
		L.Insert(lua.LTrue, n+1)
		return L.GetTop() - n
	}
	st.caught(L, err)
	raised := L.Get(-1)
	L.Push(handler)
	L.Push(raised)
	top := L.GetTop() - 2
	if err := st.protected(L, 1); err != nil {
		return st.caught(L, err)
	}
	v := L.Get(top + 1)
	L.Push(lua.LFalse)
	L.Push(v)
	return 2
}

func (st *Stage) basePrint(L *lua.LState) int {
	b := st.builder(L)
	defer b.close()
	for i := 1; i <= L.GetTop(); i++ {
		if i > 1 {
			b.addByte('\t')
		}
		b.add(st.tostring(L, L.Get(i)))
	}
	b.addByte('\n')
	if st.opts.Output != nil {
		// The script's own output: that it can't be written is no error of it.
		_, _ = io.WriteString(st.opts.Output, b.b.String())
	}
	return 0
}

func (st *Stage) baseRawequal(L *lua.LState) int {
	a, b := L.CheckAny(1), L.CheckAny(2)
	if x, y, ok := st.pair(a, b); ok {
		return pushBool(L, x.Bits == y.Bits)
	}
	return pushBool(L, L.RawEqual(a, b))
}

func (st *Stage) baseRawget(L *lua.LState) int {
	L.Push(L.CheckTable(1).RawGet(tableKey(st, L.CheckAny(2))))
	return 1
}

func (st *Stage) baseRawset(L *lua.LState) int {
	st.rawSet(L, L.CheckTable(1), st.settableKey(L.CheckAny(2)), L.CheckAny(3))
	L.SetTop(1)
	return 1
}

func (st *Stage) baseSelect(L *lua.LState) int {
	n := L.GetTop() - 1
	st.spend(L, int64(n)/bytesPerStep)
	if s, ok := L.Get(1).(lua.LString); ok && s == "#" {
		L.Push(lua.LNumber(n))
		return 1
	}
	i := L.CheckInt(1)
	if i < 0 {
		i = n + i + 1
		if i < 1 {
			L.ArgError(1, "index out of range")
		}
	} else if i == 0 {
		L.ArgError(1, "index out of range")
	}
	return max(0, n-i+1)
}

func (st *Stage) baseTonumber(L *lua.LState) int {
	v := L.CheckAny(1)
	if L.Get(2) == lua.LNil {
		f, ok := plainNumber(v)
		if c, is := ToCData(v); is {
			f, ok = c.float(), true
		} else if !ok {
			f, ok = textNumber(v)
		}
		pushNumber(L, f, ok)
		return 1
	}
	base := L.CheckInt(2)
	if base < 2 || base > 36 {
		L.ArgError(2, "base out of range")
	}
	f, ok := parseNumber(L.CheckString(1), base)
	pushNumber(L, f, ok)
	return 1
}

// pushNumber pushes f, nil if there is none.
func pushNumber(L *lua.LState, f float64, ok bool) {
	if ok {
		L.Push(lua.LNumber(f))
	} else {
		L.Push(lua.LNil)
	}
}

// plainNumber is a number of Lua's own, or one that text spells.
func plainNumber(v lua.LValue) (float64, bool) {
	switch v := v.(type) {
	case lua.LNumber:
		return float64(v), true
	case lua.LString:
		return parseNumber(string(v), 10)
	}
	return 0, false
}

// parseNumber reads a number as tonumber does.
func parseNumber(s string, base int) (float64, bool) {
	s = strings.Trim(s, " \t\n\r\v\f")
	neg := false
	digits := s
	if rest, ok := strings.CutPrefix(digits, "-"); ok {
		digits, neg = rest, true
	} else if rest, ok := strings.CutPrefix(digits, "+"); ok {
		digits = rest
	}
	if digits == "" || strings.ContainsAny(digits, "_+- ") && base != 10 {
		return 0, false
	}
	if low := strings.ToLower(digits); strings.HasPrefix(low, "0x") && (base == 10 || base == 16) {
		digits, base = digits[2:], 16
	} else if base == 10 {
		if strings.ContainsAny(low, "_xp") { // Go's own notations
			return 0, false
		}
		f, err := strconv.ParseFloat(digits, 64)
		if err != nil && !math.IsInf(f, 0) || digits[0] == '+' || digits[0] == '-' {
			return 0, false
		}
		if neg {
			f = -f
		}
		return f, true
	}
	u, err := strconv.ParseUint(digits, base, 64)
	if err != nil {
		return 0, false
	}
	if neg {
		return -float64(u), true
	}
	return float64(u), true
}

// formatNumber writes a number as Lua does, %.14g.
func formatNumber(n lua.LNumber) string {
	f := float64(n)
	if f == math.Trunc(f) && math.Abs(f) < 1e14 {
		if f == 0 && math.Signbit(f) {
			return "-0"
		}
		return strconv.FormatInt(int64(f), 10)
	}
	return formatG(f, 14, false, false)
}

func (st *Stage) baseTostring(L *lua.LState) int {
	v := L.CheckAny(1)
	if m, ok := L.GetMetaField(v, "__tostring").(*lua.LFunction); ok && !isOurs(v) {
		L.Push(m)
		L.Push(v)
		L.Call(1, 1)
		return 1
	}
	L.Push(lua.LString(st.tostring(L, v)))
	return 1
}

// tostring writes a value. What has no value to write gets a number, in the
// order of asking, where Lua would show an address.
func (st *Stage) tostring(L *lua.LState, v lua.LValue) string {
	if m, ok := L.GetMetaField(v, "__tostring").(*lua.LFunction); ok && !isOurs(v) {
		L.Push(m)
		L.Push(v)
		L.Call(1, 1)
		s, ok := concatString(L.Get(-1))
		L.Pop(1)
		if !ok {
			L.RaiseError("'__tostring' must return a string")
		}
		return s
	}
	switch v := v.(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return formatNumber(v)
	case *lua.LNilType, lua.LBool:
		return v.String()
	case *lua.LUserData:
		if s, ok := describeOurs(v); ok {
			return s
		}
	case *lua.LFunction:
		if name := st.builtins[v]; name != "" {
			return "function: builtin: " + name
		}
	}
	n, ok := st.anonymous[v]
	if !ok {
		n = len(st.anonymous) + 1
		st.anonymous[v] = n
		st.bounds.kept += entryBytes
	}
	return fmt.Sprintf("%s: %#04x", typeName(v), n)
}

func (st *Stage) baseType(L *lua.LState) int {
	L.Push(lua.LString(typeName(L.CheckAny(1))))
	return 1
}

// typeName is what type(v) says.
func typeName(v lua.LValue) string {
	if u, ok := v.(*lua.LUserData); ok {
		switch u.Value.(type) {
		case *CData, *CType, *Ref:
			return "cdata"
		}
	}
	return v.Type().String()
}

// maxResults is how many values a function may return.
const maxResults = 8000

func (st *Stage) baseUnpack(L *lua.LState) int {
	t := L.CheckTable(1)
	i, j := L.OptInt(2, 1), L.OptInt(3, t.Len())
	if i > j {
		return 0
	}
	if j-i >= maxResults || j-i < 0 {
		L.RaiseError("too many results to unpack")
	}
	for k := i; k <= j; k++ {
		L.Push(t.RawGet(tableKey(st, lua.LNumber(k))))
	}
	return j - i + 1
}
