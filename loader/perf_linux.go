package loader

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// defaultFrequency is how often a second a program of perf_event runs on each CPU
// if the script says nothing: not a divisor of what timers are usually set to.
const defaultFrequency = 99

// perfAttr describes the event: by default the CPU's clock, which every machine has.
func perfAttr(perf map[string]int64) (*unix.PerfEventAttr, error) {
	attr := &unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK}
	attr.Size = uint32(unsafe.Sizeof(*attr))
	if t, ok := perf["type"]; ok {
		attr.Type = uint32(t)
		attr.Config = 0
	}
	if c, ok := perf["config"]; ok {
		attr.Config = uint64(c)
	}
	period, hasPeriod := perf["period"]
	freq, hasFreq := perf["freq"]
	switch {
	case hasPeriod && hasFreq:
		return nil, errors.New("a perf event has a frequency or a period, not both")
	case hasPeriod && period > 0:
		attr.Sample = uint64(period)
		return attr, nil
	case !hasFreq:
		freq = defaultFrequency
	}
	if freq <= 0 {
		return nil, fmt.Errorf("the frequency of a perf event must be above 0, not %d", freq)
	}
	attr.Sample, attr.Bits = uint64(freq), unix.PerfBitFreq
	return attr, nil
}

// perfEvents are events with a program, one on each CPU.
type perfEvents []perfEvent

// perfEvent is one of them. Before 5.15 there is no link.
type perfEvent struct {
	fd   int
	link *link.RawLink
}

func (p perfEvents) Close() error {
	var errs []error
	for _, e := range p {
		if e.link != nil {
			errs = append(errs, e.link.Close())
		}
		errs = append(errs, unix.Close(e.fd))
	}
	return errors.Join(errs...)
}

// connect makes the event run the program.
func (e *perfEvent) connect(p *ebpf.Program) error {
	l, err := link.AttachRawLink(link.RawLinkOptions{Target: e.fd, Program: p, Attach: ebpf.AttachPerfEvent})
	if err == nil {
		e.link = l
	} else if err := unix.IoctlSetInt(e.fd, unix.PERF_EVENT_IOC_SET_BPF, p.FD()); err != nil {
		return err
	}
	return unix.IoctlSetInt(e.fd, unix.PERF_EVENT_IOC_ENABLE, 0)
}

// attachPerfEvent opens the event on every CPU, or on the one asked for; for one
// process wherever it runs, in all of its threads.
func attachPerfEvent(a *attachment) (io.Closer, error) {
	attr, err := perfAttr(a.Perf)
	if err != nil {
		return nil, err
	}
	var open perfEvents
	for _, w := range a.perfPlaces() {
		fd, err := openPerf(*attr, w)
		switch {
		case errors.Is(err, unix.ENODEV) && w.many, errors.Is(err, unix.ESRCH) && w.many:
			continue // a CPU that is off, a thread that has ended
		case err == nil:
			open = append(open, perfEvent{fd: fd})
			err = open[len(open)-1].connect(a.prog)
		}
		if err != nil {
			open.Close()
			return nil, perfError(err)
		}
	}
	return open, nil
}

// perfPlace is where an event is opened: a thread or a CPU, -1 for any.
type perfPlace struct {
	thread, cpu int
	many        bool // it is one of many
}

// perfPlaces are where a program's event is opened.
func (a *attachment) perfPlaces() (all []perfPlace) {
	cpu := -1
	if a.CPU != nil && *a.CPU >= 0 {
		cpu = int(*a.CPU)
	}
	if pid := a.pid(); pid > 0 {
		tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid)) // if there is no such process opening says so
		for _, t := range tasks {
			if tid, err := strconv.Atoi(t.Name()); err == nil {
				all = append(all, perfPlace{tid, cpu, tid != pid})
			}
		}
		if len(all) == 0 {
			all = append(all, perfPlace{pid, cpu, false})
		}
		return all
	}
	if cpu >= 0 {
		return []perfPlace{{-1, cpu, false}}
	}
	for i := range ebpf.MustPossibleCPU() {
		all = append(all, perfPlace{-1, i, true})
	}
	return all
}

// perfBitInheritThread is inherit_thread of struct perf_event_attr.
const perfBitInheritThread = unix.CBitFieldMaskBit35

// openPerf opens an event. One of a thread goes over to the threads that it starts,
// on kernels that can tell them from processes (5.13).
func openPerf(attr unix.PerfEventAttr, w perfPlace) (fd int, err error) {
	if w.thread > 0 {
		threads := attr
		threads.Bits |= unix.PerfBitInherit | perfBitInheritThread
		fd, err = unix.PerfEventOpen(&threads, w.thread, w.cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
		if !errors.Is(err, unix.EINVAL) {
			return fd, err
		}
	}
	return unix.PerfEventOpen(&attr, w.thread, w.cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
}

// perfError explains an error of perf_event_open.
func perfError(err error) error {
	switch {
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return &AccessError{Missing: "perf events need CAP_PERFMON, or kernel.perf_event_paranoid (now " +
			setting("/proc/sys/kernel/perf_event_paranoid") + ") to be lower", Cause: err}
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("this machine does not have the perf event: %w", err)
	case errors.Is(err, unix.ESRCH):
		return fmt.Errorf("there is no such process: %w", err)
	}
	return err
}
