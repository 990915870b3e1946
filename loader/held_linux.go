package loader

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// Who holds a hook that takes one program only: the kernel says no more than that
// it is taken.

// holder is a program by its number, as 'xdp_pass' (id 12).
func holder(id ebpf.ProgramID) string {
	p, err := ebpf.NewProgramFromID(id)
	if err != nil {
		return fmt.Sprintf("id %d", id)
	}
	defer p.Close()
	if info, err := p.Info(); err == nil && info.Name != "" {
		return fmt.Sprintf("'%s' (id %d)", info.Name, id)
	}
	return fmt.Sprintf("id %d", id)
}

// linkOf is the link by which a program is attached, 0 if it is by none.
func linkOf(id ebpf.ProgramID) link.ID {
	it := new(link.Iterator)
	defer it.Close()
	for it.Next() {
		if info, err := it.Link.Info(); err == nil && info.Program == id {
			return it.ID
		}
	}
	return 0
}

// xdpTaken explains why an XDP program can't be attached to an interface that has
// one.
func xdpTaken(ifi *Interface, err error) error {
	id := xdpProgram(ifi.Index)
	if id == 0 {
		return fmt.Errorf("'%s' has another XDP program attached: %w", ifi.Name, err)
	}
	if l := linkOf(id); l != 0 {
		return fmt.Errorf("'%s' has another XDP program attached, %s: end the process that holds it, which 'bpftool link show id %d' names: %w", ifi.Name, holder(id), l, err)
	}
	return fmt.Errorf("'%s' has another XDP program attached, %s: 'ip link set dev %s xdp off' takes it off: %w", ifi.Name, holder(id), ifi.Name, err)
}

// Attributes of linux/if_link.h.
const (
	iflaXDP       = 43
	iflaXDPProgID = 4 // the others that end in _PROG_ID say in which mode
)

// xdpProgram is the XDP program on an interface, 0 if there is none or it can't be
// told.
func xdpProgram(index int) ebpf.ProgramID {
	data, err := syscall.NetlinkRIB(unix.RTM_GETLINK, unix.AF_UNSPEC)
	if err != nil {
		return 0
	}
	msgs, err := syscall.ParseNetlinkMessage(data)
	if err != nil {
		return 0
	}
	for i := range msgs {
		if msgs[i].Header.Type != unix.RTM_NEWLINK || len(msgs[i].Data) < unix.SizeofIfInfomsg || int(int32(binary.NativeEndian.Uint32(msgs[i].Data[4:]))) != index {
			continue
		}
		attrs, err := syscall.ParseNetlinkRouteAttr(&msgs[i])
		if err != nil {
			return 0
		}
		for _, a := range attrs {
			if a.Attr.Type&^unix.NLA_F_NESTED != iflaXDP {
				continue
			}
			for b := a.Value; len(b) >= 4; {
				size := int(binary.NativeEndian.Uint16(b))
				if size < 4 || size > len(b) {
					break
				}
				if binary.NativeEndian.Uint16(b[2:]) == iflaXDPProgID && size == 8 {
					return ebpf.ProgramID(binary.NativeEndian.Uint32(b[4:]))
				}
				b = b[min((size+3)&^3, len(b)):]
			}
		}
	}
	return 0
}

// cgroupTaken explains why a program can't be attached to a cgroup: the cgroup, or
// one around it, has one that was attached alone. Other errors stay as they are.
func cgroupTaken(dir string, at ebpf.AttachType, err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		ids := cgroupPrograms(d, at)
		if len(ids) > 0 {
			var names []string
			for _, id := range ids {
				names = append(names, holder(id))
			}
			// The cause is told and not wrapped: what is missing is no permission.
			return fmt.Errorf("the cgroup '%s' has a program there that suffers no other, %s: end what attached it, or 'bpftool cgroup detach %s' (%v)",
				d, strings.Join(names, ", "), d, err)
		}
		if d == filepath.Dir(d) {
			return err
		}
	}
}

// cgroupPrograms are the programs attached to a cgroup itself.
func cgroupPrograms(dir string, at ebpf.AttachType) (ids []ebpf.ProgramID) {
	f, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer f.Close()
	r, err := link.QueryPrograms(link.QueryOptions{Target: int(f.Fd()), Attach: at})
	if err != nil {
		return nil
	}
	for _, p := range r.Programs {
		ids = append(ids, p.ID)
	}
	return ids
}

// netnsTaken explains why a program can't be attached to a network namespace.
func netnsTaken(name string, ns *os.File, at ebpf.AttachType, err error) error {
	if !errors.Is(err, unix.EEXIST) && !errors.Is(err, unix.E2BIG) {
		return err
	}
	r, e := link.QueryPrograms(link.QueryOptions{Target: int(ns.Fd()), Attach: at})
	if e != nil || len(r.Programs) == 0 {
		return fmt.Errorf("the network namespace '%s', or the first of all, has another program there: %w", name, err)
	}
	return fmt.Errorf("the network namespace '%s' has another program there, %s: end what attached it: %w", name, holder(r.Programs[0].ID), err)
}
