package opt

import (
	"slices"

	"github.com/luabpfc/luabpfc/ir"
)

// standInMaker replaces webs. there and at are the two values for each member. The
// stand-ins of a function have one slot; those that are half a word (nullWeb.half) are
// the last four bytes of it.
type standInMaker struct {
	m         *ir.Module
	webs      []*nullWeb
	slots     map[*ir.Func]*ir.Slot
	half      map[*ir.Func]int64 // where those four bytes are, 0: nowhere
	renamed   map[*ir.Func]*rewriter
	there, at map[*ir.Value]*ir.Value
	missing   map[*ir.Value]*ir.Value // the opposite of there, where it is a number
	flags     map[*ir.Value]*ir.Value // what is there of members that are loads, as numbers
	entered   map[*ir.Value]bool      // members that are loads and may be addresses of more than half a word
}

func newStandInMaker(m *ir.Module, webs []*nullWeb) *standInMaker {
	return &standInMaker{m: m, webs: webs, slots: map[*ir.Func]*ir.Slot{}, half: map[*ir.Func]int64{}, renamed: map[*ir.Func]*rewriter{},
		there: map[*ir.Value]*ir.Value{}, at: map[*ir.Value]*ir.Value{}, missing: map[*ir.Value]*ir.Value{}, flags: map[*ir.Value]*ir.Value{}, entered: map[*ir.Value]bool{}}
}

func (x *standInMaker) run(c *Context) {
	count := x.newSlots()
	for _, w := range x.webs {
		x.replace(w)
	}
	for _, f := range x.m.Funcs {
		if x.renamed[f] != nil {
			x.renamed[f].apply(f)
		}
		if n := count[f]; n > 0 && n <= standInFold {
			foldBranches(c, f) // the tests right behind lookups go
		}
	}
	x.hideParts()
}

// newSlots makes the slots, and counts the webs that functions find null in.
func (x *standInMaker) newSlots() (count map[*ir.Func]int) {
	count = map[*ir.Func]int{}
	half := map[*ir.Func]bool{}
	for _, w := range x.webs {
		seen := map[*ir.Func]bool{}
		for _, v := range w.members {
			f := v.Block.Func
			if seen[f] || v.Op == ir.OpLoad || v.Op == ir.OpPhi && !slices.ContainsFunc(v.Args, isZero) {
				continue
			}
			seen[f] = true
			count[f]++
			if x.slots[f] == nil {
				x.slots[f] = f.NewSlot(0, "", f.Pos)
				x.slots[f].Align = 8
			}
			if w.half() {
				half[f] = true
			} else {
				x.slots[f].Size = max(x.slots[f].Size, int(w.size+7)&^7)
			}
		}
	}
	for f := range half {
		x.half[f] = int64(x.slots[f].Size) + 4
		x.slots[f].Size += 8
	}
	return count
}

func (x *standInMaker) replace(w *nullWeb) {
	for _, v := range w.members {
		switch v.Op {
		case ir.OpPhi:
			x.there[v] = v.Block.InsertValue(0, ir.OpPhi, ir.Bool, v.Pos)
			x.at[v] = v.Block.InsertValue(0, ir.OpPhi, ir.Ptr, v.Pos)
		case ir.OpLoad:
			x.at[v] = v
			x.entered[v] = !w.half()
		}
	}
	for _, v := range w.members {
		if v.Op == ir.OpCall {
			x.lookup(w, v)
		}
	}
	for _, fl := range w.fields {
		x.enter(w, fl)
	}
	for _, v := range w.members {
		if v.Op == ir.OpPhi {
			x.phi(w, v)
		}
	}
	for _, t := range w.tests {
		if v := nilTested(t); t.Op == ir.OpEq && x.missing[v] != nil {
			x.rename(t, x.missing[v])
		} else {
			isPresent(t, x.there[v])
		}
	}
	for _, fl := range w.fields {
		x.leave(fl)
	}
	for _, v := range w.members {
		x.rename(v, x.at[v])
	}
}

// rename makes what uses v use w.
func (x *standInMaker) rename(v, w *ir.Value) {
	f := v.Block.Func
	if x.renamed[f] == nil {
		x.renamed[f] = newRewriter(f)
	}
	if v != w {
		x.renamed[f].set(v, w)
	}
}

