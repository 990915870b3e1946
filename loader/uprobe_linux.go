package loader

import (
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
	syms, err := functionsLike(path, name)
	if err != nil {
		return nil, err
	}
	opts := &link.UprobeMultiOptions{PID: uint32(a.pid())}
	if a.first == "uretprobe.multi" {
		return ex.UretprobeMulti(syms, a.prog, opts)
	}
	return ex.UprobeMulti(syms, a.prog, opts)
}

// functionsLike are the functions of a binary that match a pattern, by their names in
// the file.
func functionsLike(path, name string) (syms []string, err error) {
	all, err := functionsOf(path)
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		if matches(name, s.Name) || mangled(s.Name) && matches(name, sourceName(s.Name)) {
			syms = append(syms, s.Name)
		}
	}
	slices.Sort(syms)
	syms = slices.Compact(syms)
	if len(syms) == 0 {
		return nil, fmt.Errorf("no function of '%s' matches '%s'", path, name)
	}
	return syms, nil
}
