package luabpfc_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/perf"
	"golang.org/x/sys/unix"
)

// answered opens a connection to a port of lo, sends ask and reads answer, and
// returns the port on this side. The calls are made on this thread, as its
// network is its own.
func answered(t *testing.T, port int, ask, answer string) (local int) {
	t.Helper()
	listener := bound(t, unix.SOCK_STREAM, port)
	client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Connect(client, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	server, from, err := unix.Accept(listener)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from, to int
		text     string
	}{{client, server, ask}, {server, client, answer}} {
		if _, err := unix.Write(c.from, []byte(c.text)); err != nil {
			t.Fatal(err)
		}
		if _, err := unix.Read(c.to, make([]byte, len(c.text))); err != nil {
			t.Fatal(err)
		}
	}
	unix.Close(client)
	unix.Close(server)
	return from.(*unix.SockaddrInet4).Port
}

// address is an IPv4 address as a struct of examples/ has it: in network order.
type address [4]byte

// port16 is a port in network order.
type port16 [2]byte

func networkPort(n int) (p port16) {
	binary.BigEndian.PutUint16(p[:], uint16(n))
	return p
}

var loopback = address{127, 0, 0, 1}

func showTCPLife(t *testing.T, c *toolRun) {
	ownLoopback(t)
	c.attach(t)
	local := answered(t, 7010, strings.Repeat("ask", 100), strings.Repeat("tell", 200))
	var active, passive bool
	events(t, c, func(e *struct {
		PID            uint32
		From, To       address
		Local          uint16
		Port           uint16
		NS             uint64
		Sent, Received uint64
		Comm           [16]byte
	}) bool {
		ports := [2]int{int(e.Local), int(e.Port)}
		if ports != [2]int{local, 7010} && ports != [2]int{7010, local} {
			return false // of other processes
		}
		if e.From != loopback || e.To != loopback || e.NS == 0 || e.NS > uint64(time.Minute) {
			t.Errorf("event %+v", e)
		}
		// What is sent is counted with SYN and FIN.
		near := func(n, want uint64) bool { return n >= want && n <= want+2 }
		switch {
		case int(e.Local) == local && int(e.Port) == 7010:
			active = e.PID == uint32(os.Getpid()) && text(e.Comm[:]) == ownComm(t) && near(e.Sent, 300) && near(e.Received, 800)
		case int(e.Local) == 7010 && int(e.Port) == local:
			passive = near(e.Sent, 800) && near(e.Received, 300)
		}
		return active && passive
	})
}

// cgroupOfOwn makes a cgroup for the time of the test.
func cgroupOfOwn(t *testing.T) *os.File {
	t.Helper()
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line)
		if len(f) < 3 || f[2] != "cgroup2" {
			continue
		}
		dir, err := os.MkdirTemp(f[1], "luabpfc-")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Remove(dir) })
		g, err := os.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { g.Close() })
		return g
	}
	t.Skip("no cgroup2")
	return nil
}

// inCgroup attaches a program to a cgroup of its own and returns what runs this
// program there.
func (c *toolRun) inCgroup(t *testing.T, kind ebpf.AttachType) func(*exec.Cmd) *exec.Cmd {
	t.Helper()
	g := cgroupOfOwn(t)
	l := mustAttach(t)(link.AttachCgroup(link.CgroupOptions{Path: g.Name(), Attach: kind, Program: c.program(t)}))
	t.Cleanup(func() { l.Close() })
	return func(cmd *exec.Cmd) *exec.Cmd {
		cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(g.Fd())}
		return cmd
	}
}

// connectTo is a helper process: it connects, sends a line and prints what comes
// back.
func connectTo(where string) {
	conn, err := net.DialTimeout("tcp4", where, patience)
	if err != nil {
		fatalHelper(err)
	}
	if _, err := io.WriteString(conn, "hello\n"); err != nil {
		fatalHelper(err)
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		fatalHelper(err)
	}
	fmt.Printf("%s %s", conn.RemoteAddr(), answer)
}

// echo answers one connection to a port of lo with what it says.
func echo(t *testing.T, port int) {
	t.Helper()
	listener := bound(t, unix.SOCK_STREAM, port)
	go func() {
		server, _, err := unix.Accept(listener)
		if err != nil {
			return
		}
		defer unix.Close(server)
		buf := make([]byte, 64)
		if n, err := unix.Read(server, buf); err == nil {
			_, _ = unix.Write(server, buf[:n])
		}
	}()
}

