package bindings_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/loader/bindings"
)

// read compiles a script for a byte order and reads the object.
func read(t *testing.T, path string, big bool) *bindings.Object {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	opts := luabpfc.DefaultOptions()
	opts.BigEndian = big
	obj, err := luabpfc.Compile(luabpfc.Source{Name: path, Text: string(text)}, opts)
	if err != nil {
		t.Fatal(err)
	}
	o, err := bindings.Read(obj.ELF)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// goModule makes a module that has cilium/ebpf and nothing else.
func goModule(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	var require strings.Builder
	for _, m := range regexp.MustCompile(`(?m)^\s+((?:github.com/cilium/ebpf|golang.org/x/sys) \S+)`).FindAllSubmatch(mod, -1) {
		fmt.Fprintf(&require, "require %s\n", m[1])
	}
	sums, err := os.ReadFile("../../go.sum")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "go.mod"), []byte("module driven\n\ngo 1.26.0\n\n"+require.String()))
	write(t, filepath.Join(dir, "go.sum"), sums)
	return dir
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

func goTool(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// TestDrive writes bindings of scripts, for both byte orders, has go vet look at them
// and runs the tests beside the scripts, which load the objects and use everything.
func TestDrive(t *testing.T) {
	dir := goModule(t)
	for script, name := range map[string]string{"flows": "Flows", "tables": "tables"} {
		from := filepath.Join("testdata/drive", script)
		test, err := os.ReadFile(filepath.Join(from, script+"_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, big := range []bool{false, true} {
			o := read(t, filepath.Join(from, script+".lua"), big)
			text, err := o.Go(bindings.Options{Package: script, Name: name, Object: "obj.o", Command: "a test"})
			if err != nil {
				t.Fatalf("%s: %v", script, err)
			}
			to := filepath.Join(dir, script)
			if big { // as far as this machine can tell
				to += "_big"
				text = regexp.MustCompile(`(?m)^//go:build mips.*$`).ReplaceAll(text, nil)
				if bytes.Contains(text, []byte("//go:build")) {
					t.Errorf("%s: the build constraint is not that of big-endian machines", script)
				}
			} else {
				write(t, filepath.Join(to, script+"_test.go"), test)
			}
			write(t, filepath.Join(to, "obj.go"), text)
			write(t, filepath.Join(to, "obj.o"), o.ELF)
		}
	}
	goTool(t, dir, "vet", "./...")
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		if os.Getenv("LUABPFC_REQUIRE_KERNEL") == "1" {
			t.Fatal(err)
		}
		t.Skipf("the bindings compile; they are not run: %v", err)
	}
	m.Close()
	goTool(t, dir, "test", "-vet=off", "./...")
}
