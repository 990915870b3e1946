-- Counts DNS queries by how many labels the name asked for has, and drops those
-- for names of more than 'limit' bytes: long ones carry tunnels. The walk over
-- the labels ends where the name does, or the packet.
local limit = bpf.option({ limit = 60 }).limit
local labels = bpf.map('array', 128, 'uint32_t', 'uint64_t')

local dns_names = bpf.xdp(function()
	local udp = pkt.ip.udp
	if not udp or udp.dst_port ~= 53 then return XDP_PASS end
	local name = udp.data + 12
	local n, length = 0, 0
	while name[length] ~= 0 do
		if name[length] > 63 then return XDP_PASS end -- a pointer: not in a query
		length = length + name[length] + 1
		n = n + 1
	end
	xadd(labels[n], 1)
	if length > limit then return XDP_DROP end
	return XDP_PASS
end)
