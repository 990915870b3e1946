// The counterpart of examples/firewall.lua.
#include "packet.h"

enum { DROP, CHECK, TRUST };

struct network {
	__u32 length;
	__be32 address;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct network);
	__type(value, __u32);
} networks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u32);
} open SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} dropped SEC(".maps");

static __always_inline int accepts(struct iphdr *ip, void *end)
{
	struct network key = { .length = 32, .address = ip->saddr };
	__u32 *verdict = bpf_map_lookup_elem(&networks, &key), port;
	struct tcphdr *tcp = behind(ip);
	int later = ip->frag_off & bpf_htons(IP_OFFSET);

	if (!verdict)
		return 0;
	if (*verdict != CHECK)
		return *verdict == TRUST;
	if (ip->protocol == IPPROTO_ICMP && !later)
		return 1;
	if (ip->protocol == IPPROTO_TCP && !later) {
		if (!HAS(tcp, 14))
			return 0;
		if (!(tcp->syn && !tcp->ack))
			return 1;
	} else if (ip->protocol != IPPROTO_UDP || later || !HAS(tcp, 4)) {
		return 0;
	}
	port = ip->protocol << 16 | bpf_ntohs(tcp->dest);
	return bpf_map_lookup_elem(&open, &port) != 0;
}

SEC("xdp")
int firewall(struct xdp_md *ctx)
{
	BOUNDS(ctx);
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	__u32 zero = 0;
	__u64 *n;

	if (!HAS(eth, sizeof(*eth)))
		return XDP_DROP;
	if (eth->h_proto == bpf_htons(ETH_P_ARP))
		return XDP_PASS;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		if (!HAS(ip, sizeof(*ip)))
			return XDP_DROP;
		if (accepts(ip, end))
			return XDP_PASS;
	}
	n = bpf_map_lookup_elem(&dropped, &zero);
	if (n)
		__sync_fetch_and_add(n, 1);
	return XDP_DROP;
}
