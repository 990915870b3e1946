package syntax

import "github.com/luabpfc/luabpfc/ir/diag"

// kind is what a token is.
type kind uint8

const (
	tEOF kind = iota
	tBad      // text that is no token; already reported
	tName
	tNumber
	tString

	tPlus
	tMinus
	tStar
	tSlash
	tPercent
	tCaret
	tHash
	tSlash2
	tAmp
	tPipe
	tTilde
	tShl
	tShr
	tEq
	tNe
	tLe
	tGe
	tLt
	tGt
	tAssign
	tCompound // += and the like, which Lua has not
	tLParen
	tRParen
	tLBrace
	tRBrace
	tLBracket
	tRBracket
	tColon2
	tSemi
	tColon
	tComma
	tDot
	tConcat
	tEllipsis

	tAnd
	tBreak
	tDo
	tElse
	tElseif
	tEnd
	tFalse
	tFor
	tFunction
	tIf
	tIn
	tLocal
	tNil
	tNot
	tOr
	tRepeat
	tReturn
	tThen
	tTrue
	tUntil
	tWhile
	numKinds
)

// kindText is how each kind is written, or what a message calls it.
var kindText = [numKinds]string{
	tEOF: "end of file", tBad: "text", tName: "name", tNumber: "number", tString: "string",
	tPlus: "+", tMinus: "-", tStar: "*", tSlash: "/", tPercent: "%", tCaret: "^", tHash: "#",
	tSlash2: "//", tAmp: "&", tPipe: "|", tTilde: "~", tShl: "<<", tShr: ">>",
	tEq: "==", tNe: "~=", tLe: "<=", tGe: ">=", tLt: "<", tGt: ">", tAssign: "=", tCompound: "+=",
	tLParen: "(", tRParen: ")", tLBrace: "{", tRBrace: "}", tLBracket: "[", tRBracket: "]",
	tColon2: "::", tSemi: ";", tColon: ":", tComma: ",", tDot: ".", tConcat: "..", tEllipsis: "...",
	tAnd: "and", tBreak: "break", tDo: "do", tElse: "else", tElseif: "elseif", tEnd: "end",
	tFalse: "false", tFor: "for", tFunction: "function", tIf: "if", tIn: "in", tLocal: "local",
	tNil: "nil", tNot: "not", tOr: "or", tRepeat: "repeat", tReturn: "return", tThen: "then",
	tTrue: "true", tUntil: "until", tWhile: "while",
}

// keyword returns the kind of a word: a keyword's, or tName.
func keyword(word string) kind {
	if len(word) > len("function") {
		return tName
	}
	for k := tAnd; k < numKinds; k++ {
		if kindText[k] == word {
			return k
		}
	}
	return tName
}

// isKeyword reports whether k is a reserved word.
func (k kind) isKeyword() bool { return k >= tAnd }

// token is one token of a file.
type token struct {
	Range
	kind    kind
	newline bool        // first on its line
	broken  bool        // a string without its end, or the end of file inside a long bracket; reported
	text    string      // tName: the name; tString: the value
	num     *NumberExpr // tNumber
}

// describe names a token in a message.
func (t *token) describe(f *diag.File) string {
	switch t.kind {
	case tEOF:
		return "end of file"
	case tString:
		return "a string"
	}
	text := t.In(f).Text()
	if len(text) > 40 {
		text = text[:37] + "..."
	}
	return "'" + text + "'"
}
