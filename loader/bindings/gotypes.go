package bindings

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// goTypes writes the types of an object as Go declarations.
type goTypes struct {
	prefix  string
	big     bool
	layouts layouts
	names   map[btf.Type]string
	// declared are the types by the names that they would have if there were no others.
	declared map[string][]btf.Type
	used     scope
	decls    strings.Builder
	queue    []btf.Type
	orders   map[uint32]bool // sizes of numbers in network order
}

// typeOf returns the Go type of a C type. hint names it if C does not.
func (g *goTypes) typeOf(t btf.Type, hint string) (string, error) {
	for depth := 0; ; depth++ {
		if depth > maxDepth {
			return "", errTooDeep
		}
		d, ok := btf.As[*btf.Typedef](t)
		if !ok {
			t = btf.UnderlyingType(t)
			break
		}
		if n, ok := networkOrder[d.Name]; ok {
			g.orders[n] = true
			return g.orderName(n), nil
		}
		t, hint = d.Type, d.Name
	}
	switch u := t.(type) {
	case *btf.Int:
		return goInt(u), nil
	case *btf.Pointer:
		return "uint64", nil
	case *btf.Float:
		switch u.Size {
		case 4, 8:
			return fmt.Sprintf("float%d", u.Size*8), nil
		}
		return fmt.Sprintf("[%d]byte", u.Size), nil
	case *btf.Array:
		elem, err := g.typeOf(u.Type, hint)
		return fmt.Sprintf("[%d]%s", u.Nelems, elem), err
	case *btf.Struct:
		return g.named(u, u.Name, hint), nil
	case *btf.Union:
		return g.named(u, u.Name, hint), nil
	case *btf.Enum:
		if u.Name == "" && hint == "" {
			return enumBase(u), nil
		}
		return g.named(u, u.Name, hint), nil
	}
	return "", fmt.Errorf("there are no values of type %s", t)
}

// networkOrder are the types of numbers in network byte order, with their sizes.
var networkOrder = map[string]uint32{"__be16": 2, "__sum16": 2, "__be32": 4, "__be64": 8}

func (g *goTypes) orderName(size uint32) string { return fmt.Sprintf("%sBe%d", g.prefix, size*8) }

// goInt is an integer. A char is a byte, whatever its sign.
func goInt(i *btf.Int) string {
	switch {
	case i.Encoding == btf.Bool && i.Size == 1:
		return "bool"
	case i.Size == 1 && (i.Name == "char" || i.Encoding == btf.Char):
		return "byte"
	case i.Size != 1 && i.Size != 2 && i.Size != 4 && i.Size != 8:
		return fmt.Sprintf("[%d]byte", i.Size)
	case i.Encoding == btf.Signed:
		return fmt.Sprintf("int%d", i.Size*8)
	}
	return fmt.Sprintf("uint%d", i.Size*8)
}

func enumBase(e *btf.Enum) string {
	if e.Signed {
		return fmt.Sprintf("int%d", e.Size*8)
	}
	return fmt.Sprintf("uint%d", e.Size*8)
}

// named is the name of a type that gets a declaration of its own.
func (g *goTypes) named(t btf.Type, name, hint string) string {
	if n := g.names[t]; n != "" {
		return n
	}
	if name == "" {
		name = hint
	}
	n := g.prefix + exported(name)
	for _, d := range g.declared[n] {
		if equal(d, t, 0) {
			g.names[t] = g.names[d]
			return g.names[t]
		}
	}
	g.declared[n] = append(g.declared[n], t)
	n = g.used.unique(n)
	g.names[t] = n
	g.queue = append(g.queue, t)
	return n
}

// declare writes the declarations of all types that were named.
func (g *goTypes) declare() error {
	for len(g.queue) > 0 {
		t := g.queue[0]
		g.queue = g.queue[1:]
		var err error
		if e, ok := t.(*btf.Enum); ok {
			g.enum(e)
		} else {
			err = g.record(t)
		}
		if err != nil {
			return fmt.Errorf("type '%s': %w", t.TypeName(), err)
		}
	}
	for _, n := range []uint32{2, 4, 8} {
		if g.orders[n] {
			g.order(n)
		}
	}
	return nil
}

func (g *goTypes) enum(e *btf.Enum) {
	name := g.names[e]
	g.printf("// %s is %s.\ntype %s %s\n\n", name, spell(e), name, enumBase(e))
	if len(e.Values) == 0 {
		return
	}
	g.printf("const (\n")
	for _, v := range e.Values {
		id := g.used.unique(name + exported(v.Name))
		if e.Signed {
			g.printf("%s %s = %d\n", id, name, int64(v.Value))
		} else {
			g.printf("%s %s = %d\n", id, name, v.Value)
		}
	}
	g.printf(")\n\n")
}

// order writes the type of numbers in network order.
func (g *goTypes) order(size uint32) {
	name, bits := g.orderName(size), size*8
	g.printf("// %s is a number of %d bits in network byte order.\ntype %s uint%d\n\n", name, bits, name, bits)
	to := fmt.Sprintf("binary.BigEndian.Uint%d(binary.NativeEndian.AppendUint%d(nil, uint%d(x)))", bits, bits, bits)
	back := fmt.Sprintf("binary.NativeEndian.Uint%d(binary.BigEndian.AppendUint%d(nil, x))", bits, bits)
	g.printf("// Host returns the number.\nfunc (x %s) Host() uint%d { return %s }\n\n", name, bits, to)
	g.printf("// %s returns x in network byte order.\nfunc %s(x uint%d) %s { return %s(%s) }\n\n", g.orderFrom(size), g.orderFrom(size), bits, name, name, back)
}

func (g *goTypes) orderFrom(size uint32) string { return fmt.Sprintf("%sToBe%d", g.prefix, size*8) }

func (g *goTypes) printf(format string, args ...any) { fmt.Fprintf(&g.decls, format, args...) }

// spell is how C spells a type's name.
func spell(t btf.Type) string {
	kind := "a type"
	switch t.(type) {
	case *btf.Struct:
		kind = "struct"
	case *btf.Union:
		kind = "union"
	case *btf.Enum:
		kind = "enum"
	}
	if t.TypeName() == "" {
		return "a " + kind + " without a name"
	}
	return kind + " " + shown(t.TypeName())
}
