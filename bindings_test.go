package luabpfc_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/luabpfc/luabpfc/loader/bindings"
)

// TestBindings writes Go bindings and a C header of each object. Go's type checker
// takes the bindings, which name every map, program and variable.
func TestBindings(t *testing.T) {
	checker := types.Config{Importer: compiledPackages(t), Sizes: types.SizesFor("gc", "amd64")}
	objects, readers := 0, 0
	var headers []string // those with structures
	seen, dir := map[string]bool{}, t.TempDir()
	for _, s := range samples(t) {
		o, err := bindings.Read(s.obj.ELF)
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		text, err := o.Go(bindings.Options{Package: "p", Name: "Obj", Object: "obj.o", Command: "a test"})
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, s.name, text, parser.SkipObjectResolution)
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		if _, err := checker.Check("p", fset, []*ast.File{file}, nil); err != nil {
			t.Errorf("%s: %v\n%s", s.name, err, text)
		}
		for _, m := range o.Maps {
			if !bytes.Contains(text, []byte("`ebpf:\""+m.Name+"\"`")) {
				t.Errorf("%s: the bindings do not name '%s'", s.name, m.Name)
			}
		}
		readers += bytes.Count(text, []byte("Reader) Read()"))
		header, err := o.Header("obj", "a test")
		if err != nil {
			t.Errorf("%s: header: %v", s.name, err)
		}
		if own := string(header); strings.Contains(own, "static_assert") && !seen[own] {
			seen[own] = true
			headers = append(headers, filepath.Join(dir, fmt.Sprintf("%d.c", len(headers))))
			if err := os.WriteFile(headers[len(headers)-1], header, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		objects++
	}
	if _, err := exec.LookPath("gcc"); err == nil {
		cc := exec.Command("gcc", append([]string{"-std=gnu11", "-Wall", "-fsyntax-only"}, headers...)...)
		if out, err := cc.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("headers: %v\n%s", err, out)
		}
	}
	t.Logf("%d objects, %d readers, %d headers with structures", objects, readers, len(headers))
	if objects < 100 || readers < 10 {
		t.Error("there are no objects to speak of")
	}
}

// compiledPackages imports what bindings do, as the go command has compiled it.
func compiledPackages(t *testing.T) types.Importer {
	t.Helper()
	out, err := exec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}", "github.com/cilium/ebpf",
		"github.com/cilium/ebpf/ringbuf", "github.com/cilium/ebpf/perf", "structs", "embed").Output()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for l := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(l), " ")
		files[path] = file
	}
	return importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		if files[path] == "" {
			return nil, fmt.Errorf("no export data of %s", path)
		}
		return os.Open(files[path])
	})
}
