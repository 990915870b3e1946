// The counterpart of examples/dns_names.lua.
#include "packet.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 128);
	__type(key, __u32);
	__type(value, __u64);
} labels SEC(".maps");

SEC("xdp")
int dns_names(struct xdp_md *ctx)
{
	BOUNDS(ctx);
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp;
	__u32 n = 0, length = 0;
	__u64 *count;

	if (!HAS(ip, sizeof(*ip)) || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (ip->protocol != IPPROTO_UDP || ip->frag_off & bpf_htons(IP_OFFSET))
		return XDP_PASS;
	udp = behind(ip);
	if (!HAS(udp, sizeof(*udp)) || udp->dest != bpf_htons(53))
		return XDP_PASS;
	for (n = 0; n < 128; n++) { // a name has no more labels
		__u8 *at = (void *)(udp + 1) + 12 + length;

		if (!HAS(at, 1) || *at > 63)
			return XDP_PASS;
		if (!*at)
			break;
		length += *at + 1;
		if (length > 255)
			return XDP_PASS;
	}
	count = bpf_map_lookup_elem(&labels, &n);
	if (count)
		__sync_fetch_and_add(count, 1);
	return length > 60 ? XDP_DROP : XDP_PASS;
}
