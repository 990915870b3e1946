package loader

import (
	"errors"
	"io"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// attachTC attaches to an interface's ingress, or egress if that is said.
func attachTC(a *attachment) (io.Closer, error) {
	ifi, err := a.iface()
	if err != nil {
		return nil, err
	}
	at := ebpf.AttachTCXIngress
	if a.Direction == "egress" || a.spec.AttachType == ebpf.AttachTCXEgress {
		at = ebpf.AttachTCXEgress
	}
	l, err := link.AttachTCX(link.TCXOptions{Interface: ifi.Index, Program: a.prog, Attach: at})
	if errors.Is(err, ebpf.ErrNotSupported) {
		return attachClsact(a, ifi, at == ebpf.AttachTCXEgress)
	}
	return l, err
}
