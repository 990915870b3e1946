package ctype

import (
	"strings"

	"github.com/cilium/ebpf/btf"
)

// IsArray reports whether t is an array type.
func IsArray(t Type) bool {
	_, ok := Underlying(t).(*btf.Array)
	return ok
}

// IsUnion reports whether t is a union.
func IsUnion(t Type) bool {
	_, ok := Underlying(t).(*btf.Union)
	return ok
}

// IsFloat reports whether t is float or double.
func IsFloat(t Type) bool {
	_, ok := Underlying(t).(*btf.Float)
	return ok
}

// Element returns the type of the elements of an array, or of what a pointer
// points to; nil for any other type.
func Element(t Type) Type {
	switch t := Underlying(t).(type) {
	case *btf.Array:
		return t.Type
	case *btf.Pointer:
		return t.Target
	}
	return nil
}

// Length returns the number of an array's elements, 0 for any other type.
func Length(t Type) int {
	if a, ok := Underlying(t).(*btf.Array); ok {
		return int(a.Nelems)
	}
	return 0
}

// PointerTo returns the type of pointers to t.
func PointerTo(t Type) Type { return &btf.Pointer{Target: t} }

// IsConst reports whether t, or an array's element, is declared const.
func IsConst(t Type) bool {
	for {
		switch u := t.(type) {
		case *btf.Const:
			return true
		case *btf.Typedef:
			t = u.Type
		case *btf.Volatile:
			t = u.Type
		case *btf.TypeTag:
			t = u.Type
		case *btf.Array:
			t = u.Type
		default:
			return false
		}
	}
}

// EnumValue returns the value of an enum's constant, extended to 64 bits.
func EnumValue(t Type, name string) (uint64, bool) {
	if e, ok := Underlying(t).(*btf.Enum); ok {
		for _, v := range e.Values {
			if v.Name == name {
				return Extend(t, v.Value), true
			}
		}
	}
	return 0, false
}

// Copies reports whether data of type b may be copied to a place of type a:
// the same type but for typedefs and qualifiers, or arrays of as many elements of
// the same size.
func Copies(a, b Type) bool {
	for {
		a, b = Underlying(a), Underlying(b)
		if a == b {
			return true
		}
		switch x := a.(type) {
		case *btf.Array:
			y, ok := b.(*btf.Array)
			return ok && Size(x) == Size(y) && Size(x.Type) == Size(y.Type)
		case *btf.Int:
			y, ok := b.(*btf.Int)
			return ok && x.Size == y.Size && x.Encoding == y.Encoding
		case *btf.Pointer:
			y, ok := b.(*btf.Pointer)
			if !ok {
				return false
			}
			a, b = x.Target, y.Target
		default:
			return false
		}
	}
}

// ArrayOf returns the type of arrays of n elements of type t, whose size is known.
func ArrayOf(t Type, n int) Type {
	return &btf.Array{Index: base["unsigned int"], Type: t, Nelems: uint32(n)}
}

// Essential returns a tag without its flavour: 'task_struct___old' stands for the
// kernel's task_struct.
func Essential(tag string) string {
	if i := strings.LastIndex(tag, "___"); i > 0 {
		return tag[:i]
	}
	return tag
}
