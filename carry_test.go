package luabpfc_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/elfwriter/manifest"
	"github.com/luabpfc/luabpfc/loader"
)

const carrying = `
local each = bpf.map('percpu_hash', 4, 'uint16_t', 'uint32_t', { name = 'each' })
local one = bpf.map('hash', 400, 'uint32_t', 'uint64_t', { name = 'one' })
local slots = bpf.map('array', 3, 'uint32_t', 'char [8]', { name = 'slots' })
local sizes = bpf.map('hash', 64, 'uint32_t', 'uint64_t', { name = 'sizes' })
each[1] = 5
for i = 1, 300 do one[i] = i * i end
slots[2] = 'two'
local function count() xadd(one[1], 1) end
bpf.xdp('eth0', function() return XDP_PASS end, { name = 'in' })
bpf.tc('eth0', 'egress', function() return 0 end, { name = 'out' })
bpf.cgroup('/sys/fs/cgroup/x', 'connect4', function() return 1 end, { name = 'group' })
bpf.perf_event({ freq = 49, config = 2, type = 1 }, count, { name = 'perf' })
bpf.uprobe('/bin/x:f', count, false, 7, { name = 'user' })
bpf.socket(function() bpf.hist(sizes, #pkt, 64) return 0 end, { name = 'filter' })
bpf.raw_tracepoint('sched_switch', count, { name = 'raw' })
`

// carriedBy is the object of a script.
func carriedBy(t *testing.T, script string, big bool) *luabpfc.Object {
	t.Helper()
	opts := luabpfc.DefaultOptions()
	opts.BigEndian, opts.Arch = big, "x86_64"
	return compileAs(t, "carry.lua", script, opts)
}

// TestCarriedTargets opens an object of either byte order, as it is and as
// llvm-objcopy -g leaves it: where programs go is there.
func TestCarriedTargets(t *testing.T) {
	pid := int64(7)
	want := map[string]loader.Target{
		"in": {Name: "eth0"}, "out": {Name: "eth0", Direction: "egress"}, "group": {Path: "/sys/fs/cgroup/x"},
		"perf": {Perf: map[string]int64{"freq": 49, "config": 2, "type": 1}}, "user": {PID: &pid}, "filter": {}, "raw": {},
	}
	for _, big := range []bool{false, true} {
		elf := carriedBy(t, carrying, big).ELF
		for _, b := range [][]byte{elf, stripped(t, elf)} {
			o, err := loader.Open(b)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]loader.Target{}
			for _, p := range o.Programs() {
				got[p] = o.Target(p)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
		}
	}
	// An object that has nothing to say does not have the section.
	if elf := carriedBy(t, "bpf.xdp(function() return XDP_PASS end)", false).ELF; bytes.Contains(elf, []byte(manifest.Section)) {
		t.Error("there is a section with nothing in it")
	}
}

// stripped is the object without what is for debuggers.
func stripped(t *testing.T, elf []byte) []byte {
	tool, err := exec.LookPath("llvm-objcopy")
	if err != nil {
		return elf
	}
	in := filepath.Join(t.TempDir(), "in.o")
	if err := os.WriteFile(in, elf, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(tool, "-g", in, in).CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("llvm-objcopy: %v\n%s", err, out)
	}
	b, err := os.ReadFile(in)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestCarriedContents loads an object: its maps have the entries that the script
// wrote.
func TestCarriedContents(t *testing.T) {
	needKernel(t)
	script := carrying[:bytes.Index([]byte(carrying), []byte("local function count"))] + `
bpf.xdp(function() xadd(one[1], 1) return each[1] or slots[0][0] end)`
	o := loaded(t, carriedBy(t, script, false).ELF)
	entries := func(name string) []loader.Entry {
		m, err := o.Map(name)
		if err != nil {
			t.Fatal(err)
		}
		list, err := m.Entries()
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if one := entries("one"); len(one) != 300 {
		t.Errorf("'one' has %d entries", len(one))
	}
	for _, e := range entries("one") {
		k, _ := loader.Number(e.Key)
		if v, _ := loader.Number(e.Values[0]); v != k*k {
			t.Errorf("one[%d] is %d", k, v)
		}
	}
	each := entries("each")
	if len(each) != 1 || each[0].Key[0] != 1 {
		t.Fatalf("'each' is %v", each)
	}
	for cpu, v := range each[0].Values {
		if n, _ := loader.Number(v); n != 5 {
			t.Errorf("each[1] is %d on CPU %d", n, cpu)
		}
	}
	if s := entries("slots"); len(s) != 3 || string(s[2].Values[0]) != "two\x00\x00\x00\x00\x00" || s[0].Values[0][0] != 0 {
		t.Errorf("'slots' is %v", s)
	}
}
