package opt

import (
	"slices"

	"github.com/luabpfc/luabpfc/ir"
)

// Dead-store elimination for the stack and for records of ring buffers.
//
// Definitions. A location is a byte of a tracked slot (slots.go); slots whose
// address escapes have none and keep all their stores. Two accesses alias
// where their byte ranges overlap: offsets are constant, so may and must are
// one. A byte is observed by
//
//   - a load or atomic of it;
//   - a helper that reads it: all of the map's key or value size, padding
//     included, or as many bytes as the size argument says, to the slot's end
//     if that is not constant;
//   - Short, behind every value that may leave: what Short's blocks observe of
//     slots is observed there.
//
// A record is observed by whoever gets it, when it is submitted.
//
// Nobody observes a slot behind a return, and no other program sees the stack:
// values that may leave, calls and exits observe every region but this one.
// The frame of a callback is its caller's stack; it is no slot here.
//
// A store is dead if no byte of it is observed before it is written again on
// any path. Method: backward liveness of bytes over blocks (bit sets, to a
// fixed point), then a backward walk over each block. A store or a helper that
// fills a constant number of bytes ends the liveness of the bytes it writes.
//
// A store is redundant if its bytes hold already what it stores (contents.go):
// the front end fills the key of a map anew for each helper call.

// deadStores is the pass "dse".
func deadStores(c *Context, f *ir.Func) {
	redundantStores(c, f)
	deadPacketStores(c, f)
	t := c.slots(f)
	if t.size == 0 {
		return
	}
	l := &c.space.live
	l.analyse(f, t)
	for _, b := range f.Blocks {
		live := l.out(b)
		var dead []*ir.Value
		for i := len(b.Values) - 1; i >= 0; i-- {
			v := b.Values[i]
			if v.Op == ir.OpStore && l.deadHere(live, v) && c.Change("dead") {
				dead = append(dead, v)
				continue
			}
			l.step(live, v)
		}
		if len(dead) > 0 {
			dropValues(b, func(v *ir.Value) bool { return slices.Contains(dead, v) })
		}
	}
}

// redundantStores drops stores of what is there already.
func redundantStores(c *Context, f *ir.Func) {
	d := c.space.dominators(f)
	k := c.contents(f, d)
	if k == nil {
		return
	}
	for _, b := range d.RPO {
		state := append(k.state[:0], k.in(b)...)
		var drop []*ir.Value
		for _, v := range b.Values {
			if v.Op == ir.OpStore {
				k.t.accesses(v, func(a access) {
					if k.holds(state, a) && c.Change("redundant") {
						drop = append(drop, v)
					}
				})
			}
			k.step(state, v)
		}
		if len(drop) > 0 {
			dropValues(b, func(v *ir.Value) bool { return slices.Contains(drop, v) })
		}
	}
}

// bytesSet is a set of tracked bytes.
type byteSet []uint64

func (s byteSet) has(i int) bool { return s[i/64]>>(i%64)&1 != 0 }
func (s byteSet) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s byteSet) del(i int)      { s[i/64] &^= 1 << (i % 64) }

// addAll adds t to s and reports whether s grew.
func (s byteSet) addAll(t byteSet) bool {
	grew := false
	for i, w := range t {
		if s[i]|w != s[i] {
			s[i] |= w
			grew = true
		}
	}
	return grew
}

// liveness is which tracked bytes are observed behind a place.
type liveness struct {
	f     *ir.Func
	t     *slotTable
	words int     // that a set has
	sets  byteSet // at the beginning of blocks, by ID
	at    []int32 // by block ID: its place in Func.Blocks
	live  byteSet // at the place of a walk
}

// in is what is observed from b's beginning on.
func (l *liveness) in(b *ir.Block) byteSet { return l.sets[b.ID*l.words:][:l.words] }

// analyse makes l the liveness of f's slots, which are in t, in the memory that l has.
func (l *liveness) analyse(f *ir.Func, t *slotTable) {
	n := (t.size + 63) / 64
	*l = liveness{f: f, t: t, words: n, sets: ir.Resize(l.sets, n*f.NumBlocks()), at: ir.Resize(l.at, f.NumBlocks()), live: ir.Resize(l.live, n)}
	for i, b := range f.Blocks {
		l.at[b.ID] = int32(i)
	}
	for again := true; again; {
		again = false // a block behind one whose beginning tells it more
		for i := len(f.Blocks) - 1; i >= 0; i-- {
			b := f.Blocks[i]
			live := l.out(b)
			for j := len(b.Values) - 1; j >= 0; j-- {
				l.step(live, b.Values[j])
			}
			if !l.in(b).addAll(live) {
				continue
			}
			again = again || b == f.Short // which comes behind anything
			for _, e := range b.Preds {
				again = again || int(l.at[e.B.ID]) >= i
			}
		}
	}
}

// out returns what is observed behind b, until it is called again.
func (l *liveness) out(b *ir.Block) byteSet {
	clear(l.live)
	for _, e := range b.Succs {
		l.live.addAll(l.in(e.B))
	}
	return l.live
}

// step moves live backwards over v.
func (l *liveness) step(live byteSet, v *ir.Value) {
	reads := false
	l.t.accesses(v, func(a access) {
		reads = reads || a.reads
		if a.writes && a.must {
			for i := a.lo; i < a.hi; i++ {
				live.del(i)
			}
		}
	})
	if reads {
		l.t.accesses(v, func(a access) {
			if a.reads {
				for i := a.lo; i < a.hi; i++ {
					live.add(i)
				}
			}
		})
	}
	if v.Op.Info().MayLeave && l.f.Short != nil {
		live.addAll(l.in(l.f.Short))
	}
}

// deadHere reports whether v, a store, is to a tracked slot and to bytes that
// are not live behind it.
func (l *liveness) deadHere(live byteSet, v *ir.Value) bool {
	dead := false
	l.t.accesses(v, func(a access) {
		dead = true
		for i := a.lo; i < a.hi; i++ {
			if live.has(i) {
				dead = false
			}
		}
	})
	return dead
}
