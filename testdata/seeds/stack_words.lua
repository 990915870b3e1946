-- The same idioms in the words of today: tables for structs, loops, operators on
-- bits, an adding insert.
local opt = bpf.option { limit = 100 }
local entries = bpf.map('lru_hash', 64, 'uint64_t', 'struct { uint64_t sum; uint32_t last, n; }')
local packets = bpf.map('percpu_array', 1, 'uint32_t', 'uint64_t')
local ports = { 53, 80, 443 }

bpf.socket('lo', function (skb)
	packets[0] = packets[0] + 1
	if skb.len <= opt.limit and skb.pkt_type ~= PACKET_OUTGOING then
		local e = entries:init(skb.hash << 3 ~ skb.mark >> 2 ~ pkt[0], { last = skb.protocol })
		xadd(e.sum, skb.len)
		xadd(e.n, 1)
	end
	local tcp = pkt.ip.tcp
	for _, port in ipairs(ports) do
		if tcp and tcp.dst_port == port then return port end
	end
	return 0
end, { name = 'stack_words' })
