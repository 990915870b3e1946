package luabpfc_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// generator writes random scripts of the kernel stage's subset that compile by
// construction: it keeps the kind of each variable, and the signedness of each
// number, so that what joins has one kind.
type generator struct {
	scribe
	vars     []genVar
	funcs    []genVar // functions of the script
	left     int      // statements that may still be written
	depth    int      // of blocks
	loops    []string // labels of the enclosing loops
	nested   int      // loops around here
	pure     int      // > 0: no calls, no statements' effects
	inFn     string   // kind that the function being written returns
	catching int      // > 0: in a pcall
	xdp      bool
}

// genVar is a variable. Kinds: "int", "uint", "bool"; "opt", an int or nil;
// "rec", a record of an int a and a uint b; "fn:KIND:N", a function of N ints.
type genVar struct {
	name, kind string
	fixed      bool // a loop's counter
}

// genMaps are the maps of each script: the type of its values decides what a
// read is.
var genMaps = []struct{ name, typ, key, value string }{
	{"a64", "array", "uint32_t", "int64_t"}, {"a32", "array", "uint32_t", "uint32_t"}, {"a8", "array", "uint32_t", "int8_t"},
	{"au", "percpu_array", "uint32_t", "uint64_t"}, {"abe", "array", "uint32_t", "__be32"},
	{"h64", "hash", "uint32_t", "int64_t"}, {"h16", "hash", "uint8_t", "int16_t"}, {"hu", "hash", "int64_t", "uint64_t"},
	{"h32", "percpu_hash", "__be16", "int32_t"},
}

const genEntries = 8 // of each map

var genTable = []int64{3, -7, 1 << 40, 0, 255, -1, 12, 1 << 31}

// script returns a random script.
func (g *generator) script() string {
	for _, m := range genMaps {
		g.line("local %s = bpf.map('%s', %d, '%s', '%s')", m.name, m.typ, genEntries, m.key, m.value)
	}
	var t []string
	for _, n := range genTable {
		t = append(t, strconv.FormatInt(n, 10))
	}
	g.line("local T = { %s }", strings.Join(t, ", "))
	g.line("local ON, OFF, K = true, false, %d", g.r.Int64N(100))
	for i := range g.r.IntN(3) {
		g.left = 6
		g.function(fmt.Sprintf("f%d", i))
	}
	g.left = 5 + g.r.IntN(25)
	g.xdp = g.r.IntN(3) == 0
	g.line("bpf.%s(function()", map[bool]string{true: "xdp", false: "socket"}[g.xdp])
	g.inFn = "int"
	g.indent++
	for g.left > 0 {
		g.stmt()
	}
	g.ret()
	g.indent--
	g.line("end, { on_short = %d })", g.r.IntN(5))
	return g.b.String()
}

// function writes a function of the script or of an enclosing function.
func (g *generator) function(name string) {
	vars, loops, ret := len(g.vars), g.loops, g.inFn
	g.loops, g.inFn = nil, g.pick("int", "int", "uint", "opt")
	n := 1 + g.r.IntN(3)
	var params []string
	for range n {
		p := g.name("p")
		params = append(params, p)
		g.vars = append(g.vars, genVar{p, "int", false})
	}
	open, end := g.functionForm(name, strings.Join(params, ", "))
	g.line("%s", open)
	g.indent++
	g.depth++
	stop := max(0, g.left-4)
	for g.left > stop {
		g.stmt()
	}
	g.ret()
	g.depth--
	g.indent--
	g.line("%s", end)
	v := genVar{name, fmt.Sprintf("fn:%s:%d", g.inFn, n), true}
	g.vars, g.loops, g.inFn = g.vars[:vars], loops, ret
	if g.depth == 0 && g.indent == 0 {
		g.funcs = append(g.funcs, v)
	} else {
		g.vars = append(g.vars, v)
	}
}

// scribe writes lines of a script at random.
type scribe struct {
	r      *rand.Rand
	b      strings.Builder
	indent int
	names  int
}

