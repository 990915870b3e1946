// Package ctype knows C types: their names, sizes, signedness and byte order.
// C types are one graph, btf.Type of cilium/ebpf, from the script to the
// object; this package makes them and answers questions about them.
//
// It must not know Lua values or the IR.
//
//	t, err := ctype.Parse("uint32_t")
//	ctype.Size(t)   // 4
//	ctype.Signed(t) // false
package ctype
