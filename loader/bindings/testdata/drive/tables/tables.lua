-- Initial contents, records without a structure, a perf buffer, two programs.
ffi.cdef [[ struct sample { uint64_t length; uint32_t mark; }; ]]
local ports = bpf.map('hash', 16, 'uint16_t', 'uint32_t')
local slots = bpf.map('percpu_array', 4, 'uint32_t', 'uint64_t')
local lengths = bpf.map('ringbuf', 4096, nil, 'uint32_t')
local samples = bpf.map('perf_event_array', nil, nil, 'struct sample')
ports[80], ports[443] = 1, 2
slots[2] = 40

local socket = bpf.socket(function(skb)
	lengths:output(skb.len)
	return skb.len
end)

local mark = bpf.tc(function(skb)
	local n = ports[443]
	slots[2] = slots[2] + n
	samples:output { length = skb.len, mark = 77 }
	return TC_ACT_OK
end)
