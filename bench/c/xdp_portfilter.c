// The counterpart of examples/xdp_portfilter.lua.
#include "packet.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u16);
	__type(value, __u64);
} blocked SEC(".maps");

SEC("xdp")
int xdp_portfilter(struct xdp_md *ctx)
{
	BOUNDS(ctx);
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp;
	__u16 port;
	__u64 *n;

	if (!HAS(ip, sizeof(*ip)) || eth->h_proto != bpf_htons(ETH_P_IP) || ip->frag_off & bpf_htons(IP_OFFSET))
		return XDP_PASS;
	tcp = behind(ip);
	if (ip->protocol == IPPROTO_TCP) {
		if (!HAS(tcp, 14) || !tcp->syn || tcp->ack)
			return XDP_PASS;
	} else if (ip->protocol != IPPROTO_UDP || !HAS(tcp, 4)) {
		return XDP_PASS;
	}
	port = bpf_ntohs(tcp->dest);
	n = bpf_map_lookup_elem(&blocked, &port);
	if (!n)
		return XDP_PASS;
	__sync_fetch_and_add(n, 1);
	return XDP_DROP;
}
