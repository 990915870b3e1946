package luabpfc_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// stage is what programs are attached to, in namespaces of the test's own.
type stage struct {
	cgroup   string
	exe      *link.Executable
	symbol   uint64           // an address in exe
	replaced *ebpf.Collection // what freplace takes the place of
	lo       int              // number of the loopback device
}

// newStage makes the namespaces; the thread ends with the test.
func newStage(t *testing.T) *stage {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS); err != nil {
		t.Fatalf("namespaces: %v", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	s := &stage{lo: 1}
	groups, tracefs := t.TempDir(), "/sys/kernel/tracing"
	if err := unix.Mount("cgroup2", groups, "cgroup2", 0, ""); err != nil {
		t.Fatalf("cgroup2: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(groups, unix.MNT_DETACH) })
	if _, err := os.Stat(tracefs + "/events"); err != nil {
		if err := unix.Mount("tracefs", tracefs, "tracefs", 0, ""); err != nil {
			t.Logf("tracefs: %v", err)
		}
	}
	var err error
	if s.cgroup, err = os.MkdirTemp(groups, "luabpfc"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(s.cgroup) })
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if s.exe, err = link.OpenExecutable(path); err != nil {
		t.Fatal(err)
	}
	s.symbol = 0x1000 // in the text of what Go's linker makes
	if err := setUp(s.lo); err != nil {
		t.Fatal(err)
	}
	obj := compileScript(t, "bpf.xdp(function(ctx) return XDP_PASS end, { name = 'prog' })")
	if s.replaced, err = loadCollection(obj.ELF); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.replaced.Close)
	return s
}

func compileScript(t *testing.T, text string) *luabpfc.Object {
	t.Helper()
	opts := caseOptions()
	return compileAs(t, "script.lua", text, opts)
}

// loadByID loads a program, which has neither maps nor calls, for a function of
// the kernel that cilium/ebpf does not look up for programs of its attach type.
func loadByID(p *ebpf.ProgramSpec, order binary.ByteOrder, function string) (*ebpf.Program, error) {
	types, err := btf.LoadKernelSpec()
	if err != nil {
		return nil, err
	}
	var id btf.TypeID
	if function != "" {
		found, err := types.AnyTypesByName(function)
		if err != nil {
			return nil, err
		}
		if id, err = types.TypeID(found[0]); err != nil {
			return nil, err
		}
	}
	var code bytes.Buffer
	if err := p.Instructions.Marshal(&code, order); err != nil {
		return nil, err
	}
	license, log := []byte("GPL\x00"), make([]byte, 1<<16)
	attr := struct {
		kind, count       uint32
		code, license     unsafe.Pointer
		logLevel, logSize uint32
		log               unsafe.Pointer
		version, flags    uint32
		name              [16]byte
		ifindex, attach   uint32
		_                 [4]uint64 // the program's BTF
		_, id             uint32
	}{kind: uint32(p.Type), count: uint32(code.Len() / 8), code: unsafe.Pointer(&code.Bytes()[0]), license: unsafe.Pointer(&license[0]),
		logLevel: 1, logSize: uint32(len(log)), log: unsafe.Pointer(&log[0]), flags: p.Flags, attach: uint32(p.AttachType), id: uint32(id)}
	const progLoad = 5
	fd, _, no := unix.Syscall(unix.SYS_BPF, progLoad, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	for no == unix.EAGAIN { // a signal came, as Go's scheduler sends them
		fd, _, no = unix.Syscall(unix.SYS_BPF, progLoad, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	}
	if no != 0 {
		return nil, &ebpf.VerifierError{Cause: no, Log: strings.Split(strings.TrimRight(unix.ByteSliceToString(log), "\n"), "\n")}
	}
	return ebpf.NewProgramFromFD(int(fd))
}

// attach attaches p as its kind is attached; what it returns, if anything, ends
// that.
func (s *stage) attach(r *sectionRow, p *ebpf.Program) (io.Closer, error) {
	name, as := r.kind.Name, ebpf.AttachType(r.kind.Attach)
	switch {
	case strings.HasPrefix(name, "cgroup_"), name == "sock_ops", name == "lsm_cgroup":
		return link.AttachCgroup(link.CgroupOptions{Path: s.cgroup, Attach: as, Program: p})
	case strings.HasPrefix(name, "xdp"):
		return s.attachXDP(name, p)
	case strings.HasPrefix(name, "tcx_"):
		return link.AttachTCX(link.TCXOptions{Interface: s.lo, Program: p, Attach: as})
	case strings.HasPrefix(name, "netkit_"):
		return s.attachNetkit(p, as)
	case strings.HasSuffix(name, "_multi") && r.kind.Type == kernel.Tracing:
		return attachMulti(p, as, r.sleepable)
	case name == "tp_btf" && r.sleepable:
		return link.AttachRawLink(link.RawLinkOptions{Program: p, Attach: as})
	case name == "raw_tracepoint" && r.sleepable:
		return link.AttachRawTracepoint(link.RawTracepointOptions{Name: faultable, Program: p})
	case strings.HasPrefix(name, "lwt_"):
		return nil, newRoute(name, p.FD())
	case strings.HasPrefix(name, "sk_skb"), name == "sk_msg":
		return attachSockmap(name, p, as)
	}
	if f := attachers[name]; f != nil {
		return f(s, p)
	}
	return nil, errors.New("no way to attach it is known")
}

var attachers = map[string]func(s *stage, p *ebpf.Program) (io.Closer, error){
	"socket": func(s *stage, p *ebpf.Program) (io.Closer, error) {
		return withSocket(func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ATTACH_BPF, p.FD()) })
	},
	"sk_reuseport": attachReuseport, "sk_reuseport_migrate": attachReuseport,
	"kprobe":      func(s *stage, p *ebpf.Program) (io.Closer, error) { return link.Kprobe("do_nanosleep", p, nil) },
	"kretprobe":   func(s *stage, p *ebpf.Program) (io.Closer, error) { return link.Kretprobe("do_nanosleep", p, nil) },
	"ksyscall":    func(s *stage, p *ebpf.Program) (io.Closer, error) { return link.Kprobe("sys_nanosleep", p, nil) },
	"kretsyscall": func(s *stage, p *ebpf.Program) (io.Closer, error) { return link.Kretprobe("sys_nanosleep", p, nil) },
	"kprobe_multi": func(s *stage, p *ebpf.Program) (io.Closer, error) {
		return link.KprobeMulti(p, link.KprobeMultiOptions{Symbols: []string{"do_nanosleep"}})
	},
	"kretprobe_multi": func(s *stage, p *ebpf.Program) (io.Closer, error) {
		return link.KretprobeMulti(p, link.KprobeMultiOptions{Symbols: []string{"do_nanosleep"}})
	},
	"kprobe_session": func(s *stage, p *ebpf.Program) (io.Closer, error) {
		return link.KprobeMulti(p, link.KprobeMultiOptions{Symbols: []string{"do_nanosleep"}, Session: true})
	},
	"uprobe": attachUprobe, "usdt": attachUprobe,
	"uretprobe": func(s *stage, p *ebpf.Program) (io.Closer, error) {
		return s.exe.Uretprobe("", p, &link.UprobeOptions{Address: s.symbol})
	},
	"uprobe_multi": attachUprobes, "uprobe_session": attachUprobeSession,
	"uretprobe_multi": func(s *stage, p *ebpf.Program) (io.Closer, error) {
		return s.exe.UretprobeMulti(nil, p, &link.UprobeMultiOptions{Addresses: []uint64{s.symbol}})
	},
	"tc":     func(s *stage, p *ebpf.Program) (io.Closer, error) { return nil, newFilter(s.lo, p.FD()) },
	"action": func(s *stage, p *ebpf.Program) (io.Closer, error) { return nil, newAction(p.FD()) },
	"tracepoint": func(s *stage, p *ebpf.Program) (io.Closer, error) {
		return link.Tracepoint("syscalls", "sys_enter_nanosleep", p, nil)
	},
	"raw_tracepoint": attachRaw, "raw_tracepoint_w": attachRaw,
	"tp_btf": attachTraced, "fentry": attachTraced, "fexit": attachTraced, "fmod_ret": attachTraced,
	"fsession": func(s *stage, p *ebpf.Program) (io.Closer, error) {
		return link.AttachRawLink(link.RawLinkOptions{Program: p, Attach: 58})
	},
	"freplace": func(s *stage, p *ebpf.Program) (io.Closer, error) {
		return link.AttachFreplace(s.replaced.Programs["prog"], "prog", p)
	},
	"lsm": func(s *stage, p *ebpf.Program) (io.Closer, error) { return link.AttachLSM(link.LSMOptions{Program: p}) },
	"iter": func(s *stage, p *ebpf.Program) (io.Closer, error) {
		return link.AttachIter(link.IterOptions{Program: p})
	},
	"syscall": func(s *stage, p *ebpf.Program) (io.Closer, error) {
		_, err := p.Run(&ebpf.RunOptions{})
		return nil, err
	},
	"perf_event": func(s *stage, p *ebpf.Program) (io.Closer, error) {
		fd, err := unix.PerfEventOpen(&unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK, Sample: 1e9,
			Size: uint32(binary.Size(unix.PerfEventAttr{}))}, -1, 0, -1, unix.PERF_FLAG_FD_CLOEXEC)
		if err != nil {
			return nil, fmt.Errorf("perf event: %w", err)
		}
		f := os.NewFile(uintptr(fd), "perf event")
		if err := unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_SET_BPF, p.FD()); err != nil {
			f.Close()
			return nil, fmt.Errorf("perf event: %w", err)
		}
		return f, nil
	},
	"lirc_mode2":     func(s *stage, p *ebpf.Program) (io.Closer, error) { return os.Open("/dev/lirc0") },
	"flow_dissector": attachNetNS, "sk_lookup": attachNetNS,
	"netfilter": func(s *stage, p *ebpf.Program) (io.Closer, error) {
		return link.AttachNetfilter(link.NetfilterOptions{Program: p, ProtocolFamily: link.NetfilterProtoIPv4, Hook: link.NetfilterInetLocalIn})
	},
}

