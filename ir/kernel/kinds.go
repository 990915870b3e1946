package kernel

import "slices"

// ProgType is the kernel's type of a program: enum bpf_prog_type.
type ProgType int

// The types of programs.
const (
	SocketFilter  ProgType = 1
	Kprobe        ProgType = 2
	SchedCls      ProgType = 3
	SchedAct      ProgType = 4
	Tracepoint    ProgType = 5
	XDP           ProgType = 6
	PerfEvent     ProgType = 7
	CgroupSkb     ProgType = 8
	CgroupSock    ProgType = 9
	LwtIn         ProgType = 10
	LwtOut        ProgType = 11
	LwtXmit       ProgType = 12
	SockOps       ProgType = 13
	SkSkb         ProgType = 14
	CgroupDevice  ProgType = 15
	SkMsg         ProgType = 16
	RawTracepoint ProgType = 17
	CgroupAddr    ProgType = 18
	LwtSeg6local  ProgType = 19
	LircMode2     ProgType = 20
	SkReuseport   ProgType = 21
	FlowDissector ProgType = 22
	CgroupSysctl  ProgType = 23
	RawTPWritable ProgType = 24
	CgroupSockopt ProgType = 25
	Tracing       ProgType = 26
	StructOps     ProgType = 27
	Ext           ProgType = 28
	LSM           ProgType = 29
	SkLookup      ProgType = 30
	Syscall       ProgType = 31
	Netfilter     ProgType = 32
)

// progTypes are the names of the types, as bpftool has them, by number.
var progTypes = [...]string{
	SocketFilter: "socket_filter", Kprobe: "kprobe", SchedCls: "sched_cls", SchedAct: "sched_act",
	Tracepoint: "tracepoint", XDP: "xdp", PerfEvent: "perf_event", CgroupSkb: "cgroup_skb", CgroupSock: "cgroup_sock",
	LwtIn: "lwt_in", LwtOut: "lwt_out", LwtXmit: "lwt_xmit", SockOps: "sock_ops", SkSkb: "sk_skb",
	CgroupDevice: "cgroup_device", SkMsg: "sk_msg", RawTracepoint: "raw_tracepoint", CgroupAddr: "cgroup_sock_addr",
	LwtSeg6local: "lwt_seg6local", LircMode2: "lirc_mode2", SkReuseport: "sk_reuseport",
	FlowDissector: "flow_dissector", CgroupSysctl: "cgroup_sysctl", RawTPWritable: "raw_tracepoint_writable",
	CgroupSockopt: "cgroup_sockopt", Tracing: "tracing", StructOps: "struct_ops", Ext: "ext", LSM: "lsm",
	SkLookup: "sk_lookup", Syscall: "syscall", Netfilter: "netfilter",
}

// NeedsPerfmon reports whether only processes with CAP_PERFMON may load programs
// of the type.
func (t ProgType) NeedsPerfmon() bool {
	switch t {
	case Kprobe, Tracepoint, PerfEvent, RawTracepoint, RawTPWritable, Tracing, LSM, StructOps, Ext:
		return true
	}
	return false
}

// String returns the type's name as bpftool writes it: "sched_cls".
func (t ProgType) String() string {
	if t > 0 && int(t) < len(progTypes) {
		return progTypes[t]
	}
	return "unspec"
}

// Results that the verifier wants (check_return_code of the kernel's verifier).
var (
	ret0    = &Bounds{0, 0}
	ret1    = &Bounds{1, 1}
	ret01   = &Bounds{0, 1}
	ret03   = &Bounds{0, 3}
	retHook = &Bounds{-4095, 0} // of a security hook that returns int
)

// ProgKinds are the kinds of programs, in the order of libbpf's table. Sources:
// libbpf's section_defs; the verifier's check_return_code; the UAPI header.
var ProgKinds = slices.Concat(socketKinds, probeKinds, tcKinds, traceKinds, xdpKinds, lwtKinds, streamKinds,
	cgroupKinds, addrKinds, otherKinds)

