package syntax

import (
	"fmt"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// Names and labels are bound while the parser goes: a local is visible from
// its declaration to the end of its block, so when a name is met all that it can
// mean has been declared.
//
// A label is visible in the whole block that holds it, in blocks inside that
// block but not in functions inside it. A goto is first looked for among the
// labels its block has so far, and otherwise waits: each label that follows in
// the block is tried, and at the block's end the goto moves to the block around,
// where the labels declared so far are tried first. So an inner label hides an
// outer one of the same name, as in 5.2 and LuaJIT (5.4 refuses that one).
//
// A goto may not enter the scope of a local: at the label no local may be
// visible that is not visible at the goto. A goto that moves outward sees what
// its new block had declared when the inner one began. A label at the end of its
// block counts as standing behind its block's locals.

// funcScope is a function being parsed.
type funcScope struct {
	fn     *Function
	up     *funcScope
	block  *blockScope
	locals []*Local // the visible locals of this function
	labels []*LabelStmt
}

// blockScope is a block being parsed.
type blockScope struct {
	up     *blockScope
	loop   bool
	base   int // len(locals) when the block began
	labels []labelScope
	gotos  []pendingGoto
}

type labelScope struct {
	stmt   *LabelStmt
	locals int // how many locals are visible there
}

type pendingGoto struct {
	stmt   *GotoStmt
	locals int
}

func (p *parser) openFunc(fn *Function) {
	if p.scope != nil {
		fn.Parent = p.scope.fn
	}
	p.scope = &funcScope{fn: fn, up: p.scope}
}

func (p *parser) closeFunc() { p.scope = p.scope.up }

func (p *parser) openBlock(loop bool) {
	s := p.scope
	s.block = &blockScope{up: s.block, loop: loop, base: len(s.locals)}
}

// closeScope ends the current block: its locals are visible no longer and its
// waiting gotos move to the block around.
func (p *parser) closeScope() {
	s := p.scope
	b := s.block
	for _, l := range s.locals[b.base:] {
		stack := p.active[l.Name]
		p.active[l.Name] = stack[:len(stack)-1]
	}
	s.locals = s.locals[:b.base]
	s.block = b.up
	for _, g := range b.gotos {
		if b.up == nil {
			p.undefinedLabel(g.stmt)
			continue
		}
		g.locals = min(g.locals, b.base)
		if l := b.up.find(g.stmt.Name); l != nil {
			g.stmt.Label = l.stmt
		} else {
			b.up.gotos = append(b.up.gotos, g)
		}
	}
}

// declare makes a local visible. One without a name, left by an error, is not.
func (p *parser) declare(l *Local) {
	l.Func = p.scope.fn
	if l.Name == "" {
		return
	}
	p.scope.locals = append(p.scope.locals, l)
	p.active[l.Name] = append(p.active[l.Name], l)
}

// variable returns the use of a name, bound to its local if there is one.
func (p *parser) variable(name string, at Range) *Name {
	n := &Name{Range: at, Name: name}
	if stack := p.active[name]; len(stack) > 0 {
		n.Local = stack[len(stack)-1]
		if n.Local.Func != p.scope.fn {
			n.Local.Captured = true
		}
	}
	return n
}

// assigned records that a name is assigned to.
func (p *parser) assigned(n *Name) {
	l := n.Local
	if l == nil {
		return
	}
	l.Assigned = true
	if l.Attrib == AttribNone {
		return
	}
	attrib := "const"
	if l.Attrib == AttribClose {
		attrib = "close"
	}
	p.report(diag.AssignToConst, n.Range, "'%s' is <%s>: it can not be assigned to", n.Name, attrib).
		Note(l.In(p.file), "'%s' is declared here", n.Name)
}

func (p *parser) checkVararg(at Range) {
	if !p.scope.fn.Vararg && !p.misnested {
		p.report(diag.VarargOutside, at, "'...' outside a function with '...' among its parameters")
	}
}

func (p *parser) checkBreak(at Range) {
	for b := p.scope.block; b != nil; b = b.up {
		if b.loop {
			return
		}
	}
	if p.misnested {
		return
	}
	p.report(diag.BreakOutsideLoop, at, "'break' outside a loop")
}

// find returns the label of a name that the block has so far.
func (b *blockScope) find(name string) *labelScope {
	for i := range b.labels {
		if b.labels[i].stmt.Name == name {
			return &b.labels[i]
		}
	}
	return nil
}

// jump binds a goto, now or when its label comes.
func (p *parser) jump(g *GotoStmt) {
	b := p.scope.block
	if l := b.find(g.Name); l != nil {
		g.Label = l.stmt
		return
	}
	b.gotos = append(b.gotos, pendingGoto{g, len(p.scope.locals)})
}

// label declares a label and binds the gotos of its block that wait for it.
func (p *parser) label(l *LabelStmt, last bool) {
	s, b := p.scope, p.scope.block
	if first := b.find(l.Name); first != nil {
		p.report(diag.DuplicateLabel, l.Range, "label '%s' is already in this block", l.Name).
			Note(first.stmt.In(p.file), "the first one")
		return
	}
	visible := len(s.locals)
	if last {
		visible = b.base
	}
	b.labels = append(b.labels, labelScope{l, visible})
	s.labels = append(s.labels, l)
	waiting := b.gotos[:0]
	for _, g := range b.gotos {
		if g.stmt.Name != l.Name {
			waiting = append(waiting, g)
			continue
		}
		g.stmt.Label = l
		if g.locals < visible {
			v := s.locals[g.locals]
			p.report(diag.GotoIntoScope, g.stmt.Range, "'goto %s' jumps into the scope of local '%s'", l.Name, v.Name).
				Note(v.In(p.file), "'%s' is declared between the goto and the label; declare it before the goto, or put 'do' and 'end' around its use", v.Name)
		}
	}
	b.gotos = waiting
}

// undefinedLabel reports a goto that found no label.
func (p *parser) undefinedLabel(g *GotoStmt) {
	if p.misnested || p.tok.broken {
		return
	}
	var names []string
	for _, l := range p.scope.labels {
		if l.Name == g.Name {
			p.report(diag.UndefinedLabel, g.Range, "no visible label '%s' for this 'goto'", g.Name).
				Note(l.In(p.file), "this one is inside a block that the goto is not in")
			return
		}
		names = append(names, l.Name)
	}
	hint := ""
	if near := diag.Closest(g.Name, names); near != "" {
		hint = fmt.Sprintf(" (did you mean '%s'?)", near)
	}
	p.report(diag.UndefinedLabel, g.Range, "no visible label '%s' for this 'goto'%s", g.Name, hint)
}
