package loader

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
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

	tcaKind    = 1
	tcaOptions = 2

	tcaBPFFD     = 6
	tcaBPFName   = 7
	tcaBPFFlags  = 8
	actDirect    = 1
	netlinkEcho  = 0x8
	tcmsgSize    = 20
	nlmsgHdrSize = 16
)

// tcMessage is a message of traffic control: its header behind that of netlink.
type tcMessage struct {
	typ, flags           uint16
	index                int
	handle, parent, info uint32
	attrs                []byte
}

func (m tcMessage) bytes() []byte {
	e := binary.NativeEndian
	b := e.AppendUint32(nil, uint32(nlmsgHdrSize+tcmsgSize+len(m.attrs)))
	b = e.AppendUint16(b, m.typ)
	b = e.AppendUint16(b, m.flags|unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	b = e.AppendUint32(b, 1) // sequence number
	b = e.AppendUint32(b, 0)
	b = e.AppendUint32(b, unix.AF_UNSPEC)
	b = e.AppendUint32(b, uint32(m.index))
	b = e.AppendUint32(b, m.handle)
	b = e.AppendUint32(b, m.parent)
	b = e.AppendUint32(b, m.info)
	return append(b, m.attrs...)
}

// attr is an attribute of netlink, padded.
func attr(typ uint16, data []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(data)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, data...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func attrText(typ uint16, s string) []byte { return attr(typ, append([]byte(s), 0)) }

func attrNumber(typ uint16, n uint32) []byte {
	return attr(typ, binary.NativeEndian.AppendUint32(nil, n))
}

// request sends m and returns the messages that come back before the
// acknowledgement, or of a dump before its end.
func (m tcMessage) request() (answers [][]byte, err error) {
	s, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	defer unix.Close(s)
	if err := unix.Sendto(s, m.bytes(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	buf := make([]byte, 64<<10)
	for {
		n, _, err := unix.Recvfrom(s, buf, 0)
		if err != nil {
			return nil, err
		}
		for b := buf[:n]; len(b) >= nlmsgHdrSize; {
			size := int(binary.NativeEndian.Uint32(b))
			if size < nlmsgHdrSize || size > len(b) {
				return nil, errors.New("netlink: a broken message")
			}
			switch typ := binary.NativeEndian.Uint16(b[4:]); {
			case (typ == unix.NLMSG_ERROR || typ == unix.NLMSG_DONE) && size >= nlmsgHdrSize+4:
				if e := int32(binary.NativeEndian.Uint32(b[nlmsgHdrSize:])); e != 0 {
					return nil, unix.Errno(-e)
				}
				return answers, nil
			default:
				answers = append(answers, append([]byte(nil), b[:size]...))
			}
			b = b[min((size+3)&^3, len(b)):]
		}
	}
}

// attachClsact makes a's program a filter of the interface's clsact queue, which
// is made if it is not there.
func attachClsact(a *attachment, ifi *Interface, egress bool) (io.Closer, error) {
	queue := tcMessage{typ: unix.RTM_NEWQDISC, flags: unix.NLM_F_CREATE | unix.NLM_F_EXCL, index: ifi.Index, handle: clsactHandle,
		parent: clsactParent, attrs: attrText(tcaKind, "clsact")}
	_, err := queue.request()
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
	var options []byte
	options = append(options, attrNumber(tcaBPFFD, uint32(a.prog.FD()))...)
	options = append(options, attrText(tcaBPFName, filterPrefix+a.spec.Name)...)
	options = append(options, attrNumber(tcaBPFFlags, actDirect)...)
	all := uint32(binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL)))
	filter := tcMessage{typ: unix.RTM_NEWTFILTER, flags: unix.NLM_F_CREATE | unix.NLM_F_EXCL | netlinkEcho, index: ifi.Index, parent: parent, info: all,
		attrs: append(attrText(tcaKind, "bpf"), attr(tcaOptions, options)...)}
	answers, err := filter.request()
	if err != nil {
		return nil, err
	}
	for _, b := range answers {
		if binary.NativeEndian.Uint16(b[4:]) != unix.RTM_NEWTFILTER || len(b) < nlmsgHdrSize+tcmsgSize {
			continue
		}
		t := b[nlmsgHdrSize:]
		end := tcMessage{typ: unix.RTM_DELTFILTER, index: ifi.Index, handle: binary.NativeEndian.Uint32(t[8:]),
			parent: parent, info: binary.NativeEndian.Uint32(t[16:]), attrs: attrText(tcaKind, "bpf")}
		a.note("'%s' is a filter of the clsact queue of '%s', because this kernel has no tcx: should this process be killed, it stays; 'tc filter show dev %s' shows it", a.spec.Name, ifi.Name, ifi.Name)
		return detached(func() error {
			_, err := end.request()
			if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENOENT) {
				return nil // gone with the interface
			}
			return err
		}), nil
	}
	return nil, errors.New("netlink: the kernel does not say which filter it made")
}

// hasClsact reports whether an interface has the clsact queue.
func hasClsact(index int) bool {
	queues, err := tcMessage{typ: unix.RTM_GETQDISC, flags: unix.NLM_F_DUMP, index: index}.request()
	if err != nil {
		return false
	}
	for _, b := range queues {
		if len(b) >= nlmsgHdrSize+tcmsgSize && int(int32(binary.NativeEndian.Uint32(b[nlmsgHdrSize+4:]))) == index &&
			bytes.Contains(b[nlmsgHdrSize+tcmsgSize:], attrText(tcaKind, "clsact")) {
			return true
		}
	}
	return false
}