var socketKinds = []*ProgKind{
	{Name: "socket", Section: "socket", Type: SocketFilter, Ctx: skBuff, user: skbSocket, Packet: SkbLoad, Origin: Link,
		DefaultName: "0", First: Version{3, 19}},
	{Name: "sk_reuseport_migrate", Section: "sk_reuseport/migrate", Type: SkReuseport, Attach: 40, Ctx: reuseport, user: anyUser,
		Packet: SkbHelper, Origin: Transport, Default: 1, DefaultName: "SK_PASS", First: Version{5, 14}},
	{Name: "sk_reuseport", Section: "sk_reuseport", Type: SkReuseport, Attach: 39, Ctx: reuseport, user: anyUser,
		Packet: SkbHelper, Origin: Transport, Default: 1, DefaultName: "SK_PASS", First: Version{4, 19}},
}

var probeKinds = []*ProgKind{
	{Name: "kprobe", Section: "kprobe", Target: OptionalTarget, Type: Kprobe, Ctx: ptRegs, DefaultName: "0", First: Version{4, 1}},
	{Name: "uprobe", Section: "uprobe", Target: OptionalTarget, Type: Kprobe, Ctx: ptRegs, Sleepable: Version{6, 0}, DefaultName: "0", First: Version{4, 1}},
	{Name: "kretprobe", Section: "kretprobe", Target: OptionalTarget, Type: Kprobe, Ctx: ptRegs, DefaultName: "0", First: Version{4, 1}},
	{Name: "uretprobe", Section: "uretprobe", Target: OptionalTarget, Type: Kprobe, Ctx: ptRegs, Sleepable: Version{6, 0}, DefaultName: "0", First: Version{4, 1}},
	{Name: "kprobe_multi", Section: "kprobe.multi", Target: OptionalTarget, Type: Kprobe, Attach: 42, Ctx: ptRegs, DefaultName: "0", First: Version{5, 18}},
	{Name: "kretprobe_multi", Section: "kretprobe.multi", Target: OptionalTarget, Type: Kprobe, Attach: 42, Ctx: ptRegs, DefaultName: "0", First: Version{5, 18}},
	{Name: "kprobe_session", Section: "kprobe.session", Target: OptionalTarget, Type: Kprobe, Attach: 56, Ctx: ptRegs, Ret: ret01, DefaultName: "0", First: Version{6, 10}},
	{Name: "uprobe_multi", Section: "uprobe.multi", Target: OptionalTarget, Type: Kprobe, Attach: 48, Ctx: ptRegs, Sleepable: Version{6, 6}, DefaultName: "0", First: Version{6, 6}},
	{Name: "uretprobe_multi", Section: "uretprobe.multi", Target: OptionalTarget, Type: Kprobe, Attach: 48, Ctx: ptRegs, Sleepable: Version{6, 6}, DefaultName: "0", First: Version{6, 6}},
	{Name: "uprobe_session", Section: "uprobe.session", Target: OptionalTarget, Type: Kprobe, Attach: 57, Ctx: ptRegs, Sleepable: Version{6, 13}, Ret: ret01, DefaultName: "0", First: Version{6, 13}},
	{Name: "ksyscall", Section: "ksyscall", Target: OptionalTarget, Type: Kprobe, Ctx: ptRegs, DefaultName: "0", First: Version{4, 1}},
	{Name: "kretsyscall", Section: "kretsyscall", Target: OptionalTarget, Type: Kprobe, Ctx: ptRegs, DefaultName: "0", First: Version{4, 1}},
	{Name: "usdt", Section: "usdt", Target: OptionalTarget, Type: Kprobe, Ctx: ptRegs, Sleepable: Version{6, 0}, DefaultName: "0", First: Version{4, 1}},
}

