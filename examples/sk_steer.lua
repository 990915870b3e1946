-- One socket serves a range of ports: connections and datagrams to ports 7000 to
-- 7007 of this machine go to the socket that user space puts into the map, by
-- the protocol.
local first, last = 7000, 7007

local servers = bpf.map('sockmap', 2, 'uint32_t', 'uint64_t')
local steered = bpf.map('array', last - first + 1, 'uint32_t', 'uint64_t')

bpf.sk_lookup(function(ctx)
	local port = ctx.local_port
	if port < first or port > last then return SK_PASS end
	local slot = ctx.protocol == IPPROTO_TCP and 0 or 1
	local sk = bpf.helper.map_lookup_elem(servers, slot)
	if not sk then return SK_PASS end
	local err = bpf.helper.sk_assign(sk, 0)
	bpf.helper.sk_release(sk)
	if err ~= 0 then return SK_DROP end
	xadd(steered[port - first], 1)
	return SK_PASS
end, { name = 'sk_steer' })
