package userspace

import (
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/script"
)

// Waiting, and what an interrupt does to it. The first Ctrl-C ends whatever the
// script waits for, now and from then on, so that it comes to its end: a script
// that sleeps and then prints what it has counted prints it. A loop without a
// condition ('while true') has no end to come to. There the wait raises
// "interrupted!", as LuaJIT does: pcall catches it and what follows runs, or else
// the script is over.

// tick is how often a wait in the kernel looks for an interrupt.
const tick = 50 * time.Millisecond

// maxCut is how many waits may end at once after an interrupt before the script
// is taken for one that has no end.
const maxCut = 1000

// forever is a time that does not come.
func forever() time.Time { return time.Now().Add(1 << 62) }

// timer is a function that the script wants called from time to time.
type timer struct {
	every time.Duration
	next  time.Time
	f     *lua.LFunction
}

// interrupted reports whether there was a first Ctrl-C.
func (h *host) interrupted() bool {
	select {
	case <-h.opts.Interrupt:
		return true
	case <-h.opts.Halt:
		return true
	default:
		return false
	}
}

// ended is what a wait returns that an interrupt has ended.
func (c *call) ended() error {
	select {
	case <-c.opts.Halt:
		return c.st.End(c.op)
	default:
	}
	if c.cut++; c.cut > maxCut || c.st.Endless(c.L) {
		return script.ErrInterrupted
	}
	return nil
}

// sleep waits until a time, or for an interrupt.
func (c *call) sleep(until time.Time) error {
	for {
		c.runTimers()
		left := time.Until(until)
		if t, ok := c.nextTimer(); ok {
			left = min(left, time.Until(t))
		}
		if time.Until(until) <= 0 {
			return nil
		}
		wait := time.NewTimer(max(left, 0))
		select {
		case <-wait.C:
			continue
		case w := <-c.host.ended:
			wait.Stop()
			c.tellEnd(w)
			continue
		case <-c.opts.Interrupt:
		case <-c.opts.Halt:
		}
		wait.Stop()
		return c.ended()
	}
}

// wait calls ready, which waits until the deadline that it is given, until it
// returns true, the time is over (zero: never) or an interrupt comes.
func (c *call) wait(until time.Time, ready func(deadline time.Time) (bool, error)) (bool, error) {
	for {
		c.runTimers()
		c.tellEnds()
		if c.interrupted() {
			return false, c.ended()
		}
		now := time.Now()
		deadline := now.Add(tick)
		if !until.IsZero() && until.Before(deadline) {
			deadline = until
		}
		ok, err := ready(deadline)
		if ok || err != nil {
			return ok, err
		}
		if !until.IsZero() && !time.Now().Before(until) {
			return false, nil
		}
	}
}

// runTimers calls the functions whose time has come.
func (c *call) runTimers() {
	if c.inTimer {
		return
	}
	c.inTimer = true
	defer func() { c.inTimer = false }()
	for _, t := range c.timers {
		if now := time.Now(); !now.Before(t.next) {
			t.next = now.Add(t.every)
			c.callLua(t.f)
		}
	}
}

func (c *call) nextTimer() (first time.Time, ok bool) {
	for _, t := range c.timers {
		if !ok || t.next.Before(first) {
			first, ok = t.next, true
		}
	}
	return first, ok
}
