// Package ir is the compiler's intermediate representation: functions in
// static single assignment form, the table of ops, a builder, the text form
// and its parser, and the verifier that is the specification of it all.
//
// It must not know Lua, C types, BPF registers or ELF. What the kernel offers
// comes from ir/kernel, places in the source from ir/diag.
//
// # Shape
//
// A Module has Funcs and Maps. A Func has Blocks, the first of which is its
// entry. A Block has Values, phis first, whose order is the order of effects,
// and ends as its Kind says: BlockJump, BlockIf on a Bool, BlockRet of an I64.
// Edges carry the index of their reverse edge. A Value has an Op, a Type,
// arguments, AuxInt and Aux; what they must be is one row of the op table.
//
// # Memory
//
// There is no memory value. Memory is split into regions that BPF keeps apart
// for us (Region); every load, store and helper row says which it touches, and
// a pass moves a value only past values whose regions do not conflict.
//
// # Values that may leave
//
// A packet check may leave the function: when the bytes it names are not all
// in the packet, control goes to Func.Short, whose parameters are the entry
// block's values only. Such values observe every region but the stack. They
// stay values, not blocks, until the pass "checks" splits them, so that
// redundancy elimination sees straight lines. A packet load takes its check as
// an argument, so nothing moves above its proof.
//
// # Invariants, which Verify checks
//
//   - Every value's arguments, AuxInt, Aux and type are those of its row.
//   - A definition dominates each of its uses; a phi has one argument for each
//     predecessor, which dominates that predecessor's end. Func.Short counts as
//     a successor of the entry block: only entry values reach it.
//   - Phis come first. Dense IDs, Block back pointers, Uses counts and both
//     ends of each edge agree.
//   - The entry block has no predecessors. Every block but Func.Short is
//     reachable from the entry.
//   - After a late pass has run, the ops it removes do not occur (Phase).
package ir
