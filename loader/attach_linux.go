package loader

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// AttachSocket makes the socket filter prog see every packet of the interface,
// in both directions: on lo it sees each packet twice, once as it leaves and
// once as it comes in. What the filter returns decides only what its own
// socket would receive.
func (o *Object) AttachSocket(prog, iface string) error {
	p, err := o.program(prog, ebpf.SocketFilter)
	if err != nil {
		return err
	}
	ifi, err := InterfaceByName(iface)
	if err != nil {
		return fmt.Errorf("interface '%s': %w", iface, err)
	}
	s, err := packetSocket(p, ifi.Index)
	if err != nil {
		return explainAttach(o.spec.Programs[prog], "", iface, err)
	}
	o.attached = append(o.attached, s)
	return nil
}

// packetSocket makes a packet socket on an interface with a program as its
// filter.
func packetSocket(p *ebpf.Program, index int) (io.Closer, error) {
	// The socket has no protocol until it is bound, so no packet gets past
	// the filter.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return nil, &AccessError{Missing: "a packet socket needs CAP_NET_RAW: run as root", Cause: err}
		}
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	s := socket(fd)
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ATTACH_BPF, p.FD()); err != nil {
		s.Close()
		return nil, err
	}
	all := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL))
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: index}); err != nil {
		s.Close()
		return nil, fmt.Errorf("binding: %w", err)
	}
	return s, nil
}

type socket int

func (s socket) Close() error { return unix.Close(int(s)) }

// AttachXDP attaches the XDP program prog to the interface: in the driver
// where it can, else in the kernel's generic mode.
func (o *Object) AttachXDP(prog, iface string) error {
	p, err := o.program(prog, ebpf.XDP)
	if err != nil {
		return err
	}
	ifi, err := InterfaceByName(iface)
	if err != nil {
		return fmt.Errorf("interface '%s': %w", iface, err)
	}
	l, err := linkXDP(p, ifi, 0)
	if err != nil {
		return explainAttach(o.spec.Programs[prog], "", iface, err)
	}
	o.attached = append(o.attached, l)
	return nil
}

// liftMemlock lifts the limit on locked memory.
func liftMemlock() error {
	return unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY})
}

func noSyscall(err error) bool { return errors.Is(err, unix.ENOSYS) }