func (s *scribe) line(format string, args ...any) {
	s.b.WriteString(strings.Repeat("  ", s.indent))
	fmt.Fprintf(&s.b, format, args...)
	s.b.WriteByte('\n')
}

func (s *scribe) name(prefix string) string {
	s.names++
	return fmt.Sprintf("%s%d", prefix, s.names)
}

func (s *scribe) pick(list ...string) string { return list[s.r.IntN(len(list))] }

// body writes a block.
func (g *generator) body() {
	vars := len(g.vars)
	g.indent++
	g.depth++
	for n := 1 + g.r.IntN(4); n > 0; n-- {
		g.stmt()
	}
	g.depth--
	g.indent--
	g.vars = g.vars[:vars]
}

func (g *generator) stmt() {
	g.left--
	n := g.r.IntN(100)
	switch {
	case g.depth >= 4 || g.left <= 0:
		n %= 62 // nothing that nests
	case g.nested >= 2 && n >= 78 && n < 91:
		n = 62 // no loop in loops: too much for the verifier
	}
	switch {
	case n < 18:
		g.declare()
	case n < 34:
		g.assignment()
	case n < 48:
		g.store()
	case n < 52:
		g.swap()
	case n < 55:
		m := genMaps[[]int{0, 1, 3, 5, 7, 8}[g.r.IntN(6)]]
		key := g.key()
		g.pure++
		g.line("xadd(%s[%s], %s)", m.name, key, g.number(2))
		g.pure--
	case n < 59 && len(g.loops) > 0:
		how := "break"
		if l := g.loops[len(g.loops)-1]; l != "" && g.r.IntN(2) == 0 {
			how = "goto " + l
		}
		g.line("if %s then %s end", g.cond(2), how)
	case n < 60 && g.catching > 0 && g.r.IntN(2) == 0:
		g.line("if %s then error(%s) end", g.cond(1), g.pick("'odd'", g.typed(false, 1)))
	case n < 60:
		g.line("if %s then return %s end", g.cond(1), g.result())
	case n < 62:
		g.declare()
	case n < 78:
		g.branch()
	case n < 84:
		g.loop()
	case n < 91:
		g.flow()
	case n < 93:
		g.line("do")
		g.body()
		g.line("end")
	case n < 96:
		g.function(g.name("g"))
	default:
		g.record()
	}
}

func (g *generator) declare() {
	kind := g.pick("int", "int", "int", "uint", "bool", "opt")
	v := genVar{g.name("v"), kind, false}
	g.line("local %s = %s", v.name, g.value(kind))
	g.vars = append(g.vars, v)
}

func (g *generator) record() {
	v := genVar{g.name("r"), "rec", true}
	g.line("local %s = { a = %s, b = %s }", v.name, g.value("int"), g.value("uint"))
	g.vars = append(g.vars, v)
}

// value writes an expression for a variable of the kind.
func (g *generator) value(kind string) string {
	switch kind {
	case "bool":
		return g.cond(2)
	case "opt":
		return g.opt()
	}
	return g.typed(kind == "uint", 3)
}

func (g *generator) find(ok func(v genVar) bool) (genVar, bool) {
	var l []genVar
	for _, v := range g.vars {
		if ok(v) {
			l = append(l, v)
		}
	}
	if len(l) == 0 {
		return genVar{}, false
	}
	return l[g.r.IntN(len(l))], true
}

func (g *generator) assignment() {
	v, ok := g.find(func(v genVar) bool { return !v.fixed || v.kind == "rec" })
	switch {
	case !ok:
		g.declare()
	case v.kind == "rec" && g.r.IntN(2) == 0:
		g.line("%s.a = %s", v.name, g.value("int"))
	case v.kind == "rec":
		g.line("%s.b = %s", v.name, g.value("uint"))
	default:
		g.line("%s = %s", v.name, g.value(v.kind))
	}
}

