package btf

import (
	"fmt"
	"math"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// Names that loaders know.
const (
	mapsSection    = ".maps"
	licenseSection = "license"

	// LicenseSymbol is the name of the variable in the section license.
	LicenseSymbol = "_license"
)

// slotBytes is the length of a member of a map's definition, and of a slot of its
// values: pointers, all of them.
const slotBytes = 8

// MapDef defines a map. What is zero or nil is left out, as if the C source did
// not mention it.
type MapDef struct {
	Name       string
	Type       uint32 // BPF_MAP_TYPE_*
	MaxEntries uint32
	Flags      uint32 // BPF_F_*
	Key, Value btf.Type
	KeySize    uint32 // where there is no Key
	ValueSize  uint32 // where there is no Value
	Pinning    uint32 // 1: by name
	NUMANode   uint32
	Extra      uint32 // map_extra

	// Inner defines the maps that a map of maps holds. It has no name.
	Inner *MapDef
	// Programs says that the map holds programs of the object, in Slots.
	Programs bool
	// Slots is the number of values that the object fills in by relocations
	// (type R_BPF_64_ABS64, to a map's or a program's symbol), for a map of maps
	// or of programs.
	Slots uint32
}

// Place is where a map's definition lies in the section .maps.
type Place struct {
	Offset, Size uint32 // for the map's symbol
	Slots        uint32 // offset in the section of the first of MapDef.Slots, eight bytes each
}

// Maps returns the description of the section .maps and each map's place in it.
// The section itself is ds.Size zero bytes, aligned to eight.
func Maps(defs []MapDef) (ds *btf.Datasec, places []Place, err error) {
	ds = &btf.Datasec{Name: mapsSection}
	for i := range defs {
		m := &defs[i]
		if err := checkName("map", m.Name); err != nil {
			return nil, nil, err
		}
		def, err := m.definition(false)
		if err != nil {
			return nil, nil, fmt.Errorf("map %s: %w", m.Name, err)
		}
		size := uint64(def.Size) + uint64(m.Slots)*slotBytes
		if uint64(ds.Size)+size > math.MaxInt32 {
			return nil, nil, fmt.Errorf("map %s: %d slots are too many", m.Name, m.Slots)
		}
		places = append(places, Place{Offset: ds.Size, Size: uint32(size), Slots: ds.Size + def.Size})
		ds.Vars = append(ds.Vars, btf.VarSecinfo{
			Type:   &btf.Var{Name: m.Name, Type: def, Linkage: btf.GlobalVar},
			Offset: ds.Size,
			Size:   uint32(size),
		})
		ds.Size += uint32(size)
	}
	return ds, places, nil
}

// check reports what a loader would refuse.
func (m *MapDef) check(inner bool) error {
	switch {
	case m.Type == 0:
		return fmt.Errorf("no type")
	case m.Key != nil && m.KeySize != 0:
		return fmt.Errorf("both a key type and a key size")
	case m.Value != nil && m.ValueSize != 0:
		return fmt.Errorf("both a value type and a value size")
	case inner && (m.Name != "" || m.Pinning != 0 || m.Inner != nil || m.Programs):
		return fmt.Errorf("an inner map is pinned, has a name, or holds maps or programs")
	case m.Inner != nil && m.Programs:
		return fmt.Errorf("a map holds maps or programs, not both")
	case m.Slots != 0 && m.Inner == nil && !m.Programs:
		return fmt.Errorf("values to fill in, but neither maps nor programs")
	case (m.Inner != nil || m.Programs) && (m.Value != nil || m.ValueSize != 0 && m.ValueSize != 4):
		return fmt.Errorf("a map of maps or programs has a value type")
	}
	for _, t := range []btf.Type{m.Key, m.Value} {
		if t == nil {
			continue
		}
		if n, err := btf.Sizeof(t); err != nil || n == 0 {
			return fmt.Errorf("the key or the value has no size")
		}
	}
	return nil
}

// definition returns the structure that defines the map. A number is spelled as
// a pointer to an array of that length, a type as a pointer to it.
func (m *MapDef) definition(inner bool) (*btf.Struct, error) {
	if err := m.check(inner); err != nil {
		return nil, err
	}
	def := &btf.Struct{}
	member := func(name string, t btf.Type) {
		def.Members = append(def.Members, btf.Member{Name: name, Type: t, Offset: btf.Bits(def.Size * 8)})
		def.Size += slotBytes
	}
	num := func(name string, n uint32) {
		if n != 0 {
			member(name, &btf.Pointer{Target: array(n)})
		}
	}
	typ := func(name string, t btf.Type, size uint32) {
		if t != nil {
			member(name, &btf.Pointer{Target: t})
			return
		}
		num(name+"_size", size)
	}
	num("type", m.Type)
	num("max_entries", m.MaxEntries)
	num("map_flags", m.Flags)
	typ("key", m.Key, m.KeySize)
	typ("value", m.Value, m.ValueSize)
	num("pinning", m.Pinning)
	num("numa_node", m.NUMANode)
	num("map_extra", m.Extra)

	var held btf.Type
	switch {
	case m.Inner != nil:
		t, err := m.Inner.definition(true)
		if err != nil {
			return nil, fmt.Errorf("inner map: %w", err)
		}
		held = t
	case m.Programs:
		held = &btf.FuncProto{Return: cInt()}
	default:
		return def, nil
	}
	// The array is the last member and has no length: the variable is longer than
	// its type by the slots.
	member("values", &btf.Array{Index: arrayIndex(), Type: &btf.Pointer{Target: held}})
	def.Size -= slotBytes
	return def, nil
}

// RecordType returns the type definition by which an object says what the records of
// a ring buffer or perf buffer are: no part of the map's definition that loaders
// agree on does.
func RecordType(name string, t btf.Type) btf.Type {
	return &btf.Typedef{Name: name + "_record", Type: t}
}

// array returns an array type of n elements. The kernel refuses types of 4 GiB
// or more, loaders look at the number only: large numbers count bytes.
func array(n uint32) *btf.Array {
	elem := cInt()
	if n > math.MaxUint32/elem.Size {
		elem = cChar()
	}
	return &btf.Array{Index: arrayIndex(), Type: elem, Nelems: n}
}

func cInt() *btf.Int  { return &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed} }
func cChar() *btf.Int { return &btf.Int{Name: "char", Size: 1, Encoding: btf.Char} }

// arrayIndex is what C compilers give as the type of array indices.
func arrayIndex() *btf.Int { return &btf.Int{Name: "__ARRAY_SIZE_TYPE__", Size: 4} }

// License returns the description of the section license and its contents.
func License(license string) (ds *btf.Datasec, contents []byte, err error) {
	if license == "" || strings.IndexByte(license, 0) >= 0 {
		return nil, nil, fmt.Errorf("license %q is empty or holds a zero byte", license)
	}
	contents = append([]byte(license), 0)
	n := uint32(len(contents))
	v := &btf.Var{Name: LicenseSymbol, Linkage: btf.GlobalVar,
		Type: &btf.Array{Index: arrayIndex(), Type: cChar(), Nelems: n}}
	return &btf.Datasec{Name: licenseSection, Size: n, Vars: []btf.VarSecinfo{{Type: v, Size: n}}}, contents, nil
}
