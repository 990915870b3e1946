package codegen

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/luabpfc/luabpfc/codegen/bpf"
)

// needKernel skips the test where programs can't be loaded; with
// LUABPFC_REQUIRE_KERNEL=1 that is a failure.
func needKernel(t testing.TB) {
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

// loadCode loads a program that refers to nothing.
func loadCode(c *FuncCode, typ ebpf.ProgramType) (*ebpf.Program, error) {
	code, err := bpf.Encode(c.Insts, binary.NativeEndian)
	if err != nil {
		return nil, err
	}
	insts, err := asm.AppendInstructions(nil, bytes.NewReader(code), binary.LittleEndian, "linux")
	if err != nil {
		return nil, err
	}
	return ebpf.NewProgram(&ebpf.ProgramSpec{Type: typ, License: "GPL", Instructions: insts})
}

// loadError explains why the verifier refused.
func loadError(err error) string {
	var ve *ebpf.VerifierError
	if errors.As(err, &ve) {
		log := ve.Log
		if len(log) > 60 {
			log = log[len(log)-60:]
		}
		s := ""
		for _, l := range log {
			s += l + "\n"
		}
		return s
	}
	return fmt.Sprint(err)
}

// runProg runs a program on a packet.
func runProg(t testing.TB, p *ebpf.Program, packet []byte) uint32 {
	t.Helper()
	ret, err := p.Run(&ebpf.RunOptions{Data: packet})
	if err != nil {
		t.Fatalf("run: %v", err)
	}
	return ret
}
