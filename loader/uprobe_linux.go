package loader

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/link"
)

// binarySymbol splits 'path:symbol'. The path is looked for as the shell does, or
// among the libraries.
func binarySymbol(name string) (path, sym string, err error) {
	// A C++ name has colons of its own: the path ends at the first that is single.
	at := -1
	for i := 0; i < len(name); i++ {
		if name[i] != ':' {
			continue
		}
		if i+1 < len(name) && name[i+1] == ':' {
			i++
			continue
		}
		at = i
		break
	}
	if at < 0 {
		return "", "", fmt.Errorf("a probe in user space is named 'path:function', as in '/bin/bash:readline'")
	}
	path, sym = name[:at], name[at+1:]
	path, err = findBinary(path)
	return path, sym, err
}

// findBinary looks a program or library up that is named without its folder.
func findBinary(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	dirs := filepath.SplitList(os.Getenv("PATH"))
	if strings.Contains(name, ".so") {
		dirs = []string{"/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib"}
		multi, _ := filepath.Glob("/usr/lib/*-linux-*")
		dirs = append(dirs, multi...)
	}
	for _, d := range dirs {
		p := filepath.Join(d, name)
		if s, err := os.Stat(p); err == nil && s.Mode().IsRegular() {
			return p, nil
		}
	}
	return "", fmt.Errorf("there is no program or library '%s' where they are usually; write its whole path", name)
}

// openBinary opens the program or library that target names before ':'; name is
// what stands behind.
func openBinary(target string) (ex *link.Executable, path, name string, err error) {
	if path, name, err = binarySymbol(target); err != nil {
		return nil, "", "", err
	}
	ex, err = link.OpenExecutable(path)
	return ex, path, name, err
}

func attachUprobe(a *attachment) (io.Closer, error) {
	mountTracing()
	ex, path, name, err := openBinary(a.Name)
	if err != nil {
		return nil, err
	}
	sym, off := symbolOffset(name)
	opts := &link.UprobeOptions{PID: a.pid(), Offset: off}
	if n, err := strconv.ParseUint(sym, 0, 64); err == nil { // an offset in the file
		opts.Address, sym = n, ""
	} else if sym, err = symbolIn(path, sym); err != nil {
		return nil, err
	}
	if a.first == "uretprobe" {
		return ex.Uretprobe(sym, a.prog, opts)
	}
	return ex.Uprobe(sym, a.prog, opts)
}

func attachUprobeMulti(a *attachment) (io.Closer, error) {
	ex, path, name, err := openBinary(a.Name)
	if err != nil {
		return nil, err
	}
	all, err := functionsOf(path)
	if err != nil {
		return nil, err
	}
	var syms []string
	for _, s := range all {
		if matches(name, s.Name) {
			syms = append(syms, s.Name)
		}
	}
	slices.Sort(syms)
	syms = slices.Compact(syms)
	if len(syms) == 0 {
		return nil, fmt.Errorf("no function of '%s' matches '%s'", path, name)
	}
	opts := &link.UprobeMultiOptions{PID: uint32(a.pid())}
	if a.first == "uretprobe.multi" {
		return ex.UretprobeMulti(syms, a.prog, opts)
	}
	return ex.UprobeMulti(syms, a.prog, opts)
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

// symbolIn is the symbol of a function in a binary, which may be named as C++
// writes it: with its namespaces, with or without its parameters.
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
	bare, _, _ := strings.Cut(name, "(")
	var found []string
	for _, s := range syms {
		if mangles(bare, s.Name) && !slices.Contains(found, s.Name) {
			found = append(found, s.Name)
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("'%s' has no function '%s'", path, name)
	case 1:
		return found[0], nil
	}
	slices.Sort(found)
	return "", fmt.Errorf("'%s' has %d functions '%s': name one of %s", path, len(found), name, strings.Join(found, ", "))
}

// mangles reports whether a symbol is that of the C++ function called name, with
// its namespaces and without its parameters, by the Itanium ABI: kc::DB::get is
// _ZN2kc2DB3getE, or _ZNK... if it is const, and its parameters follow.
// Templates, operators and constructors have names of another form.
func mangles(name, symbol string) bool {
	rest, ok := strings.CutPrefix(symbol, "_Z")
	if !ok {
		return false
	}
	var want strings.Builder
	parts := strings.Split(name, "::")
	for i, p := range parts {
		if i == 0 && p == "std" && len(parts) > 1 {
			want.WriteString("St")
			continue
		}
		fmt.Fprintf(&want, "%d%s", len(p), p)
	}
	if len(parts) == 1 {
		return strings.HasPrefix(rest, want.String())
	}
	for _, qualifier := range []string{"N", "NK", "NV"} {
		if strings.HasPrefix(rest, qualifier+want.String()+"E") {
			return true
		}
	}
	return parts[0] == "std" && len(parts) == 2 && strings.HasPrefix(rest, want.String())
}
