// The counterpart of examples/http_methods.lua.
#include "packet.h"

// Bytes of a packet as LLVM loads them in a socket filter.
unsigned long long load_byte(void *skb, unsigned long long off) asm("llvm.bpf.load.byte");
unsigned long long load_half(void *skb, unsigned long long off) asm("llvm.bpf.load.half");
unsigned long long load_word(void *skb, unsigned long long off) asm("llvm.bpf.load.word");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} requests SEC(".maps");

SEC("socket")
int http_methods(struct __sk_buff *skb)
{
	__u64 tcp, start, *n;
	__u32 method;

	if (load_half(skb, 12) != ETH_P_IP || load_byte(skb, ETH_HLEN + 9) != IPPROTO_TCP ||
	    load_half(skb, ETH_HLEN + 6) & IP_OFFSET)
		return 0;
	tcp = ETH_HLEN + (load_byte(skb, ETH_HLEN) & 15) * 4;
	start = load_word(skb, tcp + (load_byte(skb, tcp + 12) >> 4) * 4);
	switch (start) {
	case 0x47455420: method = 1; break;
	case 0x504f5354: method = 2; break;
	case 0x50555420: method = 3; break;
	case 0x48454144: method = 4; break;
	case 0x44454c45: method = 5; break;
	case 0x50415443: method = 6; break;
	case 0x4f505449: method = 7; break;
	default: return 0;
	}
	n = bpf_map_lookup_elem(&requests, &method);
	if (n)
		__sync_fetch_and_add(n, 1);
	return 0;
}
