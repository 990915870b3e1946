-- A stateless firewall: networks by longest prefix, then ports. What no rule
-- names is dropped, except what IP needs to work.
local config = {
	networks = {
		['10.0.0.0/8'] = 'trust', -- everything
		['10.66.0.0/16'] = 'check', -- what the ports below say
		['10.66.6.0/24'] = 'drop',
		['0.0.0.0/0'] = 'check',
	},
	tcp = { 22, 80, 443 },
	udp = { 53, 123 },
}

local verdicts = { drop = 0, check = 1, trust = 2 }

ffi.cdef 'struct network { uint32_t length; __be32 address; }'
local networks = bpf.map('lpm_trie', 1024, 'struct network', 'uint32_t')
for cidr, verdict in pairs(config.networks) do
	local address, length = bpf.cidr(cidr)
	networks[{ length = length, address = address }] = verdicts[verdict]
end

-- Ports as protocol and number.
local open = bpf.map('hash', 1024, 'uint32_t', 'uint32_t')
for _, port in ipairs(config.tcp) do open[IPPROTO_TCP << 16 | port] = 1 end
for _, port in ipairs(config.udp) do open[IPPROTO_UDP << 16 | port] = 1 end

local dropped = bpf.map('percpu_array', 1, 'uint32_t', 'uint64_t')

local function accepts(ip)
	local verdict = networks[{ length = 32, address = ip.src }]
	if verdict ~= verdicts.check then return verdict == verdicts.trust end
	if ip.icmp then return true end
	-- replies: what is no attempt to connect
	if ip.tcp and not (ip.tcp.flag_syn and not ip.tcp.flag_ack) then return true end
	local to = ip.tcp or ip.udp
	return to and open[ip.proto << 16 | to.dst_port] ~= nil
end

local firewall = bpf.xdp(function()
	if pkt.arp then return XDP_PASS end
	if pkt.ip and accepts(pkt.ip) then return XDP_PASS end
	xadd(dropped[0], 1)
	return XDP_DROP
end, { on_short = XDP_DROP })
