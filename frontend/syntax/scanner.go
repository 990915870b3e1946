package syntax

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// scanner makes tokens of a file. What is wrong is reported here, once; the
// token that comes out lets the parser go on without a second message: a
// malformed number is a number, != is ~=, a character that Lua has not is a
// tBad.
type scanner struct {
	file *diag.File
	r    *diag.Reporter
	src  string
	pos  int
	toks []token

	newline bool // a line end since the last token
	broken  bool // the file ends inside a long string or comment
}

// scan returns all tokens of the file; the last is tEOF.
func scan(file *diag.File, r *diag.Reporter) []token {
	s := &scanner{file: file, r: r, src: file.Text, newline: true}
	s.toks = make([]token, 0, len(s.src)/2+1) // what is not used costs nothing
	s.pos = len(s.src) - len(strings.TrimPrefix(s.src, "\uFEFF"))
	if strings.HasPrefix(s.src[s.pos:], "#") {
		s.skipLine()
	}
	for {
		s.skipBlank()
		if s.pos >= len(s.src) {
			break
		}
		s.token()
	}
	end := len(s.src)
	s.toks = append(s.toks, token{Range: Range{end, end}, kind: tEOF, newline: s.newline, broken: s.broken})
	return s.toks
}

// at returns the byte n places ahead, 0 behind the end.
func (s *scanner) at(n int) byte {
	if s.pos+n < len(s.src) {
		return s.src[s.pos+n]
	}
	return 0
}

func (s *scanner) errorf(code diag.Code, start, end int, format string, args ...any) *diag.Diagnostic {
	return s.r.Errorf(code, Range{start, end}.In(s.file), format, args...)
}

// add appends a token that reaches from start to the current position.
func (s *scanner) add(t token, start int) {
	t.Range, t.newline = Range{start, s.pos}, s.newline
	s.newline = false
	s.toks = append(s.toks, t)
}

