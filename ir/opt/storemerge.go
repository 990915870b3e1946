package opt

import (
	"math"

	"github.com/luabpfc/luabpfc/ir"
)

// Store merging on the stack and in records.
//
// An object is filled with zeros first and then field by field; a field is
// often half of a word that some constant or zeros complete. Stores of one block
// to the same eight bytes of a tracked slot (slots.go), with nothing between
// them that looks at those bytes, are what the last of them leaves behind:
//
//	store p, 0, u64 at 0; store p, x, u32 at 0    store p, x, u64 at 0    x below 2^32
//	store p, 1, u16 at 4; store p, 2, u16 at 6    store p, 131073, u32 at 4
//
// Method: a forward walk over each block with the pending stores of each aligned
// window of eight bytes. Whatever observes a byte of a window settles it: a read,
// a helper's access, a value that may leave (Short may look), the block's end.
// To settle is to ask what each byte is by now, a constant or byte k of a value,
// and to cover the window by as few aligned stores as hold just that: one of
// eight bytes if possible, else by halves. The new stores take the place of the
// last old one; that moves earlier ones down past what does not observe them.
//
// Limits: constants of eight bytes must fit into an instruction; windows do not
// span blocks; regions that others see are left alone.

// windowSize is the most bytes that one store has.
const windowSize = 8

// window is eight bytes of a slot with stores that may be merged.
type window struct {
	stores []pendingStore
}

// pendingStore is a store to a window, lo bytes behind its beginning.
type pendingStore struct {
	v        *ir.Value
	lo, size int
}

// windowByte is what one byte of a window holds: of v, if that is not nil,
// byte k, else the constant k. Not written: set is false.
type windowByte struct {
	set bool
	v   *ir.Value
	k   uint8
}

// newStore is a store that covers part of a window; a nil value is the constant.
type newStore struct {
	lo, size int
	v        *ir.Value
	x        int64
}

type storeMerger struct {
	c      *Context
	f      *ir.Func
	t      *slotTable
	ranges *ir.Ranges // made when first needed

	b       *ir.Block
	open    map[[2]int]*window // by where the slot begins and index of the window
	order   [][2]int           // keys of open, oldest first
	dead    map[*ir.Value]bool
	instead map[*ir.Value][]newStore // by the store whose place they take
	base    map[*ir.Value]int        // where its window begins in the slot
}

// mergeStores is the pass "storemerge".
func mergeStores(c *Context, f *ir.Func) {
	t := c.slots(f)
	if t.size == 0 {
		return
	}
	m := &storeMerger{c: c, f: f, t: t, open: map[[2]int]*window{},
		dead: map[*ir.Value]bool{}, instead: map[*ir.Value][]newStore{}, base: map[*ir.Value]int{}}
	for _, b := range f.Blocks {
		if stores(b) > 1 {
			m.block(b)
		}
	}
}

// stores returns how many stores b has.
func stores(b *ir.Block) int {
	n := 0
	for _, v := range b.Values {
		if v.Op == ir.OpStore {
			n++
		}
	}
	return n
}

func (m *storeMerger) block(b *ir.Block) {
	m.b, m.order = b, m.order[:0]
	clear(m.open)
	clear(m.dead)
	clear(m.instead)
	clear(m.base)
	for _, v := range b.Values {
		if !m.pend(v) {
			m.observe(v)
		}
	}
	m.settleAll()
	if len(m.dead) > 0 {
		m.rewrite()
	}
}

// pend enters v if it is a store that can be merged.
func (m *storeMerger) pend(v *ir.Value) bool {
	if v.Op != ir.OpStore || v.Args[1].Type != ir.I64 {
		return false
	}
	base, off := place(v.Args[0])
	start, ok := m.t.at(base)
	lo, size := int(off)+int(v.Mem().Off), int(v.Mem().Size)
	if !ok || lo%size != 0 {
		return false
	}
	if s, isSlot := base.Aux.(*ir.Slot); isSlot && s.Align < min(windowSize, s.Size) {
		return false
	}
	k := [2]int{start, lo / windowSize}
	w := m.open[k]
	if w == nil {
		w = &window{}
		m.open[k] = w
		m.order = append(m.order, k)
	}
	w.stores = append(w.stores, pendingStore{v, lo % windowSize, size})
	return true
}