func (g *generator) swap() {
	v, ok1 := g.find(func(v genVar) bool { return !v.fixed && v.kind == "int" })
	w, ok2 := g.find(func(w genVar) bool { return !w.fixed && w.kind == "int" && w.name != v.name })
	if !ok1 || !ok2 {
		g.declare()
		return
	}
	g.line("%s, %s = %s, %s", v.name, w.name, g.pick(w.name, g.typed(false, 2)), g.pick(v.name, g.typed(false, 2)))
}

// store writes or deletes an entry.
func (g *generator) store() {
	m := genMaps[g.r.IntN(len(genMaps))]
	hash := !strings.Contains(m.typ, "array")
	switch n := g.r.IntN(10); {
	case hash && n < 2:
		g.line("%s[%s] = nil", m.name, g.key())
	case hash && n < 4:
		g.line("%s[%s] = %s", m.name, g.key(), g.opt())
	case n < 5:
		g.line("%s[%s] = %s", m.name, g.key(), g.cond(2))
	default:
		g.line("%s[%s] = %s", m.name, g.key(), g.number(3))
	}
}

// key is a key that is mostly one of few.
func (g *generator) key() string {
	switch g.r.IntN(5) {
	case 0, 1:
		return strconv.Itoa(g.r.IntN(genEntries))
	case 2:
		return strconv.Itoa(g.r.IntN(300) - 20)
	}
	return fmt.Sprintf("%s & 7", g.number(1))
}

func (g *generator) branch() {
	g.line("if %s then", g.cond(3))
	g.body()
	for g.r.IntN(3) == 0 {
		g.line("elseif %s then", g.cond(2))
		g.body()
	}
	if g.r.IntN(2) == 0 {
		g.line("else")
		g.body()
	}
	g.line("end")
}

func (g *generator) loop() {
	label := g.name("next")
	g.loops = append(g.loops, label)
	vars := len(g.vars)
	end := "end"
	switch g.r.IntN(8) {
	case 0:
		i := g.name("i")
		g.line("local %s = 0", i)
		vars++
		g.vars = append(g.vars, genVar{i, "int", true})
		g.line("while %s < %d and %s do", i, 1+g.r.IntN(9), g.cond(1))
		g.line("  %s = %s + 1", i, i)
	case 1:
		i := g.name("i")
		g.line("local %s = 0", i)
		vars++
		g.vars = append(g.vars, genVar{i, "int", true})
		g.line("repeat")
		g.line("  %s = %s + 1", i, i)
		g.loops[len(g.loops)-1] = "" // a goto would jump over locals that the condition sees
		end = fmt.Sprintf("until %s > %d or %s", i, g.r.IntN(6), g.cond(1))
	case 2, 3:
		i := g.name("i")
		g.vars = append(g.vars, genVar{i, "int", g.r.IntN(2) == 0})
		g.line("for %s = %d, %d do", i, 1, g.r.IntN(len(genTable)+1))
		if g.r.IntN(2) == 0 {
			g.vars[len(g.vars)-1].fixed = true
			w := g.name("t")
			g.line("  local %s = T[%s]", w, i)
			g.vars = append(g.vars, genVar{w, "int", false})
		}
	default:
		i := g.name("i")
		from, to, step := g.bounds()
		g.line("for %s = %s, %s%s do", i, from, to, step)
		g.vars = append(g.vars, genVar{i, "int", false})
	}
	g.nested++
	g.body()
	g.nested--
	g.line("  ::%s::", label)
	g.line("%s", end)
	g.vars, g.loops = g.vars[:vars], g.loops[:len(g.loops)-1]
}

