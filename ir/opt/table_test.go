package opt_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
	"github.com/luabpfc/luabpfc/ir/opt"
)

// TestTable checks that rows are complete, that the schedule runs every pass,
// and that an optional pass has more cases where it must not act.
func TestTable(t *testing.T) {
	scheduled := map[string]bool{}
	for _, st := range opt.Schedule {
		if st.Rounds < 1 || st.Name == "" {
			t.Errorf("stage %q has no rounds", st.Name)
		}
		for _, p := range st.Passes {
			scheduled[p] = true
			if opt.PassByName(p) == nil {
				t.Errorf("stage %s: no pass is called %s", st.Name, p)
			}
		}
	}
	for _, p := range opt.Passes {
		if (p.Func == nil) == (p.Module == nil) {
			t.Errorf("%s: one of Func and Module must be set", p.Name)
		}
		if !strings.HasSuffix(p.Doc, ".") {
			t.Errorf("%s: no documentation", p.Name)
		}
		if !scheduled[p.Name] {
			t.Errorf("%s never runs", p.Name)
		}
		files, _ := filepath.Glob(filepath.Join(casesDir, p.Name, "*"))
		not := 0
		for _, f := range files {
			if strings.HasPrefix(filepath.Base(f), "not-") {
				not++
			}
		}
		if len(files) == 0 || !p.Required && 2*not <= len(files) {
			t.Errorf("%s: %d of %d cases are not-*", p.Name, not, len(files))
		}
	}
	dirs, _ := os.ReadDir(casesDir)
	for _, d := range dirs {
		if d.Name() != "all" && opt.PassByName(d.Name()) == nil {
			t.Errorf("testdata/opt/%s: no pass has that name", d.Name())
		}
	}
}

// TestConstraints checks the schedule against the order constraints.
func TestConstraints(t *testing.T) {
	for _, k := range opt.Constraints {
		var order []string
		for _, st := range opt.Schedule {
			if k.Stage == "" || k.Stage == st.Name {
				order = append(order, st.Passes...)
			}
		}
		i, j := slices.Index(order, k.Before), slices.Index(order, k.After)
		if i < 0 || j < 0 || i >= j {
			t.Errorf("%s must run before %s in %q: %s", k.Before, k.After, k.Stage, k.Reason)
		}
		if k.Reason == "" {
			t.Errorf("%s before %s: no reason", k.Before, k.After)
		}
	}
}

const divides = `
func f(x i64) {
b0:
	v0 = arg 0
	v1 = const 0
	v2 = add v0, v1
	v3 = const 1
	v4 = mul v2, v3
	v5 = const 7
	v6 = sdiv v4, v5
	ret v6
}
`

func TestFuelStopsOptionalPassesOnly(t *testing.T) {
	sizes := map[int]int{}
	for fuel := 0; fuel < 12; fuel++ {
		m := parse(t, divides)
		stats, err := opt.Run(m, opt.Options{Level: 1, Fuel: fuel, Check: true, Kernel: kernel.Default})
		if err != nil {
			t.Fatal(err)
		}
		optional := 0
		for _, st := range stats.Stats {
			if !opt.PassByName(st.Pass).Required {
				optional += st.Count
			}
		}
		if fuel > 0 && optional > fuel {
			t.Errorf("%d changes with fuel for %d:\n%s", optional, fuel, stats)
		}
		if stats.Count("sdiv", "expand") != 1 {
			t.Errorf("fuel %d: signed division stays", fuel)
		}
		sizes[fuel] = optional
	}
	if sizes[1] != 1 || sizes[2] != 2 || sizes[0] <= 2 {
		t.Errorf("changes by fuel: %v", sizes)
	}
}

func TestLevelZeroRunsRequiredPassesOnly(t *testing.T) {
	var seen []string
	m := parse(t, divides)
	stats, err := opt.Run(m, opt.Options{Kernel: kernel.Default, Check: true, Dump: func(pass string, f *ir.Func) { seen = append(seen, pass) }})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"start"}
	for _, st := range opt.Schedule {
		for _, name := range st.Passes {
			if opt.PassByName(name).Required {
				want = append(want, name)
			}
		}
	}
	if !slices.Equal(seen, want) {
		t.Errorf("passes %v, want %v", seen, want)
	}
	if m.Funcs[0].Phase != ir.PhaseLow || stats.Count("simplify", "") != 0 {
		t.Errorf("stats:\n%s", stats)
	}
}

func TestBugNamesItsPass(t *testing.T) {
	defer func() {
		b, ok := recover().(*ir.Bug)
		if !ok || b.Pass != "checks" {
			t.Errorf("recovered %v", b)
		}
	}()
	// A packet is read by a function of no kind of program.
	m := parse(t, `
func f(x i64) short b1 {
b0:
	v0 = pktgen
	v1 = const 0
	v2 = pktcheck v0, v1, packet+0 1
	ret v1
b1:
	v3 = const 0
	ret v3
}
`)
	opt.Run(m, opt.Options{Kernel: kernel.Default})
}
