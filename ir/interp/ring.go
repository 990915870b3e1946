package interp

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/luabpfc/luabpfc/ir"
)

// Maps without keys: queues, stacks and bloom filters, and the buffers that
// records go to user space through.

// queueHelper is a helper of queues and stacks. Pop and peek of an empty one
// leave zeros.
func queueHelper(name string) helperFunc {
	return func(c *helperCall) (word, error) {
		s := c.args[0].obj.mp
		b, err := c.args[1].read(int(s.decl.ValueSize))
		if name != "map_push_elem" && s.decl.Type.Name != "bloom_filter" {
			return s.take(c.args[1], name == "map_pop_elem")
		}
		if err != nil {
			return word{}, err
		}
		if name != "map_push_elem" {
			if slices.ContainsFunc(s.queue, func(x []byte) bool { return bytes.Equal(x, b) }) {
				return word{}, nil
			}
			return errno(-enoent), nil
		}
		return errno(s.push(append([]byte(nil), b...), c.args[2].bits)), nil
	}
}

// push appends a value; with BPF_EXIST the oldest makes room.
func (s *mapState) push(b []byte, flags uint64) int {
	bloom := s.decl.Type.Name == "bloom_filter"
	switch {
	case flags > updateExist || flags == updateNoExist || bloom && flags != updateAny:
		return -einval
	case bloom || uint32(len(s.queue)) < s.decl.MaxEntries:
	case flags == updateExist:
		s.queue = s.queue[1:]
	default:
		return -e2big
	}
	s.queue = append(s.queue, b)
	return 0
}

// take copies the next value to w.
func (s *mapState) take(w word, remove bool) (word, error) {
	if len(s.queue) == 0 {
		return errno(-enoent), w.write(make([]byte, s.decl.ValueSize))
	}
	i := 0
	if s.decl.Type.Name == "stack" {
		i = len(s.queue) - 1
	}
	b := s.queue[i]
	if remove {
		s.queue = slices.Delete(s.queue, i, i+1)
	}
	return word{}, w.write(b)
}

// currentCPU is BPF_F_CURRENT_CPU.
const currentCPU = 0xffffffff

// ringHelper is a helper of ring buffers and perf buffers. No buffer is ever
// full.
func ringHelper(name string) helperFunc {
	switch name {
	case "ringbuf_reserve":
		return reserve
	case "ringbuf_submit", "ringbuf_discard":
		return func(c *helperCall) (word, error) { return c.release(name == "ringbuf_submit") }
	}
	m, data := 0, 1
	if name == "perf_event_output" {
		m, data = 1, 3
	}
	return func(c *helperCall) (word, error) {
		n, err := c.size(data + 1)
		if err != nil {
			return word{}, err
		}
		b, err := c.args[data].read(n)
		if err != nil {
			return word{}, err
		}
		if name == "perf_event_output" {
			if cpu := c.args[2].bits & currentCPU; cpu != currentCPU && cpu != uint64(c.m.Env.CPU) {
				return errno(-eopnotsupp), nil // another CPU's buffer
			}
		}
		s := c.args[m].obj.mp
		s.records = append(s.records, append([]byte(nil), b...))
		return word{}, nil
	}
}

// reserve makes a record, no byte of which is written.
func reserve(c *helperCall) (word, error) {
	s, n := c.args[0].obj.mp, c.args[1].bits
	if n == 0 || n+8 > uint64(s.decl.MaxEntries) { // a record has 8 bytes in front
		return word{}, nil
	}
	o := &object{name: "a record of " + s.decl.Name, region: ir.RegionRecord, data: make([]byte, n), init: make([]bool, n), record: s}
	s.open = append(s.open, o)
	return word{obj: o}, nil
}

// release ends a record; user space sees all of one that is submitted.
func (c *helperCall) release(submit bool) (word, error) {
	o := c.args[0].obj
	if o.dead != "" {
		return word{}, errText(o.name + " is gone: " + o.dead)
	}
	s := o.record
	if submit {
		if err := o.readable(0, len(o.data)); err != nil {
			return word{}, err
		}
		s.records = append(s.records, append([]byte(nil), o.data...))
	}
	o.dead = "it was submitted or discarded"
	s.open = slices.DeleteFunc(s.open, func(x *object) bool { return x == o })
	return word{}, nil
}

// leftOpen returns an error if a run ends with a record open.
func (m *Machine) leftOpen() error {
	for _, d := range m.module.Maps {
		if s := m.maps[d]; len(s.open) > 0 {
			s.open = nil
			return fmt.Errorf("the run ends with an open record of '%s'", d.Name)
		}
	}
	return nil
}

// Receive takes the next record that was sent through a ring or perf buffer, nil
// if there is none.
func (m *Machine) Receive(name string) []byte {
	s := m.mapNamed(name)
	if s == nil || len(s.records) == 0 {
		return nil
	}
	b := s.records[0]
	s.records = s.records[1:]
	return b
}

// dropOpen discards the records that are open.
func (m *Machine) dropOpen() {
	for _, s := range m.maps {
		for _, o := range s.open {
			o.dead = "it was discarded"
		}
		s.open = nil
	}
}
