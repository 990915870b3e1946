package btf_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	luabtf "github.com/luabpfc/luabpfc/btf"
)

// unreachable skips the test, or fails it with LUABPFC_REQUIRE_KERNEL=1.
func unreachable(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("LUABPFC_REQUIRE_KERNEL") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// run runs a tool and returns its standard output and standard error.
func run(t *testing.T, name string, args ...string) (stdout, stderr string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		unreachable(t, "%v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

// nativeOrder returns this machine's byte order.
func nativeOrder() binary.ByteOrder {
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// objectFile writes the object for this machine to a file.
func objectFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fixture.o")
	if err := os.WriteFile(path, object(t, nativeOrder()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// needKernel skips the test where programs can't be loaded.
func needKernel(t *testing.T) {
	t.Helper()
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		unreachable(t, "the kernel is out of reach: %v", err)
	}
	m.Close()
}

// TestBpftoolReadsBTF looks for the lines of the dump that our own parts make.
func TestBpftoolReadsBTF(t *testing.T) {
	out, _ := run(t, "bpftool", "btf", "dump", "file", objectFile(t))
	for _, want := range []string{
		"FUNC 'filter' type_id=", "linkage=global", "FUNC 'plain' type_id=", "linkage=static",
		"VAR 'counts' type_id=", "DATASEC '.maps' size=160 vlen=4", "DATASEC 'license' size=4 vlen=1",
		"VAR '_license'", "DATASEC '.rodata' size=4 vlen=1",
		// Of a relocation's type there are the members that it names only.
		"STRUCT 'task_struct' size=16 vlen=1",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if n := strings.Count(out, "INT 'int'"); n != 1 {
		t.Errorf("int is written %d times", n)
	}
}

// TestBpftoolLinks passes the object through the strict static linker, twice: its
// output must be as good.
func TestBpftoolLinks(t *testing.T) {
	in := objectFile(t)
	linked := filepath.Join(t.TempDir(), "linked.o")
	again := filepath.Join(t.TempDir(), "again.o")
	for _, files := range [][2]string{{linked, in}, {again, linked}} {
		if out, errs := run(t, "bpftool", "gen", "object", files[0], files[1]); out+errs != "" {
			t.Errorf("bpftool gen object printed\n%s%s", out, errs)
		}
	}
	spec, err := ebpf.LoadCollectionSpec(again)
	if err != nil {
		t.Fatal(err)
	}
	checkMaps(t, spec)
	checkPrograms(t, spec)
}

// TestSkeletonCompiles generates a C skeleton and compiles it.
func TestSkeletonCompiles(t *testing.T) {
	header, errs := run(t, "bpftool", "gen", "skeleton", objectFile(t), "name", "fixture")
	if errs != "" {
		t.Errorf("bpftool gen skeleton printed %s", errs)
	}
	for _, want := range []string{"struct bpf_map *counts;", "struct bpf_program *filter;", "int answer;"} {
		if !strings.Contains(header, want) {
			t.Errorf("no %q in the skeleton", want)
		}
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "fixture.skel.h"), header)
	write(t, filepath.Join(dir, "main.c"), "#include \"fixture.skel.h\"\nint main(void) { return !fixture__open; }\n")
	run(t, "gcc", "-fsyntax-only", "-I", dir, filepath.Join(dir, "main.c"))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// libbpfLoader opens and loads an object with libbpf. What libbpf prints goes to
// standard error; the programs' BTF ids and run results to standard output.
const libbpfLoader = `
#include <stdio.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

static int print(enum libbpf_print_level level, const char *fmt, va_list args)
{
	if (level == LIBBPF_DEBUG)
		return 0;
	return vfprintf(stderr, fmt, args);
}

int main(int argc, char **argv)
{
	struct bpf_program *prog;
	struct bpf_object *obj;

	libbpf_set_print(print);
	obj = bpf_object__open_file(argv[1], NULL);
	if (!obj || bpf_object__load(obj))
		return 1;
	bpf_object__for_each_program(prog, obj) {
		struct bpf_prog_info info = {};
		unsigned int len = sizeof(info);
		char packet[64] = {};
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet));
		int fd = bpf_program__fd(prog);

		if (bpf_obj_get_info_by_fd(fd, &info, &len) || bpf_prog_test_run_opts(fd, &opts))
			return 1;
		printf("%s btf=%d lines=%d ret=%d\n", bpf_program__name(prog),
		       info.btf_id != 0, info.nr_line_info != 0, opts.retval);
	}
	return 0;
}
`

// TestLibbpfIsSilent loads the object with libbpf, which must print no warning and
// no information, and runs it.
func TestLibbpfIsSilent(t *testing.T) {
	needKernel(t)
	dir := t.TempDir()
	source, loader := filepath.Join(dir, "load.c"), filepath.Join(dir, "load")
	write(t, source, libbpfLoader)
	if _, err := os.Stat("/usr/include/bpf/libbpf.h"); err != nil {
		unreachable(t, "libbpf's headers are missing: %v", err)
	}
	run(t, "gcc", "-o", loader, source, "-lbpf")
	out, errs := run(t, loader, objectFile(t))
	if errs != "" {
		t.Errorf("libbpf printed\n%s", errs)
	}
	checkRun(t, out)
}

// checkRun checks that both programs have BTF and lines, and that filter returned
// the constant and this kernel's offset of task_struct.pid.
func checkRun(t *testing.T, out string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 2 {
		t.Fatalf("two programs should have run:\n%s", out)
	}
	want := []string{
		fmt.Sprintf("filter btf=1 lines=1 ret=%d", 42+pidOffset(t)),
		"second btf=1 lines=1 ret=0",
	}
	for i := range want {
		if lines[i] != want[i] {
			t.Errorf("got %q, want %q", lines[i], want[i])
		}
	}
}

// pidOffset returns the running kernel's offset of task_struct.pid.
func pidOffset(t *testing.T) int {
	t.Helper()
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		unreachable(t, "the kernel's BTF: %v", err)
	}
	var task *btf.Struct
	if err := spec.TypeByName("task_struct", &task); err != nil {
		t.Fatal(err)
	}
	for _, m := range task.Members {
		if m.Name == "pid" {
			return int(m.Offset.Bytes())
		}
	}
	t.Fatal("no task_struct.pid")
	return 0
}

// TestCiliumLoads loads the object with cilium/ebpf and runs it.
func TestCiliumLoads(t *testing.T) {
	needKernel(t)
	spec, err := ebpf.LoadCollectionSpec(objectFile(t))
	if err != nil {
		t.Fatal(err)
	}
	c, err := ebpf.NewCollection(spec)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var out strings.Builder
	for _, name := range []string{"filter", "second"} {
		p := c.Programs[name]
		info, err := p.Info()
		if err != nil {
			t.Fatal(err)
		}
		_, hasBTF := info.BTFID()
		lines, err := info.LineInfos()
		if err != nil {
			t.Fatal(err)
		}
		ret, err := p.Run(&ebpf.RunOptions{Data: make([]byte, 64)})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%s btf=%d lines=%d ret=%d\n", name, bit(hasBTF), bit(len(lines) > 0), ret)
	}
	checkRun(t, out.String())
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestBpftoolLoads loads and pins with bpftool and looks for the lines of Lua in
// the kernel's dump.
func TestBpftoolLoads(t *testing.T) {
	needKernel(t)
	bpffs := t.TempDir()
	if out, err := exec.Command("mount", "-t", "bpf", "bpf", bpffs).CombinedOutput(); err != nil {
		unreachable(t, "no place to pin: %v: %s", err, out)
	}
	defer exec.Command("umount", bpffs).Run()
	pins := filepath.Join(bpffs, "pins")
	if _, errs := run(t, "bpftool", "prog", "loadall", objectFile(t), pins); errs != "" {
		t.Errorf("bpftool printed %s", errs)
	}
	pinned := filepath.Join(pins, "filter")
	out, _ := run(t, "bpftool", "--json", "prog", "show", "pinned", pinned)
	var shown struct {
		BTF int `json:"btf_id"`
	}
	if err := json.Unmarshal([]byte(out), &shown); err != nil || shown.BTF == 0 {
		t.Errorf("no BTF: %v\n%s", err, out)
	}
	dump, _ := run(t, "bpftool", "prog", "dump", "xlated", "pinned", pinned, "linum")
	for _, want := range []string{
		"local filter_7 = 'line of Lua' [file:prog.lua line_num:8 line_col:3]",
		"local plain_0 = 'line of Lua' [file:prog.lua line_num:1 line_col:3]",
	} {
		if !strings.Contains(dump, want) {
			t.Errorf("no %q in\n%s", want, dump)
		}
	}
}

// TestKernelStructuresStaySmall writes structures of the running kernel, which
// lead to thousands of types, and has the kernel check what is left.
func TestKernelStructuresStaySmall(t *testing.T) {
	needKernel(t)
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		unreachable(t, "the kernel's BTF: %v", err)
	}
	for _, name := range []string{"task_struct", "sk_buff", "net_device", "file"} {
		var s *btf.Struct
		if err := spec.TypeByName(name, &s); err != nil {
			t.Fatal(err)
		}
		types, _, err := (&luabtf.Object{Types: []btf.Type{s}}).Marshal(nativeOrder())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(types) > 64<<10 {
			t.Errorf("%s: %d bytes", name, len(types))
		}
		h, err := btf.NewHandleFromRawBTF(types)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		h.Close()
	}
}