func isLineEnd(c byte) bool { return c == '\n' || c == '\r' }
func isSpace(c byte) bool   { return c == ' ' || c >= '\t' && c <= '\r' }
func isDigit(c byte) bool   { return c >= '0' && c <= '9' }
func isAlpha(c byte) bool   { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }
func isAlnum(c byte) bool   { return isAlpha(c) || isDigit(c) }
func isHex(c byte) bool     { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

func (s *scanner) skipLine() {
	for s.pos < len(s.src) && !isLineEnd(s.src[s.pos]) {
		s.pos++
	}
}

// skipBlank passes over white space and comments.
func (s *scanner) skipBlank() {
	for s.pos < len(s.src) {
		switch c := s.src[s.pos]; {
		case isLineEnd(c):
			s.newline = true
			s.pos++
		case isSpace(c):
			s.pos++
		case c == '-' && s.at(1) == '-':
			s.comment()
		default:
			return
		}
	}
}

func (s *scanner) comment() {
	start := s.pos
	s.pos += 2
	level := s.bracketLevel()
	if level < 0 {
		s.skipLine()
		return
	}
	text, ok := s.longBracket(level)
	if !ok {
		s.errorf(diag.UnfinishedComment, start, start+4+level,
			"comment has no end: ']%s]' is missing", strings.Repeat("=", level))
	}
	if strings.ContainsAny(text, "\r\n") {
		s.newline = true
	}
}

// bracketLevel returns the number of '=' of the long bracket that opens here,
// -1 when none does.
func (s *scanner) bracketLevel() int {
	if s.at(0) != '[' {
		return -1
	}
	n := 0
	for s.at(1+n) == '=' {
		n++
	}
	if s.at(1+n) != '[' {
		return -1
	}
	return n
}

// longBracket passes over a long bracket and returns what is in it; ok is
// false when the file ends first.
func (s *scanner) longBracket(level int) (text string, ok bool) {
	body := s.pos + 2 + level
	closer := "]" + strings.Repeat("=", level) + "]"
	n := strings.Index(s.src[body:], closer)
	if n < 0 {
		s.pos, s.broken = len(s.src), true
		return s.src[body:], false
	}
	s.pos = body + n + len(closer)
	return s.src[body : body+n], true
}

// token scans one token. The position is at its first byte.
func (s *scanner) token() {
	start, c := s.pos, s.src[s.pos]
	switch {
	case isAlpha(c):
		for isAlnum(s.at(0)) {
			s.pos++
		}
		word := s.src[start:s.pos]
		s.add(token{kind: keyword(word), text: word}, start)
	case isDigit(c) || c == '.' && isDigit(s.at(1)):
		s.add(token{kind: tNumber, num: s.number()}, start)
	case c == '"' || c == '\'':
		text, ok := s.quoted()
		s.add(token{kind: tString, text: text, broken: !ok}, start)
	case c == '[' && s.bracketLevel() >= 0:
		s.longString()
	default:
		s.symbol()
	}
}

func (s *scanner) longString() {
	start, level := s.pos, s.bracketLevel()
	text, ok := s.longBracket(level)
	if !ok {
		s.errorf(diag.UnfinishedString, start, start+2+level,
			"string has no end: ']%s]' is missing", strings.Repeat("=", level))
	}
	text = normalizeLineEnds(text)
	s.add(token{kind: tString, text: strings.TrimPrefix(text, "\n"), broken: !ok}, start)
}

// normalizeLineEnds makes \r\n, \n\r and \r one \n, as Lua does in long strings.
func normalizeLineEnds(text string) string {
	if strings.IndexByte(text, '\r') < 0 {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		if !isLineEnd(c) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('\n')
		if i+1 < len(text) && isLineEnd(text[i+1]) && text[i+1] != c {
			i++
		}
	}
	return b.String()
}

// symbols are the tokens that are no words, those with a common first byte next to
// each other and the longest of a common beginning first. Those with a hint belong
// to other languages; they stand for kind.
var symbols = []struct {
	text string
	kind kind
	hint string
}{
	{"...", tEllipsis, ""}, {"..=", tCompound, ""}, {"..", tConcat, ""}, {".", tDot, ""},
	{"//=", tCompound, ""}, {"//", tSlash2, ""}, {"/=", tCompound, ""}, {"/", tSlash, ""},
	{"+=", tCompound, ""}, {"+", tPlus, ""}, {"-=", tCompound, ""}, {"-", tMinus, ""},
	{"*=", tCompound, ""}, {"*", tStar, ""}, {"%=", tCompound, ""}, {"%", tPercent, ""},
	{"^=", tCompound, ""}, {"^", tCaret, ""}, {"#", tHash, ""},
	{"|=", tCompound, ""}, {"||", tOr, "or"}, {"|", tPipe, ""},
	{"&=", tCompound, ""}, {"&&", tAnd, "and"}, {"&", tAmp, ""},
	{"!==", tNe, "~="}, {"!=", tNe, "~="}, {"!", tNot, "not"}, {"~=", tNe, ""}, {"~", tTilde, ""},
	{"===", tEq, "=="}, {"==", tEq, ""}, {"=", tAssign, ""},
	{"<<=", tCompound, ""}, {"<>", tNe, "~="}, {"<=", tLe, ""}, {"<<", tShl, ""}, {"<", tLt, ""},
	{">>=", tCompound, ""}, {">=", tGe, ""}, {">>", tShr, ""}, {">", tGt, ""},
	{"(", tLParen, ""}, {")", tRParen, ""}, {"{", tLBrace, ""}, {"}", tRBrace, ""},
	{"[", tLBracket, ""}, {"]", tRBracket, ""},
	{";", tSemi, ""}, {"::", tColon2, ""}, {":", tColon, ""}, {",", tComma, ""},
}

// firstSymbols are where in symbols those that begin with a byte begin.
var firstSymbols = func() (first [utf8.RuneSelf]uint8) {
	for i := len(symbols) - 1; i >= 0; i-- {
		first[symbols[i].text[0]] = uint8(i)
	}
	return first
}()

func (s *scanner) symbol() {
	start, rest := s.pos, s.src[s.pos:]
	if rest[0] >= utf8.RuneSelf {
		s.strange()
		return
	}
	for i := int(firstSymbols[rest[0]]); i < len(symbols) && symbols[i].text[0] == rest[0]; i++ {
		y := &symbols[i]
		if !strings.HasPrefix(rest, y.text) {
			continue
		}
		s.pos += len(y.text)
		if y.hint != "" {
			s.errorf(diag.ForeignOperator, start, s.pos, "Lua has no '%s' (did you mean '%s'?)", y.text, y.hint)
		}
		s.add(token{kind: y.kind}, start)
		return
	}
	s.strange()
}

// strange passes over a run of bytes that no token begins with.
func (s *scanner) strange() {
	start := s.pos
	first, size := utf8.DecodeRuneInString(s.src[s.pos:])
	for s.pos < len(s.src) && (s.src[s.pos] >= utf8.RuneSelf || s.pos == start) {
		s.pos++
	}
	what := fmt.Sprintf("%q", first)
	if first == utf8.RuneError && size == 1 {
		what = fmt.Sprintf("'\\x%02x'", s.src[start])
	}
	hint := ""
	switch {
	case strings.ContainsRune("“”„‘’", first):
		hint = `: strings stand in "straight quotes"`
	case first == '\u00a0':
		hint = ": a no-break space; write a plain one"
	case first >= utf8.RuneSelf && size > 1:
		hint = ": names are made of the letters a to z, digits and '_'"
	}
	s.errorf(diag.UnexpectedCharacter, start, s.pos, "unexpected character %s%s", what, hint)
	s.add(token{kind: tBad}, start)
}
