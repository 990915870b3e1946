package script

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// openString makes the string library. All of it is ours: what it builds counts
// against the stage's memory, and what it matches against its time.
func (st *Stage) openString() {
	t := st.module("string", map[string]libFunc{
		"byte": st.strByte, "char": st.strChar, "find": st.strFind, "format": st.strFormat,
		"gmatch": st.strGmatch, "gsub": st.strGsub, "len": st.strLen, "lower": st.strLower,
		"match": st.strMatch, "rep": st.strRep, "reverse": st.strReverse, "sub": st.strSub,
		"upper": st.strUpper,
	})
	t.RawSetString("gfind", t.RawGetString("gmatch"))
	st.stringMeta = st.vm.NewTable()
	st.stringMeta.RawSetString("__index", t)
	st.vm.SetMetatable(lua.LString(""), st.stringMeta)
}

// checkStr is a string argument; numbers are converted.
func checkStr(L *lua.LState, i int) string {
	switch v := L.Get(i).(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return formatNumber(v)
	case *lua.LUserData:
		if c, ok := v.Value.(*CData); ok {
			return c.digits()
		}
	}
	L.ArgError(i, "string expected, got "+argType(L, i))
	return ""
}

func argType(L *lua.LState, i int) string {
	if i > L.GetTop() {
		return "no value"
	}
	return typeName(L.Get(i))
}

// at makes a position that may count from the end one that counts from 1.
func strPos(i, n int) int {
	if i < 0 {
		return max(0, n+i+1)
	}
	return i
}

func (st *Stage) pushStr(L *lua.LState, s string) int {
	L.Push(lua.LString(s))
	return 1
}

func (st *Stage) strLen(L *lua.LState) int {
	L.Push(lua.LNumber(len(checkStr(L, 1))))
	return 1
}

func (st *Stage) strSub(L *lua.LState) int {
	s := checkStr(L, 1)
	i, j := strPos(L.CheckInt(2), len(s)), strPos(L.OptInt(3, -1), len(s))
	i, j = max(i, 1), min(j, len(s))
	if i > j {
		return st.pushStr(L, "")
	}
	return st.pushStr(L, s[i-1:j])
}

func (st *Stage) strByte(L *lua.LState) int {
	s := checkStr(L, 1)
	i := strPos(L.OptInt(2, 1), len(s))
	j := strPos(L.OptInt(3, i), len(s))
	i, j = max(i, 1), min(j, len(s))
	if i > j {
		return 0
	}
	if j-i >= maxResults {
		L.RaiseError("string slice too long")
	}
	for k := i; k <= j; k++ {
		L.Push(lua.LNumber(s[k-1]))
	}
	return j - i + 1
}

func (st *Stage) strChar(L *lua.LState) int {
	b := make([]byte, L.GetTop())
	for i := range b {
		c := L.CheckInt(i + 1)
		if c < 0 || c > 255 {
			L.ArgError(i+1, "invalid value")
		}
		b[i] = byte(c)
	}
	return st.pushStr(L, string(b))
}

// mapBytes makes a string of the same length.
func (st *Stage) mapBytes(L *lua.LState, f func(dst []byte, s string)) int {
	s := checkStr(L, 1)
	st.alloc(L, int64(len(s)))
	b := make([]byte, len(s))
	f(b, s)
	return st.pushStr(L, string(b))
}

func (st *Stage) strLower(L *lua.LState) int {
	return st.mapBytes(L, func(b []byte, s string) {
		for i := range b {
			b[i] = s[i]
			if isUpper(s[i]) {
				b[i] += 'a' - 'A'
			}
		}
	})
}

func (st *Stage) strUpper(L *lua.LState) int {
	return st.mapBytes(L, func(b []byte, s string) {
		for i := range b {
			b[i] = s[i]
			if isLower(s[i]) {
				b[i] -= 'a' - 'A'
			}
		}
	})
}

func (st *Stage) strReverse(L *lua.LState) int {
	return st.mapBytes(L, func(b []byte, s string) {
		for i := range b {
			b[i] = s[len(s)-1-i]
		}
	})
}

func (st *Stage) strRep(L *lua.LState) int {
	s, n, sep := checkStr(L, 1), L.CheckInt(2), L.OptString(3, "")
	if n <= 0 || len(s)+len(sep) == 0 {
		return st.pushStr(L, "")
	}
	if float64(len(s)+len(sep))*float64(n) > float64(st.bounds.limits.Memory) {
		st.halt(L, st.tooMuch())
	}
	st.alloc(L, int64(len(s)+len(sep))*int64(n))
	if sep == "" {
		return st.pushStr(L, strings.Repeat(s, n))
	}
	return st.pushStr(L, strings.Repeat(s+sep, n-1)+s)
}

// plain reports whether a pattern has no special characters.
func plain(pat string) bool { return !strings.ContainsAny(pat, "^$*+?.([%-") }

func (st *Stage) strFind(L *lua.LState) int { return st.findOrMatch(L, true) }

func (st *Stage) strMatch(L *lua.LState) int { return st.findOrMatch(L, false) }

