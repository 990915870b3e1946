package syntax

import (
	"strconv"
	"strings"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// number scans a numeric literal.
//
// It takes what 5.1 takes, plus the '.' and the exponent's sign of hex floats:
// a digit run with dots, an exponent with its sign, then anything alphanumeric,
// so that 3x is one malformed number. A '.' after an exponent or a letter begins
// the next token (1e5..s is a concatenation in 5.1), and so do two dots after
// hex digits (0xA..s).
func (s *scanner) number() *NumberExpr {
	start := s.pos
	hex := s.at(0) == '0' && s.at(1)|0x20 == 'x'
	if hex {
		s.pos += 2
	}
	exponent, letters := false, false
	for {
		c := s.at(0)
		switch {
		case c == '.' && !letters && !(hex && s.at(1) == '.'):
			s.pos++
		case !exponent && (!hex && c|0x20 == 'e' || hex && c|0x20 == 'p'):
			exponent, letters = true, true
			s.pos++
			if s.at(0) == '+' || s.at(0) == '-' {
				s.pos++
			}
		case isAlnum(c):
			letters = letters || !isDigit(c) && !(hex && isHex(c))
			s.pos++
		default:
			return s.numberValue(start, hex)
		}
	}
}

// numberValue converts the literal between start and the current position, or
// reports it.
func (s *scanner) numberValue(start int, hex bool) *NumberExpr {
	text := s.src[start:s.pos]
	n := &NumberExpr{Range: Range{start, s.pos}}
	digits, base := text, 10
	if hex {
		digits, base = text[2:], 16
	}
	digits, suffix := cutSuffix(digits)
	switch {
	case isAll(digits, hex):
		s.integer(n, digits, base, suffix)
	case suffix == "" && isFloat(digits, hex):
		n.Kind = Float
		n.Float = parseFloat(digits, hex)
	default:
		for isAlnum(s.at(0)) || s.at(0) == '.' && isAlnum(s.at(1)) {
			s.pos++
		}
		text = s.src[start:s.pos]
		n.End = s.pos
		s.errorf(diag.MalformedNumber, start, s.pos, "malformed number '%s'", shorten(text))
	}
	return n
}

func shorten(text string) string {
	if len(text) > 40 {
		return text[:37] + "..."
	}
	return text
}

// cutSuffix splits ll or ull, in any case, off a literal.
func cutSuffix(text string) (digits, suffix string) {
	for _, x := range []string{"ull", "ll"} {
		if n := len(text) - len(x); n >= 0 && strings.EqualFold(text[n:], x) {
			return text[:n], x
		}
	}
	return text, ""
}

// isAll reports whether text is digits only, at least one.
func isAll(text string, hex bool) bool {
	return text != "" && skipDigits(text, hex) == ""
}

func skipDigits(text string, hex bool) string {
	i := 0
	for i < len(text) && (isDigit(text[i]) || hex && isHex(text[i])) {
		i++
	}
	return text[i:]
}

// isFloat reports whether text is digits with a '.' or an exponent.
func isFloat(text string, hex bool) bool {
	rest := skipDigits(text, hex)
	n := len(text) - len(rest)
	if strings.HasPrefix(rest, ".") {
		after := skipDigits(rest[1:], hex)
		n += len(rest) - 1 - len(after)
		rest = after
	}
	if n == 0 || rest == "" {
		return n > 0
	}
	if hex && rest[0]|0x20 != 'p' || !hex && rest[0]|0x20 != 'e' {
		return false
	}
	rest = rest[1:]
	if rest != "" && (rest[0] == '+' || rest[0] == '-') {
		rest = rest[1:]
	}
	return isAll(rest, false)
}

// parseFloat converts what isFloat accepts; beyond the range it is infinite, as
// in Lua.
func parseFloat(digits string, hex bool) float64 {
	if hex {
		digits = "0x" + digits
		if !strings.ContainsAny(digits, "pP") {
			digits += "p0"
		}
	}
	f, _ := strconv.ParseFloat(digits, 64)
	return f
}

// integer sets n to an integer of the given digits. Without a suffix a decimal
// one beyond 64 bits is a float, as in 5.1. LL keeps the low 64 bits' sign as
// LuaJIT does, so that -9223372036854775808LL can be written.
func (s *scanner) integer(n *NumberExpr, digits string, base int, suffix string) {
	v, err := strconv.ParseUint(digits, base, 64)
	n.Bits, n.Float, n.Suffix = v, float64(v), suffix != ""
	switch {
	case err != nil && base == 10 && suffix == "":
		n.Kind, n.Bits, n.Float = Float, 0, parseFloat(digits, false)
	case err != nil:
		s.errorf(diag.NumberTooLarge, n.Start, n.End, "integer '%s' does not fit 64 bits",
			shorten(s.src[n.Start:n.End]))
	case suffix == "ll":
		n.Kind, n.Float = Int, float64(int64(v))
	case suffix == "ull" || int64(v) < 0:
		n.Kind = Uint
	default:
		n.Kind = Int
	}
}

// quoted scans a string in quotes and returns its value; ok is false when the
// line ends first.
func (s *scanner) quoted() (value string, ok bool) {
	start, quote := s.pos, s.src[s.pos]
	s.pos++
	var b strings.Builder
	for {
		run := s.pos
		for s.pos < len(s.src) && s.src[s.pos] != quote && s.src[s.pos] != '\\' && !isLineEnd(s.src[s.pos]) {
			s.pos++
		}
		b.WriteString(s.src[run:s.pos])
		switch {
		case s.pos >= len(s.src) || isLineEnd(s.src[s.pos]):
			s.errorf(diag.UnfinishedString, start, s.pos, "string has no end: %c is missing on this line", quote)
			return b.String(), false
		case s.src[s.pos] == quote:
			s.pos++
			return b.String(), true
		}
		s.escape(&b)
	}
}

// simpleEscapes are the escapes of one letter.
const simpleEscapes = "a\ab\bf\fn\nr\rt\tv\v"

// escape scans an escape sequence. One that Lua 5.1 does not know is its second
// character, as 5.1 has it.
func (s *scanner) escape(b *strings.Builder) {
	start := s.pos
	s.pos++ // the backslash
	if s.pos >= len(s.src) {
		return
	}
	c := s.src[s.pos]
	switch {
	case isLineEnd(c):
		s.pos++
		if isLineEnd(s.at(0)) && s.at(0) != c {
			s.pos++
		}
		b.WriteByte('\n')
		return
	case isDigit(c):
		s.decimalEscape(b, start)
		return
	}
	s.pos++
	switch c {
	case 'x':
		if isHex(s.at(0)) && isHex(s.at(1)) {
			v, _ := strconv.ParseUint(s.src[s.pos:s.pos+2], 16, 8)
			b.WriteByte(byte(v))
			s.pos += 2
			return
		}
		s.errorf(diag.InvalidEscape, start, s.pos, "two hexadecimal digits expected after '\\x'")
	case 'z':
		for isSpace(s.at(0)) {
			s.pos++
		}
	case 'u':
		s.unicodeEscape(b, start)
	default:
		for i := 0; i < len(simpleEscapes); i += 2 {
			if simpleEscapes[i] == c {
				c = simpleEscapes[i+1]
				break
			}
		}
		b.WriteByte(c)
	}
}

func (s *scanner) decimalEscape(b *strings.Builder, start int) {
	v := 0
	for i := 0; i < 3 && isDigit(s.at(0)); i++ {
		v = v*10 + int(s.at(0)-'0')
		s.pos++
	}
	if v > 255 {
		s.errorf(diag.InvalidEscape, start, s.pos, "a byte is at most 255, not %d", v)
	}
	b.WriteByte(byte(v))
}

// unicodeEscape scans the {XXX} of \u{XXX}: up to 2^31-1, as in 5.4.
func (s *scanner) unicodeEscape(b *strings.Builder, start int) {
	digits := s.pos + 1
	end := digits
	for end < len(s.src) && isHex(s.src[end]) {
		end++
	}
	if s.at(0) != '{' || end == digits || end >= len(s.src) || s.src[end] != '}' {
		s.errorf(diag.InvalidEscape, start, s.pos, "'\\u' is followed by hexadecimal digits in braces: '\\u{20AC}'")
		return
	}
	s.pos = end + 1
	v, err := strconv.ParseUint(s.src[digits:end], 16, 31)
	if err != nil {
		s.errorf(diag.InvalidEscape, start, s.pos, "a code point is at most 7FFFFFFF")
	}
	writeUTF8(b, uint32(v))
}

// writeUTF8 appends v in UTF-8 as first defined, up to six bytes: Lua allows
// what Go's utf8 refuses.
func writeUTF8(b *strings.Builder, v uint32) {
	if v < 0x80 {
		b.WriteByte(byte(v))
		return
	}
	var buf [6]byte
	i := len(buf)
	for limit := uint32(0x3f); ; limit >>= 1 {
		if v <= limit && i < len(buf) {
			i--
			buf[i] = byte(^limit<<1 | v)
			break
		}
		i--
		buf[i] = byte(0x80 | v&0x3f)
		v >>= 6
	}
	b.Write(buf[i:])
}
