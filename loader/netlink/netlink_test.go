//go:build linux

package netlink

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestAttr(t *testing.T) {
	got := Attr(1, Text(2, "abc"), Text(3, "abcd"))
	if len(got) != 4+8+12 || string(got[8:12]) != "abc\x00" || string(got[16:24]) != "abcd\x00\x00\x00\x00" {
		t.Errorf("%q", got)
	}
	// The length is without what pads an attribute.
	if b := Text(3, "abcd"); b[0]|b[1] != 9 || len(b) != 12 {
		t.Errorf("%q", b)
	}
}

func TestTrafficControl(t *testing.T) {
	want := TrafficControl{Index: 7, Handle: 1 << 31, Parent: 3, Info: 4}
	if c, attrs, ok := TrafficControlOf(want.With(Number(1, 2))); !ok || c != want || len(attrs) != 8 {
		t.Errorf("%+v, %q, %v", c, attrs, ok)
	}
	if _, _, ok := TrafficControlOf(make([]byte, trafficControlSize-1)); ok {
		t.Error("a short message is one of traffic control")
	}
}

// TestSplit takes messages apart that the kernel would not send.
func TestSplit(t *testing.T) {
	note := Message{Kind: unix.RTM_NEWLINK, Body: []byte("12345")}.bytes()
	for name, b := range map[string][]byte{"too long": append([]byte{200, 0, 0, 200}, note[4:]...), "too short": append([]byte{3, 0, 0, 3}, note[4:]...)} {
		if _, _, err := split(b); err == nil {
			t.Errorf("a message that is %s is taken", name)
		}
	}
	end := Message{Kind: unix.NLMSG_DONE, Body: make([]byte, 4)}.bytes()
	answers, last, err := split(append(append(note, 0, 0, 0), end...))
	if len(answers) != 1 || string(answers[0].Body) != "12345" || !last || err != nil {
		t.Errorf("%v, %v, %v", answers, last, err)
	}
	if answers, last, err := split(note); len(answers) != 1 || last || err != nil {
		t.Errorf("without an end: %v, %v, %v", answers, last, err)
	}
}

// TestRequest asks the kernel for lo, and for what is not there.
func TestRequest(t *testing.T) {
	answers, err := Message{Kind: unix.RTM_GETLINK, Body: Link{Index: 1}.With()}.Request()
	if err != nil || len(answers) != 1 || answers[0].Kind != unix.RTM_NEWLINK || !strings.Contains(string(answers[0].Body), "lo\x00") {
		t.Errorf("device 1: %v, %v", answers, err)
	}
	if _, err := (Message{Kind: unix.RTM_GETLINK, Body: Link{Index: 1 << 30}.With()}).Request(); !errors.Is(err, unix.ENODEV) {
		t.Errorf("a device that is not there: %v", err)
	}
	runtime.LockOSThread() // and never unlocked
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("no network namespace: %v", err)
	}
	answers, err = Message{Kind: unix.RTM_GETLINK, Flags: unix.NLM_F_DUMP, Body: Link{}.With()}.Request()
	if err != nil || len(answers) == 0 {
		t.Errorf("all devices: %v, %v", answers, err)
	}
}
