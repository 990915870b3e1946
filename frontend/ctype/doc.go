// Package ctype knows C types: it reads C declarations, lays them out as clang
// does for the bpf target, and answers questions about them.
//
// C types are one graph, btf.Type of cilium/ebpf, from the script to the
// object. What that graph has no room for (alignment, which structs are
// relocated) is kept beside it, in the [Scope] that made the type. Types are
// told apart by identity, as in C: each tag and each typedef is one type.
//
// The package must not know Lua values or the IR.
//
//	sc := ctype.NewScope(false) // for a little-endian target
//	err := sc.Declare("struct key { __be32 addr; uint16_t port : 12, flag : 1; };")
//	t, err := sc.Type("struct key")
//	ctype.Size(t)                        // 8
//	m, ok := ctype.FindMember(t, "flag") // m.BitOffset == 44, m.Bits == 1
package ctype
