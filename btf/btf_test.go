package btf

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"
)

func testFunc(params ...btf.FuncParam) *btf.Func {
	return &btf.Func{Name: "f", Linkage: btf.GlobalFunc, Type: &btf.FuncProto{Return: cInt(), Params: params}}
}

func testSection(fn *btf.Func) Section {
	return Section{
		Name:  "socket",
		Funcs: []FuncInfo{{Func: fn}},
		Lines: []LineInfo{{File: "a.lua", Text: "return 0", Line: 1, Column: 1}},
	}
}

func testVars(section string, size uint32, vars ...btf.VarSecinfo) *btf.Datasec {
	return &btf.Datasec{Name: section, Size: size, Vars: vars}
}

func testVar(name string, t btf.Type, offset, size uint32) btf.VarSecinfo {
	return btf.VarSecinfo{Type: &btf.Var{Name: name, Type: t, Linkage: btf.GlobalVar}, Offset: offset, Size: size}
}

// TestMarshalRejects expects errors that say what is wrong.
func TestMarshalRejects(t *testing.T) {
	structure := func(size uint32, members ...btf.Member) []btf.Type {
		return []btf.Type{&btf.Struct{Name: "s", Size: size, Members: members}}
	}
	loop := &btf.Typedef{Name: "loop"}
	loop.Type = &btf.Const{Type: loop}
	selfPointer := &btf.Pointer{}
	selfPointer.Target = selfPointer
	selfArray := &btf.Array{Index: cInt(), Nelems: 2}
	selfArray.Type = selfArray
	selfMember := &btf.Struct{Name: "s", Size: 4}
	selfMember.Members = []btf.Member{{Name: "s", Type: selfMember}}
	selfProto := &btf.FuncProto{}
	selfProto.Return = &btf.Pointer{Target: selfProto}
	deep := btf.Type(cInt())
	for range 2 * maxNesting {
		deep = &btf.Const{Type: deep}
	}
	funcs := func(fn *btf.Func) Object { return Object{Sections: []Section{testSection(fn)}} }
	lines := func(lines ...LineInfo) Object {
		s := testSection(testFunc())
		s.Lines = lines
		return Object{Sections: []Section{s}}
	}
	relos := func(relos ...Relo) Object {
		s := testSection(testFunc())
		s.Relos = relos
		return Object{Sections: []Section{s}}
	}
	vars := func(ds ...*btf.Datasec) Object { return Object{Datasecs: ds} }
	types := func(types ...btf.Type) Object { return Object{Types: types} }

	for _, tc := range []struct {
		want   string
		object Object
	}{
		{"parameter without a name", funcs(testFunc(btf.FuncParam{Type: cInt()}))},
		{"not an identifier", funcs(testFunc(btf.FuncParam{Name: "a-b", Type: cInt()}))},
		{"not an identifier", funcs(&btf.Func{Name: "0f", Type: &btf.FuncProto{Return: cInt()}})},
		{"without a name", funcs(&btf.Func{Type: &btf.FuncProto{Return: cInt()}})},
		{"longer than", funcs(&btf.Func{Name: strings.Repeat("f", 128), Type: &btf.FuncProto{Return: cInt()}})},
		{"has no size", funcs(testFunc(btf.FuncParam{Name: "rest", Type: &btf.Void{}}))},
		{"has no size", funcs(testFunc(btf.FuncParam{Name: "a"}))},
		{"at most 5", funcs(testFunc(make([]btf.FuncParam, 6)...))},
		{"lists of tags", funcs(&btf.Func{Name: "f", Type: &btf.FuncProto{Return: cInt()}, ParamTags: [][]string{nil}})},
		{"no prototype", funcs(&btf.Func{Name: "f", Type: cInt()})},
		{"no prototype", funcs(&btf.Func{Name: "f"})},
		{"linkage", funcs(&btf.Func{Name: "f", Type: &btf.FuncProto{Return: cInt()}, Linkage: 7})},
		{"type is missing", funcs(&btf.Func{Name: "f", Type: &btf.FuncProto{}})},
		{"no function at offset", funcs(nil)},
		{"not at 0", Object{Sections: []Section{{Name: "s", Funcs: []FuncInfo{{Offset: 8, Func: testFunc()}}}}}},
		{"two records", Object{Sections: []Section{{Name: "s", Funcs: []FuncInfo{{Func: testFunc()}, {Func: testFunc()}}}}}},
		{"empty or taken", Object{Sections: []Section{{}}}},
		{"empty or taken", Object{Sections: []Section{{Name: "s"}, {Name: "s"}}}},

		{"line 0", lines(LineInfo{})},
		{"line 4194304", lines(LineInfo{Line: 1 << 22})},
		{"not that of an instruction", lines(LineInfo{Line: 1}, LineInfo{Offset: 4, Line: 2})},
		{"two records", lines(LineInfo{Line: 1}, LineInfo{Line: 2})},
		{"two records", lines(LineInfo{Line: 1}, LineInfo{Line: 1})},
		{"function at offset 0 has no line", lines(LineInfo{Offset: 8, Line: 1})},
		{"zero byte", lines(LineInfo{Line: 1, Text: "a\x00b"})},

		{"invalid kind", relos(Relo{Type: cInt(), Path: []int{0}, Kind: 99})},
		{"path", relos(Relo{Type: cInt()})},
		{"path", relos(Relo{Type: cInt(), Path: []int{0, -1}})},
		{"type is missing", relos(Relo{Path: []int{0}})},

		{"nil or described twice", vars(nil)},
		{"nil or described twice", vars(testVars(".data", 4, testVar("a", cInt(), 0, 4)), testVars(".data", 4, testVar("b", cInt(), 0, 4)))},
		{"no variables", vars(testVars(".data", 4))},
		{"no name", vars(testVars("", 4, testVar("a", cInt(), 0, 4)))},
		{"described twice", vars(testVars(".data", 8, testVar("a", cInt(), 0, 4), testVar("a", cInt(), 4, 4)))},
		{"not behind", vars(testVars(".data", 8, testVar("a", cInt(), 0, 4), testVar("b", cInt(), 2, 4)))},
		{"its type 4", vars(testVars(".data", 8, testVar("a", cInt(), 0, 8)))},
		{"its type 0", vars(testVars(".data", 8, testVar("a", &btf.Struct{}, 0, 0)))},
		{"in a section of", vars(testVars(".data", 4, testVar("a", cInt(), 4, 4)))},
		{"not a variable", vars(testVars(".data", 4, btf.VarSecinfo{Type: testFunc(), Size: 4}))},
		{"variable is missing", vars(testVars(".data", 4, btf.VarSecinfo{}))},
		{"type is missing", vars(testVars(".data", 4, testVar("a", nil, 0, 4)))},
		{"not an identifier", vars(testVars(".data", 4, testVar("a.b", cInt(), 0, 4)))},

		{"size 3", types(&btf.Int{Name: "int24", Size: 3})},
		{"no name", types(&btf.Int{Size: 4})},
		{"size 3", types(&btf.Enum{Name: "e", Size: 3})},
		{"enumerator", types(&btf.Enum{Name: "e", Size: 4, Values: []btf.EnumValue{{Name: "a b"}}})},
		{"typedef without", types(&btf.Typedef{Type: cInt()})},
		{"type is missing", types(nil)},
		{"type is missing", types(&btf.Pointer{})},
		{"has no size", types(structure(4, btf.Member{Name: "v", Type: &btf.Void{}})...)},
		{"has no size", types(structure(4, btf.Member{Name: "v", Type: &btf.FuncProto{Return: cInt()}})...)},
		{"has no size", types(&btf.Array{Index: cInt(), Type: &btf.Void{}, Nelems: 1})},
		{"type is missing", types(structure(4, btf.Member{Name: "v"})...)},
		{"ends behind", types(structure(4, btf.Member{Name: "v", Type: cInt(), Offset: 8})...)},
		{"ends behind", types(&btf.Union{Name: "u", Size: 2, Members: []btf.Member{{Name: "v", Type: cInt()}}})},
		{"nested more than", types(deep)},
		{"contains itself", types(loop)},
		{"contains itself", types(structure(8, btf.Member{Name: "v", Type: &btf.Pointer{Target: loop}})...)},
		{"contains itself", types(selfPointer)},
		{"contains itself", types(selfArray)},
		{"contains itself", types(selfMember)},
		{"contains itself", types(selfProto)},
	} {
		_, _, err := tc.object.Marshal(binary.LittleEndian)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("want an error with %q, got %v", tc.want, err)
		}
	}
	if _, _, err := (&Object{}).Marshal(nil); err == nil {
		t.Error("no byte order: no error")
	}
}

