package opt

import (
	"slices"

	"github.com/luabpfc/luabpfc/ir"
)

// Records that a loop leaves open on its way out.
//
// A record reserved in a trip is the trip's: the kernel refuses a callback that
// ends with one open, and an address that has been in the frame is a number
// behind the call. But where a break, a return or an error leaves the loop, what
// closes the record stands behind the exit, and an exit is not part of a natural
// loop, since it does not lead back to the header.
//
// So the blocks behind exits up to the last use of such a record move into the
// callback with the loop. They are those from which a use can be reached without
// passing through the loop; the reserve dominates the use, and therefore the
// header all of them: the region is still entered at the header only.

// keepRecords adds to the loops todo of f the blocks in which records reserved
// in them are used, and returns those that are not part of another now.
func keepRecords(n *nest, todo []*ir.NaturalLoop) []*ir.NaturalLoop {
	if !reserves(n.f) {
		return todo
	}
	d := ir.Dominators(n.f)
	for _, l := range todo {
		extendOverRecords(n.f, l, d)
	}
	return slices.DeleteFunc(todo, func(l *ir.NaturalLoop) bool {
		return slices.ContainsFunc(todo, func(o *ir.NaturalLoop) bool { return o != l && slices.Contains(o.Blocks, l.Header) })
	})
}

// extendOverRecords adds such blocks to l.
func extendOverRecords(f *ir.Func, l *ir.NaturalLoop, d *ir.Dom) {
	in := blockSet(l)
	var work []*ir.Block
	added := map[*ir.Block]bool{}
	add := func(b *ir.Block) {
		if !in[b] && !added[b] {
			added[b] = true
			work = append(work, b)
		}
	}
	for _, b := range f.Blocks {
		if !in[b] && d.Reachable(b) && usesRecord(b, in) {
			add(b)
		}
	}
	if len(work) == 0 {
		return
	}
	for len(work) > 0 {
		b := work[len(work)-1]
		work = work[:len(work)-1]
		for _, p := range b.Preds {
			if d.Reachable(p.B) {
				add(p.B)
			}
		}
	}
	for _, b := range d.RPO {
		if added[b] {
			l.Blocks, in[b] = append(l.Blocks, b), true
		}
	}
	l.Exits = nil
	for _, b := range l.Blocks {
		for i, e := range b.Succs {
			if !in[e.B] {
				l.Exits = append(l.Exits, ir.Edge{B: b, I: i})
			}
		}
	}
}

// usesRecord reports whether b does more with a record reserved in the blocks in
// than test whether there is one.
func usesRecord(b *ir.Block, in map[*ir.Block]bool) bool {
	for _, v := range b.Values {
		if v.Op == ir.OpEq || v.Op == ir.OpNe {
			continue
		}
		for _, a := range v.Args {
			if a.Type != ir.Ptr {
				continue
			}
			if base, _ := place(a); in[base.Block] && lends(base) {
				return true
			}
		}
	}
	return false
}
