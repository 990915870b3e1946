-- Counts the connections that each address asks for and drops its SYNs while
-- there are more than 'limit' in a second. Who is quiet is forgotten first.
local limit = bpf.option({ limit = 100 }).limit
local SECOND = 1000000000

ffi.cdef 'struct asked { uint64_t since; uint32_t syns, dropped; }'
local asked = bpf.map('lru_hash', 65536, '__be32', 'struct asked')

local syn_flood = bpf.xdp(function()
	local tcp = pkt.ip.tcp
	if not tcp or not tcp.flag_syn or tcp.flag_ack then return XDP_PASS end
	local now = time()
	local a = asked:init(pkt.ip.src, { since = now })
	if now - a.since > SECOND then a.since, a.syns = now, 0 end
	xadd(a.syns, 1)
	if a.syns <= limit then return XDP_PASS end
	xadd(a.dropped, 1)
	return XDP_DROP
end)
