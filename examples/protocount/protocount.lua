-- Counts packets by the protocol their IP header names.
local counts = bpf.map('array', 256, 'uint32_t', 'uint64_t')

local protocount = bpf.socket('lo', function()
	if pkt.ip then
		xadd(counts[pkt.ip.proto], 1)
	elseif pkt.ip6 then
		xadd(counts[pkt.ip6.next_header], 1)
	end
end)
