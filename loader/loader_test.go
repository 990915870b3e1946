package loader

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// needKernel skips without BPF, or fails where CI says there must be.
func needKernel(t *testing.T) {
	t.Helper()
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err == nil {
		m.Close()
		return
	}
	if os.Getenv("LUABPFC_REQUIRE_KERNEL") == "1" {
		t.Fatalf("no BPF: %v", err)
	}
	t.Skipf("no BPF: %v", err)
}

func spec(t ebpf.ProgramType, insns ...asm.Instruction) *ebpf.CollectionSpec {
	return &ebpf.CollectionSpec{
		Programs: map[string]*ebpf.ProgramSpec{"prog": {Name: "prog", Type: t, Instructions: insns, License: "GPL"}},
		Maps: map[string]*ebpf.MapSpec{
			"hash":   {Name: "hash", Type: ebpf.Hash, KeySize: 2, ValueSize: 4, MaxEntries: 8},
			"percpu": {Name: "percpu", Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 1, MaxEntries: 2},
			"wide":   {Name: "wide", Type: ebpf.Hash, KeySize: 4, ValueSize: 12, MaxEntries: 2},
		},
	}
}

func ret0() []asm.Instruction { return []asm.Instruction{asm.Mov.Imm(asm.R0, 0), asm.Return()} }

func TestOpenGarbage(t *testing.T) {
	for _, b := range []string{"", "\x7fELF", strings.Repeat("x", 100)} {
		if _, err := Open([]byte(b)); err == nil {
			t.Errorf("Open(%q) accepts it", b)
		}
	}
}

