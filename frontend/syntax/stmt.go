package syntax

import (
	"github.com/luabpfc/luabpfc/ir/diag"
)

// block parses statements up to a token that closes a block, in a scope of
// their own.
func (p *parser) block() *Block {
	p.openBlock(false)
	b := p.stmts()
	p.closeScope()
	return b
}

// loopBody is block for the body of a loop, with the loop's variables declared
// in the same scope.
func (p *parser) loopBody(vars ...*Local) *Block {
	p.openBlock(true)
	for _, v := range vars {
		p.declare(v)
	}
	b := p.stmts()
	p.closeScope()
	return b
}

// stmts parses the statements of a block whose scope is open.
func (p *parser) stmts() *Block {
	b := &Block{}
	if !p.enter() {
		defer p.leave()
		b.Range = Range{p.prev, p.prev}
		return b
	}
	defer p.leave()
	var returned Stmt
	for !p.endsBlock() && !p.cutShort() {
		if returned != nil {
			p.report(diag.StatementAfterReturn, p.tok.Range,
				"'return' must be the last statement of its block, found %s behind it", p.found()).
				Note(returned.Bounds().In(p.file), "this 'return'; 'do return end' may stand anywhere")
			returned = nil
		}
		if p.accept(tSemi) {
			continue
		}
		before := p.pos
		s := p.stmt()
		if p.quiet {
			p.skipStmt()
		}
		if p.pos == before {
			p.next()
		}
		if s == nil {
			continue
		}
		b.Stmts = append(b.Stmts, s)
		if r, ok := s.(*ReturnStmt); ok {
			returned = r
		}
	}
	if n := len(b.Stmts); n > 0 {
		b.Range = Range{b.Stmts[0].Bounds().Start, b.Stmts[n-1].Bounds().End}
	} else {
		b.Range = Range{p.prev, p.prev}
	}
	return b
}

// stmt parses a statement. It returns nil when nothing of it could be used.
func (p *parser) stmt() Stmt {
	start := p.tok.Start
	switch p.tok.kind {
	case tIf:
		return p.ifStmt()
	case tWhile:
		open := p.opens()
		p.next()
		cond := p.condition("while", tDo)
		body := p.loopBody()
		p.closeBlock(open, tEnd)
		return &WhileStmt{p.from(start), cond, body}
	case tDo:
		open := p.opens()
		p.next()
		body := p.block()
		p.closeBlock(open, tEnd)
		return &DoStmt{p.from(start), body}
	case tFor:
		return p.forStmt()
	case tRepeat:
		return p.repeatStmt()
	case tFunction:
		return p.functionStmt()
	case tLocal:
		return p.localStmt()
	case tReturn:
		return p.returnStmt()
	case tBreak:
		t := p.next()
		p.checkBreak(t.Range)
		return &BreakStmt{t.Range}
	case tColon2:
		return p.labelStmt()
	case tName:
		if p.isGoto() {
			return p.gotoStmt()
		}
	}
	return p.exprStmt()
}

// isGoto reports whether the current token, which begins a statement, is the
// keyword goto: it is one only before a name.
func (p *parser) isGoto() bool {
	return p.tok.kind == tName && p.tok.text == "goto" && p.peek(1) == tName
}

// condition parses the condition of an if, while or until and what follows it:
// 'then', 'do', or nothing for tEOF.
func (p *parser) condition(of string, then kind) Expr {
	cond := p.expr()
	if p.tok.kind == tAssign && !p.quiet {
		p.report(diag.AssignInCondition, p.tok.Range, "'=' assigns; to compare write '=='")
		at := p.next().Range
		r := p.expr()
		cond = &Binary{Range{cond.Bounds().Start, r.Bounds().End}, OpEq, at, cond, r}
	}
	if then == tEOF || !p.quiet && p.accept(then) {
		return cond
	}
	missing := !p.quiet && p.tok.newline
	swapped := (p.tok.kind == tThen || p.tok.kind == tDo) && !p.tok.newline
	if p.tok.kind == tLBrace && !p.quiet {
		p.fail(diag.UnexpectedToken, p.here(), "'%s' expected after the condition of '%s', found '{': blocks are written '%s' ... 'end'",
			kindText[then], of, kindText[then])
	} else {
		p.fail(diag.UnexpectedToken, p.here(), "'%s' expected after the condition of '%s', found %s", kindText[then], of, p.found())
	}
	switch {
	case swapped:
		p.next()
		p.quiet = p.dead
	case missing:
		p.quiet = p.dead
	default:
		p.skipTo(then)
	}
	return cond
}

