package luabpfc_test

import (
	"os"
	"testing"

	"github.com/luabpfc/luabpfc"
)

// BenchmarkCompile is the compiler without its process: what the command adds
// to it is start-up.
func BenchmarkCompile(b *testing.B) {
	text, err := os.ReadFile("examples/protocount/protocount.lua")
	if err != nil {
		b.Fatal(err)
	}
	src := luabpfc.Source{Name: "protocount.lua", Text: string(text)}
	for b.Loop() {
		if _, err := luabpfc.Compile(src, luabpfc.DefaultOptions()); err != nil {
			b.Fatal(err)
		}
	}
}
