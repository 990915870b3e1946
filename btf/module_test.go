package btf

import (
	"encoding/binary"
	"testing"

	"github.com/cilium/ebpf/btf"
)

// TestModule opens a kernel's types with those of two modules behind them.
func TestModule(t *testing.T) {
	b, err := btf.NewBuilder([]btf.Type{&btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}, &btf.Struct{Name: "shared", Size: 4}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	kernel, err := b.Marshal(nil, &btf.MarshalOptions{Order: binary.LittleEndian})
	if err != nil {
		t.Fatal(err)
	}
	base, err := OpenKernel(kernel)
	if err != nil {
		t.Fatal(err)
	}
	types, names := base.last(), uint32(len(base.strings))
	integer := uint32(1)
	// A module: struct entry { int n; }; int lookup(struct entry *e).
	module := func(entry, function string) []byte {
		strings := entry + "\x00n\x00" + function + "\x00"
		at := func(s int) uint32 { return names + uint32(s) }
		n, f := len(entry)+1, len(entry)+3
		record := []uint32{
			at(0), kindStruct<<24 | 1, 4, at(n), integer, 0,
			0, kindPtr << 24, types + 1,
			0, kindProto<<24 | 1, integer, at(n), types + 2,
			at(f), kindFunc << 24, types + 3,
		}
		var out []byte
		for _, x := range append([]uint32{magic | version<<16, headerLen, 0, uint32(4 * len(record)), uint32(4 * len(record)), uint32(len(strings))}, record...) {
			out = binary.LittleEndian.AppendUint32(out, x)
		}
		return append(out, strings...)
	}
	all := append(append(kernel[:len(kernel):len(kernel)], module("entry", "lookup")...), module("other", "find_other")...)
	k, err := OpenKernel(all)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"entry", "other"} {
		s, err := k.Lookup(TypeStruct, name)
		if err != nil || s == nil {
			t.Fatalf("%s: %v, %v", name, s, err)
		}
		if m := s.(*btf.Struct).Members; len(m) != 1 || m[0].Name != "n" || m[0].Type.TypeName() != "int" {
			t.Errorf("%s has %v", name, m)
		}
	}
	fn, err := k.Lookup(TypeFunc, "find_other")
	if err != nil || fn == nil {
		t.Fatal(fn, err)
	}
	p := fn.(*btf.Func).Type.(*btf.FuncProto)
	if target := p.Params[0].Type.(*btf.Pointer).Target; target.TypeName() != "other" || p.Return.TypeName() != "int" {
		t.Errorf("the prototype is %v of %v", p, target)
	}
	if s, err := k.Lookup(TypeStruct, "shared"); s == nil || err != nil {
		t.Error(s, err)
	}
	if s, err := k.Lookup(TypeStruct, "lookup"); s != nil || err != nil {
		t.Error(s, err)
	}
	if names := k.Names(TypeFunc); len(names) != 2 || names[0] != "lookup" {
		t.Errorf("functions are %v", names)
	}
	// What is cut off is not there; what is left is.
	for n := len(kernel); n < len(all); n++ {
		if k, err = OpenKernel(all[:n]); err != nil {
			t.Fatal(err)
		}
		if s, err := k.Lookup(TypeStruct, "other"); s != nil || err != nil {
			t.Fatalf("%d bytes: %v, %v", n, s, err)
		}
	}
}