func TestMapsRejects(t *testing.T) {
	good := func() MapDef { return MapDef{Name: "m", Type: 1, MaxEntries: 1, KeySize: 4, ValueSize: 4} }
	for _, tc := range []struct {
		want   string
		change func(m *MapDef)
	}{
		{"without a name", func(m *MapDef) { m.Name = "" }},
		{"not an identifier", func(m *MapDef) { m.Name = "a b" }},
		{"no type", func(m *MapDef) { m.Type = 0 }},
		{"both a key", func(m *MapDef) { m.Key = cInt() }},
		{"both a value", func(m *MapDef) { m.Value = cInt() }},
		{"no size", func(m *MapDef) { m.KeySize = 0; m.Key = &btf.Struct{Name: "empty"} }},
		{"no size", func(m *MapDef) { m.ValueSize = 0; m.Value = &btf.Void{} }},
		{"not both", func(m *MapDef) { m.Inner = &MapDef{Type: 1}; m.Programs = true }},
		{"neither maps", func(m *MapDef) { m.Slots = 1 }},
		{"has a value type", func(m *MapDef) { m.Programs = true; m.ValueSize = 8 }},
		{"inner map: no type", func(m *MapDef) { m.Inner = &MapDef{} }},
		{"inner map: an inner map", func(m *MapDef) { m.Inner = &MapDef{Type: 1, Pinning: 1} }},
		{"inner map: an inner map", func(m *MapDef) { m.Inner = &MapDef{Type: 1, Name: "x"} }},
		{"inner map: an inner map", func(m *MapDef) { m.Inner = &MapDef{Type: 1, Inner: &MapDef{Type: 1}} }},
		{"too many", func(m *MapDef) { m.Programs = true; m.Slots = 1 << 31 }},
	} {
		m := good()
		tc.change(&m)
		if _, _, err := Maps([]MapDef{m}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("want an error with %q, got %v", tc.want, err)
		}
	}
	for _, license := range []string{"", "G\x00PL"} {
		if _, _, err := License(license); err == nil {
			t.Errorf("license %q: no error", license)
		}
	}
}

