package syntax

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	gopher "github.com/yuin/gopher-lua/parse"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// The agreement tests give the same texts to this parser and to those of
// gopher-lua, Lua 5.1 and Lua 5.4: gopher-lua's own test scripts, and mutations
// of them. Who accepts what must agree, but for the differences listed in
// rules; and what gopher-lua accepts too must be the same tree.

const mutations = 200 // of each script

// script is one text to agree on.
type script struct {
	name, text string
}

// scripts returns gopher-lua's test scripts. A first line that begins with # is
// emptied: skipping it is left to the parsers' callers there.
func scripts(t *testing.T) []script {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/yuin/gopher-lua").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	dir := strings.TrimSpace(string(out))
	var all []script
	for _, pattern := range []string{"_lua5.1-tests/*.lua", "_glua-tests/*.lua"} {
		files, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text := string(data)
			if strings.HasPrefix(text, "#") {
				text = text[strings.IndexByte(text, '\n'):]
			}
			all = append(all, script{filepath.Base(filepath.Dir(file)) + "/" + filepath.Base(file), text})
		}
	}
	if len(all) < 30 {
		t.Fatalf("%d scripts in %s", len(all), dir)
	}
	for _, name := range []string{"syntax_valid.lua", "syntax_names.lua"} {
		for _, c := range readChunks(t, testdata+name) {
			if !strings.HasPrefix(c.text, "#") {
				all = append(all, script{fmt.Sprintf("%s:%d", name, c.line), c.text})
			}
		}
	}
	return all
}

// mutate returns a text with one to three small changes, the same ones for the
// same name and number.
func mutate(s script, toks []token, n int) script {
	h := fnv.New64a()
	h.Write([]byte(s.name))
	r := rand.New(rand.NewPCG(h.Sum64(), uint64(n)))
	text := s.text
	at := func(i int) string { return s.text[toks[i].Start:toks[i].End] }
	// Changes go from the back to the front, so that offsets stay right.
	end := len(toks) - 1
	for range 1 + r.IntN(3) {
		if end < 3 {
			break
		}
		i := r.IntN(end - 2)
		a, b := toks[i], toks[i+1]
		switch r.IntN(9) {
		case 0: // delete a token
			text = text[:a.Start] + text[a.End:]
		case 1: // double it
			text = text[:a.End] + " " + text[a.Start:]
		case 2: // swap two
			text = text[:a.Start] + at(i+1) + s.text[a.End:b.Start] + at(i) + text[b.End:]
		case 3: // put another in its place
			text = text[:a.Start] + at(r.IntN(len(toks)-1)) + text[a.End:]
		case 4: // change a byte
			const some = " \n\r\t\"'\\()[]{}=~<>.,;:+-*/%^#&|!0x9eEaLz_\x00\x80"
			j := a.Start + r.IntN(a.End-a.Start)
			text = text[:j] + some[r.IntN(len(some)):][:1] + text[j+1:]
		case 5: // put one in
			text = text[:a.Start] + at(r.IntN(len(toks)-1)) + " " + text[a.Start:]
		case 6: // put another of its kind in its place
			for j := range toks {
				if k := (i + 1 + r.IntN(20) + j) % len(toks); toks[k].kind == a.kind {
					text = text[:a.Start] + at(k) + text[a.End:]
					break
				}
			}
		case 7: // change what stands between two
			blanks := []string{"", " ", "\n", "\r\n", "\t\v\f", "--\n", "--[[ ]]", "--[==[\n]]]==]", ";", "\n;\n"}
			text = text[:a.End] + blanks[r.IntN(len(blanks))] + text[b.Start:]
		case 8: // put in parentheses
			text = text[:a.Start] + "(" + at(i) + ")" + text[a.End:]
		}
		end = i - 1
	}
	if strings.HasPrefix(text, "#") {
		text = " " + text // not the line that is skipped
	}
	return script{fmt.Sprintf("%s#%d", s.name, n), text}
}

// texts returns all scripts, each followed by its mutations.
func texts(t *testing.T) []script {
	var all []script
	for _, s := range scripts(t) {
		all = append(all, s)
		toks := scan(diag.NewFile(s.name, s.text), new(diag.Reporter))
		for n := range mutations {
			all = append(all, mutate(s, toks, n))
		}
	}
	return all
}

// opinion is what this parser makes of a text.
type opinion struct {
	script
	file *diag.File
	list diag.List
	has  map[feature]bool
}

// feature is something in a text that not all dialects have.
type feature int

