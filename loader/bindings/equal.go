package bindings

import (
	"fmt"
	"slices"

	"github.com/cilium/ebpf/btf"
)

// equal reports whether two types are declared alike: the types of a map and of a
// variable are read apart from each other, though the object has each once. What
// pointers lead to is not compared, because user space does not follow them.
func equal(a, b btf.Type, depth int) bool {
	if a, b = btf.QualifiedType(a), btf.QualifiedType(b); a == b {
		return true
	}
	if depth > maxDepth || a.TypeName() != b.TypeName() || fmt.Sprintf("%T", a) != fmt.Sprintf("%T", b) {
		return false
	}
	switch x := a.(type) {
	case *btf.Int:
		y := b.(*btf.Int)
		return x.Size == y.Size && x.Encoding == y.Encoding
	case *btf.Float:
		return x.Size == b.(*btf.Float).Size
	case *btf.Pointer:
		return true
	case *btf.Enum:
		y := b.(*btf.Enum)
		return x.Size == y.Size && x.Signed == y.Signed && slices.Equal(x.Values, y.Values)
	case *btf.Array:
		y := b.(*btf.Array)
		return x.Nelems == y.Nelems && equal(x.Type, y.Type, depth+1)
	case *btf.Typedef:
		return equal(x.Type, b.(*btf.Typedef).Type, depth+1)
	case *btf.Struct, *btf.Union:
		xs, xsize := body(a)
		ys, ysize := body(b)
		return xsize == ysize && slices.EqualFunc(xs, ys, func(m, n btf.Member) bool {
			return m.Name == n.Name && m.Offset == n.Offset && m.BitfieldSize == n.BitfieldSize && equal(m.Type, n.Type, depth+1)
		})
	}
	return true // declared elsewhere, or nothing
}
