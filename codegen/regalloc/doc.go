// Package regalloc assigns machine registers and stack slots to the virtual
// registers of a function.
//
// It knows nothing of BPF or of the IR: a Func is blocks of instructions that
// name what they use and define, and the answer is the same instructions with
// machine registers, among them loads and stores of spill slots.
//
//	f := &regalloc.Func{Order: []regalloc.Reg{1, 2, 3, 4, 5, 0, 6, 7, 8, 9}}
//	f.Blocks = []regalloc.Block{{Insts: []regalloc.Inst{
//		f.Operands.Add(regalloc.Inst{Flags: regalloc.Remat}, nil, []regalloc.Reg{32}),                // v32 = constant
//		f.Operands.Add(regalloc.Inst{Flags: regalloc.Move}, []regalloc.Reg{32}, []regalloc.Reg{0}),   // r0 = v32
//		f.Operands.Add(regalloc.Inst{}, []regalloc.Reg{0}, nil),                                      // exit
//	}}}
//	res, err := regalloc.Allocate(f)
//
// # Definitions
//
// A register below FirstVirtual is a machine register; it is live inside one
// block only. Two registers interfere when one is defined while the other is
// live, except by a move between the two. A live range is the set of points
// where a register is live.
//
// # Method
//
// Iterated register coalescing (George and Appel, "Iterated Register
// Coalescing", TOPLAS 18(3), 1996): build the interference graph, simplify,
// coalesce moves by the conservative tests of Briggs and of George, freeze,
// pick spills by cost over degree, colour optimistically, and begin again when
// something was spilled. Interference with machine registers is a mask for
// each node rather than edges, so a call costs one operation for each register
// that lives across it.
//
// What is spilled is split, not spilled everywhere: within a block and up to
// the next instruction that clobbers registers, the uses of a spilled register
// share one reload (a short live range of its own, which may be spilled again,
// then with a reload for each use). A register whose definition is marked Remat
// is computed anew in place of a reload and takes no slot. Spilled registers
// that moves connect and that do not interfere share a slot, and slots are
// coloured at the end.
//
// # What the kernel's verifier asks of it
//
// A comparison teaches the verifier about the register compared, not about a
// copy of it in memory. So when a register listed in Func.Ranged is spilled, a
// comparison marked Check is followed, in each successor where the register
// lives, by a store of the register compared. Spills are whole registers.
//
// # Limits and cost
//
// Liveness and the graph take time and space in proportion to the number of
// interferences; a round costs about that. Rounds are few: two or three when
// anything spills. Splitting stops at the borders of blocks.
package regalloc
