package codegen

import (
	"debug/elf"
	"fmt"
	"slices"
	"strings"

	"github.com/luabpfc/luabpfc/btf"
	"github.com/luabpfc/luabpfc/elfwriter"
	"github.com/luabpfc/luabpfc/ir"
)

// Sections of variables, as C compilers lay them out: each variable at the next
// multiple of its alignment, described by a VAR in the section's DATASEC, with a
// symbol for the instructions that take its address. Loaders make an array map
// of one entry of each section; that of .rodata is frozen. Of .kconfig there is the
// DATASEC only: the loader makes the section up, and its symbols are undefined.

// variableSection is a section of variables.
type variableSection struct {
	name  string
	typ   elf.SectionType
	flags elf.SectionFlag
}

// variableSections are the usual ones, in the order of the file; those that the
// script names follow.
var variableSections = [...]variableSection{
	{".rodata", elf.SHT_PROGBITS, elf.SHF_ALLOC},
	{".data", elf.SHT_PROGBITS, elf.SHF_ALLOC | elf.SHF_WRITE},
	{".bss", elf.SHT_NOBITS, elf.SHF_ALLOC | elf.SHF_WRITE},
	{".kconfig", elf.SHT_NULL, 0},
}

// addGlobals makes the sections of variables.
func (l *linker) addGlobals() error {
	kinds := slices.Clone(variableSections[:])
	for _, g := range l.m.Globals {
		if g.In != "" && !slices.ContainsFunc(kinds, func(k variableSection) bool { return k.name == g.In }) {
			kinds = append(kinds, variableSection{g.In, elf.SHT_PROGBITS, elf.SHF_ALLOC | elf.SHF_WRITE})
		}
	}
	for _, kind := range kinds {
		var list []*ir.Global
		for _, g := range l.m.Globals {
			if g.Section() == kind.name {
				list = append(list, g)
			}
		}
		if len(list) == 0 {
			continue
		}
		var s *elfwriter.Section
		if kind.typ != elf.SHT_NULL {
			s = l.addSection(kind.name, kind.flags, 8)
			s.Type = kind.typ
		}
		vars, size := l.placeGlobals(s, list)
		if size > maxSection {
			return fmt.Errorf("section %s has %d bytes, more than loaders take", kind.name, size)
		}
		l.info.Datasecs = append(l.info.Datasecs, btf.Variables(kind.name, uint32(size), vars))
	}
	return nil
}

// placeGlobals gives variables their places in s, which is nil if the loader makes
// it up, and returns what describes them and how long the section is.
func (l *linker) placeGlobals(s *elfwriter.Section, list []*ir.Global) (vars []btf.Variable, end uint64) {
	for _, g := range list {
		at := (end + uint64(g.Align) - 1) &^ (uint64(g.Align) - 1)
		end = at + uint64(g.Size)
		sym := &elfwriter.Symbol{Name: g.Name, Bind: elf.STB_GLOBAL}
		if s != nil {
			sym.Section, sym.Value, sym.Size, sym.Type = s, at, uint64(g.Size), elf.STT_OBJECT
			if s.Type == elf.SHT_PROGBITS {
				s.Data = append(s.Data, make([]byte, end-uint64(len(s.Data)))...)
				copy(s.Data[at:], g.Data)
			}
		}
		if g.Static {
			sym.Bind = elf.STB_LOCAL
		}
		for _, f := range g.Funcs {
			l.funcs = append(l.funcs, funcRef{s, at + uint64(f.Off), f.Func.Name})
		}
		l.globals[g.Name] = sym
		l.file.Symbols = append(l.file.Symbols, sym)
		t, ok := g.Type.(btf.Type)
		if !ok {
			t = btf.Bytes(g.Size)
		}
		// Names with a dot are the compiler's own: no script has them.
		vars = append(vars, btf.Variable{Name: strings.ReplaceAll(g.Name, ".", "__"), Type: t, Static: g.Static, Extern: g.Extern, Offset: uint32(at), Size: uint32(g.Size)})
	}
	if s != nil && s.Type == elf.SHT_NOBITS {
		s.Size = end
	}
	return vars, end
}

// maxSection is the most bytes of a section of variables.
const maxSection = 1<<31 - 1
