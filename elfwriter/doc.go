// Package elfwriter turns sections, symbols and relocations into the bytes of a
// relocatable ELF file: 64 bits, ET_REL, relocations without addends (SHT_REL).
//
// It must not know what the numbers mean: the machine, the section types and
// flags, the relocation types are the caller's. It imports the standard library
// only, never panics, and gives the same bytes for the same input.
//
//	text := &elfwriter.Section{Name: "socket", Type: elf.SHT_PROGBITS,
//		Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Align: 8, Data: code}
//	maps := &elfwriter.Section{Name: ".maps", Type: elf.SHT_PROGBITS,
//		Flags: elf.SHF_ALLOC | elf.SHF_WRITE, Align: 8, Data: make([]byte, 32)}
//	counts := &elfwriter.Symbol{Name: "counts", Section: maps, Size: 32,
//		Type: elf.STT_OBJECT, Bind: elf.STB_GLOBAL}
//	text.Relocs = []elfwriter.Reloc{{Offset: 8, Type: 1, Symbol: counts}}
//	f := elfwriter.File{Machine: elf.EM_BPF, Order: binary.LittleEndian,
//		Sections: []*elfwriter.Section{text, maps}, Symbols: []*elfwriter.Symbol{counts, ...}}
//	object, err := f.Write()
//
// The file's layout is the one that a static linker leaves behind:
//
//	ELF header
//	.strtab             section and symbol names
//	.symtab             the null symbol, local symbols, the others
//	allocated sections  in the order given
//	.relNAME            for each section that has relocations, in the same order
//	other sections      in the order given, debug information for one
//	section headers     the null header, then as above
//
// Within those groups the caller's order is kept, so it decides the numbers.
// The writer makes .strtab, .symtab and the .rel sections itself.
package elfwriter