func showRedirect(t *testing.T, c *toolRun) {
	ownLoopback(t)
	run := c.inCgroup(t, ebpf.AttachCGroupInet4Connect)
	type service struct {
		IP   address
		Port port16
		_    [2]byte
	}
	type backend struct {
		IP          address
		Port        port16
		_           [2]byte
		Connections uint64
	}
	key := service{IP: address{192, 0, 2, 1}, Port: networkPort(80)}
	if err := c.Maps["services"].Put(key, backend{IP: loopback, Port: networkPort(7020)}); err != nil {
		t.Fatal(err)
	}
	echo(t, 7020)
	if out := runOwn(t, run(own(t, helperConnect, "192.0.2.1:80"))); out != "192.0.2.1:80 hello\n" && out != "127.0.0.1:7020 hello\n" {
		t.Errorf("the backend says %q", out)
	}
	if out, err := run(own(t, helperConnect, "192.0.2.1:81")).CombinedOutput(); err == nil {
		t.Errorf("another port is redirected too: %s", out)
	}
	var b backend
	if err := c.Maps["services"].Lookup(key, &b); err != nil || b.Connections != 1 {
		t.Errorf("%d connections are counted (%v), want 1", b.Connections, err)
	}
}

func showRTT(t *testing.T, c *toolRun) {
	ownLoopback(t)
	run := c.inCgroup(t, ebpf.AttachCGroupSockOps)
	echo(t, 7030)
	runOwn(t, run(own(t, helperConnect, "127.0.0.1:7030")))
	var rtt struct {
		Samples  uint64
		Min, Max uint32
		Log2     [24]uint32
	}
	// What ends the connection may still be under way, and be measured.
	same := eventually(func() bool {
		if err := c.Maps["rtts"].Lookup(loopback, &rtt); err != nil {
			t.Fatal(err)
		}
		total := uint64(0)
		for _, n := range rtt.Log2 {
			total += uint64(n)
		}
		return rtt.Samples > 0 && total == rtt.Samples
	})
	if !same || rtt.Min > rtt.Max || rtt.Max > uint32(math.MaxInt32) {
		t.Errorf("round trips: %+v", rtt)
	}
}

func showMark(t *testing.T, c *toolRun) {
	ownLoopback(t)
	l := mustAttach(t)(link.AttachTCX(link.TCXOptions{Interface: 1, Program: c.program(t), Attach: ebpf.AttachTCXEgress}))
	t.Cleanup(func() { l.Close() })
	type class struct {
		Mark    uint32
		DSCP    uint8
		_       [3]byte
		Packets uint64
	}
	if err := c.Maps["classes"].Put(uint16(7040), class{Mark: 0x1234, DSCP: 46}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct{ port, mark, tos int }{{7040, 0x1234, 46 << 2}, {7041, 0, 0}} {
		s := bound(t, unix.SOCK_DGRAM, want.port)
		const rcvMark = 75 // SO_RCVMARK
		if err := unix.SetsockoptInt(s, unix.SOL_SOCKET, rcvMark, 1); err != nil {
			t.Fatal(err)
		}
		if err := unix.SetsockoptInt(s, unix.SOL_IP, unix.IP_RECVTOS, 1); err != nil {
			t.Fatal(err)
		}
		sendUDP(t, want.port, 1, "x")
		if mark, tos := received(t, s); mark != want.mark || tos != want.tos {
			t.Errorf("to port %d: mark %#x and TOS %#x, want %#x and %#x", want.port, mark, tos, want.mark, want.tos)
		}
	}
	var k class
	if err := c.Maps["classes"].Lookup(uint16(7040), &k); err != nil || k.Packets != 1 {
		t.Errorf("%d packets are counted (%v), want 1", k.Packets, err)
	}
}

// received is the mark and the TOS of the datagram that came.
func received(t *testing.T, s int) (mark, tos int) {
	t.Helper()
	if err := ready(s, unix.POLLIN, patience); err != nil {
		t.Fatalf("no datagram came: %v", err)
	}
	oob := make([]byte, 256)
	_, n, _, _, err := unix.Recvmsg(s, make([]byte, 64), oob, unix.MSG_DONTWAIT)
	if err != nil {
		t.Fatal(err)
	}
	list, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		switch {
		case m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_MARK:
			mark = int(binary.NativeEndian.Uint32(m.Data))
		case m.Header.Level == unix.SOL_IP && m.Header.Type == unix.IP_TOS:
			tos = int(m.Data[0])
		}
	}
	return mark, tos
}

