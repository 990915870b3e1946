package syntax

import (
	"github.com/luabpfc/luabpfc/ir/diag"
)

// binary is what is known of a binary operator. It binds its operands when its
// left power exceeds the limit; a right power below the left one makes it
// right-associative.
type binary struct {
	op          BinaryOp
	left, right int
}

// binaries holds the precedences of 5.3. The zero value is no operator.
var binaries = [numKinds]binary{
	tOr:  {OpOr, 1, 1},
	tAnd: {OpAnd, 2, 2},
	tEq:  {OpEq, 3, 3}, tNe: {OpNe, 3, 3},
	tLt: {OpLt, 3, 3}, tLe: {OpLe, 3, 3}, tGt: {OpGt, 3, 3}, tGe: {OpGe, 3, 3},
	tPipe:  {OpBOr, 4, 4},
	tTilde: {OpBXor, 5, 5},
	tAmp:   {OpBAnd, 6, 6},
	tShl:   {OpShl, 7, 7}, tShr: {OpShr, 7, 7},
	tConcat: {OpConcat, 9, 8},
	tPlus:   {OpAdd, 10, 10}, tMinus: {OpSub, 10, 10},
	tStar: {OpMul, 11, 11}, tSlash: {OpDiv, 11, 11}, tSlash2: {OpIDiv, 11, 11}, tPercent: {OpMod, 11, 11},
	tCaret: {OpPow, 14, 13},
}

// unaryPower binds tighter than every binary operator but ^.
const unaryPower = 12

func unaryOp(k kind) (UnaryOp, bool) {
	switch k {
	case tMinus:
		return OpNeg, true
	case tNot:
		return OpNot, true
	case tHash:
		return OpLen, true
	case tTilde:
		return OpBNot, true
	}
	return 0, false
}

// noExpr stands for an expression that could not be parsed.
func (p *parser) noExpr() Expr { return &NilExpr{Range{p.prev, p.prev}} }

// exprs parses one expression or more, with commas.
func (p *parser) exprs() []Expr {
	list := []Expr{p.expr()}
	for !p.quiet && p.accept(tComma) {
		list = append(list, p.expr())
	}
	return list
}

func (p *parser) expr() Expr { return p.operand(0) }

// operand parses an expression of operators that bind tighter than limit.
func (p *parser) operand(limit int) Expr {
	defer p.leave()
	if !p.enter() || p.quiet {
		return p.noExpr()
	}
	var e Expr
	start := p.tok.Start
	if op, ok := unaryOp(p.tok.kind); ok {
		p.next()
		x := p.operand(unaryPower)
		e = &Unary{p.from(start), op, x}
	} else {
		e = p.simple()
	}
	for n := 1; !p.quiet; n++ {
		b := binaries[p.tok.kind]
		if b.left <= limit || !p.chain(n) {
			break
		}
		at := p.next().Range
		r := p.operand(b.right)
		e = &Binary{p.from(start), b.op, at, e, r}
	}
	return e
}

// simple parses an operand without operators.
func (p *parser) simple() Expr {
	at := p.tok.Range
	switch p.tok.kind {
	case tNumber:
		return p.next().num
	case tString:
		t := p.next()
		p.quiet = p.quiet || t.broken
		return &StringExpr{at, t.text}
	case tNil:
		p.next()
		return &NilExpr{at}
	case tTrue, tFalse:
		return &BoolExpr{at, p.next().kind == tTrue}
	case tEllipsis:
		p.next()
		p.checkVararg(at)
		return &VarargExpr{at}
	case tLBrace:
		return p.table()
	case tFunction:
		return p.functionExpr()
	}
	return p.suffixed()
}

