//go:build !linux

package loader

import (
	"errors"
	"io"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
)

var errNotLinux = &AccessError{Missing: "BPF programs run on Linux only", Cause: errors.ErrUnsupported}

// AttachSocket returns an error: only Linux has packet sockets.
func (o *Object) AttachSocket(prog, iface string) error { return errNotLinux }

// AttachXDP returns an error: only Linux has XDP.
func (o *Object) AttachXDP(prog, iface string) error { return errNotLinux }

// Interface is a network interface.
type Interface struct {
	Index int
	Name  string
}

// InterfaceByName returns an error.
func InterfaceByName(string) (*Interface, error) { return nil, errNotLinux }

// hooks is empty: programs are attached on Linux.
var hooks []hook

func liftMemlock() error { return errNotLinux }

func noSyscall(err error) bool { return errors.Is(err, ebpf.ErrNotSupported) }

// AttachStructOps returns an error: only Linux has structures of functions.
func (o *Object) AttachStructOps(name string) (io.Closer, error) { return nil, errNotLinux }

func stays(any) bool { return false }

func eventLinks(any) []link.Link { return nil }

func inBPF(string) error { return errNotLinux }

// MountBPF returns an error: only Linux has BPF file systems.
func MountBPF(string) error { return errNotLinux }

// ReadSystem returns an error: only Linux has BPF.
func ReadSystem() (*System, error) { return nil, errNotLinux }

// PinnedID returns an error.
func PinnedID(string) (kind string, id uint32, err error) { return "", 0, errNotLinux }

// Contents returns an error.
func Contents(uint32, int) (entries []Content, rest bool, err error) { return nil, false, errNotLinux }

// Instructions returns an error.
func Instructions(uint32) (asm.Instructions, error) { return nil, errNotLinux }

// AttachRunning returns an error.
func AttachRunning(uint32, string, uint32, Target, string) ([]string, error) { return nil, errNotLinux }

// Examine says that this is not Linux.
func Examine() []Finding {
	return []Finding{{Name: "kernel", State: Missing, Value: "not Linux", Effect: "programs run on Linux only", Required: true}}
}

type filterPlace struct{}

// Remove returns an error.
func (f Filter) Remove() error { return errNotLinux }
