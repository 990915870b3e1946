package bindings

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/luabpfc/luabpfc/elfwriter/manifest"
)

// Object is what user space sees of an object. Its lists are sorted by name.
type Object struct {
	ELF       []byte
	BigEndian bool
	Maps      []Map
	Programs  []Program
	Variables []Variable

	spec *ebpf.CollectionSpec
}

// Map is a map of an object.
type Map struct {
	Name       string
	Type       ebpf.MapType
	Key, Value btf.Type // nil if the object does not say
	Record     btf.Type // of the records of a ring buffer or perf buffer
	KeySize    uint32
	ValueSize  uint32
	Entries    []manifest.Entry // that it begins with, in the object's byte order
}

// Program is a program of an object.
type Program struct{ Name, Section string }

// Variable is a global variable of an object.
type Variable struct {
	Name, Section string
	Type          btf.Type // nil if the object does not say
	Size          uint32
}

// recordSuffix is behind a map's name in the name of the type of its records.
const recordSuffix = "_record"

// Read reads an object.
func Read(object []byte) (*Object, error) {
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(object))
	if err != nil {
		return nil, fmt.Errorf("reading the object: %w", err)
	}
	o := &Object{ELF: object, BigEndian: spec.ByteOrder == binary.BigEndian, spec: spec}
	for n, m := range spec.Maps {
		if strings.HasPrefix(n, ".") { // a section of variables
			continue
		}
		d := Map{Name: n, Type: m.Type, Key: m.Key, Value: m.Value, KeySize: m.KeySize, ValueSize: m.ValueSize}
		if m.Type == ebpf.RingBuf || m.Type == ebpf.PerfEventArray {
			d.Key, d.Value, d.Record = nil, nil, o.record(n, m)
		}
		o.Maps = append(o.Maps, d)
	}
	for n, p := range spec.Programs {
		o.Programs = append(o.Programs, Program{Name: n, Section: p.SectionName})
	}
	for n, v := range spec.Variables {
		d := Variable{Name: n, Section: v.SectionName, Size: v.Size()}
		if v.Type != nil {
			d.Type = v.Type.Type
		}
		o.Variables = append(o.Variables, d)
	}
	if err := o.readEntries(); err != nil {
		return nil, err
	}
	if err := o.checkNames(); err != nil {
		return nil, err
	}
	slices.SortFunc(o.Maps, func(a, b Map) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(o.Programs, func(a, b Program) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(o.Variables, func(a, b Variable) int { return strings.Compare(a.Name, b.Name) })
	return o, nil
}

// readEntries reads what maps begin with, which loaders but luabpfc's don't find.
func (o *Object) readEntries() error {
	f, err := elf.NewFile(bytes.NewReader(o.ELF))
	if err != nil {
		return err
	}
	s := f.Section(manifest.Section)
	if s == nil || s.Type == elf.SHT_NOBITS {
		return nil
	}
	data, err := s.Data()
	if err != nil {
		return fmt.Errorf("section %s: %w", manifest.Section, err)
	}
	m, err := manifest.Parse(data)
	if err != nil {
		return err
	}
	for _, e := range m.Maps {
		for i := range o.Maps {
			if o.Maps[i].Name == e.Name && int(o.Maps[i].KeySize) == e.Key && int(o.Maps[i].ValueSize) == e.Value {
				o.Maps[i].Entries = e.Entries
			}
		}
	}
	return nil
}

// checkNames refuses an object with names that no compiler writes: they go into
// source code. Names of sections are theirs as far as they can be shown.
func (o *Object) checkNames() error {
	var names []string
	for _, m := range o.Maps {
		names = append(names, m.Name)
	}
	for i := range o.Programs {
		names = append(names, o.Programs[i].Name)
		o.Programs[i].Section = shown(o.Programs[i].Section)
	}
	for i := range o.Variables {
		names = append(names, o.Variables[i].Name)
		o.Variables[i].Section = shown(o.Variables[i].Section)
	}
	for _, n := range names {
		if !isName(n) {
			return fmt.Errorf("the object's name %q is none in C", n)
		}
	}
	return nil
}

// isName reports whether s is a name in C, as symbols may also have dots and dollars.
func isName(s string) bool {
	ok := func(r rune) bool {
		return r == '_' || r == '.' || r == '$' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	}
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !ok(r) })
}

// shown is s as it may stand in a comment.
func shown(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == '*' || r == utf8.RuneError || r == 0x2028 || r == 0x2029 {
			return '?'
		}
		return r
	}, s)
}

// record is the type of a buffer's records, nil if the object does not say. Some
// say an integer as the value of a perf buffer, which is what the kernel wants there.
func (o *Object) record(name string, m *ebpf.MapSpec) btf.Type {
	var t *btf.Typedef
	if o.spec.Types != nil && o.spec.Types.TypeByName(name+recordSuffix, &t) == nil {
		return t.Type
	}
	if _, ok := btf.UnderlyingType(m.Value).(*btf.Struct); ok {
		return m.Value
	}
	return nil
}

// SetRecord says that the records of the map called name have the type called typ.
func (o *Object) SetRecord(name, typ string) error {
	i := slices.IndexFunc(o.Maps, func(m Map) bool { return m.Name == name })
	if i < 0 {
		return fmt.Errorf("the object has no map '%s'", name)
	}
	if o.Maps[i].Type != ebpf.RingBuf && o.Maps[i].Type != ebpf.PerfEventArray {
		return fmt.Errorf("map '%s' carries no records: it is of type %s", name, o.Maps[i].Type)
	}
	if o.spec.Types == nil {
		return fmt.Errorf("the object has no types")
	}
	found, err := o.spec.Types.AnyTypesByName(typ)
	if err != nil {
		return fmt.Errorf("the object has no type '%s'", typ)
	}
	for _, t := range found {
		if n, err := btf.Sizeof(t); err == nil && n > 0 {
			o.Maps[i].Record = t
			return nil
		}
	}
	return fmt.Errorf("type '%s' has no size", typ)
}

// types are the types that user space shares with the programs, in the order of
// maps and variables.
func (o *Object) types() (list []btf.Type) {
	for _, m := range o.Maps {
		list = append(list, m.Key, m.Value, m.Record)
	}
	for _, v := range o.Variables {
		list = append(list, v.Type)
	}
	return slices.DeleteFunc(list, func(t btf.Type) bool { return t == nil })
}

// maxDepth is how deep types may be nested in each other.
const maxDepth = 64
