package loader

import (
	"debug/elf"
	"debug/gosym"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Symbolizer says which functions addresses are in: of the kernel, and of
// processes by what they have mapped. A file's functions are read once, however many
// processes have it mapped, and when the first address in it is asked for.
//
// The file that is mapped is opened through the process, so it is the right one in a
// container too, and where it was replaced or deleted since. If it was stripped, its
// symbols are looked for where debuggers look: by its build ID.
type Symbolizer struct {
	// DebugDirs are searched for the symbols of stripped files; /usr/lib/debug if
	// there are none.
	DebugDirs []string

	kernel    *Symbols
	kernelErr error
	files     map[string]*Symbols // by offsets
	processes map[int]*process
}

// A Frame is where an address lies. Name is empty where no function is known.
type Frame struct {
	Addr   uint64
	Name   string // of the function, as its source has it, without parameters
	Offset uint64 // behind the function's start
	Module string // the file that is mapped there, "" for the kernel
}

// String is 'function+0x10', '[file]' or the address.
func (f Frame) String() string {
	switch {
	case f.Name != "":
		return fmt.Sprintf("%s+0x%x", f.Name, f.Offset)
	case f.Module != "":
		return "[" + f.Module + "]"
	}
	return fmt.Sprintf("0x%x", f.Addr)
}

// Kernel returns where an address of the kernel lies. The error says why the
// kernel's symbols can't be read; the frame is good for its address all the same.
func (s *Symbolizer) Kernel(addr uint64) (Frame, error) {
	if s.kernel == nil && s.kernelErr == nil {
		s.kernel, s.kernelErr = KernelSymbols()
	}
	f := Frame{Addr: addr}
	if s.kernelErr == nil {
		f.Name, f.Offset, _ = s.kernel.Find(addr)
	}
	return f, s.kernelErr
}

// User returns where an address of a process lies. What was read of a process stays
// known when it ends.
func (s *Symbolizer) User(pid int, addr uint64) (Frame, error) {
	f := Frame{Addr: addr}
	p := s.processes[pid]
	if p == nil || p.find(addr) == nil && time.Since(p.read) > time.Second {
		now, err := readProcess(pid)
		switch {
		case err == nil:
			p = now
			if s.processes == nil {
				s.processes = map[int]*process{}
			}
			s.processes[pid] = p
		case p == nil:
			return f, err
		}
	}
	m := p.find(addr)
	if m == nil {
		if p.jit != nil {
			f.Name, f.Offset, _ = p.jit.Find(addr)
		}
		return f, nil
	}
	f.Module = m.name()
	if name, off, ok := s.file(m).Find(addr - m.start + m.off); ok {
		f.Name, f.Offset = shortName(name), off
	}
	return f, nil
}

// file returns the functions of a mapped file by their offsets in it.
func (s *Symbolizer) file(m *mapping) *Symbols {
	if have := s.files[m.id]; have != nil {
		return have
	}
	syms := &Symbols{}
	for _, path := range m.paths {
		if list, err := s.functions(path); err == nil {
			syms.list = list
			break
		}
	}
	syms.sort()
	if s.files == nil {
		s.files = map[string]*Symbols{}
	}
	s.files[m.id] = syms
	return syms
}

// functions lists the functions of a file by their offsets.
func (s *Symbolizer) functions(path string) (list []symbol, err error) {
	defer contain("reading symbols", &err)
	f, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	syms, err := f.Symbols()
	if errors.Is(err, elf.ErrNoSymbols) {
		if syms = s.separate(f); len(syms) == 0 {
			list = goFunctions(f)
		}
	}
	dyn, _ := f.DynamicSymbols() // none is no error here
	for _, sym := range append(syms, dyn...) {
		if t := elf.ST_TYPE(sym.Info); t != elf.STT_FUNC && t != elf.STT_GNU_IFUNC || sym.Value == 0 || sym.Section == elf.SHN_UNDEF {
			continue
		}
		x := symbol{start: fileOffset(f, sym.Value), name: sym.Name}
		if sym.Size > 0 {
			x.end = x.start + sym.Size
		}
		list = append(list, x)
	}
	return list, nil
}

// goFunctions are the functions of a binary made by Go, which knows them even when it
// was stripped: it prints them when it panics.
func goFunctions(f *elf.File) (list []symbol) {
	text := f.Section(".text")
	for _, name := range []string{".gopclntab", ".data.rel.ro.gopclntab"} {
		s := f.Section(name)
		if s == nil || text == nil {
			continue
		}
		b, err := s.Data()
		if err != nil {
			return nil
		}
		table, err := gosym.NewTable(nil, gosym.NewLineTable(b, text.Addr))
		if err != nil {
			return nil
		}
		for _, fn := range table.Funcs {
			at := fileOffset(f, fn.Entry)
			list = append(list, symbol{at, at + fn.End - fn.Entry, fn.Name})
		}
	}
	return list
}

// separate are the symbols of a stripped file, which its build ID leads to.
func (s *Symbolizer) separate(f *elf.File) []elf.Symbol {
	id := buildID(f)
	if len(id) < 2 {
		return nil
	}
	dirs := s.DebugDirs
	if len(dirs) == 0 {
		dirs = []string{"/usr/lib/debug"}
	}
	for _, d := range dirs {
		debug, err := elf.Open(filepath.Join(d, ".build-id", id[:2], id[2:]+".debug"))
		if err != nil {
			continue
		}
		syms, err := debug.Symbols()
		debug.Close()
		if err == nil {
			return syms
		}
	}
	return nil
}

// buildID is what tells a binary from all others, in hexadecimal; "" if it has none.
func buildID(f *elf.File) string {
	s := f.Section(".note.gnu.build-id")
	if s == nil {
		return ""
	}
	b, err := s.Data()
	if err != nil || len(b) < 16 {
		return ""
	}
	owner, size := f.ByteOrder.Uint32(b), f.ByteOrder.Uint32(b[4:])
	if at := 12 + (uint64(owner)+3)&^3; at+uint64(size) <= uint64(len(b)) {
		return hex.EncodeToString(b[at:][:size])
	}
	return ""
}

// process is what a process had mapped when it was read.
type process struct {
	read time.Time
	maps []mapping // in the order of their addresses
	jit  *Symbols  // code that the process made, by its own account
}

// mapping is a part of a file that can be executed.
type mapping struct {
	start, end, off uint64
	id, path        string
	paths           []string // where to open it
}

// name is the last part of the file's path.
func (m *mapping) name() string {
	return strings.Trim(filepath.Base(strings.TrimSuffix(m.path, " (deleted)")), "[]")
}

func (p *process) find(addr uint64) *mapping {
	i, found := slices.BinarySearchFunc(p.maps, addr, func(m mapping, a uint64) int {
		switch {
		case m.end <= a:
			return -1
		case m.start > a:
			return 1
		}
		return 0
	})
	if !found {
		return nil
	}
	return &p.maps[i]
}

// readProcess reads what a process has mapped now.
func readProcess(pid int) (*process, error) {
	dir := fmt.Sprintf("/proc/%d/", pid)
	text, err := os.ReadFile(dir + "maps")
	if err != nil {
		return nil, fmt.Errorf("process %d: %w", pid, err)
	}
	p := &process{read: time.Now(), maps: parseMaps(dir, string(text))}
	// Compilers at run time write down what they make: address, size, name.
	inside := fmt.Sprint(pid)
	if status, err := os.ReadFile(dir + "status"); err == nil {
		for l := range strings.Lines(string(status)) {
			if f := strings.Fields(l); len(f) > 1 && f[0] == "NSpid:" {
				inside = f[len(f)-1]
			}
		}
	}
	if text, err := os.ReadFile(dir + "root/tmp/perf-" + inside + ".map"); err == nil {
		p.jit = parsePerfMap(string(text))
	}
	return p, nil
}

// parseMaps reads lines such as
//
//	55d0a2c00000-55d0a2cde000 r-xp 0002c000 fd:01 1234    /usr/bin/bash
func parseMaps(dir, text string) (maps []mapping) {
	for l := range strings.Lines(text) {
		f := strings.Fields(l)
		if len(f) < 6 || !strings.Contains(f[1], "x") {
			continue
		}
		from, to, _ := strings.Cut(f[0], "-")
		start, err1 := strconv.ParseUint(from, 16, 64)
		end, err2 := strconv.ParseUint(to, 16, 64)
		off, err3 := strconv.ParseUint(f[2], 16, 64)
		if err1 != nil || err2 != nil || err3 != nil {
			continue
		}
		path := strings.Join(f[5:], " ")
		m := mapping{start: start, end: end, off: off, path: path, id: f[3] + " " + f[4] + " " + path}
		if strings.HasPrefix(path, "/") {
			m.paths = []string{dir + "map_files/" + f[0], dir + "root" + path}
			if strings.HasSuffix(path, " (deleted)") {
				m.paths = m.paths[:1] // what has its name now is another
			}
		}
		maps = append(maps, m)
	}
	return maps
}

// parsePerfMap reads lines such as "7f0c12345000 40 function".
func parsePerfMap(text string) *Symbols {
	s := &Symbols{}
	for l := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSpace(l), " ", 3)
		if len(f) < 3 {
			continue
		}
		start, err1 := strconv.ParseUint(strings.TrimPrefix(f[0], "0x"), 16, 64)
		size, err2 := strconv.ParseUint(strings.TrimPrefix(f[1], "0x"), 16, 64)
		if err1 == nil && err2 == nil {
			s.list = append(s.list, symbol{start, start + size, f[2]})
		}
	}
	s.sort()
	return s
}
