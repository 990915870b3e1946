package luabpfc_test

import (
	"bytes"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/luabpfc/luabpfc"
)

// TestVariables has cilium/ebpf find an object's variables by name and type, and
// set a constant before the program is loaded.
func TestVariables(t *testing.T) {
	needKernel(t)
	obj := compileAs(t, "vars.lua", `
local hits = bpf.global('uint64_t')
local start = bpf.global('int32_t', -5)
local factor = bpf.const('uint32_t', 3)
local filter = bpf.socket(function()
	hits[0] = hits[0] + 1
	return factor[0] * 100 + hits[0] * 10 + start[0]
end)`, luabpfc.DefaultOptions())
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(obj.ELF))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []struct {
		name, section, typ string
		size               uint32
	}{{"hits", ".bss", "uint64_t", 8}, {"start", ".data", "int32_t", 4}, {"factor", ".rodata", "uint32_t", 4}} {
		v := spec.Variables[w.name]
		if v == nil {
			t.Fatalf("no variable %s; there are %v", w.name, spec.Variables)
		}
		name := ""
		if v.Type != nil {
			name = v.Type.Type.(btf.Type).TypeName()
		}
		if v.SectionName != w.section || uint32(len(v.Value)) != w.size || name != w.typ {
			t.Errorf("%s: %d bytes of '%s' in %s, want %+v", w.name, len(v.Value), name, v.SectionName, w)
		}
	}
	if err := spec.Variables["factor"].Set(uint32(7)); err != nil {
		t.Fatal(err)
	}
	coll, err := ebpf.NewCollection(spec)
	if err != nil {
		t.Fatal(err)
	}
	defer coll.Close()
	for _, want := range []uint32{705, 715} {
		if ret, _, err := coll.Programs["filter"].Test(make([]byte, 14)); err != nil || ret != want {
			t.Errorf("result %d, %v; want %d", ret, err, want)
		}
	}
	var n uint64
	if err := coll.Variables["hits"].Get(&n); err != nil || n != 2 {
		t.Errorf("hits is %d, %v", n, err)
	}
}
