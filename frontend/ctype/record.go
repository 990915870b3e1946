package ctype

import (
	"github.com/cilium/ebpf/btf"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// maxMembers is how many members a record and values an enum have in BTF.
const maxMembers = 1<<16 - 1

// record takes struct or union, its tag, and its members if they are there.
func (p *parser) record(kind string) Type {
	if !p.enter() {
		return void
	}
	defer p.leave()
	p.advance()
	var a attributes
	p.attributesHere(&a)
	at, tag := p.tok.off, ""
	if p.tok.kind == tokIdent {
		tag = p.ident("a tag")
	}
	p.attributesHere(&a)
	if !p.is("{") {
		if tag == "" {
			p.failHere("a tag or '{'")
			return void
		}
		return p.tagged(kind, tag, at)
	}
	t := p.defined(kind, tag, at)
	p.advance()
	fields := p.fields(t)
	p.expect("}")
	p.attributesHere(&a)
	if p.err() != nil {
		return t
	}
	return p.finishRecord(t, at, tag, fields, a)
}

// attributesHere takes attributes that belong to a record or enum.
func (p *parser) attributesHere(a *attributes) {
	for p.err() == nil {
		if _, ok := p.attribute(a); !ok {
			return
		}
	}
}

// tagged is a use of a tag. One that nothing has declared is incomplete.
func (p *parser) tagged(kind, tag string, at int) Type {
	t := p.sc.tags[tag]
	if !p.is(";") { // struct x; alone declares the script's own
		t = p.sc.tag(tag)
	}
	if t == nil {
		t = p.sc.newTag(kind, tag)
	} else if have := tagKind(t); have != kind {
		p.fail(at, diag.CRedeclaration, "'%s' is a %s, not a %s", tag, have, kind)
	}
	return t
}

// newTag makes an incomplete type.
func (sc *Scope) newTag(kind, tag string) Type {
	var t Type
	switch kind {
	case "struct":
		t = &btf.Struct{Name: tag}
	case "union":
		t = &btf.Union{Name: tag}
	default:
		t = &btf.Enum{Name: tag, Size: 4}
	}
	sc.note(t).incomplete = true
	if tag != "" {
		sc.tags[tag] = t
	}
	return t
}

// defined is the type whose members follow: the one of that tag if it is
// incomplete, otherwise a new one, which is compared when it is complete.
func (p *parser) defined(kind, tag string, at int) Type {
	old := p.sc.tags[tag]
	switch {
	case tag == "" || old == nil:
		return p.sc.newTag(kind, tag)
	case p.sc.extra[old].own && !p.sc.loading:
		return p.sc.newTag(kind, tag) // from now on the script's
	case tagKind(old) != kind:
		p.fail(at, diag.CRedeclaration, "'%s' is a %s, not a %s", tag, tagKind(old), kind)
		return old
	case p.sc.extra[old].incomplete && !p.defining(old):
		return old
	}
	t := p.sc.newTag(kind, tag)
	p.sc.tags[tag] = old
	return t
}

// defining reports whether t's members are being read right now: then it is
// incomplete, but has been marked.
func (p *parser) defining(t Type) bool {
	x := p.sc.extra[t]
	return x != nil && x.incomplete && x.depth < 0
}

// fields takes the members of t.
func (p *parser) fields(t Type) []field {
	x := p.sc.extra[t]
	if x == nil {
		return nil
	}
	x.depth = -1
	defer func() { x.depth = 0 }()
	var out []field
	for p.err() == nil && !p.is("}") && p.tok.kind != tokEOF {
		if p.accept(";") {
			continue
		}
		if p.acceptWord("_Static_assert") {
			p.staticAssert()
			continue
		}
		s := p.specs()
		if s.storage != "" {
			p.fail(s.at, diag.BadCDeclaration, "a member can't be '%s'", s.storage)
		}
		if p.accept(";") {
			out = p.anonymousField(out, s)
			continue
		}
		for p.err() == nil {
			out = append(out, p.field(s))
			if !p.accept(",") {
				break
			}
		}
		p.expect(";")
		if len(out) > maxMembers {
			p.fail(s.at, diag.CTypeTooLarge, "more than %d members", maxMembers)
		}
	}
	return out
}

// anonymousField takes a member without a declarator: a record whose members
// count as those of the record around it.
func (p *parser) anonymousField(out []field, s specifiers) []field {
	u := Underlying(s.typ)
	switch u.(type) {
	case *btf.Struct, *btf.Union:
		if u.TypeName() == "" {
			return append(out, field{at: s.at, typ: s.typ, bits: -1, attrs: s.attrs})
		}
		return out // declares a tag, and no member
	case *btf.Enum:
		return out
	}
	p.fail(s.at, diag.BadCDeclaration, "this member has no name")
	return out
}

// field takes a member's declarator, with its width if it is a bit-field.
func (p *parser) field(s specifiers) field {
	f := field{at: p.tok.off, typ: s.typ, bits: -1, attrs: s.attrs}
	if !p.is(":") {
		d := p.declarator(s.typ, concrete)
		f.name, f.at, f.typ = d.name, d.at, d.typ
	}
	if p.accept(":") {
		p.width(&f)
	}
	d := declared{typ: f.typ}
	p.attributesAfter(&f.attrs, &d)
	f.typ = d.typ
	if f.bits < 0 {
		if _, ok := Underlying(f.typ).(*btf.FuncProto); ok && p.err() == nil {
			p.fail(f.at, diag.BadCDeclaration, "a member can't be a function, only a pointer to one")
		}
		p.complete(f.at, f.typ, "a member")
	}
	return f
}

// width takes the width of a bit-field.
func (p *parser) width(f *field) {
	at := p.tok.off
	n := p.constant()
	most := uint64(8 * Size(f.typ))
	if IsBool(f.typ) {
		most = 1
	}
	switch {
	case p.err() != nil:
	case !IsScalar(f.typ):
		p.fail(f.at, diag.BadBitField, "a bit-field is an integer, not '%s'", Name(f.typ))
	case n.negative():
		p.fail(at, diag.BadBitField, "a bit-field can't have %d bits", int64(n.bits))
	case n.bits > most:
		p.fail(at, diag.BadBitField, "'%s' has %d bits: a bit-field of %d does not fit", Name(f.typ), most, n.bits)
	case n.bits == 0 && f.name != "":
		p.fail(f.at, diag.BadBitField, "a bit-field of no bits has no name")
	}
	f.bits = int(min(n.bits, 64))
}

// finishRecord lays the members out.
func (p *parser) finishRecord(t Type, at int, tag string, fields []field, a attributes) Type {
	l := layout{sc: p.sc, union: tagKind(t) == "union", packed: a.packed, align: 1}
	depth := 0
	seen := map[string]bool{}
	for i, f := range fields {
		depth = max(depth, p.sc.nesting(f.typ))
		if p.sc.Variable(f.typ) && (i != len(fields)-1 || l.union) {
			p.fail(f.at, diag.BadArrayType, "only the last member of a struct may be of open length")
		}
		if !p.unique(seen, f) {
			return t
		}
		if !l.add(f) {
			p.tooLarge(f.at)
			return t
		}
	}
	size, align, ok := l.finish(a.align)
	switch {
	case !ok:
		p.tooLarge(at)
	case depth > maxNesting:
		p.tooDeep(at)
	case l.bitfields && len(l.members) > 0 && l.last >= 1<<24:
		p.fail(at, diag.BadBitField, "a struct with bit-fields can't be larger than 2 MiB")
	}
	if p.err() != nil {
		return t
	}
	x := p.sc.extra[t]
	x.align, x.depth, x.incomplete, x.preserve = uint32(align), depth, false, a.preserve
	switch t := t.(type) {
	case *btf.Struct:
		t.Size, t.Members, t.Tags = size, l.members, a.tags
	case *btf.Union:
		t.Size, t.Members, t.Tags = size, l.members, a.tags
	}
	return p.settle(t, tag, at)
}

// settle compares a type with an earlier declaration of its tag.
func (p *parser) settle(t Type, tag string, at int) Type {
	old := p.sc.tags[tag]
	if tag == "" || old == t {
		return t
	}
	if p.sc.bare(old) || !p.sc.sameRecord(old, t) {
		p.fail(at, diag.CRedeclaration, "'%s %s' was declared differently before", tagKind(t), tag)
	}
	return old
}

// unique reports a member's name that is there twice, also through anonymous
// members.
func (p *parser) unique(seen map[string]bool, f field) bool {
	names := []string{f.name}
	if f.name == "" {
		names = MemberNames(f.typ)
		if f.bits >= 0 {
			names = nil
		}
	}
	for _, n := range names {
		if seen[n] {
			p.fail(f.at, diag.CRedeclaration, "member '%s' is declared twice", n)
			return false
		}
		seen[n] = true
	}
	return true
}

// enum takes enum, its tag, and its values if they are there.
func (p *parser) enum() Type {
	p.advance()
	var a attributes
	p.attributesHere(&a)
	at, tag := p.tok.off, ""
	if p.tok.kind == tokIdent {
		tag = p.ident("a tag")
	}
	p.attributesHere(&a)
	if !p.is("{") {
		if tag == "" {
			p.failHere("a tag or '{'")
			return void
		}
		return p.tagged("enum", tag, at)
	}
	t, ok := p.defined("enum", tag, at).(*btf.Enum)
	if !ok {
		return void
	}
	p.advance()
	values, negative, largest := p.enumerators(t)
	p.expect("}")
	p.attributesHere(&a)
	if p.err() != nil {
		return t
	}
	size := uint32(4)
	if a.packed {
		size = 1
	}
	for ; size < 8 && !enumFits(values, size, negative, largest); size *= 2 {
	}
	t.Size, t.Signed, t.Values = size, negative, values
	x := p.sc.extra[t]
	x.incomplete, x.align = false, max(size, a.align)
	return p.settle(t, tag, at)
}

// enumFits reports whether an integer of size bytes holds all values.
func enumFits(values []btf.EnumValue, size uint32, negative bool, largest uint64) bool {
	n := 8 * size
	if !negative {
		return largest>>n == 0
	}
	for _, v := range values {
		if x := int64(v.Value); x<<(64-n)>>(64-n) != x {
			return false
		}
	}
	return true
}

// enumerators takes the values of an enum and enters them into the scope.
func (p *parser) enumerators(t Type) (out []btf.EnumValue, negative bool, largest uint64) {
	next := number{size: 4}
	for p.err() == nil && !p.is("}") {
		at := p.tok.off
		name := p.ident("a name")
		var ignored attributes
		p.attributesHere(&ignored)
		if p.accept("=") {
			next = p.constant()
		}
		if !next.negative() {
			next.unsigned = next.bits >= 1<<63
		}
		if next.size == 4 && int64(next.bits) != int64(int32(next.bits)) {
			next.size = 8
		}
		p.declareValue(name, at, next, t)
		negative = negative || next.negative()
		if !next.negative() {
			largest = max(largest, next.bits)
		}
		out = append(out, btf.EnumValue{Name: name, Value: next.bits})
		if next.bits++; next.bits == 1<<63 || next.bits == 0 && next.unsigned {
			next.unsigned = true
		}
		if !p.accept(",") {
			break
		}
		if p.is("}") {
			break
		}
		if len(out) > maxMembers {
			p.fail(at, diag.CTypeTooLarge, "more than %d values", maxMembers)
		}
		if next.unsigned && next.bits == 0 && !p.givesValue() {
			p.fail(p.tok.off, diag.BadCDeclaration, "the value of '%s' does not fit 64 bits", p.tok.text)
		}
	}
	if negative && largest >= 1<<63 {
		p.fail(p.tok.off, diag.BadCDeclaration, "no integer type holds all values of this enum")
	}
	return out, negative, largest
}

// givesValue reports whether the enumerator here has a value written.
func (p *parser) givesValue() bool {
	ahead := *p
	ahead.advance()
	return ahead.is("=")
}
