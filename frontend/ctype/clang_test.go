package ctype

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
)

// declarations is how many the generator makes for each byte order.
const declarations = 800

// generator makes C declarations, and counts what they consist of.
type generator struct {
	*rand.Rand
	b      strings.Builder
	counts map[string]int
	has    map[string]bool // of the current declaration
	next   int             // name
	depth  int
}

func (g *generator) p(format string, args ...any) { fmt.Fprintf(&g.b, format, args...) }

func (g *generator) chance(n int, what string) bool {
	if g.IntN(n) != 0 {
		return false
	}
	if what != "" {
		g.has[what] = true
	}
	return true
}

func pick[T any](g *generator, xs ...T) T { return xs[g.IntN(len(xs))] }

// scalars are types for bit-fields, too; with their widths.
var scalars = []struct {
	name  string
	width int
}{{"char", 8}, {"unsigned char", 8}, {"short", 16}, {"unsigned short", 16}, {"int", 32}, {"unsigned", 32}, {"long", 64},
	{"unsigned long long", 64}, {"_Bool", 1}, {"enum color", 32}, {"enum wide", 64}, {"enum small", 8}, {"over", 32}, {"under", 64}}

// prelude declares what members are made of. over is more aligned than its
// type, under less.
const prelude = `
enum color { RED, GREEN = 7, BLUE }; enum wide { LOW = -1, HIGH = 1L << 40 }; enum __attribute__((packed)) small { TINY, LITTLE = 200 };
typedef int over __attribute__((aligned(16))); typedef long under __attribute__((aligned(2)));
typedef struct { char c; int i; } pair; typedef struct { short s; char c; } __attribute__((packed)) tight;
struct list { struct list *next; char name[4 * sizeof(int) - LITTLE / 100]; };
`

func (g *generator) name() string {
	g.next++
	return fmt.Sprintf("m%d", g.next)
}

// attrs writes attributes of a member or record.
func (g *generator) attrs(one int) {
	if g.chance(one, "packed") {
		g.p(" %s", pick(g, "__attribute__((packed))", "__attribute__((__packed__))"))
	}
	if g.chance(one, "aligned") {
		g.p(" __attribute__((aligned%s))", pick(g, "", "(1)", "(2)", "(4)", "(8)", "(16)", "(1 << 5)", "(sizeof(int))"))
	}
}

// record writes the body of a struct or union, with attributes.
func (g *generator) record() {
	g.p("{ ")
	for n := 1 + g.IntN(7); n > 0; n-- {
		g.member()
	}
	g.p("}")
	g.attrs(5)
}

func (g *generator) member() {
	g.depth++
	defer func() { g.depth-- }()
	switch k := g.IntN(12); {
	case k < 4:
		g.has["bit-field"] = true
		s := scalars[g.IntN(len(scalars))]
		g.p("%s ", s.name)
		switch g.IntN(8) {
		case 0:
			g.p(": 0")
		case 1:
			g.p(": %d", 1+g.IntN(s.width))
		default:
			g.p("%s : %d", g.name(), 1+g.IntN(s.width))
		}
		g.attrs(12)
	case k < 6 && g.depth < 4:
		kind := pick(g, "struct", "union")
		if kind == "union" {
			g.has["union"] = true
		}
		g.p("%s ", kind)
		g.record()
		if g.chance(2, "") {
			g.p(" %s", g.name())
			if g.chance(3, "") {
				g.p("[%d]", g.IntN(3))
			}
		} else {
			g.has["anonymous"] = true
		}
	case k < 7:
		g.p("%s %s", pick(g, "pair", "tight", "struct list", "const pair", "enum small"), g.name())
	case k < 8:
		g.p("%s", fmt.Sprintf(pick(g, "struct list *%s", "void *const %s", "int (*%s)(int, void *)", "char *(*%s[2])(void)", "pair (*%s)[3]"), g.name()))
	default:
		s := scalars[g.IntN(len(scalars))]
		g.p("%s %s", s.name, g.name())
		if s.name != "over" && s.name != "under" {
			for g.chance(4, "array") {
				g.p("[%s]", pick(g, "1", "2", "3", "7", "LITTLE - 195", "'c' & 3"))
			}
		}
		g.attrs(12)
	}
	g.p("; ")
}

// generate returns n declarations of struct s0, s1, ... or union.
func generate(seed uint64, n int) (decls []string, counts map[string]int) {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1)), counts: map[string]int{}}
	for i := range n {
		g.b.Reset()
		g.has = map[string]bool{}
		kind := "struct"
		if g.chance(4, "union") {
			kind = "union"
		}
		g.p("%s", kind)
		g.attrs(12)
		g.p(" s%d ", i)
		g.record()
		g.p(";\n")
		for what := range g.has {
			g.counts[what]++
		}
		decls = append(decls, g.b.String())
	}
	return decls, g.counts
}

