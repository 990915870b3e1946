package elfwriter

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"strings"
)

// File is a relocatable file.
type File struct {
	Machine  elf.Machine
	Flags    uint32           // e_flags
	Order    binary.ByteOrder // binary.LittleEndian or binary.BigEndian
	Sections []*Section
	Symbols  []*Symbol
}

// Section is a named piece of the file.
type Section struct {
	Name   string
	Type   elf.SectionType // SHT_PROGBITS, SHT_NOBITS or SHT_STRTAB
	Flags  elf.SectionFlag
	Align  uint64 // a power of two; 0 means 1
	Data   []byte
	Size   uint64 // of SHT_NOBITS, which has no Data; else 0 or len(Data)
	Relocs []Reloc
}

// Symbol names a place in a section.
type Symbol struct {
	Name       string   // may be empty for STT_SECTION only
	Section    *Section // nil: undefined, for the loader to find
	Value      uint64   // offset in the section
	Size       uint64
	Type       elf.SymType
	Bind       elf.SymBind
	Visibility elf.SymVis
}

// Reloc asks for the symbol's address at Offset in the section that holds it. An
// addend is in the section's bytes.
type Reloc struct {
	Offset uint64
	Type   uint32
	Symbol *Symbol
}

// size returns the section's length when loaded.
func (s *Section) size() uint64 {
	if s.Type == elf.SHT_NOBITS {
		return s.Size
	}
	return uint64(len(s.Data))
}

// align returns the section's alignment.
func (s *Section) align() uint64 { return max(s.Align, 1) }

// check reports what makes the file impossible to write.
func (f *File) check() error {
	if f.Order != binary.LittleEndian && f.Order != binary.BigEndian {
		return fmt.Errorf("byte order %v is neither binary.LittleEndian nor binary.BigEndian", f.Order)
	}
	// Section numbers from SHN_LORESERVE have meanings of their own; each section
	// may bring a .rel section with it.
	if len(f.Sections) > (int(elf.SHN_LORESERVE)-firstSection)/2 {
		return fmt.Errorf("too many sections: %d", len(f.Sections))
	}
	sections := make(map[*Section]bool)
	names := map[string]bool{"": true, strtabName: true, symtabName: true}
	for _, s := range f.Sections {
		if s == nil {
			return fmt.Errorf("nil section")
		}
		if sections[s] {
			return fmt.Errorf("section %q: listed twice", s.Name)
		}
		sections[s] = true
		if err := s.check(names); err != nil {
			return fmt.Errorf("section %q: %w", s.Name, err)
		}
	}
	symbols := make(map[*Symbol]bool)
	globals := make(map[string]bool)
	for _, s := range f.Symbols {
		if s == nil {
			return fmt.Errorf("nil symbol")
		}
		if symbols[s] {
			return fmt.Errorf("symbol %q: listed twice", s.Name)
		}
		symbols[s] = true
		if err := s.check(sections, globals); err != nil {
			return fmt.Errorf("symbol %q: %w", s.Name, err)
		}
	}
	for _, s := range f.Sections {
		for i, r := range s.Relocs {
			if err := r.check(s, symbols); err != nil {
				return fmt.Errorf("section %q: relocation %d: %w", s.Name, i, err)
			}
		}
	}
	return nil
}

// check checks the section by itself and takes its names.
func (s *Section) check(names map[string]bool) error {
	taken := []string{s.Name}
	if len(s.Relocs) > 0 {
		taken = append(taken, relPrefix+s.Name)
	}
	for _, name := range taken {
		if names[name] {
			return fmt.Errorf("name %q is empty or taken", name)
		}
		names[name] = true
	}
	switch {
	case strings.IndexByte(s.Name, 0) >= 0:
		return fmt.Errorf("name holds a zero byte")
	case s.align()&(s.align()-1) != 0:
		return fmt.Errorf("alignment %d is not a power of two", s.Align)
	case s.align() > maxAlign:
		return fmt.Errorf("alignment %d is larger than %d", s.Align, maxAlign)
	}
	switch s.Type {
	case elf.SHT_PROGBITS, elf.SHT_STRTAB:
		if s.Size != 0 && s.Size != uint64(len(s.Data)) {
			return fmt.Errorf("size %d does not match %d bytes of data", s.Size, len(s.Data))
		}
	case elf.SHT_NOBITS:
		if len(s.Data) != 0 || len(s.Relocs) != 0 {
			return fmt.Errorf("a section without bits has data or relocations")
		}
	default:
		return fmt.Errorf("type %v is none of SHT_PROGBITS, SHT_NOBITS and SHT_STRTAB", s.Type)
	}
	return nil
}

// check checks the symbol against the file's sections and takes its name if other
// files can see it.
func (s *Symbol) check(sections map[*Section]bool, globals map[string]bool) error {
	switch {
	case strings.IndexByte(s.Name, 0) >= 0:
		return fmt.Errorf("name holds a zero byte")
	case s.Name == "" && s.Type != elf.STT_SECTION:
		return fmt.Errorf("no name")
	case s.Type > 0xf || s.Bind > 0xf || s.Visibility > 0x3:
		return fmt.Errorf("type %d, binding %d or visibility %d out of range", s.Type, s.Bind, s.Visibility)
	case s.Type == elf.STT_SECTION && (s.Section == nil || s.Bind != elf.STB_LOCAL):
		return fmt.Errorf("a section symbol must be local and have a section")
	}
	if s.Bind != elf.STB_LOCAL {
		if globals[s.Name] {
			return fmt.Errorf("defined twice")
		}
		globals[s.Name] = true
	}
	if s.Section == nil {
		if s.Bind == elf.STB_LOCAL || s.Value != 0 || s.Size != 0 {
			return fmt.Errorf("an undefined symbol is local or has a value or a size")
		}
		return nil
	}
	if !sections[s.Section] {
		return fmt.Errorf("its section is not in the file")
	}
	if n := s.Section.size(); s.Value > n || s.Size > n-s.Value {
		return fmt.Errorf("bytes %d to %d are outside of section %q, which has %d",
			s.Value, s.Value+s.Size, s.Section.Name, n)
	}
	return nil
}

// check checks the relocation of s against the file's symbols.
func (r *Reloc) check(s *Section, symbols map[*Symbol]bool) error {
	if r.Symbol == nil || !symbols[r.Symbol] {
		return fmt.Errorf("its symbol is not in the file")
	}
	if r.Offset >= s.size() {
		return fmt.Errorf("offset %d is outside of the section, which has %d bytes", r.Offset, s.size())
	}
	return nil
}
