-- Everything that a type may have: padding, bit-fields, unions, arrays, enumerations,
-- a packed structure, numbers in network order; variables, and records of a ring buffer.
ffi.cdef [[
enum verdict { VERDICT_PASS, VERDICT_LOG = 5, VERDICT_DROP = 200 };
struct addr { __be32 ip; __be16 port; };
struct flow { struct addr from, to; uint8_t proto; };
union extra { uint64_t whole; struct { uint32_t low, high; } half; uint8_t bytes[8]; };
struct state {
	uint8_t seen;
	uint64_t bytes, packets;
	uint32_t syn : 1, level : 5;
	int32_t delta : 7;
	uint16_t sizes[3];
	union extra extra;
	union { uint32_t tag; uint16_t parts[2]; };
	enum verdict verdict;
	bool last;
};
struct __attribute__((packed)) event {
	uint8_t what;
	uint32_t length;
	__be16 port;
	char name[5];
	struct addr from;
};
struct config { uint32_t minimum; bool enabled; };
]]

local flows = bpf.map('hash', 64, 'struct flow', 'struct state')
local events = bpf.map('ringbuf', 4096, nil, 'struct event')
local total = bpf.global('uint64_t')
local config = bpf.global('struct config')
local limit = bpf.const('uint32_t', 60)

local count = bpf.xdp(function()
	local ip = pkt.ip
	if not (config.enabled ~= 0 and ip and ip.udp) then return XDP_PASS end
	total[0] = total[0] + 1
	local key = { from = { ip = ip.src, port = ip.udp.src_port }, to = { ip = ip.dst, port = ip.udp.dst_port }, proto = ip.proto }
	local s = flows:init(key)
	if not s then return XDP_ABORTED end
	s.seen = 1
	s.packets = s.packets + 1
	s.bytes = s.bytes + #pkt
	s.syn, s.level, s.delta = 1, 21, -3
	s.sizes = { 1, 2, #pkt }
	s.extra.half.low, s.extra.half.high = 7, 9
	s.tag = 0x01020304
	s.verdict = 200
	s.last = true
	if #pkt >= limit[0] then
		events:output { what = 3, length = #pkt, port = ip.udp.dst_port, name = 'abc', from = { ip = ip.src, port = 258 } }
	end
	return XDP_DROP
end)
