-- Marks what leaves an interface, for policy routing and queueing disciplines:
-- the mark and the DSCP of a packet are those of its port.
ffi.cdef 'struct class { uint32_t mark; uint8_t dscp; uint64_t packets; };'
local classes = bpf.map('hash', 256, 'uint16_t', 'struct class')

bpf.tc('lo', 'egress', function(skb)
	local ip = pkt.ip
	if not ip then return TC_ACT_OK end
	local l4 = ip.tcp or ip.udp
	if not l4 then return TC_ACT_OK end
	local class = classes[l4.dst_port]
	if not class then return TC_ACT_OK end
	skb.mark = class.mark
	ip:replace('tos', class.dscp << 2 | ip.tos & 3)
	xadd(class.packets, 1)
	return TC_ACT_OK
end, { name = 'tc_mark' })
