package syntax

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// checkTree holds for every text: the parser ends, ranges nest and lie in the
// file, names are bound to what is visible; and of a text without errors the tree
// written as Lua again is parsed to the same tree.
func checkTree(t *testing.T, text string) {
	t.Helper()
	c, list := parse("x.lua", text)
	for _, d := range list {
		if d.Span.Start < 0 || d.Span.Start > d.Span.End || d.Span.End > len(text) || d.Message == "" || d.Code == "" {
			t.Errorf("diagnostic %v has a span %d, %d", d, d.Span.Start, d.Span.End)
		}
	}
	if err := checkRanges(c.File, c.Func, list == nil); err != nil {
		t.Errorf("%v\n%q", err, text)
	}
	if err := checkBinding(c); err != nil {
		t.Errorf("%v\n%q", err, text)
	}
	var first bytes.Buffer
	Fprint(&first, c)
	if list != nil {
		return
	}
	again := unparse(c)
	c2, list := parse("x.lua", again)
	var second bytes.Buffer
	Fprint(&second, c2)
	if list != nil || first.String() != second.String() {
		t.Errorf("%q\nwas written as\n%s\nwhich is parsed as\n%swith %v, not\n%s", text, again, &second, list, &first)
	}
}

// found are texts that fuzzing found errors with.
var found = []string{
	" function A:",
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob(testdata + "syntax*.lua")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, c := range bytes.Split(data, []byte("\n---\n")) {
			f.Add(string(c))
		}
	}
	for _, text := range found {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) <= 1<<16 {
			checkTree(t, text)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	text, err := os.ReadFile(testdata + "syntax_valid.lua")
	if err != nil {
		b.Fatal(err)
	}
	all := bytes.ReplaceAll(text, []byte("\n---\n"), []byte("\n"))
	b.SetBytes(int64(len(all)))
	b.ReportAllocs()
	for b.Loop() {
		parse("x.lua", string(all))
	}
}
