package interp

import (
	"bytes"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/luabpfc/luabpfc/ir"
)

// Error numbers that helpers return, negated.
const (
	enoent = 2
	e2big  = 7
	enomem = 12
	efault = 14
	eexist = 17
	einval = 22

	eopnotsupp = 95
)

// Update flags.
const (
	updateAny     = 0
	updateNoExist = 1
	updateExist   = 2
)

// Entry is a map's entry as user space sees it.
type Entry struct {
	Key    []byte
	Values [][]byte // one of a plain map, one for each CPU of a per-CPU map
}

// mapState is a map's contents.
type mapState struct {
	decl    *ir.Map
	self    *object // what an OpMapRef is
	cpus    int     // copies of each value
	entries map[string]*entry
	queue   [][]byte // of a queue or stack, in order; what a bloom filter has
	records [][]byte // sent to user space and not taken yet
	open    []*object
	clock   int     // of uses, for eviction
	local   *object // storage of the one cgroup
}

// entry is one entry. An array's entries are made when first touched.
type entry struct {
	key    []byte
	values []*object
	used   int
}

func newMapState(d *ir.Map, cpus int) *mapState {
	s := &mapState{decl: d, cpus: 1, entries: map[string]*entry{}}
	if d.Type.PerCPU {
		s.cpus = cpus
	}
	s.self = &object{name: "map " + d.Name, mp: s}
	return s
}

func (s *mapState) newValue() *object {
	return &object{name: "a value of map " + s.decl.Name, region: ir.RegionMap, data: make([]byte, s.decl.ValueSize)}
}

func (s *mapState) newEntry(key []byte) *entry {
	e := &entry{key: append([]byte(nil), key...)}
	for range s.cpus {
		e.values = append(e.values, s.newValue())
	}
	s.entries[string(key)] = e
	return e
}

// index returns the index an array's key is, ok if there is such an entry.
func (s *mapState) index(key []byte, bigEndian bool) (uint64, bool) {
	i := getNumber(key, bigEndian)
	return i, i < uint64(s.decl.MaxEntries)
}

// find returns the entry that a lookup of key finds, or nil.
func (s *mapState) find(key []byte, bigEndian bool) *entry {
	e := s.entries[string(key)]
	if s.isTrie() {
		e = s.longest(key, bigEndian)
	}
	if e == nil && s.decl.Type.Array {
		if _, ok := s.index(key, bigEndian); ok {
			e = s.newEntry(key)
		}
	}
	if e != nil {
		s.clock++
		e.used = s.clock
	}
	return e
}

// value returns the copy of e's value that cpu sees.
func (s *mapState) value(e *entry, cpu int) *object {
	if s.cpus == 1 {
		return e.values[0]
	}
	return e.values[cpu]
}

// update is bpf_map_update_elem on cpu; it returns 0 or a negative error.
func (s *mapState) update(key, value []byte, flags uint64, cpu int, bigEndian bool) int {
	if flags > updateExist {
		return -einval
	}
	e := s.find(key, bigEndian)
	if s.isTrie() {
		e = s.samePrefix(key, bigEndian)
	}
	switch {
	case s.decl.Type.Array && e == nil:
		return -e2big
	case e != nil && flags == updateNoExist:
		return -eexist
	case e == nil && flags == updateExist:
		return -enoent
	}
	if e == nil {
		if uint32(len(s.entries)) >= s.decl.MaxEntries && !s.evict() {
			return -e2big
		}
		e = s.newEntry(key)
		s.clock++
		e.used = s.clock
	} else if !s.decl.Type.Array && !s.decl.Type.PerCPU {
		// A hash map replaces the element: addresses of the old one may by
		// then be another key's.
		e.values[0].dead = "the entry was assigned to"
		e.values[0] = s.newValue()
	}
	copy(s.value(e, cpu).data, value)
	return 0
}

// updateAll sets the value on every CPU, as user space does.
func (s *mapState) updateAll(key, value []byte, bigEndian bool) int {
	for cpu := range s.cpus {
		if errno := s.update(key, value, updateAny, cpu, bigEndian); errno != 0 {
			return errno
		}
	}
	return 0
}

// evict removes the entry used longest ago, if the map does so when full.
func (s *mapState) evict() bool {
	if !strings.HasPrefix(s.decl.Type.Name, "lru_") {
		return false
	}
	var old *entry
	for _, e := range s.entries {
		if old == nil || e.used < old.used {
			old = e
		}
	}
	s.remove(old, "the entry was evicted")
	return true
}

func (s *mapState) remove(e *entry, why string) {
	for _, v := range e.values {
		v.dead = why
	}
	delete(s.entries, string(e.key))
}

// delete is bpf_map_delete_elem.
func (s *mapState) delete(key []byte, bigEndian bool) int {
	if s.decl.Type.Array {
		return -einval
	}
	e := s.entries[string(key)]
	if s.isTrie() {
		e = s.samePrefix(key, bigEndian)
	}
	if e == nil {
		return -enoent
	}
	s.remove(e, "the entry was deleted")
	return 0
}

// inOrder visits the entries in order of their keys, all of an array's. An
// array's are made as they are visited: few of many may be.
func (s *mapState) inOrder(bigEndian bool) iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		if s.decl.Type.Array {
			for i := range s.decl.MaxEntries {
				if !yield(s.find(putNumber(uint64(i), 4, bigEndian), bigEndian)) {
					return
				}
			}
			return
		}
		l := slices.SortedFunc(maps.Values(s.entries), func(a, b *entry) int { return bytes.Compare(a.key, b.key) })
		for _, e := range l {
			if !yield(e) {
				return
			}
		}
	}
}

func (m *Machine) mapNamed(name string) *mapState {
	for _, d := range m.module.Maps {
		if d.Name == name {
			return m.maps[d]
		}
	}
	return nil
}

// Entries returns the entries of a map: an array's by index, others by key. It
// returns nil if there is no such map.
func (m *Machine) Entries(name string) []Entry {
	s := m.mapNamed(name)
	if s == nil {
		return nil
	}
	var l []Entry
	for e := range s.inOrder(m.module.BigEndian) {
		x := Entry{Key: append([]byte(nil), e.key...)}
		for _, v := range e.values {
			x.Values = append(x.Values, append([]byte(nil), v.data...))
		}
		l = append(l, x)
	}
	return l
}

// Update sets an entry as user space does: on every CPU.
func (m *Machine) Update(name string, key, value []byte) error {
	s := m.mapNamed(name)
	if s == nil {
		return fmt.Errorf("there is no map '%s'", name)
	}
	if len(key) != int(s.decl.KeySize) || len(value) != int(s.decl.ValueSize) {
		return fmt.Errorf("map %s has keys of %d and values of %d bytes", name, s.decl.KeySize, s.decl.ValueSize)
	}
	if errno := s.updateAll(key, value, m.module.BigEndian); errno != 0 {
		return fmt.Errorf("map %s: update of %x: error %d", name, key, errno)
	}
	return nil
}
