-- Reports TCP connections that open, close or break off: a record of ten fields for
-- each such segment, through a ring buffer. The record is filled in place; where there
-- is no room in the ring, the segment is counted as lost.
ffi.cdef [[
struct event {
  uint64_t bytes;          // of the frame
  __be32 src, dst;
  __be16 src_port, dst_port;
  uint16_t window;
  uint8_t ttl, flags;
  uint32_t seq;
  char what[12];           // 'open', 'close' or 'reset'
  char data[16];           // the first bytes of the payload
};
]]

local events = bpf.map('ringbuf', 64 * 1024, nil, 'struct event')
local lost = bpf.map('percpu_array', 1, 'uint32_t', 'uint64_t')

bpf.xdp(function(ctx)
	local ip = pkt.ip
	local tcp = ip and ip.tcp
	if not tcp or not (tcp.flag_syn or tcp.flag_fin or tcp.flag_rst) then return XDP_PASS end

	local e = events:reserve()
	if not e then
		lost:add(0, 1)
		return XDP_PASS
	end
	e.bytes = #pkt
	e.src, e.dst = ip.src, ip.dst
	e.src_port, e.dst_port = tcp.src_port, tcp.dst_port
	e.window, e.ttl, e.seq = tcp.rcv_wnd, ip.ttl, tcp.seq_num
	e.flags = tcp(13, 14)
	if tcp.flag_rst then
		e.what = 'reset'
	elseif tcp.flag_fin then
		e.what = 'close'
	else
		e.what = 'open'
	end
	if tcp.data:has(16) then e.data = tcp.data(0, 16) end
	e:submit()
	return XDP_PASS
end)
