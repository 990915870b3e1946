package luabpfc_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// fenced returns the README's blocks of a language.
func fenced(t *testing.T, readme, language string) []string {
	t.Helper()
	var blocks []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(readme, -1) {
		blocks = append(blocks, m[1])
	}
	if len(blocks) == 0 {
		t.Fatalf("the README has no block of %s", language)
	}
	return blocks
}

// TestReadme holds the README to what is: its script is the example's, its
// message is what the compiler says, its features are sentences of the reference,
// its flags and files exist.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(text)
	example, err := os.ReadFile("examples/protocount/protocount.lua")
	if err != nil {
		t.Fatal(err)
	}
	if got := fenced(t, readme, "lua")[0]; got != string(example) {
		t.Errorf("the README's script is not examples/protocount/protocount.lua:\n%s", got)
	}
	wrong := strings.Replace(string(example), "xadd(counts[pkt.ip.proto], 1)", "xadd(pkt.ip.proto, 1)", 1)
	_, err = luabpfc.Compile(luabpfc.Source{Name: "protocount.lua", Text: wrong}, luabpfc.DefaultOptions())
	l, _ := diag.AsList(err)
	if got := fenced(t, readme, "text")[0]; got != diag.Human(l) {
		t.Errorf("the README's message is\n%sthe compiler's\n%s", got, diag.Human(l))
	}
	var flags []byte
	for _, file := range []string{"app.go", "gengo.go", "machine.go"} {
		text, err := os.ReadFile("cmd/luabpfc/" + file)
		if err != nil {
			t.Fatal(err)
		}
		flags = append(flags, text...)
	}
	for _, block := range fenced(t, readme, "sh") {
		for _, m := range regexp.MustCompile(`(?m)^luabpfc .*? --?([\w-]+)`).FindAllStringSubmatch(block, -1) {
			if !strings.Contains(string(flags), `Name: "`+m[1]+`"`) {
				t.Errorf("luabpfc has no flag -%s", m[1])
			}
		}
	}
	language, err := os.ReadFile(languagePath)
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\|.*\\| `([a-z0-9-]+)` \\|$").FindAllStringSubmatch(readme, -1)
	if len(rows) < 10 {
		t.Error("the README has no table of features")
	}
	for _, m := range rows {
		if !strings.Contains(string(language), "["+m[1]+"]") {
			t.Errorf("%s has no sentence [%s], which the README names", languagePath, m[1])
		}
	}
	for _, m := range regexp.MustCompile("\\./([\\w./]+)").FindAllStringSubmatch(readme, -1) {
		if _, err := os.Stat(strings.TrimSuffix(m[1], ".")); err != nil {
			t.Errorf("the README names %s: %v", m[1], err)
		}
	}
}

// TestHowTo makes sure that the files that docs/README.md names exist.
func TestHowTo(t *testing.T) {
	text, err := os.ReadFile("docs/README.md")
	if err != nil {
		t.Fatal(err)
	}
	paths := regexp.MustCompile("`([a-z][\\w/]*(?:\\*?\\.(?:go|txtar|md)|/[a-z]\\w*))`").FindAllStringSubmatch(string(text), -1)
	if len(paths) < 10 {
		t.Error("docs/README.md names no files")
	}
	for _, m := range paths {
		if found, err := filepath.Glob(m[1]); err != nil || len(found) == 0 {
			t.Errorf("docs/README.md names %s, which there is not", m[1])
		}
	}
}

// TestCaseNotation makes sure that cases can fail: lines that mean nothing are
// errors, and observations that differ from what is expected are found.
func TestCaseNotation(t *testing.T) {
	for _, l := range []string{
		"nonsense", "eth => x", "bad => 1", "m[x] = 1", "m[1] == 1", "m = {1}", "m = {a: 1}", "set m[1] = nil",
		"privileged because", "option -O0 x", "option -mcpu", "option --target-kernel x", "ctx mark", "out nope",
	} {
		if err := new(testCase).parseLine(0, l); err == nil {
			t.Errorf("%q is accepted", l)
		}
	}
	for _, tc := range []struct {
		line string
		o    observation
		ok   bool
	}{
		{"eth => 1", observation{ret: 1}, true},
		{"eth => 1", observation{ret: 2}, false},
		{"eth => -1", observation{ret: 0xffffffff}, true},
		{"eth => -1", observation{ret: 0xff}, false},
		{"eth => XDP_TX", observation{ret: 3}, true},
		{"eth => > 1", observation{ret: 1}, false},
		{"m[1] = 5", observation{value: 5, ok: true, size: 4}, true},
		{"m[1] = 5", observation{value: 5, ok: false, size: 4}, false},
		{"m[1] = 5", observation{value: 6, ok: true, size: 4}, false},
		{"m[1] = nil", observation{size: 4}, true},
		{"m[1] = nil", observation{ok: true, size: 4}, false},
		{"m[1] = -1", observation{value: 0xffff, ok: true, size: 2}, true},
		{"m[1] > 0", observation{value: 0xffff, ok: true, size: 2}, false},
		{"m[1] ~= 3", observation{value: 3, ok: true, size: 8}, false},
		{"m = {2: 1, 1: 2}", observation{pairs: [][2]uint64{{1, 2}, {2, 1}}, size: 4}, true},
		{"m = {1: 2}", observation{pairs: [][2]uint64{{1, 2}, {2, 1}}, size: 4}, false},
		{"m = {}", observation{pairs: [][2]uint64{{1, 0}}, size: 4}, false},
		{"out hex(00)", observation{out: []byte{0}}, true},
		{"out hex(00)", observation{out: []byte{1}}, false},
		{"trace a", observation{trace: []string{"b\n", "a\n"}}, true},
		{"trace a", observation{trace: []string{"aa\n"}}, false},
	} {
		c := new(testCase)
		if err := c.parseLine(0, tc.line); err != nil {
			t.Errorf("%q: %v", tc.line, err)
			continue
		}
		if err := c.steps[0].check(tc.o); (err == nil) != tc.ok {
			t.Errorf("%q of %+v: %v", tc.line, tc.o, err)
		}
	}
}