var tcKinds = []*ProgKind{
	{Name: "tcx_ingress", Section: "tcx/ingress", Aliases: []string{"tc/ingress"}, Type: SchedCls, Attach: 46, Ctx: skBuff, user: skbTC,
		Packet: DirectPull, Origin: Link, Default: -1, DefaultName: "TC_ACT_UNSPEC", First: Version{6, 6}},
	{Name: "tcx_egress", Section: "tcx/egress", Aliases: []string{"tc/egress"}, Type: SchedCls, Attach: 47, Ctx: skBuff, user: skbTC,
		Packet: DirectPull, Origin: Link, Default: -1, DefaultName: "TC_ACT_UNSPEC", First: Version{6, 6}},
	{Name: "tc", Section: "tc", Aliases: []string{"classifier"}, Type: SchedCls, Ctx: skBuff, user: skbTC,
		Packet: DirectPull, Origin: Link, Default: -1, DefaultName: "TC_ACT_UNSPEC", First: Version{4, 1}},
	{Name: "action", Section: "action", Type: SchedAct, Ctx: skBuff, user: skbTC,
		Packet: DirectPull, Origin: Link, Default: -1, DefaultName: "TC_ACT_UNSPEC", First: Version{4, 1}},
	{Name: "netkit_primary", Section: "netkit/primary", Type: SchedCls, Attach: 54, Ctx: skBuff, user: skbTC,
		Packet: DirectPull, Origin: Link, Default: -1, DefaultName: "TC_ACT_UNSPEC", First: Version{6, 7}},
	{Name: "netkit_peer", Section: "netkit/peer", Type: SchedCls, Attach: 55, Ctx: skBuff, user: skbTC,
		Packet: DirectPull, Origin: Link, Default: -1, DefaultName: "TC_ACT_UNSPEC", First: Version{6, 7}},
}

var traceKinds = []*ProgKind{
	{Name: "tracepoint", Section: "tracepoint", Aliases: []string{"tp"}, Target: OptionalTarget, Type: Tracepoint, Sleepable: Version{7, 2}, Ctx: opaque, DefaultName: "0", First: Version{4, 7}},
	{Name: "raw_tracepoint", Section: "raw_tp", Aliases: []string{"raw_tracepoint"}, Target: OptionalTarget, Type: RawTracepoint, Sleepable: Version{7, 2}, Ctx: rawArgs, DefaultName: "0", First: Version{4, 17}},
	{Name: "raw_tracepoint_w", Section: "raw_tp.w", Aliases: []string{"raw_tracepoint.w"}, Target: OptionalTarget, Type: RawTPWritable, Ctx: rawArgs, DefaultName: "0", First: Version{5, 2}},
	{Name: "tp_btf", Section: "tp_btf", Target: NeedsTarget, Type: Tracing, Attach: 23, Sleepable: Version{7, 2}, Ctx: opaque, DefaultName: "0", First: Version{5, 5}},
	{Name: "fentry", Section: "fentry", Target: NeedsTarget, Type: Tracing, Attach: 24, Sleepable: Version{5, 10}, Ctx: opaque, Ret: ret0, DefaultName: "0", First: Version{5, 5}},
	{Name: "fmod_ret", Section: "fmod_ret", Target: NeedsTarget, Type: Tracing, Attach: 26, Sleepable: Version{5, 10}, Ctx: opaque, DefaultName: "0", First: Version{5, 7}},
	{Name: "fexit", Section: "fexit", Target: NeedsTarget, Type: Tracing, Attach: 25, Sleepable: Version{5, 10}, Ctx: opaque, Ret: ret0, DefaultName: "0", First: Version{5, 5}},
	{Name: "fsession", Section: "fsession", Target: NeedsTarget, Type: Tracing, Attach: 58, Sleepable: Version{7, 0}, Ctx: opaque, Ret: ret01, DefaultName: "0", First: Version{7, 0}},
	// Attached to many functions at once, of whose arguments they see none.
	{Name: "fentry_multi", Section: "fentry.multi", Target: OptionalTarget, Type: Tracing, Attach: 59, Sleepable: Version{7, 2}, Ctx: opaque, Ret: ret0, DefaultName: "0", First: Version{7, 2}},
	{Name: "fexit_multi", Section: "fexit.multi", Target: OptionalTarget, Type: Tracing, Attach: 60, Sleepable: Version{7, 2}, Ctx: opaque, Ret: ret0, DefaultName: "0", First: Version{7, 2}},
	{Name: "fsession_multi", Section: "fsession.multi", Target: OptionalTarget, Type: Tracing, Attach: 61, Sleepable: Version{7, 2}, Ctx: opaque, Ret: ret01, DefaultName: "0", First: Version{7, 2}},
	{Name: "freplace", Section: "freplace", Target: NeedsTarget, Type: Ext, Ctx: opaque, DefaultName: "0", First: Version{5, 6}},
	{Name: "lsm", Section: "lsm", Target: NeedsTarget, Type: LSM, Attach: 27, Sleepable: Version{5, 11}, Ctx: opaque, Ret: retHook, DefaultName: "0", First: Version{5, 7}},
	{Name: "lsm_cgroup", Section: "lsm_cgroup", Target: NeedsTarget, Type: LSM, Attach: 43, Ctx: opaque, Ret: ret01, Default: 1, DefaultName: "1", First: Version{6, 0}},
	{Name: "iter", Section: "iter", Target: NeedsTarget, Type: Tracing, Attach: 28, Sleepable: Version{5, 18}, Ctx: opaque, Ret: ret01, DefaultName: "0", First: Version{5, 8}},
	// Loaded sleepable, without a section of its own for it.
	{Name: "syscall", Section: "syscall", Type: Syscall, Ctx: opaque, DefaultName: "0", First: Version{5, 14}},
}

