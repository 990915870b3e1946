package ctype

import (
	"strings"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// attributes are what stands in __attribute__((...)) and its short forms.
type attributes struct {
	packed   bool
	packedAt int
	align    uint32 // 0: none given
	preserve bool
	tags     []string // btf_decl_tag
}

// maxAlign is the largest alignment that may be asked for.
const maxAlign = 4096

// defaultAlign is what aligned without a number means.
const defaultAlign = 16

// typeTags are the kernel's short forms of btf_type_tag.
var typeTags = map[string]string{"__user": "user", "__rcu": "rcu", "__percpu": "percpu",
	"__kptr": "kptr", "__kptr_untrusted": "kptr_untrusted", "__percpu_kptr": "percpu_kptr", "__uptr": "uptr"}

// harmless are attributes that don't change what a type is in memory.
var harmless = map[string]bool{"unused": true, "deprecated": true, "may_alias": true, "designated_init": true,
	"counted_by": true, "nonstring": true, "const": true, "pure": true, "nothrow": true, "leaf": true, "noreturn": true,
	"visibility": true, "warn_unused_result": true, "cold": true, "malloc": true, "format": true, "nonnull": true,
	"preserve_static_offset": true, "flag_enum": true, "enum_extensibility": true, "always_inline": true, "weak": true, "section": true}

// known are the attributes that mean something here, for suggestions.
var known = []string{"packed", "aligned", "preserve_access_index", "btf_type_tag", "btf_decl_tag"}

// attribute takes an attribute, in any spelling, if there is one. A tag of the
// type that precedes is returned.
func (p *parser) attribute(a *attributes) (typeTag string, ok bool) {
	if p.tok.kind != tokIdent {
		return "", false
	}
	at := p.tok.off
	switch name := p.tok.text; name {
	case "__extension__", "__inline", "__inline__", "inline", "_Noreturn", "register", "__weak", "__hidden":
		p.advance()
	case "__packed":
		p.advance()
		a.packed, a.packedAt = true, at
	case "__aligned", "_Alignas":
		p.advance()
		p.expect("(")
		p.alignment(a, at)
		p.expect(")")
	case "__attribute__", "__attribute":
		p.advance()
		p.expect("(")
		p.expect("(")
		for p.err() == nil && !p.is(")") {
			if t := p.attributeItem(a); t != "" {
				typeTag = t
			}
			if !p.accept(",") {
				break
			}
		}
		p.expect(")")
		p.expect(")")
	default:
		tag, isTag := typeTags[name]
		if !isTag {
			return "", false
		}
		p.advance()
		return tag, true
	}
	return typeTag, true
}

// attributeItem takes one item of an __attribute__.
func (p *parser) attributeItem(a *attributes) (typeTag string) {
	at := p.tok.off
	text := p.ident("the name of an attribute")
	name := text
	if len(name) > 4 && strings.HasPrefix(name, "__") && strings.HasSuffix(name, "__") {
		name = name[2 : len(name)-2]
	}
	switch {
	case name == "packed":
		a.packed, a.packedAt = true, at
	case name == "aligned" && !p.is("("):
		a.align = max(a.align, defaultAlign)
	case name == "aligned":
		p.expect("(")
		p.alignment(a, at)
		p.expect(")")
	case name == "preserve_access_index":
		a.preserve = true
	case name == "btf_type_tag", name == "btf_decl_tag":
		p.expect("(")
		tag := p.tok.text
		if p.tok.kind != tokString {
			p.failHere("a string")
		}
		p.advance()
		p.expect(")")
		if name == "btf_type_tag" {
			return tag
		}
		a.tags = append(a.tags, tag)
	case harmless[name]:
		p.skipParens()
	case p.err() == nil:
		hint := ""
		if near := diag.Closest(name, known); near != "" {
			hint = " (did you mean '" + near + "'?)"
		}
		p.fail(at, diag.BadAttribute, "unknown attribute '%s'%s", text, hint)
	}
	return ""
}

// alignment takes the argument of aligned.
func (p *parser) alignment(a *attributes, at int) {
	var n uint64
	if p.startsType() {
		n = uint64(p.sc.Alignof(p.typeName()))
	} else {
		n = p.constant().bits
	}
	switch {
	case p.err() != nil:
	case n == 0 || n&(n-1) != 0:
		p.fail(at, diag.BadAttribute, "an alignment is a power of two")
	case n > maxAlign:
		p.fail(at, diag.BadAttribute, "an alignment of more than %d bytes is not possible", maxAlign)
	default:
		a.align = max(a.align, uint32(n))
	}
}

// skipParens passes over an attribute's arguments.
func (p *parser) skipParens() {
	if !p.is("(") {
		return
	}
	for depth := 0; p.tok.kind != tokEOF; {
		switch {
		case p.is("("):
			depth++
		case p.is(")"):
			depth--
		}
		p.advance()
		if depth == 0 {
			return
		}
	}
}
