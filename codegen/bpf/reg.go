package bpf

import "strconv"

// Reg is a machine register.
type Reg uint8

// The registers. R0 is a call's result, R1 to R5 its arguments and lost in it,
// R6 to R9 survive calls, R10 is the read-only frame pointer.
const (
	R0 Reg = iota
	R1
	R2
	R3
	R4
	R5
	R6
	R7
	R8
	R9
	R10

	// FP is the frame pointer; the stack lies below it.
	FP = R10

	// NumRegs is the number of registers.
	NumRegs = 11
)

// String returns the 64-bit name, r0 to r10.
func (r Reg) String() string { return "r" + strconv.Itoa(int(r)) }

// RegSet is a set of registers, bit i for register i.
type RegSet uint16

// CallerSaved are the registers that a call overwrites.
const CallerSaved RegSet = 1<<R0 | 1<<R1 | 1<<R2 | 1<<R3 | 1<<R4 | 1<<R5

// Regs returns the set of the registers given.
func Regs(regs ...Reg) RegSet {
	var s RegSet
	for _, r := range regs {
		s |= 1 << r
	}
	return s
}

// Has reports whether r is in the set.
func (s RegSet) Has(r Reg) bool { return s>>r&1 != 0 }

// Size is a width in bytes.
type Size uint8

// The widths.
const (
	B8  Size = 1
	B16 Size = 2
	B32 Size = 4
	B64 Size = 8
)

// Bits returns the width in bits.
func (s Size) Bits() int { return int(s) * 8 }

// A sizeMask is the set of widths that an operation takes: widths are powers of
// two, so their values are the bits.
type sizeMask uint8

func (m sizeMask) has(s Size) bool {
	switch s {
	case B8, B16, B32, B64:
		return m&sizeMask(s) != 0
	}
	return false
}

// CPU is a level of the instruction set, as clang's -mcpu=v1 to v4.
type CPU uint8

// The levels: V2 adds the "less than" jumps, V3 32-bit arithmetic, 32-bit
// comparisons and the atomics beyond add, V4 sign-extending moves and loads,
// bswap, signed division and the long jump.
const (
	V1 CPU = 1 + iota
	V2
	V3
	V4
)

// String returns v1 to v4.
func (c CPU) String() string { return "v" + strconv.Itoa(int(c)) }
