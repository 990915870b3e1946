package opt

import (
	"slices"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Stand-ins for addresses of map values that are null.
//
// Without CAP_PERFMON the verifier follows a branch whose outcome it knows the
// other way too, as the CPU may for a moment (Spectre v1). Behind a second test of
// the same address, where the first one found null, that way leads to an access
// through the number 0, and until 6.15 the program is refused for it; later
// kernels put a barrier there:
//
//	local a = h[1] or 3 ... return a + (h[1] or 3)   -- one lookup, tested twice
//
// So where what is null on some way is tested again, or is used where another
// condition than the test says that it is none, two values take its place: a number
// that says whether there is an address, and an address that can always be
// accessed. It is that of a few bytes of the stack where there is none, zeros as far
// as they may be read. Nothing ever is, but for a moment.
//
// What belongs together is a web: results of lookups, and phis that join them with
// each other, or null with addresses that are never null. It stays as it
// is if its tests are apart (none is made on a way from another one) and each access
// is behind one of them; or if an access is not within a fixed part of the value, for
// which the stack can't stand in.

// standInMost is the size of the largest stand-in. Where the stack overflows, there
// are none (Options.TightStack).
const standInMost = 128

// standInFold is how many webs of a function may be replaced for its branches to be
// folded then, which takes time for each that is in proportion to the function.
const standInFold = 24

// nullWeb is one web.
type nullWeb struct {
	members []*ir.Value
	tests   []*ir.Value
	users   []*ir.Block // where it is accessed
	null    bool        // joined with the constant
	bad     bool
	value   int64 // size of the largest value that a member is
	size    int64 // how much of it is accessed
	whole   bool  // all of it may be
	read    map[int64]bool
}

// standIns is the pass "standins".
func standIns(c *Context, f *ir.Func) {
	if k := f.Prog(); k == nil || k.Type.NeedsPerfmon() || c.Opts.TightStack {
		return
	}
	webs := nullWebs(f)
	if len(webs) == 0 {
		return
	}
	dom, cyclic := ir.Dominators(f), ir.Cyclic(f)
	var chosen []*nullWeb
	size := int64(0)
	most := int64(0)
	for _, w := range webs {
		most = max(most, w.value)
	}
	for _, w := range webs {
		if w.whole {
			if w.value == 0 { // of no lookup itself
				w.value = most
			}
			w.bad = w.bad || w.value == 0
			w.size = max(w.size, w.value)
			for i := int64(0); i < w.value; i += 8 {
				w.read[i] = true
			}
		}
		if w.bad || w.size == 0 || w.size > standInMost || w.apart(f, dom, cyclic) || !c.Change("standin") {
			continue
		}
		chosen = append(chosen, w)
		size = max(size, (w.size+7)&^7)
	}
	if len(chosen) == 0 {
		return
	}
	x := &standInMaker{f: f, slot: f.NewSlot(int(size), "", f.Pos), r: newRewriter(f), there: map[*ir.Value]*ir.Value{}, at: map[*ir.Value]*ir.Value{}}
	x.slot.Align = 8
	for _, w := range chosen {
		x.replace(w)
	}
	x.r.apply(f)
	if len(chosen) <= standInFold {
		foldBranches(c, f) // the tests right behind lookups go
	}
}

// nullWebs returns the webs of f, by their first members.
func nullWebs(f *ir.Func) []*nullWeb {
	of := map[*ir.Value]*nullWeb{}
	var webs []*nullWeb
	member := func(v *ir.Value) *nullWeb {
		w := &nullWeb{members: []*ir.Value{v}, read: map[int64]bool{}}
		of[v] = w
		webs = append(webs, w)
		return w
	}
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			switch m := lookedUp(v); {
			case m != nil:
				member(v).value = int64(m.ValueSize)
			case v.Op == ir.OpPhi && v.Type == ir.Ptr && slices.ContainsFunc(v.Args, isZero):
				member(v)
			}
		}
	}
	if len(webs) == 0 {
		return nil
	}
	for again := true; again; {
		again = false
		for _, b := range f.Blocks {
			for _, v := range b.Phis() {
				for _, a := range v.Args {
					base, _ := place(a)
					w, old := of[base], of[v]
					if w == nil || w == old {
						continue
					}
					again = true
					if old == nil {
						w.members, of[v] = append(w.members, v), w
						continue
					}
					for _, m := range old.members {
						of[m] = w
					}
					w.members, w.value = append(w.members, old.members...), max(w.value, old.value)
					old.members = nil
				}
			}
		}
	}
	kept := webs[:0]
	for _, w := range webs {
		if len(w.members) > 0 {
			kept = append(kept, w)
		}
	}
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			for i, a := range v.Args {
				if a.Type != ir.Ptr {
					continue
				}
				base, off := place(a)
				if w := of[base]; w != nil {
					w.use(v, i, base, off)
				} else if w := of[v]; w != nil && v.Op == ir.OpPhi {
					w.join(a)
				}
			}
		}
	}
	return kept
}

