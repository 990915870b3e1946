package lower

import (
	"slices"

	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
)

// Packet pointers where control flow joins. Where they point is merged as a
// number. A header that is another on each path, as in "ip.tcp or ip.udp", has
// what both have at the same place. Whether it is there is asked of the path
// that control came by, when it is asked: no test is made for the join's sake.
// Of a pointer and nil becomes a Choice between the two.

// alternative is a path to a merged header, and whether control came by it.
type alternative struct {
	came *ir.Value
	path []step
}

// pointerOrNil reports whether v is a packet pointer, nil, or a choice of them,
// and its parts; cond is nil if it is always the pointer.
func pointerOrNil(v Value) (p Pointer, cond *ir.Value, isNil_, ok bool) {
	switch v := v.(type) {
	case Pointer:
		return v, nil, false, true
	case *Choice:
		p, ok := v.Yes.(Pointer)
		return p, v.Cond, false, ok && isNil(v.No)
	}
	return Pointer{}, nil, true, isNil(v)
}

// mergePointers merges packet pointers and nil; ok is false if vals are not only
// that, or headers that have nothing in common.
func (j *joiner) mergePointers(vals []Value) (Value, bool) {
	lw := j.lw
	var ptrs []Pointer
	var on []int
	present := make([]*ir.Value, len(vals))
	always := true
	for i, v := range vals {
		p, cond, none, ok := pointerOrNil(v)
		switch {
		case !ok:
			return nil, false
		case none || cond != nil:
			always = false
		}
		if !none {
			ptrs, on = append(ptrs, p), append(on, i)
		}
		present[i] = cond
		if cond == nil {
			present[i] = j.at(i, func() *ir.Value { return lw.b.Bool(!none) })
		}
	}
	if len(ptrs) == 0 {
		return nil, false
	}
	view := lw.commonView(ptrs)
	if view == nil {
		return nil, false
	}
	out := Pointer{View: view, Path: j.mergePaths(on, ptrs)}
	bases := make([]*ir.Value, len(vals))
	for i, k := range on {
		bases[k] = j.at(k, func() *ir.Value { return lw.offset(ptrs[i]).V })
	}
	out.Base = j.fill(bases)
	if view.name == "l3" {
		kinds := make([]*ir.Value, len(vals))
		for i, k := range on {
			kinds[k] = ptrs[i].l3
		}
		out.l3 = j.fill(kinds)
	}
	if always {
		return out, true
	}
	return &Choice{Cond: j.phi(ir.Bool, present), Yes: out, No: Nil}, true
}

// fill merges offsets that some edges lack: there it is any, and not used.
func (j *joiner) fill(args []*ir.Value) *ir.Value {
	args = slices.Clone(args)
	first := args[slices.IndexFunc(args, func(v *ir.Value) bool { return v != nil })]
	c, _ := first.IsConst()
	for i := range args {
		if args[i] == nil {
			args[i] = j.at(i, func() *ir.Value { return j.lw.b.Const(c) })
		}
	}
	return j.phi(ir.I64, args)
}

// fillBool merges truths: on edges that lack it, it is false.
func (j *joiner) fillBool(args []*ir.Value) *ir.Value {
	args = slices.Clone(args)
	for i := range args {
		if args[i] == nil {
			args[i] = j.at(i, func() *ir.Value { return j.lw.b.Bool(false) })
		}
	}
	return j.phi(ir.Bool, args)
}

// mergePaths merges the paths of pointers that the edges on bring.
func (j *joiner) mergePaths(on []int, ptrs []Pointer) []step {
	if !slices.ContainsFunc(ptrs, func(p Pointer) bool { return len(p.Path) > 0 }) {
		return nil
	}
	var alts []alternative
	for i, k := range on {
		came := make([]*ir.Value, len(j.edges))
		came[k] = j.at(k, func() *ir.Value { return j.lw.b.Bool(true) })
		alts = append(alts, alternative{j.fillBool(came), j.carryPath(k, ptrs[i].Path)})
	}
	return []step{{any: alts}}
}

