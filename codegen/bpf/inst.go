package bpf

import (
	"fmt"
	"math"
)

// Inst is an instruction. Fields that its operation does not use are zero.
type Inst struct {
	Op   Op
	Size Size // width; B64 where there is no choice
	K    bool // the second operand is Imm rather than Src (arithmetic, conditional jumps, Store)
	Dst  Reg  // destination, left side of a comparison, base of a store or an atomic
	Src  Reg  // second operand, base of a load, value of a store or an atomic, index of LdInd
	Off  int16
	Imm  int64 // 32 bits, sign-extended; all 64 for LdImm64 and its kin; distance of Gotol; number of a helper

	// Sym names the function, map, variable or kfunc that the loader or the linker
	// puts in the place of Imm. Empty where the instruction is complete.
	Sym string
	// Pos is the owner's index of a source position.
	Pos int32
	// Core is the owner's number of a CO-RE relocation, 0 for none.
	Core int32
}

// ALU returns dst op= src, or dst = src for Mov and the MovSX operations.
func ALU(op Op, size Size, dst, src Reg) Inst {
	return Inst{Op: op, Size: size, Dst: dst, Src: src}
}

// ALUImm returns dst op= imm.
func ALUImm(op Op, size Size, dst Reg, imm int32) Inst {
	return Inst{Op: op, Size: size, K: true, Dst: dst, Imm: int64(imm)}
}

// MovReg returns dst = src. At B32 it clears the upper half.
func MovReg(size Size, dst, src Reg) Inst { return ALU(Mov, size, dst, src) }

// MovImm returns dst = imm, sign-extended at B64, zero-extended at B32.
func MovImm(size Size, dst Reg, imm int32) Inst { return ALUImm(Mov, size, dst, imm) }

// Goto returns a jump by off slots.
func Goto(off int16) Inst { return Inst{Op: Ja, Size: B64, Off: off} }

// GotoLong returns a jump by up to 31 bits of slots.
func GotoLong(off int32) Inst { return Inst{Op: Gotol, Size: B64, Imm: int64(off)} }

// Jump returns: if dst op src, go by off slots.
func Jump(op Op, size Size, dst, src Reg, off int16) Inst {
	return Inst{Op: op, Size: size, Dst: dst, Src: src, Off: off}
}

// JumpImm returns: if dst op imm, go by off slots.
func JumpImm(op Op, size Size, dst Reg, imm int32, off int16) Inst {
	return Inst{Op: op, Size: size, K: true, Dst: dst, Imm: int64(imm), Off: off}
}

// CallHelper returns a call of the helper with that number.
func CallHelper(id int32) Inst { return Inst{Op: Call, Size: B64, Imm: int64(id)} }

// CallSym returns a call of the function named sym, its distance left open (-1,
// as the relocation wants it). A function of the kernel's is called the same way:
// loaders find the extern symbol by the relocation and set src = 2 themselves.
func CallSym(sym string) Inst { return Inst{Op: CallFunc, Size: B64, Imm: -1, Sym: sym} }

// Exit returns from the function with R0.
func Exit() Inst { return Inst{Op: OpExit, Size: B64} }

// LoadImm64 returns dst = imm, in two slots.
func LoadImm64(dst Reg, imm uint64) Inst {
	return Inst{Op: LdImm64, Size: B64, Dst: dst, Imm: int64(imm)}
}

// LoadSym returns dst = address of the map or the variable named sym; off is added
// to the address of a variable. Loaders set the kind of load by the relocation.
func LoadSym(dst Reg, sym string, off int32) Inst {
	return Inst{Op: LdImm64, Size: B64, Dst: dst, Imm: int64(uint32(off)), Sym: sym}
}

// LoadFuncSym returns dst = the function named sym, for a callback.
func LoadFuncSym(dst Reg, sym string) Inst {
	return Inst{Op: LdFunc, Size: B64, Dst: dst, Sym: sym}
}

// LoadAbs returns r0 = the packet's bytes at off in host order; it needs the skb
// in R6, loses R1 to R5 and leaves the program with 0 if the packet is too short.
func LoadAbs(size Size, off int32) Inst { return Inst{Op: LdAbs, Size: size, Imm: int64(off)} }

// LoadMem returns dst = *(unsigned *)(base + off).
func LoadMem(size Size, dst, base Reg, off int16) Inst {
	return Inst{Op: Load, Size: size, Dst: dst, Src: base, Off: off}
}

// StoreMem returns *(base + off) = src.
func StoreMem(size Size, base Reg, off int16, src Reg) Inst {
	return Inst{Op: Store, Size: size, Dst: base, Src: src, Off: off}
}

// StoreImm returns *(base + off) = imm.
func StoreImm(size Size, base Reg, off int16, imm int32) Inst {
	return Inst{Op: Store, Size: size, K: true, Dst: base, Off: off, Imm: int64(imm)}
}

