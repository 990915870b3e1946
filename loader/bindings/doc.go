// Package bindings writes what user space needs to use an object: a Go package's
// file in the shape that bpf2go gives ([Go]), or a C header ([Header]).
//
// Everything comes from the object: its maps, programs and variables, and their
// types from its BTF. So it works for objects of any compiler; it knows nothing of
// scripts.
//
//	o, err := bindings.Read(elf)
//	text, err := o.Go(bindings.Options{Package: "main", Name: "Prog", Object: "prog_bpfel.o"})
//
// # Records
//
// The type of the records of a ring buffer or a perf buffer is no part of a map's
// definition that loaders agree on. An object says it by a type definition called
// as the map with _record behind it, as luabpfc's do (typedef struct event
// events_record), or by the map's value type, as many do for cilium/ebpf;
// [Object.SetRecord] says it where the object does not.
//
// # Layout
//
// A member that Go can hold where C has it is a field. Members that it can't (of a
// union, a bit-field, off its alignment in a packed structure) are methods on raw
// bytes; padding is explicit. So a Go value has the bytes of the C one on every
// architecture, which the compiler checks by constant expressions.
package bindings