// lookup splits the paths behind the call v.
func (x *standInMaker) lookup(w *nullWeb, v *ir.Value) {
	b, pos, i := v.Block, v.Pos, indexOf(v.Block, v)
	call := b.InsertValue(i, ir.OpCall, ir.Ptr, pos, v.Args...)
	call.Aux, call.AuxInt = v.Aux, v.AuxInt
	yes, no, rest := splitOnNull(b, i)
	at := endOf(yes, pos)
	sure := at.op(ir.OpNonNull, ir.Ptr, call)
	one := newConst(yes, at.i, ir.Bool, 1, pos)
	zero, stand := x.standIn(w, no, pos)
	x.at[v] = rest.InsertValue(0, ir.OpPhi, ir.Ptr, pos, sure, stand)
	x.there[v] = rest.InsertValue(0, ir.OpPhi, ir.Bool, pos, one, zero)
	if w.twice { // a phi of its own lets the test behind the lookup go
		x.missing[v] = rest.InsertValue(0, ir.OpPhi, ir.Bool, pos, newConst(yes, at.i, ir.Bool, 0, pos), newConst(no, len(no.Values), ir.Bool, 1, pos))
	}
}

// phi fills in the phis for v.
func (x *standInMaker) phi(w *nullWeb, v *ir.Value) {
	for i, a := range v.Args {
		there, at := x.there[a], x.at[a]
		p := v.Block.Preds[i].B
		switch {
		case at != nil:
		case isZero(a):
			there, at = x.standIn(w, p, v.Pos)
		default:
			there, at = newConst(p, len(p.Values), ir.Bool, 1, v.Pos), a
		}
		x.there[v].AddArg(there)
		x.at[v].AddArg(at)
	}
}

// enter makes the callbacks that load the field load the number beside it, if they, or
// those that they call, ask for it.
func (x *standInMaker) enter(w *nullWeb, fl *frameField) {
	asks := func(v *ir.Value) bool { return w.enters(v.Block.Func) }
	if !slices.ContainsFunc(w.tests, asks) && !slices.ContainsFunc(w.members, func(v *ir.Value) bool { return v.Op == ir.OpPhi && asks(v) }) {
		return
	}
	if fl.flag == 0 {
		fl.flag = int32(fl.slot.Size+7) &^ 7
		fl.slot.Size = int(fl.flag) + 8
	}
	for _, l := range fl.loads {
		frame, _ := place(l.Args[0])
		at := &cursor{b: l.Block, i: indexOf(l.Block, l) + 1, pos: l.Pos}
		x.flags[l] = at.get(ir.I64, frame, fl.flag)
		x.there[l] = at.op(ir.OpNe, ir.Bool, x.flags[l], at.konst(0))
	}
}

// leave makes what stores an address in the field store the number beside it.
func (x *standInMaker) leave(fl *frameField) {
	if fl.flag == 0 {
		return
	}
	for _, s := range fl.stores {
		base, _ := place(s.Args[1])
		at := &cursor{b: s.Block, i: indexOf(s.Block, s) + 1, pos: s.Pos}
		flag := x.flags[base]
		switch {
		case flag != nil:
		case x.there[base] != nil:
			flag = x.there[base]
		default:
			flag = at.konst(1)
		}
		at.put(at.slot(fl.slot), fl.flag, flag, nil)
	}
}

// standIn makes the stand-in at the end of b, and the number that says that it is one.
func (x *standInMaker) standIn(w *nullWeb, b *ir.Block, pos ir.Pos) (there, at *ir.Value) {
	end := endOf(b, pos)
	at = end.slot(x.slots[b.Func])
	size := int32(8)
	if w.half() {
		at, size = end.op(ir.OpPtrAdd, ir.Ptr, at, end.konst(x.half[b.Func])), 4
	}
	var nothing *ir.Value
	for off := int64(0); off < w.size; off += 8 {
		if !w.read[off] {
			continue
		}
		if nothing == nil {
			nothing = end.konst(0)
		}
		s := end.op(ir.OpStore, ir.Void, at, nothing)
		s.Aux = &ir.Mem{Region: ir.RegionStack, Off: int32(off), Size: size}
	}
	there = end.op(ir.OpConst, ir.Bool)
	return there, at
}
