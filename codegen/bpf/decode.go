package bpf

import (
	"encoding/binary"
	"fmt"
	"sync"
)

// A decodeKey finds the candidates for a code byte; rows that share one are told
// apart by a field of the slot.
type candidate struct {
	op   Op
	size Size
	k    bool
}

// decodeTable lists, for each code byte, the operations with that code.
var decodeTable = sync.OnceValue(func() *[256][]candidate {
	var t [256][]candidate
	for op := OpInvalid + 1; op < numOps; op++ {
		r := op.row()
		for _, size := range []Size{B8, B16, B32, B64} {
			if !r.sizes.has(size) {
				continue
			}
			for _, k := range []bool{false, true} {
				if k && r.use&useK == 0 || !k && r.use == useK {
					continue
				}
				code := r.opcode(size, k)
				t[code] = append(t[code], candidate{op, size, k})
			}
		}
	}
	return &t
})

// Decode returns the instructions in code. It accepts exactly what Encode can
// produce: unknown operations, registers that do not exist, fields that should
// be zero and half an LD_IMM64 are errors that name the slot.
func Decode(code []byte, order binary.ByteOrder) ([]Inst, error) {
	if len(code)%SlotBytes != 0 {
		return nil, fmt.Errorf("%d bytes are not a whole number of instructions", len(code))
	}
	out := make([]Inst, 0, len(code)/SlotBytes)
	for pc := 0; pc*SlotBytes < len(code); {
		in, err := decodeOne(code[pc*SlotBytes:], order)
		if err != nil {
			return nil, fmt.Errorf("slot %d: %w", pc, err)
		}
		out = append(out, in)
		pc += in.Slots()
	}
	return out, nil
}

// readSlot takes the first slot of code apart.
func readSlot(code []byte, order binary.ByteOrder) slot {
	s := slot{
		code: code[0],
		dst:  code[1] & 0xf,
		src:  code[1] >> 4,
		off:  int16(order.Uint16(code[2:])),
		imm:  int32(order.Uint32(code[4:])),
	}
	if isBig(order) {
		s.dst, s.src = s.src, s.dst
	}
	return s
}

// decodeOne decodes the instruction at the start of code.
func decodeOne(code []byte, order binary.ByteOrder) (Inst, error) {
	s := readSlot(code, order)
	var last error
	for _, c := range decodeTable()[s.code] {
		in := Inst{Op: c.op, Size: c.size, K: c.k,
			Dst: Reg(s.dst), Src: Reg(s.src), Off: s.off, Imm: int64(s.imm)}
		if !in.takeDiscriminator(s) {
			continue
		}
		if c.op.IsLdImm64() {
			if len(code) < 2*SlotBytes {
				return Inst{}, fmt.Errorf("%s: second half is missing", c.op)
			}
			hi := readSlot(code[SlotBytes:], order)
			if hi != (slot{imm: hi.imm}) {
				return Inst{}, fmt.Errorf("%s: second half is not zero but for its immediate", c.op)
			}
			in.Imm = int64(hi.imm)<<32 | int64(uint32(s.imm))
		}
		if last = in.Check(); last == nil {
			return in, nil
		}
	}
	if last != nil {
		return Inst{}, last
	}
	return Inst{}, fmt.Errorf("unknown instruction: code %#02x, off %d, imm %#x, regs %d %d", s.code, s.off, uint32(s.imm), s.dst, s.src)
}

// takeDiscriminator checks the field that tells rows of the same code apart and
// clears it, since it is no operand.
func (in *Inst) takeDiscriminator(s slot) bool {
	r := in.Op.row()
	switch r.form {
	case formALU:
		in.Off = 0
		return int32(s.off) == r.disc
	case formEnd:
		in.Imm = 0
		return int(s.imm) == in.Size.Bits()
	case formCall, formImm64:
		in.Src = 0
		return int32(s.src) == r.disc
	case formAtomic, formFetch, formXchg, formCmpXchg:
		in.Imm = 0
		return s.imm == r.disc
	}
	return true
}
