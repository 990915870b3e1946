package luabpfc_test

import (
	"bytes"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/cmd/bpf2go/gen"
	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc"
)

// needTool skips the test where a program is missing; with
// LUABPFC_REQUIRE_TOOLS=1 it fails it.
func needTool(t *testing.T, names ...string) {
	t.Helper()
	for _, n := range names {
		if _, err := lookTool(n); err == nil {
			continue
		}
		if os.Getenv("LUABPFC_REQUIRE_TOOLS") == "1" {
			t.Fatalf("%s is missing", n)
		}
		t.Skipf("%s is missing", n)
	}
}

// lookTool looks in sbin too, where bpftool is.
func lookTool(name string) (string, error) {
	if p, err := exec.LookPath(name); err == nil {
		return p, nil
	}
	return exec.LookPath("/usr/sbin/" + name)
}

func tool(name string, args ...string) *exec.Cmd {
	path, err := lookTool(name)
	if err != nil {
		path = name
	}
	return exec.Command(path, args...)
}

// writeObjects writes the samples' objects of this machine's byte order to a
// folder and returns their paths.
func writeObjects(t *testing.T, only func(sample) bool) []string {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for _, s := range samples(t) {
		if s.c.opts.BigEndian || only != nil && !only(s) {
			continue
		}
		p := filepath.Join(dir, objectName(s))
		if err := os.WriteFile(p, s.obj.ELF, 0o644); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, p)
	}
	if len(paths) == 0 {
		t.Fatal("no objects")
	}
	return paths
}

func objectName(s sample) string { return strings.ReplaceAll(s.name, ":", "_") + ".o" }

// knownToLibbpf tells the samples all of whose sections libbpf knows, by the record
// of TestSectionsBpftool.
func knownToLibbpf(t *testing.T) func(sample) bool {
	t.Helper()
	record, err := os.ReadFile(unknownToLibbpf)
	if err != nil {
		t.Fatal(err)
	}
	unknown := strings.Split(string(record), "\n")
	return func(s sample) bool {
		return !slices.ContainsFunc(s.obj.Programs, func(p luabpfc.ProgramInfo) bool { return slices.Contains(unknown, p.Section) })
	}
}