func (p *parser) ifStmt() Stmt {
	open := p.opens()
	s := &IfStmt{}
	of := "if"
	for {
		start := p.next().Start // if, elseif
		c := &IfClause{Cond: p.condition(of, tThen)}
		c.Body = p.block()
		c.Range = p.from(start)
		s.Clauses = append(s.Clauses, c)
		if p.tok.kind != tElseif {
			break
		}
		of = "elseif"
	}
	if p.tok.kind == tElse {
		at := p.next().Range
		if p.tok.kind == tIf && !p.tok.newline {
			p.elseIf = &Range{at.Start, p.tok.End}
		}
		s.Else = p.block()
		if p.tok.kind == tElseif && !p.quiet {
			p.fail(diag.UnexpectedToken, p.tok.Range, "'elseif' stands before 'else'").Note(at.In(p.file), "'else' is here")
			p.quiet = p.dead
			p.restOfIf()
		}
	}
	p.closeBlock(open, tEnd)
	s.Range = p.from(open.Start)
	return s
}

// restOfIf parses, and drops, the branches that follow an else.
func (p *parser) restOfIf() {
	for p.tok.kind == tElseif || p.tok.kind == tElse {
		if p.next().kind == tElseif {
			p.condition("elseif", tThen)
		}
		p.block()
	}
}

func (p *parser) repeatStmt() Stmt {
	open := p.opens()
	p.next()
	p.openBlock(true)
	s := &RepeatStmt{Body: p.stmts()}
	found := p.tok.kind == tUntil
	p.closeBlock(open, tUntil)
	if found {
		s.Cond = p.condition("until", tEOF)
	} else {
		s.Cond = p.noExpr()
	}
	p.closeScope()
	s.Range = p.from(open.Start)
	return s
}

func (p *parser) forStmt() Stmt {
	open := p.opens()
	p.next()
	if p.tok.kind == tLParen {
		p.fail(diag.UnexpectedToken, p.tok.Range, "a name expected, found '(': a loop is written 'for i = 1, n do'")
	}
	first := p.local("a name")
	if p.quiet {
		p.skipTo(tDo)
		body := p.loopBody(first)
		p.closeBlock(open, tEnd)
		return &DoStmt{p.from(open.Start), body}
	}
	if p.accept(tAssign) {
		return p.numFor(open, first)
	}
	s := &GenForStmt{Vars: []*Local{first}}
	for p.accept(tComma) {
		s.Vars = append(s.Vars, p.local("a name"))
	}
	if !p.quiet && !p.accept(tIn) {
		p.expected("'=' or 'in'")
	} else {
		s.Exprs = p.exprs()
	}
	p.loopDo()
	s.Body = p.loopBody(s.Vars...)
	p.closeBlock(open, tEnd)
	s.Range = p.from(open.Start)
	return s
}

func (p *parser) numFor(open opener, v *Local) Stmt {
	s := &NumForStmt{Var: v, From: p.expr()}
	if !p.quiet && p.accept(tComma) {
		s.To = p.expr()
	} else {
		p.expected("',' and the loop's last value")
		s.To = p.noExpr()
	}
	if !p.quiet && p.accept(tComma) {
		s.Step = p.expr()
	}
	p.loopDo()
	s.Body = p.loopBody(v)
	p.closeBlock(open, tEnd)
	s.Range = p.from(open.Start)
	return s
}

// loopDo takes the 'do' of a for loop.
func (p *parser) loopDo() {
	if !p.quiet && p.accept(tDo) {
		return
	}
	missing := !p.quiet && p.tok.newline
	p.expected("'do'")
	if missing {
		p.quiet = p.dead
	} else {
		p.skipTo(tDo)
	}
}

// functionStmt parses function a.b:m() ... end.
func (p *parser) functionStmt() Stmt {
	open := p.opens()
	p.next()
	text, at, ok := p.name("the function's name")
	if !ok {
		p.unnamedFunction(open)
		return nil
	}
	var target Expr = p.variable(text, at)
	full, method := text, false
	var self Range
	for (p.tok.kind == tDot || p.tok.kind == tColon) && !p.quiet && !method {
		method = p.next().kind == tColon
		sep := "."
		if method {
			sep = ":"
		}
		key, at, ok := p.name("a name")
		if !ok {
			method = false
			break
		}
		target = &Index{Range{target.Bounds().Start, at.End}, target, &StringExpr{at, key}, true}
		full, self = full+sep+key, at
	}
	if name, ok := target.(*Name); ok {
		p.assigned(name)
	}
	fn := &Function{Name: full, Method: method}
	if method {
		fn.Params = []*Local{{Range: self, Name: "self"}}
	}
	f := p.functionBody(fn, open)
	return &FunctionStmt{p.from(open.Start), target, f}
}

