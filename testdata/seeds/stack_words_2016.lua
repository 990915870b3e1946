-- What the compilers of that time had besides: arithmetic on bits, numbers by
-- size, memory on the stack, bytes loaded by a helper, forward jumps.
local ffi = require('ffi')
local bpf = require('bpf')

ffi.cdef 'struct entry { uint64_t sum; uint32_t last; uint32_t n; };'
local entries = bpf.map('hash', 64, ffi.typeof('uint64_t'), ffi.typeof('struct entry'))
local per_cpu = bpf.map('array', 64, ffi.typeof('uint32_t'), ffi.typeof('uint64_t'))
local limit, ports = 100, { 53, 80, 443 }

assert(bpf.socket('lo', function (skb)
	local word = ffi.new('uint32_t [1]')
	load_bytes(0, word)
	if skb.len > limit or skb.pkt_type == 4 then goto skip end
	do
		local key = ffi.new('uint64_t')
		local hash = bit.bxor(bit.lshift(skb.hash, 3), bit.rshift(skb.mark, 2), bit.band(word[0], 0xff))
		local e = entries[hash]
		if not e then
			local new = ffi.new('struct entry')
			new.last = ntoh(skb.protocol, 16)
			entries[hash] = new
		else
			xadd(e, skb.len, 'sum')
			e.n = e.n + 1
		end
	end
	::skip::
	xadd(per_cpu[cpu()], 1)
	if ports[2] == 80 and pkt.ip.tcp.dst_port == string.byte('P') then return 1 end
	return 0
end))
