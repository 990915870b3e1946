-- How long block devices take for a request: a histogram of the logarithms of
-- microseconds for each device.
local opt = bpf.option { seconds = 10 }

ffi.cdef [[
struct request { uint32_t dev; uint64_t sector; };
struct slot { uint32_t dev, log2; };
]]
local issued = bpf.map('lru_hash', 10240, 'struct request', 'int64_t')
local took = bpf.map('hash', 4096, 'struct slot', 'uint64_t')

bpf.tracepoint('block/block_rq_issue', function(ev)
	issued[{ dev = ev.dev, sector = ev.sector }] = time()
end, { record = 'trace_event_raw_block_rq' })

bpf.tracepoint('block/block_rq_complete', function(ev)
	local key = ffi.new('struct request', { dev = ev.dev, sector = ev.sector })
	local since = issued[key]
	if not since then return end
	took:add({ dev = ev.dev, log2 = math.log2((time() - since) / 1000) }, 1)
	issued[key] = nil
end, { record = 'trace_event_raw_block_rq_completion' })

require('syscall').sleep(opt.seconds)
for slot, n in took:pairs() do
	print(string.format('%d:%d  2^%d us  %d', slot.dev / 2^20, slot.dev % 2^20, slot.log2, n))
end
