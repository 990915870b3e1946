package main

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/loader"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"luabpfc": main})
}

func TestCLI(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/cli",
		RequireExplicitExec: true,
		Condition: func(c string) (bool, error) {
			switch c {
			case "root": // whom permissions don't stop
				return os.Geteuid() == 0, nil
			case "bpf":
				return haveBPF(), nil
			}
			return false, fmt.Errorf("unknown condition %q", c)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":   cmdCode,
			"object": cmdObject,
			"only":   cmdOnly,
			"json":   cmdJSON,
		},
	})
}

// haveBPF reports whether programs can be loaded; where CI says so they must.
func haveBPF() bool {
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		return os.Getenv("LUABPFC_REQUIRE_KERNEL") == "1"
	}
	m.Close()
	return true
}

// cmdCode runs "code N luabpfc args...": the command must exit with N.
func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command args...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if e, ok := errors.AsType[interface {
		error
		ExitCode() int
	}](err); ok {
		got = e.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// cmdObject checks that a file is a BPF object: "object FILE [little|big]".
func cmdObject(ts *testscript.TestScript, neg bool, args []string) {
	f, err := elf.NewFile(bytes.NewReader([]byte(ts.ReadFile(args[0]))))
	if err != nil {
		ts.Fatalf("%s: %v", args[0], err)
	}
	if f.Machine != elf.EM_BPF || f.Type != elf.ET_REL {
		ts.Fatalf("%s: %s, %s", args[0], f.Machine, f.Type)
	}
	if big := f.Data == elf.ELFDATA2MSB; len(args) > 1 && big != (args[1] == "big") {
		ts.Fatalf("%s: byte order is %s", args[0], f.Data)
	}
}

// cmdOnly checks that a folder holds these files and nothing else, hidden ones
// included: "only DIR FILE...".
func cmdOnly(ts *testscript.TestScript, neg bool, args []string) {
	es, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	var got []string
	for _, e := range es {
		got = append(got, e.Name())
	}
	if g, w := strings.Join(got, " "), strings.Join(args[1:], " "); g != w {
		ts.Fatalf("%s holds %s, want %s", args[0], g, w)
	}
}

// cmdJSON checks that every line of a file is a JSON object.
func cmdJSON(ts *testscript.TestScript, neg bool, args []string) {
	text := ts.ReadFile(args[0])
	for l := range strings.Lines(text) {
		var m map[string]any
		if err := json.Unmarshal([]byte(l), &m); err != nil {
			ts.Fatalf("%s: %q: %v", args[0], l, err)
		}
	}
	if text == "" {
		ts.Fatalf("%s is empty", args[0])
	}
}

// TestExit gives exit the errors that scripts can't be made to cause.
func TestExit(t *testing.T) {
	for _, tc := range []struct {
		err  error
		code int
		says string
	}{
		{nil, 0, ""},
		{&ir.Bug{Pass: "gvn", Msg: "x"}, 3, "This is a bug in luabpfc"},
		{fmt.Errorf("a: %w", &ir.Bug{Msg: "x"}), 3, "internal error"},
		{diag.List{{Message: "wrong"}}, 1, "wrong\n"},
		{&loader.RejectError{Program: "p", Reason: "R3 !read_ok"}, 4, "R3 !read_ok"},
		{&loader.AccessError{Missing: "needs CAP_BPF", Cause: errors.New("EPERM")}, 4, "needs CAP_BPF"},
		{usagef("no such %s", "flag"), 2, "luabpfc: no such flag\nSee 'luabpfc --help'.\n"},
		{os.ErrNotExist, 1, "luabpfc: file does not exist\n"},
	} {
		var out, stderr bytes.Buffer
		if got := exit(tc.err, streams{nil, &out, &stderr}, diag.Human); got != tc.code || !strings.Contains(stderr.String(), tc.says) || out.Len() != 0 {
			t.Errorf("exit(%v) = %d, says %q on standard error and %q on standard output", tc.err, got, &stderr, &out)
		}
	}
}

func TestArrange(t *testing.T) {
	var render func(diag.List) string
	app := newApp(streams{}, &render)
	for _, tc := range []struct{ in, want string }{
		{"a.lua -o x", "-o=x -- a.lua"},
		{"a.lua --target-kernel 5.10 -g0", "-target-kernel=5.10 -g0 -- a.lua"},
		{"-O0 a.lua", "-O=0 -- a.lua"},
		{"-O 0 a.lua", "-O=0 -- a.lua"},
		{"-mcpu=v2 -mcpu v4 a.lua", "-mcpu=v2 -mcpu=v4 -- a.lua"},
		{"-Dx=1,2 -Ilib -Werror -Wno-Shadow a.lua", "-D=x=1,2 -I=lib -W=error -W=no-Shadow -- a.lua"},
		{"- -o -", "-o=- -- -"},
		{"a.lua -- -o x --", "-- a.lua | -o x --"},
		{"explain -o x", "explain -o x"},
		{"-v explain Code", "-v explain Code"},
		{"a.lua explain", "-- a.lua explain"},
		{"--diagnostics=json a.lua", "-diagnostics=json -- a.lua"},
		{"-d gvn/dump -d check a.lua", "-d=gvn/dump -d=check -- a.lua"},
		{"a.lua -o", "error: flag '-o' needs a value"},
		{"a.lua -o -- x", "error: flag '-o' needs a value"},
		{"-v=1 a.lua", "error: flag '-v' takes no value"},
		{"--traget bpfel a.lua", "error: unknown flag '--traget' (did you mean '--target'?)"},
		{"-zzz a.lua", "error: unknown flag '-zzz'"},
		{"--O0 a.lua", "error: unknown flag '--O0'"},
	} {
		line, script, err := arrange(strings.Fields(tc.in), app)
		got := strings.Join(line, " ")
		if script != nil {
			got += " | " + strings.Join(script, " ")
		}
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != tc.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tc.in, got, tc.want)
		}
	}
}

// TestFullDisk writes objects to a file system without room: nothing of them
// may be left, and what was there stays.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8k"); err != nil {
		t.Skipf("no file system of our own: %v", err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	old := filepath.Join(dir, "old.o")
	if err := os.WriteFile(old, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	// The folder's own entry and old.o take a page each at most.
	for _, name := range []string{old, filepath.Join(dir, "new.o")} {
		err := writeFile(name, make([]byte, 64<<10), io.Discard)
		if want := "writing '" + name + "': no space left on device"; err == nil || err.Error() != want {
			t.Errorf("writing to a full disk: %v, want %s", err, want)
		}
	}
	es, err := os.ReadDir(dir)
	if err != nil || len(es) != 1 {
		t.Errorf("left behind: %v, %v", es, err)
	}
	if b, err := os.ReadFile(old); string(b) != "old" {
		t.Errorf("what was there is %q, %v", b, err)
	}
}
