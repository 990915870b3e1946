package bpf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// needKernel skips the test where programs can't be loaded; with
// LUABPFC_REQUIRE_KERNEL=1 that is a failure.
func needKernel(t *testing.T) {
	t.Helper()
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type:         ebpf.SocketFilter,
		License:      "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
	if err == nil {
		prog.Close()
		return
	}
	if os.Getenv("LUABPFC_REQUIRE_KERNEL") == "1" {
		t.Fatalf("the kernel is out of reach: %v", err)
	}
	t.Skipf("the kernel is out of reach: %v", err)
}

// verifierLog loads the program and returns what the verifier printed, whether or
// not it accepted it.
func verifierLog(t *testing.T, insts []Inst) string {
	t.Helper()
	order := binary.ByteOrder(binary.LittleEndian)
	if isBig(binary.NativeEndian) {
		order = binary.BigEndian
	}
	code, err := Encode(insts, order)
	if err != nil {
		t.Fatal(err)
	}
	prog, err := asm.AppendInstructions(nil, bytes.NewReader(code), order, "linux")
	if err != nil {
		t.Fatal(err)
	}
	p, err := ebpf.NewProgramWithOptions(&ebpf.ProgramSpec{
		Type:         ebpf.SchedCLS,
		License:      "GPL",
		Instructions: prog,
	}, ebpf.ProgramOptions{LogLevel: ebpf.LogLevelInstruction, LogSizeStart: 1 << 20})
	if err == nil {
		defer p.Close()
		return p.VerifierLog
	}
	var ve *ebpf.VerifierError
	if !errors.As(err, &ve) {
		t.Fatalf("load: %v", err)
	}
	return strings.Join(ve.Log, "\n")
}

// logLine finds an instruction in the log: "3: (07) r1 += 5    ; R1_w=...".
var logLine = regexp.MustCompile(`(?m)^\s*(\d+): \(([0-9a-f]{2})\) (.*?)\s*(?:;.*)?$`)

// TestPrintAsVerifier loads each instruction after a prelude that makes it
// reachable and compares its line in the verifier's log with String.
func TestPrintAsVerifier(t *testing.T) {
	needKernel(t)
	for _, in := range everyInst() {
		if !printable(&in) {
			continue
		}
		t.Run(fmt.Sprintf("%s/%d/%v", in.Op, in.Size, in.K), func(t *testing.T) { checkPrint(t, in) })
	}
}

// printable tells what can be shown to the verifier outside of an object file:
// not what refers to BTF or to file descriptors that this test has not got.
func printable(in *Inst) bool {
	switch in.Op {
	case LdMapFD, LdMapValue, LdMapIndex, LdMapIndexValue, LdBTFID, LdFunc, CallKfunc:
		return false
	}
	return true
}

// checkPrint places the instruction in a program and compares.
func checkPrint(t *testing.T, in Inst) {
	// The last jump is never taken, but keeps the filler reachable in the graph.
	prog := []Inst{
		MovReg(B64, R6, R1),
		StoreImm(B64, R10, -16, 9),
		StoreImm(B64, R10, -24, 9),
		MovImm(B64, R0, 1),
		MovImm(B64, R2, 1),
		MovImm(B64, R3, 1),
		MovImm(B64, R7, 3),
		JumpImm(JEq, B64, R2, 0, int16(in.Slots())),
	}
	r := in.Op.row()
	switch r.form {
	case formLoad:
		in.Src, in.Off = R10, -16
	case formStore, formAtomic, formFetch, formXchg, formCmpXchg:
		in.Dst, in.Off = R10, -16
	case formGoto, formCond:
		in.Off = 1
	case formGotol:
		in.Imm = 1
	case formCall:
		in.Imm = 7
		if in.Op == CallFunc {
			in.Imm = 3 // beyond the filler's exit
		}
	case formSkb:
		in.Imm = 14
	case formALU:
		if in.K && (in.Op == Lsh || in.Op == Rsh || in.Op == Arsh) {
			in.Imm = 5
		}
	}
	pc := len(prog)
	prog = append(prog, in, MovImm(B64, R0, 0), MovImm(B64, R0, 0), Exit())
	if in.Op == CallFunc {
		prog = append(prog, MovImm(B64, R0, 0), Exit())
	}
	log := verifierLog(t, prog)
	want := fmt.Sprintf("%d", pc)
	for _, m := range logLine.FindAllStringSubmatch(log, -1) {
		if m[1] != want {
			continue
		}
		got := in.Text(func(id int32) string {
			if id == 7 {
				return "bpf_get_prandom_u32"
			}
			return ""
		})
		if got != m[3] {
			t.Errorf("we print %q, the verifier %q", got, m[3])
		}
		if code := fmt.Sprintf("%02x", in.slot().code); code != m[2] {
			t.Errorf("code %s, the verifier's %s", code, m[2])
		}
		return
	}
	t.Errorf("no instruction %d in the log:\n%s", pc, log)
}
