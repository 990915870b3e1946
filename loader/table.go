package loader

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
)

// Map is a map in the kernel.
type Map struct{ m *ebpf.Map }

// Entry is one entry of a map as bytes in memory order. Values has one element,
// in a per-CPU map one for each possible CPU.
type Entry struct {
	Key    []byte
	Values [][]byte
}

// Map returns the map called name.
func (o *Object) Map(name string) (*Map, error) {
	if o.coll == nil {
		return nil, errNotLoaded
	}
	m := o.coll.Maps[name]
	if m == nil {
		return nil, fmt.Errorf("no map '%s' in the object; it has %s", name, strings.Join(o.Maps(), ", "))
	}
	return &Map{m}, nil
}

func (m *Map) perCPU() bool {
	switch m.m.Type() {
	case ebpf.PerCPUArray, ebpf.PerCPUHash, ebpf.LRUCPUHash:
		return true
	}
	return false
}

// Get returns the number stored under the number key, over all CPUs added up,
// and whether there is an entry. Key and value must be 1, 2, 4 or 8 bytes.
func (m *Map) Get(key uint64) (n uint64, ok bool, err error) {
	k, err := encode(key, m.m.KeySize())
	if err != nil {
		return 0, false, err
	}
	var values [][]byte
	if m.perCPU() {
		err = m.m.Lookup(k, &values)
	} else {
		var v []byte
		v, err = m.m.LookupBytes(k)
		if v == nil && err == nil {
			return 0, false, nil
		}
		values = [][]byte{v}
	}
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	for _, v := range values {
		x, err := decode(v[:m.m.ValueSize()])
		if err != nil {
			return 0, false, err
		}
		n += x
	}
	return n, true, nil
}

// Put stores the number value under the number key, for every CPU.
func (m *Map) Put(key, value uint64) error {
	k, err := encode(key, m.m.KeySize())
	if err != nil {
		return err
	}
	v, err := encode(value, m.m.ValueSize())
	if err != nil {
		return err
	}
	if !m.perCPU() {
		return m.m.Put(k, v)
	}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return err
	}
	values := make([][]byte, cpus)
	for i := range values {
		values[i] = v
	}
	return m.m.Put(k, values)
}

// Entries returns all entries, sorted by the bytes of their keys. Entries that
// come or go meanwhile may be missed or not.
func (m *Map) Entries() ([]Entry, error) {
	var all []Entry
	it := m.m.Iterate()
	var key []byte
	if m.perCPU() {
		var values [][]byte
		for it.Next(&key, &values) {
			e := Entry{Key: bytes.Clone(key)}
			for _, v := range values {
				e.Values = append(e.Values, bytes.Clone(v[:m.m.ValueSize()]))
			}
			all = append(all, e)
		}
	} else {
		var value []byte
		for it.Next(&key, &value) {
			all = append(all, Entry{bytes.Clone(key), [][]byte{bytes.Clone(value)}})
		}
	}
	if err := it.Err(); err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b Entry) int { return bytes.Compare(a.Key, b.Key) })
	return all, nil
}

// Number returns b as an unsigned number in this machine's byte order; b must
// be 1, 2, 4 or 8 bytes.
func Number(b []byte) (uint64, error) { return decode(b) }

func decode(b []byte) (uint64, error) {
	switch len(b) {
	case 1:
		return uint64(b[0]), nil
	case 2:
		return uint64(binary.NativeEndian.Uint16(b)), nil
	case 4:
		return uint64(binary.NativeEndian.Uint32(b)), nil
	case 8:
		return binary.NativeEndian.Uint64(b), nil
	}
	return 0, fmt.Errorf("%d bytes are not a number", len(b))
}

func encode(n uint64, size uint32) ([]byte, error) {
	if size < 8 && n>>(8*size) != 0 {
		return nil, fmt.Errorf("%d does not fit in %d bytes", n, size)
	}
	b := make([]byte, size)
	switch size {
	case 1:
		b[0] = byte(n)
	case 2:
		binary.NativeEndian.PutUint16(b, uint16(n))
	case 4:
		binary.NativeEndian.PutUint32(b, uint32(n))
	case 8:
		binary.NativeEndian.PutUint64(b, n)
	default:
		return nil, fmt.Errorf("a number has 1, 2, 4 or 8 bytes, not %d", size)
	}
	return b, nil
}
