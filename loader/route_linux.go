package loader

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc/loader/netlink"
)

// Programs of routes (lwt_*) run for packets that take a route, which is made for
// them, as 'ip route add ... encap bpf' does, and taken away again.

// Attributes of the kernel's that x/sys has no names for.
const (
	encapBPF       = 6  // LWTUNNEL_ENCAP_BPF
	encapSeg6Local = 7  // LWTUNNEL_ENCAP_SEG6_LOCAL
	seg6LocalDo    = 1  // SEG6_LOCAL_ACTION
	seg6LocalBPF   = 8  // SEG6_LOCAL_BPF
	actionBPF      = 15 // SEG6_LOCAL_ACTION_END_BPF
)

// routeHooks are the attributes of the places in a route, LWT_BPF_IN and its like.
var routeHooks = map[string]uint16{"lwt_in": 1, "lwt_out": 2, "lwt_xmit": 3}

// attachRoute attaches to 'prefix dev interface'.
func attachRoute(a *attachment) (io.Closer, error) {
	words := strings.Fields(a.Name)
	if len(words) != 3 || words[1] != "dev" {
		return nil, fmt.Errorf("a route is named as in '10.1.0.0/16 dev eth0', not '%s'", a.Name)
	}
	prefix, err := netip.ParsePrefix(words[0])
	if err != nil {
		return nil, fmt.Errorf("'%s' is no prefix of addresses: a route is named as in '10.1.0.0/16 dev eth0'", words[0])
	}
	ifi, err := InterfaceByName(words[2])
	if err != nil {
		return nil, fmt.Errorf("interface '%s': %w", words[2], err)
	}
	prog := [][]byte{netlink.Number(1, uint32(a.prog.FD())), netlink.Text(2, a.spec.Name)}
	encap, how := netlink.Attr(routeHooks[a.first], prog...), uint16(encapBPF)
	if a.first == "lwt_seg6local" {
		encap, how = append(netlink.Number(seg6LocalDo, actionBPF), netlink.Attr(seg6LocalBPF, prog...)...), encapSeg6Local
	}
	body := routeBody(prefix, ifi.Index, netlink.Attr(unix.RTA_ENCAP_TYPE, binary.NativeEndian.AppendUint16(nil, how)), netlink.Attr(unix.RTA_ENCAP, encap))
	_, err = netlink.Message{Kind: unix.RTM_NEWROUTE, Flags: unix.NLM_F_CREATE | unix.NLM_F_EXCL, Body: body}.Request()
	if errors.Is(err, unix.EEXIST) {
		return nil, fmt.Errorf("there is a route to %s already: %w", prefix, err)
	}
	if err != nil {
		return nil, err
	}
	return detached(func() error {
		_, err := netlink.Message{Kind: unix.RTM_DELROUTE, Body: routeBody(prefix, ifi.Index)}.Request()
		return err
	}), nil
}

// routeBody is struct rtmsg and attributes.
func routeBody(prefix netip.Prefix, device int, attrs ...[]byte) []byte {
	prefix = prefix.Masked()
	family, scope := byte(unix.AF_INET6), byte(unix.RT_SCOPE_UNIVERSE)
	if prefix.Addr().Is4() {
		family, scope = unix.AF_INET, unix.RT_SCOPE_LINK
	}
	// family, lengths, tos, table, protocol, scope, type, flags
	body := []byte{family, byte(prefix.Bits()), 0, 0, unix.RT_TABLE_MAIN, unix.RTPROT_STATIC, scope, unix.RTN_UNICAST, 0, 0, 0, 0}
	body = append(body, netlink.Attr(unix.RTA_DST, prefix.Addr().AsSlice())...)
	body = append(body, netlink.Number(unix.RTA_OIF, uint32(device))...)
	for _, a := range attrs {
		body = append(body, a...)
	}
	return body
}
