package opt_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/interp"
	"github.com/luabpfc/luabpfc/ir/kernel"
	"github.com/luabpfc/luabpfc/ir/opt"
)

const casesDir = "../../testdata/opt"

// options reads "level 0", "cpu 4", "kernel 5.10" lines of a case's comment.
func options(t *testing.T, comment string) opt.Options {
	o := opt.Options{Level: 1, Kernel: kernel.Default, Check: true}
	for _, line := range strings.Split(comment, "\n") {
		w := strings.Fields(line)
		if len(w) != 2 {
			continue
		}
		switch w[0] {
		case "level":
			o.Level, _ = strconv.Atoi(w[1])
		case "cpu":
			o.CPU, _ = strconv.Atoi(w[1])
		case "fuel":
			o.Fuel, _ = strconv.Atoi(w[1])
		case "kernel":
			v, err := kernel.ParseVersion(w[1])
			if err != nil {
				t.Fatal(err)
			}
			o.Kernel = v
		}
	}
	return o
}

// TestCases runs the pass that a folder is named after ("all": the schedule)
// on each case's in.ir.
func TestCases(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(casesDir, "*", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		pass := filepath.Base(filepath.Dir(file))
		t.Run(pass+"/"+strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(ar.Files) != 2 || ar.Files[0].Name != "in.ir" || ar.Files[1].Name != "out.ir" {
				t.Skip("another test's case")
			}
			m := parse(t, string(ar.Files[0].Data))
			o := options(t, string(ar.Comment))
			if pass == "all" {
				_, err = opt.Run(m, o)
			} else {
				_, err = opt.RunPass(m, opt.PassByName(pass), o)
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, m)
			}
			in := parse(t, string(ar.Files[0].Data))
			if want := outcomes(in, in.Maps); want != nil {
				if d := cmp.Diff(want, outcomes(m, in.Maps)); d != "" {
					t.Errorf("the meaning changes: -before +after\n%s", d)
				}
			}
			got := m.String()
			if os.Getenv("LUABPFC_UPDATE") == "1" {
				ar.Files[1].Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(string(ar.Files[1].Data), got); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
			unchanged := string(ar.Files[1].Data) == parse(t, string(ar.Files[0].Data)).String()
			if not := strings.HasPrefix(filepath.Base(file), "not-"); not && !unchanged {
				t.Errorf("a not- case changes")
			}
		})
	}
}

// outcomes runs the module's first function on a few inputs and looks at maps;
// nil after a fault.
func outcomes(m *ir.Module, maps []*ir.Map) []string {
	var res []string
	f := m.Funcs[0]
	for i, x := range [][]uint64{{0, 0}, {1, 5}, {6, 17}, {1 << 63, ^uint64(0)}, {100, 3}, {^uint64(6), 2}} {
		env := interp.Env{MaxSteps: 1 << 16, Comm: "test", Packet: make([]byte, 17*i)}
		for j := range env.Packet {
			env.Packet[j] = byte(j * (i + 3))
		}
		machine := interp.New(m, env)
		var args []uint64
		if f.Kind == nil {
			args = x[:min(len(x), len(f.Params))]
		}
		r, err := machine.Run(f, args...)
		if err != nil {
			return nil
		}
		out := fmt.Sprint(int64(r.Ret), r.Trace)
		for _, d := range maps {
			out += fmt.Sprint(machine.Entries(d.Name))
		}
		res = append(res, out)
	}
	return res
}

func parse(t *testing.T, text string) *ir.Module {
	t.Helper()
	m, err := ir.Parse("in.ir", text)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Verify(); err != nil {
		t.Fatal(err)
	}
	return m
}
