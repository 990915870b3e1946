package userspace

import "golang.org/x/sys/unix"

func gettid() int { return unix.Gettid() }

func clock(id int32) (sec, nsec int64, err error) {
	var t unix.Timespec
	err = unix.ClockGettime(id, &t)
	return int64(t.Sec), int64(t.Nsec), err
}

func kill(pid, sig int) error { return unix.Kill(pid, unix.Signal(sig)) }

// openProcess opens a process, so that its end can be seen; false if it can't be.
func openProcess(pid int) (fd int, ok bool) {
	fd, err := unix.PidfdOpen(pid, 0)
	return fd, err == nil
}

func closeProcess(fd int) { unix.Close(fd) }

// processEnded reports whether a process that was opened has ended.
func processEnded(fd int) bool {
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(poll, 0)
	return err == nil && n > 0
}
