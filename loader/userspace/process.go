package userspace

import (
	"fmt"
	"time"
)

// Processes that programs follow. When one ends its programs run no more, and
// nothing else would say so: the script goes on, and the user is told.

// watched is a process whose end is looked for.
type watched struct {
	pid  int64
	fd   int
	name string // of the first program that follows it
}

// watchEvery is how often the ends of processes are looked for.
const watchEvery = 100 * time.Millisecond

// watchProcesses begins to look for the ends of the processes that programs follow.
func (h *host) watchProcesses() {
	var all []watched
	seen := map[int64]bool{}
	for _, p := range h.st.Programs() {
		if p.Attach.PID == nil || *p.Attach.PID <= 0 || h.links[p] == nil || seen[*p.Attach.PID] {
			continue
		}
		seen[*p.Attach.PID] = true
		if fd, ok := openProcess(int(*p.Attach.PID)); ok {
			all = append(all, watched{*p.Attach.PID, fd, p.Name})
		}
	}
	if len(all) == 0 {
		return
	}
	h.ended = make(chan watched, len(all))
	stop := make(chan struct{})
	h.closers = append(h.closers, closer(func() error { close(stop); return nil }))
	go func() {
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for len(all) > 0 {
			select {
			case <-stop:
				for _, w := range all {
					closeProcess(w.fd)
				}
				return
			case <-tick.C:
			}
			var left []watched
			for _, w := range all {
				if !processEnded(w.fd) {
					left = append(left, w)
					continue
				}
				closeProcess(w.fd)
				h.ended <- w
			}
			all = left
		}
	}()
}

// closer is a function as an io.Closer.
type closer func() error

func (c closer) Close() error { return c() }

// tellEnd tells the user that a process has ended.
func (h *host) tellEnd(w watched) {
	h.note(fmt.Sprintf("process %d has ended: '%s', which follows it, does not run any more", w.pid, w.name))
}

// tellEnds tells of the processes that have ended by now.
func (h *host) tellEnds() {
	for {
		select {
		case w := <-h.ended:
			h.tellEnd(w)
		default:
			return
		}
	}
}
