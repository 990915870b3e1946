package loader

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc/loader/netlink"
)

// Kernels before 6.6 have no tcx: there a program becomes a filter of an
// interface's clsact queue, made by netlink (rtnetlink(7), tc-bpf(8)). Such a
// filter belongs to the interface and stays when the process that made it is
// killed; its name says whose it is.

// filterPrefix begins the names of our filters.
const filterPrefix = "luabpfc:"

// Numbers of linux/pkt_sched.h, linux/pkt_cls.h and linux/rtnetlink.h.
const (
	clsactParent  = 0xfffffff1
	clsactIngress = 0xfffffff2
	clsactEgress  = 0xfffffff3
	clsactHandle  = 0xffff0000

	tcaBPFFD    = 6
	tcaBPFName  = 7
	tcaBPFFlags = 8
	actDirect   = 1
)

// attachClsact makes a's program a filter of the interface's clsact queue, which
// is made if it is not there.
func attachClsact(a *attachment, ifi *Interface, egress bool) (io.Closer, error) {
	_, err := newQueue(ifi.Index, "clsact").Request()
	if errors.Is(err, unix.EEXIST) {
		err = nil
		if egress && !hasClsact(ifi.Index) {
			// The kernel would take the filter, and run it at ingress.
			return nil, fmt.Errorf("'%s' has the ingress queue in place of clsact, which knows no egress: 'tc qdisc del dev %s ingress' takes it off", ifi.Name, ifi.Name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("making the clsact queue of '%s': %w", ifi.Name, err)
	}
	parent := uint32(clsactIngress)
	if egress {
		parent = clsactEgress
	}
	all := uint32(binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL)))
	filter := netlink.Message{Kind: unix.RTM_NEWTFILTER, Flags: unix.NLM_F_CREATE | unix.NLM_F_EXCL | unix.NLM_F_ECHO,
		Body: netlink.TrafficControl{Index: ifi.Index, Parent: parent, Info: all}.With(netlink.Text(unix.TCA_KIND, "bpf"),
			netlink.Attr(unix.TCA_OPTIONS, netlink.Number(tcaBPFFD, uint32(a.prog.FD())), netlink.Text(tcaBPFName, filterPrefix+a.spec.Name),
				netlink.Number(tcaBPFFlags, actDirect)))}
	answers, err := filter.Request()
	if err != nil {
		return nil, err
	}
	for _, m := range answers {
		made, _, ok := netlink.TrafficControlOf(m.Body)
		if m.Kind != unix.RTM_NEWTFILTER || !ok {
			continue
		}
		made = netlink.TrafficControl{Index: ifi.Index, Handle: made.Handle, Parent: parent, Info: made.Info}
		end := netlink.Message{Kind: unix.RTM_DELTFILTER, Body: made.With(netlink.Text(unix.TCA_KIND, "bpf"))}
		a.note("'%s' is a filter of the clsact queue of '%s', because this kernel has no tcx: should this process be killed, it stays; 'luabpfc unload' finds it", a.spec.Name, ifi.Name)
		return standing(func() error {
			_, err := end.Request()
			if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENOENT) {
				return nil // gone with the interface
			}
			return err
		}), nil
	}
	return nil, errors.New("netlink: the kernel does not say which filter it made")
}

// newQueue makes a queue of an interface where clsact's place is.
func newQueue(index int, kind string) netlink.Message {
	queue := netlink.TrafficControl{Index: index, Handle: clsactHandle, Parent: clsactParent}
	return netlink.Message{Kind: unix.RTM_NEWQDISC, Flags: unix.NLM_F_CREATE | unix.NLM_F_EXCL, Body: queue.With(netlink.Text(unix.TCA_KIND, kind))}
}

// hasClsact reports whether an interface has the clsact queue.
func hasClsact(index int) bool {
	queues, err := netlink.Message{Kind: unix.RTM_GETQDISC, Flags: unix.NLM_F_DUMP, Body: netlink.TrafficControl{Index: index}.With()}.Request()
	if err != nil {
		return false
	}
	for _, m := range queues {
		if queue, attrs, ok := netlink.TrafficControlOf(m.Body); ok && queue.Index == index && bytes.Contains(attrs, netlink.Text(unix.TCA_KIND, "clsact")) {
			return true
		}
	}
	return false
}
