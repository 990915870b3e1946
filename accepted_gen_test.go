package luabpfc_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
)

// writer writes random scripts for TestAccepted. Where generator keeps to what
// a reference evaluator can follow, it goes for what the kernel's verifier has
// to follow: entries and stack objects with arrays indexed at run time, struct
// keys, packet writes, ring buffers, atomics, globals, helpers. Nobody says
// what a script's result is.
type writer struct {
	r       *rand.Rand
	b       strings.Builder
	indent  int
	depth   int
	loops   int      // around here
	left    int      // statements that may still be written
	ints    []string // variables in scope that hold a number
	structs []string // variables in scope that refer to a struct s
	names   int
	kind    *writtenKind
	on      []*production
}

// writtenKind is a kind of program that scripts are written for.
type writtenKind struct {
	open, ctx string
	fields    []string // of the context, to read
	writable  []string
	packet    bool // bytes may be written
}

var writtenKinds = []*writtenKind{
	{"bpf.socket(function(ctx)", "socket", []string{"len", "mark", "priority", "protocol", "hash", "cb[1]"}, []string{"cb[1]"}, false},
	{"bpf.xdp(function(ctx)", "xdp", []string{"ingress_ifindex", "rx_queue_index"}, nil, true},
	{"bpf.tc(function(ctx)", "tc", []string{"len", "mark", "priority", "protocol", "tc_index", "cb[2]"}, []string{"mark", "priority", "cb[2]"}, true},
	{"bpf.cgroup('skb/egress', function(ctx)", "cgroup", []string{"len", "mark", "priority", "protocol"}, []string{"mark", "priority"}, false},
}

// A struct of the scripts has these members in some order.
var writtenMembers = []struct{ decl, access string }{
	{"uint8_t a;", "a"}, {"int16_t b;", "b"}, {"uint32_t c;", "c"}, {"uint64_t d;", "d"}, {"int64_t e;", "e"}, {"__be16 port;", "port"},
	{"__be32 addr;", "addr"}, {"uint32_t low : 5, high : 11;", "high"}, {"uint64_t wide : 40;", "wide"}, {"struct { uint8_t x; uint32_t y; } n;", "n.y"},
	{"uint32_t arr[8];", "arr[%s]"}, {"uint8_t bytes[13];", "bytes[%s]"}, {"struct { uint16_t p; uint64_t q; } list[3];", "list[%s].q"},
}

// production is a kind of statement.
type production struct {
	name   string
	weight int
	write  func(w *writer)
}

// script returns a random script of the given productions.
func (w *writer) script() string {
	w.function()
	w.line("%s", w.kind.open)
	w.indent++
	w.line("local n0 = %s", w.field())
	w.ints = []string{"n0"}
	w.left = 4 + w.r.IntN(22)
	for w.left > 0 {
		w.stmt()
	}
	w.line("return %s & 1", w.num(1))
	w.indent--
	w.line("end, { on_short = %d })", w.r.IntN(2))
	return w.declarations() + w.b.String()
}

// function writes one large enough for a subprogram.
func (w *writer) function() {
	w.line("local function touch(p, x) p.d = p.d + x return p.c end")
	w.line("local function big(x, n0)")
	w.indent++
	w.ints = []string{"x"}
	w.line("local y = x")
	w.ints = append(w.ints, "y")
	for range 3 {
		w.line("if x %s %d then y = y * %d + x end", w.pick("<", "==", ">="), w.r.IntN(1000), w.r.IntN(100))
	}
	w.line("return y")
	w.indent--
	w.line("end")
}

// declarations are what the script so far uses of maps, globals and types.
func (w *writer) declarations() string {
	body := w.b.String()
	var b strings.Builder
	uses := func(name string) bool { return regexp.MustCompile(`\b` + name + `\b`).MatchString(body) }
	for _, d := range writtenDeclarations {
		if uses(d.name) {
			body += d.text
			fmt.Fprintf(&b, "local %s = %s\n", d.name, d.text)
		}
	}
	if !strings.Contains(body, "struct ") {
		return b.String()
	}
	var members strings.Builder
	for _, i := range w.r.Perm(len(writtenMembers)) {
		fmt.Fprintf(&members, "  %s\n", writtenMembers[i].decl)
	}
	return "ffi.cdef [[\nstruct k { uint8_t a; uint32_t b; uint16_t c; };\nstruct s {\n" + members.String() + "  char name[16];\n};\n]]\n" + b.String()
}

