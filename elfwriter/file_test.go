package elfwriter

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sample is a file with something of everything.
func sample(order binary.ByteOrder) *File {
	prog := &Section{Name: "socket", Type: elf.SHT_PROGBITS, Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR,
		Align: 8, Data: bytes.Repeat([]byte{0xb7}, 24)}
	debug := &Section{Name: ".BTF", Type: elf.SHT_PROGBITS, Align: 4, Data: []byte("btf")}
	license := &Section{Name: "license", Type: elf.SHT_PROGBITS, Flags: elf.SHF_ALLOC | elf.SHF_WRITE,
		Align: 1, Data: []byte("GPL\x00")}
	maps := &Section{Name: ".maps", Type: elf.SHT_PROGBITS, Flags: elf.SHF_ALLOC | elf.SHF_WRITE,
		Align: 8, Data: make([]byte, 32)}
	bss := &Section{Name: ".bss", Type: elf.SHT_NOBITS, Flags: elf.SHF_ALLOC | elf.SHF_WRITE, Align: 8, Size: 40}
	counts := &Symbol{Name: "counts", Section: maps, Size: 32, Type: elf.STT_OBJECT, Bind: elf.STB_GLOBAL}
	local := &Symbol{Section: bss, Type: elf.STT_SECTION, Bind: elf.STB_LOCAL}
	extern := &Symbol{Name: "bpf_kfunc", Bind: elf.STB_WEAK}
	prog.Relocs = []Reloc{{Offset: 8, Type: 1, Symbol: counts}, {Offset: 0, Type: 10, Symbol: extern}, {Offset: 16, Type: 1, Symbol: local}}
	return &File{
		Machine:  elf.EM_BPF,
		Order:    order,
		Sections: []*Section{prog, debug, license, maps, bss},
		Symbols: []*Symbol{
			{Name: "filter", Section: prog, Size: 24, Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL},
			local,
			counts,
			{Name: "hidden", Section: prog, Value: 8, Size: 16, Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL, Visibility: elf.STV_HIDDEN},
			extern,
		},
	}
}

// TestRejects changes one thing of a good file and expects an error that says so.
func TestRejects(t *testing.T) {
	for _, tc := range []struct {
		want   string
		change func(f *File)
	}{
		{"byte order", func(f *File) { f.Order = nil }},
		{"byte order", func(f *File) { f.Order = binary.NativeEndian }},
		{"nil section", func(f *File) { f.Sections[0] = nil }},
		{"listed twice", func(f *File) { f.Sections = append(f.Sections, f.Sections[0]) }},
		{"taken", func(f *File) { f.Sections[2].Name = "socket" }},
		{"taken", func(f *File) { f.Sections[2].Name = "" }},
		{"taken", func(f *File) { f.Sections[2].Name = ".symtab" }},
		{"taken", func(f *File) { f.Sections[2].Name = ".strtab" }},
		{"taken", func(f *File) { f.Sections[2].Name = ".relsocket" }},
		{"zero byte", func(f *File) { f.Sections[2].Name = "a\x00b" }},
		{"power of two", func(f *File) { f.Sections[2].Align = 3 }},
		{"larger than", func(f *File) { f.Sections[2].Align = 1 << 40 }},
		{"does not match", func(f *File) { f.Sections[2].Size = 5 }},
		{"without bits", func(f *File) { f.Sections[4].Data = []byte{1} }},
		{"without bits", func(f *File) { f.Sections[4].Relocs = []Reloc{{Symbol: f.Symbols[0]}} }},
		{"none of SHT_PROGBITS", func(f *File) { f.Sections[2].Type = elf.SHT_NOTE }},
		{"too many sections", func(f *File) { f.Sections = make([]*Section, 40000) }},
		{"nil symbol", func(f *File) { f.Symbols[0] = nil }},
		{"listed twice", func(f *File) { f.Symbols = append(f.Symbols, f.Symbols[0]) }},
		{"defined twice", func(f *File) { f.Symbols[2].Name = "filter" }},
		{"zero byte", func(f *File) { f.Symbols[2].Name = "\x00" }},
		{"no name", func(f *File) { f.Symbols[2].Name = "" }},
		{"out of range", func(f *File) { f.Symbols[2].Type = 16 }},
		{"out of range", func(f *File) { f.Symbols[2].Bind = 16 }},
		{"out of range", func(f *File) { f.Symbols[2].Visibility = 4 }},
		{"section symbol", func(f *File) { f.Symbols[1].Section = nil }},
		{"section symbol", func(f *File) { f.Symbols[1].Bind = elf.STB_GLOBAL }},
		{"undefined symbol", func(f *File) { f.Symbols[4].Bind = elf.STB_LOCAL }},
		{"undefined symbol", func(f *File) { f.Symbols[4].Value = 8 }},
		{"not in the file", func(f *File) { f.Symbols[0].Section = &Section{Name: "other"} }},
		{"outside of section", func(f *File) { f.Symbols[0].Size = 25 }},
		{"outside of section", func(f *File) { f.Symbols[0].Value = 25; f.Symbols[0].Size = 0 }},
		{"outside of section", func(f *File) { f.Symbols[0].Value = 8; f.Symbols[0].Size = 1<<64 - 8 }},
		{"symbol is not in the file", func(f *File) { f.Symbols = f.Symbols[:3] }},
		{"symbol is not in the file", func(f *File) { f.Sections[0].Relocs[0].Symbol = nil }},
		{"outside of the section", func(f *File) { f.Sections[0].Relocs[0].Offset = 24 }},
	} {
		f := sample(binary.LittleEndian)
		tc.change(f)
		if _, err := f.Write(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("want an error with %q, got %v", tc.want, err)
		}
	}
}