// bounds are those of a loop of few trips; many where nothing nests.
func (g *generator) bounds() (from, to, step string) {
	small := func() string {
		if g.r.IntN(3) == 0 {
			return strconv.Itoa(g.r.IntN(12) - 2)
		}
		return fmt.Sprintf("%s & %d", g.typed(false, 1), []int{3, 7, 15}[g.r.IntN(3)])
	}
	from, to = small(), small()
	if g.depth == 0 && g.r.IntN(6) == 0 {
		to = fmt.Sprintf("%s & %d", g.typed(false, 1), 1<<(6+g.r.IntN(6))-1)
	}
	switch g.r.IntN(6) {
	case 0:
		from, to, step = to, from, ", -1"
	case 1:
		step = ", " + strconv.Itoa(g.r.IntN(7)-3)
	case 2:
		step = fmt.Sprintf(", %s & 3", g.typed(false, 0))
	}
	return from, to, step
}

// ret writes the last statement of a function.
func (g *generator) ret() { g.line("return %s", g.result()) }

func (g *generator) result() string {
	switch {
	case g.indent > 0 && g.xdp && g.isMain():
		return fmt.Sprintf("%s & 3", g.number(2))
	case g.inFn == "opt" && g.r.IntN(3) == 0:
		return "nil"
	case g.inFn == "opt":
		return g.typed(false, 2)
	case g.inFn == "pair":
		return g.typed(false, 2) + ", " + g.typed(true, 1)
	}
	return g.value(g.inFn)
}

// isMain reports whether the program's own function is being written: no
// parameter is visible.
func (g *generator) isMain() bool {
	return !slices.ContainsFunc(g.vars, func(v genVar) bool { return v.name[0] == 'p' })
}

// typed writes a number of the given signedness.
func (g *generator) typed(unsigned bool, depth int) string {
	text, u := g.expr(depth)
	switch {
	case u == unsigned:
		return text
	case unsigned:
		return "bpf.u64(" + text + ")"
	}
	return "bpf.s64(" + text + ")"
}

// number writes a number of any signedness.
func (g *generator) number(depth int) string {
	text, _ := g.expr(depth)
	return text
}

var genConsts = []string{"0", "1", "2", "3", "5", "7", "8", "10", "255", "256", "65535", "65536", "0x7fffffff", "0x80000000", "0xffffffff",
	"0x100000000", "0x123456789abcdef", "0x7fffffffffffffff", "(-1)", "(-2)", "(-5)", "(-128)", "(-32768)", "(-65536)",
	"(-2147483648)", "(-2147483649)", "(-4294967296)", "(-0x7fffffffffffffff)", "K"}

var genUnsigned = []string{"0ULL", "1ULL", "7ULL", "0x80000000ULL", "0xffffffffffffffff", "0x8000000000000000", "1000ULL"}

// expr writes a number that is no nil and says whether it is unsigned.
func (g *generator) expr(depth int) (text string, unsigned bool) {
	if depth == 0 || g.r.IntN(5) == 0 {
		return g.leaf()
	}
	d := depth - 1
	switch n := g.r.IntN(24); {
	case n < 10:
		return g.arith(d)
	case n < 12:
		x, u := g.operand(d)
		return fmt.Sprintf("%s(%s)", g.pick("-", "~"), x), u
	case n < 14:
		u := g.r.IntN(4) == 0
		return fmt.Sprintf("(%s and %s or %s)", g.cond(d), g.typed(u, d), g.typed(u, d)), u
	case n < 16:
		x, y := g.typed(false, d), g.typed(false, d)
		if g.r.IntN(3) == 0 {
			x, unsigned = g.typed(true, d), true
		}
		return fmt.Sprintf("math.%s(%s, %s)", g.pick("min", "max"), x, y), unsigned
	case n < 18:
		return fmt.Sprintf("%s(%s)", g.pick("bpf.u8", "bpf.s8", "bpf.u16", "bpf.s16", "bpf.u32", "bpf.s32", "ntoh16", "hton32", "math.log2"), g.number(d)), false
	case n < 19:
		x, u := g.expr(d)
		return fmt.Sprintf("%s(%s)", g.pick("math.abs", "bit.bswap"), x), u
	case n < 20:
		x, u := g.expr(d)
		return fmt.Sprintf("%s(%s, %s)", g.pick("bit.arshift", "bit.rol"), x, g.number(d)), u
	case n < 22:
		return fmt.Sprintf("(%s or %s)", g.opt(), g.typed(false, d)), false
	}
	return g.call(d)
}

