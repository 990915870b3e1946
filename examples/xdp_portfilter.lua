-- Drops TCP connection attempts and UDP packets to ports that user space has
-- put into the map 'blocked', and counts what it dropped there.
local blocked = bpf.map('hash', 1024, 'uint16_t', 'uint64_t')

-- What is too short to have a port is not ours to judge.
local function drops(port)
	local n = blocked[port]
	if n then
		xadd(n, 1)
		return true
	end
	return false
end

local xdp_portfilter = bpf.xdp(function()
	local tcp, udp = pkt.ip.tcp, pkt.ip.udp
	if tcp then
		if tcp.flag_syn and not tcp.flag_ack and drops(tcp.dst_port) then
			return 1 -- XDP_DROP
		end
	elseif udp then
		if drops(udp.dst_port) then
			return 1
		end
	end
	return 2 -- XDP_PASS
end)
