package syntax

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/luabpfc/luabpfc/ir/diag"
)

const testdata = "../../testdata/frontend/"

// parse parses a text and returns the tree with all that was reported.
func parse(name, text string) (*Chunk, diag.List) {
	var r diag.Reporter
	c := Parse(diag.NewFile(name, text), &r)
	list, _ := diag.AsList(r.Err())
	return c, list
}

// full is a diagnostic with its notes on one line.
func full(d *diag.Diagnostic) string {
	text := fmt.Sprintf("%s [%s]", d.Message, d.Code)
	for _, n := range d.Notes {
		line, _ := n.Span.Position()
		text += fmt.Sprintf(" | %d: %s", line, n.Message)
	}
	return text
}

// testChunk is one chunk of a test file.
type testChunk struct {
	line int // of its first line, from 1
	text string
	want map[int][]*regexp.Regexp // by line of the chunk
}

var (
	marker  = regexp.MustCompile(`--!(-\d+)? (".*)$`)
	pattern = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)
)

// readChunks splits a test file at lines that are ---. An expected error stands
// on its line as --! "regexp"; --!-1 means the line before. It matches the
// message, the code in [] and the notes as " | LINE: NOTE", lines counted in the
// chunk.
func readChunks(t *testing.T, file string) []testChunk {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var chunks []testChunk
	line := 1
	for text := range strings.SplitSeq(string(data), "\n---\n") {
		c := testChunk{line: line, text: text + "\n", want: map[int][]*regexp.Regexp{}}
		for i, l := range strings.Split(text, "\n") {
			m := marker.FindStringSubmatch(l)
			if m == nil {
				continue
			}
			offset, _ := strconv.Atoi(m[1])
			for _, q := range pattern.FindAllStringSubmatch(m[2], -1) {
				rx, err := regexp.Compile(strings.ReplaceAll(q[1], `\"`, `"`))
				if err != nil {
					t.Fatalf("%s:%d: %v", file, line+i, err)
				}
				c.want[i+1+offset] = append(c.want[i+1+offset], rx)
			}
		}
		chunks = append(chunks, c)
		line += strings.Count(text, "\n") + 2
	}
	return chunks
}

// checkChunk compares what was reported with what a chunk expects.
func checkChunk(t *testing.T, file string, c testChunk, got diag.List) {
	t.Helper()
	for _, d := range got {
		line, col := d.Span.Position()
		text := full(d)
		found := false
		for i, rx := range c.want[line] {
			if rx.MatchString(text) {
				c.want[line] = append(c.want[line][:i:i], c.want[line][i+1:]...)
				found = true
				break
			}
		}
		if !found {
			t.Errorf("%s:%d:%d: unexpected: %s", file, c.line+line-1, col, text)
		}
	}
	for line, rest := range c.want {
		for _, rx := range rest {
			t.Errorf("%s:%d: missing: %q", file, c.line+line-1, rx)
		}
	}
}

func TestChunks(t *testing.T) {
	files, _ := filepath.Glob(testdata + "syntax*.lua")
	if len(files) == 0 {
		t.Fatal("no test files")
	}
	reported := map[diag.Code]bool{}
	for _, file := range files {
		for _, c := range readChunks(t, file) {
			chunk, list := parse(filepath.Base(file), c.text)
			checkChunk(t, file, c, list)
			for _, d := range list {
				reported[d.Code] = true
			}
			if err := checkRanges(chunk.File, chunk.Func, list == nil); err != nil {
				t.Errorf("%s:%d: %v", file, c.line, err)
			}
			if err := checkBinding(chunk); err != nil {
				t.Errorf("%s:%d: %v", file, c.line, err)
			}
			checkInspect(t, chunk)
		}
	}
	reported[diag.TooDeep] = true // by TestDepth
	for code := range reported {
		info, ok := diag.Lookup(string(code))
		_, list := parse("example.lua", info.Example)
		if !ok || len(list) != 1 || list[0].Code != code {
			t.Errorf("the example of %s gives %v", code, list)
		}
	}
}

