package kernel

import "fmt"

// MapOp is something that a program can do with a map of a type.
type MapOp uint32

const (
	// MapLookup finds an entry by its key; MapWrite may write through what was
	// found.
	MapLookup MapOp = 1 << iota
	MapWrite
	MapUpdate
	MapDelete
	// MapPush, MapPop and MapPeek go by no key.
	MapPush
	MapPop
	MapPeek
	// MapEach is bpf_for_each_map_elem.
	MapEach
	// MapOutput sends a copy of a record to user space, MapReserve makes one in
	// place.
	MapOutput
	MapReserve
	// MapStack keeps the stacks that bpf_get_stackid finds.
	MapStack
	MapTailCall
	MapRedirect
	// MapInner: what a lookup finds is a map.
	MapInner
	// MapStorage: the key is an object of the kernel.
	MapStorage
	// MapDrain reads what user space sends.
	MapDrain

	mapEntries = MapLookup | MapWrite | MapUpdate | MapDelete
)

// Sizes is what the kernel accepts as the size of keys or values: Min to Max in
// steps of Step. All zero: there are none.
type Sizes struct{ Min, Max, Step uint32 }

// Ok reports whether n is such a size.
func (s Sizes) Ok(n uint32) bool {
	return n >= s.Min && n <= s.Max && (s.Step == 0 || n%s.Step == 0)
}

// None reports whether there are no keys or values.
func (s Sizes) None() bool { return s.Max == 0 }

// String names the sizes: "4 bytes", "1 to 512 bytes".
func (s Sizes) String() string {
	switch {
	case s.Min == s.Max:
		return fmt.Sprintf("%d bytes", s.Min)
	case s.Step > 1 && s.Min+s.Step == s.Max:
		return fmt.Sprintf("%d or %d bytes", s.Min, s.Max)
	case s.Step > 1:
		return fmt.Sprintf("%d to %d bytes, a multiple of %d", s.Min, s.Max, s.Step)
	}
	return fmt.Sprintf("%d to %d bytes", s.Min, s.Max)
}

// Entries is what max_entries of a type means.
type Entries uint8

const (
	EntriesCount Entries = iota // a number of entries, not 0
	EntriesZero                 // always 0: the objects of the kernel bound it
	EntriesCPUs                 // 0 for one per CPU, which loaders fill in
	EntriesBytes                // a ring's bytes: a power of two of whole pages
	EntriesPages                // pages of memory
)

// Defaults of max_entries, and the least size of a page.
const (
	DefaultEntries   = 4096
	DefaultRingBytes = 256 << 10
	PageBytes        = 4096
)

// Default is max_entries where the script says nothing.
func (e Entries) Default() uint32 {
	switch e {
	case EntriesZero, EntriesCPUs:
		return 0
	case EntriesBytes:
		return DefaultRingBytes
	}
	return DefaultEntries
}

// Flags of maps, BPF_F_*.
const (
	MapNoPrealloc = 1 << 0
	MapNUMANode   = 1 << 2
	MapMmapable   = 1 << 10
)

// MapType is a kind of map.
type MapType struct {
	Name  string // as the language and bpftool write it
	ID    int    // enum bpf_map_type
	First Version
	// PerCPU: a program sees its CPU's copy of each value.
	PerCPU bool
	// Array: keys are uint32_t indices below max_entries; entries always exist
	// and can't be deleted.
	Array bool
	// Flags that the kernel requires for the type.
	Flags uint32
	// Key and Value are the sizes that the kernel accepts.
	Key, Value Sizes
	// Records: what a script gives as the type of values is that of records
	// sent through the map; the kernel's values are of size Value.Min.
	Records bool
	// Types: the kernel takes (or wants) the BTF types of keys and values.
	Types   bool
	Entries Entries
	Ops     MapOp
}

// Can reports whether programs can do op with maps of the type.
func (t *MapType) Can(op MapOp) bool { return t.Ops&op == op }

var (
	anyKey   = Sizes{1, 512, 0}
	index    = Sizes{4, 4, 0}
	anyValue = Sizes{1, 1 << 30, 0}
	fd       = Sizes{4, 4, 0}
	fdOrMore = Sizes{4, 8, 4}
)

