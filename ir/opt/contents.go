package opt

import (
	"slices"

	"github.com/luabpfc/luabpfc/ir"
)

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
	cells  []holding // of block after block
	at     []int32   // by block ID: where its cells begin, -1 if it is not reached
	stored []bool    // by value ID: whether some slot may hold it

	state []holding // at the place of a walk
}

// contentCells bounds the analysis, in bytes times blocks.
const contentCells = 1 << 20

// contents returns what the slots of f, whose dominators are d, hold, until the
// function changes; nil if there is nothing to track or too much.
func (c *Context) contents(f *ir.Func, d *ir.Dom) *contents {
	s, t := &c.space, c.slots(f)
	if t.size == 0 || t.size*len(f.Blocks) > contentCells {
		return nil
	}
	if !s.heldFor.is(c, f) {
		s.held.analyse(f, d, t)
		s.heldFor.set(c, f)
	} else if c.Opts.Check {
		var anew contents
		if anew.analyse(f, d, t); !slices.Equal(anew.cells, s.held.cells) {
			ir.Bugf("%s: what slots hold is not up to date", f.Name)
		}
	}
	return &s.held
}

// in are the states of the bytes at the beginning of b, which is reached.
func (c *contents) in(b *ir.Block) []holding { return c.cells[c.at[b.ID]:][:c.t.size] }

// analyse makes c what the slots of f hold, in the memory that c has.
func (c *contents) analyse(f *ir.Func, d *ir.Dom, t *slotTable) {
	*c = contents{t: t, big: f.Module.BigEndian, at: ir.Resize(c.at, f.NumBlocks()), stored: ir.Resize(c.stored, f.NumValues()),
		cells: ir.Resize(c.cells, t.size*len(d.RPO)), state: ir.Resize(c.state, t.size)}
	state := c.state
	for i := range c.at {
		c.at[i] = -1
	}
	for i, b := range d.RPO {
		c.at[b.ID] = int32(i * t.size)
		for _, v := range b.Values {
			if v.Op == ir.OpStore {
				c.stored[v.Args[1].ID] = true
			}
		}
	}
	clear := func(b *ir.Block) {
		in := c.in(b)
		for i := range in {
			in[i].kind = unheld
		}
	}
	clear(f.Entry())
	if f.Short != nil {
		clear(f.Short)
	}
	for again := true; again; {
		again = false // a block in front of one whose end tells it more
		for i, b := range d.RPO {
			copy(state, c.in(b))
			for _, v := range b.Values {
				c.step(state, v)
			}
			for _, e := range b.Succs {
				if c.join(c.in(e.B), state) && d.Index(e.B) <= i {
					again = true
				}
			}
		}
	}
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
