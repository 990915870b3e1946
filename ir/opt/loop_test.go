package opt

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/interp"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// outcome is what a program does that others can see.
type outcome struct {
	Ret  uint64
	Err  string
	Maps []interp.Entry
}

// loopPackets are what random programs are run on.
func loopPackets() [][]byte {
	return [][]byte{
		{9},
		{5, 6, 7},
		{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23},
		{255, 7, 29, 3, 128, 1, 0, 0, 77, 9, 5, 5, 5, 200, 3, 11, 12, 0, 1, 0, 255},
	}
}

func runAll(m *ir.Module) []outcome {
	var res []outcome
	for _, p := range loopPackets() {
		x := interp.New(m, interp.Env{Packet: p, MaxSteps: 1 << 18})
		r, err := x.Run(m.Funcs[0])
		o := outcome{Ret: r.Ret, Maps: x.Entries("out")}
		if err != nil {
			o.Err = err.Error()
		}
		res = append(res, o)
	}
	return res
}

// difference describes how got differs from want, "" if it does not. Most are
// equal, and cmp.Diff is slow to find that.
func difference(want, got []outcome) string {
	if reflect.DeepEqual(want, got) {
		return ""
	}
	return cmp.Diff(want, got)
}

// forcedForm forms the loops of m, with native loops up to a cost.
func forcedForm(t *testing.T, m *ir.Module, target kernel.Version, native int64) map[string]int {
	counts := map[string]int{}
	x := newFormer(m, target, &workspace{}, func(pos ir.Pos, code diag.Code, msg string) {
		counts[string(code)]++
	}, func(what string) { counts[what]++ })
	x.native = native
	x.run()
	return counts
}

func TestLoopFormKeepsMeaning(t *testing.T) {
	seeds := int64(300)
	if testing.Short() {
		seeds = 100
	}
	total, faults := map[string]int{}, 0
	for seed := int64(0); seed < seeds; seed++ {
		kind := []string{"socket", "xdp"}[seed%2]
		want := runAll(genProgram(seed, kind))
		for _, o := range want {
			if o.Err != "" {
				faults++
				t.Log(seed, o.Err)
			}
		}
		for _, v := range []kernel.Version{{Major: 6, Minor: 8}, {Major: 5, Minor: 15}} {
			for _, native := range []int64{0, 200, maxNativeCost} {
				m := genProgram(seed, kind)
				if err := m.Verify(); err != nil {
					t.Fatalf("seed %d: generator: %v", seed, err)
				}
				counts := forcedForm(t, m, v, native)
				for k, n := range counts {
					total[k] += n
				}
				if counts[string(diag.LoopTooDeep)] > 0 {
					continue
				}
				if err := m.Verify(); err != nil {
					t.Fatalf("seed %d, kernel %s, native %d: %v\n%s\nbecame\n%s", seed, v, native, err, genProgram(seed, kind), m)
				}
				if diff := difference(want, runAll(m)); diff != "" {
					t.Fatalf("seed %d, kernel %s, native %d: %s\n%s\nbecame\n%s", seed, v, native, diff, genProgram(seed, kind), m)
				}
			}
		}
	}
	if faults > int(seeds)/20 {
		t.Errorf("%d of the generated programs fault", faults)
	}
	if total["callback"] < 100 || total["native"] < 100 || total["clamp"] < 10 {
		t.Errorf("the generator makes too little to test: %v", total)
	}
	t.Log(total)
}

func TestUnrollKeepsMeaning(t *testing.T) {
	seeds := int64(300)
	if testing.Short() {
		seeds = 100
	}
	n := 0
	for seed := int64(0); seed < seeds; seed++ {
		want := runAll(genProgram(seed, "socket"))
		m := genProgram(seed, "socket")
		c := newContext(m, Options{Kernel: kernel.Default})
		c.pass = PassByName("unroll")
		unrollLoops(c, m.Funcs[0])
		n += c.Stats.Count("unroll", "loop")
		if err := m.Verify(); err != nil {
			t.Fatalf("seed %d: %v\n%s\nbecame\n%s", seed, err, genProgram(seed, "socket"), m)
		}
		if diff := difference(want, runAll(m)); diff != "" {
			t.Fatalf("seed %d: %s\n%s\nbecame\n%s", seed, diff, genProgram(seed, "socket"), m)
		}
	}
	if n < 20 {
		t.Errorf("%d loops unrolled", n)
	}
	t.Log(n, "loops unrolled")
}

// TestRunKeepsMeaningOfLoops runs all passes.
func TestRunKeepsMeaningOfLoops(t *testing.T) {
	seeds := int64(300)
	if testing.Short() {
		seeds = 100
	}
	for seed := int64(0); seed < seeds; seed++ {
		kind := []string{"socket", "xdp"}[seed%2]
		want := runAll(genProgram(seed, kind))
		for level := 0; level < 2; level++ {
			for _, v := range []kernel.Version{{Major: 6, Minor: 1}, {Major: 5, Minor: 15}} {
				m := genProgram(seed, kind)
				if _, err := Run(m, Options{Level: level, Kernel: v, Check: true}); err != nil {
					if l, ok := diag.AsList(err); ok && l[0].Code == diag.LoopTooDeep {
						continue
					}
					t.Fatalf("seed %d, kernel %s, level %d: %v\n%s", seed, v, level, err, m)
				}
				if diff := difference(want, runAll(m)); diff != "" {
					t.Fatalf("seed %d, kernel %s, level %d: %s\n%s\nbecame\n%s", seed, v, level, diff, genProgram(seed, kind), m)
				}
			}
		}
	}
}
