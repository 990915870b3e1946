package luabpfc_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc"
)

// portableObject is the object of testdata/portable. bench/matrix has it compiled
// once and hands its bytes to all kernels.
func portableObject(t *testing.T) []byte {
	t.Helper()
	const script = "testdata/portable/chains"
	if cell == "" {
		opts := luabpfc.DefaultOptions()
		opts.Arch = "x86_64"
		opts.BTF = func() ([]byte, error) { return os.ReadFile("testdata/btf/tools.btf") }
		return compileFile(t, script+".lua", opts).ELF
	}
	elf, err := os.ReadFile(script + ".o")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("matrix: note: portable object %x\n", sha256.Sum256(elf))
	return elf
}

// TestPortable loads one object on all kernels, whose structures differ, and
// compares what it reads of tasks and sockets with what /proc and getsockopt say.
func TestPortable(t *testing.T) {
	ownLoopback(t)
	elf := portableObject(t)
	t.Logf("object %x", sha256.Sum256(elf))
	coll, err := loadCollection(elf)
	if err != nil {
		t.Fatal(err)
	}
	defer coll.Close()
	t.Run("tasks", func(t *testing.T) { portableTasks(t, coll) })
	portableSocket(t, coll)
}

// seenTask is struct task of testdata/portable/chains.lua.
type seenTask struct {
	PID, TGID, Parent, Leader, UID, Threads, NetNS, Level uint32
	Prio                                                  int32
	Flags                                                 uint32
	Pages, ArgStart, Inode, Magic                         uint64
	Comm                                                  [16]byte
	Exe, Dir                                              [64]byte
}

func portableTasks(t *testing.T, coll *ebpf.Collection) {
	it, err := link.AttachIter(link.IterOptions{Program: coll.Programs["task"]})
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	// Processes change while they are read.
	var wrong []string
	if !eventually(func() bool { wrong = compareTasks(t, coll, it); return len(wrong) == 0 }) {
		t.Error(strings.Join(wrong, "\n"))
	}
	portableSelf(t, coll)
}

// compareTasks reads all tasks and says where /proc has something else.
func compareTasks(t *testing.T, coll *ebpf.Collection, it *link.Iter) (wrong []string) {
	t.Helper()
	before := procStats(t)
	r, err := it.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.ReadAll(r); err != nil {
		t.Fatal(err)
	}
	after, compared := procStats(t), 0
	for pid, was := range before {
		is, same := after[pid]
		var s seenTask
		if err := coll.Maps["tasks"].Lookup(uint32(pid), &s); err != nil || !same {
			if pid == os.Getpid() {
				t.Fatalf("this process is not there: %v", err)
			}
			continue // it began or ended in between
		}
		if was.comm != is.comm || was.number(1) != is.number(1) || was.number(17) != is.number(17) {
			continue
		}
		compared++
		pages := s.Pages * uint64(os.Getpagesize())
		if s.PID != uint32(pid) || s.TGID != uint32(pid) || s.Leader != uint32(pid) || !is.named(text(s.Comm[:])) || uint64(s.Parent) != is.number(1) ||
			uint64(s.Threads) != is.number(17) || s.ArgStart != is.number(45) || uint64(s.Prio) != 120+is.number(16) || (s.Flags^uint32(is.number(6)))&kernelThread != 0 ||
			pages < min(was.number(20), is.number(20)) || pages > max(was.number(20), is.number(20)) {
			wrong = append(wrong, fmt.Sprintf("process %d is read as %+v; /proc has %+v", pid, s, is))
		}
	}
	if compared < 5 {
		wrong = append(wrong, fmt.Sprintf("only %d processes were compared", compared))
	}
	return wrong
}

// kernelThread is PF_KTHREAD.
const kernelThread = 0x200000

