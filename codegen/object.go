package codegen

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/luabpfc/luabpfc/btf"
	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/elfwriter"
	"github.com/luabpfc/luabpfc/elfwriter/manifest"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Relocation types of BPF objects.
const (
	reloc64_64 = 1  // R_BPF_64_64: address in an LD_IMM64
	relocABS64 = 2  // R_BPF_64_ABS64: address in data
	reloc64_32 = 10 // R_BPF_64_32: distance of a call
)

// linker puts an object together.
type linker struct {
	m     *ir.Module
	o     Options
	order binary.ByteOrder
	file  elfwriter.File

	info     btf.Object
	sections map[string]*elfwriter.Section
	infos    map[string]int // in info.Sections
	maps     map[string]*elfwriter.Symbol
	globals  map[string]*elfwriter.Symbol
	kfuncs   map[string]*elfwriter.Symbol
	offsets  map[string]uint64 // of functions in their section
	programs map[string]*elfwriter.Symbol
	slots    []slotRef
	funcs    []funcRef
	text     *elfwriter.Symbol // the section symbol of .text

	// ext: write .BTF.ext. Without lines it is needed for callbacks only, which
	// the kernel takes by their func_info.
	ext bool
}

// writeObject returns the object's bytes.
func writeObject(m *ir.Module, code []FuncCode, o Options) ([]byte, error) {
	l := &linker{m: m, o: o, order: binary.LittleEndian,
		sections: map[string]*elfwriter.Section{}, infos: map[string]int{},
		maps: map[string]*elfwriter.Symbol{}, globals: map[string]*elfwriter.Symbol{}, kfuncs: map[string]*elfwriter.Symbol{}, programs: map[string]*elfwriter.Symbol{}, offsets: map[string]uint64{},
	}
	if m.BigEndian {
		l.order = binary.BigEndian
	}
	l.file.Machine, l.file.Order = elf.EM_BPF, l.order
	l.layoutCode(code)
	if err := l.addLicense(); err != nil {
		return nil, err
	}
	if err := l.addMaps(); err != nil {
		return nil, err
	}
	if err := l.addGlobals(); err != nil {
		return nil, err
	}
	l.addKfuncs(code)
	for i := range code {
		if err := l.addCode(&code[i], m.Funcs[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", code[i].Name, err)
		}
	}
	if err := l.relocateSlots(); err != nil {
		return nil, err
	}
	types, ext, err := l.info.Marshal(l.order)
	if err != nil {
		return nil, err
	}
	l.addSection(".BTF", 0, 4).Data = types
	if l.ext {
		l.addSection(".BTF.ext", 0, 4).Data = ext
	}
	if o.Manifest != nil {
		s := l.addSection(manifest.Section, manifest.SectionFlags, 1)
		s.Type, s.Data = manifest.SectionType, o.Manifest
	}
	return l.file.Write()
}

func (l *linker) addSection(name string, flags elf.SectionFlag, align uint64) *elfwriter.Section {
	s := &elfwriter.Section{Name: name, Type: elf.SHT_PROGBITS, Flags: flags, Align: align}
	l.file.Sections = append(l.file.Sections, s)
	return s
}

// layoutCode makes the sections of instructions, .text first, and gives each
// function its place.
func (l *linker) layoutCode(code []FuncCode) {
	order := slices.Clone(code)
	slices.SortStableFunc(order, func(a, b FuncCode) int {
		return boolInt(b.Section == textSection) - boolInt(a.Section == textSection)
	})
	ends := map[string]uint64{}
	for i := range order {
		c := &order[i]
		if _, ok := l.sections[c.Section]; !ok {
			l.sections[c.Section] = l.addSection(c.Section, elf.SHF_ALLOC|elf.SHF_EXECINSTR, 8)
			l.infos[c.Section] = len(l.info.Sections)
			l.info.Sections = append(l.info.Sections, btf.Section{Name: c.Section})
		}
		l.offsets[c.Name] = ends[c.Section]
		ends[c.Section] += uint64(c.Slots() * bpf.SlotBytes)
	}
	l.ext = l.o.Lines && len(l.m.Files) > 0
	if s := l.sections[textSection]; s != nil {
		l.ext = true
		l.text = &elfwriter.Symbol{Section: s, Type: elf.STT_SECTION, Bind: elf.STB_LOCAL}
		l.file.Symbols = append(l.file.Symbols, l.text)
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (l *linker) addLicense() error {
	license := l.m.License
	if license == "" {
		return nil
	}
	desc, contents, err := btf.License(license)
	if err != nil {
		return err
	}
	s := l.addSection("license", elf.SHF_ALLOC|elf.SHF_WRITE, 1)
	s.Data = contents
	l.file.Symbols = append(l.file.Symbols, &elfwriter.Symbol{Name: btf.LicenseSymbol, Section: s,
		Size: uint64(len(contents)), Type: elf.STT_OBJECT, Bind: elf.STB_GLOBAL})
	l.info.Datasecs = append(l.info.Datasecs, desc)
	return nil
}

func (l *linker) addMaps() error {
	if len(l.m.Maps) == 0 {
		return nil
	}
	var defs []btf.MapDef
	for _, m := range l.m.Maps {
		def := mapDef(m)
		def.Name = m.Name
		defs = append(defs, def)
		if t, ok := m.Record.(btf.Type); ok {
			l.info.Types = append(l.info.Types, btf.RecordType(m.Name, t))
		}
	}
	desc, places, err := btf.Maps(defs)
	if err != nil {
		return err
	}
	s := l.addSection(".maps", elf.SHF_ALLOC|elf.SHF_WRITE, 8)
	s.Data = make([]byte, desc.Size)
	for i, p := range places {
		sym := &elfwriter.Symbol{Name: defs[i].Name, Section: s, Value: uint64(p.Offset), Size: uint64(p.Size),
			Type: elf.STT_OBJECT, Bind: elf.STB_GLOBAL}
		l.maps[defs[i].Name] = sym
		l.file.Symbols = append(l.file.Symbols, sym)
	}
	l.info.Datasecs = append(l.info.Datasecs, desc)
	for i, m := range l.m.Maps {
		for _, slot := range m.Slots {
			at := uint64(places[i].Slots) + uint64(slot.Index)*slotBytes
			l.slots = append(l.slots, slotRef{s, at, slot})
		}
	}
	return nil
}

// slotBytes is the size of a slot of a map's values in the object.
const slotBytes = 8

// slotRef is a slot whose relocation waits for the symbol.
type slotRef struct {
	s    *elfwriter.Section
	at   uint64
	slot ir.MapSlot
}

// funcRef is a program's address in a variable, whose relocation waits too.
type funcRef struct {
	s    *elfwriter.Section
	at   uint64
	name string
}

// relocateSlots fills the maps' slots and the variables' programs, now that programs
// have symbols.
func (l *linker) relocateSlots() error {
	for _, r := range l.funcs {
		sym := l.programs[r.name]
		if sym == nil || r.s == nil {
			return fmt.Errorf("a variable holds program %q, which the object does not", r.name)
		}
		r.s.Relocs = append(r.s.Relocs, elfwriter.Reloc{Offset: r.at, Type: relocABS64, Symbol: sym})
	}
	for _, r := range l.slots {
		var sym *elfwriter.Symbol
		if r.slot.Map != nil {
			sym = l.maps[r.slot.Map.Name]
		} else {
			sym = l.programs[r.slot.Func.Name]
		}
		if sym == nil {
			return fmt.Errorf("slot %d of a map holds what the object does not", r.slot.Index)
		}
		r.s.Relocs = append(r.s.Relocs, elfwriter.Reloc{Offset: r.at, Type: relocABS64, Symbol: sym})
	}
	return nil
}

// mapDef defines a map, without a name.
func mapDef(m *ir.Map) btf.MapDef {
	def := btf.MapDef{Type: uint32(m.Type.ID), MaxEntries: m.MaxEntries, Flags: m.Flags | m.Type.Flags,
		NUMANode: m.NUMANode, Extra: m.Extra}
	if m.Pinned {
		def.Pinning = pinByName
	}
	if def.Key, _ = m.Key.(btf.Type); def.Key == nil {
		def.KeySize = m.KeySize
	}
	if def.Value, _ = m.Value.(btf.Type); def.Value == nil {
		def.ValueSize = m.ValueSize
	}
	if m.Inner != nil {
		inner := mapDef(m.Inner)
		def.Inner = &inner
	}
	for _, s := range m.Slots {
		def.Slots = max(def.Slots, s.Index+1)
		def.Programs = def.Programs || s.Func != nil
	}
	return def
}

// pinByName is LIBBPF_PIN_BY_NAME.
const pinByName = 1

// addCode appends a function to its section, with symbol, relocations and debug
// information. Functions of one section come in the order of layoutCode.
func (l *linker) addCode(c *FuncCode, f *ir.Func) error {
	s := l.sections[c.Section]
	start := l.offsets[c.Name]
	at := start
	info := &l.info.Sections[l.infos[c.Section]]
	data := slices.Grow(s.Data, c.Slots()*bpf.SlotBytes)
	for i := range c.Insts {
		in := c.Insts[i] // as it is in the object
		if err := l.relocate(&in, s, at); err != nil {
			return err
		}
		if n := in.Core; n > 0 {
			l.relocateCore(info, c.Cores[n-1], at)
		}
		at += uint64(in.Slots() * bpf.SlotBytes)
		var err error
		if data, err = bpf.Append(data, &in, l.order); err != nil {
			return fmt.Errorf("instruction %d: %w", i, err)
		}
	}
	size := uint64(len(data) - len(s.Data))
	s.Data = data
	sym := &elfwriter.Symbol{Name: c.Name, Section: s, Value: start, Size: size, Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL}
	switch {
	case f.Linkable != nil:
		sym.Visibility = elf.STV_HIDDEN
	case f.Kind == nil:
		sym.Bind = elf.STB_LOCAL
	default:
		l.programs[c.Name] = sym
	}
	l.file.Symbols = append(l.file.Symbols, sym)
	info.Funcs = append(info.Funcs, btf.FuncInfo{Offset: uint32(start), Func: describe(l.m, f)})
	info.Lines = l.lines(info.Lines, c, f, start)
	return nil
}

// relocate makes an instruction's reference a relocation. Functions that are not
// programs are local, so they are referred to by their section and an offset in
// the instruction.
func (l *linker) relocate(in *bpf.Inst, s *elfwriter.Section, at uint64) error {
	if in.Sym == "" {
		return nil
	}
	if in.Op == bpf.LdImm64 {
		sym := l.maps[in.Sym]
		if sym == nil {
			sym = l.globals[in.Sym]
		}
		if sym == nil {
			sym = l.kfuncs[in.Sym]
		}
		if sym == nil {
			return fmt.Errorf("no map or variable %q", in.Sym)
		}
		s.Relocs = append(s.Relocs, elfwriter.Reloc{Offset: at, Type: reloc64_64, Symbol: sym})
		return nil
	}
	if sym := l.kfuncs[in.Sym]; sym != nil && in.Op == bpf.CallFunc {
		s.Relocs = append(s.Relocs, elfwriter.Reloc{Offset: at, Type: reloc64_32, Symbol: sym})
		return nil
	}
	off, ok := l.offsets[in.Sym]
	if !ok || l.text == nil {
		return fmt.Errorf("no function %q", in.Sym)
	}
	r := elfwriter.Reloc{Offset: at, Type: reloc64_64, Symbol: l.text}
	if in.Op == bpf.CallFunc {
		r.Type = reloc64_32
		in.Imm = int64(off)/bpf.SlotBytes - 1
	} else {
		in.Imm = int64(off)
	}
	s.Relocs = append(s.Relocs, r)
	return nil
}

// relocateCore notes a quantity of the running kernel's types. IR from a text has
// no types: its numbers stay as they are.
func (l *linker) relocateCore(info *btf.Section, c *ir.Core, at uint64) {
	t, ok := c.Type.(btf.Type)
	if !ok {
		return
	}
	info.Relos = append(info.Relos, btf.Relo{Offset: uint32(at), Type: t, Path: c.Index, Kind: btf.ReloKind(c.Kind)})
	l.ext = true
}

// context returns the structure of a program's context, nil if it has none.
func context(c *kernel.Ctx) *btf.Struct {
	name, ok := strings.CutPrefix(c.Name, "struct ")
	if !ok || len(c.Fields) == 0 {
		return nil
	}
	out := &btf.Struct{Name: name, Size: uint32(c.Size)}
	for _, f := range c.Fields {
		out.Fields = append(out.Fields, btf.Field{Name: f.Name, Off: uint32(f.Off), Size: uint32(f.Size), Len: uint32(f.Len)})
	}
	return out
}

// describe returns a function's prototype.
func describe(m *ir.Module, f *ir.Func) *btf.Func {
	if f.Linkable != nil {
		return btf.Linkable(f.Name, f.Linkable.Type)
	}
	if f.Kind != nil {
		return btf.Program(f.Name, context(f.Kind.Context(m.Arch)))
	}
	var params []btf.Param
	for _, p := range f.Params {
		kind := btf.Number
		if p.Type == ir.Ptr {
			kind = btf.Pointer
		}
		params = append(params, btf.Param{Name: p.Name, Kind: kind})
	}
	return btf.Subprogram(f.Name, params)
}

// lines appends the line table of a function. What has no place has that of what
// comes before; the first instruction has the function's. Where no lines are
// wanted there is one for each function, since libbpf complains of func_info
// without.
func (l *linker) lines(list []btf.LineInfo, c *FuncCode, f *ir.Func, start uint64) []btf.LineInfo {
	if !l.o.Lines || len(l.m.Files) == 0 {
		return append(list, btf.LineInfo{Offset: uint32(start), File: f.Name, Text: f.Name, Line: 1})
	}
	last := f.Pos
	if last.Line < 1 {
		last.Line = 1
	}
	at := start
	list = slices.Grow(list, lineChanges(c.Pos))
	for i := range c.Insts {
		p := c.Pos[i]
		if p.Line > 0 && p != last || i == 0 {
			if p.Line > 0 {
				last = p
			}
			file := l.m.Files[0]
			if last.File > 0 && int(last.File) < len(l.m.Files) {
				file = l.m.Files[last.File]
			}
			list = append(list, btf.LineInfo{Offset: uint32(at), File: file.Name, Text: file.Line(int(last.Line)),
				Line: uint32(last.Line), Column: uint32(max(last.Col, 0))})
		}
		at += uint64(c.Insts[i].Slots() * bpf.SlotBytes)
	}
	return list
}

// lineChanges is how often an instruction has another place than the one before.
func lineChanges(pos []ir.Pos) (n int) {
	for i, p := range pos {
		if i == 0 || p.Line > 0 && p != pos[i-1] {
			n++
		}
	}
	return n
}
