package diag

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func at(f *File, what string) Span {
	i := strings.Index(f.Text, what)
	if i < 0 {
		panic("no " + what)
	}
	return Span{f, i, i + len(what)}
}

func TestHuman(t *testing.T) {
	long := "local x = " + strings.Repeat("a + ", 100) + "bad" + strings.Repeat(" + b", 100)
	f := NewFile("prog.lua", "local counts = 1\n\tlocal v\t= mapp(counts)\nif x then\n  y()\nend\nlocal ä = ö\n"+long+"\nz\x1b[31m = \u202e1\n")
	tests := []struct {
		name string
		sp   Span
		want string
	}{
		{"no place", Span{}, "m [C]\n"},
		{"tabs stay aligned", at(f, "mapp"), "prog.lua:2:12: m [C]\n    \tlocal v\t= mapp(counts)\n    \t       \t  ^~~~\n"},
		{"a span over lines ends with its line", at(f, "if x then\n  y()\nend"), "prog.lua:3:1: m [C]\n    if x then\n    ^~~~~~~~~\n"},
		{"columns are bytes, carets characters", at(f, "ö"), "prog.lua:6:12: m [C]\n    local ä = ö\n              ^\n"},
		{"an empty span is one caret", Span{f, 6, 6}, "prog.lua:1:7: m [C]\n    local counts = 1\n          ^\n"},
		{"the end of the file", Span{f, len(f.Text), len(f.Text)}, "prog.lua:9:1: m [C]\n"},
		{"control characters", at(f, "z"), "prog.lua:8:1: m [C]\n    z?[31m = ?1\n    ^\n"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if got := Human(List{{Code: "C", Span: tc.sp, Message: "m"}}); got != tc.want {
				t.Errorf("got\n%s\nwant\n%s", got, tc.want)
			}
		})
	}
	t.Run("a long line is cut round the span", func(t *testing.T) {
		lines := strings.Split(Human(List{{Span: at(f, "bad"), Message: "m"}}), "\n")
		if len(lines[1]) > maxLine+16 {
			t.Errorf("source line of %d characters", len(lines[1]))
		}
		i := strings.Index(lines[2], "^~~")
		if i < 0 || lines[1][i:i+3] != "bad" {
			t.Errorf("the caret is not under the span:\n%s\n%s", lines[1], lines[2])
		}
	})
	t.Run("a line end in a message", func(t *testing.T) {
		if got := Human(List{{Message: "a\nb"}}); got != "a?b\n" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("notes", func(t *testing.T) {
		d := &Diagnostic{Severity: Warning, Span: at(f, "mapp"), Message: "m"}
		d.Note(at(f, "counts"), "declared %s", "here").Note(Span{}, "nowhere")
		got := Human(List{d})
		if !strings.HasPrefix(got, "prog.lua:2:12: warning: m\n") || !strings.HasSuffix(got, "\nprog.lua:1: note: declared here\nnote: nowhere\n") {
			t.Errorf("got\n%s", got)
		}
	})
}

func TestMaxErrors(t *testing.T) {
	var l List
	for i := range MaxErrors + 2 {
		l = append(l, &Diagnostic{Message: fmt.Sprint("error ", i)}, &Diagnostic{Severity: Warning, Message: fmt.Sprint("warning ", i)})
	}
	got := Human(l)
	if n := strings.Count(got, "error "); n != MaxErrors {
		t.Errorf("%d errors shown, want %d", n, MaxErrors)
	}
	if !strings.HasSuffix(got, "2 more errors are not shown\n") {
		t.Errorf("the rest is not counted:\n%s", got)
	}
	if n := strings.Count(JSON(l), "\n"); n != len(l) {
		t.Errorf("JSON has %d lines, want all %d", n, len(l))
	}
}

func TestJSON(t *testing.T) {
	f := NewFile("a<b.lua", "x\nlocal y = 'é'\n")
	d := &Diagnostic{Code: "C", Span: at(f, "y = 'é'"), Message: "say \"no\" & go"}
	d.Note(at(f, "x"), "here")
	got := JSON(List{d})
	want := `{"file":"a<b.lua","line":2,"column":7,"end_line":2,"end_column":15,"severity":"error","code":"C","message":"say \"no\" & go","notes":[{"file":"a<b.lua","line":1,"column":1,"end_line":1,"end_column":2,"message":"here"}]}` + "\n"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !json.Valid([]byte(got)) {
		t.Error("not JSON")
	}
}

func TestReporter(t *testing.T) {
	a, b := NewFile("a.lua", "x y z"), NewFile("b.lua", "x y z")
	var r Reporter
	if r.Err() != nil {
		t.Error("an empty Reporter has an error")
	}
	r.Warnf("W", Span{a, 2, 3}, "late")
	if r.Err() != nil {
		t.Error("a warning is an error")
	}
	r.Errorf("E", Span{b, 0, 1}, "other file")
	r.Errorf("E", Span{a, 4, 5}, "second")
	r.Errorf("E", Span{a, 2, 3}, "first")
	r.Errorf("E", Span{a, 2, 3}, "first")
	l, ok := AsList(fmt.Errorf("wrapped: %w", r.Err()))
	if !ok {
		t.Fatal("Err is not a List")
	}
	var got []string
	for _, d := range l {
		got = append(got, d.Message)
	}
	if s := strings.Join(got, ", "); s != "first, late, second, other file" {
		t.Errorf("order: %s", s)
	}
	if want := "a.lua:1:3: first [E] (and 2 more)"; l.Error() != want {
		t.Errorf("Error() = %q, want %q", l.Error(), want)
	}
	if r.Errors() != 3 {
		t.Errorf("%d errors, want 3: the same message at the same place counts once", r.Errors())
	}
	if _, ok := AsList(errors.New("x")); ok {
		t.Error("any error is a List")
	}
}

func TestCodes(t *testing.T) {
	seen := map[string]bool{}
	for _, i := range All() {
		name := string(i.Code)
		if seen[strings.ToLower(name)] {
			t.Errorf("%s is documented twice", name)
		}
		seen[strings.ToLower(name)] = true
		if i.Summary == "" || i.Help == "" || i.Example == "" {
			t.Errorf("%s: summary, help or example is missing", name)
		}
		if strings.HasSuffix(i.Summary, ".") || i.Summary == "" || strings.Contains(i.Summary, "\n") {
			t.Errorf("%s: a summary is one line without a full stop: %q", name, i.Summary)
		}
		if got, ok := Lookup(strings.ToLower(name)); !ok || got.Code != i.Code {
			t.Errorf("Lookup(%q) = %v, %v", name, got.Code, ok)
		}
	}
	if _, ok := Lookup("NoSuchCode"); ok {
		t.Error("Lookup finds what is not there")
	}
}

func TestClosest(t *testing.T) {
	c := []string{"map_lookup", "map_update", "xadd", "time"}
	for name, want := range map[string]string{
		"map_lookp": "map_lookup", "xdad": "xadd", "tiem": "time", "XADD": "xadd",
		"perf": "", "": "", "m": "", "map_delete": "",
	} {
		if got := Closest(name, c); got != want {
			t.Errorf("Closest(%q) = %q, want %q", name, got, want)
		}
	}
}
