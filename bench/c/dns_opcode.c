// The counterpart of examples/dns_opcode.lua.
#include "packet.h"

// Bytes of a packet as LLVM loads them in a socket filter.
unsigned long long load_byte(void *skb, unsigned long long off) asm("llvm.bpf.load.byte");
unsigned long long load_half(void *skb, unsigned long long off) asm("llvm.bpf.load.half");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} opcodes SEC(".maps");

SEC("socket")
int dns_opcode(struct __sk_buff *skb)
{
	__u64 udp, flags, *n;
	__u32 code;

	if (load_half(skb, 12) != ETH_P_IP || load_byte(skb, ETH_HLEN + 9) != IPPROTO_UDP ||
	    load_half(skb, ETH_HLEN + 6) & IP_OFFSET)
		return 0;
	udp = ETH_HLEN + (load_byte(skb, ETH_HLEN) & 15) * 4;
	if (load_half(skb, udp + 2) != 53)
		return 0;
	flags = load_half(skb, udp + 10);
	if (flags >> 15)
		return 0;
	code = flags >> 11 & 15;
	n = bpf_map_lookup_elem(&opcodes, &code);
	if (n)
		__sync_fetch_and_add(n, 1);
	return 0;
}
