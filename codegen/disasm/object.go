package disasm

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// object is a file that is read.
type object struct {
	file    *elf.File
	symbols []elf.Symbol // with the null symbol, as relocations count them
	types   *btf.Spec    // nil: none
	ext     *btf.ExtInfos
	names   map[place]string // of functions
	notes   []string
	out     strings.Builder
}

// place is where a function begins.
type place struct {
	section elf.SectionIndex
	at      uint64
}

// Object returns the listing of an object file: of the function called name, or of
// all if that is "". The error says what is wrong with the file, or is a
// *NotFoundError.
func Object(file []byte, name string) (text string, err error) {
	defer contain(&err)
	o, err := open(file)
	if err != nil {
		return "", err
	}
	var all []string
	printed := 0
	for i, s := range o.file.Sections {
		if s.Type != elf.SHT_PROGBITS || s.Flags&elf.SHF_EXECINSTR == 0 || s.FileSize == 0 {
			continue
		}
		if s.Flags&elf.SHF_COMPRESSED != 0 || s.Offset > uint64(len(file)) || s.FileSize > uint64(len(file))-s.Offset {
			return "", fmt.Errorf("section '%s' is broken", s.Name)
		}
		code := section{o: o, name: s.Name, bytes: file[s.Offset : s.Offset+s.FileSize], index: elf.SectionIndex(i)}
		code.relocs = o.relocations(i, file)
		code.info()
		for _, f := range code.functions() {
			all = append(all, f.name)
			if name == "" || name == f.name {
				code.print(f)
				printed++
			}
		}
	}
	switch {
	case len(all) == 0:
		return "", errors.New("there is no program in it: no section has instructions")
	case printed == 0:
		return "", &NotFoundError{Name: name, Have: all}
	}
	for _, n := range o.notes {
		fmt.Fprintf(&o.out, "\nnote: %s\n", n)
	}
	return o.out.String(), nil
}

// NotFoundError says that the object has no function of that name.
type NotFoundError struct {
	Name string
	Have []string
}

// Error names those that it has.
func (e *NotFoundError) Error() string {
	return fmt.Sprintf("there is no function '%s' in it; it has %s", e.Name, strings.Join(e.Have, ", "))
}

// contain turns a panic of a library that reads what may be hostile into an error.
func contain(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("it is broken in a way that was not expected (%v)", r)
	}
}

// open reads what is not code. Only a file that is no object is an error.
func open(file []byte) (*object, error) {
	f, err := elf.NewFile(bytes.NewReader(file))
	if err != nil {
		if !bytes.HasPrefix(file, []byte(elf.ELFMAG)) {
			return nil, errors.New("it is no object: it does not begin as ELF files do")
		}
		return nil, err
	}
	if f.Machine != elf.EM_BPF && f.Machine != elf.EM_NONE || f.Class != elf.ELFCLASS64 {
		return nil, fmt.Errorf("it is an object for %s, not for BPF", strings.TrimPrefix(f.Machine.String(), "EM_"))
	}
	o := &object{file: f}
	if err := o.bounds(uint64(len(file))); err != nil {
		return nil, err
	}
	syms, err := f.Symbols()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		o.note("its symbols can't be read: %v", err)
	}
	o.symbols = append([]elf.Symbol{{}}, syms...)
	o.names = map[place]string{}
	for _, s := range syms {
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC && s.Name != "" {
			o.names[place{s.Section, s.Value}] = s.Name
		}
	}
	o.readTypes(file)
	return o, nil
}

func (o *object) note(format string, args ...any) {
	o.notes = append(o.notes, fmt.Sprintf(format, args...))
}

// maxOverlap is how often the bytes of a file may be part of a section.
const maxOverlap = 8

// bounds refuses what would take memory out of all proportion.
func (o *object) bounds(size uint64) error {
	var stored uint64
	for _, s := range o.file.Sections {
		if s.Type == elf.SHT_NOBITS || s.Type == elf.SHT_NULL {
			continue
		}
		if s.Flags&elf.SHF_COMPRESSED != 0 {
			return fmt.Errorf("section '%s' is compressed, which no BPF object needs", s.Name)
		}
		if s.FileSize > size || s.Offset > size-s.FileSize {
			return fmt.Errorf("section '%s' ends behind the file: it is cut short", s.Name)
		}
		stored += s.FileSize
	}
	if stored > maxOverlap*size {
		return errors.New("its sections overlap")
	}
	return nil
}

// readTypes reads BTF; without it there are no lines.
func (o *object) readTypes(file []byte) {
	if o.file.Section(".BTF") == nil {
		o.note("it has no BTF, and so no source lines: it was compiled without -g, or stripped")
		return
	}
	var err error
	func() {
		defer contain(&err)
		o.types, o.ext, err = btf.LoadSpecAndExtInfosFromReader(bytes.NewReader(file))
	}()
	switch {
	case err != nil:
		o.note("its BTF can't be read, so there are no source lines: %v", err)
	case o.ext == nil || len(o.ext.Lines) == 0:
		o.note("its BTF has no line table: there are no source lines")
	}
}

// relocations are the symbols that instructions of a section refer to, by offset.
func (o *object) relocations(section int, file []byte) map[uint64]elf.Symbol {
	all := map[uint64]elf.Symbol{}
	order := o.file.ByteOrder
	for _, s := range o.file.Sections {
		if s.Type != elf.SHT_REL || int(s.Info) != section {
			continue
		}
		for b := file[s.Offset : s.Offset+s.FileSize]; len(b) >= relSize; b = b[relSize:] {
			off, sym := order.Uint64(b), order.Uint64(b[8:])>>32
			if sym < uint64(len(o.symbols)) {
				all[off] = o.symbols[sym]
			}
		}
	}
	return all
}

// relSize is the size of an Elf64_Rel.
const relSize = 16

// function is one in a section.
type function struct {
	name       string
	start, end uint64
}

// functions are those of a section in order; what no symbol covers goes by the
// section's name.
func (c *section) functions() []function {
	size := uint64(len(c.bytes))
	var all []function
	for _, s := range c.o.symbols {
		typ := elf.ST_TYPE(s.Info)
		if s.Section != c.index || s.Name == "" || s.Value >= size || typ != elf.STT_FUNC && (typ != elf.STT_NOTYPE || elf.ST_BIND(s.Info) == elf.STB_LOCAL) {
			continue
		}
		all = append(all, function{s.Name, s.Value &^ 7, 0})
	}
	slices.SortStableFunc(all, func(a, b function) int { return cmp.Compare(a.start, b.start) })
	all = slices.CompactFunc(all, func(a, b function) bool { return a.start == b.start })
	if len(all) == 0 || all[0].start > 0 {
		all = slices.Insert(all, 0, function{name: c.name})
	}
	for i := range all {
		all[i].end = size
		if i+1 < len(all) {
			all[i].end = all[i+1].start
		}
	}
	return all
}

// order is the byte order of the object's instructions.
func (o *object) order() binary.ByteOrder {
	if o.file.ByteOrder == binary.ByteOrder(binary.BigEndian) {
		return binary.BigEndian
	}
	return binary.LittleEndian
}
