-- Answers pings in the driver: the request goes back as the reply, its checksum
-- patched and not computed anew. Version 6 too.
local icmp_echo = bpf.xdp(function()
	if pkt.ip.icmp and pkt.ip.icmp.type == ICMP_ECHO then
		pkt.ip.src, pkt.ip.dst = pkt.ip.dst, pkt.ip.src
		pkt.ip:replace('ttl', 64)
		pkt.ip.icmp:replace('type', ICMP_ECHOREPLY)
	elseif pkt.ip6.icmp6 and pkt.ip6.icmp6.type == ICMPV6_ECHO_REQUEST then
		pkt.ip6.src, pkt.ip6.dst = pkt.ip6.dst, pkt.ip6.src
		pkt.ip6.hop_limit = 64
		pkt.ip6.icmp6:replace('type', ICMPV6_ECHO_REPLY)
	else
		return XDP_PASS
	end
	pkt.dst, pkt.src = pkt.src, pkt.dst
	return XDP_TX
end)
