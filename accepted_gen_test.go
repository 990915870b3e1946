package luabpfc_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// writer writes random scripts for TestAccepted. Where generator keeps to what
// a reference evaluator can follow, it goes for what the kernel's verifier has
// to follow: entries and stack objects with arrays indexed at run time, struct
// keys, packet writes, ring buffers, atomics, globals, helpers. Nobody says
// what a script's result is.
type writer struct {
	scribe
	depth   int
	loops   int      // around here
	left    int      // statements that may still be written
	ints    []string // variables in scope that hold a number
	structs []string // variables in scope that refer to a struct s
	members []writtenMember
	kind    *writtenKind
	opts    luabpfc.Options // what the script will be compiled for
	on      []*production
	// fixed: nothing that the kernel allows only with privilege; straight: no
	// loops, which without privilege mostly are too much for it; alike: nothing
	// that the interpreter does not do as the kernel does.
	fixed, straight, alike bool
}

// writtenKind is a kind of program that scripts are written for.
type writtenKind struct {
	open, ctx string
	fields    []string // of the context, to read
	writable  []string
	packet    bool // bytes may be written
	ip        bool // the packet begins with the network header
}

var writtenKinds = []*writtenKind{
	{"bpf.socket(function(ctx)", "socket", []string{"len", "mark", "priority", "protocol", "hash", "cb[1]"}, []string{"cb[1]"}, false, false},
	{"bpf.xdp(function(ctx)", "xdp", []string{"ingress_ifindex", "rx_queue_index"}, nil, true, false},
	{"bpf.tc(function(ctx)", "tc", []string{"len", "mark", "priority", "protocol", "tc_index", "cb[2]"}, []string{"mark", "priority", "cb[2]"}, true, false},
	{"bpf.cgroup('skb/egress', function(ctx)", "cgroup", []string{"len", "mark", "priority", "protocol"}, []string{"mark", "priority"}, false, true},
}

// writtenMember is a member of the scripts' struct s.
type writtenMember struct{ decl, access string }

// A struct of the scripts has some of these members in some order; the first
// three are in each.
var writtenMembers = []writtenMember{
	{"uint8_t a;", "a"}, {"uint32_t c;", "c"}, {"uint64_t d;", "d"}, {"int16_t b;", "b"}, {"int64_t e;", "e"}, {"__be16 port;", "port"},
	{"__be32 addr;", "addr"}, {"uint32_t low : 5, high : 11;", "high"}, {"uint64_t wide : 40;", "wide"}, {"struct { uint8_t x; uint32_t y; } n;", "n.y"},
	{"uint32_t arr[8];", "arr[%s]"}, {"uint8_t bytes[13];", "bytes[%s]"}, {"struct { uint16_t p; uint64_t q; } list[3];", "list[%s].q"},
}

// before reports whether the target is older than a kernel.
func (w *writer) before(major, minor int) bool {
	return w.opts.Kernel.Before(kernel.Version{Major: major, Minor: minor})
}

// unlikeProductions and unlikeFields are what runs in the interpreter and in the
// kernel may differ in: time, chance, and what a test run can't set.
var (
	unlikeProductions = map[string]bool{"helper": true, "comm": true, "print": true, "tail call": true, "struct key": true, "inner map": true, "perf": true,
		"bloom": true, "move": true, "load bytes": true, "csum helper": true}
	unlikeFields = map[string]bool{"hash": true, "rx_queue_index": true, "tc_index": true, "protocol": true, "ingress_ifindex": true}
)

var privilegedProductions = map[string]bool{"comm": true, "print": true, "has": true, "buffer": true, "text": true, "copy": true, "grid": true, "slice": true,
	"array value": true, "cast struct": true, "characters": true, "load bytes": true, "set": true, "pointer": true, "each": true}

// production is a kind of statement.
type production struct {
	name   string
	weight int
	write  func(w *writer)
}

