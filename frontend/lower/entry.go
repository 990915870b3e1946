package lower

import (
	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// Keys and values of maps that are no scalars.

// keyOf makes a value a key of m: its bytes in memory, padding zero. key is the
// number that a scalar key is.
func (lw *lowerer) keyOf(n syntax.Node, m *script.Map, key Value) (p *ir.Value, num Int, ok bool) {
	im := lw.irMap(m)
	if !isAggregate(m.Key) {
		k, ok := lw.mapKey(n, m, key)
		if !ok || lw.b.Block == nil {
			return nil, Int{}, false
		}
		if c, known := k.V.IsConst(); known && m.Type.Array && !sureIndex(m, k) {
			lw.r.Warnf(diag.NoSuchEntry, n.Bounds().In(lw.file), "map '%s' has the entries 0 to %d: there is no entry %d", m.Name, m.MaxEntries-1, c)
		}
		return lw.spill(lw.keySlot(im), m.Key, k), k, true
	}
	key = lw.resolve(key)
	if isNil(key) {
		lw.errorf(n, diag.BadKey, "nil is no key of map '%s'", m.Name)
		return nil, Int{}, false
	}
	switch key.(type) {
	case Int, Bool, *Entry, Opt:
		if x, isNumber := key.(Int); !isNumber || x.Slice == 0 {
			lw.errorf(n, diag.BadKey, "%s is no key of map '%s', whose keys are of type '%s'", describe(key), m.Name, ctype.Name(m.Key))
			return nil, Int{}, false
		}
	}
	p, ok = lw.bytesFor(n, func() *ir.Slot { return lw.keySlot(im) }, m.Key, key)
	return p, Int{}, ok
}

// bytesFor returns the address of a t that holds v: v's own place if it is an
// object on the stack that is surely there, else the slot.
func (lw *lowerer) bytesFor(n syntax.Node, slot func() *ir.Slot, t ctype.Type, v Value) (*ir.Value, bool) {
	if r, ok := v.(Ref); ok && (r.Region == ir.RegionStack || r.scratch) && len(r.tests()) == 0 && sameType(t, r.Type) {
		if !lw.live(n, r) {
			return nil, false
		}
		return lw.addrOf(r), true
	}
	errs := lw.r.Errors()
	var dst Ref
	if size := ctype.Size(t); lw.inScratch(size) {
		var ok bool
		if dst, ok = lw.scratchObject(n, t, size); !ok {
			return nil, false
		}
	} else {
		dst = slotRef(slot(), t)
	}
	lw.storeInit(n, dst, v)
	if lw.r.Errors() > errs || lw.b.Block == nil {
		return nil, false
	}
	return lw.addrOf(dst), true
}

// valueOf makes v a value of m in memory.
func (lw *lowerer) valueOf(n syntax.Node, m *script.Map, v Value) (*ir.Value, bool) {
	im := lw.irMap(m)
	if isAggregate(m.Value) {
		return lw.bytesFor(n, func() *ir.Slot { return lw.valueSlot(im) }, m.Value, v)
	}
	if s, ok := stringConst(v); ok {
		lw.errorf(n, diag.BadValue, "'%s' is no value of map '%s', whose values are of type '%s'", s, m.Name, ctype.Name(m.Value))
		return nil, false
	}
	x, ok := lw.storable(n, v, "stored")
	if !ok {
		return nil, false
	}
	return lw.spill(lw.valueSlot(im), m.Value, x), true
}

// sureIndex reports whether a key is certainly in m: a constant index that an
// array has.
func sureIndex(m *script.Map, k Int) bool {
	if k.V == nil || !m.Type.Array {
		return false
	}
	c, ok := k.V.IsConst()
	return ok && c >= 0 && c < int64(m.MaxEntries)
}

// entryRef looks an entry of a struct, union or array type up.
func (lw *lowerer) entryRef(n syntax.Node, m *script.Map, kp *ir.Value, num Int) (Ref, bool) {
	p := lw.helper(n, "map_lookup_elem", ir.Ptr, lw.mapRef(m), kp)
	if p == nil {
		return Ref{}, false
	}
	return Ref{Addr: p, Present: lw.b.Op(ir.OpNe, p, lw.b.Null()), Sure: sureIndex(m, num), Type: m.Value,
		Region: ir.RegionMap, entry: true, Hi: int64(ctype.Size(m.Value)), Map: m, epoch: lw.epochOf(m).get()}, true
}
