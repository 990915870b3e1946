-- Lets every source send 'rate' packets a second and 'burst' at once, and drops
-- what is more. A source is an IPv4 address or an IPv6 network of 64 bits.
local opt = bpf.option { rate = 1000, burst = 100 }
local cost = 1000000000 // opt.rate -- of a packet, in nanoseconds of saving
local most = opt.burst * cost

-- Two CPUs may spend the same credit at once: a packet too many, now and then.
ffi.cdef 'struct bucket { uint64_t credit, last; }'
local buckets = bpf.map('lru_hash', 65536, 'uint64_t', 'struct bucket')

local token_bucket = bpf.xdp(function()
	local from = pkt.ip and pkt.ip.src or pkt.ip6 and pkt.ip6.src_hi
	if not from then return XDP_PASS end
	local now = time()
	local b = buckets:init(from, { credit = most, last = now })
	b.credit = math.min(b.credit + now - b.last, most)
	b.last = now
	if b.credit < cost then return XDP_DROP end
	b.credit = b.credit - cost
	return XDP_PASS
end)
