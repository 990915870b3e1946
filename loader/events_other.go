//go:build !linux

package loader

import (
	"io"
	"time"
)

// Event is a record that a program has sent.
type Event struct {
	CPU  int
	Data []byte
	Lost uint64
}

// Events reads the records of a ring buffer or a perf buffer.
type Events struct{}

// Events returns an error: only Linux has such buffers.
func (m *Map) Events() (*Events, error) { return nil, errNotLinux }

// Next returns an error.
func (e *Events) Next(time.Time) (Event, bool, error) { return Event{}, false, errNotLinux }

// Close does nothing.
func (e *Events) Close() error { return nil }

// TraceLog reads what programs print.
type TraceLog struct{}

// OpenTraceLog returns an error: only Linux has a trace log.
func OpenTraceLog() (*TraceLog, error) { return nil, errNotLinux }

// Line returns an error.
func (t *TraceLog) Line(time.Time) (string, bool, error) { return "", false, errNotLinux }

// Close does nothing.
func (t *TraceLog) Close() error { return nil }

// ReadIter returns an error: only Linux has iterators.
func ReadIter(io.Closer) (string, error) { return "", errNotLinux }