// clang returns the C compiler; without one the test is skipped, or fails with
// LUABPFC_REQUIRE_TOOLS=1.
func clang(t *testing.T) string {
	for _, name := range []string{"clang-22", "clang"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("LUABPFC_REQUIRE_TOOLS") == "1" {
		t.Fatal("clang is not installed")
	}
	t.Skip("clang is not installed")
	return ""
}

// compileC compiles a C text and returns its types, and its data section
// .rodata.
func compileC(t *testing.T, target, text string) (*btf.Spec, []byte) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "a.c"), filepath.Join(dir, "a.o")
	if err := os.WriteFile(in, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if msg, err := exec.Command(clang(t), "-target", target, "-g", "-O1", "-w", "-c", in, "-o", out).CombinedOutput(); err != nil {
		t.Fatalf("clang: %v\n%s", err, msg)
	}
	spec, err := btf.LoadSpec(out)
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := f.Section(".rodata").Data()
	if err != nil {
		t.Fatal(err)
	}
	return spec, data
}

// TestClang compares sizes, alignments and places of members with clang's.
func TestClang(t *testing.T) {
	for _, target := range []string{"bpfel", "bpfeb"} {
		t.Run(target, func(t *testing.T) { compareClang(t, target) })
	}
}

func compareClang(t *testing.T, target string) {
	decls, counts := generate(22, declarations)
	for _, what := range []string{"bit-field", "packed", "aligned", "union", "anonymous", "array"} {
		if counts[what] < 50 {
			t.Errorf("%d declarations with %s only", counts[what], what)
		}
	}
	var vars, table strings.Builder
	for i, d := range decls {
		kind := strings.TrimSuffix(d[:6], " ")
		fmt.Fprintf(&vars, "%s s%d v%d;\n", kind, i, i)
		fmt.Fprintf(&table, "sizeof(v%d), _Alignof(%s s%d), ", i, kind, i)
	}
	spec, data := compileC(t, target, prelude+strings.Join(decls, "")+vars.String()+"const unsigned table[] = { "+table.String()+"};\n")
	var order binary.ByteOrder = binary.LittleEndian
	if target == "bpfeb" {
		order = binary.BigEndian
	}
	sc := NewScope(target == "bpfeb")
	if err := sc.Declare(prelude); err != nil {
		t.Fatal(err)
	}
	for i, d := range decls {
		if err := sc.Declare(d); err != nil {
			t.Errorf("%s: %v", d, err)
			continue
		}
		ours := sc.tags[fmt.Sprintf("s%d", i)]
		size, align := int(order.Uint32(data[8*i:])), int(order.Uint32(data[8*i+4:]))
		if Size(ours) != size || sc.Alignof(ours) != align {
			t.Errorf("%ssize %d, alignment %d; clang has %d and %d", d, Size(ours), sc.Alignof(ours), size, align)
			continue
		}
		theirs, err := spec.AnyTypesByName(fmt.Sprintf("s%d", i))
		if err != nil {
			t.Errorf("%s: %v", d, err)
			continue
		}
		if diff := sameMembers(ours, theirs[0]); diff != "" {
			t.Errorf("%s%s", d, diff)
		}
	}
}

// sameMembers compares members, and those of records in them.
func sameMembers(a, b Type) string {
	x, y := Fields(a), Fields(b)
	if len(x) != len(y) {
		return fmt.Sprintf("%d members, clang has %d", len(x), len(y))
	}
	for i, m := range x {
		n := y[i]
		if m.Name != n.Name || m.Offset != n.Offset || m.BitfieldSize != n.BitfieldSize || Size(m.Type) != Size(n.Type) {
			return fmt.Sprintf("member %q at bit %d, %d bits, %d bytes; clang has %q at %d, %d bits, %d bytes",
				m.Name, m.Offset, m.BitfieldSize, Size(m.Type), n.Name, n.Offset, n.BitfieldSize, Size(n.Type))
		}
		if _, ok := Underlying(m.Type).(*btf.Int); ok && Signed(m.Type) != Signed(n.Type) {
			return fmt.Sprintf("member %q is signed: %v; to clang %v", m.Name, Signed(m.Type), Signed(n.Type))
		}
		if IsRecord(m.Type) {
			if diff := sameMembers(m.Type, n.Type); diff != "" {
				return diff
			}
		}
	}
	return ""
}
