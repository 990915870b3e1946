package btf

import (
	"encoding/binary"
	"fmt"

	"github.com/cilium/ebpf/btf"
)

// Object is what the debug information of an object file says.
type Object struct {
	// Datasecs describe the sections of variables: .maps, license, .data and its
	// kin, and the virtual .kconfig and .ksyms.
	Datasecs []*btf.Datasec
	// Sections are those with functions, in the order of the file.
	Sections []Section
	// Types are further types to have in the object, for those who generate code
	// from it: records sent through a ring buffer, for one.
	Types []btf.Type
}

// Section is the debug information of a section of instructions. Offsets are
// bytes from its start; the lists need not be sorted.
type Section struct {
	Name  string
	Funcs []FuncInfo
	Lines []LineInfo
	Relos []Relo
}

// FuncInfo says that a function starts at Offset.
type FuncInfo struct {
	Offset uint32
	Func   *btf.Func
}

// LineInfo says that the instructions from Offset on, up to the next LineInfo,
// come from a line of the source. The first instruction of each function needs
// one. One that repeats its predecessor is left out.
type LineInfo struct {
	Offset uint32
	File   string // the name that messages show
	Text   string // the line's text
	Line   uint32 // from 1
	Column uint32 // from 1; 0 if unknown
}

// Relo says that the instruction at Offset holds a quantity of the running
// kernel's types (CO-RE): the loader puts the kernel's value there.
type Relo struct {
	Offset uint32
	Type   btf.Type // the root of the access, as the program knows it
	// Path leads from the root to the field: an array index first (0 for the root
	// itself), then member numbers and array indices. {0} for quantities of a
	// type, {n} for the enumerator number n.
	Path []int
	Kind ReloKind
}

// ReloKind is the quantity that a Relo asks for.
type ReloKind uint32

// The quantities.
const (
	FieldByteOffset ReloKind = iota
	FieldByteSize
	FieldExists
	FieldSigned
	FieldLShift64
	FieldRShift64
	TypeIDLocal
	TypeIDTarget
	TypeExists
	TypeSize
	EnumValueExists
	EnumValue
	TypeMatches

	numReloKinds
)

// Marshal returns the contents of .BTF and .BTF.ext.
func (o *Object) Marshal(order binary.ByteOrder) (types, ext []byte, err error) {
	if order != binary.LittleEndian && order != binary.BigEndian {
		return nil, nil, fmt.Errorf("btf: byte order %v is neither binary.LittleEndian nor binary.BigEndian", order)
	}
	types, ext, err = o.marshal(order.(byteOrder))
	if err != nil {
		return nil, nil, fmt.Errorf("btf: %w", err)
	}
	return types, ext, nil
}

// A byteOrder writes numbers in place and at the end; both of encoding/binary's do.
type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

func (o *Object) marshal(order byteOrder) (types, ext []byte, err error) {
	// Equal types may come as different pointers: the builder finds them.
	b, err := btf.NewBuilder(nil, &btf.BuilderOptions{Deduplicate: true})
	if err != nil {
		return nil, nil, err
	}
	c := newCopier()
	add := func(t btf.Type) (btf.TypeID, error) {
		cpy, err := c.root(t)
		if err != nil {
			return 0, err
		}
		return b.Add(cpy)
	}
	e := extWriter{order: order, typeID: add}
	sections, err := pruneRelos(o.Sections)
	if err != nil {
		return nil, nil, err
	}
	if err := e.collect(sections); err != nil {
		return nil, nil, err
	}
	names := make(map[string]bool)
	for _, ds := range o.Datasecs {
		if ds == nil || names[ds.Name] {
			return nil, nil, fmt.Errorf("a section of variables is nil or described twice")
		}
		names[ds.Name] = true
		if err := checkDatasec(ds); err != nil {
			return nil, nil, fmt.Errorf("section %q: %w", ds.Name, err)
		}
		if _, err := add(ds); err != nil {
			return nil, nil, fmt.Errorf("section %q: %w", ds.Name, err)
		}
	}
	for _, t := range o.Types {
		if _, err := add(t); err != nil {
			return nil, nil, err
		}
	}
	types, err = b.Marshal(nil, &btf.MarshalOptions{Order: order})
	if err != nil {
		return nil, nil, err
	}
	types, offsets, err := appendStrings(types, order, e.strings)
	if err != nil {
		return nil, nil, err
	}
	return types, e.bytes(offsets), nil
}
