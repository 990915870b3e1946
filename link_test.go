package luabpfc_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/luabpfc/luabpfc"
)

// linkTest is a function to link against, and the C program that calls it. The
// program puts what the function returns and leaves in memory into the map 'out'.
type linkTest struct {
	name, lua, c string
	want         map[uint32]uint64
}

// hostC is what the callers have in common: they run as raw tracepoints by test runs.
const hostC = `
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32; typedef unsigned long long u64;
#define SEC(name) __attribute__((section(name), used))
struct { int (*type)[2]; int (*max_entries)[16]; u32 *key; u64 *value; } out SEC(".maps");
static void *(*map_lookup_elem)(void *, const void *) = (void *)1;
static u64 (*get_current_task)(void) = (void *)35;
static void put(u32 i, u64 v) { u64 *p = map_lookup_elem(&out, &i); if (p) *p = v; }
char _license[] SEC("license") = "GPL";
`

// The contract of ipftrace2's modules (facts: R1 the context, R2 an object that is a
// number to the verifier, R3 64 zeroed bytes of the caller's stack).
const moduleC = hostC + `
struct sk_buff;
extern int module(void *ctx, struct sk_buff *skb, u8 data[64]);
SEC("raw_tp/sys_enter") int host(void *ctx)
{
	union { u8 data[64]; u32 w[16]; u64 q[8]; } e = {};
	u64 task = get_current_task();
	put(0, module(ctx, (struct sk_buff *)task, e.data));
	put(1, e.w[0]); put(2, e.w[1]); put(3, e.data[63]);
	put(4, module(ctx, 0, e.data));
	return 0;
}
`

var linkTests = []linkTest{
	{"module", `
ffi.cdef [[
struct sk_buff { int unused; } __attribute__((preserve_access_index));
struct task_struct { int tgid; } __attribute__((preserve_access_index));
struct event { uint32_t tgid; uint16_t a; uint16_t b; };
]]
local hits = bpf.map('array', 1, 'uint32_t', 'uint64_t')
local function same(x) return x * 2 end
bpf.func('int module(void *ctx, struct sk_buff *skb, uint8_t data[64])', function(ctx, skb, data)
  if not skb then return hits[0] end
  local e = ffi.cast('struct event *', data)
  e.tgid = ffi.cast('struct task_struct *', skb).tgid == pid()
  e.a, e.b = 7, same(4)
  for i = 60, 63 do data[i] = i end
  xadd(hits[0], 41)
  return -5
end)
`, moduleC, map[uint32]uint64{0: 0xfffffffffffffffb, 1: 1, 2: 8<<16 | 7, 3: 63, 4: 41}},
	{"numbers", `
ffi.cdef 'struct pair { int a; long b; };'
local total = bpf.global('uint64_t', 1)
bpf.func('long add(int a, uint8_t b, struct pair *p, long *sum)', function(a, b, p, sum)
  total[0] = total[0] + a
  sum[0] = total[0]
  p.b = p.a + b
  return a + b
end)
bpf.func('bool odd(uint64_t x)', function(x) return x % 2 == 1 end)
bpf.func('void nothing(void)', function() total[0] = 100 end)
`, hostC + `
struct pair { int a; long b; };
extern long add(int a, u8 b, struct pair *p, long *sum);
extern _Bool odd(u64 x);
extern void nothing(void);
SEC("raw_tp/sys_enter") int host(void *ctx)
{
	struct pair p = { 5, 0 };
	long sum = 0;
	put(0, add(-3, 200, &p, &sum));
	put(1, p.b); put(2, sum);
	put(3, odd(7)); put(4, odd(8));
	nothing();
	add(1, 0, &p, &sum);
	put(5, sum);
	return 0;
}
`, map[uint32]uint64{0: 197, 1: 205, 2: 0xfffffffffffffffe, 3: 1, 4: 0, 5: 101}},
}

// TestLink links each function with its caller, loads what comes out, and runs it.
func TestLink(t *testing.T) {
	needKernel(t)
	needTool(t, "bpftool", "clang")
	for _, c := range linkTests {
		host := compileHost(t, c.c)
		for _, level := range []int{0, 2} {
			t.Run(fmt.Sprintf("%s/O%d", c.name, level), func(t *testing.T) {
				checkOut(t, linked(t, host, c.lua, level), c.want)
			})
		}
	}
}

// compileHost compiles a program in C and returns the object's path.
func compileHost(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	src, obj := filepath.Join(dir, "host.c"), filepath.Join(dir, "host.o")
	if err := os.WriteFile(src, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	target := "bpfel"
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		target = "bpfeb"
	}
	if out, err := exec.Command("clang", "-target", target, "-O2", "-g", "-Wall", "-c", src, "-o", obj).CombinedOutput(); err != nil {
		t.Fatalf("clang: %v\n%s", err, out)
	}
	return obj
}

// linked compiles a script and links it with an object; it returns what bpftool
// wrote.
func linked(t *testing.T, host, script string, level int) string {
	t.Helper()
	opts := luabpfc.DefaultOptions()
	opts.OptLevel, opts.Check = level, true
	obj, err := luabpfc.Compile(luabpfc.Source{Name: "module.lua", Text: script}, opts)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	module, both := filepath.Join(dir, "module.o"), filepath.Join(dir, "both.o")
	if err := os.WriteFile(module, obj.ELF, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := tool("bpftool", "gen", "object", both, host, module).CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("bpftool gen object: %v\n%s", err, out)
	}
	return both
}

// checkOut loads an object with bpftool, that is with libbpf, runs its program and
// looks at the map 'out'.
func checkOut(t *testing.T, object string, want map[uint32]uint64) {
	t.Helper()
	fs := mountBPF(t)
	if out, err := tool("bpftool", "prog", "loadall", object, fs+"/p", "pinmaps", fs+"/m").CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v\n%s", err, out)
	}
	p, err := ebpf.LoadPinnedProgram(fs+"/p/host", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.Run(&ebpf.RunOptions{Context: make([]uint64, 2)}); err != nil {
		t.Fatal(err)
	}
	m, err := ebpf.LoadPinnedMap(fs+"/m/out", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for k, w := range want {
		var got uint64
		if err := m.Lookup(k, &got); err != nil || got != w {
			t.Errorf("out[%d] is %#x, want %#x (%v)", k, got, w, err)
		}
	}
}

// TestLinkUnnamed shows that the link fails where the caller wants another function.
func TestLinkUnnamed(t *testing.T) {
	needTool(t, "bpftool", "clang")
	host := compileHost(t, moduleC)
	dir := t.TempDir()
	other := filepath.Join(dir, "other.o")
	obj, err := luabpfc.Compile(luabpfc.Source{Name: "other.lua", Text: "bpf.func('long module(int x)', function(x) return x end)"}, luabpfc.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, obj.ELF, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := tool("bpftool", "gen", "object", filepath.Join(dir, "both.o"), host, other).CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("module")) {
		t.Errorf("a function of another prototype is linked: %s", out)
	}
}
