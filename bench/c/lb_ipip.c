// The counterpart of examples/lb_ipip.lua.
#include "packet.h"

enum { BACKENDS = 3 };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BACKENDS);
	__type(key, __u32);
	__type(value, __be32);
} address SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BACKENDS);
	__type(key, __u32);
	__type(value, __u64);
} mac SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BACKENDS);
	__type(key, __u32);
	__type(value, __u64);
} sent SEC(".maps");

static __always_inline __u32 hash(__u32 a, __u32 b, __u32 c)
{
	__u32 h = a ^ b * 0x85ebca6b ^ c * 0xc2b2ae35;

	h = (h ^ h >> 16) * 0x85ebca6b;
	h = (h ^ h >> 13) * 0xc2b2ae35;
	return h ^ h >> 16;
}

SEC("xdp")
int lb_ipip(struct xdp_md *ctx)
{
	const __be32 service = bpf_htonl(0xc000020a);
	BOUNDS(ctx);
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	__u8 src[ETH_ALEN], tos;
	__be32 *ports, *dst;
	__u64 *to_mac, *n;
	__u16 length;
	__u32 to;

	if (!HAS(ip, sizeof(*ip)) || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (ip->daddr != service || ip->frag_off & bpf_htons(IP_FRAGMENT))
		return XDP_PASS;
	if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP)
		return XDP_PASS;
	ports = behind(ip);
	if (!HAS(ports, 4))
		return XDP_PASS;
	to = hash(bpf_ntohl(ip->saddr), bpf_ntohl(ip->daddr), bpf_ntohl(*ports)) % BACKENDS;
	length = bpf_ntohs(ip->tot_len);
	tos = ip->tos;
	__builtin_memcpy(src, eth->h_dest, ETH_ALEN);

	if (bpf_xdp_adjust_head(ctx, -20))
		return XDP_ABORTED;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	eth = data;
	ip = (void *)(eth + 1);
	if (!HAS(ip, sizeof(*ip)))
		return XDP_PASS;
	to_mac = bpf_map_lookup_elem(&mac, &to);
	dst = bpf_map_lookup_elem(&address, &to);
	if (!to_mac || !dst)
		return XDP_ABORTED;
	__u64 wide = bpf_cpu_to_be64(*to_mac << 16);
	__builtin_memcpy(eth->h_dest, &wide, ETH_ALEN);
	__builtin_memcpy(eth->h_source, src, ETH_ALEN);
	eth->h_proto = bpf_htons(ETH_P_IP);
	ip->version = 4;
	ip->ihl = 5;
	ip->tos = tos;
	ip->tot_len = bpf_htons(length + 20);
	ip->id = 0;
	ip->frag_off = bpf_htons(0x4000);
	ip->ttl = 64;
	ip->protocol = IPPROTO_IPIP;
	ip->check = 0;
	ip->saddr = service;
	ip->daddr = *dst;
	__u64 sum = 0;
	for (int i = 0; i < 5; i++)
		sum += ((__u32 *)ip)[i];
	ip->check = ~fold(sum);
	n = bpf_map_lookup_elem(&sent, &to);
	if (n)
		__sync_fetch_and_add(n, 1);
	return XDP_TX;
}