var xdpKinds = []*ProgKind{
	{Name: "xdp_frags_devmap", Section: "xdp.frags/devmap", Type: XDP, Attach: 33, Ctx: xdpMd, user: xdpDevmap, Origin: Link, Default: 2, DefaultName: "XDP_PASS", First: Version{5, 18}},
	{Name: "xdp_devmap", Section: "xdp/devmap", Type: XDP, Attach: 33, Ctx: xdpMd, user: xdpDevmap, Packet: Direct, Origin: Link, Default: 2, DefaultName: "XDP_PASS", First: Version{5, 8}},
	{Name: "xdp_frags_cpumap", Section: "xdp.frags/cpumap", Type: XDP, Attach: 35, Ctx: xdpMd, user: xdpPlain, Origin: Link, Default: 2, DefaultName: "XDP_PASS", First: Version{5, 18}},
	{Name: "xdp_cpumap", Section: "xdp/cpumap", Type: XDP, Attach: 35, Ctx: xdpMd, user: xdpPlain, Packet: Direct, Origin: Link, Default: 2, DefaultName: "XDP_PASS", First: Version{5, 9}},
	{Name: "xdp_frags", Section: "xdp.frags", Type: XDP, Attach: 37, Ctx: xdpMd, user: xdpPlain, Origin: Link, Default: 2, DefaultName: "XDP_PASS", First: Version{5, 18}},
	{Name: "xdp", Section: "xdp", Type: XDP, Attach: 37, Ctx: xdpMd, user: xdpPlain, Packet: Direct, Origin: Link, Default: 2, DefaultName: "XDP_PASS", First: Version{4, 8}},
}

var lwtKinds = []*ProgKind{
	{Name: "perf_event", Section: "perf_event", Type: PerfEvent, Ctx: perfEventData, DefaultName: "0", First: Version{4, 9}},
	{Name: "lwt_in", Section: "lwt_in", Type: LwtIn, Ctx: skBuff, user: skbLwt, Packet: SkbHelper, Origin: Network, DefaultName: "BPF_OK", First: Version{4, 10}},
	{Name: "lwt_out", Section: "lwt_out", Type: LwtOut, Ctx: skBuff, user: skbLwt, Packet: SkbHelper, Origin: Network, DefaultName: "BPF_OK", First: Version{4, 10}},
	{Name: "lwt_xmit", Section: "lwt_xmit", Type: LwtXmit, Ctx: skBuff, user: skbLwt, Packet: DirectPull, Origin: Network, DefaultName: "BPF_OK", First: Version{4, 10}},
	{Name: "lwt_seg6local", Section: "lwt_seg6local", Type: LwtSeg6local, Ctx: skBuff, user: skbLwt, Packet: SkbHelper, Origin: Network, DefaultName: "BPF_OK", First: Version{4, 18}},
}

