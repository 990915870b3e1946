package loader

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/perf"
	"github.com/cilium/ebpf/ringbuf"
)

// Event is a record that a program has sent.
type Event struct {
	CPU  int    // -1 where the buffer does not say: a ring buffer
	Data []byte // in a perf buffer up to seven bytes longer than what was sent
	Lost uint64 // records that found no room, instead of Data
}

// Events reads the records of a ring buffer or a perf buffer.
type Events struct {
	ring *ringbuf.Reader
	perf *perf.Reader
}

// perfPages is the size of a CPU's buffer in pages.
const perfPages = 64

// Events starts to read the records that programs send through the map. A map has
// one reader.
func (m *Map) Events() (*Events, error) {
	switch m.m.Type() {
	case ebpf.RingBuf:
		r, err := ringbuf.NewReader(m.m)
		if err != nil {
			return nil, err
		}
		return &Events{ring: r}, nil
	case ebpf.PerfEventArray:
		r, err := perf.NewReader(m.m, perfPages*os.Getpagesize())
		if err != nil {
			return nil, perfError(err)
		}
		return &Events{perf: r}, nil
	}
	return nil, fmt.Errorf("a map of type %s carries no records", m.m.Type())
}

// Next waits for a record until the deadline; ok is false when it has passed.
func (e *Events) Next(deadline time.Time) (ev Event, ok bool, err error) {
	if e.ring != nil {
		e.ring.SetDeadline(deadline)
		r, err := e.ring.Read()
		if err != nil {
			return Event{}, false, late(err)
		}
		return Event{CPU: -1, Data: r.RawSample}, true, nil
	}
	e.perf.SetDeadline(deadline)
	r, err := e.perf.Read()
	if err != nil {
		return Event{}, false, late(err)
	}
	return Event{CPU: r.CPU, Data: r.RawSample, Lost: r.LostSamples}, true, nil
}

// late is nil for an error that says only that time is up.
func late(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

// Close ends the reading.
func (e *Events) Close() error {
	if e.ring != nil {
		return e.ring.Close()
	}
	return e.perf.Close()
}