const (
	hasGoto        feature = iota // goto or a label
	hasGotoName                   // goto as a name
	has53Ops                      // // & | ~ << >>
	hasSuffix                     // 42LL
	hasAttrib                     // <const>
	hasEmpty                      // a ';' that closes no statement
	hasBreakInside                // a break that is not last in its block
	hasNewEscape                  // \x \z \u, or an escape that 5.2+ refuses
	hasHexFloat
	hasHexConcat // 0xA..s
	hasBOM
	hasNewlineCall // a '(' of a call on a line of its own
	hasNestedLong  // [[ inside [[ ]]
	hasLabelShadow // a label inside the scope of an equal one
)

func opine(s script) *opinion {
	o := &opinion{script: s, has: map[feature]bool{}}
	c, list := parse(s.name, s.text)
	o.file, o.list = c.File, list
	toks := scan(o.file, new(diag.Reporter))
	o.features(toks)
	return o
}

var (
	newEscape = regexp.MustCompile(`\\[^abfnrtv\\"'\r\n0-9]`)
)

// features fills in what the tokens tell.
func (o *opinion) features(toks []token) {
	set := func(f feature, yes bool) {
		if yes {
			o.has[f] = true
		}
	}
	set(hasBOM, strings.HasPrefix(o.text, "\uFEFF"))
	for i := range toks {
		tok := &toks[i]
		text := o.text[tok.Start:tok.End]
		var before, after kind
		if i > 0 {
			before = toks[i-1].kind
		}
		if i+1 < len(toks) {
			after = toks[i+1].kind
		}
		switch tok.kind {
		case tName:
			isGoto := text == "goto"
			set(hasGoto, isGoto)
			set(hasGotoName, isGoto && (after != tName || before == tLocal))
		case tColon2:
			set(hasGoto, true)
		case tSlash2, tAmp, tPipe, tTilde, tShl, tShr:
			set(has53Ops, true)
		case tLt:
			set(hasAttrib, after == tName && (toks[i+1].text == "const" || toks[i+1].text == "close"))
		case tSemi:
			set(hasEmpty, true)
		case tBreak:
			if after == tSemi {
				after = toks[i+2].kind
			}
			set(hasBreakInside, after != tEnd && after != tElse && after != tElseif && after != tUntil && after != tEOF)
		case tNumber:
			set(hasSuffix, tok.num.Suffix)
			hex := strings.HasPrefix(strings.ToLower(text), "0x")
			set(hasHexFloat, hex && strings.ContainsAny(text, ".pP"))
			set(hasHexConcat, strings.HasPrefix(o.text[tok.End:], ".."))
		case tString:
			if text[0] == '[' {
				set(hasNestedLong, strings.Contains(text[1:], "[["))
			} else {
				set(hasNewEscape, newEscape.MatchString(text))
			}
		case tLParen:
			switch before {
			case tName, tRParen, tRBracket, tString, tRBrace:
				set(hasNewlineCall, tok.newline)
			}
		}
	}
}

// only reports whether all errors are of the given codes, and there is one.
func (o *opinion) only(codes ...diag.Code) bool {
	for _, d := range o.list {
		ok := false
		for _, c := range codes {
			ok = ok || d.Code == c
		}
		if !ok {
			return false
		}
	}
	return o.list != nil
}

// rule is one difference to another parser that is meant to be. It applies to
// texts that witness and its like stand for; theirs is the other parser's message
// or "".
type rule struct {
	name    string
	accepts bool // the other one accepts and we do not
	when    func(o *opinion, theirs string) bool
	witness string
}

// with is the predicate of rules for a text that has a feature.
func with(f feature, theirs ...string) func(*opinion, string) bool {
	return func(o *opinion, message string) bool {
		if !o.has[f] {
			return false
		}
		for _, s := range theirs {
			if strings.Contains(message, s) {
				return true
			}
		}
		return len(theirs) == 0
	}
}

// codes is the predicate of rules for what all our errors say.
func codes(codes ...diag.Code) func(*opinion, string) bool {
	return func(o *opinion, _ string) bool { return o.only(codes...) }
}

// verdict is another parser's answer: "" is yes, anything else its message.
type verdict string

