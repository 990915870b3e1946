package script

import (
	"encoding/hex"
	"net/netip"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/ctype"
)

// Addresses as text: IPv4 ones are numbers in host order, others are bytes as
// they lie in packets.

// bpfIP is bpf.ip(text): a number for IPv4, 16 bytes for IPv6.
func (st *Stage) bpfIP(L *lua.LState) int {
	a, err := netip.ParseAddr(L.CheckString(1))
	if err != nil || a.Zone() != "" {
		L.ArgError(1, "'"+L.CheckString(1)+"' is no IP address")
	}
	L.Push(st.ip(L, a))
	return 1
}

// bpfCIDR is bpf.cidr(text): a network's address and the length of its prefix.
func (st *Stage) bpfCIDR(L *lua.LState) int {
	p, err := netip.ParsePrefix(L.CheckString(1))
	if err != nil {
		L.ArgError(1, "'"+L.CheckString(1)+"' is no network such as 10.0.0.0/8")
	}
	L.Push(st.ip(L, p.Masked().Addr()))
	L.Push(lua.LNumber(p.Bits()))
	return 2
}

func (st *Stage) ip(L *lua.LState, a netip.Addr) lua.LValue {
	if !a.Is4() {
		b := a.As16()
		return st.byteArray(L, b[:])
	}
	b := a.As4()
	return lua.LNumber(uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3]))
}

// bpfMAC is bpf.mac(text): the 6 bytes of a hardware address.
func (st *Stage) bpfMAC(L *lua.LState) int {
	text := L.CheckString(1)
	parts := strings.Split(strings.ReplaceAll(text, "-", ":"), ":")
	var mac []byte
	for _, p := range parts {
		b, err := hex.DecodeString(p)
		if err != nil || len(b) != 1 {
			break
		}
		mac = append(mac, b[0])
	}
	if len(mac) != 6 || len(parts) != 6 {
		L.ArgError(1, "'"+text+"' is no hardware address such as 02:00:5e:10:00:01")
	}
	L.Push(st.byteArray(L, mac))
	return 1
}

// byteArray is a constant uint8_t[] of these bytes.
func (st *Stage) byteArray(L *lua.LState, b []byte) lua.LValue {
	st.alloc(L, int64(len(b))+tableBytes)
	return st.NewRef(ctype.ArrayOf(mustType("uint8_t"), len(b)), b)
}