// carryPath makes a path that edge k brings usable behind the join.
func (j *joiner) carryPath(k int, path []step) []step {
	only := func(t ir.Type, v *ir.Value) *ir.Value {
		if v == nil {
			return nil
		}
		args := make([]*ir.Value, len(j.edges))
		args[k] = v
		if t == ir.Bool {
			return j.fillBool(args)
		}
		return j.fill(args)
	}
	var pointer func(p Pointer) Pointer
	pointer = func(p Pointer) Pointer {
		out := Pointer{Base: only(ir.I64, p.Base), Off: p.Off, View: p.View, l3: only(ir.I64, p.l3)}
		if p.late != nil {
			out.late = &step{parent: pointer(p.late.parent), rule: p.late.rule}
		}
		return out
	}
	out := make([]step, len(path))
	for i, s := range path {
		out[i] = step{parent: pointer(s.parent), rule: s.rule, test: only(ir.Bool, s.test)}
		for _, a := range s.any {
			out[i].any = append(out[i].any, alternative{only(ir.Bool, a.came), j.carryPath(k, a.path)})
		}
	}
	return out
}

// commonView returns what headers of several kinds have in common; nil if that
// is nothing.
func (lw *lowerer) commonView(ptrs []Pointer) *header {
	view := ptrs[0].View
	for _, p := range ptrs[1:] {
		if p.View == view {
			continue
		}
		if view == nil || p.View == nil {
			return nil
		}
		if view = lw.meetOf(view, p.View); view == nil {
			return nil
		}
	}
	return view
}

// meetOf returns the header of what a and b have at the same place.
func (lw *lowerer) meetOf(a, b *header) *header {
	key := [2]*header{a, b}
	if h, ok := lw.meets[key]; ok {
		return h
	}
	h := &header{name: a.name + " or " + b.name, hidden: true, either: [2]*header{a, b}, size: min(a.size, b.size)}
	for _, f := range a.fields {
		if g, ok := b.field(f.name); ok && *g == f {
			h.fields = append(h.fields, f)
		}
	}
	for _, r := range a.children {
		if q, ok := b.child(r.name); ok && r.length == q.length && (r.length != nil || a.size == b.size) && r.field == q.field {
			h.children = append(h.children, r)
		}
	}
	if a.length == b.length && (a.length != nil || a.size == b.size) {
		h.length = a.length
	} else {
		h.size = 0 // which byte is behind it is not known
	}
	if len(h.fields)+len(h.children) == 0 {
		h = nil
	}
	if lw.meets == nil {
		lw.meets = map[[2]*header]*header{}
	}
	lw.meets[key] = h
	return h
}

// ofPointer evaluates f of a packet pointer that may be nil: a member of nil
// reads nil, and a write through it does nothing.
func (lw *lowerer) ofPointer(c *Choice, f func(p Pointer) Value) (Value, bool) {
	p, _, _, ok := pointerOrNil(c)
	if !ok {
		return nil, false
	}
	mark := lw.mark()
	yes, no := lw.branch(c.Cond, mark)
	var ends []edge
	if yes.block != nil {
		lw.open(yes)
		v := f(p)
		if lw.b.Block != nil {
			ends = append(ends, lw.leave(mark, v))
		} else {
			lw.rollback(mark)
		}
	}
	if no.block != nil {
		lw.open(no)
		ends = append(ends, lw.leave(mark, Nil))
	}
	res := lw.join(ends)
	if lw.b.Block == nil {
		return Bad{}, true
	}
	return res[0], true
}

// pointerIndex evaluates p.name and p[i].
func (lw *lowerer) pointerIndex(e *syntax.Index, p Pointer, key Value) Value {
	if name, named := stringConst(key); named {
		return lw.member(e, p, name)
	}
	i, ok := lw.intOf(e.Key, key, "a packet index")
	if !ok {
		return Bad{}
	}
	return lw.byteAt(e, p, i)
}

// methodOf evaluates a method of a packet pointer that may be nil.
func (lw *lowerer) methodOf(e *syntax.MethodCall, c *Choice) (Value, bool) {
	return lw.ofPointer(c, func(p Pointer) Value { return lw.packetMethod(e, p) })
}

// headersOf returns the two headers that do not go together.
func headersOf(c *Conflict) (a, b *header, ok bool) {
	p, isP := c.A.(Pointer)
	q, isQ := c.B.(Pointer)
	return p.View, q.View, isP && isQ && p.View != nil && q.View != nil && p.View != q.View
}
