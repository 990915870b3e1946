package opt

import (
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Walks through maps.
//
// A loop whose header has an OpEach is bpf_for_each_map_elem over its map: always
// a callback (loopextract.go), called once for each entry with the addresses of
// the key and the value. The header does nothing but ask for the next entry and
// leave if there is none. That test is not made in the callback: the helper returns
// then, with the exit's number still 0, which here is the number of the exit by
// which the walk ends.

// walk is what makes a loop one through a map.
type walk struct {
	next  *ir.Value // the OpEach
	out   int       // the header's successor behind the last entry
	key   *ir.Value // in the callback
	value *ir.Value
}

// walkOf returns how l walks through a map; ok is false if it does not.
func walkOf(l *ir.NaturalLoop) (w walk, ok bool) {
	h := l.Header
	for _, v := range h.Values {
		if v.Op == ir.OpEach {
			w.next, ok = v, true
		}
	}
	if !ok {
		return walk{}, false
	}
	c, eq := h.Control, 0
	for c != nil && c.Op == ir.OpNot {
		c, eq = c.Args[0], 1-eq
	}
	if c == nil || c.Op != ir.OpEq && c.Op != ir.OpNe || c.Args[0] != w.next || !isZero(c.Args[1]) {
		ir.Bugf("%s: the walk in %s does not end where it stands", h.Func.Name, h)
	}
	if c.Op == ir.OpNe {
		eq = 1 - eq
	}
	w.out = eq
	return w, true
}

// endless forgets when the walk starts: with the call.
func (w *walk) endless() {
	h := w.next.Block
	w.next.SetArg(0, newConst(h, afterPhis(h), ir.Bool, 0, w.next.Pos))
	dropValues(h, func(v *ir.Value) bool {
		if v.Op != ir.OpPhi || v.Type != ir.Bool {
			return false
		}
		for _, a := range v.Args {
			if a != v && a.Op != ir.OpConst {
				return false
			}
		}
		return v.Uses == 0
	})
}

// helper returns the helper that runs the loop's callback.
func (e *extraction) helper() *kernel.Helper {
	if e.walk != nil {
		return kernel.HelperByName("for_each_map_elem")
	}
	return e.x.helper(e.f)
}

// walkArgs makes the callback's parameters the entry at hand.
func (e *extraction) walkArgs(entry *ir.Block) {
	at := endOf(entry, e.pos())
	e.walk.key, e.walk.value = at.op(ir.OpArg, ir.Ptr), at.op(ir.OpArg, ir.Ptr)
	e.walk.key.AuxInt, e.walk.value.AuxInt = 1, 2
	e.c.vals[e.walk.next] = e.walk.key
}

// walkOn makes the copy of the header go on in any case.
func (e *extraction) walkOn() {
	h := e.c.blocks[e.l.Header]
	h.SetControl(nil)
	h.Kind = ir.BlockJump
	e.c.only[h] = 1 - e.walk.out
}

// mayLeave reports whether the callback may leave the program.
func (e *extraction) mayLeave() bool {
	for _, b := range e.g.Blocks {
		if b.Loop != nil {
			return true
		}
	}
	return e.g.MayLeave()
}
