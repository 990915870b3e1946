package ctype

// uapi are the structs that programs for packets and contexts take for granted:
// tag and members. They are declared when they are first used; a script that
// declares one itself gets its own. Addresses that the kernel keeps in network
// order are __be32 here also where its headers say __u32, and pointers in
// contexts stand without the unions that make them 8 bytes on every machine.
// TestUAPI compares sizes and offsets with the running kernel's types.
var uapi = map[string]string{
	// Headers of packets.
	"struct ethhdr":       `unsigned char h_dest[6]; unsigned char h_source[6]; __be16 h_proto;`,
	"struct vlan_hdr":     `__be16 h_vlan_TCI; __be16 h_vlan_encapsulated_proto;`,
	"struct vlan_ethhdr":  `unsigned char h_dest[6]; unsigned char h_source[6]; __be16 h_vlan_proto; __be16 h_vlan_TCI; __be16 h_vlan_encapsulated_proto;`,
	"struct arphdr":       `__be16 ar_hrd; __be16 ar_pro; unsigned char ar_hln; unsigned char ar_pln; __be16 ar_op;`,
	"struct iphdr":        `__u8 ihl : 4, version : 4;` + ipRest,
	"struct ipv6hdr":      `__u8 priority : 4, version : 4;` + ipv6Rest,
	"struct tcphdr":       tcpStart + `__u16 ae : 1, res1 : 3, doff : 4, fin : 1, syn : 1, rst : 1, psh : 1, ack : 1, urg : 1, ece : 1, cwr : 1;` + tcpRest,
	"struct udphdr":       `__be16 source, dest, len; __sum16 check;`,
	"struct sctphdr":      `__be16 source, dest; __be32 vtag; __le32 checksum;`,
	"struct gre_base_hdr": `__be16 flags, protocol;`,
	"struct vxlanhdr":     `__be32 vx_flags, vx_vni;`,
	"struct igmphdr":      `__u8 type, code; __sum16 csum; __be32 group;`,
	"struct icmphdr": `__u8 type, code; __sum16 checksum;
		union { struct { __be16 id, sequence; } echo; __be32 gateway; struct { __be16 __unused, mtu; } frag; __u8 reserved[4]; } un;`,
	"struct icmpv6_echo": `__be16 identifier, sequence;`,
	"struct icmp6hdr": `__u8 icmp6_type, icmp6_code; __sum16 icmp6_cksum;
		union { __be32 un_data32[1]; __be16 un_data16[2]; __u8 un_data8[4]; struct icmpv6_echo u_echo; } icmp6_dataun;`,
	"struct ipv6_opt_hdr": `__u8 nexthdr, hdrlen;`,
	"struct frag_hdr":     `__u8 nexthdr, reserved; __be16 frag_off; __be32 identification;`,
	"struct ip_esp_hdr":   `__be32 spi, seq_no; __u8 enc_data[0];`,
	"struct ip_auth_hdr":  `__u8 nexthdr, hdrlen; __be16 reserved; __be32 spi, seq_no; __u8 auth_data[0];`,

	// Addresses.
	"struct in_addr":      `__be32 s_addr;`,
	"struct in6_addr":     `union { __u8 u6_addr8[16]; __be16 u6_addr16[8]; __be32 u6_addr32[4]; } in6_u;`,
	"struct sockaddr":     `sa_family_t sa_family; char sa_data[14];`,
	"struct sockaddr_in":  `sa_family_t sin_family; __be16 sin_port; struct in_addr sin_addr; unsigned char __pad[8];`,
	"struct sockaddr_in6": `sa_family_t sin6_family; __be16 sin6_port; __be32 sin6_flowinfo; struct in6_addr sin6_addr; __u32 sin6_scope_id;`,

	// Contexts.
	"struct __sk_buff": `__u32 len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci, vlan_proto, priority,
		ingress_ifindex, ifindex, tc_index, cb[5], hash, tc_classid, data, data_end, napi_id, family;
		__be32 remote_ip4, local_ip4, remote_ip6[4], local_ip6[4];
		__u32 remote_port, local_port, data_meta; struct bpf_flow_keys *flow_keys; __u64 tstamp;
		__u32 wire_len, gso_segs; struct bpf_sock *sk; __u32 gso_size; __u8 tstamp_type; __u64 hwtstamp;`,
	"struct xdp_md": `__u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;`,
	"struct sk_msg_md": `void *data, *data_end; __u32 family; __be32 remote_ip4, local_ip4, remote_ip6[4], local_ip6[4];
		__u32 remote_port, local_port, size; struct bpf_sock *sk;`,
	"struct sk_reuseport_md": `void *data, *data_end; __u32 len, eth_protocol, ip_protocol, bind_inany, hash;
		struct bpf_sock *sk, *migrating_sk;`,
	"struct bpf_sysctl":  `__u32 write, file_pos;`,
	"struct bpf_sockopt": `struct bpf_sock *sk; void *optval, *optval_end; __s32 level, optname, optlen, retval;`,
	"struct bpf_sock_addr": `__u32 user_family; __be32 user_ip4, user_ip6[4]; __u32 user_port, family, type, protocol;
		__be32 msg_src_ip4, msg_src_ip6[4]; struct bpf_sock *sk;`,
	"struct bpf_sock_ops": `__u32 op; union { __u32 args[4], reply, replylong[4]; };
		__u32 family; __be32 remote_ip4, local_ip4, remote_ip6[4], local_ip6[4]; __u32 remote_port, local_port,
		is_fullsock, snd_cwnd, srtt_us, bpf_sock_ops_cb_flags, state, rtt_min, snd_ssthresh, rcv_nxt, snd_nxt, snd_una,
		mss_cache, ecn_flags, rate_delivered, rate_interval_us, packets_out, retrans_out, total_retrans, segs_in,
		data_segs_in, segs_out, data_segs_out, lost_out, sacked_out, sk_txhash; __u64 bytes_received, bytes_acked;
		struct bpf_sock *sk; void *skb_data, *skb_data_end; __u32 skb_len, skb_tcp_flags; __u64 skb_hwtstamp;`,
	"struct bpf_sk_lookup": `union { struct bpf_sock *sk; __u64 cookie; }; __u32 family, protocol;
		__be32 remote_ip4, remote_ip6[4]; __be16 remote_port; __u16 : 16; __be32 local_ip4, local_ip6[4];
		__u32 local_port, ingress_ifindex;`,
	"struct bpf_cgroup_dev_ctx":      `__u32 access_type, major, minor;`,
	"struct bpf_raw_tracepoint_args": `__u64 args[0];`,

	// What helpers read, fill in and return.
	"struct bpf_sock_tuple": `union { struct { __be32 saddr, daddr; __be16 sport, dport; } ipv4;
		struct { __be32 saddr[4], daddr[4]; __be16 sport, dport; } ipv6; };`,
	"struct bpf_sock": `__u32 bound_dev_if, family, type, protocol, mark, priority; __be32 src_ip4, src_ip6[4];
		__u32 src_port; __be16 dst_port; __u16 : 16; __be32 dst_ip4, dst_ip6[4]; __u32 state; __s32 rx_queue_mapping;`,
	"struct bpf_tcp_sock": `__u32 snd_cwnd, srtt_us, rtt_min, snd_ssthresh, rcv_nxt, snd_nxt, snd_una, mss_cache,
		ecn_flags, rate_delivered, rate_interval_us, packets_out, retrans_out, total_retrans, segs_in, data_segs_in,
		segs_out, data_segs_out, lost_out, sacked_out; __u64 bytes_received, bytes_acked;
		__u32 dsack_dups, delivered, delivered_ce, icsk_retransmits;`,
	"struct bpf_fib_lookup": `__u8 family, l4_protocol; __be16 sport, dport; union { __u16 tot_len, mtu_result; };
		__u32 ifindex; union { __u8 tos; __be32 flowinfo; __u32 rt_metric; };
		union { __be32 ipv4_src, ipv6_src[4]; }; union { __be32 ipv4_dst, ipv6_dst[4]; };
		union { struct { __be16 h_vlan_proto, h_vlan_TCI; }; __u32 tbid; };
		union { struct { __u32 mark; }; struct { __u8 smac[6], dmac[6]; }; };`,
	"struct bpf_redir_neigh": `__u32 nh_family; union { __be32 ipv4_nh, ipv6_nh[4]; };`,
	"struct bpf_tunnel_key": `__u32 tunnel_id; union { __u32 remote_ipv4; __be32 remote_ipv6[4]; }; __u8 tunnel_tos, tunnel_ttl;
		union { __u16 tunnel_ext; __be16 tunnel_flags; }; __u32 tunnel_label; union { __u32 local_ipv4; __be32 local_ipv6[4]; };`,
	"struct bpf_xfrm_state": `__u32 reqid; __be32 spi; __u16 family, ext; union { __be32 remote_ipv4, remote_ipv6[4]; };`,
	"struct bpf_flow_keys": `__u16 nhoff, thoff, addr_proto; __u8 is_frag, is_first_frag, is_encap, ip_proto;
		__be16 n_proto, sport, dport; union { struct { __be32 ipv4_src, ipv4_dst; }; struct { __be32 ipv6_src[4], ipv6_dst[4]; }; };
		__u32 flags; __be32 flow_label;`,
	"struct bpf_perf_event_value": `__u64 counter, enabled, running;`,
	"struct bpf_pidns_info":       `__u32 pid, tgid;`,
	"struct bpf_stack_build_id":   `__s32 status; unsigned char build_id[20]; union { __u64 offset, ip; };`,
	"struct bpf_stacktrace":       `__u64 ip[127];`,
	"struct btf_ptr":              `void *ptr; __u32 type_id, flags;`,

	// What lies in maps.
	"struct bpf_spin_lock":          `__u32 val;`,
	"struct bpf_timer":              `__u64 __opaque[2];`,
	"struct bpf_wq":                 `__u64 __opaque[2];`,
	"struct bpf_dynptr":             `__u64 __opaque[2];`,
	"struct bpf_list_head":          `__u64 __opaque[2];`,
	"struct bpf_list_node":          `__u64 __opaque[3];`,
	"struct bpf_rb_root":            `__u64 __opaque[2];`,
	"struct bpf_rb_node":            `__u64 __opaque[4];`,
	"struct bpf_refcount":           `__u32 __opaque[1];`,
	"struct bpf_iter_num":           `__u64 __opaque[1];`,
	"struct bpf_lpm_trie_key":       `__u32 prefixlen; __u8 data[0];`,
	"struct bpf_devmap_val":         `__u32 ifindex; union { int fd; __u32 id; } bpf_prog;`,
	"struct bpf_cpumap_val":         `__u32 qsize; union { int fd; __u32 id; } bpf_prog;`,
	"struct bpf_cgroup_storage_key": `__u64 cgroup_inode_id; __u32 attach_type;`,
}

// uapiBig are those whose declarations depend on the byte order, as they are
// for big-endian targets: the headers list bit-fields the other way round.
var uapiBig = map[string]string{
	"struct iphdr":   `__u8 version : 4, ihl : 4;` + ipRest,
	"struct ipv6hdr": `__u8 version : 4, priority : 4;` + ipv6Rest,
	"struct tcphdr":  tcpStart + `__u16 doff : 4, res1 : 3, ae : 1, cwr : 1, ece : 1, urg : 1, ack : 1, psh : 1, rst : 1, syn : 1, fin : 1;` + tcpRest,
}

const (
	ipRest = `__u8 tos; __be16 tot_len, id, frag_off; __u8 ttl, protocol; __sum16 check;
		union { struct { __be32 saddr, daddr; }; struct { __be32 saddr, daddr; } addrs; };`
	ipv6Rest = `__u8 flow_lbl[3]; __be16 payload_len; __u8 nexthdr, hop_limit;
		union { struct { struct in6_addr saddr, daddr; }; struct { struct in6_addr saddr, daddr; } addrs; };`
	tcpStart = `__be16 source, dest; __be32 seq, ack_seq;`
	tcpRest  = `__be16 window; __sum16 check; __be16 urg_ptr;`
)
