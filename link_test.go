package luabpfc_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

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
	{"described", `
ffi.cdef [[
enum kinds { ONE = 1, TWO = 2 };
struct sk_buff { int unused; } __attribute__((preserve_access_index));
struct event { uint32_t n __attribute__((btf_decl_tag("ipft:fmt:enum_flags:kinds"))); int16_t m __attribute__((btf_decl_tag("ipft:fmt:hex"))); };
]]
bpf.global('enum kinds', nil, { name = 'kinds', section = '__ipft_skip' })
bpf.global('struct event', nil, { name = '__ipft_event_struct', section = '__ipft_skip' })
bpf.func('int module(void *ctx, struct sk_buff *skb, uint8_t data[64])', function(ctx, skb, data)
  local e = ffi.cast('struct event *', data)
  e.n, e.m = 3, -1
  return skb == nil
end)
`, moduleC, map[uint32]uint64{0: 0, 1: 3, 2: 0xffff, 4: 1}},
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
	obj := compileAs(t, "module.lua", script, opts)
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

// silent is what libbpf says of an object: nothing, but of ipftrace2's own section.
var silent = regexp.MustCompile(`^(libbpf: elf: skipping unrecognized data section\(\d+\) __ipft_skip\n)?$`)

// checkOut loads an object with bpftool, that is with libbpf, runs its program and
// looks at the map 'out'.
func checkOut(t *testing.T, object string, want map[uint32]uint64) {
	t.Helper()
	fs := mountBPF(t)
	if out, err := tool("bpftool", "prog", "loadall", object, fs+"/p", "pinmaps", fs+"/m").CombinedOutput(); err != nil || !silent.Match(out) {
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
	obj := compileAs(t, "other.lua", "bpf.func('long module(int x)', function(x) return x end)", luabpfc.DefaultOptions())
	if err := os.WriteFile(other, obj.ELF, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := tool("bpftool", "gen", "object", filepath.Join(dir, "both.o"), host, other).CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("module")) {
		t.Errorf("a function of another prototype is linked: %s", out)
	}
}

// rawScript reads an object of the kernel and writes 12 bytes of the 64 it is given, by
// the registers of ipftrace2's first generation.
const rawScript = `
ffi.cdef [[
struct event { uint32_t tgid __attribute__((btf_decl_tag("ipft:fmt:hex"))); int16_t a; bool b; uint8_t c; uint32_t me; };
]]
bpf.global('struct event', nil, { name = '__ipft_event_struct', section = '__ipft_skip' })
bpf.func('void emit(struct event *e, void *ctx, struct task_struct *t)', function(e, ctx, t)
  if not t then return end
  local text = ffi.new('char [16]')
  e.tgid = t.tgid
  e.me = pid()
  if e.me ~= e.tgid then return end
  e.a, e.b, e.c = -2, true, #text
end)
`

func rawObject(t *testing.T, level int) *luabpfc.Object {
	t.Helper()
	btf, err := os.ReadFile("/sys/kernel/btf/vmlinux")
	if err != nil {
		t.Skip(err)
	}
	opts := luabpfc.DefaultOptions()
	opts.OptLevel, opts.BTF = level, func() ([]byte, error) { return btf, nil }
	return compileAs(t, "emit.lua", rawScript, opts)
}

// TestRaw puts raw instructions between those of a program: the registers that are not
// theirs, and the frame above theirs, are as they were.
func TestRaw(t *testing.T) {
	needKernel(t)
	for _, level := range []int{0, 2} {
		raw, err := rawObject(t, level).Raw()
		if err != nil {
			t.Fatal(err)
		}
		out, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 64, MaxEntries: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.RawTracepoint, License: "GPL", Instructions: rawHost(t, raw, out.FD())})
		if err != nil {
			t.Fatalf("O%d: %+v", level, err)
		}
		defer prog.Close()
		ret, err := prog.Run(&ebpf.RunOptions{Context: make([]uint64, 2)})
		if err != nil || ret != 1 {
			t.Errorf("O%d: the host returns %d, want 1: its registers or its frame changed (%v)", level, ret, err)
		}
		var got []byte
		if err := out.Lookup(uint32(0), &got); err != nil {
			t.Fatal(err)
		}
		pid := binary.NativeEndian.AppendUint32(nil, uint32(os.Getpid()))
		want := append(binary.NativeEndian.AppendUint16(bytes.Clone(pid), 0xfffe), 1, 16)
		want = append(append(want, pid...), make([]byte, 52)...)
		if !bytes.Equal(got, want) {
			t.Errorf("O%d: the 64 bytes are %x, want %x", level, got, want)
		}
	}
}

