-- Sends the lines that a shell reads to user space through a perf buffer.
local ffi = require('ffi')
local bpf = require('bpf')

local sample_t = 'struct { uint64_t pid; char str[80]; }'
local events = assert(bpf.map('perf_event_array'))

local probe = assert(bpf.uprobe('/bin/bash:readline', function (ptregs)
	local sample = ffi.new(sample_t)
	sample.pid = pid_tgid()
	ffi.copy(sample.str, ffi.cast('char *', ptregs.ax))
	perf_submit(events, sample)
end, true, -1, 0))

local log = events:reader(nil, 0, sample_t)
while true do
	log:block()
	for _, e in log:read() do
		print(os.date('%T'), tonumber(e.pid), ffi.string(e.str))
	end
end
