package loader_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/loader"
)

// sample is an object of the compiler's.
func sample(t testing.TB) []byte {
	b, err := os.ReadFile("../examples/protocount/protocount.o")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// samples are small objects that have one of everything: maps of maps, variables
// with and without contents, calls, relocated types, kernel configuration.
func samples(t testing.TB) (all [][]byte) {
	for _, text := range []string{
		`bpf.socket(function() return 0 end)`,
		`local m = bpf.map('hash', 8, 'struct { uint32_t a; uint64_t b; }', 'uint64_t')
		bpf.xdp(function() m:add({ 1, 2 }, 1) return XDP_PASS end)`,
		`local g, h, c = bpf.global('uint64_t'), bpf.global('uint32_t', 7), bpf.const('uint64_t', 9)
		local f = bpf.noinline(function(x) g[0] = g[0] + x return x * 3 end)
		bpf.socket(function(skb) return f(skb.len) + f(h[0]) + c[0] end)`,
		`local inner = bpf.map('array', 4, 'uint32_t', 'uint32_t')
		local outer = bpf.map('array_of_maps', 4, 'uint32_t', nil, { inner = inner })
		bpf.socket(function() local m = outer[1] if m then return m[0] end return 0 end)`,
		`ffi.cdef 'struct task_struct { int pid; int tgid; } __attribute__((preserve_access_index));'
		local e = bpf.map('ringbuf', 4096, nil, 'uint32_t')
		bpf.raw_tracepoint('sys_enter', function() e:output(task().tgid) print('%d', task().pid) end)`,
		carrying,
	} {
		obj, err := luabpfc.Compile(luabpfc.Source{Name: "s.lua", Text: text}, luabpfc.DefaultOptions())
		if err != nil {
			t.Fatalf("%s\n%v", text, err)
		}
		if _, err := loader.Open(obj.ELF); err != nil {
			t.Fatal(err)
		}
		all = append(all, obj.ELF)
	}
	return append(all, sample(t))
}

// TestOpenTruncated opens every prefix of an object: an error, or what is left of
// it, and no panic.
func TestOpenTruncated(t *testing.T) {
	b := sample(t)
	opened := 0
	for n := 0; n <= len(b); n += 7 {
		if _, err := loader.Open(b[:n]); err == nil {
			opened++
		}
	}
	if _, err := loader.Open(b); err != nil || opened > 20 {
		t.Errorf("%v; %d prefixes open", err, opened)
	}
}

// TestOpenChanged opens objects in which a few bytes are others.
func TestOpenChanged(t *testing.T) {
	for i, b := range samples(t) {
		r := rand.New(rand.NewPCG(1, uint64(i)))
		opened := 0
		for range 1000 {
			c := bytes.Clone(b)
			for range 1 + r.IntN(4) {
				c[r.IntN(len(c))] = byte(r.Uint32())
			}
			if open(t, c) {
				opened++
			}
		}
		if opened == 0 || opened == 1000 {
			t.Errorf("%d of 1000 open", opened)
		}
	}
}

// TestOpenHostile opens objects whose headers lie about sizes.
func TestOpenHostile(t *testing.T) {
	const zeroes = `local g = bpf.global('uint64_t') bpf.socket(function() g[0] = g[0] + 1 return 0 end)`
	obj, err := luabpfc.Compile(luabpfc.Source{Name: "s.lua", Text: zeroes}, luabpfc.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		what, section string
		field         int // of the section's header
		value         uint64
		want          string
	}{
		{"a .bss of 3 GiB", ".bss", 32, 3 << 30, "makes more than 256 MiB of zeroes"},
		{"a compressed section", "socket", 8, uint64(elf.SHF_COMPRESSED | elf.SHF_EXECINSTR | elf.SHF_ALLOC), "is compressed"},
		{"a section behind the end", "socket", 24, 1 << 20, "it is cut short"},
		{"a section that goes round", "socket", 32, 1<<64 - 8, ""},
		{"no symbols' names", ".strtab", 32, 0, ""},
	} {
		b := bytes.Clone(obj.ELF)
		f, err := elf.NewFile(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		at := -1
		for i, s := range f.Sections {
			if s.Name == tc.section {
				at = int(binary.LittleEndian.Uint64(b[40:])) + 64*i
			}
		}
		if at < 0 {
			t.Fatalf("no section %s", tc.section)
		}
		binary.LittleEndian.PutUint64(b[at+tc.field:], tc.value)
		if _, err := loader.Open(b); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", tc.what, err)
		}
	}
}

// allocated is how many bytes this process has asked for so far.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// open opens b and looks at what is in it. Memory is bounded by its size.
func open(t testing.TB, b []byte) bool {
	before := allocated()
	o, err := loader.Open(b)
	if got, limit := allocated()-before, uint64(300<<20+2000*len(b)); got > limit {
		t.Errorf("%d bytes take %d bytes of memory", len(b), got)
	}
	if err != nil {
		return false
	}
	for _, p := range o.Programs() {
		o.Target(p)
	}
	o.Maps()
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	return true
}

// FuzzOpen opens what may come from anywhere. Which parts of debug/elf and of the
// BTF reader an input reaches differs from run to run, so that the fuzzer's own
// minimising never ends: 'go test -fuzz FuzzOpen -fuzzminimizetime 10x' does
// thousands of inputs a second, with its default of a minute none.
func FuzzOpen(f *testing.F) {
	for _, b := range samples(f) {
		f.Add(b)
	}
	f.Add([]byte("\x7fELF"))
	f.Fuzz(func(t *testing.T, b []byte) { open(t, b) })
}