// rawHost is a program around raw instructions: what ipftrace2's has in registers and
// on the stack.
func rawHost(t *testing.T, raw []byte, out int) asm.Instructions {
	const data, guard = -320, -384
	insns := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1), asm.FnGetCurrentTask.Call(), asm.Mov.Reg(asm.R7, asm.R0),
		asm.Mov.Imm(asm.R8, 1111), asm.Mov.Imm(asm.R9, 2222),
		asm.Mov.Imm(asm.R1, 3333), asm.StoreMem(asm.R10, guard, asm.R1, asm.DWord), asm.Mov.Imm(asm.R1, 0)}
	for i := range int16(8) {
		insns = append(insns, asm.StoreMem(asm.R10, data+8*i, asm.R1, asm.DWord))
	}
	insns = append(insns, asm.Mov.Reg(asm.R1, asm.R10), asm.Add.Imm(asm.R1, data), asm.Mov.Reg(asm.R2, asm.R6), asm.Mov.Reg(asm.R3, asm.R7), asm.Mov.Imm(asm.R4, 0))
	var order binary.ByteOrder = binary.LittleEndian
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		order = binary.BigEndian
	}
	insns, err := asm.AppendInstructions(insns, bytes.NewReader(raw), order, "linux")
	if err != nil {
		t.Fatal(err)
	}
	return append(insns,
		asm.JNE.Imm(asm.R8, 1111, "bad"), asm.JNE.Imm(asm.R9, 2222, "bad"),
		asm.LoadMem(asm.R1, asm.R10, guard, asm.DWord), asm.JNE.Imm(asm.R1, 3333, "bad"),
		asm.LoadMem(asm.R1, asm.R6, 0, asm.DWord), // still the context
		asm.JEq.Imm(asm.R7, 0, "bad"),
		asm.StoreImm(asm.R10, -4, 0, asm.Word),
		asm.LoadMapPtr(asm.R1, out), asm.Mov.Reg(asm.R2, asm.R10), asm.Add.Imm(asm.R2, -4),
		asm.Mov.Reg(asm.R3, asm.R10), asm.Add.Imm(asm.R3, data), asm.Mov.Imm(asm.R4, 0), asm.FnMapUpdateElem.Call(),
		asm.Mov.Imm(asm.R0, 1), asm.Return(),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("bad"), asm.Return())
}

// TestIpftScript runs the script that wraps raw instructions.
func TestIpftScript(t *testing.T) {
	obj := rawObject(t, 2)
	raw, err := obj.Raw()
	if err != nil {
		t.Fatal(err)
	}
	text, err := obj.IpftScript("emit.lua")
	if err != nil {
		t.Fatal(err)
	}
	text += "\nio.write(emit(), dump('\\255\\0\\0\\0\\254\\255\\1\\7\\1\\2\\0\\0' .. string.rep('\\0', 52)))"
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		t.Skip("the bytes are a little-endian machine's")
	}
	for _, lua := range []string{"lua5.1", "lua5.4"} {
		needTool(t, lua)
		cmd := exec.Command(lua, "-")
		cmd.Stdin = strings.NewReader(text)
		got, err := cmd.CombinedOutput()
		if want := string(raw) + "tgid: 0xff a: -2 b: true c: 7 me: 513"; err != nil || string(got) != want {
			t.Errorf("%s: %v: %q, want %q", lua, err, got, want)
		}
	}
}

// TestRawRefuses shows what can't be written raw.
func TestRawRefuses(t *testing.T) {
	for _, c := range [][2]string{
		{"bpf.xdp(function() return 1 end)", "raw instructions are those of one function: the script declares 0 by bpf.func"},
		{"bpf.func('int f(int a)', function(a) return a end) bpf.func('int g(int a)', function(a) return a end)", "the script declares 2"},
		{"local m = bpf.map('array', 1) bpf.func('int f(int a)', function(a) return m[0] end)", "raw instructions can't refer to 'm': nothing fills in its address"},
		{"local v = bpf.global('int') bpf.func('int f(int a)', function(a) return v[0] end)", "raw instructions can't refer to 'v'"},
		{"ffi.cdef 'struct x { int m; } __attribute__((preserve_access_index));' bpf.func('int f(struct x *x)', function(x) return x.m end)",
			"where a kernel has 'm' of 'struct x' must come from its BTF (--btf FILE), not from a declaration of the script's"},
		{"local function big(t) return t[0] + t[1] end bpf.func('int f(int a)', function(a) local t = ffi.new('uint8_t [300]') bpf.helper.probe_read_kernel(t, a) return t[200] end)",
			"raw instructions have 256 bytes of stack; these need 304"},
	} {
		obj, err := luabpfc.Compile(luabpfc.Source{Name: "f.lua", Text: c[0]}, luabpfc.DefaultOptions())
		if err != nil {
			t.Errorf("%s: %v", c[0], err)
			continue
		}
		if _, err := obj.Raw(); err == nil || !strings.Contains(err.Error(), c[1]) {
			t.Errorf("%s: %v, want %s", c[0], err, c[1])
		}
	}
}
