package ctype

import (
	"github.com/cilium/ebpf/btf"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// declared is what a declarator makes of a base type.
type declared struct {
	name string
	at   int
	typ  Type
}

// declaratorKind says whether a declarator has a name.
type declaratorKind uint8

const (
	concrete  declaratorKind = iota // it has
	abstract                        // it has not
	parameter                       // as it likes
)

// A declarator is read from its name outwards: what is to the right of the name
// first, then what is to its left. Each level is a derivation, kept until the
// whole declarator is known.
type derivation struct {
	kind  byte // '*', '[' or '('
	at    int
	n     uint64 // of an array
	open  bool   // of an array: [] or [?]
	quals []string
	tags  []string
	parms []btf.FuncParam
}

// declarator applies a declarator to base.
func (p *parser) declarator(base Type, kind declaratorKind) declared {
	d := declared{at: p.tok.off, typ: base}
	for _, v := range p.derivations(&d, kind) {
		if p.err() != nil {
			break
		}
		d.typ = p.derive(d.typ, v)
	}
	if p.err() == nil && p.sc.nesting(d.typ) > maxNesting {
		p.tooDeep(d.at)
	}
	return d
}

// derivations takes a declarator and returns its levels in the order in which
// they apply to the base type.
func (p *parser) derivations(d *declared, kind declaratorKind) []derivation {
	if !p.enter() {
		return nil
	}
	defer p.leave()
	var out, inner []derivation
	for p.err() == nil && p.is("*") {
		v := derivation{kind: '*', at: p.tok.off}
		p.advance()
		p.pointerWords(&v)
		out = append(out, v)
	}
	switch {
	case p.is("(") && p.nests(kind):
		p.advance()
		inner = p.derivations(d, kind)
		p.expect(")")
	case kind == abstract:
		if p.tok.kind == tokIdent {
			p.fail(p.tok.off, diag.BadCDeclaration, "'%s' does not belong to a type", p.tok.text)
		}
	case p.tok.kind == tokIdent:
		d.name, d.at = p.tok.text, p.tok.off
		if p.startsType() && (baseWords[d.name] != "" || qualifiers[d.name] != "") {
			p.failHere("a name")
		}
		p.advance()
	case kind == concrete:
		p.failHere("a name")
	}
	var suffixes []derivation
	for p.err() == nil && (p.is("[") || p.is("(")) {
		if p.is("[") {
			suffixes = append(suffixes, p.arraySuffix())
		} else {
			suffixes = append(suffixes, p.functionSuffix())
		}
	}
	if len(out)+len(suffixes) > maxNesting {
		p.tooDeep(d.at)
		return nil
	}
	for i := len(suffixes) - 1; i >= 0; i-- {
		out = append(out, suffixes[i])
	}
	return append(out, inner...)
}

// pointerWords takes the qualifiers and tags behind a '*'.
func (p *parser) pointerWords(v *derivation) {
	var a attributes
	for p.err() == nil && p.tok.kind == tokIdent {
		if q, ok := qualifiers[p.tok.text]; ok {
			v.quals = append(v.quals, q)
			p.advance()
			continue
		}
		tag, ok := p.attribute(&a)
		if !ok {
			return
		}
		if tag != "" {
			v.tags = append(v.tags, tag)
		}
	}
}

// nests reports whether the '(' here opens a declarator, not parameters.
func (p *parser) nests(kind declaratorKind) bool {
	ahead := *p
	ahead.advance()
	switch {
	case ahead.is("*"), ahead.is("("), ahead.is("["):
		return true
	case ahead.tok.kind != tokIdent:
		return false
	case ahead.startsType():
		return false
	}
	return kind != abstract
}

// arraySuffix takes [n].
func (p *parser) arraySuffix() derivation {
	v := derivation{kind: '[', at: p.tok.off}
	p.expect("[")
	for p.acceptWord("static") || p.acceptWord("const") || p.acceptWord("restrict") {
	}
	switch {
	case p.accept("?"), p.is("]"):
		v.open = true
	default:
		at := p.tok.off
		n := p.constant()
		switch {
		case p.err() != nil:
		case n.negative():
			p.fail(at, diag.BadArrayType, "an array of %d elements is not possible", int64(n.bits))
		case n.bits > maxSize:
			p.tooLarge(at)
		}
		v.n = n.bits
	}
	p.expect("]")
	return v
}

func (p *parser) tooLarge(at int) {
	p.fail(at, diag.CTypeTooLarge, "this type is too large: at most %d MiB are possible", maxSize>>20)
}

// functionSuffix takes a list of parameters.
func (p *parser) functionSuffix() derivation {
	v := derivation{kind: '(', at: p.tok.off}
	p.expect("(")
	for p.err() == nil && !p.is(")") {
		if p.accept("...") {
			v.parms = append(v.parms, btf.FuncParam{Type: void})
			break
		}
		s := p.specs()
		d := p.declarator(s.typ, parameter)
		p.attributesAfter(&s.attrs, &d)
		switch t := Underlying(d.typ).(type) {
		case *btf.Array:
			d.typ = &btf.Pointer{Target: t.Type}
			if p.lengths != nil {
				p.lengths[d.typ] = t.Nelems
			}
		case *btf.FuncProto:
			d.typ = &btf.Pointer{Target: t}
		case *btf.Void:
			if d.name != "" || len(v.parms) > 0 || !p.is(")") {
				p.fail(d.at, diag.BadCDeclaration, "a parameter can't be void")
			}
			p.expect(")")
			return v
		}
		v.parms = append(v.parms, btf.FuncParam{Name: d.name, Type: d.typ})
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	return v
}

// derive applies one level to t.
func (p *parser) derive(t Type, v derivation) Type {
	under := Underlying(t)
	_, isFunc := under.(*btf.FuncProto)
	switch v.kind {
	case '*':
		t = &btf.Pointer{Target: t}
		for _, tag := range v.tags {
			t = &btf.TypeTag{Type: t, Value: tag}
		}
		return qualify(t, v.quals)
	case '(':
		if _, isArray := under.(*btf.Array); isFunc || isArray {
			p.fail(v.at, diag.BadCDeclaration, "a function can't return a function or an array")
		}
		return &btf.FuncProto{Return: t, Params: v.parms}
	}
	if isFunc {
		p.fail(v.at, diag.BadArrayType, "there are no arrays of functions, only of pointers to them")
		return t
	}
	if !p.complete(v.at, t, "the type of an array's elements") {
		return t
	}
	size := uint64(Size(t))
	switch {
	case p.sc.Variable(t):
		p.fail(v.at, diag.BadArrayType, "only the outermost array may be of open length")
	case v.n*max(1, size) > maxSize:
		p.tooLarge(v.at)
	case size%uint64(p.sc.Alignof(t)) != 0:
		p.fail(v.at, diag.BadArrayType, "the size of '%s' is no multiple of its alignment: there can't be arrays of it", Name(t))
	}
	a := &btf.Array{Index: base["unsigned int"], Type: t, Nelems: uint32(v.n)}
	if v.open {
		p.sc.note(a).variable = true
	}
	return a
}

// complete reports a type whose size is not known.
func (p *parser) complete(at int, t Type, what string) bool {
	if p.err() != nil {
		return false
	}
	if !p.sc.Incomplete(t) {
		return true
	}
	u := Underlying(t)
	for {
		a, ok := u.(*btf.Array)
		if !ok {
			break
		}
		u = Underlying(a.Type)
	}
	if _, ok := u.(*btf.Void); ok {
		p.fail(at, diag.BadCDeclaration, "%s can't be void", what)
	} else if kind := tagKind(u); p.defining(u) {
		p.fail(at, diag.BadCDeclaration, "'%s %s' can't contain itself; a pointer to it can", kind, u.TypeName())
	} else {
		p.undeclared(at, kind, u.TypeName())
	}
	return false
}

// nesting counts the levels of types that t consists of, as the kernel resolves
// them: pointers end at a record.
func (sc *Scope) nesting(t Type) int {
	for n := 1; ; n++ {
		if u, ok := strip(t); ok {
			t = u
			continue
		}
		switch u := t.(type) {
		case *btf.Array:
			t = u.Type
		case *btf.Pointer:
			switch Underlying(u.Target).(type) {
			case *btf.Struct, *btf.Union, *btf.FuncProto:
				return n + 1
			}
			t = u.Target
		case *btf.Struct, *btf.Union:
			if x := sc.extra[u]; x != nil {
				return n + x.depth
			}
			return n
		default:
			return n
		}
		if n > 4*maxNesting {
			return n
		}
	}
}
