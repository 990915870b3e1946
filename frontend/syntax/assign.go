package syntax

import (
	"github.com/luabpfc/luabpfc/ir/diag"
)

// exprStmt parses a call or an assignment.
func (p *parser) exprStmt() Stmt {
	start := p.tok.Start
	switch p.tok.kind {
	case tRParen, tRBrace, tRBracket:
		p.fail(diag.UnexpectedToken, p.tok.Range, "unexpected '%s': nothing is open here that it closes", kindText[p.tok.kind])
		return nil
	case tSlash2, tSlash:
		if k := p.peek(1); p.tok.kind == tSlash2 || k == tStar {
			p.fail(diag.UnexpectedToken, p.tok.Range, "a statement expected, found '%s' (comments begin with '--')", kindText[p.tok.kind])
			for p.next(); !p.tok.newline && p.tok.kind != tEOF; p.next() {
			}
			p.quiet = p.dead
			return nil
		}
	case tName, tLParen:
	default:
		return p.noStmt()
	}
	e := p.suffixed()
	if p.quiet {
		return nil
	}
	switch {
	case p.tok.kind == tAssign || p.tok.kind == tComma:
		return p.assignStmt(start, e)
	case p.tok.kind == tCompound:
		p.compound(e)
		return nil
	case isCall(e):
		return &CallStmt{p.from(start), e}
	}
	p.notStmt(e)
	return nil
}

func isCall(e Expr) bool {
	switch e.(type) {
	case *Call, *MethodCall:
		return true
	}
	return false
}

// noStmt reports a token that begins no statement.
func (p *parser) noStmt() Stmt {
	switch p.tok.kind {
	case tString:
		if p.tok.broken {
			p.quiet = true
			return nil
		}
	case tThen, tIn:
		p.fail(diag.UnexpectedToken, p.tok.Range, "a statement expected, found '%s'", p.tok.text)
		p.next()
		return nil
	}
	p.fail(diag.UnexpectedToken, p.tok.Range, "a statement expected, found %s", p.found())
	return nil
}

// notStmt reports an expression where a statement is expected.
func (p *parser) notStmt(e Expr) {
	at := e.Bounds()
	text := shorten(at.In(p.file).Text())
	name, isName := e.(*Name)
	switch {
	case p.tok.kind == tEq && !p.tok.newline:
		p.fail(diag.ExpressionStatement, p.tok.Range, "'==' compares; to assign write '='")
	case isName && name.Name == "continue" && (p.tok.newline || p.endsBlock() || p.tok.kind == tSemi):
		p.fail(diag.NoContinue, at, "Lua has no 'continue': write 'goto continue', and '::continue::' before the loop's 'end'")
		p.quiet = p.dead
	case isName && !p.tok.newline && (p.tok.kind == tName || p.tok.kind == tNumber):
		p.fail(diag.ExpressionStatement, at, "'%s' begins no statement: '=' or '(' expected behind it, found %s", text, p.found())
	case (p.tok.kind == tPlus || p.tok.kind == tMinus) && p.peek(1) == p.tok.kind:
		p.fail(diag.CompoundAssign, p.tok.Range, "Lua has no '%[1]s%[1]s': write '%[2]s = %[2]s %[1]s 1'", kindText[p.tok.kind], text)
	case p.tok.newline || p.endsBlock() || p.tok.kind == tSemi:
		p.fail(diag.ExpressionStatement, at, "'%s' alone does nothing: a call or an assignment expected", text)
		p.quiet = p.dead
	default:
		p.fail(diag.ExpressionStatement, p.tok.Range, "a call or an assignment expected: '%s' is followed by %s", text, p.found())
	}
}

// compound reports += and the like and passes over the right side.
func (p *parser) compound(target Expr) {
	text := p.tok.In(p.file).Text()
	op := text[:len(text)-1]
	if target == nil {
		p.fail(diag.CompoundAssign, p.tok.Range, "Lua has no '%s'", text)
	} else {
		left := shorten(target.Bounds().In(p.file).Text())
		p.fail(diag.CompoundAssign, p.tok.Range, "Lua has no '%s': write '%s = %s %s ...'", text, left, left, op)
	}
	p.quiet = p.dead
	p.next()
	p.expr()
}

// assignStmt parses the rest of an assignment; its first target is parsed.
func (p *parser) assignStmt(start int, first Expr) Stmt {
	s := &AssignStmt{}
	p.target(s, first)
	for p.tok.kind == tComma && !p.quiet {
		p.next()
		p.target(s, p.suffixed())
	}
	if p.quiet || !p.expect(tAssign) {
		return nil
	}
	s.Exprs = p.exprs()
	for i, e := range s.Exprs {
		if i < len(s.Targets) {
			nameFunction(e, pathName(s.Targets[i]))
		}
	}
	s.Range = p.from(start)
	if len(s.Targets) == 0 {
		return nil
	}
	return s
}

// pathName returns "a.b.c" for an expression that reads so, else "".
func pathName(e Expr) string {
	switch e := e.(type) {
	case *Name:
		return e.Name
	case *Index:
		if obj := pathName(e.Obj); obj != "" && e.Dot {
			return obj + "." + e.Key.(*StringExpr).Value
		}
	}
	return ""
}

// target adds a target to an assignment, if it is one.
func (p *parser) target(s *AssignStmt, e Expr) {
	switch e := e.(type) {
	case *Name:
		p.assigned(e)
		s.Targets = append(s.Targets, e)
	case *Index:
		s.Targets = append(s.Targets, e)
	default:
		if p.quiet {
			return
		}
		what := "this"
		switch e.(type) {
		case *Call, *MethodCall:
			what = "the result of a call"
		case *Paren:
			what = "an expression in parentheses"
		}
		p.report(diag.InvalidTarget, e.Bounds(), "cannot assign to %s", what)
	}
}
