package ctype

import "github.com/cilium/ebpf/btf"

// Opaque is the name of a structure that only the kernel looks into, a lock or a
// timer in a map's entry or a dynptr on the stack; "" for any other type.
func Opaque(t Type) string {
	if s, ok := Underlying(t).(*btf.Struct); ok {
		switch s.Name {
		case "bpf_spin_lock", "bpf_timer", "bpf_wq", "bpf_dynptr":
			return s.Name
		}
	}
	return ""
}

// OpaqueMembers lists the names of such structures among the members of t, and
// whether one lies deeper than in t itself.
func OpaqueMembers(t Type) (names []string, deep bool) {
	switch u := Underlying(t).(type) {
	case *btf.Struct:
		for _, m := range u.Members {
			if name := Opaque(m.Type); name != "" {
				names = append(names, name)
				continue
			}
			below, _ := OpaqueMembers(m.Type)
			names, deep = append(names, below...), deep || len(below) > 0
		}
	case *btf.Union:
		for _, m := range u.Members {
			below, _ := OpaqueMembers(m.Type)
			names, deep = append(names, below...), deep || len(below) > 0 || Opaque(m.Type) != ""
		}
	case *btf.Array:
		below, _ := OpaqueMembers(u.Type)
		if name := Opaque(u.Type); name != "" {
			below = append(below, name)
		}
		return below, len(below) > 0
	}
	return names, deep
}
