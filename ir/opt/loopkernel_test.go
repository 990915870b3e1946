package opt

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/luabpfc/luabpfc/codegen"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/interp"
	"github.com/luabpfc/luabpfc/ir/kernel"
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

// loadModule compiles a low module and loads it.
func loadModule(t testing.TB, m *ir.Module, v kernel.Version) (*ebpf.Collection, error) {
	t.Helper()
	if len(m.Files) == 0 {
		m.Files = []*diag.File{diag.NewFile("case.lua", "return 0\n")}
	}
	out, err := codegen.Compile(m, codegen.Options{Kernel: v, Lines: true, Check: true})
	if err != nil {
		return nil, err
	}
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(out.Object))
	if err != nil {
		t.Fatal(err)
	}
	// Logs of a million instructions are slow to write.
	quiet := ebpf.CollectionOptions{Programs: ebpf.ProgramOptions{LogDisabled: true}}
	coll, err := ebpf.NewCollectionWithOptions(spec, quiet)
	if err != nil && !tooComplex(err) {
		coll, err = ebpf.NewCollection(spec)
	}
	if err != nil {
		return nil, err
	}
	t.Cleanup(coll.Close)
	return coll, nil
}

// refusal is the end of the verifier's log.
func refusal(err error) string {
	var ve *ebpf.VerifierError
	if !errors.As(err, &ve) {
		return fmt.Sprint(err)
	}
	log := ve.Log
	if len(log) > 40 {
		log = log[len(log)-40:]
	}
	return strings.Join(log, "\n")
}

// kernelAgrees runs m's first program on packets in the kernel and in the
// interpreter.
func kernelAgrees(t *testing.T, m *ir.Module, coll *ebpf.Collection) string {
	f := m.Funcs[0]
	for i, p := range loopPackets() {
		p = append(bytes.Repeat([]byte{0xee}, 14), p...)
		x := interp.New(m, interp.Env{Packet: p, CPUs: ebpf.MustPossibleCPU()})
		if f.Kind.Name == "socket" {
			x.Env.Packet = p[14:]
		}
		want, err := x.Run(f)
		if err != nil {
			t.Fatal(err)
		}
		got, err := coll.Programs[f.Name].Run(&ebpf.RunOptions{Data: p})
		if err != nil {
			t.Fatal(err)
		}
		if got != uint32(want.Ret) {
			return fmt.Sprintf("packet %d: kernel returns %d, interpreter %d", i, got, uint32(want.Ret))
		}
	}
	return ""
}

// tooComplex reports whether the verifier gave up after a million steps.
func tooComplex(err error) bool { return errors.Is(err, syscall.E2BIG) }

// callbacksTooComplex reports whether the verifier refuses m for its size even
// if no loop is native.
func callbacksTooComplex(t *testing.T, m *ir.Module, level int, v kernel.Version) bool {
	forcedForm(t, m, v, 0)
	if _, err := Run(m, Options{Level: level, Kernel: v}); err != nil {
		t.Fatal(err)
	}
	coll, err := loadModule(t, m, v)
	if err == nil {
		coll.Close()
	}
	return err != nil && tooComplex(err)
}

// kernelSize is how many statements random programs have here: forty branches in
// a row on numbers that depend on each other are too much for the verifier even
// without a loop.
const kernelSize = 24

// TestRandomLoopsInKernel loads random programs with loops at both levels for two
// targets. LUABPFC_LOOPS=N takes N of them: most of the time is the verifier's.
func TestRandomLoopsInKernel(t *testing.T) {
	needKernel(t)
	seeds, err := strconv.ParseInt(os.Getenv("LUABPFC_LOOPS"), 10, 64)
	if err != nil {
		seeds = 20
	}
	ran, big, complex, chosen := 0, 0, 0, 0
	for seed := int64(0); seed < seeds; seed++ {
		kind := []string{"socket", "xdp"}[seed%2]
		for level := 0; level < 2; level++ {
			for _, v := range []kernel.Version{{Major: 6, Minor: 1}, {Major: 5, Minor: 15}} {
				m := genSized(seed, kind, kernelSize)
				if _, err := Run(m, Options{Level: level, Kernel: v}); err != nil {
					big++
					continue
				}
				coll, err := loadModule(t, m, v)
				if _, ok := diag.AsList(err); ok {
					big++
					continue
				}
				if err != nil && tooComplex(err) {
					complex++
					if !callbacksTooComplex(t, genSized(seed, kind, kernelSize), level, v) {
						chosen++
						t.Logf("seed %d, target %s, level %d: too complex with the loops that are native", seed, v, level)
					}
					continue
				}
				if err != nil {
					t.Errorf("seed %d, target %s, level %d: %s\n%s", seed, v, level, refusal(err), m)
					return
				}
				ran++
				if diff := kernelAgrees(t, m, coll); diff != "" {
					t.Fatalf("seed %d, target %s, level %d: %s\n%s", seed, v, level, diff, m)
				}
				coll.Close()
			}
		}
	}
	t.Logf("%d ran, %d too large for the stack, %d too complex, %d of them by choice", ran, big, complex, chosen)
	if complex*20 > ran || chosen*200 > ran {
		t.Errorf("of %d programs %d are too complex for the verifier, %d would not be with callbacks", ran, complex, chosen)
	}
	if big*4 > ran {
		t.Errorf("%d of %d programs need more stack than there is", big, ran+big)
	}
}
