package ctype

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// Error is what is wrong with a C text, and where.
type Error struct {
	Offset       int // in bytes of the text
	Line, Column int // of the text, from 1
	Code         diag.Code
	Msg          string
}

// Error says what is wrong, without the place.
func (e *Error) Error() string { return e.Msg }

type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokIdent
	tokNumber // and character constants
	tokString
	tokPunct
)

// token is a lexical element of C.
type token struct {
	kind tokenKind
	text string // a string's contents
	off  int
	num  number
}

// scanner cuts a C text into tokens.
type scanner struct {
	text string
	pos  int
	err  *Error
}

// fail notes the first error; from then on the text is at its end.
func (s *scanner) fail(off int, code diag.Code, format string, args ...any) {
	if s.err != nil {
		return
	}
	line, col := 1, 1
	for _, c := range []byte(s.text[:min(off, len(s.text))]) {
		if col++; c == '\n' {
			line, col = line+1, 1
		}
	}
	s.err = &Error{Offset: off, Line: line, Column: col, Code: code, Msg: fmt.Sprintf(format, args...)}
	s.pos = len(s.text)
}

// skip passes over blanks and comments.
func (s *scanner) skip() {
	for s.pos < len(s.text) {
		rest := s.text[s.pos:]
		switch {
		case strings.IndexByte(" \t\r\n\f\v", rest[0]) >= 0:
			s.pos++
		case strings.HasPrefix(rest, "//"):
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			s.pos += n
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest[2:], "*/")
			if n < 0 {
				s.fail(s.pos, diag.BadCToken, "this comment has no end")
				return
			}
			s.pos += n + 4
		case rest[0] == '#':
			s.directive(rest)
			return
		default:
			return
		}
	}
}

// directive reports a line for the preprocessor.
func (s *scanner) directive(rest string) {
	line, _, _ := strings.Cut(rest[1:], "\n")
	words := strings.Fields(line)
	switch {
	case len(words) >= 2 && words[0] == "define":
		s.fail(s.pos, diag.CPreprocessor, "there is no preprocessor here: write 'enum { %s = ... };' instead of #define", words[1])
	case len(words) >= 1 && words[0] == "include":
		s.fail(s.pos, diag.CPreprocessor, "there is no preprocessor here: copy the declarations you need from the header")
	default:
		s.fail(s.pos, diag.CPreprocessor, "there is no preprocessor here")
	}
}

func isLetter(c byte) bool { return c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

// puncts are the punctuators of more than one character, longest first.
var puncts = []string{"...", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "->", "::"}

// next returns the next token.
func (s *scanner) next() token {
	s.skip()
	if s.pos >= len(s.text) {
		return token{kind: tokEOF, off: len(s.text)}
	}
	start, c := s.pos, s.text[s.pos]
	switch {
	case isLetter(c):
		for s.pos < len(s.text) && (isLetter(s.text[s.pos]) || isDigit(s.text[s.pos])) {
			s.pos++
		}
		return token{kind: tokIdent, text: s.text[start:s.pos], off: start}
	case isDigit(c):
		return s.number()
	case c == '\'', c == '"':
		return s.quoted(c)
	}
	for _, p := range puncts {
		if strings.HasPrefix(s.text[start:], p) {
			s.pos += len(p)
			return token{kind: tokPunct, text: p, off: start}
		}
	}
	if c == '$' {
		s.fail(start, diag.BadCDeclaration, "types can't be put in for '$' here; give the type a name with typedef")
		return token{kind: tokEOF, off: len(s.text)}
	}
	if strings.IndexByte("{}()[];,:*=?+-/%&|^~!<>.", c) < 0 {
		s.fail(start, diag.BadCToken, "unexpected character %q in a C declaration", rune(c))
		return token{kind: tokEOF, off: len(s.text)}
	}
	s.pos++
	return token{kind: tokPunct, text: s.text[start:s.pos], off: start}
}

// number scans an integer constant.
func (s *scanner) number() token {
	start := s.pos
	for s.pos < len(s.text) && (isLetter(s.text[s.pos]) || isDigit(s.text[s.pos]) || s.text[s.pos] == '.') {
		s.pos++
	}
	text := s.text[start:s.pos]
	digits := strings.TrimRight(text, "uUlL")
	suffix := strings.ToLower(text[len(digits):])
	base := 10
	switch {
	case len(digits) > 2 && (digits[1] == 'x' || digits[1] == 'X'):
		base, digits = 16, digits[2:]
	case len(digits) > 2 && (digits[1] == 'b' || digits[1] == 'B'):
		base, digits = 2, digits[2:]
	case len(digits) > 1 && digits[0] == '0':
		base, digits = 8, digits[1:]
	}
	v, err := strconv.ParseUint(digits, base, 64)
	switch suffix {
	case "", "u", "l", "ul", "lu", "ll", "ull", "llu":
	default:
		err = strconv.ErrSyntax
	}
	if err != nil {
		s.fail(start, diag.BadCToken, "'%s' is no integer constant", text)
	}
	return token{kind: tokNumber, text: text, off: start, num: literal(v, base == 10, suffix)}
}

// escapes are the escape sequences of one letter.
var escapes = map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', 'a': '\a', 'b': '\b', 'f': '\f', 'v': '\v',
	'\\': '\\', '\'': '\'', '"': '"', '?': '?'}

// quoted scans a character constant or a string.
func (s *scanner) quoted(q byte) token {
	start := s.pos
	s.pos++
	var out []byte
	for s.pos < len(s.text) && s.text[s.pos] != q && s.text[s.pos] != '\n' {
		c := s.text[s.pos]
		s.pos++
		if c == '\\' {
			c = s.escape()
		}
		out = append(out, c)
	}
	if s.pos >= len(s.text) || s.text[s.pos] != q {
		s.fail(start, diag.BadCToken, "this quote is never closed")
		return token{kind: tokEOF, off: len(s.text)}
	}
	s.pos++
	if q == '"' {
		return token{kind: tokString, text: string(out), off: start}
	}
	if len(out) != 1 {
		s.fail(start, diag.BadCToken, "a character constant has one character")
		return token{kind: tokEOF, off: len(s.text)}
	}
	return token{kind: tokNumber, text: s.text[start:s.pos], off: start, num: number{bits: uint64(int64(int8(out[0]))), size: 4}}
}

// escape reads what follows a backslash.
func (s *scanner) escape() byte {
	if s.pos >= len(s.text) {
		return 0
	}
	start, c := s.pos, s.text[s.pos]
	s.pos++
	if e, ok := escapes[c]; ok {
		return e
	}
	base, digits, most := 8, "01234567", 3
	if c == 'x' {
		base, digits, most, start = 16, "0123456789abcdefABCDEF", 2, s.pos
	} else {
		s.pos--
	}
	for s.pos < len(s.text) && s.pos-start < most && strings.IndexByte(digits, s.text[s.pos]) >= 0 {
		s.pos++
	}
	v, err := strconv.ParseUint(s.text[start:s.pos], base, 64)
	if err != nil || v > 255 {
		s.fail(start, diag.BadCToken, "unknown escape sequence")
	}
	return byte(v)
}
