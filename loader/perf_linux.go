package loader

import (
	"errors"
	"fmt"
	"io"
	"unsafe"

	"github.com/cilium/ebpf"
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
type perfEvents []int

func (p perfEvents) Close() error {
	var errs []error
	for _, fd := range p {
		errs = append(errs, unix.Close(fd))
	}
	return errors.Join(errs...)
}

// attachPerfEvent opens the event on every CPU, or on the one asked for; for one
// process wherever it runs.
func attachPerfEvent(a *attachment) (io.Closer, error) {
	attr, err := perfAttr(a.Perf)
	if err != nil {
		return nil, err
	}
	pid, cpus := -1, []int{-1}
	if p := a.pid(); p > 0 {
		pid = p
	}
	switch n := ebpf.MustPossibleCPU(); {
	case a.CPU != nil && *a.CPU >= 0:
		cpus = []int{int(*a.CPU)}
	case pid < 0:
		cpus = cpus[:0]
		for i := range n {
			cpus = append(cpus, i)
		}
	}
	var open perfEvents
	for _, cpu := range cpus {
		fd, err := unix.PerfEventOpen(attr, pid, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
		if errors.Is(err, unix.ENODEV) && len(cpus) > 1 {
			continue // a CPU that is off
		}
		if err == nil {
			open = append(open, fd)
			err = unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_SET_BPF, a.prog.FD())
		}
		if err == nil {
			err = unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_ENABLE, 0)
		}
		if err != nil {
			open.Close()
			return nil, perfError(err)
		}
	}
	return open, nil
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
