package loader

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/cilium/ebpf/link"
)

// Probes that a program brings along (USDT) are described by notes in its binary,
// section .note.stapsdt: where each is, and the counter (semaphore) that says that
// somebody watches. One probe may be at several places.

// usdtProbe is a place of a probe, as offsets in the file.
type usdtProbe struct{ at, semaphore uint64 }

// links are attachments that end together.
type links []io.Closer

func (l links) Close() error {
	var errs []error
	for _, c := range l {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// attachUSDT attaches to every place of 'path:provider:name'.
func attachUSDT(a *attachment) (io.Closer, error) {
	mountTracing()
	path, probe, err := binarySymbol(a.Name)
	if err != nil {
		return nil, err
	}
	provider, name, ok := strings.Cut(probe, ":")
	if !ok {
		return nil, errors.New("a probe is named 'path:provider:name'")
	}
	places, err := usdtProbes(path, provider, name)
	if err != nil {
		return nil, err
	}
	if len(places) == 0 {
		return nil, fmt.Errorf("'%s' has no probe '%s' of '%s'; 'readelf -n' lists them", path, name, provider)
	}
	ex, err := link.OpenExecutable(path)
	if err != nil {
		return nil, err
	}
	var all links
	for _, p := range places {
		l, err := ex.Uprobe("", a.prog, &link.UprobeOptions{Address: p.at, RefCtrOffset: p.semaphore, PID: a.pid()})
		if err != nil {
			all.Close()
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}

// usdtProbes reads the places of a probe.
func usdtProbes(path, provider, name string) ([]usdtProbe, error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	notes := f.Section(".note.stapsdt")
	if notes == nil {
		return nil, nil
	}
	b, err := notes.Data()
	if err != nil {
		return nil, err
	}
	var base uint64 // where the section was when the addresses were noted
	if s := f.Section(".stapsdt.base"); s != nil {
		base = s.Addr
	}
	return parseNotes(b, f.ByteOrder, provider, name, func(addr, noted uint64) uint64 {
		if addr == 0 {
			return 0
		}
		if base != 0 {
			addr += base - noted
		}
		return fileOffset(f, addr)
	}), nil
}

// parseNotes finds the probe's places among the notes in b; offset makes an address
// one in the file, given where the notes were when they were written.
func parseNotes(b []byte, order binary.ByteOrder, provider, name string, offset func(addr, noted uint64) uint64) (all []usdtProbe) {
	pad := func(n uint32) uint64 { return (uint64(n) + 3) &^ 3 }
	for len(b) >= 12 {
		owner, size := order.Uint32(b), order.Uint32(b[4:])
		if 12+pad(owner)+pad(size) > uint64(len(b)) {
			return all
		}
		desc := b[12+pad(owner):][:size]
		b = b[12+pad(owner)+pad(size):]
		if len(desc) < 24 {
			continue
		}
		text := bytes.SplitN(desc[24:], []byte{0}, 3)
		if len(text) < 2 || string(text[0]) != provider || string(text[1]) != name {
			continue
		}
		noted := order.Uint64(desc[8:])
		all = append(all, usdtProbe{offset(order.Uint64(desc), noted), offset(order.Uint64(desc[16:]), noted)})
	}
	return all
}
