package frontend_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/luabpfc/luabpfc/frontend"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// TestChunks compiles the chunks of testdata/frontend/kernel*.lua, which are
// split by lines of "---". A comment --! "text" expects a diagnostic on its
// line that contains text; without one, there must be none. A chunk without
// errors must give IR that verifies.
func TestChunks(t *testing.T) {
	files, err := filepath.Glob("../testdata/frontend/kernel*.lua")
	if err != nil || len(files) == 0 {
		t.Fatal("no chunk files", err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		line := 1
		for i, chunk := range strings.Split(string(text), "\n---\n") {
			t.Run(fmt.Sprintf("%s/%d", filepath.Base(name), i), func(t *testing.T) {
				checkChunk(t, fmt.Sprintf("%s:%d", filepath.Base(name), line), chunk)
			})
			line += strings.Count(chunk, "\n") + 2
		}
	}
}

func checkChunk(t *testing.T, where, chunk string) {
	var r diag.Reporter
	opts := frontend.Options{Kernel: kernel.Default}
	if strings.HasPrefix(chunk, "-- kernel ") {
		v, err := kernel.ParseVersion(strings.Fields(chunk)[2])
		if err != nil {
			t.Fatal(err)
		}
		opts.Kernel = v
	}
	mod, _ := frontend.Compile(diag.NewFile("chunk.lua", chunk), &r, opts)
	all := r.Warnings()
	if l, ok := diag.AsList(r.Err()); ok {
		all = l
	}
	want := expectations(t, chunk)
	for _, d := range all {
		l, _ := d.Span.Position()
		found := false
		for i, w := range want[l] {
			if strings.Contains(d.String(), w) {
				want[l] = append(want[l][:i:i], want[l][i+1:]...)
				found = true
				break
			}
		}
		if !found {
			t.Errorf("%s: unexpected: %s", where, d)
		}
	}
	for l, ws := range want {
		for _, w := range ws {
			t.Errorf("%s: line %d of the chunk: no diagnostic contains %q", where, l, w)
		}
	}
	if r.Errors() == 0 {
		if err := mod.Verify(); err != nil {
			t.Errorf("%s: %v\n%s", where, err, mod)
		}
	}
}

// expectations reads the --! comments of a chunk, by line.
func expectations(t *testing.T, chunk string) map[int][]string {
	want := map[int][]string{}
	for i, line := range strings.Split(chunk, "\n") {
		_, rest, ok := strings.Cut(line, "--! ")
		for ok && rest != "" {
			q, err := strconv.QuotedPrefix(strings.TrimSpace(rest))
			if err != nil {
				t.Fatalf("bad expectation in %q", line)
			}
			s, _ := strconv.Unquote(q)
			want[i+1] = append(want[i+1], s)
			rest = strings.TrimSpace(strings.TrimSpace(rest)[len(q):])
		}
	}
	return want
}
