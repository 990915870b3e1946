-- Counts packets and bytes by protocol, of IPv4 and IPv6.
local totals = bpf.map('percpu_hash', 256, 'uint8_t', 'struct { uint64_t packets, bytes; }')

bpf.socket('lo', function (skb)
	local proto = pkt.ip and pkt.ip.proto or pkt.ip6 and pkt.ip6.next_header
	if not proto then return end
	local t = totals:init(proto)
	t.packets, t.bytes = t.packets + 1, t.bytes + skb.len
end, { name = 'protocols' })

bpf.interval(1, function ()
	for proto, n in totals:pairs() do print(proto, n) end
end)
