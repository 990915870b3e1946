package netlink

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

// Message is a request to the kernel.
type Message struct {
	Kind, Flags uint16 // unix.RTM_..., unix.NLM_F_...
	Body        []byte
}

// Answer is a message that comes back.
type Answer struct {
	Kind uint16
	Body []byte
}

const headerSize = 16

// Request sends m from the calling thread's network and returns the messages that
// come back before the acknowledgement, or of a dump before its end. What the
// kernel refuses is a unix.Errno.
func (m Message) Request() (answers []Answer, err error) {
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
		more, last, err := split(buf[:n])
		if answers = append(answers, more...); err != nil {
			return nil, err
		}
		if last {
			return answers, nil
		}
	}
}

func (m Message) bytes() []byte {
	e := binary.NativeEndian
	b := e.AppendUint32(nil, uint32(headerSize+len(m.Body)))
	b = e.AppendUint16(b, m.Kind)
	b = e.AppendUint16(b, m.Flags|unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	b = e.AppendUint32(b, 1) // sequence number
	b = e.AppendUint32(b, 0)
	return append(b, m.Body...)
}

// split takes what was received apart, and reports whether that was all.
func split(b []byte) (answers []Answer, last bool, err error) {
	for len(b) >= headerSize {
		size := int(binary.NativeEndian.Uint32(b))
		if size < headerSize || size > len(b) {
			return nil, false, errors.New("netlink: a broken message")
		}
		kind, body := binary.NativeEndian.Uint16(b[4:]), b[headerSize:size]
		if (kind == unix.NLMSG_ERROR || kind == unix.NLMSG_DONE) && len(body) >= 4 {
			if no := int32(binary.NativeEndian.Uint32(body)); no != 0 {
				return nil, false, unix.Errno(-no)
			}
			return answers, true, nil
		}
		answers = append(answers, Answer{kind, append([]byte(nil), body...)})
		b = b[min((size+3)&^3, len(b)):]
	}
	return answers, false, nil
}

// Attr is an attribute; attributes in attributes are its content.
func Attr(kind uint16, content ...[]byte) []byte {
	b := binary.NativeEndian.AppendUint16([]byte{0, 0}, kind)
	for _, c := range content {
		b = append(b, c...)
	}
	binary.NativeEndian.PutUint16(b, uint16(len(b)))
	return append(b, make([]byte, -len(b)&3)...)
}

// Text is an attribute with a string of C.
func Text(kind uint16, s string) []byte { return Attr(kind, append([]byte(s), 0)) }

// Number is an attribute with 32 bits.
func Number(kind uint16, n uint32) []byte {
	return Attr(kind, binary.NativeEndian.AppendUint32(nil, n))
}

// TrafficControl is struct tcmsg: a queueing discipline or a filter of a device.
type TrafficControl struct {
	Index                int
	Handle, Parent, Info uint32
}

// With is the message's body with attributes.
func (c TrafficControl) With(attrs ...[]byte) []byte {
	return body(attrs, unix.AF_UNSPEC, uint32(c.Index), c.Handle, c.Parent, c.Info)
}

const trafficControlSize = 20

// TrafficControlOf takes a body apart.
func TrafficControlOf(b []byte) (c TrafficControl, attrs []byte, ok bool) {
	if len(b) < trafficControlSize {
		return c, nil, false
	}
	word := func(i int) uint32 { return binary.NativeEndian.Uint32(b[4*i:]) }
	return TrafficControl{int(int32(word(1))), word(2), word(3), word(4)}, b[trafficControlSize:], true
}

// Link is struct ifinfomsg: a device, and those of its flags that change.
type Link struct {
	Index         int
	Flags, Change uint32
}

// With is the message's body with attributes.
func (l Link) With(attrs ...[]byte) []byte {
	return body(attrs, unix.AF_UNSPEC, uint32(l.Index), l.Flags, l.Change)
}

func body(attrs [][]byte, words ...uint32) (b []byte) {
	for _, w := range words {
		b = binary.NativeEndian.AppendUint32(b, w)
	}
	for _, a := range attrs {
		b = append(b, a...)
	}
	return b
}
