package syntax

import (
	"strings"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// After an error the parser is quiet: it reports nothing until it knows again
// where it is. It is put right by
//
//   - the next statement. skipStmt passes over what is left of the broken one,
//     up to a ';', a keyword that begins a statement or closes a block, or a name
//     that begins a line;
//   - the closer of the bracket that the error was in, or in a table constructor
//     the next field;
//   - the 'then' or 'do' behind a broken condition.
//
// Skipping keeps brackets balanced and parses the function literals it meets,
// so that their 'end' is not taken for another block's and errors in them are
// found too.

// startsStmt reports whether the current token begins a statement, and can not
// be within an expression.
func (p *parser) startsStmt() bool {
	switch p.tok.kind {
	case tLocal, tIf, tWhile, tFor, tRepeat, tReturn, tBreak, tDo, tColon2:
		return true
	case tFunction:
		return p.peek(1) == tName
	case tName:
		return p.isGoto() && p.tok.newline
	}
	return false
}

// endsBlock reports whether the current token closes a block.
func (p *parser) endsBlock() bool {
	switch p.tok.kind {
	case tEnd, tElse, tElseif, tUntil, tEOF:
		return true
	}
	return false
}

// skip passes over tokens up to one that stops outside the brackets skipped, or
// that begins a statement or closes a block.
func (p *parser) skip(stops func() bool) {
	depth := 0
	for !p.startsStmt() && !p.endsBlock() {
		if depth == 0 && stops() {
			return
		}
		switch p.tok.kind {
		case tFunction:
			p.quiet = p.dead
			p.functionExpr()
			p.quiet = true
			continue
		case tLParen, tLBrace, tLBracket:
			depth++
		case tRParen, tRBrace, tRBracket:
			depth = max(0, depth-1)
		}
		p.next()
	}
}

// skipStmt passes over the rest of a broken statement.
func (p *parser) skipStmt() {
	p.skip(func() bool {
		return p.tok.kind == tSemi || p.tok.kind == tName && p.tok.newline
	})
	p.quiet = p.dead
}

// skipTo passes over tokens up to one of kind k and takes it; without one it
// stops where a statement begins or a block ends. Either way the parser is put
// right.
func (p *parser) skipTo(k kind) {
	p.skip(func() bool { return p.tok.kind == k })
	p.accept(k)
	p.quiet = p.dead
}

// closesBracket reports whether the current token closes a bracket.
func (p *parser) closesBracket() bool {
	switch p.tok.kind {
	case tRParen, tRBrace, tRBracket:
		return true
	}
	return false
}

// skipBracket passes over the rest of a bracket up to its closer, or that of a
// bracket around it. It reports whether it took its own; if not, the parser is
// not put right.
func (p *parser) skipBracket(closer kind) bool {
	p.quiet = true
	p.skip(func() bool {
		return p.closesBracket() || p.tok.kind == tName && p.tok.newline && p.peek(1) == tAssign
	})
	if !p.accept(closer) {
		return false
	}
	p.quiet = p.dead
	return true
}

// opensBracket takes a token that opens a bracket, which close closes.
func (p *parser) opensBracket(closer kind) opener {
	open := p.opens()
	p.next()
	p.brackets = append(p.brackets, closer)
	return open
}

// cutShort reports whether the current token closes the bracket that the
// function at hand stands in: 'end)' where the 'end' was taken for an inner
// block's.
func (p *parser) cutShort() bool {
	n := len(p.brackets)
	return n > 0 && p.tok.kind == p.brackets[n-1] && p.pos > 0 && p.toks[p.pos-1].kind == tEnd
}

// close takes the closer of a bracket, or fails and skips to it.
func (p *parser) close(open opener, closer kind) {
	p.brackets = p.brackets[:len(p.brackets)-1]
	if !p.quiet && p.accept(closer) {
		return
	}
	if p.tok.kind == tAssign && !p.quiet {
		p.fail(diag.UnexpectedToken, p.tok.Range, "'%s' expected, found '=' (did you mean '=='?)", kindText[closer])
	} else {
		p.unclosed(open, closer)
	}
	p.skipBracket(closer)
}

func (p *parser) unclosed(open opener, closer kind) {
	if p.line(open.Start) == p.line(p.here().Start) {
		p.fail(diag.UnclosedBracket, p.here(), "'%s' expected, found %s", kindText[closer], p.found())
		return
	}
	p.fail(diag.UnclosedBracket, p.here(), "'%s' expected to close '%s' at line %d, found %s",
		kindText[closer], open.what, p.line(open.Start), p.found()).
		Note(open.In(p.file), "'%s' is opened here", open.what)
}

// closeBlock takes the closer of a block, or fails with the likely reasons. A
// missing one is not skipped to: the current token belongs to an outer block.
func (p *parser) closeBlock(open opener, closer kind) {
	if p.tok.kind == closer {
		p.noteIndent(open)
		p.next()
		p.quiet = p.dead
		return
	}
	p.misnested = true
	at := p.tok.Range
	if p.tok.kind == tEOF {
		at = p.here()
	}
	d := p.fail(diag.UnclosedBlock, at, "'%s' expected to close '%s' at line %d, found %s",
		kindText[closer], open.what, p.line(open.Start), p.found())
	d.Note(open.In(p.file), "'%s' begins here", open.what)
	if s := p.suspect; s != nil && s.Start > open.Start {
		d.Note(s.In(p.file), "the indentation suggests that this '%s' has no 'end'", s.what)
	}
	if e := p.elseIf; e != nil && e.Start > open.Start {
		d.Note(e.In(p.file), "'else if' begins a second 'if', which needs an 'end' of its own: write 'elseif'")
	}
	if closer == tUntil && p.tok.kind == tEnd && p.indent(p.tok.Start) == p.indent(open.Start) {
		p.next()
		p.quiet = p.dead
	}
}

// noteIndent remembers the first block whose closer stands further left than
// the line that opened it: when an 'end' is missing, it is probably that block's.
func (p *parser) noteIndent(open opener) {
	if p.suspect != nil || !p.tok.newline {
		return
	}
	if p.indent(p.tok.Start) < p.indent(open.Start) {
		p.suspect = &open
	}
}

// indent returns how far the line of an offset is indented.
func (p *parser) indent(offset int) int {
	text := p.file.Text
	begin := strings.LastIndexByte(text[:offset], '\n') + 1
	n := begin
	for n < len(text) && (text[n] == ' ' || text[n] == '\t') {
		n++
	}
	return n - begin
}

// strayCloser reports a token that closes a block where none is open.
func (p *parser) strayCloser() {
	p.misnested = true
	p.fail(diag.UnexpectedEnd, p.tok.Range, "'%s' closes nothing: no block is open here", p.tok.text)
	if p.tok.kind == tElseif || p.tok.kind == tUntil {
		p.next()
		p.quiet = true
		p.skipStmt()
		p.accept(tThen)
		return
	}
	p.next()
	p.quiet = p.dead
}
