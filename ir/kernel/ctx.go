package kernel

// users is a set of kinds of programs that share a context but not the right to
// all of its members. A kind is one or more of its context's users.
type users uint8

// anyUser is for contexts that all programs may use alike.
const anyUser users = 1

// Users of struct __sk_buff.
const (
	skbSocket users = 1 << iota
	skbTC
	skbCgroup
	skbLwt
	skbStream
	skbDissector
	skbAll = skbSocket | skbTC | skbCgroup | skbLwt | skbStream // a dissector reads what names it only
)

// Users of struct xdp_md.
const (
	xdpPlain users = 1 << iota
	xdpDevmap
)

// Users of struct bpf_sock as a context.
const (
	sockCreate users = 1 << iota // and release
	sockBind4
	sockBind6
)

// Users of struct bpf_sock_addr.
const (
	addr4 users = 1 << iota
	addr6
	addrUnix
	addrSend4
	addrSend6
)

// Users of struct bpf_sockopt.
const (
	optGet users = 1 << iota
	optSet
)

// skBuff is struct __sk_buff of UAPI linux/bpf.h; rights from the functions
// *_is_valid_access of net/core/filter.c.
var skBuff = &Ctx{Name: "struct __sk_buff", Size: 192, Fields: []CtxField{
	{Name: "len", Off: 0, Size: 4, read: skbAll},
	{Name: "pkt_type", Off: 4, Size: 4, read: skbAll},
	{Name: "mark", Off: 8, Size: 4, read: skbAll &^ skbStream, write: skbTC | skbCgroup | skbLwt},
	{Name: "queue_mapping", Off: 12, Size: 4, Keeps: 16, read: skbAll, write: skbTC},
	{Name: "protocol", Off: 16, Size: 4, BE: 16, read: skbAll},
	{Name: "vlan_present", Off: 20, Size: 4, read: skbAll},
	{Name: "vlan_tci", Off: 24, Size: 4, read: skbAll},
	{Name: "vlan_proto", Off: 28, Size: 4, BE: 16, read: skbAll},
	{Name: "priority", Off: 32, Size: 4, read: skbAll, write: skbTC | skbCgroup | skbLwt | skbStream},
	{Name: "ingress_ifindex", Off: 36, Size: 4, read: skbAll},
	{Name: "ifindex", Off: 40, Size: 4, read: skbAll},
	{Name: "tc_index", Off: 44, Size: 4, Keeps: 16, read: skbAll, write: skbTC | skbStream},
	{Name: "cb", Off: 48, Size: 4, Len: 5, read: skbAll, write: skbSocket | skbTC | skbCgroup | skbLwt},
	{Name: "hash", Off: 68, Size: 4, read: skbAll},
	{Name: "tc_classid", Off: 72, Size: 4, Keeps: 16, read: skbTC, write: skbTC},
	{Name: "data", Off: 76, Size: 4, Kind: PacketStart, read: skbAll&^skbSocket | skbDissector},
	{Name: "data_end", Off: 80, Size: 4, Kind: PacketEnd, read: skbAll&^skbSocket | skbDissector},
	{Name: "napi_id", Off: 84, Size: 4, read: skbAll},
	{Name: "family", Off: 88, Size: 4, read: skbCgroup | skbStream},
	{Name: "remote_ip4", Off: 92, Size: 4, BE: 32, read: skbCgroup | skbStream},
	{Name: "local_ip4", Off: 96, Size: 4, BE: 32, read: skbCgroup | skbStream},
	{Name: "remote_ip6", Off: 100, Size: 4, Len: 4, BE: 32, read: skbCgroup | skbStream},
	{Name: "local_ip6", Off: 116, Size: 4, Len: 4, BE: 32, read: skbCgroup | skbStream},
	{Name: "remote_port", Off: 132, Size: 4, BE: 32, read: skbCgroup | skbStream},
	{Name: "local_port", Off: 136, Size: 4, read: skbCgroup | skbStream},
	{Name: "data_meta", Off: 140, Size: 4, Kind: PacketMeta, read: skbTC},
	{Name: "flow_keys", Off: 144, Size: 8, Kind: KernelPointer, read: skbDissector},
	{Name: "tstamp", Off: 152, Size: 8, read: skbTC | skbCgroup, write: skbTC | skbCgroup},
	{Name: "wire_len", Off: 160, Size: 4, read: skbTC},
	{Name: "gso_segs", Off: 164, Size: 4, read: skbAll},
	{Name: "sk", Object: "sock_common", Off: 168, Size: 8, Kind: KernelPointer, read: skbAll},
	{Name: "gso_size", Off: 176, Size: 4, read: skbAll},
	{Name: "tstamp_type", Off: 180, Size: 1, read: skbTC},
	{Name: "hwtstamp", Off: 184, Size: 8, read: skbTC | skbCgroup},
}}

