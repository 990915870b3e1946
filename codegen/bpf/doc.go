// Package bpf is the eBPF instruction set as data: registers, operations,
// instructions, their bytes and their text.
//
// One row of the table in ops.go says everything about an operation: its class
// and code, the fields that tell it from its neighbours (signed division is
// division with off = 1, a call of a function is a call with src = 1), which
// widths and which second operands it takes, how it prints, and the first
// -mcpu level that has it. [Encode], [Decode], [Inst.String] and [Inst.Check]
// are readers of that table; adding an operation is adding a row.
//
// An [Inst] is an operation with its operands:
//
//	prog := []bpf.Inst{
//		bpf.LoadMem(bpf.B32, bpf.R2, bpf.R1, 4),    // r2 = *(u32 *)(r1 +4)
//		bpf.ALUImm(bpf.Add, bpf.B32, bpf.R2, 5),    // w2 += 5
//		bpf.JumpImm(bpf.JSGt, bpf.B64, bpf.R2, 7, 1), // if r2 s> 0x7 goto pc+1
//		bpf.MovImm(bpf.B64, bpf.R0, 0),             // r0 = 0
//		bpf.Exit(),                                 // exit
//	}
//	code, err := bpf.Encode(prog, binary.LittleEndian)
//
// Size is the width of the operation: B32 or B64 for arithmetic and comparisons
// (w and r registers), B8 to B64 for memory and byte swaps. K chooses the second
// operand: Imm if true, Src if not. A jump's distance is counted in slots of
// eight bytes from the instruction that follows; LD_IMM64 takes two slots.
//
// References that a loader or linker fills in are named by Sym; whoever writes
// the object file turns them into relocations. Pos and Core are carried for the
// owner of the instructions and mean nothing here.
//
// The package must not know of functions, maps, helpers' names, kernels or ELF.
// It imports the standard library only.
package bpf
