package lower

import (
	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// Comparison of pointers. Those into one object compare by where they are in it;
// objects of the program's own that are not one are never the same. Structs do not
// compare: whether their bytes or their places are meant is for the script to say.

// sameBase reports whether two places count from one address.
func sameBase(p, q Ref) bool { return p.Slot == q.Slot && p.Global == q.Global && p.Addr == q.Addr }

// own reports whether r is in an object that has no other name: on the stack, or
// a variable.
func (r Ref) own() bool { return r.Slot != nil || r.Global != nil }

// samePlace compares two pointers; ok is false if that is not possible.
func (lw *lowerer) samePlace(p, q Ref) (c *ir.Value, ok bool) {
	switch {
	case !p.Pointer || !q.Pointer || p.Present != nil || q.Present != nil:
		return nil, false
	case sameBase(p, q):
		return lw.b.Op(ir.OpEq, lw.distanceOf(p), lw.distanceOf(q)), true
	case p.own() && (q.own() || q.scratch || p.Region != q.Region) || q.own() && (p.scratch || p.Region != q.Region):
		return lw.b.Bool(false), true
	}
	return nil, false
}

// orderPlaces evaluates p < q and the like of pointers into one object; done is
// false if they are none.
func (lw *lowerer) orderPlaces(e *syntax.Binary, l, r Value) (v Value, done bool) {
	p, ok1 := l.(Ref)
	q, ok2 := r.(Ref)
	if !ok1 || !ok2 || !p.Pointer || !q.Pointer {
		return nil, false
	}
	if !sameBase(p, q) || p.Present != nil || q.Present != nil {
		return lw.errorf(e, diag.CantCompare, "these pointers are not into one object: they have no order"), true
	}
	x, y := lw.distanceOf(p), lw.distanceOf(q)
	switch e.Op {
	case syntax.OpLt:
		return lw.boolOf(lw.b.Op(ir.OpSLt, x, y)), true
	case syntax.OpLe:
		return lw.boolOf(lw.b.Op(ir.OpSLe, x, y)), true
	case syntax.OpGt:
		return lw.boolOf(lw.b.Op(ir.OpSLt, y, x)), true
	}
	return lw.boolOf(lw.b.Op(ir.OpSLe, y, x)), true
}

// enumerator returns v as what is stored to a t: the name of one of an enum's
// constants is that constant.
func (lw *lowerer) enumerator(t ctype.Type, v Value) Value {
	if s, ok := stringConst(v); ok {
		if bits, ok := ctype.EnumValue(t, s); ok {
			return Int{V: lw.b.Const(int64(bits))}
		}
	}
	return v
}