// compare fails for each text on which we and the other parser differ without
// a rule. It tries each rule on its witness first.
func compare(t *testing.T, rules []rule, judge func([]script) []verdict, all []*opinion) {
	t.Helper()
	apply := func(o *opinion, v verdict) (*rule, bool) {
		ours := o.list == nil
		if ours == (v == "") {
			return nil, true
		}
		for i := range rules {
			r := &rules[i]
			if r.accepts == (v == "") && r.when(o, string(v)) {
				return r, true
			}
		}
		return nil, false
	}
	var witnesses []script
	for _, r := range rules {
		witnesses = append(witnesses, script{r.name, r.witness})
	}
	for i, v := range judge(witnesses) {
		r, _ := apply(opine(witnesses[i]), v)
		if r == nil || r.name != rules[i].name {
			t.Errorf("rule %q: its witness %q is no case of it: they say %q", rules[i].name, rules[i].witness, v)
		}
	}
	input := make([]script, len(all))
	for i, o := range all {
		input[i] = o.script
	}
	used, accepted, failures := map[string]int{}, 0, 0
	for i, v := range judge(input) {
		o := all[i]
		r, ok := apply(o, v)
		if ok {
			if r != nil {
				used[r.name]++
			} else if v == "" {
				accepted++
			}
			continue
		}
		if failures++; failures <= 10 {
			t.Errorf("%s: we say %q, they say %q\n%s", o.name, o.list, v, around(o, string(v)))
		}
	}
	if failures > 10 {
		t.Errorf("%d more differ", failures-10)
	}
	for _, r := range rules {
		t.Logf("%5d by rule: %s", used[r.name], r.name)
	}
	t.Logf("%d texts, both accept %d", len(all), accepted)
	if accepted < len(all)/100 || accepted == len(all) {
		t.Errorf("both accept %d of %d texts: the mutations test nothing", accepted, len(all))
	}
}

var lineNumber = regexp.MustCompile(`(?:^|line[ :]+|:)(\d+)`)

// around returns the lines at which we or they found an error.
func around(o *opinion, theirs string) string {
	line := 0
	if o.list != nil {
		line, _ = o.list[0].Span.Position()
	} else if m := lineNumber.FindStringSubmatch(theirs); m != nil {
		line, _ = strconv.Atoi(m[1])
	}
	text := ""
	for l := max(1, line-2); l <= line+1; l++ {
		text += fmt.Sprintf("%5d %s\n", l, o.file.Line(l))
	}
	return text
}

// namesOnly are the errors that gopher-lua finds when it compiles, not when it
// parses.
var namesOnly = codes(diag.BreakOutsideLoop, diag.VarargOutside, diag.UndefinedLabel, diag.DuplicateLabel, diag.GotoIntoScope)

// blank is true where gopher-lua stops at a blank it does not know.
func blank(_ *opinion, theirs string) bool {
	return strings.ContainsAny(theirs, "\v\f") && strings.Contains(theirs, "Invalid token")
}

// shortComment is true where gopher-lua expects a long comment.
func shortComment(o *opinion, theirs string) bool {
	return strings.Contains(theirs, "invalid multiline comment") && strings.Contains(o.text, "--[=")
}

// glued is true where gopher-lua lets a name follow a number without a blank.
func glued(o *opinion, _ string) bool {
	return o.has[hasHexFloat] || o.list != nil && o.list[0].Code == diag.MalformedNumber
}

// nul is true if there is a NUL byte, which 5.1's scanner finds in every set of
// characters it tries.
func nul(o *opinion, _ string) bool { return strings.Contains(o.text, "\x00") }

// emptyField is true if all our errors are a missing field between separators.
func emptyField(o *opinion, _ string) bool {
	for _, d := range o.list {
		if d.Message != "an expression expected, found ','" && d.Message != "an expression expected, found ';'" {
			return false
		}
	}
	return o.list != nil
}

var gopherRules = []rule{
	{"5.3 operators", false, with(has53Ops), "x = 1 // 2"},
	{"integer suffixes", false, with(hasSuffix), "x = 1LL"},
	{"attributes", false, with(hasAttrib), "local x <const> = 1"},
	{"goto as a name", false, with(hasGotoName), "goto = 1"},
	{"break inside a block", false, with(hasBreakInside), "while x do break x = 1 end"},
	{"hex floats", false, with(hasHexFloat), "x = 0x1p4"},
	{"byte order mark", false, with(hasBOM), "\uFEFFx = 1"},
	{"\\z may end a line of a string", false, with(hasNewEscape, "unterminated string"), "x = \"\\z\n\""},
	{"--[= without a second [ is a short comment", false, shortComment, "--[=\n"},
	{"vertical tab and form feed are blanks", false, blank, "x =\f1"},
	{"gopher-lua looks for break, goto and ... when it compiles", true, namesOnly, "break"},
	{"gopher-lua takes a parenthesised call as a statement", true, codes(diag.ExpressionStatement), "(f())"},
	{"gopher-lua cuts numbers short", true, glued, "x = 3y = 4"},
	{"gopher-lua takes repeated separators in tables", true, emptyField, "x = {1,,2}"},
	{"gopher-lua takes any escape", true, codes(diag.InvalidEscape), `x = "\300"`},
}