// TestLibbpf opens and loads every object with libbpf, which must say nothing,
// not even at its debugging level's information.
func TestLibbpf(t *testing.T) {
	needKernel(t)
	needTool(t, "gcc")
	bin := filepath.Join(t.TempDir(), "check")
	if out, err := exec.Command("gcc", "-O1", "-Wall", "-Werror", "-o", bin, "testdata/libbpf/check.c", "-lbpf").CombinedOutput(); err != nil {
		if os.Getenv("LUABPFC_REQUIRE_TOOLS") == "1" {
			t.Fatalf("libbpf: %v\n%s", err, out)
		}
		t.Skipf("libbpf: %v\n%s", err, out)
	}
	objects := writeObjects(t, knownToLibbpf(t))
	out, err := exec.Command(bin, objects...).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("libbpf says: %v\n%s", err, out)
	}
	t.Logf("%d objects", len(objects))
	// The check sees what libbpf says: of garbage it must complain.
	bad := filepath.Join(t.TempDir(), "bad.o")
	if err := os.WriteFile(bad, []byte("garbage"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(bin, bad).CombinedOutput(); err == nil || len(out) == 0 {
		t.Errorf("libbpf takes garbage: %s", out)
	}
}

// mountBPF mounts a BPF file system of the test's own.
func mountBPF(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("bpf", dir, "bpf", 0, ""); err != nil {
		t.Fatalf("mounting bpffs: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// TestBpftool takes every object through bpftool: load, static link,
// skeleton. A batch keeps the loads in one process.
func TestBpftool(t *testing.T) {
	needKernel(t)
	needTool(t, "bpftool", "gcc")
	// bpftool pins all programs, also those that a '?' keeps from loading.
	known := knownToLibbpf(t)
	objects := writeObjects(t, func(s sample) bool { return known(s) && !bytes.Contains(s.obj.ELF, []byte("\x00?")) })
	fs := mountBPF(t)
	var batch strings.Builder
	for i, o := range objects {
		fmt.Fprintf(&batch, "prog loadall %s %s/%d\n", o, fs, i)
	}
	cmd := tool("bpftool", "batch", "file", "-")
	cmd.Stdin = strings.NewReader(batch.String())
	out, err := cmd.CombinedOutput()
	if want := fmt.Sprintf("processed %d commands", len(objects)); err != nil || strings.TrimSpace(string(out)) != want {
		t.Errorf("prog loadall: %v, says\n%s", err, out)
	}
	for i, o := range objects {
		linked := o + ".linked.o"
		if out, err := tool("bpftool", "gen", "object", linked, o).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("gen object %s: %v\n%s", o, err, out)
			continue
		}
		if i%8 == 0 {
			if out, err := tool("bpftool", "prog", "loadall", linked, filepath.Join(fs, fmt.Sprintf("l%d", i))).CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("loading %s: %v\n%s", linked, err, out)
			}
		}
	}
}

// TestSkeleton generates a C skeleton of each object and compiles them, those
// whose variables are structures of the script's own with its declarations in
// front, as one includes a header there, all others as one file.
func TestSkeleton(t *testing.T) {
	needTool(t, "bpftool", "gcc")
	var all bytes.Buffer
	scripts := map[string]string{}
	for _, s := range samples(t) {
		scripts[objectName(s)] = s.c.source().Text
	}
	objects := writeObjects(t, nil)
	for i, o := range objects {
		var stderr bytes.Buffer
		cmd := tool("bpftool", "gen", "skeleton", o, "name", fmt.Sprintf("skel%d", i))
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil || stderr.Len() > 0 {
			t.Errorf("gen skeleton %s: %v\n%s", o, err, &stderr)
			continue
		}
		if header := declarations(t, o, scripts[filepath.Base(o)]); header != "" {
			compileC(t, o, header+string(out))
		} else {
			fmt.Fprintf(&all, "#line 1 \"%s\"\n%s", filepath.Base(o), out)
		}
	}
	compileC(t, "skeletons", all.String())
	t.Logf("%d skeletons", len(objects))
}

func compileC(t *testing.T, name, text string) {
	t.Helper()
	cc := exec.Command("gcc", "-x", "c", "-Wall", "-Wno-unused-function", "-fsyntax-only", "-")
	cc.Stdin = strings.NewReader(text)
	if out, err := cc.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%s does not compile: %v\n%s", name, err, out)
	}
}

// declared are the C declarations in a script.
var declared = regexp.MustCompile(`(?s)ffi\.cdef\s*(?:\[\[(.*?)\]\]|'([^']*)')`)

// declarations are those of a script if a variable of its object is a structure.
func declarations(t *testing.T, path, script string) string {
	t.Helper()
	spec, err := ebpf.LoadCollectionSpec(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range spec.Variables {
		if _, ok := btf.As[*btf.Struct](v.Type.Type); !ok {
			continue
		}
		b := "#include <stdbool.h>\n#include <stdint.h>\n#include <linux/types.h>\n"
		for _, m := range declared.FindAllStringSubmatch(script, -1) {
			b += m[1] + m[2] + "\n"
		}
		return b
	}
	return ""
}

// TestBPF2Go generates Go bindings of each object, as bpf2go does from an object
// of clang's: every program, map and variable has its name there, and the types
// of keys, values and variables are declared.
func TestBPF2Go(t *testing.T) {
	objects, pointers := 0, 0
	for _, s := range samples(t) {
		spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(s.obj.ELF))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		args := gen.GenerateArgs{Package: "bindings", Stem: "obj", ObjectFile: "obj.o", Types: gen.CollectGlobalTypes(spec)}
		for n := range spec.Maps {
			if !strings.HasPrefix(n, ".") {
				args.Maps, names = append(args.Maps, n), append(names, n)
			}
		}
		for n := range spec.Programs {
			args.Programs, names = append(args.Programs, n), append(names, n)
		}
		for n := range spec.Variables {
			args.Variables, names = append(args.Variables, n), append(names, n)
		}
		var out bytes.Buffer
		args.Output = &out
		if err := gen.Generate(args); err != nil && strings.HasSuffix(err.Error(), "type *btf.Pointer: not supported") {
			pointers++ // bpf2go makes no Go type of a structure with a pointer, clang's neither
			continue
		} else if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		if _, err := parser.ParseFile(token.NewFileSet(), s.name, out.Bytes(), parser.SkipObjectResolution); err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		for _, n := range names {
			if !bytes.Contains(out.Bytes(), []byte("`ebpf:\""+n+"\"`")) {
				t.Errorf("%s: the bindings do not name '%s'", s.name, n)
			}
		}
		objects++
	}
	t.Logf("%d objects, %d more with pointers in a map's values", objects, pointers)
}

// TestDumpShowsLua asks the kernel for a loaded program's lines: they are the
// script's.
func TestDumpShowsLua(t *testing.T) {
	needKernel(t)
	needTool(t, "bpftool")
	fs := mountBPF(t)
	obj := compileFile(t, "examples/protocount/protocount.lua", luabpfc.DefaultOptions())
	o := filepath.Join(t.TempDir(), "p.o")
	if err := os.WriteFile(o, obj.ELF, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := tool("bpftool", "prog", "loadall", o, fs+"/p").CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := tool("bpftool", "prog", "dump", "xlated", "pinned", fs+"/p/protocount", "linum").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		`(?m)^; if pkt\.ip then \[file:examples/protocount/protocount\.lua line_num:5 line_col:\d+\]$`,
		`(?m)^; xadd\(counts\[pkt\.ip\.proto\], 1\) \[file:examples/protocount/protocount\.lua line_num:6 line_col:\d+\]$`,
	} {
		if !regexp.MustCompile(want).Match(out) {
			t.Errorf("no line like %s in\n%s", want, out)
		}
	}
}
