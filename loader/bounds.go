package loader

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
)

// An object may come from anywhere. Reading it takes memory by what its headers
// say, which need not be what the file has: a section may be compressed, overlap
// another or have no bytes in the file at all, and a symbol may cover what others
// do. Objects of compilers do none of it but for .bss, so that what they take is
// within a factor of their size; checkBounds refuses the others before anything is
// read.

const (
	// maxZeroes is how large sections without bytes in the file may be together.
	maxZeroes = 256 << 20
	// maxOverlap is how often the bytes of a file may be part of a section, and
	// those of a section part of a symbol: aliases of functions are common.
	maxOverlap = 8
)

// checkBounds refuses what would take memory out of all proportion to its size.
func checkBounds(object []byte) (err error) {
	defer contain("reading the object's headers", &err)
	f, err := elf.NewFile(bytes.NewReader(object))
	if err != nil {
		return err
	}
	var stored, zeroes uint64
	for _, s := range f.Sections {
		switch {
		case s.Type == elf.SHT_NULL:
		case s.Flags&elf.SHF_COMPRESSED != 0:
			return fmt.Errorf("section '%s' is compressed, which no BPF object needs", s.Name)
		case s.Type == elf.SHT_NOBITS:
			zeroes += min(s.Size, maxZeroes+1)
		case s.FileSize > uint64(len(object)) || s.Offset > uint64(len(object))-s.FileSize:
			return fmt.Errorf("section '%s' ends behind the file: it is cut short", s.Name)
		default:
			stored += s.FileSize
		}
		if zeroes > maxZeroes {
			return fmt.Errorf("section '%s' makes more than %d MiB of zeroes", s.Name, maxZeroes>>20)
		}
	}
	if stored > maxOverlap*uint64(len(object)) {
		return errors.New("its sections overlap")
	}
	return checkSymbols(f)
}

// checkSymbols refuses symbols that cover more than sections have.
func checkSymbols(f *elf.File) error {
	syms, err := f.Symbols()
	if errors.Is(err, elf.ErrNoSymbols) {
		return nil
	}
	if err != nil {
		return err
	}
	left := make([]uint64, len(f.Sections))
	for i, s := range f.Sections {
		left[i] = maxOverlap * min(s.Size, 1<<40)
	}
	for _, s := range syms {
		if int(s.Section) >= len(left) {
			continue // absolute, common or undefined
		}
		if s.Size > left[s.Section] {
			return fmt.Errorf("symbol '%s' covers what many others do, or more than its section has", s.Name)
		}
		left[s.Section] -= s.Size
	}
	return nil
}

// contain turns a panic of a library that reads what may be hostile into an error.
func contain(doing string, err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%s: it is broken in a way that was not expected (%v)", doing, r)
	}
}
