package ctype

import (
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// The parser is recursive descent over C's grammar of declarations. Its first
// error puts the scanner at the end of the text, so that every loop ends; what
// a function returns after an error is of no meaning.

const (
	// maxDepth bounds the recursion.
	maxDepth = 200
	// maxNesting bounds how deep types nest by value and by typedef: the kernel
	// resolves at most 32 levels, of which a map's definition takes some.
	maxNesting = 24
	// maxSize bounds a type's size in bytes: offsets in bits have 32 bits.
	maxSize = 1 << 28
)

type parser struct {
	scanner
	sc      *Scope
	tok     token
	depth   int
	open    bool            // the outermost array may be of open length
	lengths map[Type]uint32 // of parameters that are arrays, by what they become; nil: not wanted
}

func newParser(sc *Scope, text string) *parser {
	p := &parser{scanner: scanner{text: text}, sc: sc}
	p.advance()
	return p
}

// err is the first error.
func (p *parser) err() *Error { return p.scanner.err }

// fail notes an error and ends the text.
func (p *parser) fail(off int, code diag.Code, format string, args ...any) {
	p.scanner.fail(off, code, format, args...)
	p.tok = token{kind: tokEOF, off: len(p.text)}
}

func (p *parser) advance() {
	p.tok = p.next()
	if p.err() != nil {
		p.tok = token{kind: tokEOF, off: len(p.text)}
	}
}

func (p *parser) is(punct string) bool { return p.tok.kind == tokPunct && p.tok.text == punct }

func (p *parser) accept(punct string) bool {
	if p.is(punct) {
		p.advance()
		return true
	}
	return false
}

func (p *parser) expect(punct string) {
	if !p.accept(punct) {
		p.failHere("'" + punct + "'")
	}
}

// failHere reports that something else was expected than what is there.
func (p *parser) failHere(want string) { p.unexpected(want) }

func (p *parser) unexpected(want string) {
	got := "'" + p.tok.text + "'"
	switch p.tok.kind {
	case tokEOF:
		got = "the end of the text"
	case tokString:
		got = "a string"
	}
	p.fail(p.tok.off, diag.BadCDeclaration, "expected %s, not %s", want, got)
}

// ident takes an identifier.
func (p *parser) ident(what string) string {
	if p.tok.kind != tokIdent {
		p.failHere(what)
		return ""
	}
	name := p.tok.text
	p.advance()
	return name
}

func (p *parser) acceptWord(w string) bool {
	if p.tok.kind == tokIdent && p.tok.text == w {
		p.advance()
		return true
	}
	return false
}

// enter bounds the recursion.
func (p *parser) enter() bool {
	if p.depth++; p.depth > maxDepth {
		p.fail(p.tok.off, diag.CTypeTooLarge, "this C declaration is nested too deep")
		return false
	}
	return true
}

func (p *parser) leave() { p.depth-- }

// specifiers are what stands in front of declarators.
type specifiers struct {
	typ     Type
	at      int // of the type
	storage string
	attrs   attributes
	defines bool // a struct, union or enum: no declarator is needed
}

var storageWords = []string{"typedef", "extern", "static"}

// baseWords are the words that base types consist of, with what they stand for.
var baseWords = map[string]string{"void": "void", "char": "char", "short": "short", "int": "int", "long": "long", "signed": "signed",
	"__signed": "signed", "__signed__": "signed", "unsigned": "unsigned", "float": "float", "double": "double", "_Bool": "_Bool",
	"__int128": "__int128", "__int128_t": "__int128"}

// qualifiers are the spellings of C's qualifiers.
var qualifiers = map[string]string{"const": "const", "__const": "const", "volatile": "volatile", "__volatile__": "volatile", "__volatile": "volatile",
	"restrict": "restrict", "__restrict": "restrict", "__restrict__": "restrict"}

// qualify wraps t; restrict, which promises something to C, is dropped.
func qualify(t Type, qs []string) Type {
	if slices.Contains(qs, "volatile") {
		t = &btf.Volatile{Type: t}
	}
	if slices.Contains(qs, "const") {
		t = &btf.Const{Type: t}
	}
	return t
}

// specs takes declaration specifiers.
func (p *parser) specs() specifiers {
	s := specifiers{at: p.tok.off}
	var base, quals, tags []string
	for p.tok.kind == tokIdent {
		name := p.tok.text
		if tag, ok := p.attribute(&s.attrs); ok {
			if tag != "" {
				tags = append(tags, tag)
			}
			continue
		}
		if q, ok := qualifiers[name]; ok {
			quals = append(quals, q)
			p.advance()
			continue
		}
		if slices.Contains(storageWords, name) {
			if s.storage != "" && s.storage != name {
				p.fail(p.tok.off, diag.BadCDeclaration, "'%s' and '%s' in one declaration", s.storage, name)
			}
			s.storage = name
			p.advance()
			continue
		}
		if w, ok := baseWords[name]; ok && s.typ == nil {
			if base == nil {
				s.at = p.tok.off
			}
			base = append(base, w)
			p.advance()
			continue
		}
		if s.typ != nil || base != nil || !p.typeSpecifier(&s) {
			break
		}
	}
	switch {
	case p.err() != nil:
		s.typ = void
		return s
	case base != nil:
		t, ok := words(base)
		if !ok {
			p.fail(s.at, diag.UnknownType, "'%s' is no type of C", strings.Join(base, " "))
			t = void
		}
		s.typ = t
	case s.typ == nil:
		p.noType()
		s.typ = void
		return s
	}
	for _, tag := range tags {
		s.typ = &btf.TypeTag{Type: s.typ, Value: tag}
	}
	s.typ = qualify(s.typ, quals)
	return s
}

// typeSpecifier takes a struct, union, enum or typedef name.
func (p *parser) typeSpecifier(s *specifiers) bool {
	s.at = p.tok.off
	switch name := p.tok.text; name {
	case "struct", "union":
		s.typ, s.defines = p.record(name), true
	case "enum":
		s.typ, s.defines = p.enum(), true
	default:
		t := p.sc.typedef(name)
		if t == nil && p.tok.kind == tokIdent {
			t = p.sc.kernelTypedef(name)
		}
		if t == nil {
			return false
		}
		s.typ = t
		p.advance()
	}
	return true
}

// noType reports that no type is where one must be.
func (p *parser) noType() {
	if p.tok.kind != tokIdent {
		p.failHere("a type")
		return
	}
	name := p.tok.text
	hint := ""
	for _, kind := range []string{"struct", "union", "enum"} {
		if t := p.sc.tag(name); t != nil && tagKind(t) == kind {
			hint = " (did you mean '" + kind + " " + name + "'?)"
		}
	}
	if near := diag.Closest(name, p.sc.TypeNames()); hint == "" && near != "" {
		hint = " (did you mean '" + near + "'?)"
	}
	p.fail(p.tok.off, diag.UnknownType, "unknown type '%s'%s%s", name, hint, p.sc.kernelHint())
}

// startsType reports whether a type starts here.
func (p *parser) startsType() bool {
	if p.tok.kind != tokIdent {
		return false
	}
	name := p.tok.text
	if baseWords[name] != "" || qualifiers[name] != "" || typeTags[name] != "" || p.sc.typedef(name) != nil {
		return true
	}
	return name == "struct" || name == "union" || name == "enum" || name == "__attribute__" || name == "__extension__"
}

// typeName is a type without a name declared.
func (p *parser) typeName() Type {
	s := p.specs()
	if s.storage != "" {
		p.fail(s.at, diag.BadCDeclaration, "'%s' has no meaning in a type", s.storage)
	}
	d := p.declarator(s.typ, abstract)
	return d.typ
}

// declaration takes one declaration with all its declarators.
func (p *parser) declaration() {
	if p.accept(";") {
		return
	}
	if p.acceptWord("_Static_assert") || p.acceptWord("static_assert") {
		p.staticAssert()
		return
	}
	s := p.specs()
	if s.defines && (p.is(";") || p.tok.kind == tokEOF) {
		p.accept(";")
		if s.storage == "typedef" {
			p.fail(s.at, diag.BadCDeclaration, "this typedef has no name")
		}
		return
	}
	for p.err() == nil {
		attrs := s.attrs
		d := p.declarator(s.typ, concrete)
		p.attributesAfter(&attrs, &d)
		p.declare(s, d, attrs)
		if !p.accept(",") {
			break
		}
	}
	if p.tok.kind == tokEOF {
		return
	}
	if p.is("{") {
		p.fail(p.tok.off, diag.BadCDeclaration, "functions can't be written in C here, only declared")
		return
	}
	p.expect(";")
}

// attributesAfter takes the attributes behind a declarator.
func (p *parser) attributesAfter(a *attributes, d *declared) {
	for p.err() == nil {
		if p.acceptWord("asm") || p.acceptWord("__asm__") {
			p.skipParens()
			continue
		}
		tag, ok := p.attribute(a)
		if !ok {
			return
		}
		if tag != "" {
			d.typ = &btf.TypeTag{Type: d.typ, Value: tag}
		}
	}
}

func (p *parser) staticAssert() {
	p.expect("(")
	at := p.tok.off
	n := p.constant()
	msg := ""
	if p.accept(",") {
		if msg = ": " + p.tok.text; p.tok.kind != tokString {
			p.failHere("a string")
		}
		p.advance()
	}
	p.expect(")")
	if p.tok.kind != tokEOF {
		p.expect(";")
	}
	if p.err() == nil && n.bits == 0 {
		p.fail(at, diag.BadCDeclaration, "_Static_assert fails%s", msg)
	}
}

// declare enters a declarator's name into the scope.
func (p *parser) declare(s specifiers, d declared, a attributes) {
	if p.err() != nil {
		return
	}
	switch s.storage {
	case "typedef":
		p.declareTypedef(d, a)
	case "static":
		p.declareConstant(d)
	default:
		if p.is("=") {
			p.fail(p.tok.off, diag.BadCDeclaration, "only 'static const' integers have a value here")
			return
		}
		if old, ok := p.sc.objects[d.name]; ok && !p.sc.same(old, d.typ) {
			p.redeclared(d, Name(old))
			return
		}
		p.sc.objects[d.name] = d.typ
	}
}

func (p *parser) redeclared(d declared, old string) {
	p.fail(d.at, diag.CRedeclaration, "'%s' was declared differently before, as '%s'", d.name, old)
}

func (p *parser) declareTypedef(d declared, a attributes) {
	if a.packed {
		p.fail(a.packedAt, diag.BadCDeclaration, "'packed' belongs to a struct, union or enum: write it right behind the '}'")
		return
	}
	if old := p.sc.typedef(d.name); old != nil {
		t := old.(*btf.Typedef)
		if !p.sc.same(t.Type, d.typ) && !sameInteger(t.Type, d.typ) {
			p.redeclared(d, Name(t.Type))
		}
		return
	}
	t := &btf.Typedef{Name: d.name, Type: d.typ, Tags: a.tags}
	if p.sc.nesting(t) > maxNesting {
		p.tooDeep(d.at)
		return
	}
	if a.align != 0 {
		p.sc.note(t).align = a.align
	}
	p.sc.names[d.name] = t
}

// sameInteger reports whether two types are integers of one size and sign: the
// kernel's and the C library's headers differ in how they spell uint64_t.
func sameInteger(a, b Type) bool {
	return IsScalar(a) && IsScalar(b) && Size(a) == Size(b) && Signed(a) == Signed(b) && IsBool(a) == IsBool(b)
}

func (p *parser) tooDeep(off int) {
	p.fail(off, diag.CTypeTooLarge, "this type consists of more than %d levels of other types", maxNesting)
}

// declareConstant is static const int N = 5.
func (p *parser) declareConstant(d declared) {
	if !p.is("=") || !IsScalar(d.typ) {
		p.fail(d.at, diag.BadCDeclaration, "only constants can be static here: 'static const int %s = ...;'", d.name)
		return
	}
	p.advance()
	at := p.tok.off
	n := p.convert(at, d.typ, p.constant())
	p.declareValue(d.name, d.at, n, nil)
}

// declareValue enters a constant into the scope.
func (p *parser) declareValue(name string, at int, n number, enum Type) {
	if p.err() != nil {
		return
	}
	e := Enumerator{Name: name, Bits: n.bits, Unsigned: n.unsigned && int64(n.bits) < 0, Enum: enum, num: n}
	if old, ok := p.sc.values[name]; ok && !p.sc.loading {
		if old.Bits != n.bits || old.negative() != n.negative() {
			p.fail(at, diag.CRedeclaration, "'%s' was declared differently before", name)
		}
		return
	}
	p.sc.values[name] = e
}

func (e Enumerator) negative() bool { return e.num.negative() }
