package codegen

import (
	"fmt"

	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/codegen/explore"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// The kernel's verifier gives up on a program after a million instructions on
// all its ways together. The walk counts what one kernel does; others do up to
// twice as much.
const maxProcessed = 400_000

// maxLooped is for programs with loops and kernels before 6.7, which compare trips
// by other rules. Of some 10,000 random programs 5.10 and 6.1 refused four as too
// large, for which the walk counts 77 to 161 thousand.
const maxLooped = 75_000

var loopsAsOf6_7 = kernel.Version{Major: 6, Minor: 7}

// CheckComplexity reports programs of m that the kernel would refuse because its
// verifier has too much to follow, each at the branch that it would come to most
// often. The answer is that of a walk like the verifier's (package explore); target
// is the oldest kernel.
func CheckComplexity(m *ir.Module, out *Output, target kernel.Version) error {
	var rep diag.Reporter
	index := map[string]int{}
	for i, f := range m.Funcs {
		index[f.Name] = i
	}
	for i, f := range m.Funcs {
		if f.Kind == nil {
			continue
		}
		p := &explore.Program{Funcs: reached(m, out, index, i), Ctx: f.Kind.Ctx, Result: f.Kind.Ret != nil, Maps: explored(m.Maps), Kernel: target}
		limit := maxProcessed
		if target.Before(loopsAsOf6_7) && loops(p) {
			limit = maxLooped
		}
		if explore.Plain(p, limit) {
			continue
		}
		res := explore.Walk(p, limit)
		if !res.Over {
			continue
		}
		pos, n := busiest(p, out, res)
		if pos.Line == 0 {
			pos = f.Pos
		}
		rep.Errorf(diag.TooComplex, span(m, pos), "program '%s' has more ways through its branches than the kernel's verifier follows: "+
			"it would come here more than %s times; bound the loop lower, put branches into a function behind bpf.noinline, "+
			"or test a number that is added up on many ways only in a map", f.Name, round(n))
	}
	return rep.Err()
}

// loops reports whether something in p is executed again and again: behind a jump
// back, or in a callback.
func loops(p *explore.Program) bool {
	for i := range p.Funcs {
		for j := range p.Funcs[i].Insts {
			in := &p.Funcs[i].Insts[j]
			if d, ok := in.Distance(); in.Op == bpf.LdFunc || ok && d < 0 {
				return true
			}
		}
	}
	return false
}

// explored is what the verifier makes use of, of maps.
func explored(maps []*ir.Map) []explore.Map {
	one := func(m *ir.Map) explore.Map {
		return explore.Map{Name: m.Name, Array: m.Type.Array && m.Type.Can(kernel.MapWrite), Entries: m.MaxEntries, Key: int(m.KeySize), Value: int(m.ValueSize)}
	}
	l := make([]explore.Map, len(maps))
	for i, m := range maps {
		l[i] = one(m)
		if m.Inner != nil {
			inner := one(m.Inner)
			inner.Name = m.Name + "[]"
			l[i].Inner = &inner
		}
	}
	return l
}

// reached returns function i and those that it calls, or has called.
func reached(m *ir.Module, out *Output, index map[string]int, i int) []explore.Func {
	var l []explore.Func
	seen := map[int]bool{i: true}
	for todo := []int{i}; len(todo) > 0; todo = todo[1:] {
		code := &out.Funcs[todo[0]]
		l = append(l, explore.Func{Name: code.Name, Insts: code.Insts})
		for k := range code.Insts {
			in := &code.Insts[k]
			if j, ok := index[in.Sym]; ok && !seen[j] && (in.Op == bpf.CallFunc || in.Op == bpf.LdFunc) {
				seen[j] = true
				todo = append(todo, j)
			}
		}
	}
	return l
}

// busiest returns the place of the conditional jump that was come to most often,
// and how often.
func busiest(p *explore.Program, out *Output, res *explore.Result) (pos ir.Pos, n int32) {
	for i := range p.Funcs {
		for j := range out.Funcs {
			if out.Funcs[j].Name != p.Funcs[i].Name {
				continue
			}
			for k, x := range res.At[i] {
				if in := &p.Funcs[i].Insts[k]; in.Op.IsCond() && x > n && out.Funcs[j].Pos[k].Line > 0 {
					pos, n = out.Funcs[j].Pos[k], x
				}
			}
		}
	}
	return pos, n
}

// round writes n with its first digit only.
func round(n int32) string {
	k := int32(1)
	for n >= 10*k {
		k *= 10
	}
	return fmt.Sprint(max(n/k*k, 1))
}
