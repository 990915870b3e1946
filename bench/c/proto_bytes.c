// The counterpart of examples/proto_bytes.lua.
#include "packet.h"

// Bytes of a packet as LLVM loads them in a socket filter.
unsigned long long load_byte(void *skb, unsigned long long off) asm("llvm.bpf.load.byte");
unsigned long long load_half(void *skb, unsigned long long off) asm("llvm.bpf.load.half");

struct counters {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u64);
} bytes SEC(".maps"), packets SEC(".maps");

SEC("socket")
int proto_bytes(struct __sk_buff *skb)
{
	__u64 type = load_half(skb, 12), *n;
	__u32 proto;

	if (type == ETH_P_IP)
		proto = load_byte(skb, ETH_HLEN + 9);
	else if (type == ETH_P_IPV6)
		proto = load_byte(skb, ETH_HLEN + 6);
	else
		return 0;
	n = bpf_map_lookup_elem(&bytes, &proto);
	if (n)
		__sync_fetch_and_add(n, skb->len);
	n = bpf_map_lookup_elem(&packets, &proto);
	if (n)
		__sync_fetch_and_add(n, 1);
	return 0;
}
