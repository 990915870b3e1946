package loader

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// What has to be named.
const (
	anInterface = "the interface, as in bpf.xdp('eth0', fn)"
	aFunction   = "the function of the kernel"
	aSymbol     = "the function, as in '/bin/bash:readline'"
	aTracepoint = "the tracepoint"
	aRoute      = "the route, as in bpf.lwt_xmit('10.1.0.0/16 dev eth0', fn)"
)

// hooks are the places that programs attach to by themselves. Those of other
// types are called by programs, or by what an administrator sets up: actions of
// tc, routes (lwt), sockets (sk_reuseport).
var hooks = []hook{
	{typ: ebpf.SocketFilter, target: "the interface or a socket, as in bpf.socket('lo', fn)", attach: attachSocket},
	{typ: ebpf.XDP, sections: []string{"xdp", "xdp.frags"}, target: anInterface, attach: attachXDP},
	{typ: ebpf.SchedCLS, sections: []string{"netkit"}, target: anInterface, attach: attachNetkit},
	{typ: ebpf.SchedCLS, target: "the interface, as in bpf.tc('eth0', 'ingress', fn)", attach: attachTC},
	{typ: ebpf.Kprobe, sections: []string{"kprobe"}, inSection: true, target: aFunction, attach: attachKprobe},
	{typ: ebpf.Kprobe, sections: []string{"kretprobe"}, inSection: true, target: aFunction, attach: attachKprobe},
	{typ: ebpf.Kprobe, sections: []string{"ksyscall", "kretsyscall"}, inSection: true, target: "the system call", attach: attachSyscall},
	{typ: ebpf.Kprobe, sections: []string{"kprobe.multi", "kretprobe.multi", "kprobe.session"}, inSection: true, target: aFunction, attach: attachKprobeMulti},
	{typ: ebpf.Kprobe, sections: []string{"uprobe", "uretprobe"}, inSection: true, target: aSymbol, attach: attachUprobe},
	{typ: ebpf.Kprobe, sections: []string{"uprobe.multi", "uretprobe.multi"}, inSection: true, target: aSymbol, attach: attachUprobeMulti},
	{typ: ebpf.Kprobe, sections: []string{"uprobe.session"}, target: aSymbol, inSection: true, attach: attachUprobeSession},
	{typ: ebpf.Kprobe, sections: []string{"usdt"}, inSection: true, target: "the probe, as in '/usr/bin/x:provider:name'", attach: attachUSDT},
	{typ: ebpf.TracePoint, inSection: true, target: aTracepoint, attach: attachTracepoint},
	{typ: ebpf.RawTracepoint, inSection: true, target: aTracepoint, attach: attachRawTracepoint},
	{typ: ebpf.RawTracepointWritable, inSection: true, target: aTracepoint, attach: attachRawTracepoint},
	{typ: ebpf.Tracing, sections: []string{"iter"}, inSection: true, target: "what to iterate over", attach: attachIter},
	{typ: ebpf.Tracing, inSection: true, target: aFunction, attach: attachTracing},
	{typ: ebpf.LSM, sections: []string{"lsm"}, inSection: true, target: "the hook", attach: attachLSM},
	{typ: ebpf.LSM, sections: []string{"lsm_cgroup"}, inSection: true, target: "the hook", attach: attachCgroup},
	{typ: ebpf.PerfEvent, attach: attachPerfEvent},
	{typ: ebpf.CGroupSKB, attach: attachCgroup},
	{typ: ebpf.CGroupSock, attach: attachCgroup},
	{typ: ebpf.CGroupSockAddr, attach: attachCgroup},
	{typ: ebpf.CGroupDevice, attach: attachCgroup},
	{typ: ebpf.CGroupSysctl, attach: attachCgroup},
	{typ: ebpf.CGroupSockopt, attach: attachCgroup},
	{typ: ebpf.SockOps, attach: attachCgroup},
	{typ: ebpf.SkLookup, attach: attachNetns},
	{typ: ebpf.FlowDissector, attach: attachNetns},
	{typ: ebpf.SkSKB, target: "the sockmap", attach: attachSockmap},
	{typ: ebpf.SkMsg, target: "the sockmap", attach: attachSockmap},
	{typ: ebpf.Netfilter, attach: attachNetfilter},
	{typ: ebpf.Extension, attach: attachFreplace},
	{typ: ebpf.LWTIn, target: aRoute, attach: attachRoute},
	{typ: ebpf.LWTOut, target: aRoute, attach: attachRoute},
	{typ: ebpf.LWTXmit, target: aRoute, attach: attachRoute},
	{typ: ebpf.LWTSeg6Local, target: aRoute, attach: attachRoute},
}

