package btf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// The header of .BTF: magic, version, flags, its own length, then offset and
// length of the types and of the strings, counted from the header's end.
const (
	magic         = 0xeb9f
	version       = 1
	headerLen     = 24
	headerStrOff  = 16
	headerStrLen  = 20
	maxStringsLen = 1 << 24 // more is nothing that the kernel takes
)

// appendStrings adds strings to a marshalled .BTF and returns their offsets in its
// string table. The types are encoded by a library whose string table can't be
// added to from outside; but the table is the last thing in the section, and a
// reader takes its length from the header, so more can be put behind it. Strings
// that are there already are not repeated.
func appendStrings(types []byte, order binary.ByteOrder, add []string) ([]byte, []uint32, error) {
	if len(types) < headerLen || order.Uint16(types) != magic {
		return nil, nil, fmt.Errorf("no header")
	}
	start := uint64(order.Uint32(types[4:])) + uint64(order.Uint32(types[headerStrOff:]))
	n := order.Uint32(types[headerStrLen:])
	if start+uint64(n) != uint64(len(types)) || n == 0 || types[len(types)-1] != 0 {
		return nil, nil, fmt.Errorf("the strings are not at the end")
	}
	offsets := make(map[string]uint32, 2*len(add))
	at := uint32(0)
	for _, s := range bytes.SplitAfter(types[start:], []byte{0}) {
		if len(s) == 0 {
			continue
		}
		name := string(s[:len(s)-1])
		if _, ok := offsets[name]; !ok {
			offsets[name] = at
		}
		at += uint32(len(s))
	}
	places := make([]uint32, len(add))
	types = slices.Grow(types, lengths(add))
	for i, s := range add {
		if strings.IndexByte(s, 0) >= 0 {
			return nil, nil, fmt.Errorf("string %q holds a zero byte", s)
		}
		if old, ok := offsets[s]; ok {
			places[i] = old
			continue
		}
		offsets[s], places[i] = at, at
		types = append(append(types, s...), 0)
		at += uint32(len(s)) + 1
		if at > maxStringsLen {
			return nil, nil, fmt.Errorf("strings take more than %d bytes", maxStringsLen)
		}
	}
	order.PutUint32(types[headerStrLen:], at)
	return types, places, nil
}

// lengths is what the strings take in a string table.
func lengths(list []string) (n int) {
	for _, s := range list {
		n += len(s) + 1
	}
	return n
}
