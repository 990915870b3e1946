package codegen

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// caseModule reads a case of testdata/codegen.
func caseModule(t *testing.T, file, name string) *ir.Module {
	t.Helper()
	ar, err := txtar.ParseFile("../testdata/codegen/" + file)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range ar.Files {
		if f.Name == name {
			m := parse(t, name, string(f.Data))
			m.Files = []*diag.File{diag.NewFile("prog.lua", "local a\nreturn a\n")}
			return m
		}
	}
	t.Fatalf("no %s in %s", name, file)
	return nil
}

func compileObject(t *testing.T, m *ir.Module, o Options) []byte {
	t.Helper()
	out, err := Compile(m, o)
	if err != nil {
		t.Fatal(err)
	}
	return out.Object
}

func TestObjectLayout(t *testing.T) {
	m := caseModule(t, "calls.txtar", "callback.ir")
	m.Maps = caseModule(t, "counter.txtar", "counter.ir").Maps
	f, err := elf.NewFile(bytes.NewReader(compileObject(t, m, Options{Lines: true})))
	if err != nil {
		t.Fatal(err)
	}
	var sections []string
	for _, s := range f.Sections[1:] {
		sections = append(sections, s.Name)
	}
	want := []string{".strtab", ".symtab", ".text", "socket", "license", ".maps", ".relsocket", ".BTF", ".BTF.ext"}
	if d := cmp.Diff(want, sections); d != "" {
		t.Errorf("sections: -want +got\n%s", d)
	}
	syms, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range syms {
		bind := "local"
		if elf.ST_BIND(s.Info) == elf.STB_GLOBAL {
			bind = "global"
		}
		got = append(got, strings.Join([]string{bind, elf.ST_TYPE(s.Info).String(), f.Sections[s.Section].Name, s.Name}, " ")+" "+
			string(rune('0'+s.Size/100))+string(rune('0'+s.Size/10%10))+string(rune('0'+s.Size%10)))
	}
	wantSyms := []string{
		"local STT_SECTION .text  000",
		"local STT_FUNC .text body 056",
		"global STT_OBJECT license _license 004",
		"global STT_OBJECT .maps counts 032",
		"global STT_FUNC socket filter 104",
	}
	if d := cmp.Diff(wantSyms, got); d != "" {
		t.Errorf("symbols: -want +got\n%s", d)
	}
}

// TestLines reads the line table back.
func TestLines(t *testing.T) {
	m := caseModule(t, "counter.txtar", "counter.ir")
	m.Funcs[0].Pos = ir.Pos{Line: 1, Col: 7}
	for _, b := range m.Funcs[0].Blocks {
		b.Pos = ir.Pos{Line: 2, Col: 1}
		for _, v := range b.Values {
			v.Pos = ir.Pos{Line: 1, Col: 7}
		}
	}
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(compileObject(t, m, Options{Lines: true})))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, in := range spec.Programs["filter"].Instructions {
		if l, ok := in.Source().(*btf.Line); ok {
			lines = append(lines, l.FileName()+":"+l.Line())
		}
	}
	// The branch and what is behind it are on the second line, what it leads to
	// on the first.
	want := []string{"prog.lua:local a", "prog.lua:return a", "prog.lua:local a", "prog.lua:return a"}
	if d := cmp.Diff(want, lines); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	proto := btf.FuncMetadata(&spec.Programs["filter"].Instructions[0]).Type.(*btf.FuncProto)
	if len(proto.Params) != 1 || proto.Params[0].Name != "ctx" {
		t.Errorf("prototype %v", proto)
	}
}

// TestNoLines: without lines there is no .BTF.ext, unless there are callbacks.
func TestNoLines(t *testing.T) {
	for _, c := range []struct {
		file, name string
		ext        bool
	}{{"counter.txtar", "counter.ir", false}, {"calls.txtar", "callback.ir", true}} {
		object := compileObject(t, caseModule(t, c.file, c.name), Options{})
		f, err := elf.NewFile(bytes.NewReader(object))
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Section(".BTF.ext") != nil; got != c.ext {
			t.Errorf("%s: .BTF.ext is %v", c.name, got)
		}
		if _, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(object)); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if bytes.Contains(object, []byte("return a")) {
			t.Errorf("%s: the script's text is in the object", c.name)
		}
	}
}

// TestBigEndian reads an object of the other byte order: it has the same
// programs and maps.
func TestBigEndian(t *testing.T) {
	for _, c := range [][2]string{{"counter.txtar", "counter.ir"}, {"calls.txtar", "callback.ir"}, {"packet.txtar", "port.ir"}} {
		var text [2]string
		for i, big := range []bool{false, true} {
			m := caseModule(t, c[0], c[1])
			m.BigEndian = big
			spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(compileObject(t, m, Options{Lines: true})))
			if err != nil {
				t.Fatal(err)
			}
			if want := map[bool]binary.ByteOrder{false: binary.LittleEndian, true: binary.BigEndian}[big]; spec.ByteOrder != want {
				t.Errorf("%s: byte order %v", c[1], spec.ByteOrder)
			}
			for _, in := range spec.Programs["filter"].Instructions {
				text[i] += strings.TrimSpace(fmt.Sprint(in)) + "\n"
			}
		}
		if d := cmp.Diff(text[0], text[1]); d != "" {
			t.Errorf("%s: -little +big\n%s", c[1], d)
		}
	}
}

func TestDeterministicObject(t *testing.T) {
	for seed := int64(0); seed < 10; seed++ {
		a := compileObject(t, generatePointers(seed, 3), Options{Lines: true})
		b := compileObject(t, generatePointers(seed, 3), Options{Lines: true})
		if !bytes.Equal(a, b) {
			t.Errorf("seed %d: two objects", seed)
		}
	}
}

// TestStackOverflow looks for the place of the largest object.
func TestStackOverflow(t *testing.T) {
	m := caseModule(t, "stack.txtar", "overflow.ir")
	m.Funcs[0].Slots[0].Pos = ir.Pos{Line: 2, Col: 8}
	m.Funcs[0].Slots[1].Pos = ir.Pos{Line: 1, Col: 1}
	_, err := Compile(m, Options{})
	list, ok := diag.AsList(err)
	if !ok || len(list) != 1 || list[0].Code != diag.StackOverflow {
		t.Fatalf("error %v", err)
	}
	if line, col := list[0].Span.Position(); line != 2 || col != 8 {
		t.Errorf("at %d:%d", line, col)
	}
}

func TestListing(t *testing.T) {
	m := caseModule(t, "counter.txtar", "counter.ir")
	for _, v := range m.Funcs[0].Entry().Values {
		v.Pos = ir.Pos{Line: 1, Col: 1}
	}
	out, err := Compile(m, Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := Listing(m, out)
	for _, want := range []string{"socket: filter, 13 instructions, 8 bytes of stack\n", "; local a (prog.lua:1)\n", "     7: call bpf_map_lookup_elem#1\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// TestDump wants each stage shown, in machine IR that names what it means.
func TestDump(t *testing.T) {
	m := caseModule(t, "spill.txtar", "pressure.ir")
	var stages []string
	_, err := Compile(m, Options{Dump: func(stage, fn, text string) {
		stages = append(stages, stage+" "+fn)
		if os.Getenv("LUABPFC_SHOW") != "" {
			t.Logf("%s\n%s", stage, text)
		}
		if stage == "select" && !strings.Contains(text, "v") || !strings.Contains(text, "exit") {
			t.Errorf("%s:\n%s", stage, text)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"select filter", "allocate filter", "layout filter"}, stages); d != "" {
		t.Error(d)
	}
}
