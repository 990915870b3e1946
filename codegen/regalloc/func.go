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
	// Move: copies its only use to its only definition and does nothing else.
	Move Flag = 1 << iota
	// Remat: computes its only definition from nothing, and may be done again
	// anywhere.
	Remat
	// Check: a comparison that ends its block. In the successors the verifier
	// knows more of what it uses.
	Check
)

// Inst is an instruction: before allocation one of the caller's, of which it is
// said what the allocator needs to know; after it one of these or one that the
// allocator put there. An operation that changes a register in place has it among
// its uses and its definitions, which both have machine registers in the end, in the
// same order.
type Inst struct {
	At         int32 // of its registers in Operands: uses, then definitions
	Uses, Defs uint8 // how many
	Flags      Flag
	Kind       Kind // by Allocate: what the instruction does
	Clobbers   Set  // machine registers lost, besides definitions

	// By Allocate: the caller's instruction that it is, or the spill slot.
	Block, Index int32
	Slot         int32
}

// Operands are the registers that instructions name, one after the other: a
// function has many instructions, and a slice in each would be most of them.
type Operands []Reg

// Uses returns the registers that in reads.
func (o Operands) Uses(in *Inst) []Reg { return o[in.At:][:in.Uses:in.Uses] }

// Defs returns the registers that in writes.
func (o Operands) Defs(in *Inst) []Reg { return o[in.At+int32(in.Uses):][:in.Defs:in.Defs] }

// Add makes in an instruction of these registers, which must be none of o's.
func (o *Operands) Add(in Inst, uses, defs []Reg) Inst {
	in.At, in.Uses, in.Defs = int32(len(*o)), uint8(len(uses)), uint8(len(defs))
	*o = append(append(*o, uses...), defs...)
	return in
}

// Kind says what an instruction does once registers are allocated.
type Kind uint8

const (
	Keep   Kind = iota // what instruction Index of block Block does
	Elided             // the same, but there is nothing to do any more
	Redo               // what instruction Index of block Block (a Remat) does, again
	Load               // its definition from Slot
	Store              // its use to Slot
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
	Blocks   []Block
	Operands Operands
	Order    []Reg // machine registers to allocate, the preferred ones first
	// Ranged has, for each register up to some one, whether it is a virtual one whose
	// range, once compared, must be known where it is used.
	Ranged []bool
}

// Result is an allocation.
type Result struct {
	Blocks   [][]Inst
	Operands Operands
	Slots    int // spill slots used
	Stats    Stats
}

// Stats counts what the allocator did.
type Stats struct {
	Rounds, Spilled, Rematerialised, Loads, Stores, MovesLeft, MovesGone int
}

// maxReg returns one more than the highest register named.
func (f *Func) maxReg() Reg {
	n := FirstVirtual
	for _, r := range f.Operands {
		n = max(n, r+1)
	}
	return n
}
