// The counterpart of examples/syn_flood.lua.
#include "packet.h"

#define LIMIT 100
#define SECOND 1000000000ull

struct asked {
	__u64 since;
	__u32 syns, dropped;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __be32);
	__type(value, struct asked);
} asked SEC(".maps");

SEC("xdp")
int syn_flood(struct xdp_md *ctx)
{
	BOUNDS(ctx);
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct asked *a, fresh = {};
	struct tcphdr *tcp;
	__be32 from;
	__u64 now;

	if (!HAS(ip, sizeof(*ip)) || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (ip->protocol != IPPROTO_TCP || ip->frag_off & bpf_htons(IP_OFFSET))
		return XDP_PASS;
	tcp = behind(ip);
	if (!HAS(tcp, 14) || !tcp->syn || tcp->ack)
		return XDP_PASS;
	now = bpf_ktime_get_ns();
	from = ip->saddr;
	a = bpf_map_lookup_elem(&asked, &from);
	if (!a) {
		fresh.since = now;
		bpf_map_update_elem(&asked, &from, &fresh, BPF_NOEXIST);
		a = bpf_map_lookup_elem(&asked, &from);
		if (!a)
			return XDP_PASS;
	}
	if (now - a->since > SECOND) {
		a->since = now;
		a->syns = 0;
	}
	__sync_fetch_and_add(&a->syns, 1);
	if (*(volatile __u32 *)&a->syns <= LIMIT)
		return XDP_PASS;
	__sync_fetch_and_add(&a->dropped, 1);
	return XDP_DROP;
}
