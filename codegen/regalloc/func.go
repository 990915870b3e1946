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

// Inst is what the allocator needs to know of an instruction. An operation that
// changes a register in place has it among Uses and Defs.
type Inst struct {
	Uses, Defs []Reg
	Clobbers   Set // machine registers lost, besides Defs
	Flags      Flag
}

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

// StepKind says what a Step does.
type StepKind uint8

const (
	Keep   StepKind = iota // instruction Inst of block Block, with registers
	Elided                 // the same, but there is nothing to do any more
	Redo                   // instruction Inst of block Block (a Remat) again, here
	Load                   // Defs[0] from Slot
	Store                  // Uses[0] to Slot
)

// Step is an instruction of the result.
type Step struct {
	Kind        StepKind
	Block, Inst int32
	Slot        int32
	Uses, Defs  []Reg // machine registers, in the order of the instruction's
}

// Result is an allocation.
type Result struct {
	Blocks [][]Step
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