// lookedUp is the map whose value v is the address of, or null; nil if v is none, or
// that of a map in a map.
func lookedUp(v *ir.Value) *ir.Map {
	if v.Op != ir.OpCall || v.Aux.(*kernel.Helper).Ret != kernel.RetMapValue {
		return nil
	}
	var m *ir.Map
	switch of, _ := place(v.Args[0]); {
	case of.Op == ir.OpMapRef:
		m = of.Aux.(*ir.Map)
	case of.Op == ir.OpCall && len(of.Args) > 0 && of.Args[0].Op == ir.OpMapRef:
		m = of.Args[0].Aux.(*ir.Map).Inner
	}
	if m == nil || m.Inner != nil {
		return nil
	}
	return m
}

// join notes that a phi of the web has the argument a from outside.
func (w *nullWeb) join(a *ir.Value) {
	switch {
	case isZero(a):
		w.null = true
	case !neverNull(a, 0):
		w.bad = true
	}
}

func neverNull(a *ir.Value, depth int) bool {
	switch a.Op {
	case ir.OpNonNull, ir.OpSlotAddr, ir.OpGlobalAddr, ir.OpPtrAdd:
		return true
	case ir.OpPhi:
		const far = 6
		return depth < far && !slices.ContainsFunc(a.Args, func(x *ir.Value) bool { return !neverNull(x, depth+1) })
	}
	return false
}

// use notes that v's argument i is off bytes behind the member base.
func (w *nullWeb) use(v *ir.Value, i int, base *ir.Value, off int64) {
	plain := v.Args[i] == base
	switch {
	case v.Op == ir.OpNonNull:
	case v.Op == ir.OpPtrAdd:
		_, fixed := v.Args[1].IsConst()
		w.bad = w.bad || !fixed
	case v.Op == ir.OpPhi:
		w.whole = w.whole || off != 0 // what is behind it is not known
		if !plain {
			w.user(base, v.Block.Preds[i].B)
		}
	case v.Op == ir.OpCallFunc:
		w.whole = true
		w.bad = w.bad || plain
		w.user(base, v.Block)
	case isNilTest(v):
		w.tests = append(w.tests, v)
		w.bad = w.bad || !plain || nilTested(v) == nil
	case v.Op.IsAccess() && i == 0:
		w.access(v, off)
		w.user(base, v.Block)
	case v.Op == ir.OpCall:
		h := v.Aux.(*kernel.Helper)
		a, ok := h.Access(i)
		w.bad = w.bad || !ok || a.Size == kernel.NoSize || h.Args[i] == kernel.ArgDynptr
		w.whole = true
		w.user(base, v.Block)
	default:
		w.bad = true
	}
}

// user notes that b needs an address in base.
func (w *nullWeb) user(base *ir.Value, b *ir.Block) {
	if !neverNull(base, 0) { // what it joins is looked at where it joins
		w.users = append(w.users, b)
	}
}

func (w *nullWeb) access(v *ir.Value, off int64) {
	m := v.Mem()
	lo, hi := off+int64(m.Off), off+int64(m.Off)+int64(m.Size)
	if lo < 0 {
		w.bad = true
		return
	}
	w.size = max(w.size, hi)
	if v.Op.Info().Reads {
		for i := lo &^ 7; i < hi; i += 8 {
			w.read[i] = true
		}
	}
}

