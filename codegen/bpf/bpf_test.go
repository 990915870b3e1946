package bpf

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var orders = []binary.ByteOrder{binary.LittleEndian, binary.BigEndian}

// everyInst returns an instruction for each operation, width and kind of second
// operand, with every field that it uses set to something telling.
func everyInst() []Inst {
	var all []Inst
	for op := OpInvalid + 1; op < numOps; op++ {
		r := op.row()
		for _, size := range []Size{B8, B16, B32, B64} {
			for _, k := range []bool{false, true} {
				in := Inst{Op: op, Size: size, K: k}
				if in.Check() != nil {
					continue
				}
				f := r.fields(k)
				if f&fieldDst != 0 {
					in.Dst = R3
				}
				if f&fieldSrc != 0 {
					in.Src = R7
				}
				if f&fieldOff != 0 {
					in.Off = -12
				}
				if f&fieldImm != 0 {
					in.Imm = -7
				}
				if f&fieldImm64 != 0 {
					in.Imm = 0x12345678_9abcdef0
				}
				all = append(all, in)
			}
		}
	}
	return all
}

func TestEveryOpHasARow(t *testing.T) {
	seen := map[string]Op{}
	for op := OpInvalid + 1; op < numOps; op++ {
		r := op.row()
		if r.name == "" || r.sizes == 0 || r.cpu < V1 || r.cpu > V4 {
			t.Errorf("op %d: incomplete row %+v", op, *r)
		}
		if other, ok := seen[r.name]; ok {
			t.Errorf("ops %d and %d share the name %s", op, other, r.name)
		}
		seen[r.name] = op
	}
}

func TestRoundTrip(t *testing.T) {
	all := everyInst()
	if len(all) < 150 {
		t.Fatalf("only %d instructions", len(all))
	}
	for _, order := range orders {
		code, err := Encode(all, order)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode(code, order)
		if err != nil {
			t.Fatalf("%v: %v", order, err)
		}
		if d := cmp.Diff(all, back); d != "" {
			t.Errorf("%v: -encoded +decoded\n%s", order, d)
		}
	}
}

func TestEncodeRejects(t *testing.T) {
	for name, in := range map[string]Inst{
		"no operation":       {},
		"unknown operation":  {Op: numOps, Size: B64},
		"no width":           {Op: Add},
		"width of memory":    {Op: Add, Size: B8},
		"odd width":          {Op: Load, Size: 3},
		"register 11":        {Op: Add, Size: B64, Dst: 11},
		"register 200":       {Op: Add, Size: B64, Src: 200},
		"wide immediate":     {Op: Add, Size: B64, K: true, Imm: 1 << 31},
		"sign-extending imm": {Op: MovSX8, Size: B64, K: true},
		"movsx32 to w":       {Op: MovSX32, Size: B32},
		"source and imm":     {Op: Add, Size: B64, K: true, Src: R1},
		"imm and source":     {Op: Add, Size: B64, Imm: 1},
		"offset of add":      {Op: Add, Size: B64, Off: 1},
		"dst of exit":        {Op: OpExit, Size: B64, Dst: R1},
		"imm of goto":        {Op: Ja, Size: B64, Imm: 1},
		"negate imm":         {Op: Neg, Size: B64, K: true},
		"signed 8-byte load": {Op: LoadSX, Size: B64},
		"atomic byte":        {Op: AtomicAdd, Size: B8},
		"atomic imm":         {Op: AtomicAdd, Size: B64, K: true},
		"skb 8 bytes":        {Op: LdAbs, Size: B64},
		"exit imm":           {Op: OpExit, Size: B64, K: true},
	} {
		if _, err := Encode([]Inst{in}, binary.LittleEndian); err == nil {
			t.Errorf("%s: encoded", name)
		}
	}
}

func TestDecodeRejects(t *testing.T) {
	for name, code := range map[string][]byte{
		"half a slot":          {0xb7, 0, 0, 0},
		"code 0xff":            {0xff, 0, 0, 0, 0, 0, 0, 0},
		"register 11":          {0xbf, 0x1b, 0, 0, 0, 0, 0, 0},
		"half an LD_IMM64":     {0x18, 0x01, 0, 0, 5, 0, 0, 0},
		"code in second half":  {0x18, 0x01, 0, 0, 5, 0, 0, 0, 0x18, 0, 0, 0, 0, 0, 0, 0},
		"regs in second half":  {0x18, 0x01, 0, 0, 5, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0},
		"unknown pseudo":       {0x18, 0x71, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"unknown atomic":       {0xdb, 0x21, 0, 0, 0x99, 0, 0, 0},
		"bswap of 24 bits":     {0xd7, 0x01, 0, 0, 24, 0, 0, 0},
		"movsx of 24 bits":     {0xbf, 0x21, 24, 0, 0, 0, 0, 0},
		"exit with imm":        {0x95, 0, 0, 0, 1, 0, 0, 0},
		"negate with source":   {0x87, 0x21, 0, 0, 0, 0, 0, 0},
		"mov imm with a reg":   {0xb7, 0x21, 0, 0, 0, 0, 0, 0},
		"call of unknown kind": {0x85, 0x30, 0, 0, 0, 0, 0, 0},
	} {
		if in, err := Decode(code, binary.LittleEndian); err == nil {
			t.Errorf("%s: decoded as %v", name, in)
		}
	}
}

func FuzzDecode(f *testing.F) {
	code, _ := Encode(everyInst(), binary.LittleEndian)
	f.Add(code, false)
	f.Add(code[:8], true)
	for i := 0; i+16 <= len(code); i += 16 {
		f.Add(code[i:i+16], false)
	}
	f.Fuzz(func(t *testing.T, code []byte, big bool) {
		order := binary.ByteOrder(binary.LittleEndian)
		if big {
			order = binary.BigEndian
		}
		insts, err := Decode(code, order)
		if err != nil {
			return
		}
		back, err := Encode(insts, order)
		if err != nil {
			t.Fatalf("decoded but not encoded: %v", err)
		}
		if !bytes.Equal(back, code) {
			t.Fatalf("% x became % x", code, back)
		}
		for _, in := range insts {
			_, _, _ = in.String(), in.Uses(), in.Defs()
		}
	})
}
