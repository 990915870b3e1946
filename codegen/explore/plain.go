package explore

import (
	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Plain reports whether the verifier can't process more than limit instructions
// of p, nor put too many ways aside, whatever it knows of registers: because p is
// one function whose jumps all go forward, with few ways through it. Each way comes
// to an instruction once, so there are as many steps there as ways to it; pruning
// takes away some. Where there are shifted signs, and-ing may be of one: two ways.
//
// It costs a few nanoseconds an instruction, and most programs are plain.
func Plain(p *Program, limit int) bool {
	if len(p.Funcs) != 1 {
		return false
	}
	code := p.Funcs[0].Insts
	slots, signs := 0, false
	for i := range code {
		slots += code[i].Slots()
		signs = signs || code[i].Op == bpf.Arsh
	}
	ways := make([]int, slots+1) // to the instruction that begins at a slot
	ways[0] = 1
	steps, tests, at := 0, 0, 0
	for i := range code {
		in := &code[i]
		n := ways[at]
		at += in.Slots()
		if signs && (in.Op == bpf.And || in.Op == bpf.Or) { // of a sign: two ways
			steps, tests = steps+n, tests+1
			ways[at] += n
		}
		if steps += n; steps > limit {
			return false
		}
		if h := helper(in); in.Op == bpf.CallFunc || in.Op == bpf.LdFunc || in.Op == bpf.MayGoto || h != nil && h.Effects&kernel.EffectCallback != 0 {
			return false
		}
		if d, ok := in.Distance(); ok {
			if d < 0 || at+d >= slots {
				return false
			}
			ways[at+d] += n
			if !in.Op.IsCond() {
				continue
			}
			tests++
		}
		if in.Op != bpf.OpExit {
			ways[at] += n
		}
	}
	return tests <= maxPending
}