// observe settles what v may look at or overwrite.
func (m *storeMerger) observe(v *ir.Value) {
	if len(m.order) == 0 {
		return
	}
	if v.Op.Info().MayLeave && m.f.Short != nil {
		m.settleAll()
		return
	}
	m.t.accesses(v, func(a access) {
		kept := m.order[:0]
		for _, k := range m.order {
			lo := k[0] + k[1]*windowSize
			if lo < a.hi && a.lo < lo+windowSize {
				m.settle(k)
				continue
			}
			kept = append(kept, k)
		}
		m.order = kept
	})
}

func (m *storeMerger) settleAll() {
	for _, k := range m.order {
		m.settle(k)
	}
	m.order = m.order[:0]
}

// settle merges the stores of a window, if that makes them fewer.
func (m *storeMerger) settle(k [2]int) {
	w := m.open[k]
	delete(m.open, k)
	if len(w.stores) < 2 {
		return
	}
	var bytes [windowSize]windowByte
	for _, s := range w.stores {
		for i := range s.size {
			bytes[s.lo+i] = m.byteOf(s, i)
		}
	}
	list, ok := m.cover(bytes[:], 0)
	if !ok || len(list) >= len(w.stores) || !m.c.Change("merge") {
		return
	}
	last := w.stores[len(w.stores)-1].v
	for _, s := range w.stores {
		m.dead[s.v] = true
	}
	m.instead[last], m.base[last] = list, k[1]*windowSize
}

// byteOf returns what byte i of a store is.
func (m *storeMerger) byteOf(s pendingStore, i int) windowByte {
	if m.f.Module.BigEndian {
		i = s.size - 1 - i
	}
	if x, ok := s.v.Args[1].IsConst(); ok {
		return windowByte{set: true, k: uint8(uint64(x) >> (8 * i))}
	}
	return windowByte{set: true, v: s.v.Args[1], k: uint8(i)}
}

// cover returns stores that make the bytes, which begin at lo, what they are.
func (m *storeMerger) cover(bytes []windowByte, lo int) ([]newStore, bool) {
	set := 0
	for _, b := range bytes {
		if b.set {
			set++
		}
	}
	if set == 0 {
		return nil, true
	}
	if set == len(bytes) {
		if s, ok := m.single(bytes, lo); ok {
			return []newStore{s}, true
		}
	}
	n := len(bytes) / 2
	if n == 0 {
		return nil, false
	}
	first, ok := m.cover(bytes[:n], lo)
	if !ok {
		return nil, false
	}
	second, ok := m.cover(bytes[n:], lo+n)
	return append(first, second...), ok
}

// single returns the one store that makes the bytes what they are, if there is
// one: of a constant, or of a value whose upper bytes are known to be zero where
// its lower ones do not reach.
func (m *storeMerger) single(bytes []windowByte, lo int) (newStore, bool) {
	n := len(bytes)
	s := newStore{lo: lo, size: n}
	low := 0 // the byte of least weight
	if m.f.Module.BigEndian {
		low = n - 1
	}
	s.v = bytes[low].v
	var x uint64
	zero := n // the first byte that must be zero
	for i := range n {
		b := bytes[i]
		k := i // its weight
		if m.f.Module.BigEndian {
			k = n - 1 - i
		}
		switch {
		case b.v == nil && s.v == nil:
			x |= uint64(b.k) << (8 * k)
		case b.v == nil && b.k == 0:
			zero = min(zero, k)
		case b.v != s.v || int(b.k) != k:
			return s, false
		}
	}
	if s.v == nil {
		s.x = int64(x)
		return s, n < windowSize || s.x >= math.MinInt32 && s.x <= math.MaxInt32
	}
	return s, zero == n || m.rangeOf(s.v).Hi>>(8*zero) == 0
}

func (m *storeMerger) rangeOf(v *ir.Value) ir.Range {
	if m.ranges == nil {
		m.ranges = ir.ComputeRanges(m.f, nil)
	}
	return m.ranges.At(v, m.b)
}

// rewrite puts the new stores in the place of the old.
func (m *storeMerger) rewrite() {
	b := m.b
	for i := 0; i < len(b.Values); i++ {
		old := b.Values[i]
		list, ok := m.instead[old]
		if !ok {
			continue
		}
		_, off := place(old.Args[0])
		for _, s := range list {
			v := s.v
			if v == nil {
				v = newConst(b, i, ir.I64, s.x, old.Pos)
				i++
			}
			mem := *old.Mem()
			p := old.Args[0]
			mem.Off, mem.Size = int32(m.base[old]+s.lo-int(off)), int32(s.size)
			w := b.InsertValue(i, ir.OpStore, ir.Void, old.Pos, p, v)
			w.Aux = &mem
			i++
		}
	}
	dropValues(b, func(v *ir.Value) bool { return m.dead[v] })
}
