package opt

import (
	"slices"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Addresses of map values in the frames of callbacks.
//
// An address that a loop uses is stored in the frame by the caller, once, and loaded
// by the callback (loopextract.go). Where it may be null the callback tests it, each
// time that it runs: from the second time on the verifier knows the outcome, if not
// by a test that the caller has made.
//
// Method: a field of a frame that addresses are stored in is to webs what a phi is,
// whose arguments are what is stored, and the loads of the field in callbacks are the
// phi. It does not matter which loop of the function a store is for: where two have
// use of the same field, their webs are one. The number that says whether there is an
// address travels in a field of its own, behind the others. A field that a callback
// stores an address in, too, spoils the webs: what is on the stack of a function can't
// be stored by what it calls. So does one that the constant is stored in.

// frameField is a field of a frame that holds an address.
type frameField struct {
	slot   *ir.Slot
	off    int64
	stores []*ir.Value // by the function that has the frame
	loads  []*ir.Value // by its callbacks
	bad    bool
	flag   int32 // offset of the field with the number, 0: nobody asks
}

// fieldKey names a field.
type fieldKey struct {
	slot *ir.Slot
	off  int64
}

// fieldFinder is the work of finding fields.
type fieldFinder struct {
	frame   map[*ir.Func]*ir.Slot // of each callback
	isFrame map[*ir.Slot]bool
	fields  map[fieldKey]*frameField
	order   []*frameField
	of      map[*ir.Value]*frameField
}

// frameFields returns the fields, and the field of each store and load.
func frameFields(m *ir.Module) ([]*frameField, map[*ir.Value]*frameField) {
	if !slices.ContainsFunc(m.Funcs, func(f *ir.Func) bool { return f.Callback != nil }) {
		return nil, nil
	}
	frames, ok := framesOf(m)
	if !ok {
		return nil, nil
	}
	x := &fieldFinder{frame: frames, isFrame: map[*ir.Slot]bool{}, fields: map[fieldKey]*frameField{}, of: map[*ir.Value]*frameField{}}
	for _, s := range frames {
		x.isFrame[s] = true
	}
	for _, f := range m.Funcs {
		for _, b := range f.Blocks {
			for _, v := range b.Values {
				if (v.Op == ir.OpLoad && v.Type == ir.Ptr || v.Op == ir.OpStore && v.Args[1].Type == ir.Ptr) && v.Mem().Region == ir.RegionStack {
					x.note(f, v)
				}
			}
		}
	}
	return x.order, x.of
}

// framesOf returns the slot that is the frame of each callback, and whether there is one
// for each.
func framesOf(m *ir.Module) (frame map[*ir.Func]*ir.Slot, ok bool) {
	frame = map[*ir.Func]*ir.Slot{}
	outer := map[*ir.Func]*ir.Func{} // whose own frame a callback is handed on
	for _, f := range m.Funcs {
		for _, b := range f.Blocks {
			for _, v := range b.Values {
				g, p := calledBack(v)
				if g == nil {
					continue
				}
				base, off := place(p)
				s, _ := base.Aux.(*ir.Slot)
				switch {
				case off == 0 && s != nil && outer[g] == nil && (frame[g] == nil || frame[g] == s):
					frame[g] = s
				case off == 0 && isFrame(f, base) && frame[g] == nil && (outer[g] == nil || outer[g] == f):
					outer[g] = f
				default:
					return nil, false
				}
			}
		}
	}
	for _, g := range m.Funcs {
		at := g
		for n := 0; outer[at] != nil && n < maxFrames; n++ {
			at = outer[at]
		}
		if g.Callback != nil && frame[at] != nil {
			frame[g] = frame[at]
		}
	}
	return frame, true
}

// isFrame reports whether v is the address of f's frame.
func isFrame(f *ir.Func, v *ir.Value) bool {
	return v.Op == ir.OpArg && f.Callback != nil && v.AuxInt == int64(f.Callback.Frame)
}

// calledBack returns the function that the helper called by v calls back, and the
// address of its frame; nil if there is none.
func calledBack(v *ir.Value) (g *ir.Func, frame *ir.Value) {
	if v.Op != ir.OpCall {
		return nil, nil
	}
	h := v.Aux.(*kernel.Helper)
	for i, a := range v.Args {
		if f, ok := a.Aux.(*ir.Func); ok && a.Op == ir.OpFuncRef && f.Callback != nil {
			g = f
		}
		if i < len(h.Args) && h.Args[i] == kernel.ArgFrame {
			frame = a
		}
	}
	if frame == nil || isZero(frame) {
		return nil, nil
	}
	return g, frame
}

// note puts v, which loads or stores an address, to its field.
func (x *fieldFinder) note(f *ir.Func, v *ir.Value) {
	base, off := place(v.Args[0])
	off += int64(v.Mem().Off)
	load := v.Op == ir.OpLoad
	switch {
	case base.Op == ir.OpSlotAddr && x.isFrame[base.Aux.(*ir.Slot)]:
		fl := x.at(base.Aux.(*ir.Slot), off, v)
		fl.bad = fl.bad || load
		if !load {
			fl.stores = append(fl.stores, v)
		}
	case isFrame(f, base) && x.frame[f] != nil:
		fl := x.at(x.frame[f], off, v)
		fl.bad = fl.bad || !load
		if load {
			fl.loads = append(fl.loads, v)
		}
	}
}

func (x *fieldFinder) at(s *ir.Slot, off int64, v *ir.Value) *frameField {
	k := fieldKey{s, off}
	if x.fields[k] == nil {
		x.fields[k] = &frameField{slot: s, off: off}
		x.order = append(x.order, x.fields[k])
	}
	x.of[v] = x.fields[k]
	return x.fields[k]
}

// stored notes that v stores what is off bytes behind the member base in the field fl,
// which is nil if it is none.
func (w *nullWeb) stored(fl *frameField, v, base *ir.Value, off int64) {
	if fl == nil || off != 0 {
		w.bad = true
		return
	}
	w.user(base, v.Block)
	w.crosses(fl)
}

func (w *nullWeb) crosses(fl *frameField) {
	if !slices.Contains(w.fields, fl) {
		w.fields = append(w.fields, fl)
	}
}
