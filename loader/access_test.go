package loader

import (
	"testing"

	"github.com/cilium/ebpf"
)

func TestLack(t *testing.T) {
	const bpf, net, perf, sys = 1 << capBPF, 1 << capNetAdmin, 1 << capPerfmon, 1 << capSysAdmin
	for _, tc := range []struct {
		typ          ebpf.ProgramType
		caps         uint64
		unprivileged string
		old, nested  bool
		want         string
	}{
		{ebpf.SocketFilter, 0, "2", false, false, "x needs CAP_BPF: run as root, or 'setcap cap_bpf=ep' the program; kernel.unprivileged_bpf_disabled is 2"},
		{ebpf.SocketFilter, 0, "0", false, false, "x needs CAP_BPF: run as root, or 'setcap cap_bpf=ep' the program"},
		{ebpf.XDP, 0, "1", false, false, "x needs CAP_BPF and CAP_NET_ADMIN: run as root, or 'setcap cap_bpf,cap_net_admin=ep' the program; kernel.unprivileged_bpf_disabled is 1"},
		{ebpf.XDP, bpf | perf, "2", false, false, "x needs CAP_NET_ADMIN: run as root, or 'setcap cap_bpf,cap_net_admin=ep' the program"},
		{ebpf.Kprobe, bpf | net, "2", false, false, "x needs CAP_PERFMON: run as root, or 'setcap cap_bpf,cap_perfmon=ep' the program"},
		{ebpf.Kprobe, net | perf, "", false, false, "x needs CAP_BPF: run as root, or 'setcap cap_bpf,cap_perfmon=ep' the program"},
		{ebpf.Kprobe, bpf | net, "2", true, false, "x needs CAP_SYS_ADMIN: run as root, or 'setcap cap_sys_admin=ep' the program"},
		{ebpf.Extension, bpf, "", false, false, "x needs CAP_NET_ADMIN and CAP_PERFMON: run as root, or 'setcap cap_bpf,cap_net_admin,cap_perfmon=ep' the program"},
		{ebpf.Kprobe, bpf | perf, "2", false, false, "this process has the capabilities for it and is refused all the same: a seccomp filter (a container?), a security module or kernel lockdown forbids it"},
		{ebpf.XDP, sys, "2", false, true, "this process has the capabilities for it in a user namespace (a container without root?), where they don't count"},
	} {
		p := privileges{caps: tc.caps, bpfCaps: !tc.old, nested: tc.nested, unprivileged: tc.unprivileged}
		if got := p.lack("x", needed(tc.typ)...); got != tc.want {
			t.Errorf("%s, %#x: %q, want %q", tc.typ, tc.caps, got, tc.want)
		}
	}
}

func TestCountsMemory(t *testing.T) {
	for release, want := range map[string]bool{"5.10.0-30-amd64": true, "4.19.0": true, "5.11.0": false, "6.1.0-x": false, "": false} {
		if got := countsMemory(release); got != want {
			t.Errorf("%s: %v", release, got)
		}
	}
}
