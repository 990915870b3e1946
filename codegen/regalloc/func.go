package regalloc

// Reg is a machine register, if below FirstVirtual, or a virtual one.
type Reg int32

// FirstVirtual is the first virtual register.
const FirstVirtual Reg = 32

// Virtual reports whether r is a virtual register.
func (r Reg) Virtual() bool { return r >= FirstVirtual }

// Set is a set of machine registers, bit i for register i.
type Set uint32

// Has reports whether r is in the set.
func (s Set) Has(r Reg) bool { return s>>uint(r)&1 != 0 }

// Flag says what is special about an instruction.
type Flag uint8

const (
	// Move: copies Uses[0] to Defs[0] and does nothing else.
	Move Flag = 1 << iota
	// Remat: computes Defs[0], its only definition, from nothing, and may be
	// done again anywhere.
	Remat
	// Check: a comparison that ends its block. In the successors the verifier
	// knows more of its Uses.
	Check
)

// Inst is an instruction: before allocation one of the caller's, of which it is
// said what the allocator needs to know; after it one of these or one that the
// allocator put there. An operation that changes a register in place has it among
// Uses and Defs, which both have machine registers in the end, in the same order.
type Inst struct {
	Uses, Defs []Reg
	Clobbers   Set // machine registers lost, besides Defs
	Flags      Flag

	// By Allocate: what the instruction does, the caller's that it is, and the
	// spill slot.
	Kind         Kind
	Block, Index int32
	Slot         int32
}

// Kind says what an instruction does once registers are allocated.
type Kind uint8

const (
	Keep   Kind = iota // what instruction Index of block Block does
	Elided             // the same, but there is nothing to do any more
	Redo               // what instruction Index of block Block (a Remat) does, again
	Load               // Defs[0] from Slot
	Store              // Uses[0] to Slot
)

// Block is a basic block.
type Block struct {
	Insts  []Inst
	Succs  []int
	Weight int // how often it runs, relative to others; 0 counts as 1
}

// Func is a function to allocate. Blocks[0] is the entry. Where a Check ends a
// block that has several successors, each of these has no other predecessor.
type Func struct {
	Blocks []Block
	Order  []Reg // machine registers to allocate, the preferred ones first
	// Ranged are the virtual registers whose range, once compared, must be
	// known where they are used.
	Ranged map[Reg]bool
}

// Result is an allocation.
type Result struct {
	Blocks [][]Inst
	Slots  int // spill slots used
	Stats  Stats
}

// Stats counts what the allocator did.
type Stats struct {
	Rounds, Spilled, Rematerialised, Loads, Stores, MovesLeft, MovesGone int
}

// maxReg returns one more than the highest register named.
func (f *Func) maxReg() Reg {
	n := FirstVirtual
	for i := range f.Blocks {
		for j := range f.Blocks[i].Insts {
			in := &f.Blocks[i].Insts[j]
			for _, r := range in.Uses {
				n = max(n, r+1)
			}
			for _, r := range in.Defs {
				n = max(n, r+1)
			}
		}
	}
	return n
}
