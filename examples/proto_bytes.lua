-- Bytes and packets per IP protocol, counted on each CPU apart: user space
-- adds them up.
local bytes = bpf.map('percpu_array', 256, 'uint32_t', 'uint64_t')
local packets = bpf.map('percpu_array', 256, 'uint32_t', 'uint64_t')

local function count(proto, len)
	xadd(bytes[proto], len)
	xadd(packets[proto], 1)
end

local proto_bytes = bpf.socket(function(skb)
	if pkt.ip then
		count(pkt.ip.proto, skb.len)
	elseif pkt.ip6 then
		count(pkt.ip6.next_header, skb.len)
	end
end)
