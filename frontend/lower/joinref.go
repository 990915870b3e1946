package lower

import (
	"github.com/luabpfc/luabpfc/ir"
)

// mergeEpochs merges the states of maps, before everything else, and returns the
// cells of those that changed. States that differ give a new one.
func (j *joiner) mergeEpochs() []*cell {
	var list []*cell
	j.epochs = map[*cell]Value{}
	for _, e := range j.edges {
		for _, c := range e.order {
			if !c.epoch || j.epochs[c] != nil {
				continue
			}
			list = append(list, c)
			v := j.epochAt(0, c)
			for i := range j.edges {
				if !identical(v, j.epochAt(i, c)) {
					j.lw.epochNo++
					v = epoch{j.lw.epochNo, changedAt(e.changes[c].val)}
					break
				}
			}
			j.epochs[c] = v
		}
	}
	return list
}

// epochAt returns the state of a map's entries at the end of edge i.
func (j *joiner) epochAt(i int, c *cell) Value {
	if ch, ok := j.edges[i].changes[c]; ok && ch.val != nil {
		return ch.val
	}
	return c.get()
}

// liveAt reports whether r may be used at the end of edge i.
func (j *joiner) liveAt(i int, r Ref) bool {
	return r.Map == nil || r.Map.Type.Array || identical(r.epoch, j.epochAt(i, j.lw.epochOf(r.Map)))
}

// mergeRefs merges references. Of arrays the bytes are merged: each path copies
// them to one object. Of structs the addresses are, where all are into one
// region.
func (j *joiner) mergeRefs(vals []Value, poss []ir.Pos) Value {
	lw := j.lw
	if v, ok := j.mergeViews(vals); ok {
		return v
	}
	first, entries := -1, true
	for i, v := range vals {
		switch v := v.(type) {
		case Bad:
			return v
		case *Conflict:
			return v
		case Ref:
			if first < 0 {
				first = i
			}
			a := vals[first].(Ref)
			entries = entries && v.entry
			if !sameType(a.Type, v.Type) || a.Pointer != v.Pointer || a.isArray() != v.isArray() {
				return lw.conflict(vals, poss)
			}
			if (!a.isArray() || entries) && (a.Region != v.Region || a.Map != v.Map || a.inner != v.inner || a.Loan != v.Loan || a.Volatile != v.Volatile || a.scratch != v.scratch || a.ReadOnly != v.ReadOnly) {
				return lw.conflict(vals, poss)
			}
		default:
			if !isNil(v) {
				return lw.conflict(vals, poss)
			}
		}
	}
	if vals[first].(Ref).isArray() && !entries {
		return j.mergeArrays(vals, vals[first].(Ref))
	}
	return j.mergeAddresses(vals, vals[first].(Ref))
}

// mergeArrays copies the bytes of each edge's array to one object.
func (j *joiner) mergeArrays(vals []Value, a Ref) Value {
	lw := j.lw
	n := rangeNode(lw.b.Pos, lw)
	out, ok := lw.rawObject(n, a.Type, "array")
	if !ok {
		return Bad{}
	}
	out.exact = a.exact
	present := make([]*ir.Value, len(vals))
	maybe := false
	for i, v := range vals {
		present[i] = j.at(i, func() *ir.Value {
			r, ok := v.(Ref)
			if !ok {
				lw.zero(out, 0, int64(out.size()))
				return lw.b.Bool(false)
			}
			p := lw.presence(r)
			if !j.liveAt(i, r) {
				out.Map, out.epoch = r.Map, epoch{n: -1} // using it is an error
			}
			to := out
			r.Map, to.Map = nil, nil
			lw.copyRef(n, to, r)
			return p
		})
		c, known := present[i].IsConst()
		maybe = maybe || !known || c == 0
	}
	if maybe {
		out.Present = j.phi(ir.Bool, present)
	}
	return out
}

// presence is whether r is not nil, as a Bool.
func (lw *lowerer) presence(r Ref) *ir.Value {
	if truth, known := lw.knownPresent(r); known {
		return lw.b.Bool(truth)
	}
	return r.Present
}

// mergeAddresses makes a phi of the addresses. A run-time index that is out of
// range makes the object absent on its edge, and one that reads 0; so structs
// behind such an index are nil to what follows.
func (j *joiner) mergeAddresses(vals []Value, a Ref) Value {
	lw := j.lw
	if a.Region == ir.RegionPacket {
		return j.mergePacketRefs(vals, a)
	}
	addrs, present := make([]*ir.Value, len(vals)), make([]*ir.Value, len(vals))
	align := 8
	always, sure, live := true, true, true
	for i, v := range vals {
		r, isRef := v.(Ref)
		if !isRef {
			addrs[i] = j.at(i, func() *ir.Value { return lw.b.Null() })
			present[i] = j.at(i, func() *ir.Value { return lw.b.Bool(false) })
			always, sure = false, false
			continue
		}
		align = min(align, r.alignment(0))
		live = live && j.liveAt(i, r)
		sure = sure && (r.Present == nil || r.Sure)
		always = always && len(r.tests()) == 0
		addrs[i] = j.at(i, func() *ir.Value { return lw.addressOrNull(r) })
		present[i] = j.at(i, func() *ir.Value {
			if len(r.tests()) == 0 {
				return lw.b.Bool(true)
			}
			return lw.asIRBool(lw.within(r, func(Ref) Value { return constBool(true) }, func() Value { return constBool(false) }))
		})
	}
	out := a.part()
	out.entry = a.entry
	out.Slot, out.Global, out.Off, out.Index, out.Present, out.Lo = nil, nil, 0, nil, nil, 0
	out.Hi, out.align, out.moved = int64(a.size()), align, false
	out.Addr = j.phi(ir.Ptr, addrs)
	if a.Map != nil {
		if c := lw.epochOf(a.Map); !live {
			out.epoch = epoch{n: -1}
		} else if out.epoch = j.epochs[c]; out.epoch == nil {
			out.epoch = c.get()
		}
	}
	if !always {
		out.Sure = sure
		if a.Region == ir.RegionStack || a.Region == ir.RegionRecord {
			// Without privileges addresses in the stack can't be compared, and old
			// kernels don't see that a second test of a record's is decided.
			out.Present = j.phi(ir.Bool, present)
			return out
		}
		null := j.block.NewValue(ir.OpConst, ir.Ptr, lw.b.Pos)
		out.Present = j.block.NewValue(ir.OpNe, ir.Bool, lw.b.Pos, out.Addr, null)
	}
	return out
}

// addressOrNull returns the address of r, null where r is not there.
func (lw *lowerer) addressOrNull(r Ref) *ir.Value {
	tests := r.tests()
	if len(tests) == 0 {
		return lw.addrOf(r)
	}
	v := lw.within(r, func(r Ref) Value { return address{lw.addrOf(r)} }, func() Value { return address{lw.b.Null()} })
	if a, ok := v.(address); ok {
		return a.p
	}
	return lw.b.Null()
}

// address is an address on its way through a join.
type address struct{ p *ir.Value }

func (address) kind() string { return "address" }
