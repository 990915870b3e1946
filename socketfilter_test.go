package luabpfc_test

import (
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestNetworkHeader attaches a filter to a UDP socket, which is shown packets from
// the UDP header on, and has it read in front of that. Of a long datagram the kernel
// holds the data in fragments, which are behind what is reached from there.
func TestNetworkHeader(t *testing.T) {
	coll := loadScript(t, `
bpf.socket(function(skb)
  local ip = pkt.net_off.ip
  if #pkt > 32000 then
    local there = pcall(function() return ip.udp.data[20000] end)
    return not there and pkt[20008] == 0x67 and 10 or 0
  end
  if ip.src == bpf.ip('127.0.0.1') and ip.udp.length == pkt(4, 6) and ip.udp.data[0] == pkt[8] and ip.ttl > 0 then
    return pkt[8] == 1 and #pkt or 0
  end
  return 0
end, { name = 'filter' })`)
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if cerr := raw.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, 50, coll.Programs["filter"].FD()) // SO_ATTACH_BPF
	}); cerr != nil || err != nil {
		t.Fatal(cerr, err)
	}
	to, err := net.Dial("udp4", conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	for _, text := range []string{"\x00dropped", "\x01kept", "\x01" + strings.Repeat("long", 10_000)} {
		if _, err := to.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, 100)
	for _, want := range []string{"\x01kept", "\x01l"} {
		n, err := conn.Read(b)
		if err != nil || string(b[:n]) != want {
			t.Fatalf("received %q, %v", b[:n], err)
		}
	}
}
