package luabpfc_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/perf"
	"github.com/cilium/ebpf/ringbuf"
)

// A record in a test is written as numbers of the target's byte order, text and
// bytes: u8(1 2) u16(5) u32(6) u64(7) "text" hex(00ff) zero(4).

// recordBytes returns the bytes of a record in that notation.
func recordBytes(text string, order binary.ByteOrder) ([]byte, error) {
	layers, err := parseLayers(text)
	if err != nil {
		return nil, err
	}
	var out []byte
	for _, l := range layers {
		switch l.name {
		case "text":
			out = append(out, l.list[0]...)
			continue
		case "hex":
			b, err := hex.DecodeString(strings.Join(l.list, ""))
			if err != nil {
				return nil, err
			}
			out = append(out, b...)
			continue
		}
		for _, a := range l.list {
			n, err := parseNumber(a)
			if err != nil {
				return nil, err
			}
			size, ok := map[string]int{"u8": 1, "u16": 2, "u32": 4, "u64": 8, "zero": int(n)}[l.name]
			if !ok {
				return nil, fmt.Errorf("a record has no '%s'", l.name)
			}
			b := make([]byte, size)
			if l.name != "zero" {
				putNumber(b, n, order)
			}
			out = append(out, b...)
		}
	}
	return out, nil
}

// takeRecord receives a record and compares it with what the step expects.
func (s *step) takeRecord(b backend, order binary.ByteOrder) (o observation, err error) {
	got, err := b.recv(s.name)
	if err != nil {
		return o, err
	}
	o.raw = fmt.Sprintf("%x", got)
	if s.none {
		if got != nil {
			err = fmt.Errorf("map '%s' has the record %x", s.name, got)
		}
		return o, err
	}
	want, err := recordBytes(s.record, order)
	switch {
	case err != nil:
		return o, err
	case got == nil:
		return o, fmt.Errorf("map '%s' has no record", s.name)
	case !bytes.HasPrefix(got, want) || len(bytes.Trim(got[len(want):], "\x00")) > 0 || len(got) >= len(want)+8:
		return o, fmt.Errorf("the record is %x, want %x", got, want) // perf buffers pad
	}
	o.raw = fmt.Sprintf("%x", got[:len(want)])
	return o, nil
}

// receivers are the readers of a collection's ring and perf buffers.
type receivers struct {
	rings map[string]*ringbuf.Reader
	perfs map[string]*perf.Reader
}

func newReceivers(coll *ebpf.Collection) (*receivers, error) {
	r := &receivers{map[string]*ringbuf.Reader{}, map[string]*perf.Reader{}}
	for name, m := range coll.Maps {
		var err error
		switch m.Type() {
		case ebpf.RingBuf:
			r.rings[name], err = ringbuf.NewReader(m)
		case ebpf.PerfEventArray:
			r.perfs[name], err = perf.NewReader(m, os.Getpagesize())
		}
		if err != nil {
			r.close()
			return nil, err
		}
	}
	return r, nil
}

func (r *receivers) close() {
	for _, x := range r.rings {
		if x != nil {
			x.Close()
		}
	}
	for _, x := range r.perfs {
		if x != nil {
			x.Close()
		}
	}
}

// receive takes the next record of a map, nil if there is none.
func (r *receivers) receive(name string) ([]byte, error) {
	soon := time.Now().Add(20 * time.Millisecond)
	var sample []byte
	var err error
	if x := r.rings[name]; x != nil {
		x.SetDeadline(soon)
		var rec ringbuf.Record
		rec, err = x.Read()
		sample = rec.RawSample
	} else if x := r.perfs[name]; x != nil {
		x.SetDeadline(soon)
		var rec perf.Record
		rec, err = x.Read()
		sample = rec.RawSample
	} else {
		return nil, fmt.Errorf("map '%s' sends no records", name)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, nil
	}
	return sample, err
}
