package codegen

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/ir"
)

// parse reads and verifies IR text.
func parse(t *testing.T, name, text string) *ir.Module {
	t.Helper()
	m, err := ir.Parse(name, text)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Verify(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return m
}

// listing prints code as the goldens have it.
func listing(out *Output) string {
	var sb strings.Builder
	for i := range out.Funcs {
		c := &out.Funcs[i]
		fmt.Fprintf(&sb, "%s: section %s, %d slots, stack %d\n", c.Name, c.Section, c.Slots(), c.Stack)
		pc := 0
		for j := range c.Insts {
			fmt.Fprintf(&sb, "%4d: %s\n", pc, c.Insts[j].Text(helperName))
			pc += c.Insts[j].Slots()
		}
	}
	return sb.String()
}

// TestGolden compiles NAME.ir at each level for which there is a NAME.vN. A
// comment in front of the file says what the cases are about.
func TestGolden(t *testing.T) {
	files, _ := filepath.Glob("../testdata/codegen/*.txtar")
	if len(files) == 0 {
		t.Fatal("no test files")
	}
	for _, file := range files {
		ar, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		changed := false
		var in string
		var text string
		for i := range ar.Files {
			f := &ar.Files[i]
			base, ext, _ := strings.Cut(f.Name, ".")
			if ext == "ir" {
				in, text = base, string(f.Data)
				continue
			}
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar")+"/"+f.Name, func(t *testing.T) {
				if base != in {
					t.Fatalf("%s does not follow %s.ir", f.Name, base)
				}
				cpu, err := strconv.Atoi(strings.TrimPrefix(ext, "v"))
				if err != nil {
					t.Fatal(err)
				}
				out, err := Compile(parse(t, in, text), Options{CPU: cpu, Check: true})
				got := ""
				if err != nil {
					got = err.Error() + "\n"
				} else {
					got = listing(out)
				}
				if os.Getenv("LUABPFC_UPDATE") == "1" && got != string(f.Data) {
					f.Data, changed = []byte(got), true
				}
				if d := cmp.Diff(string(f.Data), got); d != "" {
					t.Errorf("-want +got\n%s", d)
				}
			})
		}
		if changed {
			if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestLevels checks that no instruction is above its level.
func TestLevels(t *testing.T) {
	files, _ := filepath.Glob("../testdata/codegen/*.txtar")
	for _, file := range files {
		ar, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range ar.Files {
			if !strings.HasSuffix(f.Name, ".ir") || strings.Contains(f.Name, "v4") {
				continue
			}
			for cpu := 1; cpu <= 4; cpu++ {
				out, err := Compile(parse(t, f.Name, string(f.Data)), Options{CPU: cpu, Check: true})
				if err != nil {
					continue
				}
				for _, c := range out.Funcs {
					for _, in := range c.Insts {
						if in.CPU() > bpf.CPU(cpu) {
							t.Errorf("%s %s at v%d: %s", f.Name, c.Name, cpu, in)
						}
					}
				}
			}
		}
	}
}
