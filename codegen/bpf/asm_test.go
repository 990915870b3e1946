package bpf

import (
	"bytes"
	"testing"

	"github.com/cilium/ebpf/asm"
)

// asmSizes are cilium/ebpf's names for the widths.
var asmSizes = map[Size]asm.Size{B8: asm.Byte, B16: asm.Half, B32: asm.Word, B64: asm.DWord}

var asmALU = map[Op]asm.ALUOp{
	Add: asm.Add, Sub: asm.Sub, Mul: asm.Mul, Div: asm.Div, Mod: asm.Mod, SDiv: asm.SDiv, SMod: asm.SMod,
	Or: asm.Or, And: asm.And, Xor: asm.Xor, Lsh: asm.LSh, Rsh: asm.RSh, Arsh: asm.ArSh, Mov: asm.Mov,
	MovSX8: asm.MovSX8, MovSX16: asm.MovSX16, MovSX32: asm.MovSX32,
}

var asmJumps = map[Op]asm.JumpOp{
	JEq: asm.JEq, JNe: asm.JNE, JGt: asm.JGT, JGe: asm.JGE, JLt: asm.JLT, JLe: asm.JLE,
	JSGt: asm.JSGT, JSGe: asm.JSGE, JSLt: asm.JSLT, JSLe: asm.JSLE, JSet: asm.JSet,
}

var asmAtomics = map[Op]asm.AtomicOp{
	AtomicAdd: asm.AddAtomic, AtomicOr: asm.OrAtomic, AtomicAnd: asm.AndAtomic, AtomicXor: asm.XorAtomic,
	FetchAdd: asm.FetchAdd, FetchOr: asm.FetchOr, FetchAnd: asm.FetchAnd, FetchXor: asm.FetchXor,
	Xchg: asm.Xchg, CmpXchg: asm.CmpXchg,
}

// oracle builds the instruction with cilium/ebpf's assembler.
func oracle(in Inst) (asm.Instruction, bool) {
	dst, src, size := asm.Register(in.Dst), asm.Register(in.Src), asmSizes[in.Size]
	if op, ok := asmALU[in.Op]; ok {
		switch {
		case in.Size == B32 && in.K:
			return op.Imm32(dst, int32(in.Imm)), true
		case in.Size == B32:
			return op.Reg32(dst, src), true
		case in.K:
			return op.Imm(dst, int32(in.Imm)), true
		}
		return op.Reg(dst, src), true
	}
	if op, ok := asmJumps[in.Op]; ok {
		var out asm.Instruction
		switch {
		case in.Size == B32 && in.K:
			out = op.Imm32(dst, int32(in.Imm), "")
		case in.Size == B32:
			out = op.Reg32(dst, src, "")
		case in.K:
			out = op.Imm(dst, int32(in.Imm), "")
		default:
			out = op.Reg(dst, src, "")
		}
		out.Offset = in.Off
		return out, true
	}
	switch in.Op {
	case ToLE:
		return asm.HostTo(asm.LE, dst, size), true
	case ToBE:
		return asm.HostTo(asm.BE, dst, size), true
	case Bswap:
		return asm.BSwap(dst, size), true
	case OpExit:
		return asm.Return(), true
	case Call:
		return asm.BuiltinFunc(in.Imm).Call(), true
	case Gotol:
		out := asm.LongJump("")
		out.Constant = in.Imm
		return out, true
	case Ja:
		out := asm.Ja.Label("")
		out.Offset = in.Off
		return out, true
	case LdImm64:
		return asm.LoadImm(dst, in.Imm, asm.DWord), true
	case LdMapFD:
		return asm.LoadMapPtr(dst, int(in.Imm)), true
	case LdMapValue:
		return asm.LoadMapValue(dst, int(int32(in.Imm)), uint32(in.Imm>>32)), true
	case LdAbs:
		return asm.LoadAbs(int32(in.Imm), size), true
	case LdInd:
		return asm.LoadInd(0, src, int32(in.Imm), size), true
	case Load:
		return asm.LoadMem(dst, src, in.Off, size), true
	case LoadSX:
		return asm.LoadMemSX(dst, src, in.Off, size), true
	case Store:
		if in.K && in.Size == B64 { // its constructor refuses this one
			return asm.Instruction{OpCode: asm.OpCode(asm.StClass).SetMode(asm.MemMode).SetSize(asm.DWord),
				Dst: dst, Offset: in.Off, Constant: in.Imm}, true
		}
		if in.K {
			return asm.StoreImm(dst, in.Off, in.Imm, size), true
		}
		return asm.StoreMem(dst, in.Off, src, size), true
	}
	return asm.Instruction{}, false
}

// TestBytesAsCilium compares the bytes of every instruction with those of
// cilium/ebpf's assembler, in both byte orders.
func TestBytesAsCilium(t *testing.T) {
	compared := 0
	for _, in := range everyInst() {
		switch in.Op { // cilium takes no negative descriptors and no unknown helpers
		case LdMapFD, Call:
			in.Imm = 5
		case LdMapValue:
			in.Imm = 0x12345678_00000005
		}
		want, ok := oracle(in)
		if !ok {
			continue
		}
		compared++
		for _, order := range orders {
			var buf bytes.Buffer
			if _, err := want.Marshal(&buf, order); err != nil {
				t.Errorf("%s %v: cilium: %v", in, order, err)
				continue
			}
			got, err := Encode([]Inst{in}, order)
			if err != nil {
				t.Errorf("%s %v: %v", in, order, err)
			} else if !bytes.Equal(got, buf.Bytes()) {
				t.Errorf("%s %v: % x, cilium has % x", in, order, got, buf.Bytes())
			}
		}
	}
	if compared < 120 {
		t.Errorf("compared %d instructions", compared)
	}
}

// TestDecodedByCilium checks that cilium/ebpf reads each instruction, those that
// its assembler has no constructor for included, and sees the same atomics: its
// constructors of those lose the operation, its reader does not.
func TestDecodedByCilium(t *testing.T) {
	all := everyInst()
	for _, order := range orders {
		code, err := Encode(all, order)
		if err != nil {
			t.Fatal(err)
		}
		got, err := asm.AppendInstructions(nil, bytes.NewReader(code), order, "linux")
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(all) {
			t.Fatalf("%v: cilium read %d instructions of %d", order, len(got), len(all))
		}
		for i, in := range all {
			if want, ok := asmAtomics[in.Op]; ok && got[i].OpCode.AtomicOp() != want {
				t.Errorf("%s %v: cilium reads %v", in, order, got[i].OpCode.AtomicOp())
			}
		}
	}
}
