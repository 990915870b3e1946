package lower

import (
	"github.com/cilium/ebpf/btf"

	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
)

// Maps in maps: m[i] is a map that is known at run time only, or nil.
//
// What such maps are like is said where the outer one is declared, so an inner map
// is a description with an address. The description is one for each outer map:
// what is assigned to one of its maps may have changed all of them. Operations
// are those of maps, with the address in the place of the map's name, made where
// there is a map.

// innerMaps are the descriptions of the maps in maps.
type innerMaps struct {
	of   map[*script.Map]*script.Map // by the outer map
	defs map[*script.Map]*ir.Map     // of the descriptions
	at   *ir.Value                   // the map that is operated on
}

// innerOf returns what the maps in m are like.
func (lw *lowerer) innerOf(m *script.Map) *script.Map {
	if in := lw.inner.of[m]; in != nil {
		return in
	}
	if lw.inner.of == nil {
		lw.inner.of, lw.inner.defs = map[*script.Map]*script.Map{}, map[*script.Map]*ir.Map{}
	}
	in := *m.Inner
	in.Name = m.Name + "[i]"
	lw.inner.of[m], lw.inner.defs[&in] = &in, definition(&in)
	lw.inner.defs[&in].Name = m.Name
	return &in
}

// mapRef is m as a helper's argument.
func (lw *lowerer) mapRef(m *script.Map) *ir.Value {
	if lw.inner.defs[m] != nil {
		return lw.inner.at
	}
	return lw.b.MapRef(lw.irMap(m))
}

// innerRef is the map that a lookup in m found.
func (lw *lowerer) innerRef(n syntax.Node, m *script.Map, kp *ir.Value) Value {
	p := lw.helper(n, "map_lookup_elem", ir.Ptr, lw.mapRef(m), kp)
	if p == nil {
		return Bad{}
	}
	return Ref{Addr: p, Present: lw.b.Op(ir.OpNe, p, lw.b.Null()), Type: &btf.Struct{Name: "map"}, Region: ir.RegionKernel,
		inner: lw.innerOf(m), ReadOnly: "maps in maps are put there by user space"}
}

// onInner runs f on an inner map where there is one; elsewhere the result is nil.
func (lw *lowerer) onInner(r Ref, f func(m *script.Map) Value) Value {
	return lw.within(r, func(r Ref) Value {
		outside := lw.inner.at
		defer func() { lw.inner.at = outside }()
		lw.inner.at = lw.addrOf(r)
		return f(r.inner)
	}, func() Value { return Nil })
}

// innerPlace is m[i][k], as a place.
func (lw *lowerer) innerPlace(e *syntax.Index, r Ref, key Value) Value {
	key = lw.settled(key)
	return lw.onInner(r, func(m *script.Map) Value {
		v := lw.lookup(e, m, e.Key, key)
		if place, ok := lw.placeRef(v); ok {
			return place
		}
		return v
	})
}
