// The counterpart of examples/protocount/protocount.lua, as one writes it with
// libbpf: packets by the protocol their IP header names.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

// Bytes of a packet as LLVM loads them in a socket filter.
unsigned long long load_byte(void *skb, unsigned long long off) asm("llvm.bpf.load.byte");
unsigned long long load_half(void *skb, unsigned long long off) asm("llvm.bpf.load.half");

enum { IP_PROTOCOL = ETH_HLEN + 9, IP6_NEXT_HEADER = ETH_HLEN + 6 };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

char LICENSE[] SEC("license") = "GPL";

SEC("socket")
int protocount(struct __sk_buff *skb)
{
	__u64 type = load_half(skb, 12);
	__u32 proto;
	__u64 *n;

	if (type == ETH_P_IP)
		proto = load_byte(skb, IP_PROTOCOL);
	else if (type == ETH_P_IPV6)
		proto = load_byte(skb, IP6_NEXT_HEADER);
	else
		return 0;
	n = bpf_map_lookup_elem(&counts, &proto);
	if (n)
		__sync_fetch_and_add(n, 1);
	return 0;
}
