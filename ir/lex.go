package ir

import (
	"fmt"
	"strconv"
)

// tokenKind classifies the text form's tokens.
type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokNewline
	tokWord   // names and numbers: [A-Za-z0-9_.$]+
	tokString // quoted as in Go
	tokPunct  // one of ( ) { } , : = + - @, or <-
)

type token struct {
	kind tokenKind
	text string // of a string: what it denotes
	line int
	col  int
}

// String describes the token in messages.
func (t token) String() string {
	switch t.kind {
	case tokEOF:
		return "end of text"
	case tokNewline:
		return "end of line"
	case tokString:
		return strconv.Quote(t.text)
	}
	return "'" + t.text + "'"
}

// ParseError says where a text form is wrong, and how.
type ParseError struct {
	Name      string // as given to Parse
	Line, Col int    // from 1; columns count bytes
	Msg       string
}

// Error returns "name:line:col: message".
func (e *ParseError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.Name, e.Line, e.Col, e.Msg)
}

// lexer splits a text form into tokens, one at a time.
type lexer struct {
	text string
	off  int
	line int
	bol  int // offset of the line's first byte
}

// next returns the next token; its error is what cannot be one.
func (l *lexer) next() (token, string) {
	l.skip()
	t := token{line: l.line, col: l.off - l.bol + 1}
	if l.off >= len(l.text) {
		return t, ""
	}
	start := l.off
	switch c := l.text[l.off]; {
	case c == '\n':
		t.kind = tokNewline
		l.off++
		l.line++
		l.bol = l.off
	case wordByte(c):
		for l.off < len(l.text) && wordByte(l.text[l.off]) {
			l.off++
		}
		t.kind, t.text = tokWord, l.text[start:l.off]
	case c == '"':
		q, err := strconv.QuotedPrefix(l.text[start:])
		if err != nil {
			return t, "malformed string"
		}
		l.off += len(q)
		t.kind = tokString
		t.text, _ = strconv.Unquote(q)
	case c == '<' && l.off+1 < len(l.text) && l.text[l.off+1] == '-':
		l.off += 2
		t.kind, t.text = tokPunct, "<-"
	case isPunct(c):
		l.off++
		t.kind, t.text = tokPunct, string(rune(c))
	default:
		return t, fmt.Sprintf("unexpected character %q", c)
	}
	return t, ""
}

// skip passes over blanks and comments.
func (l *lexer) skip() {
	for ; l.off < len(l.text); l.off++ {
		switch l.text[l.off] {
		case ' ', '\t', '\r':
		case '#':
			for l.off+1 < len(l.text) && l.text[l.off+1] != '\n' {
				l.off++
			}
		default:
			return
		}
	}
}

func isPunct(c byte) bool {
	switch c {
	case '(', ')', '{', '}', ',', ':', '=', '+', '-', '@':
		return true
	}
	return false
}
