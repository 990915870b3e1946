package elfwriter

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
)

// Sizes and numbers of the 64-bit format.
const (
	headerSize        = 64
	sectionHeaderSize = 64
	symbolSize        = 24
	relocSize         = 16

	strtabIndex  = 1
	symtabIndex  = 2
	firstSection = 3

	// maxAlign keeps a mistaken alignment from asking for a huge file.
	maxAlign = 1 << 16
)

// Names that the writer takes for itself.
const (
	strtabName = ".strtab"
	symtabName = ".symtab"
	relPrefix  = ".rel"
)

// Write returns the file's bytes.
func (f *File) Write() ([]byte, error) {
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("elf: %w", err)
	}
	w := &writer{file: f, order: f.Order.(binary.AppendByteOrder), names: stringTable{offsets: map[string]uint32{}, data: []byte{0}}}
	w.number()
	if err := w.contents(); err != nil {
		return nil, fmt.Errorf("elf: %w", err)
	}
	return w.link(), nil
}

// A writer lays a file out.
type writer struct {
	file    *File
	order   binary.AppendByteOrder
	names   stringTable
	out     []output           // sections in file order, from number 1
	section map[*Section]int   // numbers of the caller's sections
	symbols []*Symbol          // in file order, from number 1
	symbol  map[*Symbol]uint32 // their numbers
	local   uint32             // number of the first symbol that is not local
}

// An output is a section as it goes to the file. Either header or data is filled
// in by contents, offsets by link.
type output struct {
	name   string
	header elf.Section64
	data   []byte
	from   *Section // the caller's section, or the one that a .rel section is for
}

// number decides the numbers of sections and symbols.
func (w *writer) number() {
	w.out = []output{{name: strtabName}, {name: symtabName}}
	w.section = make(map[*Section]int)
	add := func(alloc bool) {
		for _, s := range w.file.Sections {
			if (s.Flags&elf.SHF_ALLOC != 0) == alloc {
				w.out = append(w.out, output{name: s.Name, from: s})
				w.section[s] = len(w.out)
			}
		}
	}
	add(true)
	for _, s := range w.file.Sections {
		if len(s.Relocs) > 0 {
			w.out = append(w.out, output{name: relPrefix + s.Name, from: s})
		}
	}
	add(false)

	for _, s := range w.file.Symbols {
		if s.Bind == elf.STB_LOCAL {
			w.symbols = append(w.symbols, s)
		}
	}
	w.local = uint32(len(w.symbols)) + 1
	for _, s := range w.file.Symbols {
		if s.Bind != elf.STB_LOCAL {
			w.symbols = append(w.symbols, s)
		}
	}
	w.symbol = make(map[*Symbol]uint32)
	for i, s := range w.symbols {
		w.symbol[s] = uint32(i) + 1
	}
}

// contents fills in data and headers, all but offsets. The string table comes
// last: the others add to it.
func (w *writer) contents() error {
	for i := range w.out {
		o := &w.out[i]
		o.header.Name = w.names.add(o.name)
		switch {
		case o.from == nil:
			continue
		case w.section[o.from] == i+1:
			s := o.from
			o.data = s.Data
			o.header.Type = uint32(s.Type)
			o.header.Flags = uint64(s.Flags)
			o.header.Size = s.size()
			o.header.Addralign = s.align()
		default:
			o.data = w.relocs(o.from)
			o.header.Type = uint32(elf.SHT_REL)
			o.header.Flags = uint64(elf.SHF_INFO_LINK)
			o.header.Link = symtabIndex
			o.header.Info = uint32(w.section[o.from])
			o.header.Size = uint64(len(o.data))
			o.header.Addralign = 8
			o.header.Entsize = relocSize
		}
	}
	symtab := &w.out[symtabIndex-1]
	symtab.data = w.symtab()
	symtab.header.Type = uint32(elf.SHT_SYMTAB)
	symtab.header.Link = strtabIndex
	symtab.header.Info = w.local
	symtab.header.Size = uint64(len(symtab.data))
	symtab.header.Addralign = 8
	symtab.header.Entsize = symbolSize

	strtab := &w.out[strtabIndex-1]
	strtab.data = w.names.data
	strtab.header.Type = uint32(elf.SHT_STRTAB)
	strtab.header.Size = uint64(len(strtab.data))
	strtab.header.Addralign = 1
	if uint64(len(strtab.data)) > 1<<31 {
		return fmt.Errorf("names take %d bytes", len(strtab.data))
	}
	return nil
}

