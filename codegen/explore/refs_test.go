package explore

import (
	"testing"

	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// reserving is a loop of at most 63 trips, each of which reserves a record, and
// gives it back if there is one; states are stored while one is held:
//
//	for i = 1, skb.mark & 38 do
//	  local e = rb:reserve()
//	  if e then
//	    n = some
//	    if i > n then n = some end
//	    e:discard()
//	  end
//	end
func reserving() []bpf.Inst {
	const some = 201277138459
	return []bpf.Inst{
		bpf.LoadMem(bpf.B32, bpf.R7, bpf.R1, 32),
		bpf.LoadMem(bpf.B32, bpf.R8, bpf.R1, 8),
		bpf.ALUImm(bpf.And, bpf.B64, bpf.R8, 38),
		bpf.JumpImm(bpf.JSGe, bpf.B64, bpf.R8, 1, 2),
		bpf.MovImm(bpf.B64, bpf.R8, 0),
		bpf.Goto(3),
		bpf.ALUImm(bpf.Add, bpf.B64, bpf.R8, -1),
		bpf.ALUImm(bpf.Div, bpf.B64, bpf.R8, 1),
		bpf.ALUImm(bpf.Add, bpf.B64, bpf.R8, 1),
		bpf.ALUImm(bpf.And, bpf.B64, bpf.R8, 63),
		bpf.MovImm(bpf.B64, bpf.R6, 0),
		bpf.Jump(bpf.JLe, bpf.B64, bpf.R8, bpf.R6, 24),
		bpf.JumpImm(bpf.JEq, bpf.B64, bpf.R6, 38, 23), // makes the counter precise
		bpf.MovReg(bpf.B64, bpf.R9, bpf.R6),
		bpf.ALUImm(bpf.Mul, bpf.B64, bpf.R9, 1),
		bpf.ALUImm(bpf.Add, bpf.B64, bpf.R9, 1),
		bpf.MovImm(bpf.B64, bpf.R3, 0),
		bpf.MovImm(bpf.B64, bpf.R2, 8),
		bpf.LoadImm64(bpf.R1, some),
		bpf.CallHelper(int32(kernel.HelperByName("ringbuf_reserve").ID)),
		bpf.JumpImm(bpf.JEq, bpf.B64, bpf.R0, 0, 12),
		bpf.StoreImm(bpf.B64, bpf.R0, 0, 0),
		bpf.LoadImm64(bpf.R1, some),
		bpf.Jump(bpf.JSGt, bpf.B64, bpf.R9, bpf.R1, 3),
		bpf.LoadImm64(bpf.R7, some),
		bpf.Goto(2),
		bpf.LoadImm64(bpf.R7, some),
		bpf.MovReg(bpf.B64, bpf.R1, bpf.R0),
		bpf.MovImm(bpf.B64, bpf.R2, 0),
		bpf.CallHelper(int32(kernel.HelperByName("ringbuf_discard").ID)),
		bpf.ALUImm(bpf.Add, bpf.B64, bpf.R6, 1),
		bpf.Jump(bpf.JGt, bpf.B64, bpf.R8, bpf.R6, -24),
		bpf.MovReg(bpf.B64, bpf.R0, bpf.R7),
		bpf.Exit(),
	}
}

// TestReferences: before 6.3 a reference is none like one that was acquired in
// another trip.
func TestReferences(t *testing.T) {
	for _, tt := range []struct {
		name   string
		kernel kernel.Version
		over   bool
	}{
		{"the newest kernel", kernel.Version{}, false},
		{"6.3", kernel.Version{Major: 6, Minor: 3}, false},
		{"6.2", kernel.Version{Major: 6, Minor: 2}, true},
		{"5.10", kernel.Version{Major: 5, Minor: 10}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := Walk(&Program{Funcs: []Func{{Insts: reserving()}}, Kernel: tt.kernel}, 20_000)
			if r.Over != tt.over {
				t.Errorf("%d steps, over %v", r.Steps, r.Over)
			}
		})
	}
}

// TestProcessors: how many there are is not known where a program is compiled.
func TestProcessors(t *testing.T) {
	code := []bpf.Inst{
		bpf.CallHelper(int32(kernel.HelperByName("get_smp_processor_id").ID)),
		bpf.JumpImm(bpf.JGt, bpf.B64, bpf.R0, 3, 1),
		bpf.MovImm(bpf.B64, bpf.R0, 0), bpf.Exit(),
	}
	for _, tt := range []struct {
		cpus  uint64
		steps int
	}{{0, 5}, {2, 4}, {8, 5}} {
		if r := Walk(&Program{Funcs: []Func{{Insts: code}}, CPUs: tt.cpus}, 100); r.Steps != tt.steps {
			t.Errorf("%d processors: %d steps, want %d", tt.cpus, r.Steps, tt.steps)
		}
	}
}
