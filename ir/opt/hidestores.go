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
// What hides is OpOpaque: a number without bounds is bytes. Constants that are stored as
// immediates are registers at the beginning of eight bytes only, and 0 is none; OpHide
// does for them, since kernels before 6.8 alone keep them so. The pass comes last: what
// stores gave, loads have been found to give by then.
//
// An object may be a piece of a loop's frame, which its callback, or a subprogram,
// has the address of: what is written there counts for the caller's stores, too.

// stretch is bytes of an object: lo to hi.
type stretch struct{ lo, hi int64 }

// whole is as much as the stack has.
var whole = stretch{0, 1 << 10}

// stretches are the bytes that accesses reach at variable offsets, by object: a
// slot, or the index of an argument.
type stretches map[any][]stretch

// hider is the pass at work. written and read are the accesses of f; those of
// functions that are called, by way of their arguments, are in callees.
type hider struct {
	f       *ir.Func
	written stretches
	read    map[any]bool
	callees map[*ir.Func]stretches
}

// hideStores is the pass "hidestores".
func hideStores(c *Context, f *ir.Func) {
	h := &hider{f: f, callees: map[*ir.Func]stretches{}}
	h.written, h.read = h.accesses(f)
	if len(h.written) == 0 {
		return
	}
	var unknown *ir.Value
	for _, b := range f.Blocks {
		for i := 0; i < len(b.Values); i++ {
			v := b.Values[i]
			if v.Op != ir.OpStore || v.Mem().Region != ir.RegionStack || !spilled(v) || !h.beside(v) || !c.Change("hide") {
				continue
			}
			if immediate(v.Args[1]) {
				v.SetArg(1, b.InsertValue(i, ir.OpHide, ir.I64, v.Pos, v.Args[1]))
				i++
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

// beside reports whether the store v is in an eight-byte place of the stack that
// a variable offset may write, of an object that is read.
func (h *hider) beside(v *ir.Value) bool {
	base, off := place(v.Args[0])
	o := objectOf(base)
	if o == nil || !h.read[o] {
		return false
	}
	lo := off + int64(v.Mem().Off)
	hi := lo + int64(v.Mem().Size)
	for _, s := range h.written[o] {
		if lo < (s.hi+7)&^7 && s.lo&^7 < hi {
			return true
		}
	}
	return false
}

// objectOf is what the address base is of: a slot, the index of an argument, or nil.
func objectOf(base *ir.Value) any {
	switch base.Op {
	case ir.OpSlotAddr:
		return base.Aux.(*ir.Slot)
	case ir.OpArg:
		return base.AuxInt
	}
	return nil
}

// accesses returns what f, and what it calls, write at variable offsets, and which
// objects they read.
func (h *hider) accesses(f *ir.Func) (written stretches, read map[any]bool) {
	written, read = stretches{}, map[any]bool{}
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			switch m, ok := v.Aux.(*ir.Mem); {
			case v.Op == ir.OpCall || v.Op == ir.OpCallFunc:
				h.call(v, written, read)
			case !ok || m.Region != ir.RegionStack || len(v.Args) == 0:
			default:
				h.access(v, written, read)
			}
		}
	}
	return written, read
}

func (h *hider) access(v *ir.Value, written stretches, read map[any]bool) {
	base, _ := place(v.Args[0])
	fixed := base.Op != ir.OpPtrAdd && base.Op != ir.OpPhi
	mark := func(o any, s stretch) {
		if v.Op.Info().Writes && !fixed {
			written[o] = append(written[o], s)
		}
		read[o] = read[o] || v.Op == ir.OpLoad
	}
	for _, s := range rootSlots(v.Args[0]) {
		mark(s, whole)
	}
	if arg, s := argStretch(v); arg != nil {
		mark(arg.AuxInt, s)
	}
}

// argStretch returns the argument that the access v goes by, and the bytes that it
// may reach.
func argStretch(v *ir.Value) (arg *ir.Value, s stretch) {
	lo := int64(v.Mem().Off)
	over := int64(v.Mem().Size)
	p := v.Args[0]
	for {
		base, off := place(p)
		lo += off
		if base.Op == ir.OpArg {
			return base, stretch{lo, lo + over}
		}
		if base.Op != ir.OpPtrAdd {
			return nil, whole
		}
		most, ok := ir.EvidentMax(base.Args[1])
		if !ok || most > uint64(whole.hi) {
			most = uint64(whole.hi)
		}
		over += int64(most)
		p = base.Args[0]
	}
}

// call notes what the function that v calls, or has called back, does to objects
// whose addresses it is handed.
func (h *hider) call(v *ir.Value, written stretches, read map[any]bool) {
	g, _ := v.Aux.(*ir.Func)
	for _, a := range v.Args {
		if a.Op == ir.OpFuncRef {
			g = a.Aux.(*ir.Func)
		}
	}
	if g == nil {
		return
	}
	inside, ok := h.callees[g]
	if !ok {
		inside, _ = h.accesses(g)
		h.callees[g] = inside
	}
	for o, l := range inside {
		if _, arg := o.(int64); !arg {
			continue
		}
		for _, a := range v.Args {
			base, off := place(a)
			if o := objectOf(base); o != nil && a.Type == ir.Ptr {
				read[o] = true
				for _, s := range l {
					written[o] = append(written[o], stretch{s.lo + off, s.hi + off})
				}
			}
		}
	}
}

// spilled reports whether the verifier may keep the bounds of what v stores.
func spilled(v *ir.Value) bool {
	x := v.Args[1]
	if x.Type != ir.I64 || x.Op == ir.OpOpaque {
		return false
	}
	if !immediate(x) {
		return true
	}
	c, _ := x.IsConst()
	base, off := place(v.Args[0])
	s, _ := base.Aux.(*ir.Slot)
	return c != 0 && ((off+int64(v.Mem().Off))%8 == 0 || s != nil && s.Align < 8)
}

// immediate reports whether x is a constant that an instruction has room for.
func immediate(x *ir.Value) bool {
	c, ok := x.IsConst()
	return ok && int64(int32(c)) == c
}

// unknownNumber makes a number that the verifier knows nothing of, in front of
// all that may need it.
func unknownNumber(f *ir.Func) *ir.Value {
	x := &former{unknown: map[*ir.Func]*ir.Value{}}
	if contextParam(f) >= 0 {
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
