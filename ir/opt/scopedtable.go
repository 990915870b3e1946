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
	aux    int64
	a, b   int32 // IDs of the arguments, and one; 0: none
	ver    int32
	detail int32 // 0: none
}

// hash mixes the key's numbers (the multiplier is 2^64 over the golden ratio).
func (k *vnKey) hash() uint32 {
	const m = 0x9e3779b97f4a7c15
	h := (uint64(k.op)<<8 | uint64(k.typ)) * m
	h = (h ^ h>>29 ^ uint64(k.aux)) * m
	h = (h ^ h>>29 ^ uint64(uint32(k.a))<<32 ^ uint64(uint32(k.b))) * m
	h = (h ^ h>>29 ^ uint64(uint32(k.ver))<<32 ^ uint64(uint32(k.detail))) * m
	return uint32(h >> 32)
}

type scopedEntry struct {
	key    vnKey
	leader leader
	hash   uint32
	next   int32 // one more than the number of what this hides; 0: nothing
}

type scopedTable struct {
	entries []scopedEntry
	heads   []int32 // by hash: one more than the number of the newest entry; a power of two
}

// find returns the leader of k, nil if there is none. It holds until the next
// put.
func (t *scopedTable) find(k vnKey) *leader {
	if len(t.heads) == 0 {
		return nil
	}
	h := k.hash()
	for i := t.heads[int(h)&(len(t.heads)-1)]; i > 0; i = t.entries[i-1].next {
		if e := &t.entries[i-1]; e.hash == h && e.key == k {
			return &e.leader
		}
	}
	return nil
}

// put makes l the leader of k.
func (t *scopedTable) put(k vnKey, l leader) {
	if len(t.entries) == len(t.heads) {
		t.grow()
	}
	h := k.hash()
	head := &t.heads[int(h)&(len(t.heads)-1)]
	t.entries = append(t.entries, scopedEntry{key: k, leader: l, hash: h, next: *head})
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
		head := &t.heads[int(entries[i].hash)&(n-1)]
		entries[i].next = *head
		*head = int32(i) + 1
	}
}

// forget drops the entries from number mark on.
func (t *scopedTable) forget(mark int) {
	for i := len(t.entries) - 1; i >= mark; i-- {
		e := &t.entries[i]
		t.heads[int(e.hash)&(len(t.heads)-1)] = e.next
	}
	clear(t.entries[mark:])
	t.entries = t.entries[:mark]
}
