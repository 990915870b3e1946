package bpf

import (
	"encoding/binary"
	"fmt"
)

// SlotBytes is the length of a slot in bytes.
const SlotBytes = 8

// Encode returns the instructions' bytes in the byte order given. Order is
// binary.LittleEndian (bpfel) or binary.BigEndian (bpfeb).
func Encode(insts []Inst, order binary.ByteOrder) ([]byte, error) {
	n := 0
	for i := range insts {
		n += insts[i].Slots()
	}
	out := make([]byte, 0, n*SlotBytes)
	for i := range insts {
		var err error
		if out, err = Append(out, &insts[i], order); err != nil {
			return nil, fmt.Errorf("instruction %d: %w", i, err)
		}
	}
	return out, nil
}

// Append appends the instruction's bytes to out.
func Append(out []byte, in *Inst, order binary.ByteOrder) ([]byte, error) {
	if err := in.Check(); err != nil {
		return out, err
	}
	out = in.slot().append(out, order)
	if in.Slots() == 2 {
		out = slot{imm: int32(in.Imm >> 32)}.append(out, order)
	}
	return out, nil
}

// A slot is the eight bytes of an encoded instruction, taken apart.
type slot struct {
	code     uint8
	dst, src uint8
	off      int16
	imm      int32
}

// append appends the slot's bytes. The two registers share a byte; the
// destination has its low half in little-endian order and its high half in
// big-endian order, as C lays out a bit field.
func (s slot) append(b []byte, order binary.ByteOrder) []byte {
	regs := s.dst | s.src<<4
	if isBig(order) {
		regs = s.dst<<4 | s.src
	}
	at := len(b)
	b = append(b, s.code, regs, 0, 0, 0, 0, 0, 0)
	order.PutUint16(b[at+2:], uint16(s.off))
	order.PutUint32(b[at+4:], uint32(s.imm))
	return b
}

// isBig reports whether the order stores the most significant byte first.
func isBig(order binary.ByteOrder) bool {
	return order != binary.ByteOrder(binary.LittleEndian) && order.Uint16([]byte{1, 0}) != 1
}

// slot returns the first slot of a checked instruction.
func (in *Inst) slot() slot {
	r := in.Op.row()
	s := slot{dst: uint8(in.Dst), src: uint8(in.Src), off: in.Off, imm: int32(in.Imm)}
	s.code = r.opcode(in.Size, in.K)
	switch r.form {
	case formALU:
		s.off = int16(r.disc)
	case formEnd:
		s.imm = int32(in.Size.Bits())
	case formCall, formImm64:
		s.src = uint8(r.disc)
	case formAtomic, formFetch, formXchg, formCmpXchg:
		s.imm = r.disc
	}
	return s
}

// opcode returns the code byte of the operation at that width, with that second
// operand.
func (r *row) opcode(size Size, k bool) uint8 {
	x := uint8(srcX)
	if k {
		x = 0
	}
	switch r.form {
	case formALU:
		return r.code | x | aluClass(size)
	case formUnary:
		return r.code | aluClass(size)
	case formEnd:
		return r.code
	case formGoto, formCall, formExit:
		return r.code | classJMP
	case formGotol:
		return r.code | classJMP32
	case formCond:
		if size == B32 {
			return r.code | x | classJMP32
		}
		return r.code | x | classJMP
	case formImm64, formSkb:
		return r.code | sizeBits(size) | classLD
	case formLoad:
		return r.code | sizeBits(size) | classLDX
	case formStore:
		if k {
			return r.code | sizeBits(size) | classST
		}
		return r.code | sizeBits(size) | classSTX
	default: // atomics
		return r.code | sizeBits(size) | classSTX
	}
}

func aluClass(size Size) uint8 {
	if size == B32 {
		return classALU
	}
	return classALU64
}

// sizeBits returns the width field of a memory operation's code.
func sizeBits(size Size) uint8 {
	switch size {
	case B8:
		return 0x10
	case B16:
		return 0x08
	case B32:
		return 0x00
	default:
		return 0x18
	}
}
