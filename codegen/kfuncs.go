package codegen

import (
	"debug/elf"

	"github.com/luabpfc/luabpfc/btf"
	"github.com/luabpfc/luabpfc/elfwriter"
)

// Functions of the kernel are undefined symbols of no type, and extern functions in
// the DATASEC of .ksyms, a section that no file has. The loader finds each in the
// running kernel, compares the prototypes, and makes the instruction name it by
// number. One that is weak may be missing: then its address is null.

// addKfuncs adds the symbols of the kernel's functions that the code refers to.
func (l *linker) addKfuncs(code []FuncCode) {
	used := map[string]bool{}
	for i := range code {
		for j := range code[i].Insts {
			used[code[i].Insts[j].Sym] = true
		}
	}
	var list []*btf.Func
	for _, k := range l.m.Kfuncs {
		name := k.Helper.Name
		if !used[name] {
			continue
		}
		sym := &elfwriter.Symbol{Name: name, Bind: elf.STB_GLOBAL}
		if k.Weak {
			sym.Bind = elf.STB_WEAK
		}
		l.kfuncs[name] = sym
		l.file.Symbols = append(l.file.Symbols, sym)
		t, _ := k.Type.(btf.Type)
		list = append(list, btf.Kfunc(name, t))
	}
	if len(list) > 0 {
		l.info.Datasecs = append(l.info.Datasecs, btf.Kfuncs(list))
	}
}