var streamKinds = []*ProgKind{
	{Name: "sock_ops", Section: "sockops", Type: SockOps, Attach: 3, Ctx: sockOps, user: anyUser, Ret: ret01, Default: 1, DefaultName: "1", First: Version{4, 13}},
	{Name: "sk_skb_stream_parser", Section: "sk_skb/stream_parser", Type: SkSkb, Attach: 4, Ctx: skBuff, user: skbStream, Packet: DirectPull, Origin: Transport, DefaultName: "0", First: Version{4, 14}},
	{Name: "sk_skb_stream_verdict", Section: "sk_skb/stream_verdict", Type: SkSkb, Attach: 5, Ctx: skBuff, user: skbStream, Packet: DirectPull, Origin: Transport, Default: 1, DefaultName: "SK_PASS", First: Version{4, 14}},
	{Name: "sk_skb_verdict", Section: "sk_skb/verdict", Type: SkSkb, Attach: 38, Ctx: skBuff, user: skbStream, Packet: DirectPull, Origin: Transport, Default: 1, DefaultName: "SK_PASS", First: Version{5, 13}},
	{Name: "sk_skb", Section: "sk_skb", Type: SkSkb, Ctx: skBuff, user: skbStream, Packet: DirectPull, Origin: Transport, Default: 1, DefaultName: "SK_PASS", First: Version{4, 14}},
	{Name: "sk_msg", Section: "sk_msg", Type: SkMsg, Attach: 7, Ctx: skMsg, user: anyUser, Origin: Transport, Default: 1, DefaultName: "SK_PASS", First: Version{4, 17}},
	{Name: "lirc_mode2", Section: "lirc_mode2", Type: LircMode2, Attach: 16, Ctx: lircSample, DefaultName: "0", First: Version{4, 18}},
	{Name: "flow_dissector", Section: "flow_dissector", Type: FlowDissector, Attach: 17, Ctx: skBuff, user: skbDissector, Packet: SkbHelper, Origin: Network, DefaultName: "BPF_OK", First: Version{4, 20}},
}

// A cgroup's verdict 1 lets the operation happen, 0 refuses it.
var cgroupKinds = []*ProgKind{
	{Name: "cgroup_skb_ingress", Section: "cgroup_skb/ingress", Type: CgroupSkb, Attach: 0, Ctx: skBuff, user: skbCgroup, Packet: SkbHelper, Origin: Network, Ret: ret01, Default: 1, DefaultName: "1", First: Version{4, 10}},
	{Name: "cgroup_skb_egress", Section: "cgroup_skb/egress", Type: CgroupSkb, Attach: 1, Ctx: skBuff, user: skbCgroup, Packet: SkbHelper, Origin: Network, Ret: ret03, Default: 1, DefaultName: "1", First: Version{4, 10}},
	{Name: "cgroup_skb", Section: "cgroup/skb", Type: CgroupSkb, Ctx: skBuff, user: skbCgroup, Packet: SkbHelper, Origin: Network, Ret: ret01, Default: 1, DefaultName: "1", First: Version{4, 10}},
	{Name: "cgroup_sock_create", Section: "cgroup/sock_create", Type: CgroupSock, Attach: 2, Ctx: bpfSock, user: sockCreate, Ret: ret01, Default: 1, DefaultName: "1", First: Version{4, 10}},
	{Name: "cgroup_sock_release", Section: "cgroup/sock_release", Type: CgroupSock, Attach: 34, Ctx: bpfSock, user: sockCreate, Ret: ret01, Default: 1, DefaultName: "1", First: Version{5, 9}},
	{Name: "cgroup_sock", Section: "cgroup/sock", Type: CgroupSock, Attach: 2, Ctx: bpfSock, user: sockCreate, Ret: ret01, Default: 1, DefaultName: "1", First: Version{4, 10}},
	{Name: "cgroup_post_bind4", Section: "cgroup/post_bind4", Type: CgroupSock, Attach: 12, Ctx: bpfSock, user: sockBind4, Ret: ret01, Default: 1, DefaultName: "1", First: Version{4, 17}},
	{Name: "cgroup_post_bind6", Section: "cgroup/post_bind6", Type: CgroupSock, Attach: 13, Ctx: bpfSock, user: sockBind6, Ret: ret01, Default: 1, DefaultName: "1", First: Version{4, 17}},
	{Name: "cgroup_sysctl", Section: "cgroup/sysctl", Type: CgroupSysctl, Attach: 18, Ctx: sysctl, user: anyUser, Ret: ret01, Default: 1, DefaultName: "1", First: Version{5, 2}},
	{Name: "cgroup_getsockopt", Section: "cgroup/getsockopt", Type: CgroupSockopt, Attach: 21, Ctx: sockopt, user: optGet, Ret: ret01, Default: 1, DefaultName: "1", First: Version{5, 3}},
	{Name: "cgroup_setsockopt", Section: "cgroup/setsockopt", Type: CgroupSockopt, Attach: 22, Ctx: sockopt, user: optSet, Ret: ret01, Default: 1, DefaultName: "1", First: Version{5, 3}},
	{Name: "cgroup_dev", Section: "cgroup/dev", Type: CgroupDevice, Attach: 6, Ctx: deviceCtx, user: anyUser, Ret: ret01, Default: 1, DefaultName: "1", First: Version{4, 15}},
}