// TestLargeNumbers checks that an array which stands for a large number stays
// below the 4 GiB that the kernel allows.
func TestLargeNumbers(t *testing.T) {
	for _, n := range []uint32{1, 1<<30 - 1, 1 << 30, 1<<32 - 1} {
		a := array(n)
		elem, err := btf.Sizeof(a.Type)
		if err != nil || a.Nelems != n || uint64(elem)*uint64(n) > 1<<32-1 {
			t.Errorf("%d: %d elements of %d bytes, %v", n, a.Nelems, elem, err)
		}
	}
}

// TestGivenTypesStayAsTheyWere checks that cutting and merging work on a copy.
func TestGivenTypesStayAsTheyWere(t *testing.T) {
	node := &btf.Struct{Name: "node", Size: 16}
	node.Members = []btf.Member{{Name: "next", Type: &btf.Pointer{Target: node}}, {Name: "v", Type: cInt(), Offset: 64}}
	pointer := node.Members[0].Type.(*btf.Pointer)
	o := Object{Types: []btf.Type{node, &btf.Pointer{Target: node}}, Sections: []Section{testSection(testFunc(btf.FuncParam{Name: "a", Type: pointer}))}}
	types, _, err := o.Marshal(binary.LittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	if pointer.Target != btf.Type(node) || node.Members[0].Type != btf.Type(pointer) {
		t.Error("the graph was changed")
	}
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(types))
	if err != nil {
		t.Fatal(err)
	}
	var whole *btf.Struct
	if err := spec.TypeByName("node", &whole); err != nil {
		t.Fatal(err)
	}
	if fwd, ok := whole.Members[0].Type.(*btf.Pointer).Target.(*btf.Fwd); !ok || fwd.Name != "node" {
		t.Errorf("next leads to %v", whole.Members[0].Type)
	}
}

