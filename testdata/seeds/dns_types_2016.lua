-- Counts the types that DNS queries ask for: two labels of the name are skipped
-- by hand.
local bpf = require('bpf')
local S = require('syscall')

local types = assert(bpf.map('array', 256))
local sock = assert(bpf.socket('lo', function (skb)
	local ip = pkt.ip
	if ip.proto ~= c.ip.proto_udp then return false end
	local udp = ip.udp
	if udp.length < 12 then return false end
	udp = udp.data + 12
	local label = udp[0]
	if label > 0 then
		udp = udp + label + 1
		label = udp[0]
		if label > 0 then
			udp = udp + label + 1
		end
	end
	if udp[0] == 0 then
		local qtype = udp[2]
		xadd(types[qtype], 1)
	end
end))

for _ = 1, 10 do
	for k, v in types.pairs, types, 0 do
		if v > 0 then print(string.format('type %d: %d', k, v)) end
	end
	S.sleep(1)
end
