package script

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/luabpfc/luabpfc/ir/diag"
)

const testdata = "../../testdata/frontend/"

// recorder is a host that records what is declared.
type recorder struct {
	Record
	maps  []*Map
	progs []*Program
	// onProgram is called inside the call that declares a program.
	onProgram func(st *Stage, p *Program)
}

func (r *recorder) DeclareMap(st *Stage, m *Map) { r.maps = append(r.maps, m) }

func (r *recorder) DeclareProgram(st *Stage, p *Program) {
	r.progs = append(r.progs, p)
	if r.onProgram != nil {
		r.onProgram(st, p)
	}
}

// result is a finished run.
type result struct {
	*Stage
	host *recorder
	out  string
	list diag.List // everything reported
}

func run(text string, opts Options) result { return runWith(&recorder{}, text, opts) }

func runWith(h *recorder, text string, opts Options) result {
	var out bytes.Buffer
	var r diag.Reporter
	opts.Output, opts.Reporter = &out, &r
	st := Run(diag.NewFile("t.lua", text), h, opts)
	list, _ := diag.AsList(r.Err())
	if list == nil {
		list = r.Warnings()
	}
	return result{st, h, out.String(), list}
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

var (
	marker  = regexp.MustCompile(`--!(-\d+)? (".*)$`)
	pattern = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)
)

// check compares what a chunk reported with what it expects: on a line with
// --! "regexp", an error that matches one of the regexps there; several mean
// one of them, "" none.
func check(t *testing.T, text string, got diag.List) {
	t.Helper()
	want := map[int][]string{}
	optional := map[int]bool{}
	for i, l := range strings.Split(text, "\n") {
		m := marker.FindStringSubmatch(l)
		if m == nil {
			continue
		}
		off, _ := strconv.Atoi(m[1])
		for _, q := range pattern.FindAllStringSubmatch(m[2], -1) {
			rx := strings.ReplaceAll(q[1], `\"`, `"`)
			optional[i+1+off] = optional[i+1+off] || rx == ""
			want[i+1+off] = append(want[i+1+off], rx)
		}
	}
	for _, d := range got {
		line, col := d.Span.Position()
		found := false
		for _, rx := range want[line] {
			if rx != "" && regexp.MustCompile(rx).MatchString(full(d)) {
				found = true
				want[line] = nil
				break
			}
		}
		if !found {
			t.Errorf("%d:%d: unexpected: %s", line, col, full(d))
		}
	}
	for line, rxs := range want {
		if len(rxs) > 0 && !optional[line] {
			t.Errorf("%d: missing: %q", line, rxs)
		}
	}
}

func chunks(t testing.TB, file string) []string {
	t.Helper()
	data, err := os.ReadFile(testdata + file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(data), "\n---\n")
}

func TestChunks(t *testing.T) {
	for file, limits := range map[string]Limits{
		"script.lua":        {},
		"script_bounds.lua": {Instructions: 9_000_000},
	} {
		line := 1
		for _, text := range chunks(t, file) {
			t.Run(fmt.Sprintf("%s:%d", file, line), func(t *testing.T) {
				start := time.Now()
				r := run(text, Options{Limits: limits})
				check(t, text, r.list)
				if strings.Contains(text, "not reached") && strings.Contains(r.out, "not reached") {
					t.Error("ran on behind the end of the stage")
				}
				if d := time.Since(start); d > 4*time.Minute {
					t.Errorf("took %v", d)
				}
			})
			line += strings.Count(text, "\n") + 2
		}
	}
}

// prelude writes a line in pieces: io.write is an operation of user space.
const prelude = `local line = '' function put(...) for i = 1, select('#', ...) do line = line .. tostring((select(i, ...))) end end function endl() print(line) line = '' end `

// TestAgainstLua compares with the reference implementation of Lua 5.1.
func TestAgainstLua(t *testing.T) {
	lua51, err := exec.LookPath("lua5.1")
	if err != nil {
		t.Skip("lua5.1 is not installed")
	}
	line := 1
	for _, text := range chunks(t, "script_lua51.lua") {
		t.Run(strconv.Itoa(line), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "t.lua")
			if err := os.WriteFile(file, []byte(prelude+text), 0o666); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			want, err := exec.CommandContext(ctx, lua51, file).CombinedOutput()
			if err != nil {
				t.Fatalf("lua5.1: %v\n%s", err, want)
			}
			r := run(prelude+text, Options{})
			if len(r.list) > 0 {
				t.Errorf("%s", diag.Human(r.list))
			}
			clean := func(s string) string { return addresses.ReplaceAllString(s, "$1: ADDRESS") }
			if diff := cmp.Diff(clean(string(want)), clean(r.out)); diff != "" {
				t.Errorf("(-lua5.1 +script)\n%s", diff)
			}
		})
		line += strings.Count(text, "\n") + 2
	}
}

var addresses = regexp.MustCompile(`(table|function|thread): (builtin: \w+|0x[0-9a-f]+)`)
