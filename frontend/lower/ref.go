package lower

import (
	"github.com/cilium/ebpf/btf"
	"github.com/luabpfc/luabpfc/ir/kernel"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// Places in memory.
//
// A Ref is an object of a C type: on the stack, in a map's value, in the
// context. Its place is a base (Slot, Global or Addr), a constant distance and a sum of
// run-time indices. The address is computed anew at each access, index check
// included, so that the kernel's verifier finds the bound in the register that
// is used, and so that no address has to live across a loop or a call.
//
// A Ref may not be there: Present is false, or an index is out of range. Then
// reads give 0 (nil, if Present says so) and writes do nothing; within places
// the tests, once on a path.
//
// Structs and unions are references: a variable that holds a Ref names the
// object. Arrays are values: hold copies them (object.go).

// Ref is a place in memory: an object of a C type.
type Ref struct {
	Addr   *ir.Value  // the base; may be null where Present is false
	Slot   *ir.Slot   // the base of an object on the stack instead
	Global *ir.Global // the base of a variable of the object instead
	Off    int64      // bytes behind the base
	Index  *term      // what is only known at run time, in addition
	Type   ctype.Type
	Region ir.Region
	// Present is a Bool: whether the object is there. nil: always.
	Present *ir.Value
	// Sure is set where Present is for the kernel's verifier only: the object
	// is never nil to the script.
	Sure bool
	Bits bitField
	// Lo and Hi are the object that pointer arithmetic stays in, in the bytes
	// that Off counts.
	Lo, Hi int64
	// Pointer is set on the result of a cast or of p + n: it is indexed by
	// elements of Type, and p[0] is the object itself.
	Pointer bool
	// Map is what the object is a value of, and epoch what the map's entries
	// were when it was looked up (stale).
	Map   *script.Map
	epoch Value
	// entry is set on a whole entry of a map, which a variable refers to even if
	// it is an array.
	entry bool
	// fresh is set on an array that has no name yet, owned on one that is a
	// variable's own: assigning to the variable then copies.
	fresh, owned bool
	// scratch is set on an object of the program's own in scratch memory.
	scratch bool
	// align is what the base is known to be a multiple of; 0: 8.
	align int
	// exact is set on a slice: comparing it with a string compares all of it.
	exact bool
	// moved is set on a pointer whose last index counts its own elements.
	moved bool
	// inner is set on a map that a map holds: what it is like.
	inner *script.Map
	// Loan is set on what has to be given back, and its members.
	Loan *loan
	// Volatile: each access is made, in its place.
	Volatile bool
	// view is set on an object in the kernel's or a process's memory (view.go).
	view *view
	// ReadOnly says why the object can't be written, empty if it can.
	ReadOnly string
}

// bitField is where a bit-field member is: Width bits, Off bits behind the
// Ref's place, counted as the target's byte order does. Width 0: no bit-field.
type bitField struct{ Off, Width int }

// term is one run-time index on the way to a place.
type term struct {
	up    *term
	i     *ir.Value
	scale int64
	count int64
	ok    *ir.Value // i < count; nil if that is known
}

// epoch numbers the states of a map's entries; at is where they changed last.
type epoch struct {
	n  int
	at ir.Pos
}

func (Ref) kind() string   { return "reference" }
func (epoch) kind() string { return "state of a map" }

// underlying returns t without typedefs and qualifiers.
func underlying(t ctype.Type) ctype.Type { return ctype.Underlying(t) }

// scalarType is what loads and stores need to know of a scalar type.
type scalarType struct {
	size             int
	signed, be, bool bool
}

// scalarOf describes t if it is a scalar: an integer, an enum, a pointer.
func scalarOf(t ctype.Type) (scalarType, bool) {
	switch u := underlying(t).(type) {
	case *btf.Int:
		return scalarType{int(u.Size), u.Encoding == btf.Signed, ctype.BigEndian(t), u.Encoding == btf.Bool}, true
	case *btf.Enum:
		return scalarType{size: int(u.Size), signed: u.Signed}, true
	case *btf.Pointer:
		return scalarType{size: 8}, true
	}
	return scalarType{}, false
}

// arrayOf returns t as an array.
func arrayOf(t ctype.Type) (*btf.Array, bool) {
	a, ok := underlying(t).(*btf.Array)
	return a, ok
}

// membersOf returns the members of a struct or union.
func membersOf(t ctype.Type) ([]btf.Member, bool) {
	switch u := underlying(t).(type) {
	case *btf.Struct:
		return u.Members, true
	case *btf.Union:
		return u.Members, true
	}
	return nil, false
}

// isArray reports whether r is an array, not a pointer to one.
func (r Ref) isArray() bool {
	_, ok := arrayOf(r.Type)
	return ok && !r.Pointer
}

// isAggregate reports whether values of t are Refs: t is no scalar.
func isAggregate(t ctype.Type) bool {
	_, ok := scalarOf(t)
	return !ok
}

// part returns r as a part or another view of itself: what is said of the whole
// does not hold of it.
func (r Ref) part() Ref {
	r.owned, r.fresh, r.entry, r.exact = false, false, false, false
	return r
}

// size is how many bytes the object has.
func (r Ref) size() int { return ctype.Size(r.Type) }

// refMember returns the member of r called name, those of anonymous members
// included.
func (lw *lowerer) refMember(n syntax.Node, r Ref, name string) Value {
	if r.view != nil {
		return lw.viewMember(n, r, name)
	}
	if r.Pointer {
		r.Pointer, r.moved = false, false
		r.Lo, r.Hi = r.Off, r.Off+int64(r.size())
	}
	if _, ok := membersOf(r.Type); !ok {
		return lw.errorf(n, diag.NotATable, "%s has no members%s", describe(r), numberPlace(r))
	}
	if ctype.Opaque(r.Type) != "" {
		return lw.opaqueAccess(n, r)
	}
	m, ok := ctype.FindMember(r.Type, name)
	if !ok {
		return lw.noMember(n, r.Type, name)
	}
	out := r.part()
	out.Type = m.Type
	if m.Bits > 0 {
		out.Bits = bitField{m.BitOffset, m.Bits}
		return out
	}
	out.Off += int64(m.Offset)
	if _, ok := scalarOf(m.Type); !ok {
		out.Lo, out.Hi = out.Off, out.Off+int64(out.size())
	}
	return out
}

// noMember reports a member that a type has not got; more are names that are
// members there too.
func (lw *lowerer) noMember(n syntax.Node, t ctype.Type, name string, more ...string) Value {
	if _, ok := membersOf(t); !ok {
		return lw.errorf(n, diag.UnknownField, "'%s' has no members", ctype.Name(t))
	}
	names := append(ctype.MemberNames(t), more...)
	if len(names) == 0 && ctype.Size(t) <= 0 {
		return lw.errorf(n, diag.UnknownType, "'%s' is not declared: nothing is known of its members; declare it with ffi.cdef", ctype.Name(t))
	}
	return lw.errorf(atMember(n), diag.UnknownField, "'%s' has no member '%s'%s", ctype.Name(t), name, diag.MeantOr(name, names))
}

// epochOf is the cell of the state of m's entries.
func (lw *lowerer) epochOf(m *script.Map) *cell {
	c := lw.epochs[m]
	if c == nil {
		c = &cell{field: true, epoch: true, born: lw.oldest}
		lw.epochs[m] = c
	}
	return c
}

// mapWritten notes that entries of m may have come or gone: references to them
// are stale from here on. In array maps they stay.
func (lw *lowerer) mapWritten(m *script.Map) {
	if m.Type.Array {
		return
	}
	lw.epochNo++
	lw.set(lw.epochOf(m), epoch{lw.epochNo, lw.b.Pos})
}

// live reports whether r may be used; if not, that is reported.
func (lw *lowerer) live(n syntax.Node, r Ref) bool {
	if r.Loan != nil {
		return lw.loanLive(n, r.Loan)
	}
	if r.Map == nil || r.Map.Type.Array {
		return true
	}
	c := lw.epochOf(r.Map)
	if identical(c.get(), r.epoch) {
		return true
	}
	d := lw.r.Errorf(diag.StaleEntry, n.Bounds().In(lw.file),
		"this entry of '%s' may be another one by now; look it up again, or copy it first with ffi.new(ct, entry)", r.Map.Name)
	if at := changedAt(c.get()); at.Line > 0 {
		d.Note(lw.span(at), "'%s' is changed here", r.Map.Name)
	}
	return false
}

// changedAt is where a map's entries came into the state v.
func changedAt(v Value) ir.Pos {
	switch v := v.(type) {
	case epoch:
		return v.at
	case *Conflict: // a loop changes them
		return v.BPos
	}
	return ir.Pos{}
}

// refBase returns the address that r.Off counts from, where r is present.
func (lw *lowerer) refBase(r Ref) *ir.Value {
	switch {
	case r.Slot != nil:
		return lw.b.SlotAddr(r.Slot)
	case r.Global != nil:
		return lw.b.GlobalAddr(r.Global)
	case r.Present != nil:
		return lw.b.NonNull(r.Addr)
	}
	return r.Addr
}

// address returns an address and the constant distance of r from it. It holds
// where r is there only: see within.
func (lw *lowerer) address(r Ref) (p *ir.Value, off int64) {
	p = lw.refBase(r)
	if r.view != nil && len(r.view.steps) > 0 {
		p = lw.b.PtrAdd(p, lw.coreOf(r, ir.CoreByteOffset))
	}
	var sum *ir.Value
	for x := r.Index; x != nil; x = x.up {
		n := lw.b.OpBits(ir.OpBound, x.count-1, x.i)
		if x.scale != 1 {
			n = lw.b.Op(ir.OpMul, n, lw.b.Const(x.scale))
		}
		if sum != nil {
			n = lw.b.Op(ir.OpAdd, sum, n)
		}
		sum = n
	}
	switch {
	case sum == nil:
	case r.Region == ir.RegionPacket: // an offset, not an address
		p = lw.b.Op(ir.OpAdd, p, sum)
	default:
		p = lw.b.PtrAdd(p, sum)
	}
	return p, r.Off
}

// addrOf returns the address of r, which must be there: what a helper is
// handed.
func (lw *lowerer) addrOf(r Ref) *ir.Value {
	if r.Region == ir.RegionPacket { // which has no address yet: a copy has
		n := rangeNode(lw.b.Pos, lw)
		if out, ok := lw.rawObject(n, r.Type, "packet"); ok {
			lw.copyBytes(out, r, int64(r.size()))
			return lw.addrOf(out)
		}
		return lw.b.Null()
	}
	p, off := lw.address(r)
	if off != 0 {
		p = lw.b.PtrAdd(p, lw.b.Const(off))
	}
	return p
}

// tests are the conditions under which r is there.
func (r Ref) tests() []*ir.Value {
	var list []*ir.Value
	for x := r.Index; x != nil; x = x.up {
		if x.ok != nil {
			list = append(list, x.ok)
		}
	}
	if r.Present != nil {
		list = append(list, r.Present)
	}
	return list
}

// nothing is what is done where a place is not there.
func nothing() Value { return Nil }

// within runs there where r is, and elsewhere where it is not, and joins their
// results. there is given r as it is known by then: it may run several times,
// for each element that an index may name (elements). What it is given can be
// read by loads.
func (lw *lowerer) within(r Ref, there func(Ref) Value, elsewhere func() Value) Value {
	if r.view != nil {
		return lw.reach(r, func(r Ref) Value { return there(lw.atHand(r)) }, elsewhere)
	}
	return lw.reach(r, there, elsewhere)
}

// reach is within for what needs r's address only.
func (lw *lowerer) reach(r Ref, there func(Ref) Value, elsewhere func() Value) Value {
	mark := lw.mark()
	var ends []edge
	tests := r.tests()
	for i := len(tests) - 1; i >= 0; i-- {
		yes, no := lw.branch(tests[i], mark)
		if no.block != nil {
			lw.open(no)
			ends = append(ends, lw.leave(mark, elsewhere()))
		}
		if yes.block == nil {
			lw.b.Block = nil
			break
		}
		lw.open(yes)
	}
	if lw.b.Block != nil {
		v := lw.elements(r, there)
		if lw.b.Block != nil {
			ends = append(ends, lw.leave(mark, v))
		}
	}
	return lw.joined(ends)
}

// An array on the stack is accessed at an index known only at run time in one of
// two ways. Kernels from 5.12 on follow such an address if they trust who loads
// the program (CAP_PERFMON). Others want constant places: the element is found by
// bisection. In a loop that costs the verifier too much, which looks at every
// order in which elements may have been written.
const (
	fewChoices = 8  // elements told apart by comparisons, outside of loops
	maxChoices = 32 // where there is no other way
)

// varStack is the first kernel that allows the stack at a variable offset.
var varStack = kernel.Version{Major: 5, Minor: 12}

// elements runs there for r, whose indices are in range: on the stack with an
// index that is a constant on each path, if need be.
func (lw *lowerer) elements(r Ref, there func(Ref) Value) Value {
	if r.Index == nil || r.Region != ir.RegionStack {
		return there(r)
	}
	n := int64(1)
	for x := r.Index; x != nil; x = x.up {
		n *= x.most() + 1
	}
	old := lw.opts.Kernel.Before(varStack)
	switch {
	case old && n > maxChoices:
		lw.errorf(rangeNode(lw.b.Pos, lw), diag.NeedsNewerKernel,
			"an index into an array on the stack that is known only at run time needs Linux 5.12, or an array of %d elements at most; use an array map", maxChoices)
		return there(r)
	case !old && (n > fewChoices || len(lw.building) > 0):
		return there(r)
	}
	x := r.Index
	r.Index = x.up
	return lw.bisect(r, x, 0, x.most(), there)
}

// bisect runs there for the elements lo to hi of r by the index x.
func (lw *lowerer) bisect(r Ref, x *term, lo, hi int64, there func(Ref) Value) Value {
	if lo == hi {
		r.Off += lo * x.scale
		r.Lo, r.Hi = r.Lo+lo*x.scale, r.Hi+lo*x.scale
		return lw.elements(r, there)
	}
	mid := (lo + hi + 1) / 2
	mark := lw.mark()
	low, high := lw.branch(lw.b.Op(ir.OpULt, x.i, lw.b.Const(mid)), mark)
	var ends []edge
	for _, half := range []struct {
		e      edge
		lo, hi int64
	}{{low, lo, mid - 1}, {high, mid, hi}} {
		if half.e.block == nil {
			continue
		}
		lw.open(half.e)
		v := lw.bisect(r, x, half.lo, half.hi, there)
		if lw.b.Block != nil {
			ends = append(ends, lw.leave(mark, v))
		}
	}
	return lw.joined(ends)
}

// most is the largest index within range.
func (x *term) most() int64 {
	if n, ok := ir.EvidentMax(x.i); ok && n < uint64(x.count) {
		return int64(n)
	}
	return x.count - 1
}

// describeRef names what r refers to.
func describeRef(r Ref) string {
	switch {
	case r.inner != nil:
		return "a map"
	case r.isVariable():
		return "the variable '" + r.Global.Name + "' (its value is " + r.Global.Name + "[0])"
	case r.Pointer:
		return "a pointer to '" + ctype.Name(r.Type) + "'"
	case r.isArray():
		return "an array"
	}
	return "a '" + ctype.Name(r.Type) + "'"
}

// refOf returns the place that o[key] or o.key is.
func (lw *lowerer) refOf(e *syntax.Index, o Ref, key Value) Value {
	if truth, known := lw.knownPresent(o); known && !truth {
		return Nil
	}
	if o.inner != nil {
		return lw.innerPlace(e, o, key)
	}
	if name, ok := stringConst(key); ok {
		return lw.refMember(e, o, name)
	}
	return lw.refIndex(e, o, e.Key, key)
}

// loadOf reads a place; what is no place stays what it is.
func (lw *lowerer) loadOf(n syntax.Node, v Value) Value {
	if r, ok := v.(Ref); ok {
		return lw.loadRef(n, r)
	}
	return v
}

// knownPresent returns what the path knows of whether r is there.
func (lw *lowerer) knownPresent(r Ref) (truth, known bool) {
	if r.Present == nil || r.Sure {
		return true, true
	}
	return lw.known(r.Present)
}

// placeOf evaluates an expression that may be a place: what may stand left of
// '='. A member or element is not read.
func (lw *lowerer) placeOf(e syntax.Expr) Value {
	switch e := e.(type) {
	case *syntax.Paren:
		return lw.placeOf(e.X)
	case *syntax.Index:
		obj := lw.resolve(lw.expr(e.Obj))
		if lw.b.Block == nil {
			return Bad{}
		}
		r, ok := obj.(Ref)
		if !ok {
			return lw.indexOf(e, obj)
		}
		key := lw.expr(e.Key)
		if lw.b.Block == nil {
			return Bad{}
		}
		lw.at(e)
		return lw.refOf(e, r, key)
	}
	return lw.expr(e)
}
