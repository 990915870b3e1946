package userspace

import "golang.org/x/sys/unix"

func gettid() int { return unix.Gettid() }

func clock(id int32) (sec, nsec int64, err error) {
	var t unix.Timespec
	err = unix.ClockGettime(id, &t)
	return int64(t.Sec), int64(t.Nsec), err
}

func kill(pid, sig int) error { return unix.Kill(pid, unix.Signal(sig)) }