func attachUprobe(s *stage, p *ebpf.Program) (io.Closer, error) {
	return s.exe.Uprobe("", p, &link.UprobeOptions{Address: s.symbol})
}

func attachUprobes(s *stage, p *ebpf.Program) (io.Closer, error) {
	return s.exe.UprobeMulti(nil, p, &link.UprobeMultiOptions{Addresses: []uint64{s.symbol}})
}

// attachUprobeSession creates the link itself: cilium/ebpf has no call for it.
func attachUprobeSession(s *stage, p *ebpf.Program) (io.Closer, error) {
	const linkCreate, session = 28, 57
	path, err := unix.BytePtrFromString("/proc/self/exe")
	if err != nil {
		return nil, err
	}
	attr := struct {
		prog, target, attach, flags     uint32
		path, offsets, counter, cookies unsafe.Pointer
		count, how, pid, pad            uint32
	}{prog: uint32(p.FD()), attach: session, path: unsafe.Pointer(path), offsets: unsafe.Pointer(&s.symbol), count: 1}
	fd, _, no := unix.Syscall(unix.SYS_BPF, linkCreate, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if no != 0 {
		return nil, no
	}
	return os.NewFile(fd, "uprobe session"), nil
}

// attachMulti attaches to functions of the kernel by their types: to two, of which only
// the first lets programs sleep.
func attachMulti(p *ebpf.Program, as ebpf.AttachType, sleepable bool) (io.Closer, error) {
	types, err := btf.LoadKernelSpec()
	if err != nil {
		return nil, err
	}
	names := []string{"bpf_fentry_test1", "bpf_fentry_test2"}
	if sleepable {
		names = names[:1]
	}
	ids := make([]uint32, len(names))
	for i, name := range names {
		found, err := types.AnyTypesByName(name)
		if err != nil {
			return nil, err
		}
		id, err := types.TypeID(found[0])
		if err != nil {
			return nil, err
		}
		ids[i] = uint32(id)
	}
	slices.Sort(ids)
	const linkCreate = 28
	attr := struct {
		prog, target, attach, flags uint32
		ids, cookies                unsafe.Pointer
		count, pad                  uint32
	}{prog: uint32(p.FD()), attach: uint32(as), ids: unsafe.Pointer(&ids[0]), count: uint32(len(ids))}
	fd, _, no := unix.Syscall(unix.SYS_BPF, linkCreate, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if no != 0 {
		return nil, no
	}
	return os.NewFile(fd, "tracing multi"), nil
}

func attachRaw(s *stage, p *ebpf.Program) (io.Closer, error) {
	return link.AttachRawTracepoint(link.RawTracepointOptions{Name: "sched_switch", Program: p})
}

func attachTraced(s *stage, p *ebpf.Program) (io.Closer, error) {
	return link.AttachTracing(link.TracingOptions{Program: p})
}

func attachNetNS(s *stage, p *ebpf.Program) (io.Closer, error) {
	ns, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	return link.AttachNetNs(int(ns.Fd()), p)
}

// withSocket makes a UDP socket, bound so that others may share its port.
func withSocket(use func(fd int) error) (io.Closer, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "socket")
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{})
	}
	if err == nil {
		err = use(fd)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func attachReuseport(s *stage, p *ebpf.Program) (io.Closer, error) {
	return withSocket(func(fd int) error {
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_EBPF, p.FD())
	})
}

