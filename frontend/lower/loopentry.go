package lower

import "github.com/luabpfc/luabpfc/ir"

// References to entries of maps that a loop carries: as addresses, null for nil.
//
// What a trip found may be used as long as the map's entries are those that it was
// looked up among. At the beginning of a trip they are what the trip before and the
// way to the loop both left, so a reference may be used there if it was usable at the
// end of both; else using it is an error.

// carriesEntry reports whether a loop can carry r: a struct in a map's entry.
func carriesEntry(r Ref) bool {
	return r.Map != nil && r.Region == ir.RegionMap && r.inner == nil && r.Loan == nil && r.view == nil && !r.scratch && !r.Pointer &&
		!isScalarOrArray(r.Type)
}

// carryOfEntry describes r. Its epoch is nil where it may be used.
func (lw *lowerer) carryOfEntry(r Ref) *carry {
	out := r.part()
	out.entry = r.entry
	out.Addr, out.Off, out.Index, out.Present, out.Lo = nil, 0, nil, nil, 0
	out.Hi, out.align, out.moved, out.epoch = int64(out.size()), r.alignment(0), false, nil
	if !r.Map.Type.Array && !identical(r.epoch, lw.epochOf(r.Map).get()) {
		out.epoch = epoch{n: -1}
	}
	return &carry{leaf: out, opt: len(r.tests()) > 0}
}

// likeEntry reports whether one variable can be either of two entries.
func likeEntry(r, s Ref) bool {
	return r.Map == s.Map && sameType(r.Type, s.Type) && r.entry == s.entry && r.Volatile == s.Volatile && r.ReadOnly == s.ReadOnly && r.align == s.align
}

// entryAddress is the address that is carried for v.
func (lw *lowerer) entryAddress(v Value) *ir.Value {
	r, ok := v.(Ref)
	switch {
	case !ok:
		return lw.b.Null()
	case r.Off == 0 && r.Index == nil && r.Present != nil && r.Present.Op == ir.OpNe && r.Present.Args[0] == r.Addr:
		return r.Addr // null where it is nil, without a test
	}
	return lw.addressOrNull(r)
}

// carriedEntry is an entry like k at an address that a loop carried.
func (lw *lowerer) carriedEntry(k Ref, addr *ir.Value, maybe bool) Ref {
	k.Addr = addr
	if k.epoch == nil {
		k.epoch = lw.epochOf(k.Map).get()
	}
	if maybe {
		k.Present = lw.b.Op(ir.OpNe, addr, lw.b.Null())
	}
	return k
}
