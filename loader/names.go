package loader

import (
	"debug/elf"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ianlancetaylor/demangle"
)

// Compilers of C++ and Rust make symbols of names, their namespaces and the types
// of parameters. Here they are named as the source has them: 'ns::f(int)' is one
// function, 'ns::f' any that is called so. What the more exact reading finds is
// taken, so that a name which is one function's stays that function's.

// maxName bounds the name that is made of a symbol, as a power of two: short
// symbols can stand for very long names.
var maxName = demangle.MaxLength(13)

// readings are the ways to read a symbol, the most exact first.
var readings = []struct {
	params  bool // the name was given with parameters
	options []demangle.Option
	clones  bool // symbols of parts and copies that the compiler made, too
}{
	{params: true},
	{params: true, options: []demangle.Option{demangle.NoClones}, clones: true},
	{params: false, options: []demangle.Option{demangle.NoParams}},
	{params: false, options: []demangle.Option{demangle.NoParams, demangle.NoTemplateParams}},
	{params: false, options: []demangle.Option{demangle.NoParams, demangle.NoTemplateParams}, clones: true},
}

// named returns the symbols of functions that are called name in the source. Of
// those at the same address one is returned.
func named(name string, syms []elf.Symbol) (found []elf.Symbol) {
	name = plainName(name)
	for _, r := range readings {
		if r.params != strings.HasSuffix(strings.TrimSuffix(name, "const"), ")") {
			continue
		}
		for _, s := range syms {
			if !r.clones && strings.Contains(s.Name, ".") || !mangled(s.Name) {
				continue
			}
			text, err := demangle.ToString(s.Name, append(slices.Clone(r.options), maxName)...)
			if err != nil || !sameName(text, name) {
				continue
			}
			if !slices.ContainsFunc(found, func(f elf.Symbol) bool { return f.Value == s.Value }) {
				found = append(found, s)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

// mangled reports whether a symbol may have been made of a longer name.
func mangled(symbol string) bool {
	return strings.HasPrefix(symbol, "_Z") || strings.HasPrefix(symbol, "_R") || strings.HasPrefix(symbol, "__Z")
}

// plainName is a name without what may be written in more than one way.
func plainName(s string) string { return strings.ReplaceAll(s, " ", "") }

// sameName reports whether text, a symbol's name, is the plain name wanted, or that
// behind the type of its result, or but for a const.
func sameName(text, want string) bool {
	for _, t := range []string{text, strings.TrimSuffix(text, " const")} {
		if p := plainName(t); p == want {
			return true
		} else if !strings.HasSuffix(p, want) {
			continue
		}
		for i, c := range t { // of a template the result is part of the name
			if c == ' ' && plainName(t[i:]) == want && balanced(t[:i]) {
				return true
			}
		}
	}
	return false
}

// balanced reports whether all brackets of s are closed: it is a type, and no part
// of one.
func balanced(s string) bool {
	return strings.Count(s, "<") == strings.Count(s, ">") && strings.Count(s, "(") == strings.Count(s, ")") && !strings.HasSuffix(s, "operator")
}

// sourceName is what the function of a symbol is called in the source, with its
// parameters.
func sourceName(symbol string) string {
	if !mangled(symbol) {
		return symbol
	}
	return demangle.Filter(symbol, maxName)
}

// functionsOf lists the functions that a binary has symbols of.
func functionsOf(path string) ([]elf.Symbol, error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	syms, err := f.Symbols()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		return nil, err
	}
	dyn, err := f.DynamicSymbols()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		return nil, err
	}
	return slices.DeleteFunc(append(syms, dyn...), func(s elf.Symbol) bool {
		return elf.ST_TYPE(s.Info) != elf.STT_FUNC || s.Value == 0 || s.Section == elf.SHN_UNDEF
	}), nil
}

// shortName is what the function of a symbol is called, without its parameters.
func shortName(symbol string) string {
	if !mangled(symbol) {
		return symbol
	}
	return demangle.Filter(symbol, demangle.NoParams, maxName)
}

// symbolIn is the symbol of a function in a binary, which may be named as its source
// does.
func symbolIn(path, name string) (string, error) {
	syms, err := functionsOf(path)
	if err != nil {
		return "", err
	}
	if len(syms) == 0 {
		return "", fmt.Errorf("'%s' has no symbols: give the function as an offset in the file, 'path:0x1234'", path)
	}
	for _, s := range syms {
		if s.Name == name {
			return name, nil
		}
	}
	found := named(name, syms)
	switch len(found) {
	case 0:
		return "", fmt.Errorf("'%s' has no function '%s'", path, name)
	case 1:
		return found[0].Name, nil
	}
	var names []string
	for _, s := range found {
		names = append(names, sourceName(s.Name))
	}
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) < len(names) { // constructors, for one
		names = nil
		for _, s := range found {
			names = append(names, s.Name)
		}
		slices.Sort(names)
	}
	return "", fmt.Errorf("'%s' has %d functions '%s': name one of %s", path, len(found), name, strings.Join(names, ", "))
}

// fileOffset is where in the file lies what is loaded at an address.
func fileOffset(f *elf.File, addr uint64) uint64 {
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Vaddr <= addr && addr < p.Vaddr+p.Memsz {
			return addr - p.Vaddr + p.Off
		}
	}
	return addr
}