// attachSockmap attaches to a map of sockets. A bare sk_skb leaves open as what.
func attachSockmap(name string, p *ebpf.Program, as ebpf.AttachType) (io.Closer, error) {
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.SockMap, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		return nil, fmt.Errorf("sockmap: %w", err)
	}
	if name == "sk_skb" {
		as = ebpf.AttachSkSKBStreamVerdict
	}
	if err := link.RawAttachProgram(link.RawAttachProgramOptions{Target: m.FD(), Program: p, Attach: as}); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// attachXDP attaches to the loopback device, or to what packets are redirected to
// through a map.
func (s *stage) attachXDP(name string, p *ebpf.Program) (io.Closer, error) {
	spec := &ebpf.MapSpec{KeySize: 4, ValueSize: 8, MaxEntries: 1}
	first := uint32(s.lo)
	switch {
	case strings.HasSuffix(name, "devmap"):
		spec.Type = ebpf.DevMap
	case strings.HasSuffix(name, "cpumap"):
		spec.Type, first = ebpf.CPUMap, 192 // packets that may wait
	default:
		return link.AttachXDP(link.XDPOptions{Program: p, Interface: s.lo, Flags: link.XDPGenericMode})
	}
	m, err := ebpf.NewMap(spec)
	if err != nil {
		return nil, fmt.Errorf("map: %w", err)
	}
	if err := m.Put(uint32(0), [2]uint32{first, uint32(p.FD())}); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// attachNetkit attaches to the primary device of a pair, which is made for it.
func (s *stage) attachNetkit(p *ebpf.Program, as ebpf.AttachType) (io.Closer, error) {
	const device = "primary" // the kernel names the peer
	ifi, err := net.InterfaceByName(device)
	if err != nil {
		if err := addLink("netkit", device); err != nil {
			return nil, fmt.Errorf("netkit device: %w", err)
		}
		if ifi, err = net.InterfaceByName(device); err != nil {
			return nil, err
		}
	}
	return link.AttachNetkit(link.NetkitOptions{Interface: ifi.Index, Program: p, Attach: as})
}
