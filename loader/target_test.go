//go:build linux

package loader

import (
	"bytes"
	"encoding/binary"
	"testing"
)

func TestSymbolOffset(t *testing.T) {
	for _, tc := range []struct {
		in, sym string
		off     uint64
	}{
		{"do_sys_open", "do_sys_open", 0}, {"f+0x10", "f", 16}, {"f+8", "f", 8}, {"f+", "f+", 0}, {"A::operator+", "A::operator+", 0}, {"A::operator++1", "A::operator+", 1},
	} {
		if sym, off := symbolOffset(tc.in); sym != tc.sym || off != tc.off {
			t.Errorf("symbolOffset(%s) = %s, %d", tc.in, sym, off)
		}
	}
}

func TestBinarySymbol(t *testing.T) {
	for _, tc := range []struct{ in, path, sym string }{
		{"/bin/bash:readline", "/bin/bash", "readline"}, {"/x:a::b", "/x", "a::b"}, {"/x:0x10", "/x", "0x10"}, {"/x:p:n", "/x", "p:n"},
		{"/bin/bash", "", ""}, {"no-such-program:f", "", ""},
	} {
		path, sym, err := binarySymbol(tc.in)
		if (err != nil) != (tc.path == "") || err == nil && (path != tc.path || sym != tc.sym) {
			t.Errorf("binarySymbol(%s) = %s, %s, %v", tc.in, path, sym, err)
		}
	}
}

func TestUSDTNotes(t *testing.T) {
	order := binary.LittleEndian
	note := func(at, base, sem uint64, text string) (b []byte) {
		desc := order.AppendUint64(order.AppendUint64(order.AppendUint64(nil, at), base), sem)
		desc = append(desc, text...)
		b = order.AppendUint32(order.AppendUint32(order.AppendUint32(nil, 8), uint32(len(desc))), 3)
		b = append(b, "stapsdt\x00"...)
		b = append(b, desc...)
		return append(b, make([]byte, -len(b)&3)...)
	}
	b := bytes.Join([][]byte{note(0x100, 0x50, 0, "p\x00n\x008@%rax\x00"), note(0x200, 0x50, 0x300, "p\x00other\x00\x00"), note(0x400, 0x50, 0x500, "p\x00n\x00\x00")}, nil)
	got := parseNotes(b, order, "p", "n", func(addr, noted uint64) uint64 { return addr - noted })
	if len(got) != 2 || got[0].at != 0xb0 || got[1] != (usdtProbe{0x3b0, 0x4b0}) {
		t.Errorf("%+v", got)
	}
	for i := range b { // cut anywhere, it gives what is whole
		if got := parseNotes(b[:i], order, "p", "n", func(a, _ uint64) uint64 { return a }); len(got) > 2 {
			t.Errorf("%d bytes: %v", i, got)
		}
	}
}

func TestKallsyms(t *testing.T) {
	s, err := readKallsyms(bytes.NewReader([]byte("ffffffff81000020 t b\nffffffff81000000 T a\nffffffff82000000 D data\nffffffffc0000000 t m [mod]\n0 T hidden\nx\n")))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		addr uint64
		name string
		off  uint64
	}{{0xffffffff81000000, "a", 0}, {0xffffffff8100001f, "a", 31}, {0xffffffff81000021, "b", 1}, {0xffffffffc0000010, "m", 16}, {5, "", 0}} {
		if name, off, ok := s.Find(tc.addr); name != tc.name || off != tc.off || ok != (tc.name != "") {
			t.Errorf("Find(%#x) = %s+%d, %v", tc.addr, name, off, ok)
		}
	}
}
