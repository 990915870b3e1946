package loader

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/link"
)

// netfilterFamilies and netfilterHooks are the names that a target has.
var (
	netfilterFamilies = map[string]link.NetfilterProtocolFamily{"ipv4": link.NetfilterProtoIPv4, "ipv6": link.NetfilterProtoIPv6}
	netfilterHooks    = map[string]link.NetfilterInetHook{"prerouting": link.NetfilterInetPreRouting, "local_in": link.NetfilterInetLocalIn,
		"forward": link.NetfilterInetForward, "local_out": link.NetfilterInetLocalOut, "postrouting": link.NetfilterInetPostRouting}
)

// attachNetfilter attaches to 'family/hook/priority', by default where packets of IPv4
// come in, before they are routed and behind the defragmentation.
func attachNetfilter(a *attachment) (io.Closer, error) {
	name := a.Name
	if name == "" {
		name = "ipv4/prerouting/-128"
	}
	family, rest, _ := strings.Cut(name, "/")
	hook, priority, _ := strings.Cut(rest, "/")
	f, ok1 := netfilterFamilies[family]
	h, ok2 := netfilterHooks[hook]
	n, err := strconv.ParseInt(priority, 10, 32)
	if !ok1 || !ok2 || err != nil {
		return nil, fmt.Errorf("a netfilter program is attached to 'family/hook/priority', as in 'ipv6/local_in/0', not to '%s'", name)
	}
	return link.AttachNetfilter(link.NetfilterOptions{Program: a.prog, ProtocolFamily: f, Hook: h, Priority: int32(n), NetfilterFlags: link.NetfilterAttachFlags(a.Flags)})
}
