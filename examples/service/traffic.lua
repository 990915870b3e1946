-- Counts packets and bytes of each IP protocol, and tells of TCP connections that
-- begin and break off.
ffi.cdef [[
struct count { uint64_t packets, bytes; };
enum what { OPENED, BROKEN };
struct event { enum what what; __be32 from, to; __be16 port; };
]]

local counts = bpf.map('percpu_array', 256, 'uint32_t', 'struct count')
local events = bpf.map('ringbuf', 64 * 1024, nil, 'struct event')
local lost = bpf.global('uint64_t')

local traffic = bpf.tc(function(skb)
	local ip, ip6 = pkt.ip, pkt.ip6
	if not (ip or ip6) then return end
	local proto = ip and ip.proto or ip6.next_header
	local c = counts[proto]
	c.packets = c.packets + 1
	c.bytes = c.bytes + skb.len

	local tcp = ip and ip.tcp
	if not tcp or not (tcp.flag_syn or tcp.flag_rst) or tcp.flag_syn and tcp.flag_ack then return end
	local e = events:reserve()
	if not e then
		xadd(lost[0], 1)
		return
	end
	e.what = 0
	if tcp.flag_rst then e.what = 1 end
	e.from, e.to, e.port = ip.src, ip.dst, tcp.dst_port
	e:submit()
end)