func TestNotLoaded(t *testing.T) {
	o := &Object{spec: spec(ebpf.SocketFilter, ret0()...)}
	_, err := o.Map("hash")
	for what, err := range map[string]error{
		"Map": err, "Pin": o.Pin(t.TempDir()), "AttachSocket": o.AttachSocket("prog", "lo"), "AttachXDP": o.AttachXDP("prog", "lo"),
	} {
		if !errors.Is(err, errNotLoaded) {
			t.Errorf("%s before Load: %v", what, err)
		}
	}
	if err := o.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func load(t *testing.T, s *ebpf.CollectionSpec) *Object {
	t.Helper()
	needKernel(t)
	o := &Object{spec: s}
	if err := o.Load(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	return o
}

func TestMaps(t *testing.T) {
	o := load(t, spec(ebpf.SocketFilter, ret0()...))
	if err := o.Load(); err == nil {
		t.Error("a second Load succeeds")
	}
	if _, err := o.Map("nope"); err == nil || !strings.Contains(err.Error(), "it has hash, percpu, wide") {
		t.Errorf("Map(nope): %v", err)
	}
	h, err := o.Map("hash")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := h.Get(1); ok || err != nil {
		t.Errorf("Get of a missing key: %v, %v", ok, err)
	}
	if err := h.Put(1<<16, 1); err == nil {
		t.Error("a key wider than the map's is cut")
	}
	for _, k := range []uint64{513, 2} {
		if err := h.Put(k, k*10); err != nil {
			t.Fatal(err)
		}
	}
	if n, ok, err := h.Get(513); n != 5130 || !ok || err != nil {
		t.Errorf("Get(513) = %d, %v, %v", n, ok, err)
	}
	es, err := h.Entries()
	if err != nil || len(es) != 2 {
		t.Fatalf("Entries: %v, %v", es, err)
	}
	if k, _ := Number(es[0].Key); k != 513 {
		t.Errorf("first key in memory order is %d, want 513", k)
	}
	p, err := o.Map("percpu")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Put(1, 3); err != nil {
		t.Fatal(err)
	}
	cpus := ebpf.MustPossibleCPU()
	if n, ok, err := p.Get(1); n != uint64(3*cpus) || !ok || err != nil {
		t.Errorf("per-CPU Get = %d, %v, %v; want 3 on each of %d CPUs", n, ok, err, cpus)
	}
	if es, err := p.Entries(); err != nil || len(es) != 2 || len(es[1].Values) != cpus || es[1].Values[0][0] != 3 {
		t.Errorf("per-CPU Entries: %v, %v", es, err)
	}
	w, err := o.Map("wide")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Put(1, 1); err == nil {
		t.Error("a 12-byte value is a number")
	}
}

func TestAttach(t *testing.T) {
	o := load(t, spec(ebpf.SocketFilter, ret0()...))
	for _, tc := range []struct{ prog, iface, want string }{
		{"nope", "lo", "no program 'nope' in the object; it has prog"},
		{"prog", "no-such-if", "interface 'no-such-if'"},
	} {
		if err := o.AttachSocket(tc.prog, tc.iface); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("AttachSocket(%s, %s): %v", tc.prog, tc.iface, err)
		}
	}
	if err := o.AttachXDP("prog", "lo"); err == nil || !strings.Contains(err.Error(), "is of type SocketFilter, not XDP") {
		t.Errorf("a socket filter attached as XDP: %v", err)
	}
	if err := o.AttachSocket("prog", "lo"); err != nil {
		t.Error(err)
	}
}

func TestAttachXDP(t *testing.T) {
	ownNetwork(t) // one program a device: another test's would be in the way
	pass := []asm.Instruction{asm.Mov.Imm(asm.R0, 2), asm.Return()}
	o := load(t, spec(ebpf.XDP, pass...))
	if err := o.AttachXDP("prog", "lo"); err != nil {
		t.Fatal(err)
	}
	second := load(t, spec(ebpf.XDP, pass...))
	if err := second.AttachXDP("prog", "lo"); err == nil || !strings.Contains(err.Error(), "another XDP program") {
		t.Errorf("a second program on lo: %v", err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if err := second.AttachXDP("prog", "lo"); err != nil {
		t.Errorf("Close did not detach: %v", err)
	}
}

func TestPin(t *testing.T) {
	o := load(t, spec(ebpf.SocketFilter, ret0()...))
	if err := o.Pin(t.TempDir()); err == nil {
		t.Error("pinned outside a BPF file system")
	}
	dir := t.TempDir()
	if err := syscall.Mount("bpf", dir, "bpf", 0, ""); err != nil {
		t.Skipf("no BPF file system: %v", err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	at := filepath.Join(dir, "x")
	if err := o.Pin(at); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"prog/prog", "map/hash", "map/percpu"} {
		if _, err := os.Stat(filepath.Join(at, f)); err != nil {
			t.Error(err)
		}
	}
	if err := load(t, spec(ebpf.SocketFilter, ret0()...)).Pin(at); err == nil {
		t.Error("pinned over what is there")
	}
	if _, err := os.Stat(filepath.Join(at, "prog/prog")); err != nil {
		t.Errorf("a failed Pin removed another object's pin: %v", err)
	}
}

func TestRejected(t *testing.T) {
	needKernel(t)
	o := &Object{spec: spec(ebpf.SocketFilter, asm.Mov.Reg(asm.R0, asm.R3), asm.Return())}
	err := o.Load()
	var r *RejectError
	if !errors.As(err, &r) {
		t.Fatalf("Load: %v, want a RejectError", err)
	}
	if r.Program != "prog" || r.Reason != "R3 !read_ok" || r.Line != 0 {
		t.Errorf("program %q, reason %q, line %d", r.Program, r.Reason, r.Line)
	}
	if _, err := o.Map("hash"); err == nil {
		t.Error("maps are there after a failed Load")
	}
}

func TestRejectPlace(t *testing.T) {
	log := []string{
		"0: R1=ctx() R10=fp0", "; local a = 1 @ prog.lua:3", "0: (b7) r1 = 1",
		";     local p = m[a] -- x @ y @ lib/x.lua:12", "1: (bf) r0 = r3", "R3 !read_ok",
		"processed 2 insns (limit 1000000) max_states_per_insn 0",
	}
	r := reject(spec(ebpf.SocketFilter), errors.New("program prog: load program: permission denied"), &ebpf.VerifierError{Log: log})
	if r.Program != "prog" || r.File != "lib/x.lua" || r.Line != 12 || r.Text != "local p = m[a] -- x @ y" || r.Reason != "R3 !read_ok" {
		t.Errorf("got %q %s:%d %q %q", r.Program, r.File, r.Line, r.Text, r.Reason)
	}
	if !strings.HasPrefix(r.Error(), "lib/x.lua:12: the kernel's verifier refuses program 'prog': R3 !read_ok\n") {
		t.Errorf("message:\n%s", r)
	}
}

func TestRejectLines(t *testing.T) {
	long := []string{"func#0 @0", "; a @ p.lua:1"}
	for range 20 {
		long = append(long, "1: (b7) r1 = 1")
	}
	for _, tc := range []struct {
		log  []string
		want string
	}{
		{[]string{"; a @ p.lua:1", "0: x", "; b @ p.lua:2", "1: y", "R1 bad", "processed 2 insns", "verification time 5 usec", ""},
			"p.lua:2: the kernel's verifier refuses program 'p': R1 bad\n    b\n  | ; b @ p.lua:2\n  | 1: y\n  | R1 bad\n  (8 lines of the verifier's log; -v shows them all)"},
		{append(long, "R2 bad"), strings.Repeat("\n  | 1: (b7) r1 = 1", 7) + "\n  | R2 bad\n  (23 lines"},
		{[]string{"R3 bad"}, "the kernel's verifier refuses program 'p': R3 bad\n  | R3 bad"},
	} {
		r := reject(spec(ebpf.SocketFilter), errors.New("program p: load program: invalid argument"), &ebpf.VerifierError{Log: tc.log})
		if !strings.Contains(r.Error(), tc.want) {
			t.Errorf("got\n%s\nwant\n%s", r, tc.want)
		}
		r.Whole = true
		if n := strings.Count(r.Error(), "\n  | "); n != len(tc.log) {
			t.Errorf("-v shows %d of %d lines", n, len(tc.log))
		}
	}
}