// arith writes a binary operation.
func (g *generator) arith(d int) (string, bool) {
	op := g.pick("+", "-", "*", "/", "%", "//", "&", "|", "~", "<<", ">>", "+", "-", "&")
	x, u1 := g.operand(d)
	y, u2 := g.operand(d)
	if op == "<<" || op == ">>" {
		return fmt.Sprintf("(%s %s %s)", x, op, y), u1
	}
	return fmt.Sprintf("(%s %s %s)", x, op, y), u1 || u2
}

// operand writes what arithmetic may read: a number, or what may be nil.
func (g *generator) operand(d int) (string, bool) {
	switch g.r.IntN(6) {
	case 0:
		return g.entry()
	case 1:
		if v, ok := g.find(func(v genVar) bool { return v.kind == "opt" }); ok {
			return v.name, false
		}
	}
	return g.expr(d)
}

// entry writes m[k].
func (g *generator) entry() (string, bool) {
	m := genMaps[g.r.IntN(len(genMaps))]
	return fmt.Sprintf("%s[%s]", m.name, g.key()), m.value == "uint64_t"
}

// opt writes a signed number or nil, never known to be a number.
func (g *generator) opt() string {
	m := []string{"h64", "h16", "h32"}[g.r.IntN(3)]
	return fmt.Sprintf("%s[%s]", m, g.key())
}

func (g *generator) leaf() (string, bool) {
	switch g.r.IntN(12) {
	case 0, 1:
		return genConsts[g.r.IntN(len(genConsts))], false
	case 2:
		return genUnsigned[g.r.IntN(len(genUnsigned))], true
	case 3, 4, 5:
		if v, ok := g.find(func(v genVar) bool { return v.kind == "int" || v.kind == "uint" }); ok {
			return v.name, v.kind == "uint"
		}
	case 6:
		if v, ok := g.find(func(v genVar) bool { return v.kind == "rec" }); ok {
			f := g.pick("a", "b")
			return v.name + "." + f, f == "b"
		}
	case 7:
		m := genMaps[g.r.IntN(5)]
		return fmt.Sprintf("%s[%d]", m.name, g.r.IntN(genEntries)), m.value == "uint64_t"
	case 8, 9:
		return g.packet()
	}
	if g.xdp || g.indent == 0 || !g.isMain() {
		return "#pkt", false
	}
	return g.pick("skb.mark", "skb.len"), false
}

// packet writes a read of the packet.
func (g *generator) packet() (string, bool) {
	switch g.r.IntN(8) {
	case 0, 1:
		return fmt.Sprintf("pkt[%d]", g.r.IntN(40)), false
	case 2:
		if v, ok := g.find(func(v genVar) bool { return v.kind == "int" }); ok {
			return fmt.Sprintf("pkt[%s & %d]", v.name, []int{7, 31, 63}[g.r.IntN(3)]), false
		}
	case 3:
		if v, ok := g.find(func(v genVar) bool { return v.kind == "int" }); ok && g.r.IntN(3) == 0 {
			n := []int{1, 2, 4, 8}[g.r.IntN(4)]
			return fmt.Sprintf("pkt(%s, %s + %d)", v.name, v.name, n), n == 8
		}
	case 4:
		return "pkt." + g.pick("type", "ip.ttl", "ip.df", "ip.mf", "ip.foffset", "ip.hlen", "ip.src", "ip6.flow_label", "ip6.priority"), false
	case 5:
		return "pkt.ip.tcp." + g.pick("dst_port", "flag_syn", "seq_num", "offset"), false
	}
	n, at := []int{1, 2, 4, 8}[g.r.IntN(4)], g.r.IntN(30)
	return fmt.Sprintf("pkt(%d, %d)", at, at+n), n == 8
}