// suffixed parses a name or a parenthesised expression with its suffixes.
func (p *parser) suffixed() Expr {
	start := p.tok.Start
	var e Expr
	switch p.tok.kind {
	case tName:
		t := p.next()
		e = p.variable(t.text, t.Range)
	case tLParen:
		open := p.opensBracket(tRParen)
		x := p.expr()
		p.close(open, tRParen)
		e = &Paren{p.from(start), x}
	default:
		p.expected("an expression")
		return p.noExpr()
	}
	for n := 1; !p.quiet && p.chain(n); n++ {
		s := p.suffix(start, e)
		if s == nil {
			break
		}
		e = s
	}
	return e
}

// suffix parses one index or call behind e, or returns nil.
func (p *parser) suffix(start int, e Expr) Expr {
	switch p.tok.kind {
	case tDot:
		p.next()
		key, at, ok := p.field()
		if !ok {
			return nil
		}
		return &Index{p.from(start), e, &StringExpr{at, key}, true}
	case tLBracket:
		open := p.opensBracket(tRBracket)
		key := p.expr()
		p.close(open, tRBracket)
		return &Index{p.from(start), e, key, false}
	case tColon:
		p.next()
		name, at, ok := p.field()
		if !ok {
			return nil
		}
		switch p.tok.kind {
		case tLParen, tString, tLBrace:
			args := p.args()
			return &MethodCall{p.from(start), e, name, at, args}
		}
		p.expected("'(' and the method's arguments")
		return nil
	case tLParen, tString, tLBrace:
		args := p.args()
		return &Call{p.from(start), e, args}
	}
	return nil
}

// field takes the name behind '.' or ':'. A keyword on the same line is taken
// for one.
func (p *parser) field() (string, Range, bool) {
	if p.tok.kind.isKeyword() && !p.tok.newline && p.tok.Start == p.prev {
		t := *p.tok
		p.fail(diag.UnexpectedToken, t.Range, "'%s' is a keyword; as a field write [\"%s\"]", t.text, t.text)
		p.next()
		p.quiet = p.dead
		return t.text, t.Range, true
	}
	return p.name("a name")
}

// args parses a call's arguments.
func (p *parser) args() []Expr {
	switch p.tok.kind {
	case tString, tLBrace:
		return []Expr{p.simple()}
	}
	open := p.opensBracket(tRParen)
	if p.tok.kind == tRParen {
		p.close(open, tRParen)
		return nil
	}
	list := p.exprs()
	if p.tok.kind == tRParen && !p.quiet && p.toks[p.pos-1].kind == tComma {
		p.expected("an expression")
	}
	p.close(open, tRParen)
	return list
}

// table parses a table constructor.
func (p *parser) table() Expr {
	open := p.opensBracket(tRBrace)
	t := &TableExpr{}
	for p.tok.kind != tRBrace && !p.endsBlock() {
		f := p.tableField()
		t.Fields = append(t.Fields, f)
		if p.quiet && !p.skipField() {
			break
		}
		if p.tok.kind == tRBrace || p.accept(tComma) || p.accept(tSemi) {
			continue
		}
		if !p.startsField() {
			break
		}
		p.fail(diag.UnexpectedToken, p.here(), "',' expected between the fields of a table, found %s", p.found())
		p.quiet = p.dead
	}
	p.close(open, tRBrace)
	t.Range = p.from(open.Start)
	return t
}

// startsField reports whether a field of a table seems to begin here, only the
// separator in front of it is missing: a name on the line of the last field or
// with '=' behind it, or a value.
func (p *parser) startsField() bool {
	switch p.tok.kind {
	case tName:
		return p.peek(1) == tAssign || !p.tok.newline
	case tNumber, tString, tNil, tTrue, tFalse, tLBrace, tLBracket:
		return true
	}
	return false
}

// skipField passes over the rest of a broken field. It reports whether another
// field or the table's end follows.
func (p *parser) skipField() bool {
	p.skip(func() bool { return p.tok.kind == tComma || p.tok.kind == tSemi || p.closesBracket() })
	switch p.tok.kind {
	case tComma, tSemi, tRBrace:
		p.quiet = p.dead
		return true
	}
	return false
}

