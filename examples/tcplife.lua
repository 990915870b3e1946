-- Prints the TCP connections that end: how long they lived, and the bytes that
-- were sent and received.
ffi.cdef [[
struct lived { uint32_t pid; __be32 from, to; uint16_t local_port, port; uint64_t ns, sent, received; char comm[16]; };
struct begun { int64_t at; uint32_t pid; char comm[16]; };
]]
local begun = bpf.map('lru_hash', 10240, 'uint64_t', 'struct begun') -- by socket
local events = bpf.map('ringbuf', 256 * 1024, nil, 'struct lived')

bpf.tp_btf('inet_sock_set_state', function(sk, old, new)
	local key = ffi.cast('uint64_t', sk)
	-- A connection begins where its process is at work: on this side with the SYN
	-- that is sent, on the other when it is there.
	if new == TCP_SYN_SENT or new == TCP_ESTABLISHED and not begun[key] then
		begun[key] = { at = time(), pid = pid(), comm = comm() }
	end
	if new ~= TCP_CLOSE then return end
	local from = begun[key]
	if not from then return end
	local tcp, ends = ffi.cast('struct tcp_sock *', sk), sk.__sk_common
	local port = ffi.cast('struct inet_sock *', sk).inet_sport -- skc_num is 0 by now
	events:output { pid = from.pid, comm = from.comm, ns = time() - from.at, from = ends.skc_rcv_saddr, to = ends.skc_daddr,
		local_port = port, port = ends.skc_dport, sent = tcp.bytes_acked, received = tcp.bytes_received }
	begun[key] = nil
end)

local function dotted(a)
	return string.format('%d.%d.%d.%d', a / 2 ^ 24, a / 2 ^ 16 % 256, a / 2 ^ 8 % 256, a % 256)
end

print('PID     COMM             MS       SENT  RECEIVED  FROM TO')
events:poll(function(e)
	print(string.format('%-7d %-16s %-5d %8d %8d  %s:%d %s:%d', e.pid, ffi.string(e.comm), e.ns / 1000000, e.sent, e.received,
		dotted(e.from), e.local_port, dotted(e.to), e.port))
end)