// xdpMd is struct xdp_md of UAPI linux/bpf.h.
var xdpMd = &Ctx{Name: "struct xdp_md", Size: 24, Fields: []CtxField{
	{Name: "data", Off: 0, Size: 4, Kind: PacketStart},
	{Name: "data_end", Off: 4, Size: 4, Kind: PacketEnd},
	{Name: "data_meta", Off: 8, Size: 4, Kind: PacketMeta},
	{Name: "ingress_ifindex", Off: 12, Size: 4},
	{Name: "rx_queue_index", Off: 16, Size: 4},
	{Name: "egress_ifindex", Off: 20, Size: 4, read: xdpDevmap},
}}

// bpfSock is struct bpf_sock as the context of programs on a cgroup's sockets.
var bpfSock = &Ctx{Name: "struct bpf_sock", Size: 80, Fields: []CtxField{
	{Name: "bound_dev_if", Off: 0, Size: 4, read: sockCreate, write: sockCreate},
	{Name: "family", Off: 4, Size: 4},
	{Name: "type", Off: 8, Size: 4},
	{Name: "protocol", Off: 12, Size: 4},
	{Name: "mark", Off: 16, Size: 4, read: sockCreate, write: sockCreate},
	{Name: "priority", Off: 20, Size: 4, read: sockCreate, write: sockCreate},
	{Name: "src_ip4", Off: 24, Size: 4, BE: 32, read: sockBind4},
	{Name: "src_ip6", Off: 28, Size: 4, Len: 4, BE: 32, read: sockBind6},
	{Name: "src_port", Off: 44, Size: 4, read: sockBind4 | sockBind6},
	{Name: "dst_port", Off: 48, Size: 2, BE: 16},
	{Name: "dst_ip4", Off: 52, Size: 4, BE: 32},
	{Name: "dst_ip6", Off: 56, Size: 4, Len: 4, BE: 32},
	{Name: "state", Off: 72, Size: 4},
	{Name: "rx_queue_mapping", Off: 76, Size: 4, Signed: true},
}}

// sockAddr is struct bpf_sock_addr. The port is 16 bits in network order.
var sockAddr = &Ctx{Name: "struct bpf_sock_addr", Size: 72, Fields: []CtxField{
	{Name: "user_family", Off: 0, Size: 4},
	{Name: "user_ip4", Off: 4, Size: 4, BE: 32, read: addr4, write: addr4},
	{Name: "user_ip6", Off: 8, Size: 4, Len: 4, BE: 32, read: addr6, write: addr6},
	{Name: "user_port", Off: 24, Size: 4, BE: 16, write: addr4 | addr6 | addrUnix},
	{Name: "family", Off: 28, Size: 4},
	{Name: "type", Off: 32, Size: 4},
	{Name: "protocol", Off: 36, Size: 4},
	{Name: "msg_src_ip4", Off: 40, Size: 4, BE: 32, read: addrSend4, write: addrSend4},
	{Name: "msg_src_ip6", Off: 44, Size: 4, Len: 4, BE: 32, read: addrSend6, write: addrSend6},
	{Name: "sk", Object: "bpf_sock", Off: 64, Size: 8, Kind: KernelPointer},
}}

