package loader

import (
	"bufio"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Symbols are functions by their addresses.
type Symbols struct{ list []symbol }

type symbol struct {
	start, end uint64 // end 0: where the next begins
	name       string
}

// Find returns the function that an address is in, and how far behind its start.
func (s *Symbols) Find(addr uint64) (name string, off uint64, ok bool) {
	i, exact := slices.BinarySearchFunc(s.list, addr, func(x symbol, a uint64) int {
		switch {
		case x.start < a:
			return -1
		case x.start > a:
			return 1
		}
		return 0
	})
	if !exact {
		i--
	}
	if i < 0 || s.list[i].end != 0 && addr >= s.list[i].end {
		return "", 0, false
	}
	return s.list[i].name, addr - s.list[i].start, true
}

func (s *Symbols) sort() {
	slices.SortStableFunc(s.list, func(a, b symbol) int {
		switch {
		case a.start < b.start:
			return -1
		case a.start > b.start:
			return 1
		}
		return 0
	})
}

// KernelSymbols reads the functions of the running kernel and its modules.
func KernelSymbols() (*Symbols, error) {
	f, err := os.Open("/proc/kallsyms")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, err := readKallsyms(f)
	if err != nil {
		return nil, err
	}
	if len(s.list) == 0 {
		return nil, &AccessError{Missing: "the kernel hides its symbols' addresses: run as root, or set kernel.kptr_restrict to 0", Cause: os.ErrPermission}
	}
	return s, nil
}

// readKallsyms reads lines such as "ffffffff81000000 T _stext" and, in a module,
// "ffffffffc0000000 t f [mod]". Where addresses are hidden all are 0.
func readKallsyms(r io.Reader) (*Symbols, error) {
	s := &Symbols{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 3 || !strings.ContainsAny(f[1], "tTwW") {
			continue
		}
		addr, err := strconv.ParseUint(f[0], 16, 64)
		if err != nil || addr == 0 {
			continue
		}
		s.list = append(s.list, symbol{start: addr, name: strings.Clone(f[2])})
	}
	s.sort()
	return s, lines.Err()
}
