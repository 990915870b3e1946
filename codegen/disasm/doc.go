// Package disasm prints the instructions of BPF programs with the source lines that
// they came from, in the syntax of the kernel's verifier: of object files of any
// compiler, and of programs in the kernel.
//
//	text, err := disasm.Object(elf, "")
//
// What an object says of itself is not believed: a table that is broken is left
// out with a note, an instruction that does not exist is printed as bytes, and
// nothing takes memory out of proportion to the file. It needs no kernel, and must
// not know the compiler or the loader.
package disasm
