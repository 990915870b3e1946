// Package codegen turns IR into BPF instructions and these into an object.
//
// It must not know Lua, C types or how ELF and BTF are written: it takes an
// ir.Module whose functions are in ir.PhaseLow and fills an elfwriter.File.
//
//	out, err := codegen.Compile(m, codegen.Options{CPU: bpf.V3, Lines: true})
//	os.WriteFile("prog.o", out.Object, 0o644)
//
// # Stages, for each function
//
//   - select (isel*.go): IR to machine IR, instructions over virtual registers.
//   - allocate (alloc.go, package regalloc): virtual to machine registers.
//   - frame (frame.go): slots and spills get their places on the stack.
//   - layout (layout.go, peephole.go): order of blocks, jumps, what is left over.
//   - emit (emit.go): distances, long jumps, bpf.Inst.
//   - verify (mverify.go), if Options.Check: every register and stack byte read
//     was written, on every way.
//
// Then object.go puts functions, maps, debug information and relocations
// together.
//
// # What the kernel's verifier must be able to follow
//
// These are rules of selection, at every level of optimisation:
//
//   - A value is compared in the register that is used later: a comparison is
//     selected where its branch is, on 64 bits, never on a copy; nonnull is no
//     instruction.
//   - Results of comparisons reach branches as comparisons, never as numbers.
//   - Spills are whole registers at aligned places, and a spilled value that is
//     compared is stored again (package regalloc).
//   - Constants are stored by ST except to the context, where kernels before 6.3
//     refuse it.
//   - r1 to r5 are dead after calls, LD_ABS and LD_IND.
package codegen
