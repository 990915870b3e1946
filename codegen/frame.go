package codegen

import (
	"slices"
	"sort"

	"github.com/luabpfc/luabpfc/codegen/bpf"
)

// Places on the stack.
//
// An object is live between two accesses of which the second may read what is
// there: some access comes before (forward problem) and some read comes later
// that no write of the whole object comes before (backward problem). A call
// accesses what its arguments point to. Two objects conflict when one is
// accessed where the other is live; objects without conflict may share bytes
// ("stack colouring"). An object whose address escapes conflicts with all.
//
// Slots and spills do not share with each other: the verifier treats a
// register on the stack differently from bytes, and without privileges refuses
// to overwrite part of one.
//
// Method: bit-vector data flow over the blocks, then first fit, the largest
// object first, from the frame pointer down. Cost: objects times blocks.

// maxStack is what the kernel gives a function and all its callers together.
const maxStack = 512

// bitset is a set of stack objects.
type bitset []uint64

func newBitset(n int) bitset       { return make(bitset, (n+63)/64) }
func (s bitset) has(i int32) bool  { return s[i/64]>>(i%64)&1 != 0 }
func (s bitset) add(i int32)       { s[i/64] |= 1 << (i % 64) }
func (s bitset) remove(i int32)    { s[i/64] &^= 1 << (i % 64) }
func (s bitset) copyFrom(t bitset) { copy(s, t) }

// bitsets are sets of one size, one after the other.
type bitsets struct {
	words int // of each
	all   bitset
}

// newBitsets returns count empty sets of up to n members.
func newBitsets(count, n int) bitsets {
	words := (n + 63) / 64
	return bitsets{words, make(bitset, count*words)}
}

// at returns set i.
func (s bitsets) at(i int) bitset { return s.all[i*s.words : (i+1)*s.words] }

// or adds t's members and reports whether s grew.
func (s bitset) or(t bitset) bool {
	grew := false
	for i, w := range t {
		if w&^s[i] != 0 {
			s[i] |= w
			grew = true
		}
	}
	return grew
}

// accesses returns what the instruction reads and writes on the stack; one is
// room for an access.
func (in *minst) accesses(one *[1]use) []use {
	if in.obj == 0 || in.op == opLea {
		if in.call == nil {
			return nil
		}
		return in.call.mem
	}
	u := use{obj: in.obj, off: in.off, size: int32(in.size)}
	switch {
	case in.op == bpf.Store:
		u.write = true
	case in.op.IsAtomic():
		u.read, u.write = true, true
	default:
		u.read = true
	}
	one[0] = u
	return one[:]
}

// frame is the work of placing the objects of one class.
type frame struct {
	m         *mfunc
	spill     bool
	conflicts bitsets // of each object
	parts     []parts // of each object, if words are kept apart (partial.go)
}

// placeObjects gives every object of a class that is accessed its place, starting
// start bytes below the frame pointer, and returns where the lowest ends. With
// apart, objects share no word of which a part is written while it may hold a
// number of another.
func (m *mfunc) placeObjects(spill, apart bool, start int) (bottom int) {
	if !slices.ContainsFunc(m.objs[1:], func(o object) bool { return o.spill == spill }) {
		return start
	}
	f := &frame{m: m, spill: spill, conflicts: newBitsets(len(m.objs), len(m.objs))}
	if apart {
		f.parts = m.findParts()
	}
	return f.place(f.findConflicts(), start)
}

// accesses returns what the instruction reads and writes of the class; one is room
// for an access.
func (f *frame) accesses(in *minst, one *[1]use) []use {
	if f.spill != f.m.objs[in.obj].spill {
		return nil
	}
	return in.accesses(one)
}

// findConflicts returns the objects that are accessed or whose address is taken.
func (f *frame) findConflicts() bitset {
	m, n := f.m, len(f.m.objs)
	index := make([]int, m.nblock)
	for i, b := range m.blocks {
		index[b.id] = i
	}
	used := newBitset(n)
	before, after := f.forward(index), f.backward(index)
	live := newBitset(n)
	var one [1]use
	var all bitset // what is accessed before each instruction, one after the other
	for i, b := range m.blocks {
		all = slices.Grow(all[:0], (len(b.insts)+1)*len(live))[:(len(b.insts)+1)*len(live)]
		seen := func(j int) bitset { return all[j*len(live) : (j+1)*len(live)] }
		seen(0).copyFrom(before.at(i))
		for j := range b.insts {
			cur := seen(j + 1)
			cur.copyFrom(seen(j))
			for _, u := range f.accesses(&b.insts[j], &one) {
				cur.add(u.obj)
			}
		}
		live.copyFrom(after.at(i))
		for j := len(b.insts) - 1; j >= 0; j-- {
			in := &b.insts[j]
			if in.obj != 0 && f.m.objs[in.obj].spill == f.spill {
				used.add(in.obj)
			}
			acc := f.accesses(in, &one)
			f.conflict(acc, live, seen(j+1))
			f.transfer(acc, live)
			f.conflict(acc, live, seen(j))
			for _, u := range acc {
				used.add(u.obj)
			}
		}
	}
	return used
}

