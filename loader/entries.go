package loader

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/cilium/ebpf"
)

// Keys and values as bytes in memory order. What a map with a value for each CPU
// holds under a key are the values of all CPUs, one behind the other.

// MaxEntries returns how many entries the map may have.
func (m *Map) MaxEntries() uint32 { return m.m.MaxEntries() }

// Lookup returns the value under key, nil if there is none.
func (m *Map) Lookup(key []byte) ([]byte, error) {
	if !m.perCPU() {
		v, err := m.m.LookupBytes(key)
		return v, err
	}
	var each [][]byte
	err := m.m.Lookup(key, &each)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all := []byte{}
	for _, v := range each {
		all = append(all, v[:m.m.ValueSize()]...)
	}
	return all, nil
}

// ErrFull says that a map has no room for another entry.
var ErrFull = errors.New("the map is full")

// full is ErrFull where the kernel says that there is no room.
func full(err error) error {
	if errors.Is(err, syscall.E2BIG) {
		return ErrFull
	}
	return err
}

// Update stores a value; one value for all CPUs, or one for each.
func (m *Map) Update(key, value []byte) error {
	if !m.perCPU() {
		return full(m.m.Put(key, value))
	}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return err
	}
	size := int(m.m.ValueSize())
	if len(value) != size && len(value) != size*cpus {
		return fmt.Errorf("%d values are written, one for each CPU, and there are %d CPUs", len(value)/size, cpus)
	}
	each := make([][]byte, cpus)
	for i := range each {
		at := i * size % len(value)
		each[i] = value[at : at+size]
	}
	return full(m.m.Put(key, each))
}

// Delete removes an entry; it is no error if there is none.
func (m *Map) Delete(key []byte) error {
	err := m.m.Delete(key)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil
	}
	return err
}

// Keys returns the keys of all entries. A key that comes or goes meanwhile may be
// missing or not; every other one is there once.
func (m *Map) Keys() ([][]byte, error) {
	var keys [][]byte
	seen := map[string]bool{}
	var last any // a nil key asks for the first
	// Who stands on an entry that is deleted begins again: at most so often.
	for range 4*uint64(m.m.MaxEntries()) + 1024 {
		next, err := m.m.NextKeyBytes(last)
		if err != nil {
			return nil, err
		}
		if next == nil {
			break
		}
		last = next
		if !seen[string(next)] {
			seen[string(next)] = true
			keys = append(keys, next)
		}
	}
	return keys, nil
}

// Variable is a global variable of a loaded object.
type Variable struct{ v *ebpf.Variable }

// Variable returns the global variable called name.
func (o *Object) Variable(name string) (*Variable, error) {
	if o.coll == nil {
		return nil, errNotLoaded
	}
	v := o.coll.Variables[name]
	if v == nil {
		return nil, fmt.Errorf("no variable '%s' in the object", name)
	}
	return &Variable{v}, nil
}

// Get reads the variable into b, which must have its size.
func (v *Variable) Get(b []byte) error { return v.v.Get(b) }

// Set writes the variable.
func (v *Variable) Set(b []byte) error { return v.v.Set(b) }
