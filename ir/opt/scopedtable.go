package opt

import (
	"math/bits"

	"github.com/luabpfc/luabpfc/ir"
)

// A scoped hash table, for the walk over the dominator tree in gvn.go: what is
// put last is found first, and the table goes back to what it was by forgetting
// the newest entries. So entries lie in one slice in the order in which they
// came, each with the number of the one it hides in its bucket; to forget is to
// cut the slice, and there is no record of what to undo.

// vnKey identifies a computation. There is one for each value, so it is small:
// what few values have is a detail, which it names by number.
type vnKey struct {
	op     ir.Op
	typ    ir.Type
	sum    uint32 // 0 until the key is hashed
	aux    int64
	a, b   int32 // IDs of the arguments, and one; 0: none
	ver    int32
	detail int32 // 0: none
}

// hashed returns k with its sum, which mixes the numbers (the multiplier is 2^64
// over the golden ratio).
func (k vnKey) hashed() vnKey {
	const m = 0x9e3779b97f4a7c15
	h := (uint64(k.op)<<8 | uint64(k.typ)) * m
	h = (h ^ h>>29 ^ uint64(k.aux)) * m
	h = (h ^ h>>29 ^ uint64(uint32(k.a))<<32 ^ uint64(uint32(k.b))) * m
	h = (h ^ h>>29 ^ uint64(uint32(k.ver))<<32 ^ uint64(uint32(k.detail))) * m
	k.sum = uint32(h >> 32)
	return k
}

// leader is what stands for a computation: a value, or a constant that is made
// when it is needed first.
type leader struct {
	v     *ir.Value // nil: a constant
	konst int32     // its number in numberer.consts
}

type scopedEntry struct {
	key   vnKey
	v     *ir.Value // the leader
	konst int32     // likewise
	next  int32     // one more than the number of what this hides; 0: nothing
}

type scopedTable struct {
	entries []scopedEntry
	heads   []int32 // by hash: one more than the number of the newest entry; a power of two
}

// find returns the leader of k, a hashed key, if there is one.
func (t *scopedTable) find(k vnKey) (l leader, ok bool) {
	if len(t.heads) == 0 {
		return leader{}, false
	}
	for i := t.heads[int(k.sum)&(len(t.heads)-1)]; i > 0; i = t.entries[i-1].next {
		if e := &t.entries[i-1]; e.key == k {
			return leader{e.v, e.konst}, true
		}
	}
	return leader{}, false
}

// put makes l the leader of k, a hashed key.
func (t *scopedTable) put(k vnKey, l leader) {
	if len(t.entries) == len(t.heads) {
		t.grow()
	}
	head := &t.heads[int(k.sum)&(len(t.heads)-1)]
	t.entries = append(t.entries, scopedEntry{k, l.v, l.konst, *head})
	*head = int32(len(t.entries))
}

// reserve makes room for about n entries in a table that has none yet.
func (t *scopedTable) reserve(n int) {
	if len(t.heads) == 0 && n > 8 {
		t.resize(1 << bits.Len(uint(n-1)))
	}
}

// grow doubles the buckets.
func (t *scopedTable) grow() { t.resize(max(16, 2*len(t.heads))) }

func (t *scopedTable) resize(n int) {
	t.heads = make([]int32, n)
	entries := make([]scopedEntry, len(t.entries), n)
	copy(entries, t.entries)
	t.entries = entries
	for i := range entries {
		head := &t.heads[int(entries[i].key.sum)&(n-1)]
		entries[i].next = *head
		*head = int32(i) + 1
	}
}

// forget drops the entries from number mark on.
func (t *scopedTable) forget(mark int) {
	for i := len(t.entries) - 1; i >= mark; i-- {
		e := &t.entries[i]
		t.heads[int(e.key.sum)&(len(t.heads)-1)] = e.next
	}
	clear(t.entries[mark:])
	t.entries = t.entries[:mark]
}
