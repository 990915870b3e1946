//go:build linux

package loader

import (
	"runtime"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc/loader/netlink"
)

// TestClsact attaches as kernels without tcx do, in a network of our own.
func TestClsact(t *testing.T) {
	needKernel(t)
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("no network namespace: %v", err)
	}
	ifi, err := InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	o := load(t, spec(ebpf.SchedCLS, asm.Mov.Imm(asm.R0, -1), asm.Return()))
	filters := func(parent uint32) int {
		all, err := netlink.Message{Kind: unix.RTM_GETTFILTER, Flags: unix.NLM_F_DUMP,
			Body: netlink.TrafficControl{Index: ifi.Index, Parent: parent}.With()}.Request()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, m := range all {
			if strings.Contains(string(m.Body), filterPrefix+"prog\x00") {
				n++
			}
		}
		return n
	}
	for i, parent := range []uint32{clsactIngress, clsactEgress} {
		a := &attachment{obj: o, prog: o.coll.Programs["prog"], spec: o.spec.Programs["prog"]}
		c, err := attachClsact(a, ifi, i == 1)
		if err != nil {
			t.Fatal(err)
		}
		if n := filters(parent); n == 0 {
			t.Error("no filter is there")
		}
		if notes := strings.Join(o.Notes(), " "); !strings.Contains(notes, "stays") {
			t.Errorf("the notes say %q", notes)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if n := filters(parent); n != 0 {
			t.Errorf("%d filters are left", n)
		}
		if err := c.Close(); err != nil {
			t.Errorf("closed a second time: %v", err)
		}
	}
}
