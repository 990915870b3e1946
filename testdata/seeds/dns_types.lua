-- Counts the types that DNS queries ask for, whatever carries them and however
-- long their names are.
local types = bpf.map('hash', 256, 'uint16_t', 'uint64_t')

bpf.socket('lo', function ()
	local udp = pkt.l3.udp
	if not udp or udp.dst_port ~= 53 then return end
	local p = udp.data + 12
	for _ = 1, 127 do
		if p[0] == 0 then break end
		p = p + p[0] + 1
	end
	if p[0] == 0 then types:add(p:u16(1), 1) end
end, { name = 'dns_types' })

bpf.interval(1, function ()
	for qtype, n in types:pairs() do print('type', qtype, n) end
end)
