//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// onTerminal runs the command in a terminal of that many lines and returns our end
// of it.
func onTerminal(t *testing.T, rows uint16, script string, args ...string) (*os.File, *exec.Cmd) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminal: %v", err)
	}
	t.Cleanup(func() { ours.Close() })
	n, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(ours.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: 80})
	}
	if err != nil {
		t.Skipf("no pseudo-terminal: %v", err)
	}
	theirs, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminal: %v", err)
	}
	defer theirs.Close()
	dir := t.TempDir()
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, filepath.Join(dir, "luabpfc")) // by this name it is the command
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "p.lua"), []byte(script), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(dir, "luabpfc"), append(append([]string{"run"}, args...), filepath.Join(dir, "p.lua"))...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return ours, cmd
}

// vt is as much of a terminal as the command needs: what stands on its lines.
type vt struct {
	lines [][]byte
	at    int // the line of the cursor, and its column
	col   int
	homes int
}

// write obeys what was written.
func (v *vt) write(text string) {
	line := func() *[]byte {
		for len(v.lines) <= v.at {
			v.lines = append(v.lines, nil)
		}
		return &v.lines[v.at]
	}

	for text != "" {
		l := line()
		cut := func(seq string) (ok bool) { text, ok = strings.CutPrefix(text, seq); return ok }
		switch {
		case cut("\x1b[H"):
			v.at, v.col = 0, 0
			v.homes++
		case cut("\x1b[2J"):
			v.lines = nil
		case cut("\x1b[K"):
			*l = (*l)[:min(v.col, len(*l))]
		case cut("\x1b[J"):
			*l = (*l)[:min(v.col, len(*l))]
			v.lines = v.lines[:v.at+1]
		case cut("\x1b[?7l"), cut("\x1b[?7h"):
		case cut("\r\n"), cut("\n"):
			v.at, v.col = v.at+1, 0
		default:
			if v.col < len(*l) {
				(*l)[v.col] = text[0]
			} else {
				*l = append(*l, text[0])
			}
			v.col++
			text = text[1:]
		}
	}
}

func (v *vt) String() string {
	var b strings.Builder
	for _, l := range v.lines {
		b.Write(l)
		b.WriteByte('\n')
	}
	return b.String()
}

// until reads what the command writes until the screen shows want.
func (v *vt) until(t *testing.T, f *os.File, want func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for buf := make([]byte, 1<<16); !want(); {
		if time.Now().After(deadline) {
			t.Fatalf("the screen shows\n%s", v)
		}
		poll := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}
		if n, _ := unix.Poll(poll, 100); n == 0 {
			continue
		}
		n, err := f.Read(buf)
		if err != nil {
			t.Fatalf("%v; the screen shows\n%s", err, v)
		}
		v.write(string(buf[:n]))
	}
}

// TestTerminal shows maps on a terminal: each picture over the one before, no more
// than there is room for, and the last as a whole when Ctrl-C is typed.
func TestTerminal(t *testing.T) {
	if !haveBPF() {
		t.Skip("no BPF")
	}
	f, cmd := onTerminal(t, 6, `
		local counts = bpf.map('hash', 16)
		for i = 1, 8 do counts[i] = 100 + i end
		bpf.perf_event({ freq = 99 }, function() xadd(counts[1], 1) end)`, "--interval", "50ms")
	v := &vt{}
	v.until(t, f, func() bool { return v.homes > 3 && strings.HasSuffix(v.String(), "(5 more lines)\n\n") })
	lines := strings.Split(v.String(), "\n")
	if len(lines) != 7 || lines[0] != "counts" || !strings.HasPrefix(lines[1], "  1  ") || !strings.HasPrefix(lines[2], "  8  108") {
		t.Errorf("the screen shows\n%s", v)
	}
	if _, err := f.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	v.until(t, f, func() bool { return strings.Contains(v.String(), "  2  102\n") })
	if err := cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v", err)
	}
	if s := v.String(); strings.Count(s, "counts") != 1 || strings.Contains(s, "more lines") {
		t.Errorf("in the end the screen shows\n%s", s)
	}
}

// TestTerminalRecords: where records are printed nothing is written over.
func TestTerminalRecords(t *testing.T) {
	if !haveBPF() {
		t.Skip("no BPF")
	}
	f, cmd := onTerminal(t, 24, `
		local events = bpf.map('ringbuf', 65536, nil, 'uint32_t')
		local counts = bpf.map('hash', 16)
		counts[3] = 5
		bpf.perf_event({ freq = 99 }, function() events:output(7) end)`, "--duration", "1500ms")
	v := &vt{}
	v.until(t, f, func() bool { return strings.Contains(v.String(), "counts\n  3  5\n") })
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if s := v.String(); v.homes > 0 || strings.Count(s, "events: 7") < 50 {
		t.Errorf("written over %d times; the screen shows\n%s", v.homes, s)
	}
}
