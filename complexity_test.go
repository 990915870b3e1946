package luabpfc_test

import (
	"bytes"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/codegen/explore"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

var processed = regexp.MustCompile(`processed (\d+) insns`)

// TestComplexity compares what the compiler estimates that the verifier
// processes with what it does, for cases with loops and functions: rarely more
// than a tenth off either way.
func TestComplexity(t *testing.T) {
	needKernel(t)
	if cell != "" {
		t.Skip("the estimate is modelled on newer kernels")
	}
	n, off := 0, 0
	for _, c := range loadCases(t) {
		if !strings.HasPrefix(c.name, "lang_loops:") && !strings.HasPrefix(c.name, "lang_subprograms:") || c.opts.BigEndian {
			continue
		}
		obj, err := luabpfc.Compile(c.source(), c.opts)
		if err != nil {
			continue
		}
		for name, want := range verifierSteps(t, obj) {
			p := exploredProgram(obj, name)
			p.CPUs = uint64(runtime.NumCPU())
			got := explore.Walk(p, 1_000_000).Steps
			n++
			if 10*got > 11*want+100 || 10*want > 11*got+100 {
				off++
				t.Logf("%s: %d estimated, %d processed", c.name, got, want)
			}
		}
	}
	if n < 20 || off*20 > n {
		t.Errorf("%d of %d estimates are far off", off, n)
	}
}

// verifierSteps loads an object and returns how many instructions the verifier
// processed, by program.
func verifierSteps(t *testing.T, obj *luabpfc.Object) map[string]int {
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(obj.ELF))
	if err != nil {
		t.Fatal(err)
	}
	coll, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{Programs: ebpf.ProgramOptions{LogLevel: ebpf.LogLevelStats}})
	if err != nil {
		return nil // TestRun says so
	}
	defer coll.Close()
	all := map[string]int{}
	for name, p := range coll.Programs {
		if m := processed.FindStringSubmatch(p.VerifierLog); m != nil {
			all[name], _ = strconv.Atoi(m[1])
		}
	}
	return all
}

// innerMap is what the maps in a map of obj are like, of which only the object
// tells.
func innerMap(obj *luabpfc.Object, name string) *explore.Map {
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(obj.ELF))
	if err != nil || spec.Maps[name].InnerMap == nil {
		return nil
	}
	m := spec.Maps[name].InnerMap
	return &explore.Map{Name: name + "[]", Array: m.Type == ebpf.Array || m.Type == ebpf.PerCPUArray,
		Entries: m.MaxEntries, Key: int(m.KeySize), Value: int(m.ValueSize)}
}

func exploredProgram(obj *luabpfc.Object, name string) *explore.Program {
	p := &explore.Program{}
	for _, info := range obj.Programs {
		for _, k := range kernel.ProgKinds {
			if info.Name == name && k.Name == info.Kind {
				p.Ctx, p.Result = k.Ctx, k.Ret != nil
			}
		}
	}
	for _, m := range obj.Maps {
		one := explore.Map{Name: m.Name, Array: m.Type == "array" || m.Type == "percpu_array", Entries: m.MaxEntries, Key: int(m.KeySize), Value: int(m.ValueSize)}
		if strings.HasSuffix(m.Type, "_of_maps") {
			one.Inner = innerMap(obj, m.Name)
		}
		p.Maps = append(p.Maps, one)
	}
	for _, f := range obj.Code.Funcs {
		switch x := (explore.Func{Name: f.Name, Insts: f.Insts}); {
		case f.Name == name:
			p.Funcs = append([]explore.Func{x}, p.Funcs...)
		case f.Section == ".text":
			p.Funcs = append(p.Funcs, x)
		}
	}
	return p
}