func (st *Stage) findOrMatch(L *lua.LState, find bool) int {
	s, pat := checkStr(L, 1), checkStr(L, 2)
	init := max(strPos(L.OptInt(3, 1), len(s)), 1) - 1
	if init > len(s) {
		if find {
			init = len(s)
		} else {
			init = len(s)
		}
	}
	if find && (lua.LVAsBool(L.Get(4)) || plain(pat)) {
		st.spend(L, int64(len(s)-init)/bytesPerStep)
		i := strings.Index(s[init:], pat)
		if i < 0 {
			L.Push(lua.LNil)
			return 1
		}
		L.Push(lua.LNumber(init + i + 1))
		L.Push(lua.LNumber(init + i + len(pat)))
		return 2
	}
	m := &matcher{st: st, L: L, src: s, pat: pat}
	start, end, ok := m.find(init)
	if !ok {
		L.Push(lua.LNil)
		return 1
	}
	if !find {
		return m.push(start, end, true)
	}
	L.Push(lua.LNumber(start + 1))
	L.Push(lua.LNumber(end))
	return 2 + m.push(start, end, false)
}

// value is capture i.
func (m *matcher) value(i int) lua.LValue {
	c := m.caps[i]
	switch c.len {
	case openCapture:
		m.errorf("unfinished capture")
	case positionCapture:
		return lua.LNumber(c.start + 1)
	}
	return lua.LString(m.src[c.start : c.start+c.len])
}

// push pushes the captures; without any, the whole match if that is wanted.
func (m *matcher) push(start, end int, whole bool) int {
	if len(m.caps) == 0 && whole {
		m.L.Push(lua.LString(m.src[start:end]))
		return 1
	}
	for i := range m.caps {
		m.L.Push(m.value(i))
	}
	return len(m.caps)
}

func (st *Stage) strGmatch(L *lua.LState) int {
	s, pat := checkStr(L, 1), checkStr(L, 2)
	pos := 0
	L.Push(L.NewFunction(func(L *lua.LState) int {
		m := &matcher{st: st, L: L, src: s, pat: pat}
		for ; pos <= len(s); pos++ {
			m.caps = m.caps[:0]
			end, ok := m.match(pos, 0)
			if !ok {
				m.step()
				continue
			}
			start := pos
			pos = end
			if end == start {
				pos++
			}
			return m.push(start, end, true)
		}
		L.Push(lua.LNil)
		return 1
	}))
	return 1
}

func (st *Stage) strGsub(L *lua.LState) int {
	s, pat := checkStr(L, 1), checkStr(L, 2)
	repl := L.Get(3)
	switch repl.(type) {
	case lua.LString, lua.LNumber, *lua.LTable, *lua.LFunction:
	default:
		L.ArgError(3, "string/function/table expected")
	}
	limit := L.OptInt(4, len(s)+1)
	anchored := strings.HasPrefix(pat, "^")
	p := 0
	if anchored {
		p = 1
	}
	m := &matcher{st: st, L: L, src: s, pat: pat}
	b := st.builder(L)
	defer b.close()
	n, pos := 0, 0
	for n < limit {
		m.caps = m.caps[:0]
		end, ok := m.match(pos, p)
		if ok {
			n++
			b.add(st.replacement(m, repl, pos, end))
		}
		switch {
		case ok && end > pos:
			pos = end
		case pos < len(s):
			b.addByte(s[pos])
			pos++
			m.step()
		default:
			pos++
		}
		if pos > len(s) || anchored {
			break
		}
	}
	if pos < len(s) {
		b.add(s[pos:])
	}
	L.Push(lua.LString(b.b.String()))
	L.Push(lua.LNumber(n))
	return 2
}

// replacement is what a match of gsub is replaced by.
func (st *Stage) replacement(m *matcher, repl lua.LValue, start, end int) string {
	L := m.L
	whole := m.src[start:end]
	first := func() lua.LValue {
		if len(m.caps) > 0 {
			return m.value(0)
		}
		return lua.LString(whole)
	}
	var v lua.LValue
	switch r := repl.(type) {
	case *lua.LTable:
		v = L.GetTable(r, first())
	case *lua.LFunction:
		caps := append([]capture(nil), m.caps...)
		L.Push(r)
		n := m.push(start, end, true)
		L.Call(n, 1)
		m.caps = caps
		v = L.Get(-1)
		L.Pop(1)
	default:
		return st.expand(m, lua.LVAsString(repl), whole)
	}
	if !lua.LVAsBool(v) {
		return whole
	}
	s, ok := concatString(v)
	if !ok {
		L.RaiseError("invalid replacement value (a %s)", typeName(v))
	}
	return s
}

// expand replaces %0 to %9 in a replacement string.
func (st *Stage) expand(m *matcher, repl, whole string) string {
	if !strings.Contains(repl, "%") {
		return repl
	}
	b := st.builder(m.L)
	defer b.close()
	for i := 0; i < len(repl); i++ {
		if repl[i] != '%' || i+1 >= len(repl) {
			b.addByte(repl[i])
			continue
		}
		i++
		switch c := repl[i]; {
		case c == '0' || c == '1' && len(m.caps) == 0:
			b.add(whole)
		case isDigit(c):
			if int(c-'1') >= len(m.caps) {
				m.errorf("invalid capture index")
			}
			s, _ := concatString(m.value(int(c - '1')))
			b.add(s)
		default:
			b.addByte(c)
		}
	}
	return b.b.String()
}
