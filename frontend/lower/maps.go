package lower

import (
	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// asMap returns the map that v is.
func asMap(v Value) (*script.Map, bool) {
	if c, ok := v.(Const); ok {
		return script.ToMap(c.V)
	}
	return nil, false
}

// irMap returns the module's map for m, adding it on first use.
func (lw *lowerer) irMap(m *script.Map) *ir.Map {
	if def := lw.inner.defs[m]; def != nil {
		return def
	}
	return Map(lw.mod, m)
}

// Map returns the module's map for m, adding it on first use. Names are given
// later: a map may still be unnamed when the first program uses it.
func Map(mod *ir.Module, m *script.Map) *ir.Map {
	for _, have := range mod.Maps {
		if have.Source == m {
			return have
		}
	}
	out := definition(m)
	out.Source, out.Name = m, m.Name
	mod.Maps = append(mod.Maps, out)
	return out
}

// definition returns what m is to the kernel, without a name. Types go along
// where the kernel takes them.
func definition(m *script.Map) *ir.Map {
	out := &ir.Map{Type: m.Type, MaxEntries: m.MaxEntries, Flags: m.Flags, KeySize: m.KeySize(), ValueSize: m.ValueSize(),
		Pinned: m.Pinned, NUMANode: m.NUMANode, Extra: m.Extra}
	if m.Type.Types && (m.Type.Name != "lpm_trie" || ctype.IsRecord(m.Key)) { // the kernel wants a structure there
		if m.Key != nil {
			out.Key = m.Key
		}
		out.Value = m.Value
	}
	if m.Type.Records {
		out.Record = m.Value
	}
	if m.Inner != nil {
		out.Inner = definition(m.Inner)
	}
	return out
}

// typeMem describes a scalar of type t in a region.
func typeMem(t ctype.Type, region ir.Region) ir.Mem {
	return ir.Mem{Region: region, Size: int32(ctype.Size(t))}
}

// readScalar loads a t from p.
func (lw *lowerer) readScalar(t ctype.Type, p *ir.Value, mem ir.Mem) Int {
	mem.Signed = mem.Size < 8 && ctype.Signed(t) && !ctype.BigEndian(t)
	v := lw.b.Load(ir.I64, p, mem)
	if ctype.BigEndian(t) {
		v = lw.b.OpBits(ir.OpToBE, int64(mem.Size)*8, v)
	}
	return Int{V: v, Unsigned: isUint64(t), Bit: ctype.IsBool(t)}
}

// toMemory converts a number to what a t in memory holds.
func (lw *lowerer) toMemory(t ctype.Type, v Int) *ir.Value {
	switch {
	case ctype.IsBool(t):
		return lw.b.Op(ir.OpBoolToInt, lw.b.Op(ir.OpNe, v.V, lw.b.Const(0)))
	case ctype.BigEndian(t):
		return lw.b.OpBits(ir.OpToBE, int64(ctype.Size(t))*8, v.V)
	}
	return v.V
}

// spill stores a number as a t in a slot and returns the slot's address.
func (lw *lowerer) spill(s *ir.Slot, t ctype.Type, v Int) *ir.Value {
	p := lw.b.SlotAddr(s)
	lw.b.Store(p, lw.toMemory(t, v), typeMem(t, ir.RegionStack))
	return p
}

// keySlot returns the slot that keys of m are put into. One per map: a store
// of what it already holds is dropped by the optimiser.
func (lw *lowerer) keySlot(m *ir.Map) *ir.Slot {
	return lw.slotIn(lw.keys, m, m.KeySize, "key of")
}

func (lw *lowerer) valueSlot(m *ir.Map) *ir.Slot {
	return lw.slotIn(lw.vals, m, m.ValueSize, "value for")
}

func (lw *lowerer) slotIn(slots map[*ir.Map]*ir.Slot, m *ir.Map, size uint32, what string) *ir.Slot {
	s := slots[m]
	if s == nil || !lw.owns(s) {
		s = lw.b.Func.NewSlot(int(size), what+" '"+m.Name+"'", lw.b.Pos)
		slots[m] = s
	}
	return s
}

// owns reports whether a slot is still the function's: an attempt to lower a
// loop that was taken back has dropped its own.
func (lw *lowerer) owns(s *ir.Slot) bool {
	return s.ID < len(lw.b.Func.Slots) && lw.b.Func.Slots[s.ID] == s
}

// lookup evaluates m[k].
func (lw *lowerer) lookup(n syntax.Node, m *script.Map, keyNode syntax.Node, key Value) Value {
	if isStorage(m) {
		return lw.storageAt(n, m, key)
	}
	if !lw.can(n, m, kernel.MapLookup, "looked up by keys") {
		return Bad{}
	}
	kp, k, ok := lw.keyOf(keyNode, m, key)
	if !ok {
		return Bad{}
	}
	lw.at(n)
	if m.Inner != nil {
		return lw.innerRef(n, m, kp)
	}
	if isAggregate(m.Value) {
		if r, ok := lw.entryRef(n, m, kp, k); ok {
			return r
		}
		return Bad{}
	}
	if e := lw.entry(n, m, kp, k); e != nil {
		if p, ok := lw.keptPointer(m.Value, e); ok {
			return p
		}
		return e
	}
	return Bad{}
}

// entry looks a key up; nil after an error.
func (lw *lowerer) entry(n syntax.Node, m *script.Map, kp *ir.Value, k Int) *Entry {
	p := lw.helper(n, "map_lookup_elem", ir.Ptr, lw.mapRef(m), kp)
	if p == nil {
		return nil
	}
	e := &Entry{Map: m, Ptr: p, Present: lw.b.Op(ir.OpNe, p, lw.b.Null()), Key: k, sure: sureIndex(m, k)}
	e.num = lw.newCell(nil)
	e.num.entry = e
	return e
}

// mapKey converts a value to a key of m.
func (lw *lowerer) mapKey(n syntax.Node, m *script.Map, key Value) (Int, bool) {
	key = lw.resolve(key)
	if isNil(key) {
		lw.errorf(n, diag.BadKey, "nil is no key of map '%s'", m.Name)
		return Int{}, false
	}
	if s, ok := stringConst(key); ok {
		lw.errorf(n, diag.BadKey, "'%s' is no key of map '%s', whose keys are of type '%s'", s, m.Name, ctype.Name(m.Key))
		return Int{}, false
	}
	return lw.storable(n, key, "used as a key")
}

// readEntry returns the number of an entry: 0 if there is none. It is read
// once on a path.
func (lw *lowerer) readEntry(e *Entry) Int {
	if e.num.val != nil {
		return e.num.val.(Int)
	}
	mem := typeMem(e.Map.Value, ir.RegionMap)
	read := func() Int { return lw.readScalar(e.Map.Value, lw.b.NonNull(e.Ptr), mem) }
	zero := func() Int {
		return Int{V: lw.b.Const(0), Unsigned: isUint64(e.Map.Value), Bit: ctype.IsBool(e.Map.Value)}
	}
	var n Int
	if truth, ok := lw.known(e.Present); ok {
		n = zero()
		if truth {
			n = read()
		}
	} else {
		mark := lw.mark()
		yes, no := lw.branch(e.Present, mark)
		lw.open(yes)
		yes = lw.leave(mark, read())
		lw.open(no)
		no = lw.leave(mark, zero())
		n = lw.join([]edge{yes, no})[0].(Int)
	}
	lw.set(e.num, n)
	return n
}

// readOpt returns what an entry is now, free of the entry.
func (lw *lowerer) readOpt(e *Entry) Value {
	n := lw.readEntry(e)
	if e.sure {
		return n
	}
	if truth, ok := lw.known(e.Present); ok {
		if truth {
			return n
		}
		return Nil
	}
	return Opt{e.Present, n}
}

// ifPresent runs body where the entry is there.
func (lw *lowerer) ifPresent(e *Entry, body func(p *ir.Value)) {
	mark := lw.mark()
	yes, no := lw.branch(e.Present, mark)
	if yes.block != nil {
		lw.open(yes)
		body(lw.b.NonNull(e.Ptr))
		yes = lw.leave(mark)
	}
	lw.join([]edge{yes, no})
}

// settled returns v; of an entry, what it is now, free of the entry.
func (lw *lowerer) settled(v Value) Value {
	if e, ok := v.(*Entry); ok {
		return lw.readOpt(e)
	}
	return v
}

// setEntry evaluates m[k] = v.
func (lw *lowerer) setEntry(n syntax.Node, m *script.Map, keyNode syntax.Node, key, v Value) {
	v = lw.settled(v)
	v = lw.resolve(v)
	if isStorage(m) && lw.b.Block != nil {
		lw.storageSet(n, m, key, v)
		return
	}
	if _, bad := v.(Bad); bad || lw.b.Block == nil || !lw.can(n, m, kernel.MapUpdate, "assigned to by keys") {
		return
	}
	lw.flush()
	if isNil(v) {
		lw.deleteEntry(n, m, keyNode, key)
		return
	}
	if r, ok := v.(Ref); ok && viewString(r) && isAggregate(m.Value) { // NULL is an empty text
		r.Present = nil
		v = r
	}
	if r, ok := v.(Ref); ok && r.Present != nil && !r.Sure {
		lw.setOrDelete(n, m, keyNode, key, r.Present, r)
		return
	}
	if o, ok := v.(Opt); ok {
		lw.setOrDelete(n, m, keyNode, key, o.Present, o.Val)
		return
	}
	lw.update(n, m, keyNode, key, v)
}

// setOrDelete assigns a value that is nil unless present.
func (lw *lowerer) setOrDelete(n syntax.Node, m *script.Map, keyNode syntax.Node, key Value, present *ir.Value, v Value) {
	truth, known := lw.known(present)
	switch {
	case known && truth:
		lw.update(n, m, keyNode, key, v)
		return
	case known:
		lw.deleteEntry(n, m, keyNode, key)
		return
	case m.Type.Array:
		lw.errorf(n, diag.BadValue, "%s may be nil here, and entries of an array map can't be deleted; write '... or 0'", describe(Opt{present, v}))
		return
	}
	mark := lw.mark()
	yes, no := lw.branch(present, mark)
	lw.open(yes)
	lw.update(n, m, keyNode, key, v)
	if lw.b.Block != nil {
		yes = lw.leave(mark)
	}
	lw.open(no)
	lw.deleteEntry(n, m, keyNode, key)
	if lw.b.Block != nil {
		no = lw.leave(mark)
	}
	lw.join([]edge{yes, no})
}

func (lw *lowerer) update(n syntax.Node, m *script.Map, keyNode syntax.Node, key, v Value) {
	if m.Type.Array && isAggregate(m.Value) && !holdsOpaque(m.Value) {
		kp, k, ok := lw.keyOf(keyNode, m, key)
		if !ok {
			return
		}
		if r, ok := lw.entryRef(n, m, kp, k); ok {
			lw.storeInit(n, r, v)
		}
		return
	}
	if m.Type.Array && !isAggregate(m.Value) { // its entries always exist: storing there is updating
		x, ok := lw.storable(n, v, "stored")
		if !ok {
			return
		}
		kp, k, ok := lw.keyOf(keyNode, m, key)
		if !ok {
			return
		}
		if e := lw.entry(n, m, kp, k); e != nil {
			lw.ifPresent(e, func(p *ir.Value) {
				lw.b.Store(p, lw.toMemory(m.Value, x), typeMem(m.Value, ir.RegionMap))
			})
		}
		return
	}
	vp, ok := lw.valueOf(n, m, v)
	if !ok {
		return
	}
	kp, _, ok := lw.keyOf(keyNode, m, key)
	if !ok {
		return
	}
	lw.helper(n, "map_update_elem", ir.I64, lw.mapRef(m), kp, vp, lw.b.Const(0))
	lw.mapWritten(m)
}

func (lw *lowerer) deleteEntry(n syntax.Node, m *script.Map, keyNode syntax.Node, key Value) {
	if m.Type.Array {
		lw.errorf(n, diag.BadValue, "entries of an array map can't be deleted; assign 0 to '%s'", m.Name)
		return
	}
	kp, _, ok := lw.keyOf(keyNode, m, key)
	if !ok {
		return
	}
	lw.helper(n, "map_delete_elem", ir.I64, lw.mapRef(m), kp)
	lw.mapWritten(m)
}