// TestCyclesThatAreTypes: a structure may lead to itself where no cut ends it.
func TestCyclesThatAreTypes(t *testing.T) {
	tagged := &btf.Struct{Name: "tagged", Size: 8}
	tagged.Members = []btf.Member{{Name: "next", Type: &btf.Pointer{Target: &btf.TypeTag{Value: "kptr", Type: tagged}}}}
	anonymous := &btf.Struct{Size: 8}
	anonymous.Members = []btf.Member{{Name: "next", Type: &btf.Pointer{Target: anonymous}}}
	twin := &btf.Struct{Size: 8}
	twin.Members = []btf.Member{{Name: "next", Type: &btf.Pointer{Target: twin}}}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		first, _, err := (&Object{Types: []btf.Type{tagged, anonymous, twin}}).Marshal(order)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			again, _, err := (&Object{Types: []btf.Type{tagged, anonymous, twin}}).Marshal(order)
			if err != nil || !bytes.Equal(first, again) {
				t.Fatalf("differs: %v", err)
			}
		}
	}
}

// TestTaggedPointersAreFollowed: the kernel needs to know what a __kptr leads to.
func TestTaggedPointersAreFollowed(t *testing.T) {
	inner := &btf.Struct{Name: "inner", Size: 4, Members: []btf.Member{{Name: "v", Type: cInt()}}}
	outer := &btf.Struct{Name: "outer", Size: 8, Members: []btf.Member{
		{Name: "p", Type: &btf.Pointer{Target: &btf.TypeTag{Value: "kptr", Type: inner}}}}}
	types, _, err := (&Object{Types: []btf.Type{outer}}).Marshal(binary.LittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(types))
	if err != nil {
		t.Fatal(err)
	}
	var got *btf.Struct
	if err := spec.TypeByName("inner", &got); err != nil {
		t.Error(err)
	}
}

// extRecords takes .BTF.ext apart again: per block, per section its name and its
// records' numbers.
func extRecords(t *testing.T, types, ext []byte, order binary.ByteOrder) (out []map[string][][]uint32, str func(uint32) string) {
	t.Helper()
	base := uint32(headerLen) + order.Uint32(types[headerStrOff:])
	str = func(off uint32) string {
		s, _, _ := strings.Cut(string(types[base+off:]), "\x00")
		return s
	}
	if order.Uint16(ext) != magic || order.Uint32(ext[4:]) != extHeaderLen {
		t.Fatalf("header % x", ext[:8])
	}
	for i := range 3 {
		block := make(map[string][][]uint32)
		out = append(out, block)
		off, n := order.Uint32(ext[8+8*i:]), order.Uint32(ext[12+8*i:])
		data := ext[extHeaderLen+off : extHeaderLen+off+n]
		if len(data) == 0 {
			continue
		}
		recLen := order.Uint32(data)
		for data = data[4:]; len(data) > 0; {
			name, count := str(order.Uint32(data)), order.Uint32(data[4:])
			data = data[8:]
			for range count {
				var rec []uint32
				for j := uint32(0); j < recLen; j += 4 {
					rec = append(rec, order.Uint32(data[j:]))
				}
				block[name] = append(block[name], rec)
				data = data[recLen:]
			}
		}
	}
	return out, str
}

