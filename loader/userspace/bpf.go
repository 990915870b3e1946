package userspace

import (
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/loader"
)

// bpfCalls are the functions of module bpf that only user space has.
func bpfCalls() map[string]operation {
	return map[string]operation{
		"bpf.tracelog": bpfTracelog,
		"bpf.ifindex":  bpfIfindex,
		"bpf.ksym":     bpfKsym,
		"bpf.usym":     bpfUsym,
		"bpf.interval": bpfInterval,
		"bpf.at_exit":  bpfAtExit,
	}
}

// bpfTracelog is bpf.tracelog(): what programs print, line by line.
func bpfTracelog(c *call) ([]lua.LValue, error) {
	log, err := loader.OpenTraceLog()
	if err != nil {
		return nil, c.stop(err)
	}
	c.closers = append(c.closers, log)
	read := func(L *lua.LState, _ []lua.LValue) ([]lua.LValue, error) {
		w := &call{host: c.host, op: c.op, L: L}
		var line string
		ok, err := w.wait(time.Time{}, func(deadline time.Time) (ok bool, err error) {
			line, ok, err = log.Line(deadline)
			return ok, err
		})
		if !ok || err != nil {
			return []lua.LValue{lua.LNil}, err
		}
		return results(lua.LString(line))
	}
	return results(c.st.NewObject("tracelog", map[string]method{
		"read": read,
		"lines": func(*lua.LState, []lua.LValue) ([]lua.LValue, error) {
			return results(c.st.NewFunction(read))
		},
		"close": func(*lua.LState, []lua.LValue) ([]lua.LValue, error) { return nil, log.Close() },
	}))
}

// bpfIfindex is bpf.ifindex(name).
func bpfIfindex(c *call) ([]lua.LValue, error) {
	name, err := c.text(0)
	if err != nil {
		return nil, err
	}
	ifi, err := loader.InterfaceByName(name)
	if err != nil {
		return nil, fmt.Errorf("there is no interface '%s'", name)
	}
	return results(lua.LNumber(ifi.Index))
}

// bpfInterval is bpf.interval(seconds, fn): fn is called again and again while the
// script waits for something, and behind its end until Ctrl-C.
func bpfInterval(c *call) ([]lua.LValue, error) {
	s, err := c.number(0)
	if err != nil {
		return nil, err
	}
	if !(s > 0) {
		return nil, fmt.Errorf("bpf.interval needs a time above 0, not %v", s)
	}
	f, err := c.function(1)
	if err != nil {
		return nil, err
	}
	every := time.Duration(s * float64(time.Second))
	c.timers = append(c.timers, &timer{every: every, next: time.Now().Add(every), f: f})
	return nil, nil
}

// bpfAtExit is bpf.at_exit(fn): fn is called when the script is over, however it
// ends.
func bpfAtExit(c *call) ([]lua.LValue, error) {
	f, err := c.function(0)
	if err != nil {
		return nil, err
	}
	c.atExit = append(c.atExit, f)
	return nil, nil
}