// portableSelf compares what only this process's own files say.
func portableSelf(t *testing.T, coll *ebpf.Collection) {
	var s seenTask
	if err := coll.Maps["tasks"].Lookup(uint32(os.Getpid()), &s); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	var fs unix.Statfs_t
	if err := errors.Join(unix.Stat(exe, &st), unix.Statfs(exe, &fs)); err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, spaces, _ := strings.Cut(string(status), "\nNSpid:")
	spaces, _, _ = strings.Cut(spaces, "\n")
	if text(s.Exe[:]) != filepath.Base(exe) || text(s.Dir[:]) != filepath.Base(filepath.Dir(exe)) || s.Inode != st.Ino || s.Magic != uint64(fs.Type) ||
		s.UID != uint32(os.Getuid()) || int(s.Level) != len(strings.Fields(spaces))-1 || s.NetNS != networkOf(t, "/proc/self/ns/net") {
		t.Errorf("this process is read as %+v", s)
	}
}

// networkOf is the number of a network namespace.
func networkOf(t *testing.T, file string) uint32 {
	t.Helper()
	name, err := os.Readlink(file)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseUint(strings.Trim(name, "net:[]"), 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(n)
}

// procStat is a line of /proc/PID/stat: the fields behind the name, from "state".
type procStat struct {
	comm   string
	fields []string
}

// number is a field as a number; negative ones wrap.
func (s procStat) number(i int) uint64 {
	n, err := strconv.ParseUint(s.fields[i], 10, 64)
	if err != nil {
		m, _ := strconv.ParseInt(s.fields[i], 10, 64)
		n = uint64(m)
	}
	return n
}

// named reports whether comm is the task's. Of the kernel's threads /proc has
// longer names than 15 bytes, and behind workers' what they work on.
func (s procStat) named(comm string) bool {
	return s.comm == comm || s.number(6)&kernelThread != 0 && strings.HasPrefix(s.comm, comm)
}

func procStats(t *testing.T) map[int]procStat {
	t.Helper()
	out := map[int]procStat{}
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		line, err := os.ReadFile(f)
		if err != nil {
			continue // it has ended
		}
		pid, rest, _ := strings.Cut(string(line), " (")
		i := strings.LastIndex(rest, ") ")
		n, err := strconv.Atoi(pid)
		if err != nil || i < 0 {
			t.Fatalf("%s: %s", f, line)
		}
		out[n] = procStat{rest[:i], strings.Fields(rest[i+2:])}
	}
	return out
}

func portableSocket(t *testing.T, coll *ebpf.Collection) {
	l := mustAttach(t)(link.AttachTracing(link.TracingOptions{Program: coll.Programs["socket"]}))
	defer l.Close()
	bound(t, unix.SOCK_STREAM, 7060)
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(s)
	err = errors.Join(unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_MARK, 0x77), unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_RCVBUF, 50000),
		unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1), unix.Bind(s, &unix.SockaddrInet4{Port: 7061, Addr: loopback}),
		unix.Connect(s, &unix.SockaddrInet4{Port: 7060, Addr: loopback}))
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	rcvbuf, err := unix.GetsockoptInt(s, unix.SOL_SOCKET, unix.SO_RCVBUF)
	if err = errors.Join(err, unix.Fstat(s, &st)); err != nil {
		t.Fatal(err)
	}
	type connection struct {
		PID, NetNS, UID, Mark               uint32
		RcvBuf                              int32
		Port, Local, Family, Type, Protocol uint16
		Reuse                               uint8
		_                                   [1]byte
		Inode                               uint64
		To                                  address
		User                                [16]byte
		_                                   [4]byte
	}
	var got connection
	if err := coll.Maps["connections"].Lookup(uint32(unix.Gettid()), &got); err != nil {
		t.Fatal(err)
	}
	want := connection{PID: uint32(os.Getpid()), NetNS: networkOf(t, fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid())), UID: uint32(os.Getuid()),
		Mark: 0x77, RcvBuf: int32(rcvbuf), Port: 7060, Local: 7061, Family: unix.AF_INET, Type: unix.SOCK_STREAM, Protocol: unix.IPPROTO_TCP,
		Reuse: 1, Inode: st.Ino, To: loopback}
	copy(want.User[:], ownComm(t))
	if got != want {
		t.Errorf("the socket is read as\n%+v, it is\n%+v", got, want)
	}
}