// symtab returns the symbol table. The null symbol is zeros.
func (w *writer) symtab() []byte {
	out := make([]byte, symbolSize, (len(w.symbols)+1)*symbolSize)
	for _, s := range w.symbols {
		section := 0
		if s.Section != nil {
			section = w.section[s.Section]
		}
		out = w.order.AppendUint32(out, w.names.add(s.Name))
		out = append(out, elf.ST_INFO(s.Bind, s.Type), uint8(s.Visibility))
		out = w.order.AppendUint16(out, uint16(section))
		out = w.order.AppendUint64(out, s.Value)
		out = w.order.AppendUint64(out, s.Size)
	}
	return out
}

// relocs returns the section's relocations.
func (w *writer) relocs(s *Section) []byte {
	out := make([]byte, 0, len(s.Relocs)*relocSize)
	for _, r := range s.Relocs {
		out = w.order.AppendUint64(out, r.Offset)
		out = w.order.AppendUint64(out, elf.R_INFO(w.symbol[r.Symbol], r.Type))
	}
	return out
}

// link places the sections and returns the file.
func (w *writer) link() []byte {
	pos := uint64(headerSize)
	for i := range w.out {
		h := &w.out[i].header
		pos = alignUp(pos, h.Addralign)
		h.Off = pos
		pos += uint64(len(w.out[i].data))
	}
	headers := alignUp(pos, 8)

	file := make([]byte, 0, headers+uint64(len(w.out)+1)*sectionHeaderSize)
	file = w.appendHeader(file, headers)
	for i := range w.out {
		file = append(file[:w.out[i].header.Off], w.out[i].data...) // what is skipped is zero
	}
	file = w.appendSection(file[:headers], &elf.Section64{})
	for i := range w.out {
		file = w.appendSection(file, &w.out[i].header)
	}
	return file
}

// appendHeader appends the file's header.
func (w *writer) appendHeader(out []byte, sectionHeaders uint64) []byte {
	data := elf.ELFDATA2LSB
	if w.file.Order == binary.BigEndian {
		data = elf.ELFDATA2MSB
	}
	var ident [elf.EI_NIDENT]byte
	copy(ident[:], elf.ELFMAG)
	ident[elf.EI_CLASS], ident[elf.EI_DATA], ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(data), byte(elf.EV_CURRENT)
	out = append(out, ident[:]...)
	out = w.order.AppendUint16(out, uint16(elf.ET_REL))
	out = w.order.AppendUint16(out, uint16(w.file.Machine))
	out = w.order.AppendUint32(out, uint32(elf.EV_CURRENT))
	out = w.order.AppendUint64(out, 0) // entry point
	out = w.order.AppendUint64(out, 0) // program headers
	out = w.order.AppendUint64(out, sectionHeaders)
	out = w.order.AppendUint32(out, w.file.Flags)
	out = w.order.AppendUint16(out, headerSize)
	out = w.order.AppendUint32(out, 0) // program headers: size and number
	out = w.order.AppendUint16(out, sectionHeaderSize)
	out = w.order.AppendUint16(out, uint16(len(w.out)+1))
	return w.order.AppendUint16(out, strtabIndex)
}

// appendSection appends a section's header.
func (w *writer) appendSection(out []byte, h *elf.Section64) []byte {
	out = w.order.AppendUint32(out, h.Name)
	out = w.order.AppendUint32(out, h.Type)
	for _, n := range [4]uint64{h.Flags, h.Addr, h.Off, h.Size} {
		out = w.order.AppendUint64(out, n)
	}
	out = w.order.AppendUint32(out, h.Link)
	out = w.order.AppendUint32(out, h.Info)
	out = w.order.AppendUint64(out, h.Addralign)
	return w.order.AppendUint64(out, h.Entsize)
}

func alignUp(n, align uint64) uint64 { return (n + align - 1) &^ (align - 1) }

// A stringTable holds names, each once.
type stringTable struct {
	offsets map[string]uint32
	data    []byte
}

// add returns the name's offset in the table.
func (t *stringTable) add(name string) uint32 {
	if name == "" {
		return 0
	}
	if off, ok := t.offsets[name]; ok {
		return off
	}
	off := uint32(len(t.data))
	t.offsets[name] = off
	t.data = append(append(t.data, name...), 0)
	return off
}
