package bindings

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// record writes a structure or union with its methods.
func (g *goTypes) record(t btf.Type) error {
	name := g.names[t]
	l, err := g.layouts.of(t, 0)
	if err != nil {
		return err
	}
	var methods strings.Builder
	inside := scope{}
	g.printf("// %s is %s.\ntype %s struct {\n_ structs.HostLayout\n", name, spell(t), name)
	for _, p := range l.parts {
		switch {
		case p.field != nil:
			id := inside.unique(exported(p.field.name))
			typ, err := g.typeOf(p.field.typ, strings.TrimPrefix(name, g.prefix)+exported(p.field.name))
			if err != nil {
				return err
			}
			g.printf("%s %s%s\n", id, typ, remark(p.field.typ))
			if isText(p.field.typ) {
				methods.WriteString(textMethod(name, id, inside.unique(id+"String")))
			}
		case p.raw != nil:
			id := inside.unique(fmt.Sprintf("Raw%d", p.off))
			g.printf("%s [%d]byte // %s\n", id, p.size, rawNames(p.raw))
			for i := range p.raw {
				text, err := g.methods(name, id, p, &p.raw[i], inside)
				if err != nil {
					return err
				}
				methods.WriteString(text)
			}
		default:
			g.printf("_ [%d]byte\n", p.size)
		}
	}
	g.printf("}\n\n// The compiler checks that %s is as long as in C.\nvar _ [%d]byte = [unsafe.Sizeof(%s{})]byte{}\n\n%s", name, l.size, name, methods.String())
	return nil
}

// rawNames are the members in raw bytes.
func rawNames(list []member) string {
	var names []string
	for _, m := range list {
		names = append(names, shown(m.name))
	}
	return strings.Join(names, ", ")
}

// remark says what the Go type of a member does not.
func remark(t btf.Type) string {
	if _, ok := btf.UnderlyingType(t).(*btf.Pointer); ok {
		return " // a pointer"
	}
	return ""
}

// isText reports whether a member is an array of characters.
func isText(t btf.Type) bool {
	a, ok := btf.UnderlyingType(t).(*btf.Array)
	if !ok {
		return false
	}
	i, ok := btf.UnderlyingType(a.Type).(*btf.Int)
	return ok && i.Size == 1 && (i.Name == "char" || i.Encoding == btf.Char)
}

func textMethod(name, field, method string) string {
	return fmt.Sprintf(`// %[3]s returns %[2]s up to its first zero byte.
func (x *%[1]s) %[3]s() string {
	s, _, _ := bytes.Cut(x.%[2]s[:], []byte{0})
	return string(s)
}

`, name, field, method)
}

// methods are those that get and set a member in raw bytes.
func (g *goTypes) methods(name, raw string, p part, m *member, inside scope) (string, error) {
	id := inside.unique(exported(m.name))
	set := inside.unique("Set" + id)
	typ, err := g.typeOf(m.typ, strings.TrimPrefix(name, g.prefix)+exported(m.name))
	if err != nil {
		return "", err
	}
	if m.bits > 0 {
		return g.bitMethods(name, raw, id, set, typ, p, m), nil
	}
	at := m.first() - p.off
	return fmt.Sprintf(`// %[3]s returns the member %[8]s.
func (x *%[1]s) %[3]s() (v %[5]s) {
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&v)), %[7]d), x.%[2]s[%[6]d:])
	return v
}

// %[4]s sets the member %[8]s.
func (x *%[1]s) %[4]s(v %[5]s) {
	copy(x.%[2]s[%[6]d:], unsafe.Slice((*byte)(unsafe.Pointer(&v)), %[7]d))
}

`, name, raw, id, set, typ, at, m.size, shown(m.name)), nil
}

// maxBitBytes is how many bytes a bit-field may touch: more only a packed one of
// more than 56 bits does.
const maxBitBytes = 8

// bitMethods are those of a bit-field.
func (g *goTypes) bitMethods(name, raw, id, set, typ string, p part, m *member) string {
	n := m.end() - m.first()
	if n > maxBitBytes {
		return fmt.Sprintf("// The bit-field %s has no methods: it lies in %d bytes.\n\n", m.name, n)
	}
	shift := m.bit % 8
	if g.big { // counted from the highest bit
		shift = n*8 - m.bit%8 - m.bits
	}
	var load, store []string
	for i := range n {
		pos := i * 8
		if g.big {
			pos = (n - 1 - i) * 8
		}
		at := m.first() - p.off + i
		load = append(load, fmt.Sprintf("uint64(x.%s[%d])<<%d", raw, at, pos))
		store = append(store, fmt.Sprintf("x.%s[%d] = byte(w >> %d)", raw, at, pos))
	}
	mask := uint64(1)<<m.bits - 1
	word := "w := " + strings.Join(load, " | ")
	get, put := fmt.Sprintf("%s(w >> %d & %#x)", typ, shift, mask), fmt.Sprintf("uint64(v)&%#x", mask)
	switch {
	case typ == "bool":
		get, put = fmt.Sprintf("w>>%d&1 != 0", shift), "b"
		put = "func() uint64 { if v { return 1 }; return 0 }()"
	case signedBits(m.typ):
		get = fmt.Sprintf("%s(int64(w<<%d) >> %d)", typ, 64-shift-m.bits, 64-m.bits)
	}
	return fmt.Sprintf(`// %[3]s returns the bit-field %[6]s.
func (x *%[1]s) %[3]s() %[5]s {
	%[7]s
	return %[8]s
}

// %[4]s sets the bit-field %[6]s.
func (x *%[1]s) %[4]s(v %[5]s) {
	%[7]s
	w = w&^(%#[9]x<<%[10]d) | %[11]s<<%[10]d
	%[12]s
}

`, name, raw, id, set, typ, shown(m.name), word, get, mask, shift, put, strings.Join(store, "\n\t"))
}

func signedBits(t btf.Type) bool {
	switch u := btf.UnderlyingType(t).(type) {
	case *btf.Int:
		return u.Encoding == btf.Signed
	case *btf.Enum:
		return u.Signed
	}
	return false
}
