package luabpfc_test

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// netlink is a socket to the kernel's network configuration: what tests of
// attachments need of it, for guests that have no iproute2.
type netlink struct {
	fd  int
	seq uint32
}

func newNetlink() (*netlink, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	return &netlink{fd: fd}, unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

func (n *netlink) Close() error { return unix.Close(n.fd) }

// request sends a message and returns the kernel's answer to it.
func (n *netlink) request(kind, flags uint16, body []byte) error {
	n.seq++
	order := binary.NativeEndian
	msg := order.AppendUint32(nil, uint32(16+len(body)))
	msg = order.AppendUint16(msg, kind)
	msg = order.AppendUint16(msg, flags|unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	msg = order.AppendUint32(order.AppendUint32(msg, n.seq), 0)
	if err := unix.Sendto(n.fd, append(msg, body...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	buf := make([]byte, 1<<16)
	for {
		m, _, err := unix.Recvfrom(n.fd, buf, 0)
		if err != nil {
			return err
		}
		if m < 20 || order.Uint32(buf[8:]) != n.seq {
			return errors.New("netlink: an answer to something else")
		}
		if order.Uint16(buf[4:]) != unix.NLMSG_ERROR {
			continue // a notice in front of the answer
		}
		if no := -int32(order.Uint32(buf[16:])); no != 0 {
			return unix.Errno(no)
		}
		return nil
	}
}

// attr is an attribute; attributes in attributes are its content.
func attr(kind uint16, content ...[]byte) []byte {
	size := 4
	for _, c := range content {
		size += len(c)
	}
	b := binary.NativeEndian.AppendUint16(nil, uint16(size))
	b = binary.NativeEndian.AppendUint16(b, kind)
	for _, c := range content {
		b = append(b, c...)
	}
	return append(b, make([]byte, -len(b)&3)...)
}

func word(n int) []byte       { return binary.NativeEndian.AppendUint32(nil, uint32(n)) }
func cstring(s string) []byte { return append([]byte(s), 0) }

// ifinfo is struct ifinfomsg.
func ifinfo(index int, flags, change uint32) []byte {
	b := append(make([]byte, 4), word(index)...)
	return append(append(b, word(int(flags))...), word(int(change))...)
}

// up sets a device up.
func (n *netlink) up(index int) error {
	return n.request(unix.RTM_NEWLINK, 0, ifinfo(index, unix.IFF_UP, unix.IFF_UP))
}

const create = unix.NLM_F_CREATE | unix.NLM_F_EXCL

// addLink makes a device of a kind.
func (n *netlink) addLink(kind, device string) error {
	body := append(ifinfo(0, 0, 0), attr(unix.IFLA_IFNAME, cstring(device))...)
	body = append(body, attr(unix.IFLA_LINKINFO, attr(unix.IFLA_INFO_KIND, cstring(kind)))...)
	return n.request(unix.RTM_NEWLINK, create, body)
}

// tcmsg is struct tcmsg.
func tcmsg(index int, handle, parent, info uint32) []byte {
	b := append(make([]byte, 4), word(index)...)
	b = append(append(b, word(int(handle))...), word(int(parent))...)
	return append(b, word(int(info))...)
}

// filter attaches a program to a device's ingress, as 'tc filter add ... bpf da'
// does behind 'tc qdisc add ... clsact'.
func (n *netlink) filter(device, fd int) error {
	const clsact, ingress, integrated, direct = 0xfffffff1, 0xfffffff2, 8, 1
	body := append(tcmsg(device, 0xffff0000, clsact, 0), attr(unix.TCA_KIND, cstring("clsact"))...)
	if err := n.request(unix.RTM_NEWQDISC, create, body); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("clsact: %w", err)
	}
	info := uint32(binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL})) | 1<<16
	body = append(tcmsg(device, 0, ingress, info), attr(unix.TCA_KIND, cstring("bpf"))...)
	body = append(body, attr(unix.TCA_OPTIONS, attr(6, word(fd)), attr(7, cstring("prog")), attr(integrated, word(direct)))...)
	if err := n.request(unix.RTM_NEWTFILTER, unix.NLM_F_CREATE, body); err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	return nil
}

// action makes an action of a program, as 'tc action add bpf' does.
func (n *netlink) action(fd int) error {
	parms := make([]byte, 20) // struct tc_act_bpf, as the kernel chooses
	act := attr(1, attr(1, cstring("bpf")), attr(2, attr(2, parms), attr(5, word(fd)), attr(6, cstring("prog"))))
	return n.request(unix.RTM_NEWACTION, create, append(make([]byte, 4), attr(1, act)...))
}

// route makes a route through the loopback device that runs a program, as 'ip
// route add ... encap bpf' or 'encap seg6local' does.
func (n *netlink) route(kind string, fd int) error {
	prog := [][]byte{attr(1, word(fd)), attr(2, cstring("prog"))}
	encap, what := attr(map[string]uint16{"lwt_in": 1, "lwt_out": 2, "lwt_xmit": 3}[kind], prog...), []byte{6, 0}
	family, bits, dst := byte(unix.AF_INET), byte(32), []byte{192, 0, 2, byte(len(kind))}
	if kind == "lwt_seg6local" {
		const endBPF = 15
		encap, what = append(attr(1, word(endBPF)), attr(8, prog...)...), []byte{7, 0}
		family, bits, dst = unix.AF_INET6, 128, append([]byte{0xfd, 0}, make([]byte, 14)...)
	}
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		what[0], what[1] = what[1], what[0]
	}
	// struct rtmsg: family, lengths, tos, table, protocol, scope, type, flags.
	body := []byte{family, bits, 0, 0, unix.RT_TABLE_MAIN, unix.RTPROT_STATIC, unix.RT_SCOPE_LINK, unix.RTN_UNICAST, 0, 0, 0, 0}
	body = append(body, attr(unix.RTA_DST, dst)...)
	body = append(body, attr(unix.RTA_OIF, word(1))...)
	body = append(body, attr(unix.RTA_ENCAP_TYPE, what)...)
	return n.request(unix.RTM_NEWROUTE, create, append(body, attr(unix.RTA_ENCAP, encap)...))
}
