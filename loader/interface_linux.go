package loader

import (
	"encoding/binary"
	"fmt"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Interface is a network interface. Package net would tell as much, but a program
// that has it in it begins by loading the C library, which takes as long as all
// else that happens before a script is read.
type Interface struct {
	Index int
	Name  string
}

// Interfaces returns the network interfaces of the process's name space.
func Interfaces() ([]Interface, error) {
	data, err := syscall.NetlinkRIB(unix.RTM_GETLINK, unix.AF_UNSPEC)
	if err != nil {
		return nil, fmt.Errorf("listing the network interfaces: %w", err)
	}
	msgs, err := syscall.ParseNetlinkMessage(data)
	if err != nil {
		return nil, fmt.Errorf("listing the network interfaces: %w", err)
	}
	var all []Interface
	for i := range msgs {
		if msgs[i].Header.Type != unix.RTM_NEWLINK || len(msgs[i].Data) < unix.SizeofIfInfomsg {
			continue
		}
		attrs, err := syscall.ParseNetlinkRouteAttr(&msgs[i])
		if err != nil {
			return nil, fmt.Errorf("listing the network interfaces: %w", err)
		}
		ifi := Interface{Index: int(int32(binary.NativeEndian.Uint32(msgs[i].Data[4:])))} // ifi_index
		for _, a := range attrs {
			if a.Attr.Type == unix.IFLA_IFNAME {
				ifi.Name = strings.TrimRight(string(a.Value), "\x00")
			}
		}
		all = append(all, ifi)
	}
	return all, nil
}

// InterfaceByName returns the network interface of that name.
func InterfaceByName(name string) (*Interface, error) {
	all, err := Interfaces()
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Name == name {
			return &all[i], nil
		}
	}
	return nil, fmt.Errorf("there is no network interface '%s'", name)
}
