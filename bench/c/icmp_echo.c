// The counterpart of examples/icmp_echo.lua.
#include "packet.h"

static __always_inline void swap_macs(struct ethhdr *eth)
{
	__u8 mac[ETH_ALEN];

	__builtin_memcpy(mac, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, mac, ETH_ALEN);
}

SEC("xdp")
int icmp_echo(struct xdp_md *ctx)
{
	BOUNDS(ctx);
	struct ethhdr *eth = data;

	if (!HAS(eth, sizeof(*eth)))
		return XDP_PASS;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = (void *)(eth + 1);
		struct icmphdr *icmp;
		__be32 src;
		__u16 *word;

		if (!HAS(ip, sizeof(*ip)) || ip->protocol != IPPROTO_ICMP || ip->frag_off & bpf_htons(IP_OFFSET))
			return XDP_PASS;
		icmp = behind(ip);
		if (!HAS(icmp, 4) || icmp->type != ICMP_ECHO)
			return XDP_PASS;
		src = ip->saddr;
		ip->saddr = ip->daddr;
		ip->daddr = src;
		word = (__u16 *)&ip->ttl;
		__u16 old = *word;
		ip->ttl = 64;
		ip->check = patched(ip->check, old, *word);
		word = (__u16 *)icmp;
		old = *word;
		icmp->type = ICMP_ECHOREPLY;
		icmp->checksum = patched(icmp->checksum, old, *word);
	} else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = (void *)(eth + 1);
		struct icmp6hdr *icmp = (void *)(ip + 1);
		struct in6_addr src;
		__u16 *word, old;

		if (!HAS(icmp, 4) || ip->nexthdr != IPPROTO_ICMPV6 || icmp->icmp6_type != ICMPV6_ECHO_REQUEST)
			return XDP_PASS;
		src = ip->saddr;
		ip->saddr = ip->daddr;
		ip->daddr = src;
		ip->hop_limit = 64;
		word = (__u16 *)icmp;
		old = *word;
		icmp->icmp6_type = ICMPV6_ECHO_REPLY;
		icmp->icmp6_cksum = patched(icmp->icmp6_cksum, old, *word);
	} else {
		return XDP_PASS;
	}
	swap_macs(eth);
	return XDP_TX;
}
