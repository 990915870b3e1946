//go:build linux

package loader

import (
	"bufio"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// speak is a program that says where its function is and waits.
const speak = `#include <stdio.h>
static __attribute__((noinline)) int _ZN2ns5whereEi(int x) { printf("%p\n", (void *)((char *)_ZN2ns5whereEi + 3)); return x; }
int main(void) { _ZN2ns5whereEi(1); fflush(stdout); getchar(); return 0; }
`

// start starts a program and returns its process and the address that it says.
func start(t *testing.T, bin string) (pid int, addr uint64) {
	t.Helper()
	cmd := exec.Command(bin)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	l, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(l, "0x%x", &addr); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid, addr
}

// tool runs a program or skips.
func tool(t *testing.T, input, name string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("LUABPFC_REQUIRE_TOOLS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// TestSymbolizer names an address of a real process: while it runs, when its file was
// deleted, when it was stripped, and when it has ended.
func TestSymbolizer(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin (with blanks)")
	tool(t, speak, "gcc", "-Wl,--build-id", "-x", "c", "-o", bin, "-")
	wantFrame := func(s *Symbolizer, pid int, addr uint64, want string) {
		t.Helper()
		if f, err := s.User(pid, addr); err != nil || f.String() != want {
			t.Errorf("%s, %v; want %s", f, err, want)
		}
	}
	pid, addr := start(t, bin)
	wantFrame(new(Symbolizer), pid, addr, "ns::where+0x3")
	wantFrame(new(Symbolizer), pid, 1, "0x1")
	// Another file has its name now.
	stripped := filepath.Join(dir, "stripped")
	tool(t, "", "strip", "-o", stripped, bin)
	debug := filepath.Join(dir, "debug")
	f, err := elf.Open(bin)
	if err != nil {
		t.Fatal(err)
	}
	id := buildID(f)
	f.Close()
	if len(id) != 40 {
		t.Fatalf("the build ID is %q", id)
	}
	if err := os.MkdirAll(filepath.Join(debug, ".build-id", id[:2]), 0o755); err != nil {
		t.Fatal(err)
	}
	tool(t, "", "objcopy", "--only-keep-debug", bin, filepath.Join(debug, ".build-id", id[:2], id[2:]+".debug"))
	if err := os.Rename(stripped, bin); err != nil {
		t.Fatal(err)
	}
	old := new(Symbolizer)
	wantFrame(old, pid, addr, "ns::where+0x3")
	// The new one is stripped.
	pid2, addr2 := start(t, bin)
	wantFrame(new(Symbolizer), pid2, addr2, "[bin (with blanks)]")
	wantFrame(&Symbolizer{DebugDirs: []string{dir, debug}}, pid2, addr2, "ns::where+0x3")
	// A process that has ended is known for what was asked before.
	if p, err := os.FindProcess(pid); err == nil {
		p.Kill()
		p.Wait()
	}
	wantFrame(old, pid, addr-1, "ns::where+0x2")
	if f, err := new(Symbolizer).User(pid, addr); err == nil || !strings.Contains(f.String(), "0x") {
		t.Errorf("of a process that has ended: %s, %v", f, err)
	}
}

func TestParseMaps(t *testing.T) {
	maps := parseMaps("/proc/5/", `55d0a2c00000-55d0a2cde000 r-xp 0002c000 fd:01 1234    /usr/bin/x y
55d0a2cde000-55d0a2cdf000 r--p 0002c000 fd:01 1234    /usr/bin/x y
7f0000000000-7f0000001000 r-xp 00000000 00:00 0
7f0000001000-7f0000002000 r-xp 00000000 fd:01 9 /tmp/gone (deleted)
7fff00000000-7fff00001000 r-xp 00000000 00:00 0                          [vdso]
broken
`)
	p := &process{maps: maps}
	for _, tc := range []struct {
		addr       uint64
		name, open string
	}{
		{0x55d0a2c00000, "x y", "/proc/5/map_files/55d0a2c00000-55d0a2cde000 /proc/5/root/usr/bin/x y"}, {0x55d0a2cde000, "", ""}, {0x7f0000000000, "", ""},
		{0x7f0000001fff, "gone", "/proc/5/map_files/7f0000001000-7f0000002000"}, {0x7fff00000000, "vdso", ""}, {0, "", ""},
	} {
		m := p.find(tc.addr)
		if m == nil {
			m = &mapping{}
		}
		name := ""
		if m.path != "" {
			name = m.name()
		}
		if open := strings.Join(m.paths, " "); name != tc.name || open != tc.open {
			t.Errorf("%#x: %q, %q", tc.addr, name, open)
		}
	}
}

func TestPerfMap(t *testing.T) {
	s := parsePerfMap("7f00 10 a b\n0x7f20 8 c\nx y z\n7f30\n")
	for _, tc := range []struct {
		addr uint64
		want string
	}{{0x7f00, "a b"}, {0x7f0f, "a b"}, {0x7f10, ""}, {0x7f20, "c"}, {0x7f28, ""}} {
		if name, _, _ := s.Find(tc.addr); name != tc.want {
			t.Errorf("%#x is %q, want %q", tc.addr, name, tc.want)
		}
	}
}