// sockOps is struct bpf_sock_ops.
var sockOps = &Ctx{Name: "struct bpf_sock_ops", Size: 224, Fields: []CtxField{
	{Name: "op", Off: 0, Size: 4},
	{Name: "args", Off: 4, Size: 4, Len: 4},
	{Name: "family", Off: 20, Size: 4},
	{Name: "remote_ip4", Off: 24, Size: 4, BE: 32},
	{Name: "local_ip4", Off: 28, Size: 4, BE: 32},
	{Name: "remote_ip6", Off: 32, Size: 4, Len: 4, BE: 32},
	{Name: "local_ip6", Off: 48, Size: 4, Len: 4, BE: 32},
	{Name: "remote_port", Off: 64, Size: 4, BE: 32},
	{Name: "local_port", Off: 68, Size: 4},
	{Name: "is_fullsock", Off: 72, Size: 4},
	{Name: "snd_cwnd", Off: 76, Size: 4},
	{Name: "srtt_us", Off: 80, Size: 4},
	{Name: "bpf_sock_ops_cb_flags", Off: 84, Size: 4},
	{Name: "state", Off: 88, Size: 4},
	{Name: "rtt_min", Off: 92, Size: 4},
	{Name: "snd_ssthresh", Off: 96, Size: 4},
	{Name: "rcv_nxt", Off: 100, Size: 4},
	{Name: "snd_nxt", Off: 104, Size: 4},
	{Name: "snd_una", Off: 108, Size: 4},
	{Name: "mss_cache", Off: 112, Size: 4},
	{Name: "ecn_flags", Off: 116, Size: 4},
	{Name: "rate_delivered", Off: 120, Size: 4},
	{Name: "rate_interval_us", Off: 124, Size: 4},
	{Name: "packets_out", Off: 128, Size: 4},
	{Name: "retrans_out", Off: 132, Size: 4},
	{Name: "total_retrans", Off: 136, Size: 4},
	{Name: "segs_in", Off: 140, Size: 4},
	{Name: "data_segs_in", Off: 144, Size: 4},
	{Name: "segs_out", Off: 148, Size: 4},
	{Name: "data_segs_out", Off: 152, Size: 4},
	{Name: "lost_out", Off: 156, Size: 4},
	{Name: "sacked_out", Off: 160, Size: 4},
	{Name: "sk_txhash", Off: 164, Size: 4, write: anyUser},
	{Name: "bytes_received", Off: 168, Size: 8},
	{Name: "bytes_acked", Off: 176, Size: 8},
	{Name: "sk", Object: "bpf_sock", Off: 184, Size: 8, Kind: KernelPointer},
	{Name: "skb_data", Off: 192, Size: 8, Kind: KernelPointer},
	{Name: "skb_data_end", Off: 200, Size: 8, Kind: KernelPointer},
	{Name: "skb_len", Off: 208, Size: 4},
	{Name: "skb_tcp_flags", Off: 212, Size: 4},
	{Name: "skb_hwtstamp", Off: 216, Size: 8},
}, Aliases: []CtxField{
	{Name: "reply", Off: 4, Size: 4, write: anyUser},
	{Name: "replylong", Off: 4, Size: 4, Len: 4},
}}

// skMsg is struct sk_msg_md.
var skMsg = &Ctx{Name: "struct sk_msg_md", Size: 80, Fields: []CtxField{
	{Name: "data", Off: 0, Size: 8, Kind: PacketStart},
	{Name: "data_end", Off: 8, Size: 8, Kind: PacketEnd},
	{Name: "family", Off: 16, Size: 4},
	{Name: "remote_ip4", Off: 20, Size: 4, BE: 32},
	{Name: "local_ip4", Off: 24, Size: 4, BE: 32},
	{Name: "remote_ip6", Off: 28, Size: 4, Len: 4, BE: 32},
	{Name: "local_ip6", Off: 44, Size: 4, Len: 4, BE: 32},
	{Name: "remote_port", Off: 60, Size: 4, BE: 32},
	{Name: "local_port", Off: 64, Size: 4},
	{Name: "size", Off: 68, Size: 4},
	{Name: "sk", Object: "bpf_sock", Off: 72, Size: 8, Kind: KernelPointer},
}}

