// The counterpart of examples/token_bucket.lua.
#include "packet.h"

#define COST 1000000ull
#define MOST (100 * COST)

struct bucket {
	__u64 credit, last;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct bucket);
} buckets SEC(".maps");

SEC("xdp")
int token_bucket(struct xdp_md *ctx)
{
	BOUNDS(ctx);
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct ipv6hdr *ip6 = (void *)(eth + 1);
	struct bucket *b, fresh;
	__u64 from, now;

	if (!HAS(eth, sizeof(*eth)))
		return XDP_PASS;
	if (eth->h_proto == bpf_htons(ETH_P_IP) && HAS(ip, 16))
		from = bpf_ntohl(ip->saddr);
	else if (eth->h_proto == bpf_htons(ETH_P_IPV6) && HAS(ip6, 16))
		from = bpf_be64_to_cpu(*(__be64 *)&ip6->saddr);
	else
		return XDP_PASS;
	now = bpf_ktime_get_ns();
	b = bpf_map_lookup_elem(&buckets, &from);
	if (!b) {
		fresh.credit = MOST;
		fresh.last = now;
		bpf_map_update_elem(&buckets, &from, &fresh, BPF_NOEXIST);
		b = bpf_map_lookup_elem(&buckets, &from);
		if (!b)
			return XDP_PASS;
	}
	b->credit += now - b->last;
	if (b->credit > MOST)
		b->credit = MOST;
	b->last = now;
	if (b->credit < COST)
		return XDP_DROP;
	b->credit -= COST;
	return XDP_PASS;
}
