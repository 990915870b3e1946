package opt

import (
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Results of helpers, as numbers of 64 bits.
//
// On kernels before the release in a helper's column Whole its result is an int in
// the lower half of the register, and nothing is known of the upper half: the JIT
// calls the map's own function in the helper's place, and C functions that return
// int leave the upper half as it comes. Where the target may be such a kernel the
// result is sign-extended from 32 bits, if anything uses it.

// wholeResults is the pass "results".
func wholeResults(c *Context, f *ir.Func) {
	whole := map[*ir.Value]*ir.Value{}
	for _, b := range f.Blocks {
		for i := 0; i < len(b.Values); i++ {
			v := b.Values[i]
			if v.Op != ir.OpCall || v.Uses == 0 || !c.Opts.Kernel.Before(v.Aux.(*kernel.Helper).Whole) || !c.Change("sign-extend") {
				continue
			}
			i++
			x := b.InsertValue(i, ir.OpSext, ir.I64, v.Pos, v)
			x.AuxInt = 32
			whole[v] = x
		}
	}
	if len(whole) > 0 {
		replaceUses(f, whole)
	}
}

// replaceUses renames the uses of values, but for those in their replacements.
func replaceUses(f *ir.Func, by map[*ir.Value]*ir.Value) {
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			for i, a := range v.Args {
				if x := by[a]; x != nil && x != v {
					v.SetArg(i, x)
				}
			}
		}
		if b.Control != nil {
			if x := by[b.Control]; x != nil {
				b.SetControl(x)
			}
		}
	}
}