// reuseport is struct sk_reuseport_md.
var reuseport = &Ctx{Name: "struct sk_reuseport_md", Size: 56, Fields: []CtxField{
	{Name: "data", Off: 0, Size: 8, Kind: PacketStart},
	{Name: "data_end", Off: 8, Size: 8, Kind: PacketEnd},
	{Name: "len", Off: 16, Size: 4},
	{Name: "eth_protocol", Off: 20, Size: 4, BE: 16},
	{Name: "ip_protocol", Off: 24, Size: 4},
	{Name: "bind_inany", Off: 28, Size: 4},
	{Name: "hash", Off: 32, Size: 4},
	{Name: "sk", Object: "bpf_sock", Off: 40, Size: 8, Kind: KernelPointer},
	{Name: "migrating_sk", Object: "sock_common", Off: 48, Size: 8, Kind: KernelPointer},
}}

// skLookup is struct bpf_sk_lookup.
var skLookup = &Ctx{Name: "struct bpf_sk_lookup", Size: 72, Fields: []CtxField{
	{Name: "sk", Object: "bpf_sock", Off: 0, Size: 8, Kind: KernelPointer},
	{Name: "family", Off: 8, Size: 4},
	{Name: "protocol", Off: 12, Size: 4},
	{Name: "remote_ip4", Off: 16, Size: 4, BE: 32},
	{Name: "remote_ip6", Off: 20, Size: 4, Len: 4, BE: 32},
	{Name: "remote_port", Off: 36, Size: 2, BE: 16},
	{Name: "local_ip4", Off: 40, Size: 4, BE: 32},
	{Name: "local_ip6", Off: 44, Size: 4, Len: 4, BE: 32},
	{Name: "local_port", Off: 60, Size: 4},
	{Name: "ingress_ifindex", Off: 64, Size: 4},
}}

// sockopt is struct bpf_sockopt.
var sockopt = &Ctx{Name: "struct bpf_sockopt", Size: 40, Fields: []CtxField{
	{Name: "sk", Object: "bpf_sock", Off: 0, Size: 8, Kind: KernelPointer},
	{Name: "optval", Off: 8, Size: 8, Kind: KernelPointer},
	{Name: "optval_end", Off: 16, Size: 8, Kind: KernelPointer},
	{Name: "level", Off: 24, Size: 4, Signed: true, write: optSet},
	{Name: "optname", Off: 28, Size: 4, Signed: true, write: optSet},
	{Name: "optlen", Off: 32, Size: 4, Signed: true, write: optGet | optSet},
	{Name: "retval", Off: 36, Size: 4, Signed: true, read: optGet, write: optGet},
}}

// sysctl is struct bpf_sysctl.
var sysctl = &Ctx{Name: "struct bpf_sysctl", Size: 8, Fields: []CtxField{
	{Name: "write", Off: 0, Size: 4},
	{Name: "file_pos", Off: 4, Size: 4, write: anyUser},
}}

// deviceCtx is struct bpf_cgroup_dev_ctx.
var deviceCtx = &Ctx{Name: "struct bpf_cgroup_dev_ctx", Size: 12, Fields: []CtxField{
	{Name: "access_type", Off: 0, Size: 4},
	{Name: "major", Off: 4, Size: 4},
	{Name: "minor", Off: 8, Size: 4},
}}

// netfilterCtx is struct bpf_nf_ctx: pointers to kernel structures.
var netfilterCtx = &Ctx{Name: "struct bpf_nf_ctx", Size: 16, Fields: []CtxField{
	{Name: "state", Kernel: "nf_hook_state", Off: 0, Size: 8, Kind: KernelPointer},
	{Name: "skb", Kernel: "sk_buff", Off: 8, Size: 8, Kind: KernelPointer},
}}

// rawArgs is struct bpf_raw_tracepoint_args: as many 64-bit arguments as the
// tracepoint has, 12 at most.
var rawArgs = &Ctx{Name: "struct bpf_raw_tracepoint_args", Size: 96, Fields: []CtxField{
	{Name: "args", Off: 0, Size: 8, Len: 12},
}}

// lircSample is the one number that an infrared decoder is given.
var lircSample = &Ctx{Name: "unsigned int", Size: 4, Fields: []CtxField{
	{Name: "sample", Off: 0, Size: 4},
}}

// opaque is a context whose members BTF or the script describes.
var opaque = &Ctx{Name: "void"}
