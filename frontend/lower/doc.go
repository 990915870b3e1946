// Package lower is the kernel stage: it turns the syntax tree of a function
// into SSA by partial evaluation. It walks the tree once; each Lua value is
// either known (Const, a constant Int, a map, a closure) or computed (an Int,
// a Bool, a packet pointer), and what is known is folded on the way, dead
// branches included.
//
// It must not know BPF instructions, ELF or the kernel's verifier: safety is
// explicit here and without cleverness. Packet checks and null tests are ops;
// ir/opt merges them.
//
// # Paths
//
// The walk follows one path at a time. A path has an open block of the IR
// builder, a list of conditions known to hold (facts), and the values of the
// variables (cells). Where control flow splits, each arm's changes are logged
// and taken back; where it joins, join merges the arms' values as language.md
// 2 says. Unreachable code has no open block, and is still checked for names.
//
// # Entries
//
// m[k] of a scalar value type is an Entry: the looked-up address, and the
// number read from it. The read is put off until the number is needed or
// something could change it, so that code that only tests for presence or
// adds to the entry reads nothing.
//
// # Kernel memory
//
// A Ref with a view is an object in the kernel's or a process's memory. The way to
// it from the last pointer followed is kept as steps, so that reading it takes one
// relocated offset and one load or one call of a helper (view.go).
//
//	fn, ok := lower.Program(stage, program, module, reporter, options)
package lower
