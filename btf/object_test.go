package btf_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	luabtf "github.com/luabpfc/luabpfc/btf"
	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/elfwriter"
)

// Types of the object under test.
var (
	cInt = &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	u32  = &btf.Int{Name: "unsigned int", Size: 4}
	u64  = &btf.Int{Name: "unsigned long long", Size: 8}
)

const (
	allocExec  = elf.SHF_ALLOC | elf.SHF_EXECINSTR
	allocWrite = elf.SHF_ALLOC | elf.SHF_WRITE

	relAddr64 = 1  // LD_IMM64
	relAbs64  = 2  // a slot of .maps
	relCall   = 10 // a call
)

// A fixture is an object under construction: a socket filter that looks a map up,
// calls a static and a global subprogram and a callback, reads a constant and a
// CO-RE offset; a second program, which calls functions of the kernel; four maps.
type fixture struct {
	order binary.ByteOrder
	file  elfwriter.File
	info  luabtf.Object
	syms  map[string]*elfwriter.Symbol
	err   error
}

func (f *fixture) symbol(name string, s *elfwriter.Section, off, size uint64, typ elf.SymType, bind elf.SymBind) {
	sym := &elfwriter.Symbol{Name: name, Section: s, Value: off, Size: size, Type: typ, Bind: bind}
	if typ == elf.STT_SECTION {
		sym.Name = ""
	}
	f.syms[name] = sym
	f.file.Symbols = append(f.file.Symbols, sym)
}

func (f *fixture) section(name string, flags elf.SectionFlag, align uint64, data []byte) *elfwriter.Section {
	s := &elfwriter.Section{Name: name, Type: elf.SHT_PROGBITS, Flags: flags, Align: align, Data: data}
	f.file.Sections = append(f.file.Sections, s)
	return s
}

// A fixtureFunc is a function of the object.
type fixtureFunc struct {
	proto  *btf.FuncProto
	name   string
	static bool
	code   []bpf.Inst
	core   map[int]luabtf.Relo // by instruction
}

// code adds a section of functions, with a line of source for each instruction.
func (f *fixture) code(name string, funcs []fixtureFunc) {
	s := f.section(name, allocExec, 8, nil)
	if name == ".text" {
		f.symbol(".text", s, 0, 0, elf.STT_SECTION, elf.STB_LOCAL)
	}
	info := luabtf.Section{Name: name}
	line := uint32(1)
	for _, fn := range funcs {
		start := uint32(len(s.Data))
		linkage, bind := btf.GlobalFunc, elf.STB_GLOBAL
		if fn.static {
			linkage, bind = btf.StaticFunc, elf.STB_LOCAL
		}
		info.Funcs = append(info.Funcs, luabtf.FuncInfo{Offset: start, Func: &btf.Func{Name: fn.name, Linkage: linkage, Type: fn.proto}})
		for i, in := range fn.code {
			at := uint32(len(s.Data))
			b, err := bpf.Encode([]bpf.Inst{in}, f.order)
			if err != nil {
				f.err = err
				return
			}
			s.Data = append(s.Data, b...)
			info.Lines = append(info.Lines, luabtf.LineInfo{Offset: at, File: "prog.lua",
				Text: fmt.Sprintf("  local %s_%d = 'line of Lua'\n", fn.name, i), Line: line, Column: 3})
			line++
			if relo, ok := fn.core[i]; ok {
				relo.Offset = at
				info.Relos = append(info.Relos, relo)
			}
			if in.Sym == "" {
				continue
			}
			typ := uint32(relAddr64)
			if in.Op.IsCall() {
				typ = relCall
			}
			s.Relocs = append(s.Relocs, elfwriter.Reloc{Offset: uint64(at), Type: typ, Symbol: f.syms[in.Sym]})
		}
		f.symbol(fn.name, s, uint64(start), uint64(uint32(len(s.Data))-start), elf.STT_FUNC, bind)
	}
	f.info.Sections = append(f.info.Sections, info)
}

func (f *fixture) maps() *elfwriter.Section {
	inner := luabtf.MapDef{Type: uint32(ebpf.Array), MaxEntries: 4, KeySize: 4, ValueSize: 8}
	ds, places, err := luabtf.Maps([]luabtf.MapDef{
		{Name: "counts", Type: uint32(ebpf.Hash), MaxEntries: 64, Flags: 1, Key: u32, Value: u64},
		{Name: "inner_a", Type: uint32(ebpf.Array), MaxEntries: 4, KeySize: 4, ValueSize: 8},
		{Name: "outer", Type: uint32(ebpf.ArrayOfMaps), MaxEntries: 2, KeySize: 4, Inner: &inner, Slots: 2},
		{Name: "jumps", Type: uint32(ebpf.ProgramArray), MaxEntries: 3, KeySize: 4, Programs: true, Slots: 3},
	})
	if err != nil {
		f.err = err
		return nil
	}
	s := f.section(".maps", allocWrite, 8, make([]byte, ds.Size))
	for i, v := range ds.Vars {
		f.symbol(v.Type.TypeName(), s, uint64(places[i].Offset), uint64(places[i].Size), elf.STT_OBJECT, elf.STB_GLOBAL)
	}
	f.info.Datasecs = append(f.info.Datasecs, ds)
	s.Relocs = []elfwriter.Reloc{
		{Offset: uint64(places[2].Slots) + 8, Type: relAbs64, Symbol: f.syms["inner_a"]},
		{Offset: uint64(places[3].Slots) + 16, Type: relAbs64},
	}
	return s
}

