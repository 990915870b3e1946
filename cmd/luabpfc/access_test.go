//go:build linux

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAccess runs scripts as a user without privilege, with some capabilities or
// none: the message names the one that is missing, whatever else the kernel said.
func TestAccess(t *testing.T) {
	if !haveBPF() || os.Geteuid() != 0 {
		t.Skip("no BPF, or no root to begin with")
	}
	dir, err := os.MkdirTemp("", "luabpfc-access-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Who has no privilege can't read the test's own folder.
	binary, err := os.ReadFile(self)
	if err == nil {
		err = errors.Join(os.Chmod(dir, 0o755), os.WriteFile(filepath.Join(dir, "luabpfc"), binary, 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	const (
		socket = "bpf.socket('lo', function() return 0 end)"
		xdp    = "bpf.xdp('lo', function() return XDP_PASS end)"
		event  = "bpf.tracepoint('sched/sched_switch', function() end)"
		perf   = "bpf.perf_event({ freq = 10 }, function() end)"
		uprobe = "bpf.uprobe('/bin/bash:main', function() end)"
		pinned = "local m = bpf.map('hash', 4, nil, nil, { pinning = true }) bpf.socket(function() m[1] = 1 return 0 end)"
	)
	for _, tc := range []struct {
		script string
		caps   []uintptr
		code   int
		want   string
	}{
		{socket, nil, 4, "loading 'prog', a program of type SocketFilter, needs CAP_BPF: run as root, or 'setcap cap_bpf=ep'"},
		{socket, nil, 4, "kernel.unprivileged_bpf_disabled is "},
		{xdp, nil, 4, "needs CAP_BPF and CAP_NET_ADMIN: run as root"},
		{xdp, []uintptr{unix.CAP_BPF, unix.CAP_PERFMON}, 4, "needs CAP_NET_ADMIN: run as root"},
		{event, []uintptr{unix.CAP_BPF}, 4, "needs CAP_PERFMON: run as root"},
		{perf, []uintptr{unix.CAP_BPF, unix.CAP_NET_ADMIN}, 4, "a program of type PerfEvent, needs CAP_PERFMON: run as root"},
		{socket, []uintptr{unix.CAP_BPF}, 4, "a packet socket needs CAP_NET_RAW"},
		{socket, []uintptr{unix.CAP_BPF, unix.CAP_NET_RAW}, 0, ""},
		{perf, []uintptr{unix.CAP_BPF, unix.CAP_PERFMON}, 0, ""},
		{event, []uintptr{unix.CAP_BPF, unix.CAP_PERFMON}, 4, "/events/sched/sched_switch/id' can't be read by this user: run as root"},
		{uprobe, []uintptr{unix.CAP_BPF, unix.CAP_PERFMON}, 4, "CAP_SYS_ADMIN"}, // 6.16
		{pinned, []uintptr{unix.CAP_BPF}, 4, "the map is pinned by name, and the folder for that is not this user's"},
	} {
		script := filepath.Join(dir, "prog.lua")
		text := strings.TrimSuffix(tc.script, ")") + ", { name = 'prog' })"
		if err := os.WriteFile(script, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(filepath.Join(dir, "luabpfc"), "run", "--duration", "1ms", script)
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}, AmbientCaps: tc.caps, Cloneflags: unix.CLONE_NEWNET}
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Skip(err)
		}
		if tc.script == uprobe && cmd.ProcessState.ExitCode() == 0 {
			continue // a kernel before 6.16
		}
		if code, said := cmd.ProcessState.ExitCode(), string(out); code != tc.code || !strings.Contains(said, tc.want) || tc.want == "" && said != "" {
			t.Errorf("%s with %v: exit code %d\n%s\nwant %d, %q", tc.script, tc.caps, code, said, tc.code, tc.want)
		}
	}
}
