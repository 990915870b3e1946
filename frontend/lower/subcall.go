package lower

import (
	"strconv"
	"strings"

	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// Calls of subprograms (subprogram.go), and which of them stay under which name.

// callSub calls a subprogram: its results, or the error it raised is raised.
func (lw *lowerer) callSub(s *subprogram, leaves []*ir.Value, at syntax.Range) Value {
	lw.flush()
	lw.b.Pos = lw.pos(at)
	b := lw.b
	var slot *ir.Slot
	if s.size > 0 {
		slot = lw.subFrame(s, at)
	}
	field := func(i int) ir.Mem { return ir.Mem{Region: ir.RegionStack, Off: int32(8 * i), Size: 8} }
	for k, i := range s.stored {
		b.Store(b.SlotAddr(slot), leaves[i], field(k))
	}
	args := make([]*ir.Value, len(s.params))
	for i, role := range s.params {
		switch role {
		case roleCtx:
			args[i] = lw.ctx
		case roleScratch:
			args[i] = lw.scratchBase
		case roleFrame:
			args[i] = b.SlotAddr(slot)
		default:
			args[i] = leaves[role]
		}
	}
	ret := b.Block.NewValue(ir.OpCallFunc, ir.I64, b.Pos, args...)
	ret.Aux = s.f
	for _, m := range s.maps {
		lw.mapWritten(m)
	}
	if s.moves {
		lw.packetMoved()
	}
	take := func(o *outcome) []Value {
		first := s.base / 8
		number := func(i int) *ir.Value {
			if !s.status {
				if i == 0 && o.n > 0 {
					return ret
				}
				i--
			}
			return b.Load(ir.I64, b.SlotAddr(slot), field(first+i))
		}
		if o.budget {
			i := o.n
			if !s.status && o.n == 0 {
				i = 1 // nothing is in the register
			}
			lw.set(lw.budget, Int{V: number(i)})
		}
		out := make([]Value, len(o.vals))
		for i, v := range o.vals {
			out[i] = v(number)
		}
		return out
	}
	for i, o := range s.errors {
		here := lw.mark()
		yes, no := lw.branch(b.Op(ir.OpEq, ret, b.Const(int64(i+1))), here)
		if yes.block != nil {
			lw.open(yes)
			lw.raise(take(o)[0])
			lw.rollback(here)
		}
		lw.open(no)
	}
	if s.ok == nil {
		// All it does is raise errors; the last test always holds.
		lw.raise(Nil)
		lw.b.Block = nil
		return Bad{}
	}
	return Tuple(take(s.ok))
}

// subFrame returns the slot that calls of s in this function share.
func (lw *lowerer) subFrame(s *subprogram, at syntax.Range) *ir.Slot {
	f := lw.b.Func
	for _, x := range f.Slots {
		if lw.subFrames[x] == s {
			return x
		}
	}
	x := f.NewSlot(s.size, "", lw.pos(at))
	x.Align = 8
	lw.subFrames[x] = s
	return x
}

// inlining is bpf.inline and bpf.noinline of a function made in the kernel.
func inlining(how script.Inlining) func(*lowerer, *syntax.Call, []Value) Value {
	return func(lw *lowerer, e *syntax.Call, args []Value) Value {
		c, ok := lw.resolve(args[0]).(*Closure)
		if !ok {
			return lw.errorf(e.Args[0], diag.NotAFunction, "'%s' needs a function, not %s", exprName(e.Fn), describe(args[0]))
		}
		out := *c
		out.inlining = how
		return &out
	}
}

// keepCalled drops the subprograms of mod.Funcs[from:] that f does not call.
func keepCalled(mod *ir.Module, f *ir.Func, from int) {
	called := map[*ir.Func]bool{}
	work := []*ir.Func{f}
	for len(work) > 0 {
		g := work[len(work)-1]
		work = work[:len(work)-1]
		if called[g] {
			continue
		}
		called[g] = true
		for _, b := range g.Blocks {
			for _, v := range b.Values {
				if callee, ok := v.Aux.(*ir.Func); ok {
					work = append(work, callee)
				}
			}
		}
	}
	keep := mod.Funcs[:from]
	for _, g := range mod.Funcs[from:] {
		if called[g] {
			keep = append(keep, g)
		}
	}
	mod.Funcs = keep
}

// NameSubprograms gives the module's subprograms names that differ from each
// other and from what else the object has; programs and maps are named by now.
func NameSubprograms(mod *ir.Module) {
	taken := map[string]bool{}
	for _, m := range mod.Maps {
		taken[m.Name] = true
	}
	for _, g := range mod.Globals {
		taken[g.Name] = true
	}
	for _, f := range mod.Funcs {
		if f.Sub == nil || f.Linkable != nil {
			taken[f.Name] = true
		}
	}
	for _, f := range mod.Funcs {
		if f.Sub == nil || f.Linkable != nil {
			continue
		}
		base := f.Name
		for n := 2; taken[f.Name]; n++ {
			f.Name = base + "_" + strconv.Itoa(n)
		}
		taken[f.Name] = true
	}
}

// symbolOf is the name of a function in the object.
func symbolOf(name string) string {
	name = strings.Map(func(r rune) rune {
		if r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, name)
	if name == "" || name[0] <= '9' {
		return "fn" + name
	}
	return name
}
