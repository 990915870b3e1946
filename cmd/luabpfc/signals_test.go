//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc/loader"
)

// attachments is a program of each kind that holds on to something: an interface, a
// binary, a cgroup, an event, a socket.
const attachments = `
	local S = require 'syscall'
	bpf.xdp('lo', function() return XDP_PASS end, { name = 'gone_xdp' })
	bpf.tc('lo', 'egress', function() return TC_ACT_OK end, { name = 'gone_tc' })
	bpf.uprobe('/bin/bash:main', function() end, { name = 'gone_uprobe' })
	bpf.cgroup('connect4', function() return 1 end, { name = 'gone_cgroup' })
	bpf.tracepoint('sched/sched_switch', function() end, { name = 'gone_event' })
	bpf.perf_event({ freq = 10 }, function() end, { name = 'gone_perf' })
	bpf.socket('lo', function() return 0 end, { name = 'gone_socket' })
	io.write('ready\n')
	bpf.at_exit(function() print('bye') end)
	S.sleep(100)
	print('summary')`

// loadedPrograms are the names of the kernel's programs that begin with prefix.
func loadedPrograms(t *testing.T, prefix string) (found []string) {
	t.Helper()
	s, err := loader.ReadSystem()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range s.Programs {
		if strings.HasPrefix(p.Name, prefix) {
			found = append(found, p.Name)
		}
	}
	slices.Sort(found)
	return found
}

// TestSignalsDetach ends the command in each way: every program leaves the kernel,
// which none does that something still holds.
func TestSignalsDetach(t *testing.T) {
	if !haveBPF() {
		t.Skip("no BPF")
	}
	prefix := fmt.Sprintf("g%d_", os.Getpid()%1e6) // a name has 15 characters
	dir := t.TempDir()
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, filepath.Join(dir, "luabpfc"))
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "p.lua"), []byte(strings.ReplaceAll(attachments, "gone_", prefix)), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name    string
		signals []syscall.Signal
		code    int
		out     string
	}{
		{"Ctrl-C", []syscall.Signal{unix.SIGINT}, 0, "summary bye"},
		{"TERM", []syscall.Signal{unix.SIGTERM}, 143, "bye"},
		{"HUP", []syscall.Signal{unix.SIGHUP}, 129, "bye"},
		{"KILL", []syscall.Signal{unix.SIGKILL}, -1, ""},
	} {
		cmd := exec.Command(filepath.Join(dir, "luabpfc"), "run", filepath.Join(dir, "p.lua"))
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET} // other tests use lo
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Skipf("no network namespace: %v", err)
		}
		r := bufio.NewReader(out)
		if l, _ := r.ReadString('\n'); l != "ready\n" {
			cmd.Process.Kill()
			t.Fatalf("%s: it says %q", tc.name, l)
		}
		want := []string{prefix + "cgroup", prefix + "event", prefix + "perf", prefix + "socket", prefix + "tc", prefix + "uprobe", prefix + "xdp"}
		if got := loadedPrograms(t, prefix); !slices.Equal(got, want) {
			t.Errorf("%s: loaded are %q, want %q", tc.name, got, want)
		}
		for _, s := range tc.signals {
			if err := cmd.Process.Signal(s); err != nil {
				t.Error(err)
			}
		}
		rest, _ := io.ReadAll(r)
		cmd.Wait()
		if code, said := cmd.ProcessState.ExitCode(), strings.Join(strings.Fields(string(rest)), " "); code != tc.code || said != tc.out {
			t.Errorf("%s: exit code %d, says %q; want %d, %q", tc.name, code, said, tc.code, tc.out)
		}
		// The kernel frees programs a little later.
		left := loadedPrograms(t, prefix)
		for deadline := time.Now().Add(time.Minute); len(left) > 0 && time.Now().Before(deadline); left = loadedPrograms(t, prefix) {
			time.Sleep(20 * time.Millisecond)
		}
		if len(left) > 0 {
			t.Errorf("%s: %q are still there", tc.name, left)
		}
	}
}