// TestReadBack reads the file with debug/elf, in both byte orders.
func TestReadBack(t *testing.T) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		out, err := sample(order).Write()
		if err != nil {
			t.Fatal(err)
		}
		f, err := elf.NewFile(bytes.NewReader(out))
		if err != nil {
			t.Fatal(err)
		}
		if f.Class != elf.ELFCLASS64 || f.ByteOrder != order || f.Type != elf.ET_REL || f.Machine != elf.EM_BPF {
			t.Errorf("%v: header %+v", order, f.FileHeader)
		}
		checkSections(t, f)
		checkSymbols(t, f)
		checkRelocs(t, f)
	}
}

func checkSections(t *testing.T, f *elf.File) {
	t.Helper()
	var names []string
	for _, s := range f.Sections {
		names = append(names, s.Name)
		if s.Type == elf.SHT_NULL {
			continue
		}
		if s.Addralign == 0 || s.Offset%s.Addralign != 0 {
			t.Errorf("%s: offset %d, alignment %d", s.Name, s.Offset, s.Addralign)
		}
	}
	want := []string{"", ".strtab", ".symtab", "socket", "license", ".maps", ".bss", ".relsocket", ".BTF"}
	if d := cmp.Diff(want, names); d != "" {
		t.Errorf("sections: -want +got\n%s", d)
	}
	for name, want := range map[string]string{"license": "GPL\x00", ".BTF": "btf", "socket": strings.Repeat("\xb7", 24)} {
		if got, err := f.Section(name).Data(); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if s := f.Section(".bss"); s.Type != elf.SHT_NOBITS || s.Size != 40 {
		t.Errorf(".bss: %+v", s.SectionHeader)
	}
	rel := f.Section(".relsocket")
	if rel.Type != elf.SHT_REL || rel.Entsize != 16 || rel.Link != 2 || rel.Info != 3 {
		t.Errorf(".relsocket: %+v", rel.SectionHeader)
	}
	// The null symbol and one local symbol come before the others.
	if s := f.Section(".symtab"); s.Info != 2 || s.Link != 1 || s.Entsize != 24 {
		t.Errorf(".symtab: %+v", s.SectionHeader)
	}
}

func checkSymbols(t *testing.T, f *elf.File) {
	t.Helper()
	got, err := f.Symbols() // without the null symbol
	if err != nil {
		t.Fatal(err)
	}
	sym := func(name string, bind elf.SymBind, typ elf.SymType, other byte, section elf.SectionIndex, value, size uint64) elf.Symbol {
		return elf.Symbol{Name: name, Info: elf.ST_INFO(bind, typ), Other: other, Section: section, Value: value, Size: size}
	}
	want := []elf.Symbol{
		sym("", elf.STB_LOCAL, elf.STT_SECTION, 0, 6, 0, 0),
		sym("filter", elf.STB_GLOBAL, elf.STT_FUNC, 0, 3, 0, 24),
		sym("counts", elf.STB_GLOBAL, elf.STT_OBJECT, 0, 5, 0, 32),
		sym("hidden", elf.STB_GLOBAL, elf.STT_FUNC, byte(elf.STV_HIDDEN), 3, 8, 16),
		sym("bpf_kfunc", elf.STB_WEAK, elf.STT_NOTYPE, 0, elf.SHN_UNDEF, 0, 0),
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("symbols: -want +got\n%s", d)
	}
}

func checkRelocs(t *testing.T, f *elf.File) {
	t.Helper()
	data, err := f.Section(".relsocket").Data()
	if err != nil {
		t.Fatal(err)
	}
	var got []elf.Rel64
	for i := 0; i < len(data); i += 16 {
		got = append(got, elf.Rel64{Off: f.ByteOrder.Uint64(data[i:]), Info: f.ByteOrder.Uint64(data[i+8:])})
	}
	want := []elf.Rel64{{Off: 8, Info: 3<<32 | 1}, {Off: 0, Info: 5<<32 | 10}, {Off: 16, Info: 1<<32 | 1}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("relocations: -want +got\n%s", d)
	}
}

func TestSameInputSameBytes(t *testing.T) {
	first, err := sample(binary.BigEndian).Write()
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		again, err := sample(binary.BigEndian).Write()
		if err != nil || !bytes.Equal(first, again) {
			t.Fatalf("differs: %v", err)
		}
	}
}

func TestEmptyFile(t *testing.T) {
	out, err := (&File{Machine: elf.EM_BPF, Order: binary.LittleEndian}).Write()
	if err != nil {
		t.Fatal(err)
	}
	if f, err := elf.NewFile(bytes.NewReader(out)); err != nil || len(f.Sections) != 3 {
		t.Errorf("%v", err)
	}
}
