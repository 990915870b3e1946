package script

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// verb is a conversion of string.format.
type verb struct {
	flags      string
	width      int
	prec       int // -1: none
	conversion byte
}

// strFormat is string.format. Integers of ours keep all their digits.
func (st *Stage) strFormat(L *lua.LState) int {
	f := checkStr(L, 1)
	b := st.builder(L)
	defer b.close()
	arg := 1
	for i := 0; i < len(f); i++ {
		if f[i] != '%' {
			b.addByte(f[i])
			continue
		}
		if i+1 < len(f) && f[i+1] == '%' {
			b.addByte('%')
			i++
			continue
		}
		v, n := parseVerb(L, f[i+1:])
		i += n
		arg++
		if arg > L.GetTop() {
			L.ArgError(arg, "no value")
		}
		b.add(st.formatArg(L, v, arg))
	}
	return st.pushStr(L, b.b.String())
}

// parseVerb reads a conversion behind its %, and how long it is. Width and
// precision have two digits at most, as in Lua.
func parseVerb(L *lua.LState, s string) (v verb, n int) {
	for n < len(s) && strings.IndexByte("-+ #0", s[n]) >= 0 {
		n++
	}
	v.flags, v.prec = s[:n], -1
	if n > 5 {
		L.RaiseError("invalid format (repeated flags)")
	}
	num := func() int {
		start := n
		for n < len(s) && isDigit(s[n]) {
			n++
		}
		if n-start > 2 {
			L.RaiseError("invalid format (width or precision too long)")
		}
		x, err := strconv.Atoi(s[start:n])
		if err != nil {
			return 0
		}
		return x
	}
	v.width = num()
	if n < len(s) && s[n] == '.' {
		n++
		v.prec = num()
	}
	if n >= len(s) {
		L.RaiseError("invalid option '%%%s' to 'format'", s)
	}
	v.conversion = s[n]
	return v, n + 1
}

func (v verb) has(flag byte) bool { return strings.IndexByte(v.flags, flag) >= 0 }

func (st *Stage) formatArg(L *lua.LState, v verb, i int) string {
	switch v.conversion {
	case 'd', 'i', 'u', 'c', 'o', 'x', 'X':
		c := checkInteger(L, i)
		if v.conversion == 'c' {
			return v.pad(string([]byte{byte(c.Bits)}), false)
		}
		return v.integer(c)
	case 'e', 'E', 'f', 'F', 'g', 'G':
		return v.float(checkFloat(L, i))
	case 'q':
		return quoted(checkStr(L, i))
	case 's':
		s := st.tostring(L, L.Get(i))
		if v.prec >= 0 && v.prec < len(s) {
			s = s[:v.prec]
		}
		return v.pad(s, false)
	}
	L.RaiseError("invalid option '%%%c' to 'format'", v.conversion)
	return ""
}

// checkInteger is an integer argument: an integer of ours, or a number cut to
// one.
func checkInteger(L *lua.LState, i int) *CData {
	if c, ok := ToCData(L.Get(i)); ok {
		return c
	}
	f := checkFloat(L, i)
	return &CData{Type: int64Type, Bits: bitsOf(f)}
}

func checkFloat(L *lua.LState, i int) float64 {
	if f, ok := plainNumber(L.Get(i)); ok {
		return f
	}
	if c, ok := ToCData(L.Get(i)); ok {
		return c.float()
	}
	L.ArgError(i, "number expected, got "+argType(L, i))
	return 0
}

// integer formats d i u o x X.
func (v verb) integer(c *CData) string {
	var digits string
	neg := false
	switch v.conversion {
	case 'd', 'i':
		if c.signed() && int64(c.Bits) < 0 {
			neg = true
			digits = strconv.FormatUint(-c.Bits, 10)
		} else {
			digits = strconv.FormatUint(c.Bits, 10)
		}
	case 'u':
		digits = strconv.FormatUint(c.Bits, 10)
	case 'o':
		digits = strconv.FormatUint(c.Bits, 8)
	case 'x', 'X':
		digits = strconv.FormatUint(c.Bits, 16)
	}
	if v.prec >= 0 {
		digits = strings.Repeat("0", max(0, v.prec-len(digits))) + digits
		if v.prec == 0 && c.Bits == 0 {
			digits = ""
		}
	}
	if v.has('#') && c.Bits != 0 && (v.conversion == 'x' || v.conversion == 'X') {
		digits = "0x" + digits
	} else if v.has('#') && v.conversion == 'o' && !strings.HasPrefix(digits, "0") {
		digits = "0" + digits
	}
	if v.conversion == 'X' {
		digits = strings.ToUpper(digits)
	}
	if v.conversion == 'd' || v.conversion == 'i' {
		digits = v.sign(neg) + digits
	}
	return v.pad(digits, v.prec < 0)
}

func (v verb) sign(neg bool) string {
	switch {
	case neg:
		return "-"
	case v.has('+'):
		return "+"
	case v.has(' '):
		return " "
	}
	return ""
}

func (v verb) float(f float64) string {
	prec := v.prec
	if prec < 0 {
		prec = 6
	}
	upper := isUpper(v.conversion)
	neg := math.Signbit(f) && !math.IsNaN(f)
	a := math.Abs(f)
	var s string
	switch {
	case math.IsNaN(f):
		s = "nan"
	case math.IsInf(f, 0):
		s = "inf"
	case v.conversion|0x20 == 'g':
		s = formatG(a, prec, v.has('#'), false)
	default:
		s = strconv.FormatFloat(a, v.conversion|0x20, prec, 64)
		if v.has('#') && prec == 0 {
			s += "."
		}
	}
	if upper {
		s = strings.ToUpper(s)
	}
	return v.pad(v.sign(neg)+s, !math.IsNaN(f) && !math.IsInf(f, 0))
}

// formatG is C's %.{prec}g; with alt, trailing zeros stay.
func formatG(f float64, prec int, alt, upper bool) string {
	if math.IsInf(f, 1) {
		return "inf"
	} else if math.IsInf(f, -1) {
		return "-inf"
	} else if math.IsNaN(f) {
		return "nan"
	}
	prec = max(prec, 1)
	e := strconv.FormatFloat(f, 'e', prec-1, 64)
	mant, exp, _ := strings.Cut(e, "e")
	x, err := strconv.Atoi(exp)
	if err != nil {
		return e
	}
	trim := func(s string) string {
		if alt || !strings.Contains(s, ".") {
			return s
		}
		return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	}
	if x < -4 || x >= prec {
		return trim(mant) + "e" + exp
	}
	return trim(strconv.FormatFloat(f, 'f', prec-1-x, 64))
}

// pad fills up to the width: with zeros where that is asked for and allowed.
func (v verb) pad(s string, zeros bool) string {
	n := v.width - len(s)
	switch {
	case n <= 0:
		return s
	case v.has('-'):
		return s + strings.Repeat(" ", n)
	case zeros && v.has('0'):
		at := 0
		if s != "" && strings.IndexByte("+- ", s[0]) >= 0 {
			at = 1
		}
		if strings.HasPrefix(s[at:], "0x") || strings.HasPrefix(s[at:], "0X") {
			at += 2
		}
		return s[:at] + strings.Repeat("0", n) + s[at:]
	}
	return strings.Repeat(" ", n) + s
}

// quoted is %q: a string that Lua reads back.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '"', '\\', '\n':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\r':
			b.WriteString(`\r`)
		case 0:
			fmt.Fprintf(&b, `\%03d`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
