package codegen

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/tools/txtar"

	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/interp"
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

// loadObject loads everything in an object and checks that the kernel took its
// debug information.
func loadObject(t testing.TB, object []byte) (*ebpf.Collection, error) {
	t.Helper()
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(object))
	if err != nil {
		return nil, err
	}
	coll, err := ebpf.NewCollection(spec)
	if err != nil {
		return nil, err
	}
	t.Cleanup(coll.Close)
	for name, p := range coll.Programs {
		info, err := p.Info()
		if err != nil {
			t.Fatal(err)
		}
		if id, ok := info.BTFID(); !ok || id == 0 {
			t.Errorf("%s: the kernel has no BTF of it", name)
		}
	}
	return coll, nil
}

// packets are what the cases of testdata/codegen run on.
func packets() [][]byte {
	short := make([]byte, 20)
	udp := make([]byte, 14+20+8+32)
	copy(udp[12:], []byte{0x08, 0x00, 0x45, 0, 0, 60, 1, 2, 0, 0, 64, 17})
	for i := 26; i < len(udp); i++ {
		udp[i] = byte(i * 37)
	}
	tcp := append([]byte(nil), udp...)
	tcp[23] = 6
	ones := bytes.Repeat([]byte{0xff}, 100)
	return [][]byte{short, udp, tcp, ones, udp}
}

// TestCasesInKernel loads the objects of all cases at all levels, runs their
// programs and compares results and maps with the interpreter's.
func TestCasesInKernel(t *testing.T) {
	needKernel(t)
	files, _ := filepath.Glob("../testdata/codegen/*.txtar")
	ran := 0
	for _, file := range files {
		ar, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range ar.Files {
			if !strings.HasSuffix(f.Name, ".ir") {
				continue
			}
			for cpu := 1; cpu <= 4; cpu++ {
				m := parse(t, f.Name, string(f.Data))
				m.Files = []*diag.File{diag.NewFile("case.lua", "return 0\n")}
				if cpu < 4 && strings.Contains(f.Name, "v4") {
					continue
				}
				out, err := Compile(m, Options{CPU: cpu, Lines: true, Check: true})
				if err != nil {
					continue // the golden has the message
				}
				t.Run(fmt.Sprintf("%s/%s/v%d", filepath.Base(file), f.Name, cpu), func(t *testing.T) {
					ran++
					compareRuns(t, m, out)
				})
			}
		}
	}
	if ran == 0 {
		t.Error("no case was run")
	}
}

// compareRuns loads a module; what it does is compared unless it asks for the
// kernel's types: the interpreter has none of the kernel's memory.
func compareRuns(t *testing.T, m *ir.Module, out *Output) {
	coll, err := loadObject(t, out.Object)
	if err != nil {
		t.Fatalf("%s\n%s", loadError(err), listing(out))
	}
	for _, f := range m.Funcs {
		for _, b := range f.Blocks {
			if slices.ContainsFunc(b.Values, func(v *ir.Value) bool { return v.Op == ir.OpCore }) {
				return
			}
		}
	}
	compareWith(t, m, out, coll)
}

// compareWith runs the programs of a loaded module on all packets.
func compareWith(t *testing.T, m *ir.Module, out *Output, coll *ebpf.Collection) {
	t.Helper()
	machine := interp.New(m, interp.Env{CPUs: ebpf.MustPossibleCPU()})
	for _, f := range m.Funcs {
		if f.Kind == nil {
			continue
		}
		for i, p := range packets() {
			// A socket filter's packet begins behind the link header.
			machine.Env.Packet = p
			if f.Kind.Name == "socket" {
				machine.Env.Packet = p[14:]
			}
			want, err := machine.Run(f)
			if err != nil {
				t.Fatalf("packet %d: %v", i, err)
			}
			if got := runProg(t, coll.Programs[f.Name], p); got != uint32(want.Ret) {
				t.Errorf("%s, packet %d: kernel returns %#x, interpreter %#x\n%s", f.Name, i, got, uint32(want.Ret), listing(out))
			}
		}
	}
	for _, d := range m.Maps {
		for _, e := range machine.Entries(d.Name) {
			if d.Type.PerCPU {
				continue
			}
			got, err := coll.Maps[d.Name].LookupBytes(e.Key)
			if err != nil || !bytes.Equal(got, e.Values[0]) {
				t.Errorf("%s[%x]: kernel has %x (%v), interpreter %x", d.Name, e.Key, got, err, e.Values[0])
			}
		}
	}
}

// interpret returns the result of a module's first function, a socket filter,
// on a packet.
func interpret(t testing.TB, m *ir.Module, packet []byte) uint32 {
	t.Helper()
	machine := interp.New(m, interp.Env{Packet: packet[14:]})
	res, err := machine.Run(m.Funcs[0])
	if err != nil {
		t.Fatal(err)
	}
	return uint32(res.Ret)
}
