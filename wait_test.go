package luabpfc_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long tests wait for what must happen. It is only ever spent
// where it does not: a machine may be slow, or busy with something else.
const patience = 30 * time.Second

// eventually asks again and again until the answer is yes, and reports whether it
// came to that.
func eventually(yes func() bool) bool {
	end := time.Now().Add(patience)
	for pause := time.Millisecond; !yes(); pause = min(2*pause, 100*time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
		time.Sleep(pause)
	}
	return true
}

// ready waits until poll(2) says that something can be done with fd. Signals of
// Go's own interrupt such calls now and then.
func ready(fd int, events int16, atMost time.Duration) error {
	for end := time.Now().Add(atMost); ; {
		fds := []unix.PollFd{{Fd: int32(fd), Events: events}}
		n, err := unix.Poll(fds, int(max(0, time.Until(end)).Milliseconds()))
		if n > 0 {
			return nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		if err == nil && !time.Now().Before(end) {
			return os.ErrDeadlineExceeded
		}
	}
}

// receive takes the next datagram of a socket and waits for it: that it was sent
// over lo does not mean that it is there, since kernels before 6.5 leave packets to
// the thread ksoftirqd while that has work.
func receive(t *testing.T, s int) string {
	t.Helper()
	if err := ready(s, unix.POLLIN, patience); err != nil {
		t.Fatalf("no datagram came: %v", err)
	}
	b := make([]byte, 2048)
	n, _, err := unix.Recvfrom(s, b, unix.MSG_DONTWAIT)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}