// kfuncs adds functions of the kernel that the programs call.
func (f *fixture) kfuncs(names ...string) {
	ds := &btf.Datasec{Name: ".ksyms"}
	for _, name := range names {
		f.symbol(name, nil, 0, 0, elf.STT_NOTYPE, elf.STB_GLOBAL)
		fn := &btf.Func{Name: name, Linkage: btf.ExternFunc, Type: &btf.FuncProto{Return: &btf.Void{}}}
		ds.Vars = append(ds.Vars, btf.VarSecinfo{Type: fn})
	}
	f.info.Datasecs = append(f.info.Datasecs, ds)
}

// constant adds a section .rodata with one variable.
func (f *fixture) constant() {
	s := f.section(".rodata", elf.SHF_ALLOC, 4, f.order.(binary.AppendByteOrder).AppendUint32(nil, 42))
	f.symbol("answer", s, 0, 4, elf.STT_OBJECT, elf.STB_GLOBAL)
	v := &btf.Var{Name: "answer", Linkage: btf.GlobalVar, Type: &btf.Const{Type: cInt}}
	f.info.Datasecs = append(f.info.Datasecs, &btf.Datasec{Name: ".rodata", Size: 4, Vars: []btf.VarSecinfo{{Type: v, Size: 4}}})
}

// object returns the bytes of the whole object.
func object(t *testing.T, order binary.ByteOrder) []byte {
	t.Helper()
	f := &fixture{order: order, syms: make(map[string]*elfwriter.Symbol)}
	f.file.Machine, f.file.Order = elf.EM_BPF, order
	maps := f.maps()
	f.constant()
	f.kfuncs("bpf_rcu_read_lock", "bpf_rcu_read_unlock")
	f.subprograms()
	f.programs()
	maps.Relocs[1].Symbol = f.syms["second"]
	ds, text, err := luabtf.License("GPL")
	if err != nil || f.err != nil {
		t.Fatal(err, f.err)
	}
	f.symbol(luabtf.LicenseSymbol, f.section("license", allocWrite, 1, text), 0, 4, elf.STT_OBJECT, elf.STB_GLOBAL)
	f.info.Datasecs = append(f.info.Datasecs, ds)
	types, ext, err := f.info.Marshal(order)
	if err != nil {
		t.Fatal(err)
	}
	f.section(".BTF", 0, 4, types)
	f.section(".BTF.ext", 0, 4, ext)
	out, err := f.file.Write()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func proto(params ...btf.FuncParam) *btf.FuncProto {
	return &btf.FuncProto{Return: cInt, Params: params}
}

func (f *fixture) subprograms() {
	pointer := &btf.Pointer{Target: &btf.Void{}}
	f.code(".text", []fixtureFunc{
		{name: "plain", static: true, proto: proto(), code: []bpf.Inst{
			bpf.MovImm(bpf.B64, bpf.R0, 1), bpf.Exit()}},
		{name: "twice", proto: proto(btf.FuncParam{Name: "x", Type: cInt}), code: []bpf.Inst{
			bpf.MovReg(bpf.B32, bpf.R0, bpf.R1), bpf.ALU(bpf.Add, bpf.B32, bpf.R0, bpf.R0), bpf.Exit()}},
		{name: "each", static: true, proto: proto(btf.FuncParam{Name: "i", Type: u64}, btf.FuncParam{Name: "frame", Type: pointer}),
			code: []bpf.Inst{bpf.MovImm(bpf.B64, bpf.R0, 0), bpf.Exit()}},
	})
}

func (f *fixture) programs() {
	skb := &btf.Pointer{Target: &btf.Struct{Name: "__sk_buff", Size: 8, Members: []btf.Member{
		{Name: "len", Type: u32}, {Name: "pkt_type", Type: u32, Offset: 32}}}}
	task := &btf.Struct{Name: "task_struct", Size: 16, Members: []btf.Member{
		{Name: "pid", Type: cInt, Offset: 32}, {Name: "group_leader", Type: nil, Offset: 64}}}
	task.Members[1].Type = &btf.Pointer{Target: task}

	static := bpf.CallSym(".text")
	static.Imm = 0/8 - 1
	callback := bpf.LoadFuncSym(bpf.R2, ".text")
	callback.Imm = 40 // bytes from the section's start
	code := []bpf.Inst{
		bpf.StoreImm(bpf.B32, bpf.R10, -4, 7),
		bpf.MovReg(bpf.B64, bpf.R2, bpf.R10),
		bpf.ALUImm(bpf.Add, bpf.B64, bpf.R2, -4),
		bpf.LoadSym(bpf.R1, "counts", 0),
		bpf.CallHelper(1),
		bpf.JumpImm(bpf.JEq, bpf.B64, bpf.R0, 0, 2),
		bpf.MovImm(bpf.B64, bpf.R1, 1),
		bpf.Atomic(bpf.AtomicAdd, bpf.B64, bpf.R0, 0, bpf.R1),
		static,
		bpf.MovReg(bpf.B64, bpf.R1, bpf.R0),
		bpf.CallSym("twice"),
		bpf.MovImm(bpf.B64, bpf.R1, 3),
		callback,
		bpf.MovImm(bpf.B64, bpf.R3, 0),
		bpf.MovImm(bpf.B64, bpf.R4, 0),
		bpf.CallHelper(181),
		bpf.LoadSym(bpf.R1, "answer", 0),
		bpf.LoadMem(bpf.B32, bpf.R6, bpf.R1, 0),
		bpf.MovImm(bpf.B64, bpf.R7, 4), // offsetof(task_struct, pid)
		bpf.MovReg(bpf.B64, bpf.R0, bpf.R6),
		bpf.ALU(bpf.Add, bpf.B64, bpf.R0, bpf.R7),
		bpf.Exit(),
	}
	core := map[int]luabtf.Relo{18: {Type: task, Path: []int{0, 0}, Kind: luabtf.FieldByteOffset}}
	f.code("socket", []fixtureFunc{
		{name: "filter", proto: proto(btf.FuncParam{Name: "ctx", Type: skb}), code: code, core: core},
		{name: "second", proto: proto(btf.FuncParam{Name: "ctx", Type: skb}), code: []bpf.Inst{
			bpf.CallSym("bpf_rcu_read_lock"), bpf.CallSym("bpf_rcu_read_unlock"),
			bpf.MovImm(bpf.B64, bpf.R0, 0), bpf.Exit()}},
	})
}

// TestReadByCilium reads the object with cilium/ebpf in both byte orders.
func TestReadByCilium(t *testing.T) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(object(t, order)))
		if err != nil {
			t.Fatalf("%v: %v", order, err)
		}
		if spec.ByteOrder != order {
			t.Errorf("byte order %v, want %v", spec.ByteOrder, order)
		}
		checkMaps(t, spec)
		checkPrograms(t, spec)
		if v := spec.Variables["answer"]; v == nil || v.Size() != 4 {
			t.Errorf("answer: %v", v)
		}
	}
}

