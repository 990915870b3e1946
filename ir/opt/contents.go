package opt

import "github.com/luabpfc/luabpfc/ir"

// What tracked slots hold: a forward must-analysis over bytes.
//
// Each byte is not reached yet, unknown, a constant, or "byte k of value v as
// it was last computed", k counting from the least significant. A store makes
// bytes known, any other write unknown; at a join a byte keeps what it is on all
// edges alike. When control passes the definition of v again (a loop), v
// becomes another number while the slot keeps the old: bytes of v are unknown
// from there on. Blocks start unreached, and states only sink, so that what
// holds round a loop is found. Cost: blocks times bytes, a few rounds.

// holding is what one byte holds.
type holding struct {
	kind uint8
	k    uint8     // byte of v, or the constant
	v    *ir.Value // heldValue
}

const (
	unreached = iota
	heldValue
	heldConst
	unheld
)

// contents are the states at the beginning of blocks.
type contents struct {
	t      *slotTable
	big    bool
	in     [][]holding // by block ID
	stored []bool      // by value ID: whether some slot may hold it

	cells, state []holding // what in consists of; at the place of a walk
}

// contentCells bounds the analysis, in bytes times blocks.
const contentCells = 1 << 20

// contents analyses f, whose dominators are d, until it is called again; nil if
// there is nothing to track or too much.
func (s *workspace) contents(f *ir.Func, d *ir.Dom) *contents {
	t := trackSlots(f)
	if t.size == 0 || t.size*len(f.Blocks) > contentCells {
		return nil
	}
	c := &s.held
	*c = contents{t: t, big: f.Module.BigEndian, in: ir.Resize(c.in, f.NumBlocks()), stored: ir.Resize(c.stored, f.NumValues()),
		cells: ir.Resize(c.cells, t.size*len(d.RPO)), state: ir.Resize(c.state, t.size)}
	cells, state := c.cells, c.state
	for _, b := range d.RPO {
		c.in[b.ID], cells = cells[:t.size:t.size], cells[t.size:]
		for _, v := range b.Values {
			if v.Op == ir.OpStore {
				c.stored[v.Args[1].ID] = true
			}
		}
	}
	clear := func(b *ir.Block) {
		for i := range c.in[b.ID] {
			c.in[b.ID][i].kind = unheld
		}
	}
	clear(f.Entry())
	if f.Short != nil {
		clear(f.Short)
	}
	for again := true; again; {
		again = false // a block in front of one whose end tells it more
		for i, b := range d.RPO {
			copy(state, c.in[b.ID])
			for _, v := range b.Values {
				c.step(state, v)
			}
			for _, e := range b.Succs {
				if c.join(c.in[e.B.ID], state) && d.Index(e.B) <= i {
					again = true
				}
			}
		}
	}
	return c
}

// join sinks to by from and reports whether it changed.
func (c *contents) join(to, from []holding) bool {
	changed := false
	for i, h := range from {
		switch {
		case h.kind == unreached || to[i] == h || to[i].kind == unheld:
		case to[i].kind == unreached:
			to[i] = h
			changed = true
		default:
			to[i] = holding{kind: unheld}
			changed = true
		}
	}
	return changed
}

// step moves the state over v.
func (c *contents) step(state []holding, v *ir.Value) {
	if int(v.ID) < len(c.stored) && c.stored[v.ID] {
		for i := range state {
			if state[i].v == v {
				state[i] = holding{kind: unheld}
			}
		}
	}
	c.t.accesses(v, func(a access) {
		if !a.writes {
			return
		}
		for i := a.lo; i < a.hi; i++ {
			state[i] = c.of(a, i)
		}
	})
}

// of returns what byte i holds after the write a.
func (c *contents) of(a access, i int) holding {
	if a.value == nil {
		return holding{kind: unheld}
	}
	k := i - a.lo
	if c.big {
		k = a.hi - 1 - i
	}
	if x, ok := a.value.IsConst(); ok {
		return holding{kind: heldConst, k: uint8(uint64(x) >> (8 * k))}
	}
	return holding{kind: heldValue, k: uint8(k), v: a.value}
}

// holds reports whether the bytes of the store a already are what it stores.
func (c *contents) holds(state []holding, a access) bool {
	for i := a.lo; i < a.hi; i++ {
		if state[i].kind == unheld || state[i].kind == unreached || state[i] != c.of(a, i) {
			return false
		}
	}
	return true
}

// number returns what a load of bytes lo to hi gives: a value whose low bytes
// they are, or a constant.
func (c *contents) number(state []holding, lo, hi int) (v *ir.Value, x uint64, ok bool) {
	first := state[lo]
	if first.kind == unheld || first.kind == unreached {
		return nil, 0, false
	}
	for i := lo; i < hi; i++ {
		k := i - lo
		if c.big {
			k = hi - 1 - i
		}
		h := state[i]
		switch {
		case h.kind != first.kind:
			return nil, 0, false
		case h.kind == heldConst:
			x |= uint64(h.k) << (8 * k)
		case h.v != first.v || int(h.k) != k:
			return nil, 0, false
		}
	}
	return first.v, x, true
}
