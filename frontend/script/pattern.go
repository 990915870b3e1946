package script

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"
)

// A matcher for Lua's patterns that counts its steps: a pattern such as
// (.-)*b takes time exponential in the subject's length, and a Go function
// can't be stopped from outside.
//
// It is a backtracking matcher over the pattern's text, as the manual describes
// patterns (Lua 5.1, section 5.4.1, with %f). A single character class is
// matched by class; what follows it decides how: once, at most once, or as
// often as possible and then ever less, or as rarely as possible.
type matcher struct {
	st       *Stage
	L        *lua.LState
	src, pat string
	caps     []capture
	depth    int
	steps    int64
}

// capture is a part of the subject; len is openCapture until its end is
// reached, and positionCapture for ().
type capture struct{ start, len int }

const (
	openCapture     = -1
	positionCapture = -2
	maxCaptures     = 32
	maxMatchDepth   = 20000
	stepsAtOnce     = 1000
)

func (m *matcher) step() {
	m.steps++
	if m.steps%stepsAtOnce == 0 {
		m.st.spend(m.L, stepsAtOnce)
	}
}

func (m *matcher) errorf(format string, args ...any) {
	m.L.RaiseError("%s", fmt.Sprintf(format, args...))
}

// find returns the first match at or behind init.
func (m *matcher) find(init int) (start, end int, ok bool) {
	pat := m.pat
	anchored := pat != "" && pat[0] == '^'
	p := 0
	if anchored {
		p = 1
	}
	for s := init; s <= len(m.src); s++ {
		m.caps = m.caps[:0]
		if e, ok := m.match(s, p); ok {
			return s, e, true
		}
		if anchored {
			break
		}
		m.step()
	}
	return 0, 0, false
}

// match matches the pattern from p on against the subject from s on, and
// returns where the match ends.
func (m *matcher) match(s, p int) (int, bool) {
	m.depth++
	defer func() { m.depth-- }()
	if m.depth > maxMatchDepth {
		m.errorf("pattern too complex")
	}
	for p < len(m.pat) {
		m.step()
		switch c := m.pat[p]; {
		case c == '(':
			if p+1 < len(m.pat) && m.pat[p+1] == ')' {
				return m.open(s, p+2, positionCapture)
			}
			return m.open(s, p+1, openCapture)
		case c == ')':
			return m.close(s, p+1)
		case c == '$' && p+1 == len(m.pat):
			return s, s == len(m.src)
		case c == '%' && p+1 < len(m.pat) && m.pat[p+1] == 'b':
			e, ok := m.balance(s, p+2)
			if !ok {
				return 0, false
			}
			s, p = e, p+4
			continue
		case c == '%' && p+1 < len(m.pat) && m.pat[p+1] == 'f':
			set := p + 2
			if set >= len(m.pat) || m.pat[set] != '[' {
				m.errorf("missing '[' after '%%f' in pattern")
			}
			end := m.classEnd(set)
			var before, at byte
			if s > 0 {
				before = m.src[s-1]
			}
			if s < len(m.src) {
				at = m.src[s]
			}
			if m.inSet(before, set, end-1) || !m.inSet(at, set, end-1) {
				return 0, false
			}
			p = end
			continue
		case c == '%' && p+1 < len(m.pat) && isDigit(m.pat[p+1]):
			sub := m.captured(m.pat[p+1])
			if len(m.src)-s < len(sub) || m.src[s:s+len(sub)] != sub {
				return 0, false
			}
			s, p = s+len(sub), p+2
			continue
		}
		end := m.classEnd(p)
		var suffix byte
		if end < len(m.pat) {
			suffix = m.pat[end]
		}
		switch suffix {
		case '?':
			if s < len(m.src) && m.class(m.src[s], p, end) {
				if e, ok := m.match(s+1, end+1); ok {
					return e, true
				}
			}
			p = end + 1
		case '*':
			return m.longest(s, p, end, 0)
		case '+':
			return m.longest(s, p, end, 1)
		case '-':
			return m.shortest(s, p, end)
		default:
			if s >= len(m.src) || !m.class(m.src[s], p, end) {
				return 0, false
			}
			s, p = s+1, end
		}
	}
	return s, true
}

func (m *matcher) longest(s, p, end, least int) (int, bool) {
	n := 0
	for s+n < len(m.src) && m.class(m.src[s+n], p, end) {
		m.step()
		n++
	}
	for ; n >= least; n-- {
		if e, ok := m.match(s+n, end+1); ok {
			return e, true
		}
	}
	return 0, false
}

