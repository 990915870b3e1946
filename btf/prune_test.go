package btf

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"
)

// TestPrune: the types of relocations have the parts that relocations name, and
// paths count these.
func TestPrune(t *testing.T) {
	i := cInt()
	inner := &btf.Struct{Name: "inner", Size: 8, Members: []btf.Member{{Name: "a", Type: i}, {Name: "b", Type: i, Offset: 32}}}
	outer := &btf.Struct{Name: "outer", Size: 48, Members: []btf.Member{
		{Name: "gone", Type: i},
		{Type: &btf.Union{Size: 8, Members: []btf.Member{{Name: "x", Type: i}, {Name: "in", Type: &btf.Const{Type: inner}}}}, Offset: 64},
		{Name: "list", Type: &btf.Array{Index: i, Type: inner, Nelems: 2}, Offset: 128},
		{Name: "fn", Type: &btf.Pointer{Target: &btf.FuncProto{Return: inner}}, Offset: 256},
		{Name: "bits", Type: i, Offset: 321, BitfieldSize: 3},
	}}
	enum := &btf.Enum{Name: "e", Size: 4, Values: []btf.EnumValue{{Name: "ZERO"}, {Name: "ONE", Value: 1}, {Name: "TWO", Value: 2}}}
	sections := []Section{{Name: "s", Relos: []Relo{
		{Type: outer, Path: []int{0, 1, 1, 1}},
		{Offset: 8, Type: &btf.Const{Type: outer}, Path: []int{0, 2, 1, 1}},
		{Offset: 16, Type: outer, Path: []int{0, 3}},
		{Offset: 24, Type: outer, Path: []int{0, 4}, Kind: FieldLShift64},
		{Offset: 32, Type: enum, Path: []int{2}, Kind: EnumValue},
		{Offset: 40, Type: &btf.Typedef{Name: "in_t", Type: inner}, Path: []int{0}, Kind: TypeExists},
	}}}
	out, err := pruneRelos(sections)
	if err != nil {
		t.Fatal(err)
	}
	var paths [][]int
	for _, r := range out[0].Relos {
		paths = append(paths, r.Path)
	}
	if d := cmp.Diff([][]int{{0, 0, 0, 0}, {0, 1, 1, 0}, {0, 2}, {0, 3}, {0}, {0}}, paths); d != "" {
		t.Errorf("paths (-want +got):\n%s", d)
	}
	in := &btf.Struct{Name: "inner", Size: 8, Members: []btf.Member{{Name: "b", Type: i, Offset: 32}}}
	want := &btf.Struct{Name: "outer", Size: 48, Members: []btf.Member{
		{Type: &btf.Union{Size: 8, Members: []btf.Member{{Name: "in", Type: in}}}, Offset: 64},
		{Name: "list", Type: &btf.Array{Index: i, Type: in, Nelems: 2}, Offset: 128},
		{Name: "fn", Type: &btf.Pointer{Target: &btf.Void{}}, Offset: 256},
		{Name: "bits", Type: i, Offset: 321, BitfieldSize: 3},
	}}
	if d := cmp.Diff(btf.Type(want), out[0].Relos[0].Type); d != "" {
		t.Errorf("type (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]btf.EnumValue{{Name: "TWO", Value: 2}}, out[0].Relos[4].Type.(*btf.Enum).Values); d != "" {
		t.Errorf("enumerators (-want +got):\n%s", d)
	}
	if td, ok := out[0].Relos[5].Type.(*btf.Typedef); !ok || td.Name != "in_t" {
		t.Errorf("the typedef became %v", out[0].Relos[5].Type)
	}
	if len(outer.Members) != 5 || sections[0].Relos[0].Path[1] != 1 {
		t.Error("what was given is changed")
	}
	o := Object{Sections: []Section{{Name: "s", Relos: sections[0].Relos}}}
	types, _, err := o.Marshal(binary.LittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := btf.LoadSpecFromReader(bytes.NewReader(types)); err != nil {
		t.Error(err)
	}
}

func TestPruneRejects(t *testing.T) {
	i := cInt()
	s := &btf.Struct{Name: "s", Size: 4, Members: []btf.Member{{Name: "a", Type: i}}}
	for _, r := range []Relo{
		{Type: s, Path: []int{0, 1}},
		{Type: s, Path: []int{0, 0, 0}},
		{Type: s, Path: []int{0}, Kind: EnumValue},
		{Type: &btf.Enum{Name: "e", Size: 4}, Path: []int{0}, Kind: EnumValue},
		{Type: s},
	} {
		if _, err := pruneRelos([]Section{{Name: "x", Relos: []Relo{r}}}); err == nil {
			t.Errorf("%v is taken", r)
		}
	}
}