// MapTypes are the map types that a script can make. Sources: UAPI enum
// bpf_map_type; map_alloc_check of each type for sizes and flags;
// check_map_func_compatibility of the verifier for Ops; libbpf's
// bpf_object__create_map for Types.
var MapTypes = []*MapType{
	{Name: "hash", ID: 1, First: Version{3, 19}, Key: anyKey, Value: anyValue, Types: true, Ops: mapEntries | MapEach},
	{Name: "array", ID: 2, First: Version{3, 19}, Array: true, Key: index, Value: anyValue, Types: true, Ops: mapEntries&^MapDelete | MapEach},
	{Name: "prog_array", ID: 3, First: Version{4, 2}, Key: index, Value: fd, Ops: MapTailCall},
	{Name: "perf_event_array", ID: 4, First: Version{4, 3}, Key: index, Value: fd, Records: true, Entries: EntriesCPUs, Ops: MapOutput},
	{Name: "percpu_hash", ID: 5, First: Version{4, 6}, PerCPU: true, Key: anyKey, Value: Sizes{1, 32 << 10, 0}, Types: true, Ops: mapEntries | MapEach},
	{Name: "percpu_array", ID: 6, First: Version{4, 6}, PerCPU: true, Array: true, Key: index, Value: Sizes{1, 32 << 10, 0}, Types: true, Ops: mapEntries&^MapDelete | MapEach},
	{Name: "stack_trace", ID: 7, First: Version{4, 6}, Key: index, Value: Sizes{8, 127 * 8, 8}, Ops: MapStack},
	{Name: "cgroup_array", ID: 8, First: Version{4, 8}, Key: index, Value: fd},
	{Name: "lru_hash", ID: 9, First: Version{4, 10}, Key: anyKey, Value: anyValue, Types: true, Ops: mapEntries | MapEach},
	{Name: "lru_percpu_hash", ID: 10, First: Version{4, 10}, PerCPU: true, Key: anyKey, Value: Sizes{1, 32 << 10, 0}, Types: true, Ops: mapEntries | MapEach},
	{Name: "lpm_trie", ID: 11, First: Version{4, 11}, Flags: MapNoPrealloc, Key: Sizes{5, 260, 0}, Value: anyValue, Types: true, Ops: mapEntries},
	{Name: "array_of_maps", ID: 12, First: Version{4, 12}, Key: index, Value: fd, Ops: MapLookup | MapInner},
	{Name: "hash_of_maps", ID: 13, First: Version{4, 12}, Key: anyKey, Value: fd, Ops: MapLookup | MapInner},
	{Name: "devmap", ID: 14, First: Version{4, 14}, Key: index, Value: fdOrMore, Ops: MapRedirect},
	{Name: "sockmap", ID: 15, First: Version{4, 14}, Key: index, Value: fdOrMore, Ops: MapRedirect},
	{Name: "cpumap", ID: 16, First: Version{4, 15}, Key: index, Value: fdOrMore, Ops: MapRedirect},
	{Name: "xskmap", ID: 17, First: Version{4, 18}, Key: index, Value: fd, Ops: MapRedirect},
	{Name: "sockhash", ID: 18, First: Version{4, 18}, Key: anyKey, Value: fdOrMore, Ops: MapRedirect},
	{Name: "cgroup_storage", ID: 19, First: Version{4, 19}, Key: Sizes{8, 16, 8}, Value: anyValue, Entries: EntriesZero, Ops: MapStorage},
	{Name: "reuseport_sockarray", ID: 20, First: Version{4, 19}, Key: index, Value: fdOrMore, Ops: MapRedirect},
	{Name: "percpu_cgroup_storage", ID: 21, First: Version{4, 20}, PerCPU: true, Key: Sizes{8, 16, 8}, Value: Sizes{1, 32 << 10, 0}, Entries: EntriesZero, Ops: MapStorage},
	{Name: "queue", ID: 22, First: Version{4, 20}, Value: anyValue, Ops: MapPush | MapPop | MapPeek},
	{Name: "stack", ID: 23, First: Version{4, 20}, Value: anyValue, Ops: MapPush | MapPop | MapPeek},
	{Name: "sk_storage", ID: 24, First: Version{5, 2}, Flags: MapNoPrealloc, Key: index, Value: anyValue, Types: true, Entries: EntriesZero, Ops: MapStorage},
	{Name: "devmap_hash", ID: 25, First: Version{5, 4}, Key: index, Value: fdOrMore, Ops: MapRedirect},
	{Name: "ringbuf", ID: 27, First: Version{5, 8}, Records: true, Entries: EntriesBytes, Ops: MapOutput | MapReserve},
	{Name: "inode_storage", ID: 28, First: Version{5, 10}, Flags: MapNoPrealloc, Key: index, Value: anyValue, Types: true, Entries: EntriesZero, Ops: MapStorage},
	{Name: "task_storage", ID: 29, First: Version{5, 11}, Flags: MapNoPrealloc, Key: index, Value: anyValue, Types: true, Entries: EntriesZero, Ops: MapStorage},
	{Name: "bloom_filter", ID: 30, First: Version{5, 16}, Value: anyValue, Types: true, Ops: MapPush | MapPeek},
	{Name: "user_ringbuf", ID: 31, First: Version{6, 1}, Records: true, Entries: EntriesBytes, Ops: MapDrain},
	{Name: "cgrp_storage", ID: 32, First: Version{6, 2}, Flags: MapNoPrealloc, Key: index, Value: anyValue, Types: true, Entries: EntriesZero, Ops: MapStorage},
	{Name: "arena", ID: 33, First: Version{6, 9}, Flags: MapMmapable, Entries: EntriesPages},
}

// MapTypeByName returns the type called name.
func MapTypeByName(name string) (*MapType, bool) {
	for _, t := range MapTypes {
		if t.Name == name {
			return t, true
		}
	}
	return nil, false
}

// CheckEntries returns what is wrong with max_entries n, "" if nothing is.
func (t *MapType) CheckEntries(n uint32) string {
	switch t.Entries {
	case EntriesZero:
		if n != 0 {
			return "its entries belong to objects of the kernel: max_entries must be 0 or nil"
		}
	case EntriesBytes:
		if n < PageBytes || n&(n-1) != 0 {
			return fmt.Sprintf("max_entries is its size in bytes, a power of two of at least %d", PageBytes)
		}
	case EntriesCPUs:
	default:
		if n == 0 {
			return "max_entries must not be 0"
		}
	}
	return ""
}
