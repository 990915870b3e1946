package luabpfc_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// sample is a script that compiles, with its object.
type sample struct {
	name string // file:case
	c    *testCase
	obj  *luabpfc.Object
}

// compiled are the samples once they are compiled; no test changes them.
var compiled = struct {
	sync.Mutex
	all []sample
}{}

// samples compiles every case of testdata/run that compiles; examples are
// among them.
func samples(t testing.TB) []sample {
	t.Helper()
	compiled.Lock()
	defer compiled.Unlock()
	if compiled.all == nil || update {
		compiled.all = compileSamples(t)
	}
	return compiled.all
}

func compileSamples(t testing.TB) []sample {
	t.Helper()
	var all []sample
	for _, c := range loadCases(t) {
		obj, err := luabpfc.Compile(c.source(), c.opts)
		if err == nil {
			all = append(all, sample{c.name, c, obj})
		}
	}
	return all
}

// TestSizes compares the size of every program with testdata/SIZES.txt, so
// that a change in code quality is a diff. LUABPFC_UPDATE=1 writes it.
func TestSizes(t *testing.T) {
	const file = "testdata/SIZES.txt"
	var b strings.Builder
	b.WriteString("# Slots of eight bytes and bytes of stack of every program in testdata/run at -O2.\n")
	for _, s := range samples(t) {
		for _, p := range s.obj.Programs {
			fmt.Fprintf(&b, "%-40s %-20s %4d %4d\n", s.name, p.Name, p.Slots, p.Stack)
		}
	}
	if update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(b.String(), "\n")); d != "" {
		t.Errorf("sizes have changed; if that is meant, LUABPFC_UPDATE=1 go test -run TestSizes .\n%s", d)
	}
}

// TestProtocolCounterSize holds the protocol counter to what clang-22 -O2
// needs for the same in C.
func TestProtocolCounterSize(t *testing.T) {
	for _, s := range samples(t) {
		if s.name != "packet:protocount" {
			continue
		}
		if n := s.obj.Programs[0].Slots; n > 13 {
			t.Errorf("%d slots, at most 13 are wanted", n)
		}
		return
	}
	t.Error("the protocol counter does not compile")
}

// TestDeterminism compiles every case again, several at once: the bytes and
// every dump must be the same.
func TestDeterminism(t *testing.T) {
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					obj, err := luabpfc.Compile(s.c.source(), s.c.opts)
					if err != nil {
						t.Error(err)
					} else if !bytes.Equal(obj.ELF, s.obj.ELF) {
						t.Error("compiling again gives other bytes")
					}
				})
			}
			wg.Wait()
		})
	}
}

// TestCodeExamples compiles the example of each code's documentation, for the
// kernel that a first line '-- target: X.Y' names, or with what '-- define: NAME=VALUE'
// sets: it must give that code and no other.
func TestCodeExamples(t *testing.T) {
	for _, i := range diag.All() {
		t.Run(string(i.Code), func(t *testing.T) {
			var got diag.List
			t.Parallel()
			opts := luabpfc.DefaultOptions()
			first, _, _ := strings.Cut(i.Example, "\n")
			if target, ok := strings.CutPrefix(first, "-- target: "); ok {
				v, err := kernel.ParseVersion(target)
				if err != nil {
					t.Fatal(err)
				}
				opts.Kernel = v
			}
			if define, ok := strings.CutPrefix(first, "-- define: "); ok {
				name, value, set := strings.Cut(define, "=")
				opts.Defines = append(opts.Defines, luabpfc.Define{Name: name, Value: value, Set: set})
			}
			obj, err := luabpfc.Compile(luabpfc.Source{Name: "example.lua", Text: i.Example}, opts)
			if err != nil {
				var ok bool
				if got, ok = diag.AsList(err); !ok {
					t.Fatal(err)
				}
			} else {
				got = obj.Warnings
			}
			if first == "-- emit: raw" && err == nil {
				_, err := obj.Raw()
				got, _ = diag.AsList(err)
			}
			found := false
			for _, d := range got {
				if d.Code == i.Code {
					found = true
					if d.Severity != i.Severity {
						t.Errorf("is documented as %s, but is %s", i.Severity, d.Severity)
					}
				} else {
					t.Errorf("gives another message: %s", d)
				}
			}
			if !found {
				t.Errorf("the example does not give it:\n%s%s", i.Example, diag.Human(got))
			}
		})
	}
}

// TestGenerated makes sure that what examples/protocount embeds is what the
// compiler makes from its script; 'go generate ./examples/protocount' does.
func TestGenerated(t *testing.T) {
	dir := "examples/protocount"
	text, err := os.ReadFile(filepath.Join(dir, "protocount.lua"))
	if err != nil {
		t.Fatal(err)
	}
	opts := luabpfc.DefaultOptions()
	var asm strings.Builder
	opts.Dump = func(stage, _, text string) {
		if stage == "asm" {
			asm.WriteString(text)
		}
	}
	obj := compileAs(t, "protocount.lua", string(text), opts)
	for name, want := range map[string]string{"protocount.o": string(obj.ELF), "protocount.asm": asm.String()} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.TrimSpace(string(got)) != strings.TrimSpace(want) || want == "" {
			t.Errorf("%s/%s is not what the compiler makes; run 'go generate ./%s'", dir, name, dir)
		}
	}
}
