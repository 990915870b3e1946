package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"

	"github.com/luabpfc/luabpfc/loader"
)

// floodScript sends a record each time it runs, numbered on each CPU, and counts
// those that find no room.
const floodScript = `
ffi.cdef 'struct record { uint64_t number; uint32_t cpu, length; char bytes[16]; };'
local records = bpf.map('ringbuf', 1024 * 1024, nil, 'struct record')
local offered = bpf.map('percpu_array', 1, 'uint32_t', 'uint64_t')
local lost = bpf.map('percpu_array', 1, 'uint32_t', 'uint64_t')
local flood = bpf.xdp(function()
	local n = offered[0] + 1
	offered[0] = n
	local r = records:reserve()
	if not r then
		lost[0] = lost[0] + 1
		return XDP_PASS
	end
	r.number, r.cpu, r.length, r.bytes = n, cpu(), #pkt, 'sixteen bytes'
	r:submit()
	return XDP_PASS
end)`

// flooding is what a contender reads a ring buffer with.
type flooding struct {
	run     func(repeat uint32) error
	next    func(deadline time.Time) ([]byte, bool, error)
	counter func(name string) (uint64, error)
	close   func()
}

// measureFlood lets one CPU offer records as fast as it can while another reads them.
func measureFlood(seconds int) error {
	object, cleanup, err := compiled("flood.lua", floodScript)
	if err != nil {
		return err
	}
	defer cleanup()
	fmt.Printf("A ring buffer of 1 MiB, %d seconds of records as fast as one CPU offers them:\n", seconds)
	for _, as := range []string{"loader", "plain"} {
		says, err := contender(as, "flood", object, "-seconds", strconv.Itoa(seconds))
		if err != nil {
			return err
		}
		fmt.Printf("  %-7s %s\n", as, says)
	}
	return nil
}

func contendFlood(object []byte, plain bool, length time.Duration) error {
	open := floodByLoader
	if plain {
		open = floodPlain
	}
	f, err := open(object)
	if err != nil {
		return err
	}
	defer f.close()
	start := time.Now()
	ended := make(chan error, 1)
	go func() {
		for time.Since(start) < length {
			if err := f.run(10_000); err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
	}()
	var received, disorder, early uint64
	last := map[uint32]uint64{}
	for done := false; ; {
		data, ok, err := f.next(time.Now().Add(100 * time.Millisecond))
		if err != nil {
			return err
		}
		if !ok {
			if done {
				break // nobody writes any more, and nothing is left
			}
			select {
			case err := <-ended:
				if err != nil {
					return err
				}
				done = true
			default:
			}
			continue
		}
		received++
		number, cpu := binary.NativeEndian.Uint64(data), binary.NativeEndian.Uint32(data[8:])
		if number <= last[cpu] {
			disorder++
		}
		last[cpu] = number
		if received%4096 == 0 && early == 0 && time.Since(start) >= min(2*time.Second, length/2) {
			early = resident()
		}
	}
	offered, err := f.counter("offered")
	if err != nil {
		return err
	}
	lost, err := f.counter("lost")
	if err != nil {
		return err
	}
	late := resident()
	fmt.Printf("offered %d, received %d (%.0f a second), lost %d, missing %d, out of order %d; resident after 2 s %.1f MiB, at the end %.1f MiB (%+.1f %%)\n",
		offered, received, float64(received)/length.Seconds(), lost, int64(offered-received-lost), disorder, float64(early)/1024, float64(late)/1024,
		100*(float64(late)/float64(early)-1))
	if offered != received+lost || disorder > 0 {
		return fmt.Errorf("records are missing or out of order")
	}
	return nil
}

// resident is this process's resident memory in KiB.
func resident() uint64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+)`).FindSubmatch(text)
	if m == nil {
		return 0
	}
	n, _ := strconv.ParseUint(string(m[1]), 10, 64)
	return n
}

// runs makes a program run on a packet so many times.
func runs(p *ebpf.Program) func(repeat uint32) error {
	packet := make([]byte, 64)
	return func(repeat uint32) error {
		_, err := p.Run(&ebpf.RunOptions{Data: packet, Repeat: repeat})
		return err
	}
}

// newest is the program loaded last of those called name: the loader runs none.
func newest(name string) (*ebpf.Program, error) {
	s, err := loader.ReadSystem()
	if err != nil {
		return nil, err
	}
	for _, p := range slices.Backward(s.Programs) {
		if p.Name == name {
			return ebpf.NewProgramFromID(ebpf.ProgramID(p.ID))
		}
	}
	return nil, fmt.Errorf("no program '%s'", name)
}

func floodByLoader(object []byte) (*flooding, error) {
	obj, err := loadByLoader(object)
	if err != nil {
		return nil, err
	}
	m, err := obj.Map("records")
	if err != nil {
		return nil, err
	}
	events, err := m.Events()
	if err != nil {
		return nil, err
	}
	p, err := newest("flood")
	if err != nil {
		return nil, err
	}
	f := &flooding{run: runs(p), close: func() { events.Close(); p.Close(); obj.Close() }}
	f.next = func(deadline time.Time) ([]byte, bool, error) {
		e, ok, err := events.Next(deadline)
		return e.Data, ok, err
	}
	f.counter = func(name string) (uint64, error) {
		m, err := obj.Map(name)
		if err != nil {
			return 0, err
		}
		n, _, err := m.Get(0)
		return n, err
	}
	return f, nil
}

func floodPlain(object []byte) (*flooding, error) {
	coll, err := loadPlain(object)
	if err != nil {
		return nil, err
	}
	r, err := ringbuf.NewReader(coll.Maps["records"])
	if err != nil {
		return nil, err
	}
	f := &flooding{run: runs(coll.Programs["flood"]), close: func() { r.Close(); coll.Close() }}
	var rec ringbuf.Record
	f.next = func(deadline time.Time) ([]byte, bool, error) {
		r.SetDeadline(deadline)
		err := r.ReadInto(&rec)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, false, nil
		}
		return rec.RawSample, err == nil, err
	}
	f.counter = func(name string) (n uint64, err error) {
		var each []uint64
		err = coll.Maps[name].Lookup(uint32(0), &each)
		for _, x := range each {
			n += x
		}
		return n, err
	}
	return f, nil
}
