package opt

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/interp"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// TestRandomProgramsInKernel loads random programs with and without the
// optional passes and compares results and maps with the interpreter's before
// any pass. What the verifier gives up on, by size, is counted apart.
func TestRandomProgramsInKernel(t *testing.T) {
	needKernel(t)
	loaded, large := 0, 0
	for seed := int64(0); seed < seeds(30); seed++ {
		kind := []string{"socket", "xdp"}[seed%2]
		if genExprs(seed, kind).BigEndian {
			continue
		}
		for _, o := range []Options{{Level: 0}, {Level: 1}, {Level: 1, CPU: 2}} {
			o.Kernel = kernel.Default
			m := genExprs(seed, kind)
			if _, err := Run(m, o); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			coll, err := loadModule(t, m, o.Kernel)
			switch {
			case err != nil && tooComplex(err):
				large++
				continue
			case err != nil:
				t.Fatalf("seed %d, level %d: %s\n%s", seed, o.Level, refusal(err), m)
			}
			loaded++
			if msg := sameInKernel(t, genExprs(seed, kind), coll); msg != "" {
				t.Fatalf("seed %d, level %d: %s\n%s", seed, o.Level, msg, m)
			}
			coll.Close()
		}
	}
	t.Logf("%d loaded, %d too complex", loaded, large)
	if loaded == 0 {
		t.Error("none was loaded")
	}
}

// sameInKernel runs coll's program and the interpreter on m.
func sameInKernel(t *testing.T, m *ir.Module, coll *ebpf.Collection) string {
	f := m.Funcs[0]
	x := interp.New(m, interp.Env{MaxSteps: 1 << 18, Ctx: map[string]uint64{}})
	if f.Kind.Name == "xdp" {
		x.Env.Ctx["ingress_ifindex"] = 1
	}
	for i, p := range randomPackets {
		full := append(bytes.Repeat([]byte{0xee}, 14), p...)
		x.Env.Packet = full
		if f.Kind.Name == "socket" {
			x.Env.Packet = p
		}
		if len(p) == 0 {
			continue // the kernel does not run on nothing
		}
		want, err := x.Run(f)
		if err != nil {
			t.Fatal(err)
		}
		got, err := coll.Programs["f"].Run(&ebpf.RunOptions{Data: full})
		if err != nil {
			t.Fatal(err)
		}
		if got != uint32(want.Ret) {
			return fmt.Sprintf("packet %d: the kernel returns %#x, the interpreter %#x", i, got, uint32(want.Ret))
		}
		for _, name := range []string{"out", "tab"} {
			for _, e := range x.Entries(name) {
				value := make([]byte, len(e.Values[0]))
				if err := coll.Maps[name].Lookup(e.Key, &value); err != nil {
					return fmt.Sprintf("packet %d: %s[%x]: %v", i, name, e.Key, err)
				}
				if !bytes.Equal(value, e.Values[0]) {
					return fmt.Sprintf("packet %d: %s[%x] is %s, want %s", i, name, e.Key, hex.EncodeToString(value), hex.EncodeToString(e.Values[0]))
				}
			}
		}
	}
	return ""
}
