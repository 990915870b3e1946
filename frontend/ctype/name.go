package ctype

import (
	"strconv"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// Name returns how C writes t: 'unsigned int', 'struct key', 'char [16]'.
func Name(t Type) string { return spell(t, "") }

// spell writes a declaration of inner, a declarator, as of type t.
func spell(t Type, inner string) string {
	front := func(s string) string {
		if inner == "" || inner[0] == '[' && s != "" {
			return strings.TrimSpace(s + " " + inner)
		}
		return s + " " + inner
	}
	switch u := t.(type) {
	case *btf.Pointer:
		switch Underlying(u.Target).(type) {
		case *btf.Array, *btf.FuncProto:
			if u.Target.TypeName() == "" {
				return spell(u.Target, "(*"+inner+")")
			}
		}
		return spell(u.Target, "*"+inner)
	case *btf.Array:
		n := "[]"
		if u.Nelems > 0 {
			n = "[" + strconv.Itoa(int(u.Nelems)) + "]"
		}
		return spell(u.Type, inner+n)
	case *btf.FuncProto:
		var ps []string
		for i, p := range u.Params {
			if _, ok := p.Type.(*btf.Void); ok && i == len(u.Params)-1 {
				ps = append(ps, "...")
				continue
			}
			ps = append(ps, spell(p.Type, p.Name))
		}
		if ps == nil {
			ps = []string{"void"}
		}
		return spell(u.Return, inner+"("+strings.Join(ps, ", ")+")")
	case *btf.Const:
		return spellQualified("const", u.Type, inner)
	case *btf.Volatile:
		return spellQualified("volatile", u.Type, inner)
	case *btf.Restrict:
		return spell(u.Type, inner)
	case *btf.TypeTag:
		for word, tag := range typeTags {
			if tag == u.Value {
				return spell(u.Type, strings.TrimSpace(word+" "+inner))
			}
		}
		return spell(u.Type, inner)
	case *btf.Void:
		return front("void")
	case *btf.Struct, *btf.Union, *btf.Enum:
		if u.TypeName() == "" {
			return front(tagKind(u) + " {...}")
		}
		return front(tagKind(u) + " " + u.TypeName())
	case *btf.Fwd:
		return front(u.Kind.String() + " " + u.Name)
	}
	return front(t.TypeName())
}

// spellQualified writes a qualifier where it belongs: behind the '*' of a
// pointer, in front of anything else.
func spellQualified(word string, t Type, inner string) string {
	if _, ok := t.(*btf.Pointer); ok {
		if inner != "" {
			word += " "
		}
		return spell(t, word+inner)
	}
	return word + " " + spell(t, inner)
}