// callsMethod reports whether a method call begins here: name, ':', name and
// arguments.
func (p *parser) callsMethod() bool {
	if p.peek(2) != tName {
		return false
	}
	switch p.peek(3) {
	case tLParen, tString, tLBrace:
		return true
	}
	return false
}

func (p *parser) tableField() *Field {
	start := p.tok.Start
	f := &Field{}
	switch {
	case p.tok.kind == tName && p.peek(1) == tAssign:
		t := p.next()
		p.next()
		f.Key, f.Named = &StringExpr{t.Range, t.text}, true
		f.Value = p.expr()
		nameFunction(f.Value, t.text)
	case p.tok.kind == tName && p.peek(1) == tColon && !p.callsMethod():
		t := p.next()
		p.fail(diag.UnexpectedToken, p.tok.Range, "'=' expected between a field's name and its value, found ':'")
		p.quiet = p.dead
		p.next()
		f.Key, f.Named = &StringExpr{t.Range, t.text}, true
		f.Value = p.expr()
	case p.tok.kind == tLBracket:
		open := p.opensBracket(tRBracket)
		f.Key = p.expr()
		p.close(open, tRBracket)
		if !p.quiet && !p.accept(tAssign) {
			p.expected("'=' and the field's value")
		}
		f.Value = p.expr()
	case p.tok.kind.isKeyword() && p.peek(1) == tAssign:
		p.fail(diag.UnexpectedToken, p.tok.Range, "'%s' is a keyword; as a field write [\"%s\"]", p.tok.text, p.tok.text)
		p.quiet = p.dead
		p.next()
		p.next()
		f.Value = p.expr()
	default:
		f.Value = p.expr()
		if p.tok.kind == tColon && !p.quiet {
			p.fail(diag.UnexpectedToken, p.tok.Range, "'=' expected between a field's name and its value, found ':'")
		}
	}
	f.Range = p.from(start)
	return f
}

// functionExpr parses function (...) ... end.
func (p *parser) functionExpr() Expr {
	open := p.opens()
	p.next()
	if p.tok.kind == tName && !p.quiet {
		p.fail(diag.UnexpectedToken, p.tok.Range, "'(' expected, found %s: a function inside an expression has no name", p.found())
		p.next()
		p.quiet = p.dead
	}
	return p.functionBody(&Function{}, open)
}

// functionBody parses parameters and body. fn holds the name and an implicit
// self.
func (p *parser) functionBody(fn *Function, open opener) *FunctionExpr {
	defer p.leave()
	fn.File = p.file
	p.openFunc(fn)
	p.openBlock(false)
	if p.enter() {
		p.params(fn)
	}
	for _, l := range fn.Params {
		p.declare(l)
	}
	fn.Body = p.stmts()
	p.closeScope()
	p.closeFunc()
	p.closeBlock(open, tEnd)
	fn.Range = p.from(open.Start)
	return &FunctionExpr{fn.Range, fn}
}

func (p *parser) params(fn *Function) {
	open := opener{p.tok.Range, "("}
	if p.quiet || !p.expect(tLParen) {
		p.skipTo(tRParen)
		return
	}
	if p.accept(tRParen) {
		return
	}
	for {
		if p.accept(tEllipsis) {
			fn.Vararg = true
			if p.tok.kind == tComma {
				p.fail(diag.UnexpectedToken, p.tok.Range, "'...' must be the last parameter")
			}
			break
		}
		l := p.local("a parameter's name")
		if p.quiet {
			break
		}
		fn.Params = append(fn.Params, l)
		if !p.accept(tComma) {
			break
		}
	}
	if !p.quiet && p.tok.kind == tAssign {
		p.fail(diag.UnexpectedToken, p.tok.Range, "parameters have no default values: write 'if x == nil then x = ... end' in the body")
	}
	if !p.quiet && p.accept(tRParen) {
		return
	}
	p.unclosed(open, tRParen)
	p.skipBracket(tRParen)
	p.quiet = p.dead
}