// checkInspect compares the nodes that Inspect visits with those of walk.
func checkInspect(t *testing.T, c *Chunk) {
	t.Helper()
	var want, got []string
	walk(c.Func, func(n Node) {
		if _, ok := n.(Range); !ok {
			want = append(want, fmt.Sprintf("%T %v", n, n.Bounds()))
		}
	})
	Inspect(c.Func, func(n Node) bool {
		got = append(got, fmt.Sprintf("%T %v", n, n.Bounds()))
		return true
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Inspect (-want +got)\n%s", diff)
	}
}

// TestChunkReader makes sure that a chunk test can fail.
func TestChunkReader(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.lua")
	os.WriteFile(file, []byte("x = --! \"expected\" \"b\\\"\"\n--!-1 \"third\"\n---\ny = 1\n"), 0o666)
	chunks := readChunks(t, file)
	if len(chunks) != 2 || len(chunks[0].want[1]) != 3 || chunks[1].line != 4 || len(chunks[1].want) != 0 {
		t.Errorf("readChunks: %+v", chunks)
	}
	if got := chunks[0].want[1][1].String(); got != `b"` {
		t.Errorf("second pattern is %s", got)
	}
}

// TestPrint compares printed trees with the sections NAME.ast of the archive.
func TestPrint(t *testing.T) {
	file := testdata + "syntax_print.txtar"
	ar, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := false
	for i := 0; i+1 < len(ar.Files); i += 2 {
		in, out := ar.Files[i], &ar.Files[i+1]
		if out.Name != strings.TrimSuffix(in.Name, ".lua")+".ast" {
			t.Fatalf("section %s follows %s", out.Name, in.Name)
		}
		c, list := parse(in.Name, string(in.Data))
		if list != nil {
			t.Errorf("%s: %v", in.Name, list)
		}
		var b bytes.Buffer
		if err := Fprint(&b, c); err != nil {
			t.Fatal(err)
		}
		diff := cmp.Diff(string(out.Data), b.String())
		if diff == "" {
			continue
		}
		if os.Getenv("LUABPFC_UPDATE") != "" {
			out.Data, changed = b.Bytes(), true
			continue
		}
		t.Errorf("%s: (-want +got)\n%s", in.Name, diff)
	}
	if changed {
		if err := os.WriteFile(file, txtar.Format(ar), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, x := range []struct {
		text string
		want NumberExpr
	}{
		{"0", NumberExpr{Kind: Int}},
		{"42", NumberExpr{Kind: Int, Bits: 42, Float: 42}},
		{"007", NumberExpr{Kind: Int, Bits: 7, Float: 7}},
		{"0X2a", NumberExpr{Kind: Int, Bits: 42, Float: 42}},
		{"9007199254740993", NumberExpr{Kind: Int, Bits: 9007199254740993, Float: 9007199254740992}},
		{"9223372036854775807", NumberExpr{Kind: Int, Bits: 1<<63 - 1, Float: 1 << 63}},
		{"9223372036854775808", NumberExpr{Kind: Uint, Bits: 1 << 63, Float: 1 << 63}},
		{"18446744073709551615", NumberExpr{Kind: Uint, Bits: 1<<64 - 1, Float: 1 << 64}},
		{"18446744073709551616", NumberExpr{Kind: Float, Float: 1 << 64}},
		{"0xffffffffffffffff", NumberExpr{Kind: Uint, Bits: 1<<64 - 1, Float: 1 << 64}},
		{"0x0000000000000000000001", NumberExpr{Kind: Int, Bits: 1, Float: 1}},
		{"42LL", NumberExpr{Kind: Int, Bits: 42, Float: 42, Suffix: true}},
		{"42ull", NumberExpr{Kind: Uint, Bits: 42, Float: 42, Suffix: true}},
		{"42uLL", NumberExpr{Kind: Uint, Bits: 42, Float: 42, Suffix: true}},
		{"0x2aULL", NumberExpr{Kind: Uint, Bits: 42, Float: 42, Suffix: true}},
		{"0xeLl", NumberExpr{Kind: Int, Bits: 14, Float: 14, Suffix: true}},
		{"9223372036854775808LL", NumberExpr{Kind: Int, Bits: 1 << 63, Float: -(1 << 63), Suffix: true}},
		{"0xffffffffffffffffLL", NumberExpr{Kind: Int, Bits: 1<<64 - 1, Float: -1, Suffix: true}},
		{"1e3", NumberExpr{Kind: Float, Float: 1000}},
		{"5.", NumberExpr{Kind: Float, Float: 5}},
		{".5", NumberExpr{Kind: Float, Float: .5}},
		{"3.14e-2", NumberExpr{Kind: Float, Float: .0314}},
		{"3.E+1", NumberExpr{Kind: Float, Float: 30}},
		{"0x1p4", NumberExpr{Kind: Float, Float: 16}},
		{"0x.8", NumberExpr{Kind: Float, Float: .5}},
		{"0xA.8P-1", NumberExpr{Kind: Float, Float: 5.25}},
		{"1e999", NumberExpr{Kind: Float, Float: math.Inf(1)}},
	} {
		c, list := parse("x.lua", "x = "+x.text)
		if list != nil {
			t.Errorf("%s: %v", x.text, list)
			continue
		}
		got := *c.Func.Body.Stmts[0].(*AssignStmt).Exprs[0].(*NumberExpr)
		if got.In(c.File).Text() != x.text {
			t.Errorf("%s: covers %q", x.text, got.In(c.File).Text())
		}
		got.Range = Range{}
		if got != x.want {
			t.Errorf("%s: got %+v, want %+v", x.text, got, x.want)
		}
	}
	for _, text := range []string{"3x", "0x", "0xg", "1e", "1e+", "1..2", "1.2.3", "0x1p", "0x1p+", "0x.p1",
		"1.5LL", "1e3ULL", "LL1", "42L", "42LLU", "42U", "0b1", "1_000", "0x1.2.3", "1e5x", "0xLL"} {
		if _, list := parse("x.lua", "x = "+text); text != "LL1" && (len(list) != 1 || list[0].Code != diag.MalformedNumber) {
			t.Errorf("%s: %v", text, list)
		}
	}
	for _, text := range []string{"0x10000000000000000", "18446744073709551616ULL", "18446744073709551616LL", "0x1ffffffffffffffffULL"} {
		if _, list := parse("x.lua", "x = "+text); len(list) != 1 || list[0].Code != diag.NumberTooLarge {
			t.Errorf("%s: %v", text, list)
		}
	}
}

func TestStrings(t *testing.T) {
	for _, x := range []struct{ text, want string }{
		{`"a'b"`, "a'b"}, {`'a"b'`, `a"b`}, {`""`, ""},
		{`"\a\b\f\n\r\t\v\\\"\'"`, "\a\b\f\n\r\t\v\\\"'"},
		{`"\q\%\ "`, "q% "}, // as 5.1 has it
		{`"\0\10\0010\255"`, "\x00\n\x010\xff"},
		{`"\x41\xfF"`, "A\xff"},
		{"\"a\\z  \n\t b\\z\"", "ab"},
		{"\"a\\\nb\\\r\nc\\\rd\"", "a\nb\nc\nd"},
		{`"\u{24}\u{20AC}\u{7FFFFFFF}\u{10FFFF}\u{D800}"`, "$€\xfd\xbf\xbf\xbf\xbf\xbf\U0010FFFF\xed\xa0\x80"},
		{`"\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{1fffff}\u{200000}\u{3ffffff}\u{4000000}"`,
			"\x7f\u0080\u07ff\u0800\uffff\U00010000\xf7\xbf\xbf\xbf\xf8\x88\x80\x80\x80\xfb\xbf\xbf\xbf\xbf\xfc\x84\x80\x80\x80\x80"},
		{"[[a]]", "a"}, {"[[\na\n]]", "a\n"}, {"[[\r\n\r\na\rb\n\rc]]", "\na\nb\nc"}, {"[[\n\na]]", "\na"},
		{"[==[a]]b]=]c]==]", "a]]b]=]c"}, {"[=[]]]=]", "]]"}, {"[[a[[b]]", "a[[b"}, {`[[\n]]`, `\n`},
		{"\"caf\xe9 €\"", "caf\xe9 €"}, {"\"a\x00b\"", "a\x00b"},
	} {
		c, list := parse("x.lua", "x = "+x.text)
		if list != nil {
			t.Errorf("%q: %v", x.text, list)
			continue
		}
		if got := c.Func.Body.Stmts[0].(*AssignStmt).Exprs[0].(*StringExpr).Value; got != x.want {
			t.Errorf("%q: got %q, want %q", x.text, got, x.want)
		}
	}
}

// TestOperators compares each pair of operators with the precedences of 5.3.
func TestOperators(t *testing.T) {
	levels := []string{"or", "and", "< > <= >= ~= ==", "|", "~", "&", "<< >>", "..", "+ -", "* / // %", "unary", "^"}
	level := map[string]int{}
	var ops []string
	for i, l := range levels {
		for op := range strings.FieldsSeq(l) {
			level[op] = i
			ops = append(ops, op)
		}
	}
	print1 := func(text string) string {
		c, list := parse("x.lua", "x = "+text)
		if list != nil {
			t.Fatalf("%s: %v", text, list)
		}
		return (&treePrinter{}).expr(c.Func.Body.Stmts[0].(*AssignStmt).Exprs[0]).line()
	}
	for _, a := range ops {
		for _, b := range ops {
			if a == "unary" || b == "unary" {
				continue
			}
			right := level[b] > level[a] || a == b && (a == ".." || a == "^")
			want := fmt.Sprintf("(%[2]s (%[1]s a b) c)", a, b)
			if right {
				want = fmt.Sprintf("(%[1]s a (%[2]s b c))", a, b)
			}
			if got := print1("a " + a + " b " + b + " c"); got != want {
				t.Errorf("a %s b %s c: got %s, want %s", a, b, got, want)
			}
		}
		for _, u := range []string{"-", "not", "#", "~"} {
			if a == "unary" {
				continue
			}
			want := fmt.Sprintf("(%s (%s a) b)", a, u)
			if a == "^" {
				want = fmt.Sprintf("(%s (^ a b))", u)
			}
			if got := print1(u + " a " + a + " b"); got != want {
				t.Errorf("%s a %s b: got %s, want %s", u, a, got, want)
			}
			if got, want := print1("a "+a+" "+u+" b"), fmt.Sprintf("(%s a (%s b))", a, u); got != want {
				t.Errorf("a %s %s b: got %s, want %s", a, u, got, want)
			}
		}
	}
}

// line is the S-expression on one line.
func (s *sexp) line() string {
	if s.list == nil && s.atom != "" {
		return s.atom
	}
	var parts []string
	for _, x := range s.list {
		parts = append(parts, x.line())
	}
	return "(" + strings.Join(parts, " ") + ")"
}

// TestDepth tries what nests: 150 levels are right, 20,000 are one error.
func TestDepth(t *testing.T) {
	for _, x := range []struct{ open, mid, close string }{
		{"(", "x", ")"}, {"{", "x", "}"}, {"- ", "x", ""}, {"not ", "x", ""}, {"a..", "x", ""}, {"2^", "x", ""},
		{"t[", "x", "]"}, {"f(", "x", ")"}, {"a:b{", "x", "}"}, {"{[", "x", "]=1}"}, {"{a=", "x", "}"},
		{"function() return ", "x", " end"}, {"function(", "x", ""}, {"function ", "x", ""},
	} {
		for _, n := range []int{60, 20_000} {
			text := "x = " + strings.Repeat(x.open, n) + x.mid + strings.Repeat(x.close, n)
			_, list := parse("x.lua", text)
			switch {
			case strings.HasPrefix(x.open, "function") && x.close == "":
				if list == nil {
					t.Errorf("%q: no error", x.open)
				}
			case n == 60 && list != nil:
				t.Errorf("%d %q: %v", n, x.open, list)
			case n > 60 && (len(list) != 1 || list[0].Code != diag.TooDeep):
				t.Errorf("%d %q: %v", n, x.open, list)
			}
		}
	}
	for _, x := range []struct{ open, close string }{
		{"do ", "end "}, {"while x do ", "end "}, {"if x then ", "end "}, {"if x then else ", "end "},
		{"repeat ", "until x "}, {"for i = 1, 2 do ", "end "}, {"for k in x do ", "end "},
		{"function f() ", "end "}, {"local function f() ", "end "}, {"if x then elseif x then ", "end "},
	} {
		if _, list := parse("x.lua", strings.Repeat(x.open, 90)+strings.Repeat(x.close, 90)); list != nil {
			t.Errorf("90 %q: %v", x.open, list)
		}
		_, list := parse("x.lua", strings.Repeat(x.open, 20_000))
		if len(list) != 1 || list[0].Code != diag.TooDeep {
			t.Errorf("%q: %v", x.open, list)
		}
	}
	for _, x := range []string{"+a", ".a", "()", "[1]", ":m()", "''", " and a"} {
		if _, list := parse("x.lua", "x = a"+strings.Repeat(x, maxChain-1)); list != nil {
			t.Errorf("%q: %v", x, list)
		}
		_, list := parse("x.lua", "x = a"+strings.Repeat(x, 2*maxChain))
		if len(list) != 1 || list[0].Code != diag.TooDeep {
			t.Errorf("%q: %v", x, list)
		}
	}
	if _, list := parse("x.lua", "if x then "+strings.Repeat("elseif y then f() ", 50_000)+"end"); list != nil {
		t.Errorf("elseif: %v", list)
	}
}

// TestBinding checks what the tree says of locals, functions and labels.
func TestBinding(t *testing.T) {
	c, list := parse("x.lua", `
local a, b = 1
function a.f() b = 2 end
local function g(x, ...) return function() return g, x end end
function a.h:m() return self end
t.u.v = function() end
local w = { k = function() end, function() end }
goto out
do ::out:: end
::out::
`)
	if list != nil {
		t.Fatal(list)
	}
	var got []string
	walk(c.Func, func(n Node) {
		switch n := n.(type) {
		case *Local:
			got = append(got, fmt.Sprintf("%s of %q assigned %v captured %v", n.Name, n.Func.Name, n.Assigned, n.Captured))
		case *Function:
			parent := "none"
			if n.Parent != nil {
				parent = strconv.Quote(n.Parent.Name)
			}
			got = append(got, fmt.Sprintf("%q in %s method %v vararg %v", n.Name, parent, n.Method, n.Vararg))
		case *GotoStmt:
			line, _ := n.Label.In(c.File).Position()
			got = append(got, fmt.Sprintf("goto line %d", line))
		}
	})
	want := []string{
		`"" in none method false vararg true`,
		`a of "" assigned false captured false`,
		`b of "" assigned true captured true`,
		`"a.f" in "" method false vararg false`,
		`g of "" assigned false captured true`,
		`"g" in "" method false vararg true`,
		`x of "g" assigned false captured true`,
		`"" in "g" method false vararg false`,
		`"a.h:m" in "" method true vararg false`,
		`self of "a.h:m" assigned false captured false`,
		`"t.u.v" in "" method false vararg false`,
		`w of "" assigned false captured false`,
		`"k" in "" method false vararg false`,
		`"" in "" method false vararg false`,
		`goto line 10`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