// askGopher is the judge that asks gopher-lua. It compares the trees that both
// make.
func askGopher(t *testing.T) func([]script) []verdict {
	return func(all []script) []verdict {
		verdicts := make([]verdict, len(all))
		trees, failures := 0, 0
		for i, s := range all {
			stmts, err := gopher.Parse(strings.NewReader(s.text), s.name)
			if err != nil {
				verdicts[i] = verdict(err.Error())
				continue
			}
			chunk, list := parse(s.name, s.text)
			if list != nil {
				continue
			}
			trees++
			if err := sameTree(s.text, chunk, stmts); err != nil && failures < 10 {
				failures++
				t.Errorf("%s: %v", s.name, err)
			}
		}
		t.Logf("%d trees compared", trees)
		return verdicts
	}
}

// TestAgree compares this parser with three others.
func TestAgree(t *testing.T) {
	all := opinions(t)
	t.Run("gopher-lua", func(t *testing.T) { compare(t, gopherRules, askGopher(t), all) })
	t.Run("lua5.1", func(t *testing.T) { compare(t, lua51Rules, lua(t, "lua5.1"), all) })
	t.Run("lua5.4", func(t *testing.T) { compare(t, lua54Rules, lua(t, "lua5.4"), all) })
}

func opinions(t *testing.T) []*opinion {
	var all []*opinion
	for _, s := range texts(t) {
		all = append(all, opine(s))
	}
	return all
}

// driver reads texts, each behind a line with its length, and writes a line for
// each: empty if the text compiles, else what is wrong.
const driver = `
local load = loadstring or load
while true do
  local n = io.read("*l")
  if not n then break end
  n = tonumber(n)
  local f, err = load(n == 0 and "" or io.read(n), "=")
  io.write(f and "" or (err:gsub("[\r\n]", " ")), "\n")
end`

// lua returns a judge that asks a Lua interpreter.
func lua(t *testing.T, command string) func([]script) []verdict {
	path, err := exec.LookPath(command)
	if err != nil {
		if os.Getenv("LUABPFC_REQUIRE_TOOLS") == "1" {
			t.Fatal(err)
		}
		t.Skipf("%v: install %s to compare with it", err, command)
	}
	return func(all []script) []verdict {
		var in, out, stderr bytes.Buffer
		for _, s := range all {
			fmt.Fprintf(&in, "%d\n%s", len(s.text), s.text)
		}
		cmd := exec.Command(path, "-e", driver)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = &in, &out, &stderr
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: %v %s", command, err, &stderr)
		}
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if len(lines) != len(all) {
			t.Fatalf("%s: %d texts, %d answers", command, len(all), len(lines))
		}
		verdicts := make([]verdict, len(all))
		for i, l := range lines {
			verdicts[i] = verdict(l)
		}
		return verdicts
	}
}

var lua51Rules = []rule{
	{"goto and labels", false, with(hasGoto, "near ':'", "'=' expected near"), "goto x ::x::"},
	{"5.3 operators", false, with(has53Ops), "x = 1 // 2"},
	{"integer suffixes", false, with(hasSuffix), "x = 1LL"},
	{"attributes", false, with(hasAttrib), "local x <const> = 1"},
	{"empty statements", false, with(hasEmpty, "near ';'"), ";"},
	{"break inside a block", false, with(hasBreakInside), "while x do break x = 1 end"},
	{"a call may begin a line", false, with(hasNewlineCall, "ambiguous syntax"), "f()\n(g)()"},
	{"hex floats", false, with(hasHexFloat), "x = 0x1.8p-1"},
	{"[[ may stand inside [[ ]]", false, with(hasNestedLong, "nesting of [[...]]"), "x = [[a[[b]]"},
	{"byte order mark", false, with(hasBOM), "\uFEFFx = 1"},
	{"\\z may end a line of a string", false, with(hasNewEscape, "unfinished string"), "x = \"\\z\n\""},
	{"5.1 has hex floats for big integers", true, codes(diag.NumberTooLarge), "x = 0x10000000000000000"},
	{"5.1 takes a NUL byte for part of a token", true, nul, "x = 1\x00"},
	{"5.1 takes \\x, \\u for x, u", true, codes(diag.InvalidEscape), `x = "\xyz"`},
}

var lua54Rules = []rule{
	{"goto as a name", false, with(hasGotoName), "goto = 1"},
	{"integer suffixes", false, with(hasSuffix), "x = 1LL"},
	{"unknown escapes, as 5.1 has them", false, with(hasNewEscape, "invalid escape sequence"), `x = "\q"`},
	{".. behind a hex number or an exponent, as in 5.1", false, with(hasHexConcat, "malformed number"), "x = 0xA..s"},
	{"a label may hide an outer one", false, with(hasGoto, "already defined"), "::a:: do ::a:: end"},
	{"byte order mark", false, with(hasBOM), "\uFEFFx = 1"},
	{"5.4 wraps hex integers", true, codes(diag.NumberTooLarge), "x = 0x10000000000000000"},
}
