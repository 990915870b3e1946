package luabpfc_test

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc/loader/netlink"
)

// What tests of attachments need of the network's configuration, for guests that
// have no iproute2.

func request(kind, flags uint16, body []byte) error {
	_, err := netlink.Message{Kind: kind, Flags: flags, Body: body}.Request()
	return err
}

// setUp sets a device up.
func setUp(index int) error {
	return request(unix.RTM_NEWLINK, 0, netlink.Link{Index: index, Flags: unix.IFF_UP, Change: unix.IFF_UP}.With())
}

const create = unix.NLM_F_CREATE | unix.NLM_F_EXCL

// addLink makes a device of a kind.
func addLink(kind, device string) error {
	return request(unix.RTM_NEWLINK, create, netlink.Link{}.With(netlink.Text(unix.IFLA_IFNAME, device),
		netlink.Attr(unix.IFLA_LINKINFO, netlink.Text(unix.IFLA_INFO_KIND, kind))))
}

// newFilter attaches a program to a device's ingress, as 'tc filter add ... bpf da'
// does behind 'tc qdisc add ... clsact'.
func newFilter(device, fd int) error {
	const clsact, ingress, integrated, direct = 0xfffffff1, 0xfffffff2, 8, 1
	queue := netlink.TrafficControl{Index: device, Handle: 0xffff0000, Parent: clsact}
	if err := request(unix.RTM_NEWQDISC, create, queue.With(netlink.Text(unix.TCA_KIND, "clsact"))); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("clsact: %w", err)
	}
	info := uint32(binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL})) | 1<<16
	filter := netlink.TrafficControl{Index: device, Parent: ingress, Info: info}
	err := request(unix.RTM_NEWTFILTER, unix.NLM_F_CREATE, filter.With(netlink.Text(unix.TCA_KIND, "bpf"),
		netlink.Attr(unix.TCA_OPTIONS, netlink.Number(6, uint32(fd)), netlink.Text(7, "prog"), netlink.Number(integrated, direct))))
	if err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	return nil
}

// newAction makes an action of a program, as 'tc action add bpf' does.
func newAction(fd int) error {
	parms := make([]byte, 20) // struct tc_act_bpf, as the kernel chooses
	act := netlink.Attr(1, netlink.Text(1, "bpf"), netlink.Attr(2, netlink.Attr(2, parms), netlink.Number(5, uint32(fd)), netlink.Text(6, "prog")))
	return request(unix.RTM_NEWACTION, create, append(make([]byte, 4), netlink.Attr(1, act)...))
}

// newRoute makes a route through the loopback device that runs a program, as 'ip
// route add ... encap bpf' or 'encap seg6local' does.
func newRoute(kind string, fd int) error {
	prog := [][]byte{netlink.Number(1, uint32(fd)), netlink.Text(2, "prog")}
	encap, what := netlink.Attr(map[string]uint16{"lwt_in": 1, "lwt_out": 2, "lwt_xmit": 3}[kind], prog...), []byte{6, 0}
	family, bits, dst := byte(unix.AF_INET), byte(32), []byte{192, 0, 2, byte(len(kind))}
	if kind == "lwt_seg6local" {
		const endBPF = 15
		encap, what = append(netlink.Number(1, endBPF), netlink.Attr(8, prog...)...), []byte{7, 0}
		family, bits, dst = unix.AF_INET6, 128, append([]byte{0xfd, 0}, make([]byte, 14)...)
	}
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		what[0], what[1] = what[1], what[0]
	}
	// struct rtmsg: family, lengths, tos, table, protocol, scope, type, flags.
	body := []byte{family, bits, 0, 0, unix.RT_TABLE_MAIN, unix.RTPROT_STATIC, unix.RT_SCOPE_LINK, unix.RTN_UNICAST, 0, 0, 0, 0}
	for _, a := range [][]byte{netlink.Attr(unix.RTA_DST, dst), netlink.Number(unix.RTA_OIF, 1), netlink.Attr(unix.RTA_ENCAP_TYPE, what),
		netlink.Attr(unix.RTA_ENCAP, encap)} {
		body = append(body, a...)
	}
	return request(unix.RTM_NEWROUTE, create, body)
}
