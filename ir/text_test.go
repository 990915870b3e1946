package ir_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/luabpfc/luabpfc/ir"
)

// TestText runs testdata/ir. A section NAME.ir is a module. With a section
// NAME.err it must be refused, by Parse or Verify, with exactly that message;
// otherwise it must verify, print as NAME.out if there is one, and keep its
// text through Parse. NAME.pos is the text with places; NAME.dom what the
// analyses say.
func TestText(t *testing.T) {
	files, err := filepath.Glob("../testdata/ir/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		section := map[string]*txtar.File{}
		for i := range a.Files {
			section[a.Files[i].Name] = &a.Files[i]
		}
		for i := range a.Files {
			name, ok := strings.CutSuffix(a.Files[i].Name, ".ir")
			if !ok {
				continue
			}
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar")+"/"+name, func(t *testing.T) {
				textCase(t, name, string(a.Files[i].Data), section)
			})
		}
		if os.Getenv("LUABPFC_UPDATE") != "" {
			if err := os.WriteFile(file, txtar.Format(a), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func textCase(t *testing.T, name, text string, section map[string]*txtar.File) {
	want := func(suffix, got string) bool {
		s := section[name+"."+suffix]
		if s == nil {
			return false
		}
		if os.Getenv("LUABPFC_UPDATE") != "" {
			s.Data = []byte(got)
		}
		if d := cmp.Diff(string(s.Data), got); d != "" {
			t.Errorf("%s.%s (-want +got):\n%s", name, suffix, d)
		}
		return true
	}
	m, err := ir.Parse("in", text)
	if err == nil {
		err = m.Verify()
	}
	if err != nil {
		if !want("err", err.Error()+"\n") {
			t.Errorf("refused: %v", err)
		}
		return
	}
	if section[name+".err"] != nil {
		t.Errorf("accepted; want %s", section[name+".err"].Data)
	}
	want("out", m.String())
	want("pos", m.Text(true))
	want("dom", analyses(m))
	roundTrip(t, m)
}

// roundTrip checks that the text of m, with and without places, means m.
func roundTrip(t *testing.T, m *ir.Module) {
	t.Helper()
	for _, pos := range []bool{false, true} {
		text := m.Text(pos)
		again, err := ir.Parse("again", text)
		if err != nil {
			t.Fatalf("printed text is refused: %v\n%s", err, text)
		}
		if d := cmp.Diff(text, again.Text(pos)); d != "" {
			t.Errorf("round trip (-first +second):\n%s", d)
		}
	}
}

// analyses prints dominators, post-dominators, frontiers and loops.
func analyses(m *ir.Module) string {
	var b strings.Builder
	for _, f := range m.Funcs {
		d, pd := ir.Dominators(f), ir.PostDominators(f)
		df := d.Frontiers()
		fmt.Fprintf(&b, "func %s rpo %v\n", f.Name, d.RPO)
		for _, x := range d.RPO {
			fmt.Fprintf(&b, "%s idom %s ipdom %s frontier %v\n", x, d.Idom(x), pd.Ipdom(x), df[x.ID])
		}
		l := ir.FindLoops(f, d)
		for _, x := range l.All {
			fmt.Fprintf(&b, "loop %s depth %d blocks %v latches %v exits", x.Header, x.Depth, x.Blocks, x.Latches)
			for _, e := range x.Exits {
				fmt.Fprintf(&b, " %s.%d", e.B, e.I)
			}
			if x.Parent != nil {
				fmt.Fprintf(&b, " in %s", x.Parent.Header)
			}
			b.WriteByte('\n')
		}
		for _, e := range l.Irreducible {
			fmt.Fprintf(&b, "irreducible %s -> %s\n", e.B, e.B.Succs[e.I].B)
		}
	}
	return b.String()
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("../testdata/ir/*.txtar")
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, x := range a.Files {
			if strings.HasSuffix(x.Name, ".ir") {
				f.Add(string(x.Data))
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ir.Parse("fuzz", text)
		if err != nil {
			return
		}
		_ = m.Verify()
		roundTrip(t, m)
	})
}
