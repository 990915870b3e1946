package loader

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/luabpfc/luabpfc/elfwriter/manifest"
)

// readManifest reads what the object carries for this loader, and holds it to the
// object's maps and programs. Objects of other compilers carry nothing.
func readManifest(object []byte, spec *ebpf.CollectionSpec) (m manifest.Manifest, err error) {
	f, err := elf.NewFile(bytes.NewReader(object))
	if err != nil {
		return m, err
	}
	s := f.Section(manifest.Section)
	if s == nil || s.Type == elf.SHT_NOBITS {
		return m, nil
	}
	n := uint64(len(object))
	if s.Offset > n || s.FileSize > n-s.Offset {
		return m, fmt.Errorf("section %s: %w", manifest.Section, io.ErrUnexpectedEOF)
	}
	p, err := manifest.Parse(object[s.Offset : s.Offset+s.FileSize])
	if err != nil {
		return m, err
	}
	m = *p
	for _, e := range m.Maps {
		x := spec.Maps[e.Name]
		if x == nil || uint32(e.Key) != x.KeySize || uint32(e.Value) != x.ValueSize {
			return m, fmt.Errorf("section %s has entries of map '%s' that don't fit it", manifest.Section, e.Name)
		}
	}
	for _, p := range m.Programs {
		if spec.Programs[p.Name] == nil {
			return m, fmt.Errorf("section %s attaches program '%s', which the object does not have", manifest.Section, p.Name)
		}
	}
	return m, nil
}

// fill gives maps the entries that they begin with. A map that was pinned before
// keeps what it has.
func (o *Object) fill() error {
	for _, e := range o.carried.Maps {
		if o.Reused(e.Name) {
			continue
		}
		m := &Map{o.coll.Maps[e.Name]}
		for _, x := range e.Entries {
			if err := m.Update(x.Key, x.Value); err != nil {
				return fmt.Errorf("filling map '%s': %w", e.Name, err)
			}
		}
	}
	return nil
}

// Target is where the object itself wants a program, as far as it says so besides
// in the name of the program's section.
func (o *Object) Target(prog string) Target {
	i := slices.IndexFunc(o.carried.Programs, func(p manifest.Program) bool { return p.Name == prog })
	if i < 0 {
		return Target{}
	}
	p := o.carried.Programs[i]
	return Target{Name: p.Target, Direction: p.Direction, Path: p.Path, PID: p.PID, CPU: p.CPU, Flags: p.Flags, Perf: p.Perf}
}

// or returns t with what it leaves open taken from other.
func (t Target) or(other Target) Target {
	if t.Name == "" {
		t.Name = other.Name
	}
	if t.Direction == "" {
		t.Direction = other.Direction
	}
	if t.Path == "" {
		t.Path = other.Path
	}
	if t.PID == nil {
		t.PID = other.PID
	}
	if t.CPU == nil {
		t.CPU = other.CPU
	}
	if t.Flags == 0 {
		t.Flags = other.Flags
	}
	if t.Perf == nil {
		t.Perf = other.Perf
	}
	return t
}