// TestExtRecords checks order, merging and encoding of the records.
func TestExtRecords(t *testing.T) {
	line := func(offset, line, column uint32, text string) LineInfo {
		return LineInfo{Offset: offset, File: "a.lua", Text: text, Line: line, Column: column}
	}
	task := &btf.Struct{Name: "task", Size: 68, Members: []btf.Member{{Name: "pid", Type: cInt()},
		{Name: "name", Type: &btf.Array{Index: cInt(), Type: cInt(), Nelems: 16}, Offset: 32}}}
	other := &btf.Func{Name: "other", Linkage: btf.GlobalFunc, Type: &btf.FuncProto{Return: cInt()}}
	o := Object{Sections: []Section{{
		Name:  "xdp",
		Funcs: []FuncInfo{{Offset: 32, Func: other}, {Offset: 0, Func: testFunc()}},
		Lines: []LineInfo{
			line(32, 4194303, 5000, "\tother()"), // a function's start keeps its line
			line(8, 7, 2, "a()"),                 // repeats its predecessor
			line(0, 7, 2, "a()"),
			line(16, 7, 3, "a()"),
			line(24, 4194303, 5000, "\tother()"),
		},
		Relos: []Relo{
			{Offset: 24, Type: task, Path: []int{0, 1, 12}, Kind: FieldExists},
			{Offset: 8, Type: task, Path: []int{0}, Kind: TypeSize},
		},
	}, {Name: "empty"}}}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		types, ext, err := o.Marshal(order)
		if err != nil {
			t.Fatal(err)
		}
		blocks, str := extRecords(t, types, ext, order)
		var got []string
		for _, r := range blocks[1]["xdp"] {
			got = append(got, strings.Join([]string{str(r[1]), str(r[2])}, " "))
		}
		want := []string{"a.lua a()", "a.lua a()", "a.lua other()", "a.lua other()"}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("text: -want +got\n%s", d)
		}
		var offsets, positions []uint32
		for _, r := range blocks[1]["xdp"] {
			offsets, positions = append(offsets, r[0]), append(positions, r[3])
		}
		if d := cmp.Diff([]uint32{0, 16, 24, 32}, offsets); d != "" {
			t.Errorf("offsets: -want +got\n%s", d)
		}
		if d := cmp.Diff([]uint32{7<<10 | 2, 7<<10 | 3, 1<<32 - 1, 1<<32 - 1}, positions); d != "" {
			t.Errorf("positions: -want +got\n%s", d)
		}
		funcs, relos := blocks[0]["xdp"], blocks[2]["xdp"]
		if len(funcs) != 2 || funcs[0][0] != 0 || funcs[1][0] != 32 || funcs[0][1] == funcs[1][1] {
			t.Errorf("functions %v", funcs)
		}
		if len(relos) != 2 || relos[0][0] != 8 || str(relos[0][2]) != "0" || relos[0][3] != 9 ||
			relos[1][0] != 24 || str(relos[1][2]) != "0:0:12" /* the only member left */ || relos[1][3] != 2 || relos[0][1] != relos[1][1] {
			t.Errorf("relocations %v", relos)
		}
		if len(blocks[0]) != 1 {
			t.Errorf("a section without records is there: %v", blocks[0])
		}
	}
}

func TestAppendStrings(t *testing.T) {
	o := Object{Types: []btf.Type{cInt()}}
	types, _, err := o.Marshal(binary.BigEndian)
	if err != nil {
		t.Fatal(err)
	}
	n := len(types)
	out, offsets, err := appendStrings(bytes.Clone(types), binary.BigEndian, []string{"int", "", "new", "new", "more"})
	if err != nil {
		t.Fatal(err)
	}
	if want := n + len("new\x00more\x00"); len(out) != want {
		t.Errorf("%d bytes, want %d", len(out), want)
	}
	if offsets[1] != 0 || offsets[3] != offsets[2] || offsets[4] != offsets[2]+4 || offsets[0] >= offsets[2] {
		t.Errorf("offsets %v", offsets)
	}
	if _, err := btf.LoadSpecFromReader(bytes.NewReader(out)); err != nil {
		t.Error(err)
	}
	for name, broken := range map[string][]byte{
		"empty":       {},
		"cut":         types[:n-1],
		"other order": append([]byte{0x9f, 0xeb}, types[2:]...),
		"trailing":    append(bytes.Clone(types), 0),
	} {
		if _, _, err := appendStrings(broken, binary.BigEndian, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
