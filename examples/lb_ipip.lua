-- A load balancer: connections to the service's address go to one of the
-- backends, always the same for a connection, in an IP tunnel.
local service = bpf.ip('192.0.2.10')
local backends = {
	{ ip = bpf.ip('10.0.1.1'), mac = 0x0a0000000101 },
	{ ip = bpf.ip('10.0.1.2'), mac = 0x0a0000000102 },
	{ ip = bpf.ip('10.0.1.3'), mac = 0x0a0000000103 },
}

local address = bpf.map('array', #backends, 'uint32_t', '__be32')
local mac = bpf.map('array', #backends, 'uint32_t', 'uint64_t')
local sent = bpf.map('percpu_array', #backends, 'uint32_t', 'uint64_t')
for i, b in ipairs(backends) do
	address[i - 1], mac[i - 1] = b.ip, b.mac
end

-- A mix of what names a connection (the last steps of MurmurHash3).
local function hash(a, b, c)
	local h = bpf.u32(a ~ b * 0x85ebca6b ~ c * 0xc2b2ae35)
	h = bpf.u32((h ~ h >> 16) * 0x85ebca6b)
	h = bpf.u32((h ~ h >> 13) * 0xc2b2ae35)
	return h ~ h >> 16
end

local lb_ipip = bpf.xdp(function()
	local ip = pkt.ip
	if not ip or ip.dst ~= service or ip.frag then return XDP_PASS end
	local l4 = ip.tcp or ip.udp
	if not l4 then return XDP_PASS end
	local to = hash(ip.src, ip.dst, l4:u32()) % #backends -- both ports
	local length, tos, src = ip.tlen, ip.tos, pkt.dst

	if pkt:adjust_head(-20) ~= 0 then return XDP_ABORTED end
	pkt.dst, pkt.src, pkt.type = mac[to], src, ETH_P_IP
	local outer = pkt.ip
	outer.ver, outer.hlen, outer.tos, outer.tlen = 4, 5, tos, length + 20
	outer:u32(4, 0x4000) -- not to be fragmented
	outer.ttl, outer.proto = 64, IPPROTO_IPIP
	outer.src, outer.dst = service, address[to]
	outer:checksum()
	xadd(sent[to], 1)
	return XDP_TX
end)