// addrKinds are the hooks of addresses of sockets.
var addrKinds = []*ProgKind{
	addrKind("bind4", 8, addr4, ret03, Version{4, 17}),
	addrKind("bind6", 9, addr6, ret03, Version{4, 17}),
	addrKind("connect4", 10, addr4, ret01, Version{4, 17}),
	addrKind("connect6", 11, addr6, ret01, Version{4, 17}),
	addrKind("connect_unix", 49, addrUnix, ret01, Version{6, 7}),
	addrKind("sendmsg4", 14, addr4|addrSend4, ret01, Version{4, 18}),
	addrKind("sendmsg6", 15, addr6|addrSend6, ret01, Version{4, 18}),
	addrKind("sendmsg_unix", 50, addrUnix, ret01, Version{6, 7}),
	addrKind("recvmsg4", 19, addr4, ret1, Version{5, 2}),
	addrKind("recvmsg6", 20, addr6, ret1, Version{5, 2}),
	addrKind("recvmsg_unix", 51, addrUnix, ret1, Version{6, 7}),
	addrKind("getpeername4", 29, addr4, ret1, Version{5, 8}),
	addrKind("getpeername6", 30, addr6, ret1, Version{5, 8}),
	addrKind("getpeername_unix", 52, addrUnix, ret1, Version{6, 7}),
	addrKind("getsockname4", 31, addr4, ret1, Version{5, 8}),
	addrKind("getsockname6", 32, addr6, ret1, Version{5, 8}),
	addrKind("getsockname_unix", 53, addrUnix, ret1, Version{6, 7}),
}

func addrKind(hook string, attach int, user users, ret *Bounds, first Version) *ProgKind {
	return &ProgKind{Name: "cgroup_" + hook, Section: "cgroup/" + hook, Type: CgroupAddr, Attach: attach, Ctx: sockAddr, user: user,
		Ret: ret, Default: 1, DefaultName: "1", First: first}
}

var otherKinds = []*ProgKind{
	{Name: "struct_ops", Section: "struct_ops", Target: NeedsTarget, Type: StructOps, Sleepable: Version{6, 2}, Ctx: opaque, DefaultName: "0", First: Version{5, 6}},
	{Name: "sk_lookup", Section: "sk_lookup", Type: SkLookup, Attach: 36, Ctx: skLookup, user: anyUser, Ret: ret01, Default: 1, DefaultName: "SK_PASS", First: Version{5, 9}},
	{Name: "netfilter", Section: "netfilter", Type: Netfilter, Attach: 45, Ctx: netfilterCtx, user: anyUser, Packet: SkbDynptr, Origin: Network, Ret: ret01, Default: 1, DefaultName: "NF_ACCEPT", First: Version{6, 4}},
}