// script returns a random script of the given productions.
func (w *writer) script() string {
	w.members = slices.Clone(writtenMembers[:3])
	for _, m := range writtenMembers[3:] {
		if w.r.IntN(3) == 0 {
			w.members = append(w.members, m)
		}
	}
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
		if uses(d.name) || d.name == "inner" && (uses("outer") || uses("byhash")) {
			body += d.text
			fmt.Fprintf(&b, "local %s = %s\n", d.name, d.text)
		}
	}
	if uses("progs") {
		b.WriteString(w.progs())
	}
	if !strings.Contains(body, "struct ") {
		return b.String()
	}
	var members strings.Builder
	for _, i := range w.r.Perm(len(w.members)) {
		fmt.Fprintf(&members, "  %s\n", w.members[i].decl)
	}
	return "ffi.cdef [[\nstruct k { uint8_t a; uint32_t b; uint16_t c; };\nstruct rec { uint8_t kind; __be16 port; int8_t neg; uint8_t lo : 3, hi : 5; uint8_t tail[3]; } __attribute__((packed));\nstruct s {\n" + members.String() + "  char name[16];\n};\n]]\n" + b.String()
}

// writtenDeclarations are what scripts may use.
var writtenDeclarations = []struct{ name, text string }{
	{"h64", "bpf.map('hash', 16, 'uint32_t', 'uint64_t')"}, {"a64", "bpf.map('array', 8, 'uint32_t', 'int64_t')"},
	{"a8", "bpf.map('percpu_array', 8, 'uint32_t', 'int8_t')"},
	{"hs", "bpf.map('hash', 16, 'uint32_t', 'struct s')"}, {"as", "bpf.map('array', 4, 'uint32_t', 'struct s')"},
	{"ps", "bpf.map('percpu_hash', 4, 'uint32_t', 'struct s')"}, {"hk", "bpf.map('hash', 16, 'struct k', 'uint64_t')"},
	{"lk", "bpf.map('lru_hash', 16, 'struct k', 'struct s')"}, {"q", "bpf.map('queue', 8, nil, 'uint64_t')"},
	{"rb", "bpf.map('ringbuf', 4096, nil, 'struct s')"}, {"pe", "bpf.map('perf_event_array')"},
	{"inner", "bpf.map('array', 4)"}, {"outer", "bpf.map('array_of_maps', 4, nil, nil, { inner = inner })"},
	{"byhash", "bpf.map('hash_of_maps', 4, nil, nil, { inner = inner })"}, {"bloom", "bpf.map('bloom_filter', 64, nil, 'uint32_t')"},
	{"lpm", "bpf.map('lpm_trie', 16, 'struct { uint32_t len; __be32 addr; }', 'uint32_t')"}, {"st", "bpf.map('stack', 4, nil, 'uint32_t')"},
	{"qs", "bpf.map('queue', 4, nil, 'struct k')"}, {"grids", "bpf.map('array', 4, 'uint32_t', 'uint16_t [3][4]')"},
	{"g64", "bpf.global('uint64_t', 5)"}, {"gs", "bpf.global('struct s')"}, {"T", "{ 5, 9, 1000, 3, 77 }"},
}

// stmt writes a statement.
func (w *writer) stmt() {
	w.left--
	total := 0
	for _, p := range w.on {
		total += p.weight
	}
	n := w.r.IntN(total)
	for _, p := range w.on {
		if n -= p.weight; n >= 0 {
			continue
		}
		if w.alike && unlikeProductions[p.name] || w.fixed && privilegedProductions[p.name] {
			writeAssign(w)
		} else {
			p.write(w)
		}
		return
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
	leaf := w.pick("#pkt", "(h64[1] or 3)", "(a64[n0] or 7)", "(a8[2] + 0)", "T[1 + 2]", "cpu()", "rand()", "n0")
	switch {
	case w.alike && leaf == "rand()":
		return "3"
	case w.fixed && leaf == "#pkt" && w.kind.ctx == "xdp":
		return "pkt[3]"
	}
	return leaf
}

func (w *writer) field() string {
	f := w.kind.fields[w.r.IntN(len(w.kind.fields))]
	if w.alike && unlikeFields[f] {
		return "#pkt"
	}
	return "ctx." + f
}

// member is a place in a struct in scope.
func (w *writer) member() string {
	return w.of(w.structs[w.r.IntN(len(w.structs))])
}

func (w *writer) of(ref string) string {
	m := w.members[w.r.IntN(len(w.members))].access
	if strings.Contains(m, "%s") {
		m = fmt.Sprintf(m, w.index())
	}
	return ref + "." + m
}

func (w *writer) index() string {
	if w.fixed {
		return w.pick("0", "1", "2")
	}
	v := w.ints[w.r.IntN(len(w.ints))]
	return w.pick("0", "2", v, "("+v+" & 7)", "("+v+" % 3)", "("+v+" + 1)", "("+v+" - 5)")
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
