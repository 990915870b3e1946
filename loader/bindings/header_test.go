package bindings_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/luabpfc/luabpfc/loader/bindings"
)

// gcc compiles C, which must be without a warning.
func gcc(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.c")
	write(t, path, []byte(text))
	if out, err := exec.Command("gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", path).CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s\n%s", name, err, out, text)
	}
}

func needGCC(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		if os.Getenv("LUABPFC_REQUIRE_TOOLS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// TestHeader holds sizes, offsets and types in a header to what C makes of it.
func TestHeader(t *testing.T) {
	needGCC(t)
	text, err := read(t, "testdata/drive/flows/flows.lua", false).Header("flows", "a test")
	if err != nil {
		t.Fatal(err)
	}
	c := string(text) + string(text) + "#include <string.h>\n"
	for _, s := range []string{"sizeof(struct addr) == 8", "sizeof(struct flow) == 20", "sizeof(struct state) == 56", "sizeof(struct event) == 20",
		"sizeof(struct config) == 8", "sizeof(union extra) == 8", "_Alignof(struct event) == 1", "_Alignof(struct state) == 8",
		"offsetof(struct flow, to) == 8", "offsetof(struct flow, proto) == 16", "offsetof(struct state, bytes) == 8", "offsetof(struct state, sizes) == 26",
		"offsetof(struct state, extra) == 32", "offsetof(struct state, tag) == 40", "offsetof(struct state, parts) == 40", "offsetof(struct state, verdict) == 44",
		"offsetof(struct state, last) == 48", "offsetof(struct event, length) == 1", "offsetof(struct event, port) == 5", "offsetof(struct event, name) == 7",
		"offsetof(struct event, from) == 12", "VERDICT_DROP == 200", "sizeof(flows_flows_key) == 20", "sizeof(flows_events_record) == 20",
		"sizeof(flows_total_type) == 8", "sizeof(((flows_config_type *)0)->enabled) == sizeof(bool)", "sizeof(FLOWS_MAP_FLOWS) == 6"} {
		c += fmt.Sprintf("_Static_assert(%s, \"\");\n", s)
	}
	gcc(t, "flows", c+"int f(struct state *s) { s->level = 3; s->delta = -1; s->extra.half.low = s->tag; return s->verdict == VERDICT_LOG; }\n")
}

// layoutTests are structures that C lays out in its own ways.
var layoutTests = map[string]struct{ decl, asserts string }{
	"packed inside":      {"struct __attribute__((packed)) in { uint8_t a; uint32_t b; }; struct s { uint8_t a; struct in in; uint16_t c; };", "offsetof(struct s, in) == 1 && offsetof(struct s, c) == 6 && sizeof(struct s) == 8"},
	"aligned":            {"struct s { uint8_t a; uint32_t b __attribute__((aligned(16))); };", "offsetof(struct s, b) == 16 && sizeof(struct s) == 32"},
	"bits behind bits":   {"struct s { uint32_t a : 30, b : 4; uint8_t c : 3; uint64_t d : 40; };", "sizeof(struct s) == 16"},
	"packed bits":        {"struct __attribute__((packed)) s { uint8_t a : 3; uint32_t b : 20; uint16_t c; };", "offsetof(struct s, c) == 3 && sizeof(struct s) == 5"},
	"a gap in bits":      {"struct s { uint32_t a : 3; uint32_t : 7; uint32_t b : 5; };", "sizeof(struct s) == 4"},
	"nested, no names":   {"struct s { uint8_t k; union { struct { uint16_t lo, hi; }; uint32_t both; }; uint8_t tail[3]; };", "offsetof(struct s, hi) == 6 && offsetof(struct s, tail) == 8 && sizeof(struct s) == 12"},
	"arrays of arrays":   {"struct s { uint16_t a[2][3]; char c[4]; bool b; };", "offsetof(struct s, c) == 12 && sizeof(struct s) == 18"},
	"a pointer":          {"struct s { uint32_t a; void *p; };", "offsetof(struct s, p) == 8 && sizeof(struct s) == 16"},
	"a definition alone": {"typedef struct { uint32_t a; uint64_t b; } t; struct s { t t; uint8_t c; };", "offsetof(struct s, c) == 16 && sizeof(t) == 16"},
}

// layoutScript is a script that sends the structure s of such declarations.
func layoutScript(t *testing.T, decl string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "s.lua")
	write(t, path, []byte("ffi.cdef [[ "+decl+" ]]\nlocal m = bpf.map('ringbuf', 4096, nil, 'struct s')\nbpf.xdp(function() m:output {} return XDP_PASS end)\n"))
	return path
}

// TestHeaderLayouts writes headers, with the offsets that BTF has.
func TestHeaderLayouts(t *testing.T) {
	needGCC(t)
	for name, tc := range layoutTests {
		path := layoutScript(t, tc.decl)
		for _, big := range []bool{false, true} {
			text, err := read(t, path, big).Header("x", "a test")
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if !strings.Contains(string(text), "typedef struct s x_m_record;") {
				t.Errorf("%s: no record:\n%s", name, text)
			}
			gcc(t, name, string(text)+"_Static_assert("+tc.asserts+", \"\");\n")
		}
	}
}

// TestGoLayouts has the Go compiler check the sizes.
func TestGoLayouts(t *testing.T) {
	dir, n := goModule(t), 0
	for _, tc := range layoutTests {
		o := read(t, layoutScript(t, tc.decl), false)
		text, err := o.Go(bindings.Options{Package: "p", Name: "S", Object: "obj.o", Command: "a test"})
		if err != nil {
			t.Errorf("%s: %v", tc.decl, err)
			continue
		}
		n++
		to := filepath.Join(dir, fmt.Sprintf("p%d", n))
		write(t, filepath.Join(to, "obj.go"), text)
		write(t, filepath.Join(to, "obj.o"), o.ELF)
	}
	goTool(t, dir, "vet", "./...")
}

// TestForeign writes bindings of an object that clang made: a record type given as
// the map's value, or by the caller; types that a map and a variable share.
func TestForeign(t *testing.T) {
	clang, err := exec.LookPath("clang")
	if err != nil {
		t.Skip(err)
	}
	needGCC(t)
	dir := goModule(t)
	object := filepath.Join(dir, "p", "obj.o")
	write(t, filepath.Join(dir, "p", "x.c"), []byte(foreign))
	if out, err := exec.Command(clang, "-target", "bpf", "-g", "-O2", "-c", filepath.Join(dir, "p", "x.c"), "-o", object).CombinedOutput(); err != nil {
		t.Fatalf("clang: %v\n%s", err, out)
	}
	if err := os.Remove(filepath.Join(dir, "p", "x.c")); err != nil {
		t.Fatal(err)
	}
	elf, err := os.ReadFile(object)
	if err != nil {
		t.Fatal(err)
	}
	o, err := bindings.Read(elf)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.SetRecord("perf", "event"); err != nil {
		t.Fatal(err)
	}
	text, err := o.Go(bindings.Options{Package: "p", Name: "Obj", Object: "obj.o", Command: "a test"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"func NewObjEventReader(", "func NewObjEventPerfReader(", "key ObjKey, value [4]uint64", "// ObjKind, in .rodata", "\tKind  ObjKind\n", "Raw12 [4]byte"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	write(t, filepath.Join(dir, "p", "obj.go"), text)
	goTool(t, dir, "vet", "./...")
	header, err := o.Header("obj", "a test")
	if err != nil {
		t.Fatal(err)
	}
	gcc(t, "foreign", string(header)+"_Static_assert(sizeof(struct event) == 48 && offsetof(struct event, p) == 16 && sizeof(obj_tab_key) == 16, \"\");\n")
}

const foreign = `
#define SEC(name) __attribute__((section(name), used))
#define UINT(name, n) int (*name)[n]
typedef unsigned int __be32;
enum kind { KIND_A, KIND_B = 7 };
struct event { unsigned char a; enum kind kind; union { unsigned x; unsigned char y[4]; } u; int flag : 3; unsigned rest : 29; void *p; char comm[16]; _Bool b; };
typedef struct { __be32 ip; unsigned long n; } key;
struct { UINT(type, 27); UINT(max_entries, 4096); struct event *value; } events SEC(".maps");
struct { UINT(type, 1); UINT(max_entries, 16); key *key; unsigned long (*value)[4]; } tab SEC(".maps");
struct { UINT(type, 4); UINT(key_size, 4); UINT(value_size, 4); } perf SEC(".maps");
volatile const enum kind mode = KIND_B;
int threshold[3];
SEC("xdp") int prog(void *ctx) { return threshold[1]; }
char _license[] SEC("license") = "GPL";
`
