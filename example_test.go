package luabpfc_test

import (
	"bytes"
	"fmt"
	"log"
	"os"

	"github.com/cilium/ebpf"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/loader"
)

const counter = `
local counts = bpf.map('array', 256, 'uint32_t', 'uint64_t')
local count = bpf.xdp(function()
	if pkt.ip then xadd(counts[pkt.ip.proto], 1) end
	return XDP_PASS
end)`

// Compiling needs no kernel, no root and no other tool. What comes out is an object
// that any loader takes.
func ExampleCompile() {
	obj, err := luabpfc.Compile(luabpfc.Source{Name: "counter.lua", Text: counter}, luabpfc.DefaultOptions())
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range obj.Maps {
		fmt.Printf("map %s: %s, keys of %d bytes, values of %d\n", m.Name, m.Type, m.KeySize, m.ValueSize)
	}
	for _, p := range obj.Programs {
		fmt.Printf("program %s in section %s\n", p.Name, p.Section)
	}
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(obj.ELF))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(spec.Maps["counts"].Key.TypeName(), spec.Maps["counts"].Value.TypeName())
	// Output:
	// map counts: array, keys of 4 bytes, values of 8
	// program count in section xdp
	// uint32_t uint64_t
}

// What is wrong with a script is a list, with the place, the cause and often the
// cure of each.
func ExampleCompile_mistake() {
	_, err := luabpfc.Compile(luabpfc.Source{Name: "wrong.lua", Text: "bpf.xdp(function()\n\treturn XDP_PAS\nend)"}, luabpfc.DefaultOptions())
	list, ok := diag.AsList(err)
	if !ok {
		log.Fatal(err)
	}
	fmt.Println(list[0].Code)
	fmt.Println(list[0].Message)
	fmt.Fprint(os.Stderr, diag.Human(list)) // with the line and a mark under the place
	// Output:
	// UndefinedName
	// undefined name 'XDP_PAS' (did you mean 'XDP_PASS'?)
}

// A script can be compiled, loaded and attached by one process, and its options be
// set from Go. It needs root, so this example is only compiled.
func Example_inProcess() {
	opts := luabpfc.DefaultOptions()
	opts.Defines = []luabpfc.Define{{Name: "port", Value: "443", Set: true}}
	compiled, err := luabpfc.Compile(luabpfc.Source{Name: "counter.lua", Text: counter}, opts)
	if err != nil {
		log.Fatal(err)
	}
	obj, err := loader.Open(compiled.ELF)
	if err != nil {
		log.Fatal(err)
	}
	defer obj.Close()
	if err := obj.Load(); err != nil {
		log.Fatal(err)
	}
	if _, err := obj.Attach("count", loader.Target{Name: "eth0"}); err != nil {
		log.Fatal(err)
	}
	counts, err := obj.Map("counts")
	if err != nil {
		log.Fatal(err)
	}
	tcp, _, err := counts.Get(6)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tcp, "TCP packets")
}