func (m *matcher) shortest(s, p, end int) (int, bool) {
	for {
		if e, ok := m.match(s, end+1); ok {
			return e, true
		}
		if s >= len(m.src) || !m.class(m.src[s], p, end) {
			return 0, false
		}
		m.step()
		s++
	}
}

func (m *matcher) open(s, p, length int) (int, bool) {
	if len(m.caps) >= maxCaptures {
		m.errorf("too many captures")
	}
	n := len(m.caps)
	m.caps = append(m.caps, capture{s, length})
	e, ok := m.match(s, p)
	if !ok {
		m.caps = m.caps[:n]
	}
	return e, ok
}

func (m *matcher) close(s, p int) (int, bool) {
	for i := len(m.caps) - 1; i >= 0; i-- {
		if m.caps[i].len == openCapture {
			m.caps[i].len = s - m.caps[i].start
			e, ok := m.match(s, p)
			if !ok {
				m.caps[i].len = openCapture
			}
			return e, ok
		}
	}
	m.errorf("invalid pattern capture")
	return 0, false
}

// captured is what %1 to %9 stand for.
func (m *matcher) captured(digit byte) string {
	i := int(digit) - '1'
	if i < 0 || i >= len(m.caps) || m.caps[i].len == openCapture {
		m.errorf("invalid capture index %%%c", digit)
	}
	c := m.caps[i]
	if c.len == positionCapture {
		return ""
	}
	return m.src[c.start : c.start+c.len]
}

// balance matches %bxy.
func (m *matcher) balance(s, p int) (int, bool) {
	if p+1 >= len(m.pat) {
		m.errorf("unbalanced pattern")
	}
	if s >= len(m.src) || m.src[s] != m.pat[p] {
		return 0, false
	}
	open, shut := m.pat[p], m.pat[p+1]
	for n, i := 1, s+1; i < len(m.src); i++ {
		m.step()
		switch m.src[i] {
		case shut:
			if n--; n == 0 {
				return i + 1, true
			}
		case open:
			n++
		}
	}
	return 0, false
}

// classEnd returns where the character class at p ends.
func (m *matcher) classEnd(p int) int {
	switch m.pat[p] {
	case '%':
		if p+1 >= len(m.pat) {
			m.errorf("malformed pattern (ends with '%%')")
		}
		return p + 2
	case '[':
		i := p + 1
		if i < len(m.pat) && m.pat[i] == '^' {
			i++
		}
		for first := true; ; first = false {
			if i >= len(m.pat) {
				m.errorf("malformed pattern (missing ']')")
			}
			c := m.pat[i]
			i++
			if c == ']' && !first {
				return i
			}
			if c == '%' {
				i++
			}
		}
	}
	return p + 1
}

// class reports whether c is in the class from p to end.
func (m *matcher) class(c byte, p, end int) bool {
	switch m.pat[p] {
	case '.':
		return true
	case '%':
		return inClass(c, m.pat[p+1])
	case '[':
		return m.inSet(c, p, end-1)
	}
	return m.pat[p] == c
}

// inSet reports whether c is in the set that begins at p and whose ] is at end.
func (m *matcher) inSet(c byte, p, end int) bool {
	p++
	in := true
	if p < end && m.pat[p] == '^' {
		in = false
		p++
	}
	for p < end {
		switch {
		case m.pat[p] == '%' && p+1 < end:
			if inClass(c, m.pat[p+1]) {
				return in
			}
			p += 2
		case p+2 < end && m.pat[p+1] == '-':
			if m.pat[p] <= c && c <= m.pat[p+2] {
				return in
			}
			p += 3
		default:
			if m.pat[p] == c {
				return in
			}
			p++
		}
	}
	return !in
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isLower(c byte) bool { return c >= 'a' && c <= 'z' }
func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
func isPrint(c byte) bool { return c > ' ' && c < 0x7f }

// inClass reports whether c is in the class %name.
func inClass(c, name byte) bool {
	var in bool
	switch name | 0x20 {
	case 'a':
		in = isLower(c) || isUpper(c)
	case 'c':
		in = c < ' ' || c == 0x7f
	case 'd':
		in = isDigit(c)
	case 'l':
		in = isLower(c)
	case 'p':
		in = isPrint(c) && !isLower(c) && !isUpper(c) && !isDigit(c)
	case 's':
		in = c == ' ' || c >= '\t' && c <= '\r'
	case 'u':
		in = isUpper(c)
	case 'w':
		in = isLower(c) || isUpper(c) || isDigit(c)
	case 'x':
		in = isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f'
	case 'z':
		in = c == 0
	default:
		return name == c
	}
	if isUpper(name) {
		return !in
	}
	return in && isLower(name) || !in && !isLower(name) && name == c
}
