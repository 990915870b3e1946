package lower

import (
	"github.com/cilium/ebpf/btf"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// Elements of arrays, pointers within objects, slices.
//
// An index that is known is checked when compiling. One known at run time is
// compared with the number of elements, unless its range is evident, and the
// comparison becomes one of the place's tests. The address gets a bound of its
// own besides (Ref.address): it is for the kernel's verifier.

// refIndex returns element key of r: of an array, or behind a pointer.
func (lw *lowerer) refIndex(n syntax.Node, r Ref, keyNode syntax.Node, key Value) Value {
	i, ok := lw.intOf(keyNode, key, "an index")
	if !ok {
		return Bad{}
	}
	lw.at(n)
	if r.view != nil {
		return lw.viewIndex(n, keyNode, r, i)
	}
	if r.Pointer {
		return lw.behind(n, keyNode, r, i, false)
	}
	a, ok := arrayOf(r.Type)
	if !ok {
		return lw.errorf(n, diag.NotATable, "%s has no elements", describe(r))
	}
	if c, known := i.V.IsConst(); known {
		if c < 0 || c >= int64(a.Nelems) {
			return lw.errorf(keyNode, diag.OutOfRange, "this array has the elements 0 to %d", int64(a.Nelems)-1)
		}
		return r.element(a, c)
	}
	out := r.element(a, 0)
	out.Index = lw.indexed(r.Index, i, int64(ctype.Size(a.Type)), int64(a.Nelems))
	return out
}

// indexed adds a run-time index to a place.
func (lw *lowerer) indexed(up *term, i Int, scale, count int64) *term {
	x := &term{up: up, i: i.V, scale: scale, count: count}
	if most, ok := ir.EvidentMax(i.V); !ok || most >= uint64(count) {
		x.ok = lw.b.Op(ir.OpULt, i.V, lw.b.Const(count))
	}
	return x
}

// behind returns p[i] of a pointer, or p + i if pointer is set. It stays within
// the object that p points into.
func (lw *lowerer) behind(n, keyNode syntax.Node, p Ref, i Int, pointer bool) Value {
	if p.view != nil {
		v := lw.viewMoved(n, lw.opened(p), i)
		if r, ok := v.(Ref); ok {
			r.Pointer = pointer
			return r
		}
		return v
	}
	size := int64(p.size())
	if size <= 0 {
		return lw.errorf(n, diag.NotATable, "%s has no elements", describe(p))
	}
	out := p.part()
	out.Pointer = pointer
	if c, known := i.V.IsConst(); known {
		out.Off += c * size
		end := out.Off + size
		if pointer { // one behind the last may be pointed at
			end = out.Off
		}
		if p.Index == nil && (c > 1<<30 || c < -1<<30 || out.Off < p.Lo || end > p.Hi) {
			return lw.errorf(keyNode, diag.OutOfRange, "%d is outside of the object, in which there are the elements %d to %d from here",
				c, -(p.Off-p.Lo)/size, (p.Hi-p.Off)/size-1)
		}
		if p.Index != nil {
			return lw.moved(n, p, out, lw.b.Const(c), size)
		}
		return lw.element(out)
	}
	return lw.moved(n, p, out, i.V, size)
}

// moved is behind for an index that is not known, or on top of one. The index
// counts from the first element within the object, so that one test does.
func (lw *lowerer) moved(n syntax.Node, p, out Ref, i *ir.Value, size int64) Value {
	first := p.Lo + (p.Off-p.Lo)%size
	if p.Off > first {
		i = lw.b.Op(ir.OpAdd, i, lw.b.Const((p.Off-first)/size))
	}
	up := p.Index
	if up != nil && up.scale == size && p.moved {
		i = lw.b.Op(ir.OpAdd, i, up.i)
		up = up.up
	}
	count := (p.Hi - first) / size
	if count <= 0 {
		return lw.errorf(n, diag.OutOfRange, "there is no room for a '%s' in the object", ctype.Name(p.Type))
	}
	out.Off = first
	out.Index = lw.indexed(up, Int{V: i}, size, count)
	out.moved = true
	return lw.element(out)
}

// element gives what an element refers to its extent: the element itself.
func (lw *lowerer) element(r Ref) Ref {
	if !r.Pointer && isAggregate(r.Type) {
		r.Lo, r.Hi = r.Off, r.Off+int64(r.size())
		r.moved = false
	}
	return r
}

// asPointer returns r as a pointer: an array as one to its first element.
func (r Ref) asPointer() Ref {
	if r.Pointer {
		return r
	}
	if a, ok := arrayOf(r.Type); ok {
		r.Type = a.Type
	}
	r = r.part()
	r.Pointer = true
	return r
}

// refArith evaluates p + n, n + p, p - n and p - q of pointers and arrays.
func (lw *lowerer) refArith(e *syntax.Binary, l, r Value) (Value, bool) {
	l, r = lw.resolve(l), lw.resolve(r)
	lp, lok := l.(Ref)
	rp, rok := r.(Ref)
	switch {
	case !lok && !rok:
		return nil, false
	case lok && rok && e.Op == syntax.OpSub:
		return lw.refDistance(e, lp.asPointer(), rp.asPointer()), true
	case lok && !rok && (e.Op == syntax.OpAdd || e.Op == syntax.OpSub):
		n, ok := lw.intOf(e.R, r, "pointer arithmetic")
		if !ok {
			return Bad{}, true
		}
		if e.Op == syntax.OpSub {
			n = Int{V: lw.b.Op(ir.OpNeg, n.V)}
		}
		return lw.behind(e, e.R, lp.asPointer(), n, true), true
	case rok && !lok && e.Op == syntax.OpAdd:
		n, ok := lw.intOf(e.L, l, "pointer arithmetic")
		if !ok {
			return Bad{}, true
		}
		return lw.behind(e, e.L, rp.asPointer(), n, true), true
	}
	return lw.errorf(e, diag.NotANumber, "%s has no arithmetic but '+ n', '- n' and the difference of two pointers into one object", describe(pick(lok, l, r))), true
}

func pick(first bool, a, b Value) Value {
	if first {
		return a
	}
	return b
}

// refDistance returns p - q in elements.
func (lw *lowerer) refDistance(e *syntax.Binary, p, q Ref) Value {
	size := int64(p.size())
	if p.Slot != q.Slot || p.Global != q.Global || p.Addr != q.Addr || !sameType(p.Type, q.Type) || size <= 0 {
		return lw.errorf(e, diag.NotANumber, "these pointers are not into one object: they have no difference")
	}
	d := lw.b.Op(ir.OpSub, lw.distanceOf(p), lw.distanceOf(q))
	if size > 1 {
		d = lw.b.Op(ir.OpSDiv, d, lw.b.Const(size))
	}
	return Int{V: d}
}

// distanceOf returns how far r is from its base.
func (lw *lowerer) distanceOf(r Ref) *ir.Value {
	sum := lw.b.Const(r.Off)
	for x := r.Index; x != nil; x = x.up {
		sum = lw.b.Op(ir.OpAdd, sum, lw.b.Op(ir.OpMul, x.i, lw.b.Const(x.scale)))
	}
	return sum
}

// refSlice evaluates a(i, j) of an array of bytes: the bytes i to j-1.
func (lw *lowerer) refSlice(e *syntax.Call, r Ref) Value {
	a, ok := arrayOf(r.Type)
	if !ok || r.Pointer || ctype.Size(a.Type) != 1 {
		return lw.errorf(e.Fn, diag.NotAFunction, "%s is not a function, and has no bytes to slice", describe(r))
	}
	if len(e.Args) != 2 {
		return lw.errorf(e, diag.WrongArguments, "a slice is a(i, j): the bytes i to j-1")
	}
	from, ok1 := lw.intOf(e.Args[0], lw.expr(e.Args[0]), "a slice")
	to, ok2 := lw.intOf(e.Args[1], lw.expr(e.Args[1]), "a slice")
	if !ok1 || !ok2 || lw.b.Block == nil {
		return Bad{}
	}
	lw.at(e)
	length, ok := lw.constDistance(from.V, to.V)
	if !ok {
		return lw.errorf(e, diag.NeedsConstant, "the length of a slice must be known when compiling: write a(i, i + 4)")
	}
	if length <= 0 || length > int64(a.Nelems) {
		return lw.errorf(e, diag.OutOfRange, "a slice of %d bytes of an array of %d is not possible", length, a.Nelems)
	}
	out := r.part()
	out.Type = &btf.Array{Index: a.Index, Type: a.Type, Nelems: uint32(length)}
	out.exact = true
	if c, known := from.V.IsConst(); known {
		if c < 0 || c+length > int64(a.Nelems) {
			return lw.errorf(e, diag.OutOfRange, "this array has %d bytes; the slice ends at %d", a.Nelems, c+length)
		}
		out.Off += c
	} else {
		out.Index = lw.indexed(r.Index, from, 1, int64(a.Nelems)-length+1)
	}
	out.Lo, out.Hi = out.Off, out.Off+length
	return out
}
