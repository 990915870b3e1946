package loader

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// TraceLog reads what programs print. The kernel writes it to a trace buffer; a
// buffer of our own (an instance, in the kernel's words) has what is printed from
// now on and is read by nobody else. Where there is none it is the kernel's
// trace_pipe, of which each line goes to one reader only, whoever that is.
type TraceLog struct {
	fd       int
	instance string // its folder; "" if it is the kernel's
	buf      []byte
}

// traceDirs are where the kernel's tracing is found.
var traceDirs = []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}

// OpenTraceLog opens the log.
func OpenTraceLog() (*TraceLog, error) {
	mountTracing()
	var last error
	for _, dir := range traceDirs {
		dropInstances(dir + "/instances")
		if own, err := newInstance(dir + "/instances"); err == nil {
			if fd, err := openPipe(own); err == nil {
				return &TraceLog{fd: fd, instance: own}, nil
			}
			os.Remove(own)
		}
		fd, err := openPipe(dir)
		if err == nil {
			return &TraceLog{fd: fd}, nil
		}
		last = err
	}
	if errors.Is(last, fs.ErrPermission) {
		return nil, &AccessError{Missing: "reading what programs print needs root: trace_pipe is root's", Cause: last}
	}
	return nil, fmt.Errorf("opening trace_pipe, through which programs print: %w", last)
}

func openPipe(dir string) (fd int, err error) {
	fd, err = unix.Open(dir+"/trace_pipe", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: dir + "/trace_pipe", Err: err}
	}
	return fd, nil
}

// instanceName is how the names of instances begin: the process's number follows.
const instanceName = "luabpfc-"

// newInstance makes a trace buffer that gets what programs print.
func newInstance(dir string) (string, error) {
	own, err := os.MkdirTemp(dir, fmt.Sprintf("%s%d-", instanceName, os.Getpid()))
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(own+"/events/bpf_trace/bpf_trace_printk/enable", []byte("1"), 0); err != nil {
		os.Remove(own)
		return "", err
	}
	return own, nil
}

// dropInstances removes the buffers of processes that were killed.
func dropInstances(dir string) {
	all, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range all {
		var pid int
		if got, _ := fmt.Sscanf(e.Name(), instanceName+"%d-", &pid); got == 1 && errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// Line waits for a line until the deadline; ok is false when it has passed. The
// line has no newline at its end.
func (t *TraceLog) Line(deadline time.Time) (line string, ok bool, err error) {
	for {
		if i := bytes.IndexByte(t.buf, '\n'); i >= 0 {
			line = string(t.buf[:i])
			if t.buf = t.buf[i+1:]; line == "" {
				continue // a program's own newline, besides the kernel's
			}
			return line, true, nil
		}
		var chunk [4096]byte
		switch n, err := unix.Read(t.fd, chunk[:]); {
		case n > 0:
			t.buf = append(t.buf, chunk[:n]...)
			continue
		case err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR):
			return "", false, err
		}
		left := time.Until(deadline)
		if left <= 0 {
			return "", false, nil
		}
		poll := []unix.PollFd{{Fd: int32(t.fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, int(min(left, 20*time.Millisecond)/time.Millisecond)+1); err != nil && !errors.Is(err, unix.EINTR) {
			return "", false, err
		}
	}
}

// Close closes the log.
func (t *TraceLog) Close() error {
	err := unix.Close(t.fd)
	if t.instance != "" {
		err = errors.Join(err, os.Remove(t.instance))
	}
	return err
}

// mountTracing mounts the kernel's tracing where it belongs if nobody has: on most
// machines the system does when it starts. An error shows itself in what follows.
func mountTracing() {
	for _, dir := range traceDirs {
		if _, err := os.Stat(dir + "/events"); err == nil {
			return
		}
	}
	_ = unix.Mount("tracefs", traceDirs[0], "tracefs", 0, "")
}
