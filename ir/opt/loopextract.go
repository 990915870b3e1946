package opt

import (
	"slices"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Extraction of a loop into a callback.
//
// The blocks of the loop move into a function of their own. Control enters it
// at the header; a back edge returns 0 (call again), an exit notes its number
// in the frame and returns 1 (stop). What the two functions share travels in
// the frame, an object on the caller's stack:
//
//	context    its address, if the loop needs it
//	unknown    a number of which the verifier knows nothing
//	exit       0 while the loop goes on, else the number of the exit taken
//	slots      the caller's objects that the loop uses, but for those that only
//	           a trip uses (looplocal.go); they live here from the caller's
//	           beginning on
//	fields     8 bytes each: values computed outside and used inside, written
//	           once; values carried round (the header's phis); values computed
//	           inside and used behind the loop
//
// Constants, references to maps and functions, addresses in the frame and
// packet generations are made anew inside; a packet check made outside is made
// again, which can't fail. A packet read that leaves has the exit -1; after that, and
// when the loop ran out of calls, the caller leaves too. Loops of one function that
// do not contain each other share the frame, and the space of the fields.
//
// # What the verifier must not know
//
// Kernels before 6.8 verify a callback once, with the frame as it is at the
// call, and drop branches that this one run does not take; later ones run it
// until nothing new comes up, which constants in the frame prevent. So every
// number carried round is made opaque twice: what is stored before the call,
// and what the callback loads. A load from a shared slot that the loop writes
// is treated the same, in the callback and in the caller. Numbers that the loop
// does not change, and pointers, are true as they stand; but a pointer that
// changes from trip to trip can't be made opaque, and is an error where kernels
// before 6.8 must run it, if the loop looks at it.

// sharedFrame is the frame of a function's loops.
type sharedFrame struct {
	f       *ir.Func
	slot    *ir.Slot
	ctx     int32 // offset, or -1
	unknown int32
	exit    int32
	base    int32 // of fields
	size    int32
	moved   map[*ir.Slot]int32
	mutated map[*ir.Slot]bool
	local   map[*ir.NaturalLoop]map[*ir.Slot]bool // slots that become the callback's own
}

// extractAll moves the loops todo of one function into callbacks.
func (x *former) extractAll(n *nest, todo []*ir.NaturalLoop) {
	f := n.f
	fr := x.newFrame(f, todo)
	var calls []*ir.Block
	for _, l := range todo {
		e := &extraction{x: x, n: n, f: f, l: l, in: blockSet(l), fr: fr, next: fr.base, own: map[*ir.Slot]*ir.Slot{}}
		e.run()
		if x.failed {
			return
		}
		fr.size = max(fr.size, e.next)
		calls = append(calls, e.call)
		x.count("callback")
	}
	fr.slot.Size = int(fr.size)
	x.opaqueLoads(fr, calls)
	fr.moveSlots()
}

// newFrame lays out what all loops of f share.
func (x *former) newFrame(f *ir.Func, todo []*ir.NaturalLoop) *sharedFrame {
	fr := &sharedFrame{f: f, ctx: -1, moved: map[*ir.Slot]int32{}, mutated: map[*ir.Slot]bool{},
		local: map[*ir.NaturalLoop]map[*ir.Slot]bool{}}
	used := make([]bool, len(f.Slots))
	live := liveSlots(f)
	for _, l := range todo {
		fr.local[l] = live.localTo(l)
		for _, b := range l.Blocks {
			for _, v := range b.Values {
				if hasContext(f) && needsContext(f, v) {
					fr.ctx = 0
				}
				fr.noteSlots(v, used, fr.local[l])
				if v.Op == ir.OpCall && v.Aux.(*kernel.Helper).Name == "tail_call" {
					x.report(v.Pos, diag.BadTailCall, "this loop becomes a function that the kernel calls, where no other program can be called; leave the loop first")
				}
			}
		}
	}
	if fr.ctx == 0 {
		fr.unknown = 8
	}
	fr.exit = fr.unknown + 8
	fr.base = fr.exit + 8
	for _, s := range f.Slots {
		if used[s.ID] {
			fr.moved[s] = fr.base
			fr.base += int32(s.Size+7) &^ 7
		}
	}
	fr.size = fr.base
	fr.slot = f.NewSlot(int(fr.base), "", todo[0].Header.Pos)
	if f.Kind != nil || fr.ctx >= 0 {
		contextOf(f) // so that it is there, whatever is built where
	}
	return fr
}

// needsContext reports whether v needs the context.
func needsContext(f *ir.Func, v *ir.Value) bool {
	switch v.Op {
	case ir.OpPktGen, ir.OpPktLen, ir.OpPktCheck, ir.OpPktLoad, ir.OpPktStore:
		return true
	}
	for _, a := range v.Args {
		if isContext(f, a) || a.Op == ir.OpPktGen || a.Type == ir.Check {
			return true
		}
	}
	return false
}

// hasContext reports whether f knows the context's address.
func hasContext(f *ir.Func) bool {
	return f.Kind != nil || f.Callback != nil || f.Sub != nil && f.Sub.Ctx >= 0
}

// contextParam returns the parameter that is the context, -1 for none.
func contextParam(f *ir.Func) int {
	switch {
	case f.Kind != nil:
		return 0
	case f.Sub != nil:
		return f.Sub.Ctx
	}
	return -1
}

// isContext reports whether v is the context's address.
func isContext(f *ir.Func, v *ir.Value) bool {
	if p := contextParam(f); p >= 0 {
		return v.Op == ir.OpArg && v.AuxInt == int64(p)
	}
	cb := f.Callback
	return cb != nil && cb.Ctx >= 0 && v.Op == ir.OpLoad && v.Type == ir.Ptr &&
		v.Mem().Off == cb.Ctx && v.Args[0].Op == ir.OpArg && v.Args[0].AuxInt == int64(cb.Frame)
}

// noteSlots marks the slots that v, a value in a loop, can reach, and those it
// may change, but for the loop's own.
func (fr *sharedFrame) noteSlots(v *ir.Value, used []bool, local map[*ir.Slot]bool) {
	if s, ok := v.Aux.(*ir.Slot); ok && !local[s] {
		used[s.ID] = true
	}
	for i, a := range v.Args {
		if a.Type != ir.Ptr {
			continue
		}
		for _, s := range rootSlots(a) {
			if local[s] {
				continue
			}
			used[s.ID] = true
			if changes(v, i) {
				fr.mutated[s] = true
			}
		}
	}
}

// changes reports whether v may write to what its argument i points to, or
// keep the address where others do.
func changes(v *ir.Value, i int) bool {
	if v.Op.Info().Writes {
		return true
	}
	switch v.Op {
	case ir.OpCallFunc:
		return true
	case ir.OpCall:
		h := v.Aux.(*kernel.Helper)
		return i >= len(h.Args) || h.Args[i].Info().Writes
	}
	return false
}

// rootSlots returns the slots that address p may point into.
func rootSlots(p *ir.Value) []*ir.Slot {
	var slots []*ir.Slot
	seen := map[*ir.Value]bool{}
	work := []*ir.Value{p}
	for len(work) > 0 {
		v := work[len(work)-1]
		work = work[:len(work)-1]
		if seen[v] {
			continue
		}
		seen[v] = true
		switch v.Op {
		case ir.OpSlotAddr:
			slots = append(slots, v.Aux.(*ir.Slot))
		case ir.OpPtrAdd, ir.OpNonNull, ir.OpCopy:
			work = append(work, v.Args[0])
		case ir.OpPhi:
			work = append(work, v.Args...)
		}
	}
	return slots
}

// mutable reports whether v loads a number from a shared slot that a loop
// writes.
func (fr *sharedFrame) mutable(v *ir.Value) bool {
	if v.Op != ir.OpLoad || v.Type != ir.I64 || v.Mem().Region != ir.RegionStack {
		return false
	}
	for _, s := range rootSlots(v.Args[0]) {
		if fr.mutated[s] {
			return true
		}
	}
	return false
}

// opaqueLoads makes the caller's loads of slots that a loop has written opaque.
func (x *former) opaqueLoads(fr *sharedFrame, calls []*ir.Block) {
	if len(fr.mutated) == 0 {
		return
	}
	r := newRewriter(fr.f)
	behind, _ := reachableFrom(fr.f, calls...)
	for _, b := range behind {
		for i := 0; i < len(b.Values); i++ {
			v := b.Values[i]
			if !fr.mutable(v) {
				continue
			}
			w := b.InsertValue(i, ir.OpLoad, ir.I64, v.Pos, v.Args[0])
			w.Aux = v.Aux
			at := &cursor{b: b, i: i + 1, pos: v.Pos}
			u := x.number(at)
			r.set(v, at.op(ir.OpOpaque, ir.I64, w, u))
			i = at.i // v itself
		}
	}
	r.apply(fr.f)
}

// moveSlots makes the addresses of moved slots places in the frame.
func (fr *sharedFrame) moveSlots() {
	f := fr.f
	for _, b := range f.Blocks {
		for i := 0; i < len(b.Values); i++ {
			v := b.Values[i]
			s, ok := v.Aux.(*ir.Slot)
			if !ok {
				continue
			}
			off, ok := fr.moved[s]
			if !ok {
				continue
			}
			at := &cursor{b: b, i: i, pos: v.Pos}
			base, k := at.slot(fr.slot), at.konst(int64(off))
			i = at.i
			v.Reset(ir.OpPtrAdd)
			v.AddArg(base)
			v.AddArg(k)
		}
	}
	kept := f.Slots[:0]
	for _, s := range f.Slots {
		if _, ok := fr.moved[s]; !ok {
			s.ID = len(kept)
			kept = append(kept, s)
		}
	}
	f.Slots = kept
}

// number returns a number that the verifier knows nothing of, nor comes to know
// anything of: a volatile load is not one of the script, which may compare what
// it has loaded from the same place with a constant.
func (x *former) number(at *cursor) *ir.Value {
	f := at.b.Func
	if u := x.unknown[f]; u != nil {
		return u
	}
	if k := f.Prog(); k != nil && contextParam(f) >= 0 {
		for i := range k.Ctx.Fields {
			c := &k.Ctx.Fields[i]
			if c.Kind != kernel.Scalar || c.Size != 4 || c.Len != 0 || !c.Readable(k) {
				continue
			}
			// 32 unknown bits; twice, for the upper half.
			lo := at.op(ir.OpVolatileLoad, ir.I64, contextOf(f))
			lo.Aux = &ir.Mem{Region: ir.RegionCtx, Off: c.Off, Size: 4}
			return at.op(ir.OpOr, ir.I64, lo, at.op(ir.OpShl, ir.I64, lo, at.konst(32)))
		}
	}
	u := at.call(ir.I64, kernel.HelperByName("get_prandom_u32"))
	return u
}

// contextOf returns the context's address, a value of the entry in front of
// all that may need it.
func contextOf(f *ir.Func) *ir.Value {
	entry := f.Entry()
	if p := contextParam(f); p >= 0 {
		for _, v := range entry.Values {
			if isContext(f, v) {
				return v
			}
		}
		v := entry.InsertValue(0, ir.OpArg, ir.Ptr, f.Pos)
		v.AuxInt = int64(p)
		return v
	}
	fp := frameParam(f)
	at := slices.Index(entry.Values, fp) + 1
	for i, v := range entry.Values {
		if isContext(f, v) {
			entry.Values = slices.Insert(slices.Delete(entry.Values, i, i+1), at, v)
			return v
		}
	}
	v := entry.InsertValue(at, ir.OpLoad, ir.Ptr, f.Pos, fp)
	v.Aux = &ir.Mem{Region: ir.RegionStack, Off: f.Callback.Ctx, Size: 8}
	return v
}

// frameParam returns a callback's frame parameter, a value of its entry.
func frameParam(f *ir.Func) *ir.Value {
	entry := f.Entry()
	for _, v := range entry.Values {
		if v.Op == ir.OpArg && v.AuxInt == int64(f.Callback.Frame) {
			return v
		}
	}
	v := entry.InsertValue(0, ir.OpArg, ir.Ptr, f.Pos)
	v.AuxInt = int64(f.Callback.Frame)
	return v
}
