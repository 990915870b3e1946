package script

import (
	"testing"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// BenchmarkRun is the cost of a stage that does nearly nothing.
func BenchmarkRun(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Run(diag.NewFile("t.lua", "local m = bpf.map('array', 4) bpf.xdp(function() return m[0] end)"), &recorder{}, Options{})
	}
}

// BenchmarkLoop runs a loop of plain arithmetic and table accesses.
func BenchmarkLoop(b *testing.B) {
	for b.Loop() {
		run("local t = {} for i = 1, 100000 do t[i % 100] = i * 2 end", Options{})
	}
}
