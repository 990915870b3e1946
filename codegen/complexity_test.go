package codegen

import (
	"testing"

	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// TestLoopLimit: kernels before 6.7 may follow a loop for much longer than the walk
// says, so less of it is accepted for them; code without loops they follow as others.
func TestLoopLimit(t *testing.T) {
	counted := func(n int32) []bpf.Inst {
		return []bpf.Inst{
			bpf.MovImm(bpf.B64, bpf.R1, 0),
			bpf.ALUImm(bpf.Add, bpf.B64, bpf.R1, 1),
			bpf.JumpImm(bpf.JLt, bpf.B64, bpf.R1, n, -2),
			bpf.MovImm(bpf.B64, bpf.R0, 0), bpf.Exit(),
		}
	}
	straight := make([]bpf.Inst, 90_000)
	for i := range straight {
		straight[i] = bpf.MovImm(bpf.B64, bpf.R0, 0)
	}
	straight[len(straight)-1] = bpf.Exit()
	tests := []struct {
		name   string
		code   []bpf.Inst
		target kernel.Version
		ok     bool
	}{
		{"long loop, old kernel", counted(45_000), kernel.Version{Major: 6, Minor: 1}, false},
		{"long loop, new kernel", counted(45_000), kernel.Version{Major: 6, Minor: 7}, true},
		{"too long for any", counted(250_000), kernel.Version{Major: 6, Minor: 12}, false},
		{"shorter loop", counted(30_000), kernel.Version{Major: 5, Minor: 10}, true},
		{"no loop", straight, kernel.Version{Major: 5, Minor: 10}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := &ir.Module{Funcs: []*ir.Func{{Name: "f", Kind: kernel.ProgKinds[0]}}}
			out := &Output{Funcs: []FuncCode{{Name: "f", Insts: tt.code, Pos: make([]ir.Pos, len(tt.code))}}}
			if err := CheckComplexity(m, out, tt.target); (err == nil) != tt.ok {
				t.Errorf("%v", err)
			}
		})
	}
}