// writtenDeclarations are what scripts may use.
var writtenDeclarations = []struct{ name, text string }{
	{"h64", "bpf.map('hash', 16, 'uint32_t', 'uint64_t')"}, {"a64", "bpf.map('array', 8, 'uint32_t', 'int64_t')"},
	{"a8", "bpf.map('percpu_array', 8, 'uint32_t', 'int8_t')"},
	{"hs", "bpf.map('hash', 16, 'uint32_t', 'struct s')"}, {"as", "bpf.map('array', 4, 'uint32_t', 'struct s')"},
	{"ps", "bpf.map('percpu_hash', 4, 'uint32_t', 'struct s')"}, {"hk", "bpf.map('hash', 16, 'struct k', 'uint64_t')"},
	{"lk", "bpf.map('lru_hash', 16, 'struct k', 'struct s')"}, {"q", "bpf.map('queue', 8, nil, 'uint64_t')"},
	{"rb", "bpf.map('ringbuf', 4096, nil, 'struct s')"}, {"pe", "bpf.map('perf_event_array')"},
	{"g64", "bpf.global('uint64_t', 5)"}, {"gs", "bpf.global('struct s')"}, {"T", "{ 5, 9, 1000, 3, 77 }"},
}

func (w *writer) line(format string, args ...any) {
	w.b.WriteString(strings.Repeat("  ", w.indent))
	fmt.Fprintf(&w.b, format, args...)
	w.b.WriteByte('\n')
}

func (w *writer) name(prefix string) string {
	w.names++
	return fmt.Sprintf("%s%d", prefix, w.names)
}

func (w *writer) pick(list ...string) string { return list[w.r.IntN(len(list))] }

// stmt writes a statement.
func (w *writer) stmt() {
	w.left--
	total := 0
	for _, p := range w.on {
		total += p.weight
	}
	n := w.r.IntN(total)
	for _, p := range w.on {
		if n -= p.weight; n < 0 {
			p.write(w)
			return
		}
	}
}

// body writes a block.
func (w *writer) body() {
	ints, structs := len(w.ints), len(w.structs)
	w.indent++
	w.depth++
	for n := 1 + w.r.IntN(3); n > 0; n-- {
		if w.depth > 4 || w.left <= 0 {
			writeAssign(w)
		} else {
			w.stmt()
		}
	}
	w.depth--
	w.indent--
	w.ints, w.structs = w.ints[:ints], w.structs[:structs]
}

// num is an expression that gives a number.
func (w *writer) num(depth int) string {
	if depth <= 0 {
		return w.leaf()
	}
	a, b := w.num(depth-1), w.num(depth-w.r.IntN(2)-1)
	switch w.r.IntN(14) {
	case 0, 1, 2:
		return fmt.Sprintf("(%s %s %s)", a, w.pick("+", "-", "*"), b)
	case 3:
		return fmt.Sprintf("(%s %s %s)", a, w.pick("/", "%", "//"), b)
	case 4, 5:
		return fmt.Sprintf("(%s %s %s)", a, w.pick("&", "|", "~"), b)
	case 6:
		return fmt.Sprintf("(%s %s %d)", a, w.pick("<<", ">>"), w.r.IntN(64))
	case 7:
		return fmt.Sprintf("(%s and %s or %s)", w.cond(depth-1), a, b)
	case 8:
		return fmt.Sprintf("(%s & %d)", a, int64(1)<<w.r.IntN(16)-1)
	case 9:
		return fmt.Sprintf("bpf.%s(%s)", w.pick("u8", "s16", "u32", "s32", "u16"), a)
	}
	return w.leaf()
}

func (w *writer) leaf() string {
	switch n := w.r.IntN(20); {
	case n < 9:
		return w.ints[w.r.IntN(len(w.ints))]
	case n < 12:
		return fmt.Sprint(interesting(w.r) >> w.r.IntN(64) & (1<<63 - 1))
	case n < 14:
		return fmt.Sprint(w.r.IntN(20))
	case n < 15:
		return w.field()
	case n < 17 && len(w.structs) > 0:
		return w.member()
	}
	return w.pick("#pkt", "(h64[1] or 3)", "(a64[n0] or 7)", "(a8[2] + 0)", "T[1 + 2]", "cpu()", "rand()", "n0")
}

func (w *writer) field() string {
	return "ctx." + w.kind.fields[w.r.IntN(len(w.kind.fields))]
}

// member is a place in a struct in scope.
func (w *writer) member() string {
	return w.of(w.structs[w.r.IntN(len(w.structs))])
}

func (w *writer) of(ref string) string {
	m := writtenMembers[w.r.IntN(len(writtenMembers))].access
	if strings.Contains(m, "%s") {
		m = fmt.Sprintf(m, w.index())
	}
	return ref + "." + m
}

func (w *writer) index() string {
	v := w.ints[w.r.IntN(len(w.ints))]
	return w.pick("0", "2", v, v+" & 7", v+" % 3", v+" + 1", "("+v+" - 5)")
}

func (w *writer) cond(depth int) string {
	if depth > 0 && w.r.IntN(4) == 0 {
		return fmt.Sprintf("(%s %s %s)", w.cond(depth-1), w.pick("and", "or"), w.cond(depth-1))
	}
	switch w.r.IntN(8) {
	case 0:
		return "not (" + w.cond(0) + ")"
	case 1:
		return w.pick("h64[3]", "hs[n0]", "h64[n0] == nil", "pkt.ip", "pkt.ip.tcp", "pkt.ip6")
	}
	return fmt.Sprintf("%s %s %s", w.num(depth), w.pick("==", "~=", "<", "<=", ">", ">="), w.leaf())
}
