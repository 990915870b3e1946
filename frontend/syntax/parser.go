package syntax

import (
	"github.com/luabpfc/luabpfc/ir/diag"
)

const (
	// maxDepth is how deep blocks and expressions may nest, as in Lua, counted
	// as 5.1 counts: one a block, one an operand that is parsed by recursion.
	maxDepth = 200
	// maxChain is how many operators or suffixes may follow one another on one
	// level. They nest to the left in the tree without the parser recursing;
	// the stages that walk the tree do recurse.
	maxChain = 4000
)

// parser holds the state of one Parse.
type parser struct {
	file *diag.File
	r    *diag.Reporter
	toks []token
	pos  int
	tok  *token // toks[pos]
	prev int    // where the last token taken ended

	quiet     bool // an error was reported and the parser has not found its feet yet
	dead      bool // given up; everything is skipped
	misnested bool // an 'end' was missing or too many: what is inside what is unknown
	depth     int
	brackets  []kind // the closers of the brackets that are open, innermost last

	scope  *funcScope
	active map[string][]*Local // the visible locals of each name, innermost last

	suspect *opener // first block whose end is indented less than its beginning
	elseIf  *Range  // last 'else if' on one line
}

// opener is the token that began a block or bracket.
type opener struct {
	Range
	what string // "if", "(", ...
}

// Parse parses a file. It reports every error it finds and always returns a
// chunk; after errors, a partial one.
func Parse(file *diag.File, r *diag.Reporter) *Chunk {
	p := &parser{file: file, r: r, toks: scan(file, r), active: map[string][]*Local{}}
	p.tok = &p.toks[0]
	fn := &Function{Range: Range{0, len(file.Text)}, File: file, Vararg: true}
	p.openFunc(fn)
	p.openBlock(false)
	fn.Body = p.stmts()
	for p.tok.kind != tEOF {
		p.strayCloser()
		if rest := p.stmts(); len(rest.Stmts) > 0 {
			fn.Body.Stmts = append(fn.Body.Stmts, rest.Stmts...)
			fn.Body.End = rest.End
		}
	}
	p.closeScope()
	p.closeFunc()
	return &Chunk{File: file, Func: fn}
}

// next takes the current token.
func (p *parser) next() token {
	t := *p.tok
	if t.kind != tEOF {
		p.prev = t.End
		p.pos++
		p.tok = &p.toks[p.pos]
	}
	return t
}

// peek returns the kind of the token n places ahead.
func (p *parser) peek(n int) kind { return p.toks[min(p.pos+n, len(p.toks)-1)].kind }

// accept takes the current token if it is of the given kind.
func (p *parser) accept(k kind) bool {
	if p.tok.kind != k {
		return false
	}
	p.next()
	return true
}

// from returns the range from start to the last token taken, an empty one behind
// that token when none was taken since start.
func (p *parser) from(start int) Range { return Range{min(start, p.prev), p.prev} }

// report records an error that the parser stays in step after.
func (p *parser) report(code diag.Code, at Range, format string, args ...any) *diag.Diagnostic {
	if p.dead {
		return new(diag.Diagnostic)
	}
	return p.r.Errorf(code, at.In(p.file), format, args...)
}

// fail records an error after which the parser is out of step. Until a
// statement or a closing token puts it right, further ones are not recorded.
func (p *parser) fail(code diag.Code, at Range, format string, args ...any) *diag.Diagnostic {
	if p.quiet || p.dead || p.tok.kind == tBad || p.tok.kind == tEOF && p.tok.broken {
		p.quiet = true
		return new(diag.Diagnostic)
	}
	p.quiet = true
	return p.r.Errorf(code, at.In(p.file), format, args...)
}

// here is where to point when something is missing: at the current token, or
// behind the last one when the current one is on another line.
func (p *parser) here() Range {
	if p.pos > 0 && (p.tok.newline || p.tok.kind == tEOF) {
		return Range{p.prev, p.prev}
	}
	return p.tok.Range
}

func (p *parser) found() string { return p.tok.describe(p.file) }

// expected fails with "WHAT expected, found TOKEN".
func (p *parser) expected(what string) *diag.Diagnostic {
	return p.fail(diag.UnexpectedToken, p.here(), "%s expected, found %s", what, p.found())
}

// expect takes a token of the given kind or fails.
func (p *parser) expect(k kind) bool {
	if p.accept(k) {
		return true
	}
	p.expected("'" + kindText[k] + "'")
	return false
}

// line returns the line a byte offset is on.
func (p *parser) line(offset int) int {
	line, _ := p.file.Position(offset)
	return line
}

// opens returns the current token as an opener.
func (p *parser) opens() opener {
	return opener{p.tok.Range, kindText[p.tok.kind]}
}

// enter goes one level deeper; too deep, it gives the file up and returns false.
func (p *parser) enter() bool {
	p.depth++
	if p.depth > maxDepth {
		p.giveUp("more than %d levels of blocks and expressions inside one another", maxDepth)
		return false
	}
	return true
}

func (p *parser) leave() { p.depth-- }

// chain checks the length of an operator or suffix chain.
func (p *parser) chain(n int) bool {
	if n > maxChain {
		p.giveUp("more than %d operators in one expression", maxChain)
		return false
	}
	return true
}

func (p *parser) giveUp(format string, limit int) {
	p.report(diag.TooDeep, p.tok.Range, format, limit)
	p.dead, p.quiet = true, true
	p.pos = len(p.toks) - 1
	p.tok = &p.toks[p.pos]
}

// name takes a name. A keyword on the same line is taken for one after the
// error, since it can hardly be meant as anything else.
func (p *parser) name(what string) (string, Range, bool) {
	if p.tok.kind == tName {
		t := p.next()
		return t.text, t.Range, true
	}
	at := Range{p.prev, p.prev}
	if p.tok.kind.isKeyword() && !p.tok.newline {
		t := *p.tok
		p.fail(diag.UnexpectedToken, t.Range, "%s expected, found the keyword '%s'", what, t.text)
		if k := p.peek(1); k == tAssign || k == tComma || k == tLParen || k == tDot {
			p.next()
			p.quiet = p.dead
			return t.text, t.Range, true
		}
		return "", at, false
	}
	p.expected(what)
	return "", at, false
}
