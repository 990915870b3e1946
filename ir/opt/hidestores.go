package opt

import "github.com/luabpfc/luabpfc/ir"

// Numbers stored beside what is written at a variable offset.
//
// A number of known bounds that is stored at an aligned place of the stack is a
// spilled register to the verifier, whatever its size, so that reading it back
// tells the bounds again. A store at a variable offset makes it forget the
// registers of all the eight-byte places that it may touch; but kernels (6.1 is
// one) leave those bytes marked as spilled that the store can't reach, and refuse
// to read them: "invalid size of register fill".
//
//	b[0] = n & 7; b[i + 1] = 5; return b[0]
//
// So where an object of the stack is written at a variable offset, and read, what
// is stored into it at a constant one is hidden from the verifier. Reading at a
// variable offset is no better: on some way the verifier may know the offset, as
// where an index is replaced by 0 that was found to be in bounds already.
// What hides is OpOpaque: a number without bounds is bytes. Constants are stored as
// immediates, which are no registers. The pass comes last: what stores gave, loads
// have been found to give by then.

// hideStores is the pass "hidestores".
func hideStores(c *Context, f *ir.Func) {
	written, read := map[*ir.Slot]bool{}, map[*ir.Slot]bool{}
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			m, ok := v.Aux.(*ir.Mem)
			if !ok || m.Region != ir.RegionStack || len(v.Args) == 0 {
				continue
			}
			base, _ := place(v.Args[0])
			fixed := base.Op == ir.OpSlotAddr
			for _, s := range rootSlots(v.Args[0]) {
				written[s] = written[s] || !fixed && v.Op.Info().Writes
				read[s] = read[s] || v.Op == ir.OpLoad
			}
		}
	}
	var unknown *ir.Value
	for _, b := range f.Blocks {
		for i := 0; i < len(b.Values); i++ {
			v := b.Values[i]
			if v.Op != ir.OpStore || v.Mem().Region != ir.RegionStack || !spilled(v.Args[1]) {
				continue
			}
			base, _ := place(v.Args[0])
			s, ok := base.Aux.(*ir.Slot)
			if !ok || !written[s] || !read[s] || !c.Change("hide") {
				continue
			}
			if unknown == nil {
				unknown = unknownNumber(f)
				i = indexOf(b, v)
			}
			x := b.InsertValue(i, ir.OpOpaque, ir.I64, v.Pos, v.Args[1], unknown)
			v.SetArg(1, x)
			i++
		}
	}
}

// spilled reports whether the verifier may keep the bounds of x, when stored.
func spilled(x *ir.Value) bool {
	if x.Type != ir.I64 || x.Op == ir.OpOpaque {
		return false
	}
	c, ok := x.IsConst()
	return !ok || int64(int32(c)) != c
}

// unknownNumber makes a number that the verifier knows nothing of, in front of
// all that may need it.
func unknownNumber(f *ir.Func) *ir.Value {
	x := &former{unknown: map[*ir.Func]*ir.Value{}}
	if hasContext(f) {
		contextOf(f)
	}
	entry := f.Entry()
	i := 0
	for i < len(entry.Values) && (entry.Values[i].Op == ir.OpArg || entry.Values[i].Op == ir.OpLoad && entry.Values[i].Type == ir.Ptr) {
		i++
	}
	return x.number(&cursor{b: entry, i: i, pos: f.Pos})
}

func indexOf(b *ir.Block, v *ir.Value) int {
	for i, x := range b.Values {
		if x == v {
			return i
		}
	}
	return len(b.Values)
}
