package opt

import (
	"slices"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// nullWeb is one web (standin.go).
type nullWeb struct {
	members []*ir.Value
	tests   []*ir.Value
	users   []*ir.Block // where it is accessed
	fields  []*frameField
	null    bool // joined with the constant
	twice   bool // a branch's test is a number, too, and made twice for that
	bad     bool
	value   int64 // size of the largest value that a member is
	size    int64 // how much of it is accessed
	whole   bool  // all of it may be
	read    map[int64]bool
	parts   bool // part of a word is written
}

// half reports whether the stand-in is the upper half of a word, where nothing that
// is stored is a register to the verifier (standinhide.go).
func (w *nullWeb) half() bool { return w.parts && w.size <= 4 }

// home is the function of the web's first member.
func (w *nullWeb) home() *ir.Func { return w.members[0].Block.Func }

// enters reports whether the web comes into f by its frame.
func (w *nullWeb) enters(f *ir.Func) bool {
	return slices.ContainsFunc(w.fields, func(fl *frameField) bool {
		return slices.ContainsFunc(fl.loads, func(l *ir.Value) bool { return l.Block.Func == f })
	})
}

// webFinder is the work of finding webs.
type webFinder struct {
	of     map[*ir.Value]*nullWeb
	webs   []*nullWeb
	phis   []*ir.Value // of addresses
	fields []*frameField
	field  map[*ir.Value]*frameField // of stores and loads
	number map[*ir.Value]bool        // tests that more than branches want the outcome of
}

// nullWebs returns the webs of the module's functions, by their first members.
func nullWebs(m *ir.Module) []*nullWeb {
	x := &webFinder{of: map[*ir.Value]*nullWeb{}, number: map[*ir.Value]bool{}}
	for _, f := range m.Funcs {
		if k := f.Prog(); f.Phase == ir.PhaseLow && k != nil && !k.Type.NeedsPerfmon() {
			x.seed(f)
		}
	}
	if len(x.webs) == 0 {
		return nil
	}
	x.fields, x.field = frameFields(m)
	for again := true; again; {
		again = false
		for _, v := range x.phis {
			for _, a := range v.Args {
				again = x.link(v, a) || again
			}
		}
		for _, fl := range x.fields {
			for _, s := range fl.stores {
				for _, l := range fl.loads {
					again = x.link(l, s.Args[1]) || again
				}
			}
		}
	}
	x.webs = slices.DeleteFunc(x.webs, func(w *nullWeb) bool { return len(w.members) == 0 })
	seen := map[*ir.Func]bool{}
	for _, w := range x.webs {
		for _, v := range w.members {
			seen[v.Block.Func] = true
		}
	}
	for _, f := range m.Funcs {
		if seen[f] {
			x.uses(f)
		}
	}
	for _, w := range x.webs {
		for _, t := range w.tests {
			w.twice = w.twice || x.number[t] && wayOf(t, false) != nil
		}
		for _, fl := range w.fields {
			w.bad = w.bad || fl.bad
			for _, s := range fl.stores {
				if base, _ := place(s.Args[1]); x.of[base] == nil {
					w.bad = w.bad || !neverNull(s.Args[1], 0)
				}
			}
		}
	}
	return x.webs
}

// seed finds what webs of f begin with.
func (x *webFinder) seed(f *ir.Func) {
	member := func(v *ir.Value) *nullWeb {
		w := &nullWeb{members: []*ir.Value{v}, read: map[int64]bool{}}
		x.of[v] = w
		x.webs = append(x.webs, w)
		return w
	}
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			switch m := lookedUp(v); {
			case m != nil:
				member(v).value = int64(m.ValueSize)
			case v.Op == ir.OpPhi && v.Type == ir.Ptr:
				x.phis = append(x.phis, v)
				if slices.ContainsFunc(v.Args, isZero) {
					member(v)
				}
			}
		}
	}
}

// link makes v, which comes out of a, a member of a's web, and reports whether it was
// none.
func (x *webFinder) link(v, a *ir.Value) bool {
	base, _ := place(a)
	w, old := x.of[base], x.of[v]
	if w == nil || w == old {
		return false
	}
	if old == nil {
		w.members, x.of[v] = append(w.members, v), w
		return true
	}
	for _, m := range old.members {
		x.of[m] = w
	}
	w.members, w.value = append(w.members, old.members...), max(w.value, old.value)
	old.members = nil
	return true
}

// uses notes how the values of f use webs.
func (x *webFinder) uses(f *ir.Func) {
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			for i, a := range v.Args {
				if a.Type == ir.Bool && isNilTest(a) && (v.Uses > 0 || !v.Op.Info().Pure) {
					x.number[a] = true
				}
				if a.Type != ir.Ptr {
					continue
				}
				base, off := place(a)
				if w := x.of[base]; w != nil {
					w.use(v, i, base, off)
					if v.Op == ir.OpStore && i == 1 {
						w.stored(x.field[v], v, base, off)
					}
				} else if w := x.of[v]; w != nil && v.Op == ir.OpPhi {
					w.join(a)
				}
			}
			if w := x.of[v]; w != nil && v.Op == ir.OpLoad {
				w.crosses(x.field[v])
			}
		}
	}
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
	case v.Op == ir.OpStore: // stored
	case v.Op == ir.OpCall:
		h := v.Aux.(*kernel.Helper)
		a, ok := h.Access(i)
		w.bad = w.bad || !ok || a.Size == kernel.NoSize || h.Args[i] == kernel.ArgDynptr
		w.whole = true
		w.parts = w.parts || a.Writes
		w.user(base, v.Block)
	default:
		w.bad = true
	}
}

// user notes that b needs an address in base.
func (w *nullWeb) user(base *ir.Value, b *ir.Block) {
	switch {
	case base.Op == ir.OpLoad: // what stores it is a user
	case neverNull(base, 0): // what it joins is looked at where it joins
	default:
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
	w.parts = w.parts || mayWrite(v)
	if v.Op.Info().Reads {
		for i := lo &^ 7; i < hi; i += 8 {
			w.read[i] = true
		}
	}
}
