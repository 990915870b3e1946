//go:build linux

package loader

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc/loader/netlink"
)

// ownNetwork moves the test to a network of its own.
func ownNetwork(t *testing.T) *Interface {
	t.Helper()
	needKernel(t)
	runtime.LockOSThread() // and never unlocked: the thread goes with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("no network namespace: %v", err)
	}
	ifi, err := InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	return ifi
}

// wantError attaches o's program and wants a message with all of these parts.
func wantError(t *testing.T, o *Object, target Target, parts ...string) {
	t.Helper()
	_, err := o.Attach("prog", target)
	for _, p := range parts {
		if err == nil || !strings.Contains(err.Error(), p) {
			t.Errorf("attached: %v; want %q", err, p)
		}
	}
}

// result is a program that returns a number.
func result(n int32) []asm.Instruction {
	return []asm.Instruction{asm.Mov.Imm(asm.R0, n), asm.Return()}
}

func TestHeldXDP(t *testing.T) {
	ifi := ownNetwork(t)
	s := spec(ebpf.XDP, result(2)...)
	s.Programs["prog"].SectionName = "xdp"
	first, second := load(t, s), load(t, s)
	l, err := first.Attach("prog", Target{Name: "lo"})
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, second, Target{Name: "lo"}, "'lo' has another XDP program attached, 'prog' (id ", "'bpftool link show id ")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	// As 'ip link' attaches: without a link.
	set := func(fd int32) {
		t.Helper()
		const ifXDPFD, ifXDPFlags = 1, 3
		m := netlink.Message{Kind: unix.RTM_SETLINK, Body: netlink.Link{Index: ifi.Index}.With(netlink.Attr(iflaXDP|unix.NLA_F_NESTED,
			netlink.Number(ifXDPFD, uint32(fd)), netlink.Number(ifXDPFlags, unix.XDP_FLAGS_SKB_MODE)))}
		if _, err := m.Request(); err != nil {
			t.Fatal(err)
		}
	}
	set(int32(first.coll.Programs["prog"].FD()))
	wantError(t, second, Target{Name: "lo"}, "'lo' has another XDP program attached, 'prog' (id ", "'ip link set dev lo xdp off' takes it off")
	set(-1)
	if _, err := second.Attach("prog", Target{Name: "lo"}); err != nil {
		t.Error(err)
	}
}

func nativeBig() bool { return binary.NativeEndian.Uint16([]byte{0, 1}) == 1 }

func TestHeldCgroup(t *testing.T) {
	needKernel(t)
	dir := filepath.Join(cgroupRoot(), "luabpfc-held")
	if err := os.MkdirAll(dir+"/inner", 0o755); err != nil {
		t.Skipf("no cgroup: %v", err)
	}
	defer os.Remove(dir)
	defer os.Remove(dir + "/inner")
	s := spec(ebpf.CGroupSKB, result(1)...)
	s.Programs["prog"].AttachType = ebpf.AttachCGroupInetEgress
	first, second := load(t, s), load(t, s)
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	alone := link.RawAttachProgramOptions{Target: int(f.Fd()), Program: first.coll.Programs["prog"], Attach: ebpf.AttachCGroupInetEgress}
	if err := link.RawAttachProgram(alone); err != nil {
		t.Skipf("no program on a cgroup: %v", err)
	}
	for _, d := range []string{dir, dir + "/inner"} {
		wantError(t, second, Target{Path: d}, "the cgroup '"+dir+"' has a program there that suffers no other, 'prog' (id ", "bpftool cgroup detach "+dir)
		_, err := second.Attach("prog", Target{Path: d})
		if errors.Is(err, fs.ErrPermission) {
			t.Errorf("it is taken for a missing permission: %v", err)
		}
	}
	if err := link.RawDetachProgram(link.RawDetachProgramOptions{Target: int(f.Fd()), Program: first.coll.Programs["prog"], Attach: ebpf.AttachCGroupInetEgress}); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Attach("prog", Target{Path: dir}); err != nil {
		t.Error(err)
	}
	wantError(t, second, Target{Path: dir + "/none"}, "there is no cgroup '"+dir+"/none'")
}

func TestHeldNetns(t *testing.T) {
	ownNetwork(t)
	s := spec(ebpf.FlowDissector, result(0)...)
	s.Programs["prog"].AttachType = ebpf.AttachFlowDissector
	first, second := load(t, s), load(t, s)
	if _, err := first.Attach("prog", Target{}); err != nil {
		t.Skip(err)
	}
	wantError(t, second, Target{}, "has another program there, 'prog' (id ")
}

// TestHeldQueue: where the older ingress queue is, clsact can't be.
func TestHeldQueue(t *testing.T) {
	ifi := ownNetwork(t)
	if _, err := newQueue(ifi.Index, "ingress").Request(); err != nil {
		t.Skip(err)
	}
	o := load(t, spec(ebpf.SchedCLS, result(-1)...))
	a := &attachment{obj: o, prog: o.coll.Programs["prog"], spec: o.spec.Programs["prog"]}
	c, err := attachClsact(a, ifi, false)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := attachClsact(a, ifi, true); err == nil || !strings.Contains(err.Error(), "tc qdisc del dev lo ingress") {
		t.Errorf("a filter of egress beside the ingress queue: %v", err)
	}
}