// showBashreadline types a line into a bash in a pseudo-terminal.
func showBashreadline(t *testing.T, c *toolRun) {
	exe, err := link.OpenExecutable("/bin/bash")
	if err != nil {
		t.Fatal(err)
	}
	l := mustAttach(t)(exe.Uretprobe("readline", c.program(t), nil))
	t.Cleanup(func() { l.Close() })
	lines, err := perf.NewReader(c.Maps["lines"], 4096)
	if err != nil {
		t.Fatal(err)
	}
	defer lines.Close()
	pid := typeInBash(t, "true what a line")
	lines.SetDeadline(time.Now().Add(patience))
	for want := []string{"true what a line", "exit"}; len(want) > 0; {
		record, err := lines.Read()
		if err != nil {
			t.Fatalf("'%s': %v", want[0], err)
		}
		var e struct {
			PID  uint32
			Text [124]byte
		}
		if err := binary.Read(bytes.NewReader(record.RawSample), binary.NativeEndian, &e); err != nil {
			t.Fatal(err)
		}
		if e.PID != uint32(pid) {
			continue // somebody else's bash
		}
		if text(e.Text[:]) != want[0] {
			t.Errorf("typed is %q, seen %q", want[0], text(e.Text[:]))
		}
		want = want[1:]
	}
}

// onOneCPU keeps a process on the first CPU it may use: records of one CPU come in
// their order.
func onOneCPU(t *testing.T, pid int) {
	t.Helper()
	var may, one unix.CPUSet
	if err := unix.SchedGetaffinity(pid, &may); err != nil {
		t.Fatal(err)
	}
	for cpu := 0; one.Count() == 0; cpu++ {
		if may.IsSet(cpu) {
			one.Set(cpu)
		}
	}
	if err := unix.SchedSetaffinity(pid, &one); err != nil {
		t.Fatal(err)
	}
}

// showSteer has one TCP and one UDP socket serve eight ports.
func showSteer(t *testing.T, c *toolRun) {
	ownLoopback(t)
	net, err := os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
	if err != nil {
		t.Fatal(err)
	}
	defer net.Close()
	l := mustAttach(t)(link.AttachNetNs(int(net.Fd()), c.program(t)))
	t.Cleanup(func() { l.Close() })
	tcp, udp := bound(t, unix.SOCK_STREAM, 8001), bound(t, unix.SOCK_DGRAM, 8002)
	for slot, s := range []int{tcp, udp} {
		if err := c.Maps["servers"].Put(uint32(slot), uint64(s)); err != nil {
			t.Fatal(err)
		}
	}
	if err := connect(t, 7003, "hello"); err != nil {
		t.Fatal(err)
	}
	conn, _, err := unix.Accept(tcp)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(conn)
	buf := make([]byte, 16)
	if n, err := unix.Read(conn, buf); err != nil || string(buf[:n]) != "hello" {
		t.Errorf("the server reads %q, %v", buf[:n], err)
	}
	if name, err := unix.Getsockname(conn); err != nil || name.(*unix.SockaddrInet4).Port != 7003 {
		t.Errorf("the server's end is %v, %v", name, err)
	}
	sendUDP(t, 7005, 2, "x")
	for range 2 {
		receive(t, udp)
	}
	if err := connect(t, 7008, "x"); err == nil {
		t.Error("a port behind the range is served")
	}
	for slot, want := range map[uint32]uint64{3: 1, 5: 2, 0: 0} {
		var n uint64
		if err := c.Maps["steered"].Lookup(slot, &n); err != nil || n != want {
			t.Errorf("port %d: %d were steered (%v), want %d", 7000+slot, n, err, want)
		}
	}
}

func showTCPConnect(t *testing.T, c *toolRun) {
	ownLoopback(t)
	c.attach(t)
	bound(t, unix.SOCK_STREAM, 7050)
	if err := connect(t, 7050, "x"); err != nil {
		t.Fatal(err)
	}
	if err := connect(t, 7051, "x"); err == nil {
		t.Fatal("nobody listens to 7051")
	}
	ports := map[uint16]bool{}
	events(t, c, func(e *struct {
		PID         uint32
		Result      int32
		From, To    address
		Local, Port uint16
		Comm        [16]byte
	}) bool {
		if e.PID != uint32(os.Getpid()) {
			return false
		}
		if e.Result != 0 || e.From != loopback || e.To != loopback || e.Local == 0 || text(e.Comm[:]) != ownComm(t) {
			t.Errorf("event %+v", e)
		}
		ports[e.Port] = true
		return ports[7050] && ports[7051]
	})
}