// call writes a call of a function that returns a number.
func (g *generator) call(d int) (string, bool) {
	is := func(v genVar) bool { return strings.HasPrefix(v.kind, "fn:") }
	v, ok := g.find(is)
	if len(g.funcs) > 0 && (!ok || g.r.IntN(2) == 0) {
		v, ok = g.funcs[g.r.IntN(len(g.funcs))], true
	}
	if !ok || g.pure > 0 || g.names > 250 {
		return g.leaf()
	}
	parts := strings.Split(v.kind, ":")
	n, _ := strconv.Atoi(parts[2])
	var args []string
	for range n {
		args = append(args, g.typed(false, min(d, 1)))
	}
	text := fmt.Sprintf("%s(%s)", v.name, strings.Join(args, ", "))
	if parts[1] == "opt" {
		return "(" + text + " + 0)", false
	}
	return text, parts[1] == "uint"
}

// cond writes a boolean.
func (g *generator) cond(depth int) string {
	d := max(0, depth-1)
	switch n := g.r.IntN(20); {
	case depth > 0 && n < 4:
		return fmt.Sprintf("(%s %s %s)", g.cond(d), g.pick("and", "or"), g.cond(d))
	case depth > 0 && n < 6:
		return "not " + g.cond(d)
	case n < 8:
		if v, ok := g.find(func(v genVar) bool { return v.kind == "bool" }); ok {
			return v.name
		}
	case n < 10:
		if v, ok := g.find(func(v genVar) bool { return v.kind == "opt" }); ok {
			return fmt.Sprintf("(%s %s nil)", v.name, g.pick("==", "~="))
		}
	case n == 10:
		return g.pick("ON", "OFF", "true", "(not ON)")
	case n == 11:
		return fmt.Sprintf("(%s %s %s)", g.opt(), g.pick("==", "~="), g.pick("nil", g.opt(), g.typed(false, d)))
	}
	x, _ := g.operand(d)
	y, _ := g.operand(d)
	return fmt.Sprintf("(%s %s %s)", x, g.pick("<", "<=", ">", ">=", "==", "~="), y)
}

// input is what a script is run on.
type input struct {
	packet []byte
	mark   uint32
	set    []genEntry // stored before
}

type genEntry struct {
	m          int // of genMaps
	key, value uint64
}

func randomInputs(r *rand.Rand) []input {
	var l []input
	for i := range 4 {
		in := input{mark: uint32(interesting(r)), packet: make([]byte, 14+r.IntN(70))}
		for k := range in.packet {
			if r.IntN(3) > 0 {
				in.packet[k] = byte(interesting(r))
			}
		}
		if i == 0 || r.IntN(2) == 0 {
			for m := range genMaps {
				for range r.IntN(4) {
					in.set = append(in.set, genEntry{m, r.Uint64N(genEntries), interesting(r)})
				}
			}
		}
		l = append(l, in)
	}
	return l
}

func interesting(r *rand.Rand) uint64 {
	switch r.IntN(5) {
	case 0:
		return r.Uint64N(20)
	case 1:
		return -r.Uint64N(20)
	case 2:
		return 1<<r.IntN(64) - r.Uint64N(2)
	case 3:
		return uint64(int32(r.Uint32()))
	}
	return r.Uint64()
}