// conflict notes that the objects accessed conflict with those live and with
// each other.
func (f *frame) conflict(acc []use, live, seen bitset) {
	for _, u := range acc {
		for o := range int32(len(f.m.objs)) {
			if o != u.obj && live.has(o) && seen.has(o) {
				f.conflicts.at(int(o)).add(u.obj)
				f.conflicts.at(int(u.obj)).add(o)
			}
		}
		for _, w := range acc {
			if w.obj != u.obj {
				f.conflicts.at(int(u.obj)).add(w.obj)
			}
		}
	}
}

// transfer steps backwards over an instruction.
func (f *frame) transfer(acc []use, live bitset) {
	for _, u := range acc {
		if u.write && !u.read && u.off == 0 && int(u.size) >= f.m.objs[u.obj].size {
			live.remove(u.obj)
		}
	}
	for _, u := range acc {
		if u.read {
			live.add(u.obj)
		}
	}
}

// forward returns the objects accessed on some way to each block.
func (f *frame) forward(index []int) bitsets {
	m := f.m
	in, gen := newBitsets(len(m.blocks), len(m.objs)), newBitsets(len(m.blocks), len(m.objs))
	var one [1]use
	for i, b := range m.blocks {
		for j := range b.insts {
			for _, u := range f.accesses(&b.insts[j], &one) {
				gen.at(i).add(u.obj)
			}
		}
	}
	for changed := true; changed; {
		changed = false
		for i, b := range m.blocks {
			for _, s := range b.succs() {
				t := in.at(index[s.id])
				if t.or(in.at(i)) {
					changed = true
				}
				if t.or(gen.at(i)) {
					changed = true
				}
			}
		}
	}
	return in
}

// backward returns the objects that may be read behind each block.
func (f *frame) backward(index []int) bitsets {
	m := f.m
	out := newBitsets(len(m.blocks), len(m.objs))
	var one [1]use
	live := newBitset(len(m.objs))
	for changed := true; changed; {
		changed = false
		for i := len(m.blocks) - 1; i >= 0; i-- {
			for _, s := range m.blocks[i].succs() {
				k := index[s.id]
				live.copyFrom(out.at(k))
				for j := len(s.insts) - 1; j >= 0; j-- {
					f.transfer(f.accesses(&s.insts[j], &one), live)
				}
				if out.at(i).or(live) {
					changed = true
				}
			}
		}
	}
	return out
}

// place gives the used objects their places.
func (f *frame) place(used bitset, start int) (bottom int) {
	m := f.m
	var order []int32
	for o := int32(1); int(o) < len(m.objs); o++ {
		if used.has(o) {
			order = append(order, o)
		}
	}
	sort.SliceStable(order, func(i, j int) bool { return m.objs[order[i]].size > m.objs[order[j]].size })
	bottom = start
	for i, o := range order {
		obj := &m.objs[o]
		at := start // the object's upper end
		for moved := true; moved; {
			moved = false
			end := (at + obj.size + obj.align - 1) / obj.align * obj.align
			if f.parts != nil && obj.small() && (end-1)%8 >= 4 {
				end = (at+7)/8*8 + (obj.size+obj.align-1)/obj.align*obj.align // the upper half of a word
			}
			at = end - obj.size
			for _, p := range order[:i] {
				if top, overlap := f.overlap(o, p, at); overlap {
					at, moved = top, true
				}
			}
		}
		obj.off = -(at + obj.size)
		bottom = max(bottom, at+obj.size)
	}
	return bottom
}

// overlap reports whether the object o, with its upper end at at, has bytes that it
// must not share with p, which has its place; top is then where p's end.
func (f *frame) overlap(o, p int32, at int) (top int, overlap bool) {
	obj, other := &f.m.objs[o], &f.m.objs[p]
	lo, hi := -other.off-other.size, -other.off
	from, to := at, at+obj.size
	switch {
	case f.parts != nil && !f.parts[o].shares(f.parts[p]):
		lo, hi, from, to = lo&^7, (hi+7)&^7, from&^7, (to+7)&^7
	case !obj.escapes && !other.escapes && !f.conflicts.at(int(o)).has(p):
		return 0, false
	}
	return hi, from < hi && lo < to
}