// unnamedFunction passes over what follows a missing name: a whole function, if
// its parameters are there.
func (p *parser) unnamedFunction(open opener) {
	if p.tok.kind != tLParen && p.peek(1) == tLParen {
		p.next()
	}
	if p.tok.kind == tLParen {
		p.quiet = p.dead
		p.functionBody(&Function{}, open)
	}
}

func (p *parser) localStmt() Stmt {
	start := p.next().Start
	if p.tok.kind == tFunction {
		return p.localFunction(start)
	}
	s := &LocalStmt{}
	var closes *Local
	for {
		l := p.local("a name")
		if p.quiet {
			break
		}
		p.attrib(l)
		if l.Attrib == AttribClose {
			if closes != nil {
				p.report(diag.MultipleClose, l.Range, "one 'local' can declare only one '<close>' variable").
					Note(closes.In(p.file), "the other one is '%s'", closes.Name)
			}
			closes = l
		}
		s.Names = append(s.Names, l)
		if p.quiet || !p.accept(tComma) {
			break
		}
	}
	if !p.quiet && (p.tok.kind == tDot || p.tok.kind == tLBracket) && !p.tok.newline {
		p.fail(diag.UnexpectedToken, p.tok.Range, "a local variable is a plain name; to assign to a field leave 'local' out")
	}
	if !p.quiet && p.tok.kind == tCompound {
		p.compound(nil)
	}
	if !p.quiet && p.accept(tAssign) {
		s.Exprs = p.exprs()
		nameFunctions(s)
	}
	for _, l := range s.Names {
		p.declare(l)
	}
	s.Range = p.from(start)
	return s
}

// nameFunctions gives function literals the names of the locals they are
// assigned to.
func nameFunctions(s *LocalStmt) {
	for i, e := range s.Exprs {
		if i < len(s.Names) {
			nameFunction(e, s.Names[i].Name)
		}
	}
}

func nameFunction(e Expr, name string) {
	if f, ok := e.(*FunctionExpr); ok && f.Func.Name == "" {
		f.Func.Name = name
	}
}

// attrib parses the <const> or <close> behind a local's name.
func (p *parser) attrib(l *Local) {
	if p.tok.kind != tLt {
		return
	}
	p.next()
	text, at, ok := p.name("'const' or 'close'")
	if !ok {
		return
	}
	switch text {
	case "const":
		l.Attrib = AttribConst
	case "close":
		l.Attrib = AttribClose
	default:
		p.report(diag.UnknownAttribute, at, "unknown attribute '%s': there are 'const' and 'close'", text)
	}
	p.expect(tGt)
}

func (p *parser) localFunction(start int) Stmt {
	open := p.opens()
	p.next()
	l := p.local("the function's name")
	if l.Name == "" {
		p.unnamedFunction(open)
		return nil
	}
	if (p.tok.kind == tDot || p.tok.kind == tColon) && !p.quiet {
		p.fail(diag.UnexpectedToken, p.tok.Range, "a local function's name is a plain name; to assign to a field leave 'local' out")
	}
	p.declare(l)
	f := p.functionBody(&Function{Name: l.Name}, open)
	return &LocalFunctionStmt{p.from(start), l, f}
}

// local parses a name that is being declared. The name is "" after an error.
func (p *parser) local(what string) *Local {
	text, at, _ := p.name(what)
	return &Local{Range: at, Name: text}
}

func (p *parser) returnStmt() Stmt {
	start := p.next().Start
	s := &ReturnStmt{}
	if !p.endsBlock() && p.tok.kind != tSemi {
		s.Exprs = p.exprs()
	}
	s.Range = p.from(start)
	if !p.quiet {
		p.accept(tSemi)
	}
	return s
}

func (p *parser) gotoStmt() Stmt {
	start := p.next().Start
	name := p.next().text
	s := &GotoStmt{Range: p.from(start), Name: name}
	p.jump(s)
	return s
}

func (p *parser) labelStmt() Stmt {
	start := p.next().Start
	text, _, ok := p.name("the label's name")
	if !ok || !p.expect(tColon2) {
		if p.peek(1) == tColon2 {
			p.next()
			p.next()
		}
		return nil
	}
	s := &LabelStmt{p.from(start), text}
	p.label(s, p.labelEndsBlock())
	return s
}

// labelEndsBlock reports whether nothing but labels and ';' stands between the
// current token and the block's end. Behind such a label no local is in scope.
// An until does not end its block: its condition sees the locals.
func (p *parser) labelEndsBlock() bool {
	for n := 0; ; n++ {
		switch p.peek(n) {
		case tSemi:
		case tColon2:
			if p.peek(n+1) != tName || p.peek(n+2) != tColon2 {
				return false
			}
			n += 2
		case tEnd, tElse, tElseif, tEOF:
			return true
		default:
			return false
		}
	}
}
