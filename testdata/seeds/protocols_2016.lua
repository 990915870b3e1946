-- Counts packets and bytes by protocol: the function takes no parameter, is
-- compiled alone and passed on.
local bpf = require('bpf')
local S = require('ljsyscall')

local packets = bpf.map('hash', 256)
packets[1], packets[6], packets[17] = 0, 0, 0
local bytes = bpf.map('array', 256, 'uint32_t', 'uint64_t')

local count = assert(bpf(function ()
	local proto = pkt.ip.proto
	xadd(packets[proto], 1)
	xadd(bytes[proto], skb.len)
end))
local sock = assert(bpf.socket('lo', count))

for _ = 1, 10 do
	local icmp, udp, tcp = packets[1], packets[17], packets[6]
	print('TCP', tcp, 'UDP', udp, 'ICMP', icmp, 'packets', tonumber(bytes[6]), 'bytes')
	S.sleep(1)
end