// Atomic returns an atomic operation on *(base + off) with src. The Fetch
// operations and Xchg put the old value in src, CmpXchg compares with R0 and puts
// the old value there.
func Atomic(op Op, size Size, base Reg, off int16, src Reg) Inst {
	return Inst{Op: op, Size: size, Dst: base, Src: src, Off: off}
}

// Slots returns the instruction's length in slots of eight bytes.
func (in *Inst) Slots() int {
	if in.Op.IsLdImm64() {
		return 2
	}
	return 1
}

// CPU returns the first level that has the instruction.
func (in *Inst) CPU() CPU {
	r := in.Op.row()
	switch r.form {
	case formALU, formUnary, formCond:
		if in.Size == B32 {
			return max(r.cpu, V3)
		}
	}
	return r.cpu
}

// Distance returns a jump's distance in slots from the next instruction.
func (in *Inst) Distance() (int, bool) {
	switch in.Op.row().form {
	case formGoto, formCond:
		return int(in.Off), true
	case formGotol:
		return int(in.Imm), true
	}
	return 0, false
}

// Uses returns the registers that the instruction reads. A call's arguments
// depend on what it calls and are not among them.
func (in *Inst) Uses() RegSet {
	second := Regs(in.Src)
	if in.K {
		second = 0
	}
	r := in.Op.row()
	switch r.form {
	case formALU:
		if r.code == ops[Mov].code {
			return second
		}
		return Regs(in.Dst) | second
	case formUnary, formEnd:
		return Regs(in.Dst)
	case formCond, formStore, formAtomic, formFetch, formXchg:
		return Regs(in.Dst) | second
	case formCmpXchg:
		return Regs(R0, in.Dst, in.Src)
	case formExit:
		return Regs(R0)
	case formLoad:
		return Regs(in.Src)
	case formSkb:
		if in.Op == LdInd {
			return Regs(R6, in.Src)
		}
		return Regs(R6)
	}
	return 0
}

// Defs returns the registers that the instruction writes or spoils.
func (in *Inst) Defs() RegSet {
	switch in.Op.row().form {
	case formALU, formUnary, formEnd, formImm64, formLoad:
		if in.Op == OpInvalid {
			return 0
		}
		return Regs(in.Dst)
	case formCall, formSkb:
		return CallerSaved
	case formFetch, formXchg:
		return Regs(in.Src)
	case formCmpXchg:
		return Regs(R0)
	}
	return 0
}

// Check reports what makes the instruction impossible to encode.
func (in *Inst) Check() error {
	r := in.Op.row()
	if r.name == "" {
		return fmt.Errorf("invalid operation %d", in.Op)
	}
	if !r.sizes.has(in.Size) {
		return fmt.Errorf("%s: invalid width of %d bytes", r.name, in.Size)
	}
	if in.Dst >= NumRegs || in.Src >= NumRegs {
		return fmt.Errorf("%s: no register %s", r.name, max(in.Dst, in.Src))
	}
	use := uint8(useX)
	if in.K {
		use = useK
	}
	if in.K && r.use == 0 || r.use != 0 && r.use&use == 0 {
		return fmt.Errorf("%s: invalid kind of second operand", r.name)
	}
	f := r.fields(in.K)
	if f&fieldImm64 == 0 && (in.Imm < math.MinInt32 || in.Imm > math.MaxInt32) {
		return fmt.Errorf("%s: immediate %d does not fit in 32 bits", r.name, in.Imm)
	}
	switch {
	case in.Dst != 0 && f&fieldDst == 0:
		return fmt.Errorf("%s: unused destination %s", r.name, in.Dst)
	case in.Src != 0 && f&fieldSrc == 0:
		return fmt.Errorf("%s: unused source %s", r.name, in.Src)
	case in.Off != 0 && f&fieldOff == 0:
		return fmt.Errorf("%s: unused offset %d", r.name, in.Off)
	case in.Imm != 0 && f&(fieldImm|fieldImm64) == 0:
		return fmt.Errorf("%s: unused immediate %d", r.name, in.Imm)
	}
	return nil
}

// A fieldMask says which fields of an Inst its operation uses.
type fieldMask uint8

const (
	fieldDst fieldMask = 1 << iota
	fieldSrc
	fieldOff
	fieldImm
	fieldImm64
)

// fields returns the fields used by the operation with that second operand.
func (r *row) fields(k bool) fieldMask {
	second := fieldSrc
	if k {
		second = fieldImm
	}
	switch r.form {
	case formALU:
		return fieldDst | second
	case formUnary, formEnd:
		return fieldDst
	case formGoto:
		return fieldOff
	case formGotol:
		return fieldImm
	case formCond, formStore:
		return fieldDst | second | fieldOff
	case formCall:
		if r.disc == ops[CallKfunc].disc {
			return fieldImm | fieldOff
		}
		return fieldImm
	case formImm64:
		return fieldDst | fieldImm64
	case formSkb:
		if r.code == modeIND {
			return fieldSrc | fieldImm
		}
		return fieldImm
	case formLoad, formAtomic, formFetch, formXchg, formCmpXchg:
		return fieldDst | fieldSrc | fieldOff
	}
	return 0
}