// iface is the interface of that name or number.
func (a *attachment) iface() (*Interface, error) {
	all, err := Interfaces()
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range all {
		if all[i].Name == a.Name {
			return &all[i], nil
		}
		names = append(names, all[i].Name)
	}
	if n, e := strconv.Atoi(a.Name); e == nil {
		for i := range all {
			if all[i].Index == n {
				return &all[i], nil
			}
		}
	}
	return nil, fmt.Errorf("there is no interface '%s'; there are %s", a.Name, strings.Join(names, ", "))
}

// attachSocket attaches to a packet socket of our own on an interface, or to the
// socket that a number names.
func attachSocket(a *attachment) (io.Closer, error) {
	if fd, err := strconv.Atoi(a.Name); err == nil {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ATTACH_BPF, a.prog.FD()); err != nil {
			return nil, fmt.Errorf("file descriptor %d: %w", fd, err)
		}
		return detached(func() error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_BPF, 0) }), nil
	}
	ifi, err := a.iface()
	if err != nil {
		return nil, err
	}
	return packetSocket(a.prog, ifi.Index)
}

// detached is an attachment that a function ends.
type detached func() error

func (d detached) Close() error { return d() }

// standing is an attachment that a function ends, and nothing else does: the end
// of the process leaves it.
type standing func() error

func (s standing) Close() error { return s() }

// attachXDP attaches in the driver where it can, else in generic mode.
func attachXDP(a *attachment) (io.Closer, error) {
	ifi, err := a.iface()
	if err != nil {
		return nil, err
	}
	return linkXDP(a.prog, ifi, link.XDPAttachFlags(a.Flags))
}

func linkXDP(p *ebpf.Program, ifi *Interface, flags link.XDPAttachFlags) (io.Closer, error) {
	l, err := link.AttachXDP(link.XDPOptions{Program: p, Interface: ifi.Index, Flags: flags})
	if err != nil && flags == 0 && !errors.Is(err, unix.EBUSY) && !errors.Is(err, unix.EEXIST) && !errors.Is(err, fs.ErrPermission) {
		l, err = link.AttachXDP(link.XDPOptions{Program: p, Interface: ifi.Index, Flags: link.XDPGenericMode})
	}
	switch {
	case errors.Is(err, unix.EBUSY), errors.Is(err, unix.EEXIST):
		return nil, xdpTaken(ifi, err)
	case errors.Is(err, fs.ErrPermission):
		return nil, &AccessError{Missing: "attaching XDP needs CAP_NET_ADMIN: run as root", Cause: err}
	case err != nil:
		return nil, err
	}
	return l, nil
}

func attachNetkit(a *attachment) (io.Closer, error) {
	ifi, err := a.iface()
	if err != nil {
		return nil, err
	}
	return link.AttachNetkit(link.NetkitOptions{Interface: ifi.Index, Program: a.prog, Attach: a.spec.AttachType})
}

func attachKprobe(a *attachment) (io.Closer, error) {
	a.everyProcess()
	mountTracing()
	sym, off := symbolOffset(a.Name)
	opts := &link.KprobeOptions{Offset: off}
	probe := link.Kprobe
	if a.first == "kretprobe" {
		probe = link.Kretprobe
	}
	l, err := probe(sym, a.prog, opts)
	if err != nil {
		return nil, probeError(sym, err)
	}
	return l, nil
}

// probeError explains why a function of the kernel can't be probed.
func probeError(sym string, err error) error {
	exists := func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	}
	here := exists("/sys/bus/event_source/devices/kprobe")
	for _, dir := range traceDirs {
		here = here || exists(dir+"/kprobe_events")
	}
	if !here {
		return errors.New("this kernel was built without probes in the kernel (CONFIG_KPROBES, CONFIG_KPROBE_EVENTS): a tracepoint may do")
	}
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("the kernel has no function '%s' that can be probed: %w", sym, err)
	}
	return err
}

func attachSyscall(a *attachment) (io.Closer, error) {
	a.everyProcess()
	mountTracing()
	probe := link.Kprobe
	if a.first == "kretsyscall" {
		probe = link.Kretprobe
	}
	name := "sys_" + strings.TrimPrefix(a.Name, "sys_")
	l, err := probe(name, a.prog, nil) // which becomes __x64_sys_... where it must
	if err != nil {
		return nil, probeError(name, err)
	}
	return l, nil
}

func attachKprobeMulti(a *attachment) (io.Closer, error) {
	opts := link.KprobeMultiOptions{Session: a.first == "kprobe.session"}
	if opts.Symbols = strings.Split(a.Name, ","); strings.ContainsAny(a.Name, "*?") {
		var err error
		if opts.Symbols, err = matching(a.Name); err != nil {
			return nil, err
		}
	}
	if a.first == "kretprobe.multi" {
		return link.KretprobeMulti(a.prog, opts)
	}
	return link.KprobeMulti(a.prog, opts)
}