// apart reports whether what is accessed is behind a test of the web each, and none of
// those tests is made on a way from where one found null.
func (w *nullWeb) apart(f *ir.Func, dom *ir.Dom, cyclic bool) bool {
	if w.null {
		return false
	}
	behind := make([]bool, len(w.users))
	var guards []*ir.Value // the tests that accesses are behind
	for _, t := range w.tests {
		y := wayOf(t, false)
		if y == nil || len(y.Preds) != 1 {
			continue
		}
		guards = append(guards, nil)
		for i, u := range w.users {
			if dom.Dominates(y, u) {
				behind[i], guards[len(guards)-1] = true, t
			}
		}
		if guards[len(guards)-1] == nil {
			guards = guards[:len(guards)-1]
		}
	}
	if slices.Contains(behind, false) {
		return false
	}
	for _, t := range w.tests {
		for _, g := range guards {
			if t.Uses > 0 && (cyclic || g != t) && again(f, t, g) {
				return false
			}
		}
	}
	return true
}

// wayOf returns where control goes if the test t found null, or did not; nil if t
// is not how its block ends.
func wayOf(t *ir.Value, null bool) *ir.Block {
	switch {
	case t.Block.Kind != ir.BlockIf || t.Block.Control != t:
		return nil
	case null == (t.Op == ir.OpEq):
		return t.Block.Succs[0].B
	}
	return t.Block.Succs[1].B
}

// again reports whether the test g is made on a way from where t found null, before
// what g tests is looked up anew.
func again(f *ir.Func, t, g *ir.Value) bool {
	var stop *ir.Block
	if p := nilTested(g); p.Op == ir.OpCall || g == t {
		stop = p.Block
	}
	seen := make([]bool, f.NumBlocks())
	var work []*ir.Block
	reach := func(b *ir.Block) bool {
		if !seen[b.ID] && b != stop {
			seen[b.ID] = true
			work = append(work, b)
		}
		return b != stop && b == g.Block
	}
	if no := wayOf(t, true); no != nil && t.Uses == 1 {
		if reach(no) {
			return true
		}
	} else {
		if t != g && t.Block == g.Block {
			return true
		}
		work = append(work, t.Block)
	}
	for len(work) > 0 {
		b := work[len(work)-1]
		work = work[:len(work)-1]
		for _, e := range b.Succs {
			if reach(e.B) {
				return true
			}
		}
	}
	return false
}

// standInMaker replaces webs. there and at are the two values for each member.
type standInMaker struct {
	f         *ir.Func
	slot      *ir.Slot
	r         *rewriter
	there, at map[*ir.Value]*ir.Value
}

func (x *standInMaker) replace(w *nullWeb) {
	for _, v := range w.members {
		if v.Op == ir.OpPhi {
			x.there[v] = v.Block.InsertValue(0, ir.OpPhi, ir.Bool, v.Pos)
			x.at[v] = v.Block.InsertValue(0, ir.OpPhi, ir.Ptr, v.Pos)
		}
	}
	for _, v := range w.members {
		if v.Op == ir.OpCall {
			x.lookup(w, v)
		}
	}
	for _, v := range w.members {
		if v.Op == ir.OpPhi {
			x.phi(w, v)
		}
	}
	for _, t := range w.tests {
		isPresent(t, x.there[nilTested(t)])
	}
	for _, v := range w.members {
		x.r.set(v, x.at[v])
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

// standIn makes the stand-in at the end of b, and the number that says that it is one.
func (x *standInMaker) standIn(w *nullWeb, b *ir.Block, pos ir.Pos) (there, at *ir.Value) {
	end := endOf(b, pos)
	at = end.op(ir.OpSlotAddr, ir.Ptr)
	at.Aux = x.slot
	var nothing *ir.Value
	for off := int64(0); off < w.size; off += 8 {
		if !w.read[off] {
			continue
		}
		if nothing == nil {
			nothing = end.konst(0)
		}
		s := end.op(ir.OpStore, ir.Void, at, nothing)
		s.Aux = &ir.Mem{Region: ir.RegionStack, Off: int32(off), Size: 8}
	}
	there = end.op(ir.OpConst, ir.Bool)
	return there, at
}
