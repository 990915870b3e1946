package ctype

import "github.com/cilium/ebpf/btf"

// FuncPointer returns the prototype of the function that a t points to; nil if it
// points to none.
func FuncPointer(t Type) *btf.FuncProto {
	p, ok := Underlying(t).(*btf.Pointer)
	if !ok {
		return nil
	}
	f, _ := Underlying(p.Target).(*btf.FuncProto)
	return f
}

// Subset returns a structure with the name of t and those of its members that keep
// chooses, laid out anew, in the order of t: loaders find the kernel's members by
// their names.
func (sc *Scope) Subset(t Type, keep func(name string) bool) *btf.Struct {
	out := &btf.Struct{Name: Underlying(t).TypeName()}
	align := uint32(1)
	for _, m := range Fields(t) {
		if m.Name == "" || !keep(m.Name) {
			continue
		}
		a := uint32(max(sc.Alignof(m.Type), 1))
		at := (out.Size + a - 1) &^ (a - 1)
		out.Members = append(out.Members, btf.Member{Name: m.Name, Type: m.Type, Offset: btf.Bits(at * 8)})
		out.Size = at + uint32(Size(m.Type))
		align = max(align, a)
	}
	out.Size = (out.Size + align - 1) &^ (align - 1)
	return out
}
