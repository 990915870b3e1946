package luabpfc_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// TestSeeds compiles and loads the scripts of testdata/seeds. Each is there twice:
// NAME_2016.lua as one wrote for the compilers of that time, with functions
// compiled alone and casts of their context, and NAME.lua as one writes today. Both
// make programs for the same hooks.
func TestSeeds(t *testing.T) {
	needKernel(t)
	files, err := filepath.Glob("testdata/seeds/*_2016.lua")
	if err != nil || len(files) == 0 {
		t.Fatal(err, "no scripts")
	}
	for _, old := range files {
		name := strings.TrimSuffix(filepath.Base(old), "_2016.lua")
		for _, level := range []int{0, 2} {
			t.Run(fmt.Sprintf("%s/O%d", name, level), func(t *testing.T) {
				was := loadSeed(t, old, level)
				is := loadSeed(t, strings.TrimSuffix(old, "_2016.lua")+".lua", level)
				if d := cmp.Diff(was, is); d != "" {
					t.Errorf("the programs are for other hooks (-then/+now):\n%s", d)
				}
			})
		}
	}
	if all, err := filepath.Glob("testdata/seeds/*.lua"); err != nil || len(all) != 2*len(files) {
		t.Errorf("%d scripts, of which %d are of 2016: %v", len(all), len(files), err)
	}
}

// loadSeed compiles a script and loads it; the value is the sections of its
// programs.
func loadSeed(t *testing.T, file string, level int) (sections []string) {
	t.Helper()
	opts := caseOptions()
	opts.OptLevel, opts.Check, opts.Arch = level, true, "x86_64"
	opts.BTF = func() ([]byte, error) { return os.ReadFile("testdata/btf/tools.btf") }
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	obj := compileAs(t, file, string(text), opts)
	if l := slices.DeleteFunc(obj.Warnings, func(d *diag.Diagnostic) bool { return d.Code == diag.OtherLoaders }); len(l) > 0 {
		t.Errorf("compiling warns: %s", diag.Human(l))
	}
	coll, err := loadCollection(obj.ELF)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	coll.Close()
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(obj.ELF))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range spec.Programs {
		sections = append(sections, p.SectionName)
	}
	slices.Sort(sections)
	return sections
}
