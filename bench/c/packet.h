// What the counterparts of the examples have in common: headers, and the checks
// that a program makes before it reads them.
#include <linux/bpf.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

// linux/icmp.h needs the C library.
struct icmphdr {
	__u8 type, code;
	__sum16 checksum;
};
#define ICMP_ECHOREPLY 0
#define ICMP_ECHO 8

#define IP_OFFSET 0x1fff
#define IP_FRAGMENT 0x3fff

char LICENSE[] SEC("license") = "GPL";

// Whether n bytes at p are there.
#define HAS(p, n) ((void *)(p) + (n) <= end)

// Packet bounds of an XDP program.
#define BOUNDS(ctx) \
	void *data = (void *)(long)(ctx)->data, *end = (void *)(long)(ctx)->data_end

// The header behind an IPv4 header.
static __always_inline void *behind(struct iphdr *ip)
{
	return (void *)ip + ip->ihl * 4;
}

static __always_inline __u16 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum + (sum >> 16);
}

// A checksum when a 16-bit word that it covers changes (RFC 1624).
static __always_inline __u16 patched(__u16 check, __u16 from, __u16 to)
{
	__u32 sum = (__u16)~check + (__u16)~from + to;

	sum = (sum & 0xffff) + (sum >> 16);
	return ~(sum + (sum >> 16));
}