func checkMaps(t *testing.T, spec *ebpf.CollectionSpec) {
	t.Helper()
	m := spec.Maps["counts"]
	if m == nil || m.Type != ebpf.Hash || m.MaxEntries != 64 || m.KeySize != 4 || m.ValueSize != 8 || m.Flags != 1 {
		t.Errorf("counts: %+v", m)
	}
	outer := spec.Maps["outer"]
	if outer == nil || outer.InnerMap == nil || outer.InnerMap.MaxEntries != 4 ||
		len(outer.Contents) != 1 || outer.Contents[0].Key != uint32(1) || outer.Contents[0].Value != "inner_a" {
		t.Errorf("outer: %+v", outer)
	}
	jumps := spec.Maps["jumps"]
	if jumps == nil || len(jumps.Contents) != 1 || jumps.Contents[0].Key != uint32(2) || jumps.Contents[0].Value != "second" {
		t.Errorf("jumps: %+v", jumps)
	}
}

func checkPrograms(t *testing.T, spec *ebpf.CollectionSpec) {
	t.Helper()
	if len(spec.Programs) != 2 {
		t.Errorf("%d programs, want 2", len(spec.Programs))
	}
	p := spec.Programs["filter"]
	if p == nil || p.Type != ebpf.SocketFilter || p.License != "GPL" {
		t.Fatalf("filter: %+v", p)
	}
	fn := btf.FuncMetadata(&p.Instructions[0])
	if fn == nil || fn.Name != "filter" || fn.Linkage != btf.GlobalFunc {
		t.Errorf("function: %v", fn)
	}
	line, ok := p.Instructions[0].Source().(*btf.Line)
	if !ok || line.FileName() != "prog.lua" || line.Line() != "local filter_0 = 'line of Lua'" || line.LineColumn() != 3 {
		t.Errorf("line: %v", p.Instructions[0].Source())
	}
	if relo := btf.CORERelocationMetadata(&p.Instructions[18]); relo == nil || relo.String() == "" {
		t.Errorf("no CO-RE relocation")
	}
}

func TestSameInputSameBytes(t *testing.T) {
	first := object(t, binary.LittleEndian)
	for range 20 {
		if !bytes.Equal(first, object(t, binary.LittleEndian)) {
			t.Fatal("differs")
		}
	}
}
