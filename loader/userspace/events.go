package userspace

import (
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/loader"
)

// Records that programs send, through perf and ring buffers.

// events are the records of one map: those that were received and are not read
// yet, and how many were lost.
type events struct {
	in      *loader.Events
	pending []loader.Event
	lost    uint64
}

// receive waits for a record until the deadline, and takes it.
func (e *events) receive(deadline time.Time) (bool, error) {
	for {
		ev, ok, err := e.in.Next(deadline)
		if err != nil || !ok {
			return false, err
		}
		e.lost += ev.Lost
		if ev.Data != nil {
			e.pending = append(e.pending, ev)
			return true, nil
		}
	}
}

// next is the next record, that came before the deadline.
func (e *events) next(deadline time.Time) (ev loader.Event, ok bool, err error) {
	if len(e.pending) == 0 {
		if ok, err := e.receive(deadline); !ok {
			return ev, false, err
		}
	}
	ev = e.pending[0]
	if e.pending = e.pending[1:]; len(e.pending) == 0 {
		e.pending = nil
	}
	return ev, true, nil
}

// reading begins to read the records of the operation's map.
func (c *call) reading() (*events, error) {
	m := c.live()
	if m.events == nil {
		in, err := m.in.Events()
		if err != nil {
			return nil, fmt.Errorf("reading map '%s': %w", m.Name, err)
		}
		m.events = &events{in: in}
		c.closers = append(c.closers, in)
	}
	return m.events, nil
}

// record is the data of a record as a value of type t, or as bytes.
func (c *call) record(t ctype.Type, data []byte) lua.LValue {
	if t == nil || ctype.Size(t) > len(data) {
		u8, _ := ctype.Scalar("uint8_t")
		t = ctype.ArrayOf(u8, len(data))
	}
	return c.st.Value(t, data[:ctype.Size(t)])
}

// mapReader is m:reader([pid, cpu, ctype]). All CPUs are read; the seeds had to
// name one, and write (nil, 0, ctype).
func mapReader(c *call) ([]lua.LValue, error) {
	m := c.live()
	e, err := c.reading()
	if err != nil {
		return nil, err
	}
	t := m.Value
	if c.arg(3) != lua.LNil {
		t = c.st.Type(c.L, c.arg(3))
	}
	pid, hasPID := c.arg(1).(lua.LNumber)
	if hasPID && pid > 0 {
		return nil, fmt.Errorf("the records of map '%s' don't say which process they came from: put pid() into them, or compare it in the program", m.Name)
	}
	cpu := -1
	if n, ok := c.arg(2).(lua.LNumber); ok && n >= 0 && (n > 0 || hasPID) {
		cpu = int(n)
	}
	read := func(ev loader.Event) ([]lua.LValue, error) {
		return results(lua.LNumber(len(ev.Data)), c.record(t, ev.Data), lua.LNumber(ev.CPU))
	}
	// available is the iterator over what has come: it never waits.
	available := func(*lua.LState, []lua.LValue) ([]lua.LValue, error) {
		for {
			ev, ok, err := e.next(time.Unix(1, 0))
			if !ok || err != nil {
				return []lua.LValue{lua.LNil}, err
			}
			if cpu < 0 || ev.CPU == cpu {
				return read(ev)
			}
		}
	}
	block := func(L *lua.LState, _ []lua.LValue) ([]lua.LValue, error) {
		w := &call{host: c.host, op: c.op, L: L}
		ok, err := w.wait(time.Time{}, func(deadline time.Time) (bool, error) {
			if len(e.pending) > 0 {
				return true, nil
			}
			return e.receive(deadline)
		})
		return []lua.LValue{lua.LBool(ok)}, err
	}
	return results(c.st.NewObject("reader", map[string]method{
		"block": block,
		"read": func(*lua.LState, []lua.LValue) ([]lua.LValue, error) {
			return results(c.st.NewFunction(available))
		},
		"next":  available,
		"close": func(*lua.LState, []lua.LValue) ([]lua.LValue, error) { return nil, nil },
	}))
}

// method is a method of an object of ours.
type method = func(L *lua.LState, args []lua.LValue) ([]lua.LValue, error)

// maxLate is how many records that had come by the end of the time are handled
// behind it: programs may send them faster than they are read.
const maxLate = 4096

// mapPoll is m:poll(fn [, ms]): fn(record, cpu) for each record until it returns
// false, or until the time is over. It returns how many there were.
func mapPoll(c *call) ([]lua.LValue, error) {
	f, err := c.function(1)
	if err != nil {
		return nil, err
	}
	e, err := c.reading()
	if err != nil {
		return nil, err
	}
	var until time.Time
	if c.arg(2) != lua.LNil {
		ms, err := c.number(2)
		if err != nil {
			return nil, err
		}
		until = time.Now().Add(time.Duration(ms * float64(time.Millisecond)))
	}
	m := c.live()
	count, late := 0, 0
	_, err = c.wait(until, func(deadline time.Time) (bool, error) {
		for {
			ev, ok, err := e.next(deadline)
			if !ok || err != nil {
				return false, err
			}
			count++
			cpu := lua.LValue(lua.LNil)
			if ev.CPU >= 0 {
				cpu = lua.LNumber(ev.CPU)
			}
			if c.callLua(f, c.record(m.Value, ev.Data), cpu) == lua.LFalse {
				return true, nil
			}
			if c.interrupted() {
				return false, nil
			}
			if !until.IsZero() && time.Now().After(until) {
				if late++; late > maxLate {
					return true, nil
				}
				deadline = time.Unix(1, 0) // what has come by now
			}
		}
	})
	return []lua.LValue{lua.LNumber(count)}, err
}

// mapLost is m.lost: how many records found no room so far.
func mapLost(c *call) ([]lua.LValue, error) {
	m := c.live()
	if m.events == nil {
		return results(lua.LNumber(0))
	}
	return results(lua.LNumber(m.events.lost))
}