// matching lists the functions that can be probed and match a pattern.
func matching(pattern string) (names []string, err error) {
	for _, dir := range []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"} {
		var text []byte
		if text, err = os.ReadFile(dir + "/available_filter_functions"); err != nil {
			continue
		}
		for l := range strings.Lines(string(text)) {
			name, module, _ := strings.Cut(strings.TrimSpace(l), " ")
			if module == "" && matches(pattern, name) {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		names = slices.Compact(names)
		if len(names) == 0 {
			return nil, fmt.Errorf("no function of the kernel matches '%s'", pattern)
		}
		return names, nil
	}
	return nil, err
}

func attachTracepoint(a *attachment) (io.Closer, error) {
	a.everyProcess()
	mountTracing()
	group, name, _ := strings.Cut(a.Name, "/")
	l, err := link.Tracepoint(group, name, a.prog, nil)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("the kernel has no such tracepoint; /sys/kernel/tracing/events lists them: %w", err)
	}
	return l, err
}

func attachRawTracepoint(a *attachment) (io.Closer, error) {
	l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: a.Name, Program: a.prog})
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("the kernel has no such tracepoint; /sys/kernel/tracing/events lists them: %w", err)
	}
	return l, err
}

func attachTracing(a *attachment) (io.Closer, error) {
	return link.AttachTracing(link.TracingOptions{Program: a.prog, AttachType: a.spec.AttachType})
}

func attachLSM(a *attachment) (io.Closer, error) {
	l, err := link.AttachLSM(link.LSMOptions{Program: a.prog})
	if err == nil && !slices.Contains(strings.Split(setting("/sys/kernel/security/lsm"), ","), "bpf") {
		a.note("'%s' is attached, but nothing calls it: the kernel was started without 'bpf' among its security modules (lsm=...,bpf)", a.spec.Name)
	}
	return l, err
}

func attachIter(a *attachment) (io.Closer, error) {
	return link.AttachIter(link.IterOptions{Program: a.prog})
}

// attachCgroup attaches to the cgroup of a path, to the root of all by default.
func attachCgroup(a *attachment) (io.Closer, error) {
	dir := a.Path
	if dir == "" {
		dir = cgroupRoot()
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("there is no cgroup '%s': %w", dir, err)
	}
	l, err := link.AttachCgroup(link.CgroupOptions{Path: dir, Attach: a.spec.AttachType, Program: a.prog})
	if err != nil {
		return nil, cgroupTaken(dir, a.spec.AttachType, err)
	}
	return l, nil
}

// cgroupRoot is where cgroups of version 2 are mounted.
func cgroupRoot() string {
	text, err := os.ReadFile("/proc/self/mounts")
	if err == nil {
		for l := range strings.Lines(string(text)) {
			if f := strings.Fields(l); len(f) > 2 && f[2] == "cgroup2" {
				return f[1]
			}
		}
	}
	return "/sys/fs/cgroup"
}

// attachNetns attaches to the network namespace of a path, by default to ours.
func attachNetns(a *attachment) (io.Closer, error) {
	name := a.Path
	if name == "" {
		name = "/proc/thread-self/ns/net"
	}
	ns, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	l, err := link.AttachNetNs(int(ns.Fd()), a.prog)
	if err != nil {
		return nil, netnsTaken(name, ns, a.spec.AttachType, err)
	}
	return l, nil
}

// attachSockmap attaches to the map of sockets with that name in the object.
func attachSockmap(a *attachment) (io.Closer, error) {
	var m *ebpf.Map
	if strings.Contains(a.Name, "/") {
		var err error
		if m, err = ebpf.LoadPinnedMap(a.Name, nil); err != nil {
			return nil, err
		}
	} else if a.obj.coll != nil {
		m = a.obj.coll.Maps[a.Name]
	}
	if m == nil {
		return nil, fmt.Errorf("there is no map '%s' in the object; it has %s", a.Name, strings.Join(a.obj.Maps(), ", "))
	}
	opts := link.RawAttachProgramOptions{Target: m.FD(), Program: a.prog, Attach: a.spec.AttachType}
	if err := link.RawAttachProgram(opts); err != nil {
		return nil, err
	}
	return standing(func() error {
		return link.RawDetachProgram(link.RawDetachProgramOptions{Target: m.FD(), Program: a.prog, Attach: a.spec.AttachType})
	}), nil
}

// attachFreplace puts the program in the place of the function it was loaded for.
func attachFreplace(a *attachment) (io.Closer, error) {
	return link.AttachFreplace(nil, "", a.prog)
}

// matches reports whether a name matches a pattern of '*', '?' and '[...]'.
func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil || pattern == name
}

// ReadIter reads all that an attached iterator has to say.
func ReadIter(c io.Closer) (string, error) {
	if l, ok := c.(*attached); ok {
		c = l.Closer
	}
	it, ok := c.(*link.Iter)
	if !ok {
		return "", errors.New("the program is no iterator")
	}
	r, err := it.Open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	return string(text), err
}
