package luabpfc_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc"
)

// ownLoopback gives the test a network of its own with nothing but lo, so that
// packets can be counted exactly. The thread is never used again.
func ownLoopback(t *testing.T) {
	t.Helper()
	needKernel(t)
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		if os.Getenv("LUABPFC_REQUIRE_KERNEL") == "1" {
			t.Fatalf("no network namespace: %v", err)
		}
		t.Skipf("no network namespace: %v", err)
	}
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(s)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	ifr.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, ifr); err != nil {
		t.Fatal(err)
	}
}

func compileFile(t *testing.T, file string, opts luabpfc.Options) *luabpfc.Object {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return compileAs(t, file, string(text), opts)
}

// sendUDP sends n datagrams over lo from this thread's network; Go's own
// sockets are made on whatever thread runs, so the calls are made here.
func sendUDP(t *testing.T, port, n int, text string) {
	t.Helper()
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(s)
	for range n {
		// A port nobody listens on answers with ICMP; EREFUSED may follow.
		to := &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}
		if err := unix.Sendto(s, []byte(text), 0, to); err != nil && err != unix.ECONNREFUSED {
			t.Fatal(err)
		}
	}
}

// bound is a socket that listens on a port of lo.
func bound(t *testing.T, kind, port int) int {
	t.Helper()
	s, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(s) })
	if err := unix.Bind(s, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if kind == unix.SOCK_STREAM {
		if err := unix.Listen(s, 8); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// connect opens a TCP connection to a port of lo, says text and hangs up.
func connect(t *testing.T, port int, text string) error {
	t.Helper()
	return connectWithin(t, port, text, patience)
}

// connectWithin is connect with a time to do it in, for connections that must not
// open.
func connectWithin(t *testing.T, port int, text string, atMost time.Duration) error {
	t.Helper()
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(s)
	err = unix.Connect(s, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
	if errors.Is(err, unix.EINPROGRESS) || errors.Is(err, unix.EINTR) {
		if err = ready(s, unix.POLLOUT, atMost); err != nil {
			return err
		}
		no, err := unix.GetsockoptInt(s, unix.SOL_SOCKET, unix.SO_ERROR)
		if err != nil {
			t.Fatal(err)
		}
		if no != 0 {
			return unix.Errno(no)
		}
	} else if err != nil {
		return err
	}
	_, err = unix.Write(s, []byte(text))
	return err
}

// ping sends n echo requests by the system's ping.
func ping(t *testing.T, n int) {
	t.Helper()
	out, err := exec.Command("ping", "-q", "-i", "0.01", "-c", fmt.Sprint(n), "127.0.0.1").CombinedOutput()
	if err != nil {
		t.Fatalf("ping: %v\n%s", err, out)
	}
}

// TestTraffic counts real packets on a real AF_PACKET socket: each is seen as
// it leaves and as it arrives, and ping's requests have replies.
func TestTraffic(t *testing.T) {
	needTool(t, "ping")
	for _, level := range []int{0, 2} {
		t.Run(fmt.Sprintf("-O%d", level), func(t *testing.T) {
			ownLoopback(t)
			opts := luabpfc.DefaultOptions()
			opts.OptLevel = level
			o := loaded(t, compileFile(t, "examples/protocount/protocount.lua", opts).ELF)
			udp := bound(t, unix.SOCK_DGRAM, 5000)
			bound(t, unix.SOCK_STREAM, 5001)
			if err := o.AttachSocket("protocount", "lo"); err != nil {
				t.Fatal(err)
			}
			counts, err := o.Map("counts")
			if err != nil {
				t.Fatal(err)
			}
			get := func(proto uint64) uint64 {
				n, _, err := counts.Get(proto)
				if err != nil {
					t.Fatal(err)
				}
				return n
			}
			if n := get(1) + get(6) + get(17); n != 0 {
				t.Fatalf("%d packets before any was sent", n)
			}
			sendUDP(t, 5000, 7, "x")
			for range 7 {
				receive(t, udp)
			}
			if n := get(17); n != 14 {
				t.Errorf("UDP: %d, want 7 out and 7 in", n)
			}
			ping(t, 3)
			if n := get(1); n != 12 {
				t.Errorf("ICMP: %d, want 3 requests and 3 replies, out and in", n)
			}
			if err := connect(t, 5001, "hello"); err != nil {
				t.Error(err)
			}
			// At least SYN, SYN+ACK, ACK, data, FIN.
			if !eventually(func() bool { n := get(6); return n >= 10 && n%2 == 0 }) {
				t.Errorf("TCP: %d, want an even number of at least 10", get(6))
			}
			if n := get(17); n != 14 {
				t.Errorf("UDP moved to %d without a datagram", n)
			}
			before := get(1)
			if err := o.Close(); err != nil {
				t.Fatal(err)
			}
			if before != 12 {
				t.Errorf("ICMP moved to %d without a ping", before)
			}
		})
	}
}

// TestPortFilterTraffic filters real packets by XDP on lo.
func TestPortFilterTraffic(t *testing.T) {
	ownLoopback(t)
	o := loaded(t, compileFile(t, "examples/xdp_portfilter.lua", luabpfc.DefaultOptions()).ELF)
	blocked, err := o.Map("blocked")
	if err != nil {
		t.Fatal(err)
	}
	for _, port := range []uint64{5000, 5001} {
		if err := blocked.Put(port, 0); err != nil {
			t.Fatal(err)
		}
	}
	udp := bound(t, unix.SOCK_DGRAM, 5000)
	open := bound(t, unix.SOCK_DGRAM, 5002)
	bound(t, unix.SOCK_STREAM, 5001)
	bound(t, unix.SOCK_STREAM, 5003)
	if err := o.AttachXDP("xdp_portfilter", "lo"); err != nil {
		t.Fatal(err)
	}
	sendUDP(t, 5000, 3, "x")
	sendUDP(t, 5002, 1, "x")
	receive(t, open) // the others were in front of it
	if _, _, err := unix.Recvfrom(udp, make([]byte, 64), unix.MSG_DONTWAIT); err == nil {
		t.Error("a datagram to the blocked port arrived")
	}
	if n, _, err := blocked.Get(5000); n != 3 || err != nil {
		t.Errorf("%d dropped datagrams are counted (%v), want 3", n, err)
	}
	if err := connectWithin(t, 5001, "x", 300*time.Millisecond); err == nil {
		t.Error("a connection to the blocked port opened")
	}
	if err := connect(t, 5003, "x"); err != nil {
		t.Errorf("a connection to the open port: %v", err)
	}
	if n, _, err := blocked.Get(5001); n == 0 || err != nil {
		t.Errorf("no dropped connection attempt is counted (%v)", err)
	}
}

// TestProtocountExample runs the example program as the README says.
func TestProtocountExample(t *testing.T) {
	needKernel(t)
	bin := t.TempDir() + "/protocount"
	if out, err := exec.Command("go", "build", "-o", bin, "./examples/protocount").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// It gives itself half a second to send them.
	var out []byte
	var err error
	if !eventually(func() bool {
		if out, err = exec.Command(bin, "-seconds", "1").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		var icmp, tcp, udp, icmp6 int
		_, line, _ := strings.Cut(string(out), "\n")
		n, _ := fmt.Sscanf(line, " ICMP %d TCP %d UDP %d ICMPv6 %d", &icmp, &tcp, &udp, &icmp6)
		return n == 4 && icmp > 0 && tcp > 0 && udp > 0
	}) {
		t.Errorf("counts of the packets it sends itself:\n%s", out)
	}
	// Without privilege it shows the code and says why it stops.
	cmd := exec.Command(bin)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	for dir := filepath.Dir(bin); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	out, err = cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "xadd(counts[pkt.ip.proto], 1)") || !strings.Contains(string(out), "It is not running: loading BPF programs needs CAP_BPF") {
		t.Errorf("as nobody: %v\n%s", err, out)
	}
}
