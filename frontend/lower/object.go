package lower

import (
	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// Objects on the stack, and copies between places.

// maxObject is the largest object that the stack can hold; larger ones are in
// scratch memory.
const maxObject = 512

// newObject makes an object of type t on the stack, zero-filled.
func (lw *lowerer) newObject(n syntax.Node, t ctype.Type, name string) (Ref, bool) {
	r, ok := lw.rawObject(n, t, name)
	if ok {
		lw.zero(r, 0, int64(r.size()))
	}
	return r, ok
}

// rawObject is newObject for an object all of which is written next.
func (lw *lowerer) rawObject(n syntax.Node, t ctype.Type, name string) (Ref, bool) {
	size := ctype.Size(t)
	if size <= 0 {
		lw.errorf(n, diag.UnsupportedType, "'%s' has no size: there are no objects of it", ctype.Name(t))
		return Ref{}, false
	}
	if lw.inScratch(size) {
		return lw.scratchObject(n, t, size)
	}
	s := lw.b.Func.NewSlot(size, name, lw.b.Pos)
	return Ref{Slot: s, Type: t, Region: ir.RegionStack, Hi: int64(size), fresh: true}, true
}

// slotRef returns the object of type t that a slot is.
func slotRef(s *ir.Slot, t ctype.Type) Ref {
	return Ref{Slot: s, Type: t, Region: ir.RegionStack, Hi: int64(s.Size), fresh: true}
}

// zero fills the bytes from lo up to hi of r, which is there, with zeros.
func (lw *lowerer) zero(r Ref, lo, hi int64) {
	p, off := lw.address(r)
	if r.looped(hi - lo) {
		lo += lw.chunks(hi-lo, []*ir.Value{p}, func(p []*ir.Value) {
			for at := range chunk / 8 {
				lw.b.Store(p[0], lw.b.Const(0), ir.Mem{Region: r.Region, Off: int32(off+lo) + int32(8*at), Size: 8})
			}
		})
	}
	for lo < hi {
		size := r.unit(lo, hi)
		lw.storeMem(p, lw.b.Const(0), ir.Mem{Region: r.Region, Off: int32(off + lo), Size: int32(size)})
		lo += int64(size)
	}
}

// unit returns how many of r's bytes from lo up to hi one access may have.
func (r Ref) unit(lo, hi int64) int {
	size := r.alignment(lo)
	for int64(size) > hi-lo {
		size /= 2
	}
	return size
}

// copyBytes copies n bytes from src to dst, both of which are there.
func (lw *lowerer) copyBytes(dst, src Ref, n int64) {
	dp, doff := lw.address(dst)
	sp, soff := lw.address(src)
	at := int64(0)
	if dst.looped(n) && src.looped(n) {
		at = lw.chunks(n, []*ir.Value{dp, sp}, func(p []*ir.Value) {
			for at := range chunk / 8 {
				x := lw.b.Load(ir.I64, p[1], ir.Mem{Region: src.Region, Off: int32(soff) + int32(8*at), Size: 8})
				lw.b.Store(p[0], x, ir.Mem{Region: dst.Region, Off: int32(doff) + int32(8*at), Size: 8})
			}
		})
	}
	for at < n {
		size := min(dst.unit(at, n), src.unit(at, n))
		x := lw.loadMem(sp, ir.Mem{Region: src.Region, Off: int32(soff + at), Size: int32(size)})
		lw.storeMem(dp, x, ir.Mem{Region: dst.Region, Off: int32(doff + at), Size: int32(size)})
		at += int64(size)
	}
}

// copyRef copies the object src to dst, of the same size: zeros where src is
// not there.
func (lw *lowerer) copyRef(n syntax.Node, dst, src Ref) {
	if !lw.live(n, src) || lw.wholeOpaque(n, src) {
		return
	}
	size := int64(dst.size())
	lw.within(dst, func(dst Ref) Value {
		if src.view != nil && !lw.loadable(src) {
			return lw.reach(src, func(src Ref) Value {
				lw.fetch(n, lw.addrOf(dst), size, src)
				return Nil
			}, func() Value {
				lw.zero(dst, 0, size)
				return Nil
			})
		}
		return lw.within(src, func(src Ref) Value {
			lw.copyBytes(dst, src, size)
			return Nil
		}, func() Value {
			lw.zero(dst, 0, size)
			return Nil
		})
	}, nothing)
}

// hold is what a variable keeps of a value: an entry's number is read later,
// an array is copied unless it is new, a struct is referred to.
func (lw *lowerer) hold(v Value) Value {
	switch v := v.(type) {
	case *Table:
		v.names++
	case *Entry:
		lw.postpone(v)
	case Bytes:
		return lw.keepSlice(v)
	case Ref:
		if !v.isArray() || v.entry {
			return v
		}
		if !v.fresh {
			w, ok := lw.keep(rangeNode(lw.b.Pos, lw), v)
			if !ok {
				return Bad{}
			}
			v = w
		}
		v.fresh, v.owned = false, true
		return v
	}
	return v
}

// keep copies an array to the stack.
func (lw *lowerer) keep(n syntax.Node, r Ref) (Ref, bool) {
	if (r.Slot != nil || r.scratch) && r.fresh {
		return r, true
	}
	out, ok := lw.rawObject(n, r.Type, "copy of an array")
	if !ok {
		return Ref{}, false
	}
	lw.copyRef(n, out, r)
	if !r.Sure {
		out.Present = r.Present
	}
	return out, true
}

// holdArg is hold for a parameter of an inlined function: it names the array
// that it is handed.
func (lw *lowerer) holdArg(v Value) Value {
	if r, ok := v.(Ref); ok {
		r.owned = false
		return r
	}
	return lw.hold(v)
}

// pinBytes copies an array so that nothing that follows changes it.
func (lw *lowerer) pinBytes(n syntax.Node, v Value) Value {
	if b, ok := v.(Bytes); ok {
		return lw.keepSlice(b)
	}
	r, ok := v.(Ref)
	if !ok || !r.isArray() || r.entry {
		return v
	}
	if r, ok = lw.keep(n, r); !ok {
		return Bad{}
	}
	return r
}

// assignArray assigns v to a variable that owns an array: a copy, if v is bytes.
// It returns false if the variable is to hold v instead.
func (lw *lowerer) assignArray(n syntax.Node, c *cell, v Value) bool {
	own, ok := c.val.(Ref)
	if !ok || !own.owned || own.Present != nil {
		return false
	}
	if r, ok := v.(Ref); ok && (!r.isArray() || r.size() != own.size() || r.Present != nil && !r.Sure) {
		return false
	}
	switch v.(type) {
	case Ref, Bytes:
	default:
		return false
	}
	if b, ok := v.(Bytes); ok && b.Len != own.size() {
		return false
	}
	lw.storeInit(n, own, v)
	return true
}
