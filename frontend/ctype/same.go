package ctype

import (
	"slices"

	"github.com/cilium/ebpf/btf"
)

// same reports whether two types are the same to C: tags and typedefs by what
// they name, everything else by its parts.
func (sc *Scope) same(a, b Type) bool {
	if a == b {
		return true
	}
	for {
		t, ok := a.(*btf.Typedef)
		if !ok || sc.extra[t] != nil && sc.extra[t].align != 0 {
			break
		}
		a = t.Type
	}
	for {
		t, ok := b.(*btf.Typedef)
		if !ok || sc.extra[t] != nil && sc.extra[t].align != 0 {
			break
		}
		b = t.Type
	}
	if a == b {
		return true
	}
	switch x := a.(type) {
	case *btf.Pointer:
		y, ok := b.(*btf.Pointer)
		return ok && sc.same(x.Target, y.Target)
	case *btf.Array:
		y, ok := b.(*btf.Array)
		return ok && x.Nelems == y.Nelems && sc.same(x.Type, y.Type)
	case *btf.Const:
		y, ok := b.(*btf.Const)
		return ok && sc.same(x.Type, y.Type)
	case *btf.Volatile:
		y, ok := b.(*btf.Volatile)
		return ok && sc.same(x.Type, y.Type)
	case *btf.TypeTag:
		y, ok := b.(*btf.TypeTag)
		return ok && x.Value == y.Value && sc.same(x.Type, y.Type)
	case *btf.FuncProto:
		y, ok := b.(*btf.FuncProto)
		return ok && sc.same(x.Return, y.Return) && slices.EqualFunc(x.Params, y.Params,
			func(p, q btf.FuncParam) bool { return sc.same(p.Type, q.Type) })
	case *btf.Struct, *btf.Union, *btf.Enum:
		return a.TypeName() == "" && b.TypeName() == "" && sc.sameRecord(a, b)
	}
	return false
}

// sameRecord compares two declarations of a record or enum.
func (sc *Scope) sameRecord(a, b Type) bool {
	if x, ok := a.(*btf.Enum); ok {
		y, ok := b.(*btf.Enum)
		return ok && x.Size == y.Size && slices.Equal(x.Values, y.Values)
	}
	if tagKind(a) != tagKind(b) || Size(a) != Size(b) || sc.Alignof(a) != sc.Alignof(b) || sc.Preserved(a) != sc.Preserved(b) {
		return false
	}
	return slices.EqualFunc(Fields(a), Fields(b), func(m, n btf.Member) bool {
		return m.Name == n.Name && m.Offset == n.Offset && m.BitfieldSize == n.BitfieldSize && sc.same(m.Type, n.Type)
	})
}
