// The counterpart of examples/qinq_rewrite.lua.
#include "packet.h"

struct tag {
	__be16 tci, type;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u16);
	__type(value, __u16);
} outer SEC(".maps");

// Makes room for a tag behind the addresses, or takes it away.
static __always_inline int resize(struct xdp_md *ctx, int n)
{
	BOUNDS(ctx);
	__u8 macs[2 * ETH_ALEN];

	if (!HAS(data, sizeof(macs)))
		return -1;
	__builtin_memcpy(macs, data, sizeof(macs));
	if (bpf_xdp_adjust_head(ctx, n))
		return -1;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (!HAS(data, sizeof(macs)))
		return -1;
	__builtin_memcpy(data, macs, sizeof(macs));
	return 0;
}

SEC("xdp")
int push_tag(struct xdp_md *ctx)
{
	BOUNDS(ctx);
	struct ethhdr *eth = data;
	struct tag *t = (void *)(eth + 1);
	__u16 vlan, *tag, tci;

	if (!HAS(t, sizeof(*t)))
		return XDP_PASS;
	if (eth->h_proto != bpf_htons(ETH_P_8021Q) && eth->h_proto != bpf_htons(ETH_P_8021AD) &&
	    eth->h_proto != bpf_htons(0x9100))
		return XDP_PASS;
	tci = bpf_ntohs(t->tci);
	vlan = tci & 0xfff;
	tag = bpf_map_lookup_elem(&outer, &vlan);
	if (!tag)
		return XDP_PASS;
	vlan = *tag;
	if (resize(ctx, -4))
		return XDP_ABORTED;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	eth = data;
	t = (void *)(eth + 1);
	if (!HAS(t, sizeof(*t)))
		return XDP_PASS;
	eth->h_proto = bpf_htons(ETH_P_8021AD);
	t->tci = bpf_htons((tci & 0xe000) | (vlan & 0xfff));
	return XDP_PASS;
}

SEC("xdp")
int pop_tag(struct xdp_md *ctx)
{
	BOUNDS(ctx);
	struct ethhdr *eth = data;

	if (!HAS(eth, sizeof(*eth)) || eth->h_proto != bpf_htons(ETH_P_8021AD))
		return XDP_PASS;
	return resize(ctx, 4) ? XDP_ABORTED : XDP_PASS;
}