// TestRandomScripts compares random scripts: the reference, the interpreter before
// and after the passes, the kernel at -O0 and -O2 must see the same results and
// maps. LUABPFC_GENERATE=N makes N scripts, LUABPFC_SEED=S begins with seed S.
func TestRandomScripts(t *testing.T) {
	n, seed := 40, uint64(1)
	if s := os.Getenv("LUABPFC_GENERATE"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	if s := os.Getenv("LUABPFC_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	pin(t)
	useKernel := kernelReason() == ""
	if os.Getenv("LUABPFC_REQUIRE_KERNEL") == "1" {
		needKernel(t)
	}
	failures, long, large := 0, 0, 0
	for i := range uint64(n) {
		err := generateOne(seed+i, useKernel)
		switch {
		case errors.Is(err, errTooLong):
			long++
			continue
		case tooLarge(err) && os.Getenv("LUABPFC_SHRINK") == "":
			large++
			t.Logf("seed %d: %v", seed+i, err)
			continue
		}
		if err != nil {
			failures++
			script, _ := generateScript(seed + i)
			if os.Getenv("LUABPFC_SHRINK") == "1" {
				script = shrink(seed+i, script, useKernel)
				_, err = compareScript(script, seed+i, useKernel)
			}
			t.Errorf("seed %d: %v\n%s", seed+i, err, script)
		}
		if failures == 5 {
			break
		}
	}
	t.Logf("%d scripts, kernel %v; not compared: %d too long runs, %d too large", n, useKernel, long, large)
	if large > n/5 {
		t.Errorf("%d of %d scripts are too large for the kernel", large, n)
	}
}

// tooLarge reports whether a script needs more than the kernel gives: stack,
// or instructions for the verifier to follow.
func tooLarge(err error) bool {
	return err != nil && (slices.Contains([]string{string(diag.StackOverflow), string(diag.LoopTooDeep), string(diag.TooComplex)}, class(err)) || errors.Is(err, unix.E2BIG))
}

var errTooLong = errors.New("too long a run")

func generateScript(seed uint64) (string, *rand.Rand) {
	r := rand.New(rand.NewPCG(seed, 0))
	g := &generator{scribe: scribe{r: r}}
	return g.script(), r
}

func generateOne(seed uint64, useKernel bool) error {
	script, _ := generateScript(seed)
	_, err := compareScript(script, seed, useKernel)
	return err
}

// compareScript runs a script all ways. stage says what failed.
func compareScript(script string, seed uint64, useKernel bool) (stage string, err error) {
	r := rand.New(rand.NewPCG(seed, 1))
	ref, err := newReference(script)
	if err != nil {
		return "parse", err
	}
	opts := luabpfc.DefaultOptions()
	opts.Check = true
	opts.CPU = 2 + r.IntN(3)
	opts.Kernel = kernel.Version{Major: 6, Minor: 1}
	if r.IntN(3) == 0 {
		opts.Kernel = kernel.Version{Major: 5, Minor: 17}
	}
	bs, info, err := generatedWays(script, opts, useKernel)
	if err != nil {
		return class(err), err
	}
	defer func() {
		for _, b := range bs {
			b.close()
		}
	}()
	for i, in := range randomInputs(r) {
		ref.put(in)
		ret, ok := ref.run(in.packet, in.mark)
		if !ok {
			return "", errTooLong
		}
		for _, b := range bs {
			if err := compareRun(ref, b, info, in, ret); err != nil {
				return "run " + b.name, fmt.Errorf("run %d, -mcpu v%d, kernel %v, %s: %w", i, opts.CPU, opts.Kernel, b.name, err)
			}
		}
	}
	return "", nil
}

// class says what kind of error compiling or loading gave.
func class(err error) string {
	var bug *ir.Bug
	if l, ok := diag.AsList(err); ok {
		return string(l[0].Code)
	} else if errors.As(err, &bug) {
		return "bug in " + bug.Pass
	}
	return "load"
}

func generatedWays(script string, opts luabpfc.Options, useKernel bool) (bs []backend, info luabpfc.ProgramInfo, err error) {
	src := luabpfc.Source{Name: "generated.lua", Text: script}
	obj, err := luabpfc.Compile(src, opts)
	if err != nil {
		return nil, info, err
	}
	before, _, err := luabpfc.Lower(src, opts)
	if err != nil {
		return nil, info, err
	}
	after, _, err := luabpfc.Lower(src, opts)
	if err != nil {
		return nil, info, err
	}
	if err := luabpfc.Optimise(after, opts); err != nil {
		return nil, info, err
	}
	bs = []backend{interpBackend("interpreter before passes", before), interpBackend("interpreter after passes", after)}
	if !useKernel {
		return bs, obj.Programs[0], nil
	}
	opts.OptLevel = 0
	plain, err := luabpfc.Compile(src, opts)
	if err != nil {
		return nil, info, fmt.Errorf("-O0: %w", err)
	}
	for i, o := range []*luabpfc.Object{plain, obj} {
		level := 2 * i
		b, err := kernelBackend(fmt.Sprintf("kernel -O%d", level), o)
		if err != nil {
			return nil, info, fmt.Errorf("-O%d, -mcpu v%d, kernel %v: %w", level, opts.CPU, opts.Kernel, err)
		}
		bs = append(bs, b)
	}
	return bs, obj.Programs[0], nil
}

// put stores an input's entries.
func (ref *reference) put(in input) {
	for _, e := range in.set {
		m := ref.maps[genMaps[e.m].name]
		_, there := m.data[e.key]
		if m.array || there || uint64(len(m.data)) < m.max {
			m.data[e.key] = e.value << (64 - 8*m.value.size) >> (64 - 8*m.value.size)
		}
	}
}

func compareRun(ref *reference, b backend, info luabpfc.ProgramInfo, in input, ret uint32) error {
	for _, e := range in.set {
		m := ref.maps[genMaps[e.m].name]
		k, v := make([]byte, m.key.size), make([]byte, m.value.size)
		putNumber(k, e.key, binary.LittleEndian)
		putNumber(v, e.value, binary.LittleEndian)
		if err := b.put(genMaps[e.m].name, k, v); err != nil && m.array {
			return err
		}
	}
	run := runInput{prog: info, packet: in.packet}
	if info.Kind == "socket" {
		run.ctx = map[string]uint64{"mark": uint64(in.mark)}
	}
	out, err := b.run(run)
	if err != nil {
		return err
	}
	if out.ret != ret {
		return fmt.Errorf("result %#x, want %#x", out.ret, ret)
	}
	for _, gm := range genMaps {
		m := ref.maps[gm.name]
		es, err := b.entries(gm.name)
		if err != nil {
			return err
		}
		got := map[uint64]uint64{}
		for _, e := range es {
			got[getNumber(e.key, binary.LittleEndian)] = getNumber(e.value, binary.LittleEndian)
		}
		if err := sameEntries(gm.name, m, got); err != nil {
			return err
		}
	}
	return nil
}

func sameEntries(name string, m *refMap, got map[uint64]uint64) error {
	for k := range m.max {
		if m.array && got[k] != m.data[k] {
			return fmt.Errorf("%s[%d] is %#x, want %#x", name, k, got[k], m.data[k])
		}
	}
	if m.array {
		return nil
	}
	for k, v := range m.data {
		if g, ok := got[k]; !ok || g != v {
			return fmt.Errorf("%s[%#x] is %#x %v, want %#x", name, k, g, ok, v)
		}
	}
	for k, v := range got {
		if _, ok := m.data[k]; !ok {
			return fmt.Errorf("%s[%#x] is %#x, want nil", name, k, v)
		}
	}
	return nil
}

// shrink removes lines while the script still fails the same way.
func shrink(seed uint64, script string, useKernel bool) string {
	stage, err := compareScript(script, seed, useKernel)
	if err == nil {
		return script
	}
	lines := strings.Split(strings.TrimSuffix(script, "\n"), "\n")
	for size := len(lines) / 2; size > 0; size /= 2 {
		for at := 0; at+size <= len(lines); {
			less := slices.Concat(lines[:at], lines[at+size:])
			s, err := safeCompare(strings.Join(less, "\n")+"\n", seed, useKernel)
			if err != nil && s == stage && stage != "" {
				lines = less
			} else {
				at++
			}
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// safeCompare survives scripts that lines were taken from at random.
func safeCompare(script string, seed uint64, useKernel bool) (stage string, err error) {
	defer func() {
		if recover() != nil {
			stage, err = "", nil
		}
	}()
	return compareScript(script, seed, useKernel)
}
