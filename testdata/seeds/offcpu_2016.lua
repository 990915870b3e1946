-- Where threads leave the CPU and for how long, by name and stack: the tracepoint's
-- record is the argument, a struct on the stack the key.
local ffi = require('ffi')
local bpf = require('bpf')
local S = require('syscall')

ffi.cdef [[
unsigned long long strtoull(const char *text, char **end, int base);
struct where { char name[16]; int32_t stack_id; };
]]
local key_t = ffi.typeof('struct where')
local starts = assert(bpf.map('hash', 512, ffi.typeof('uint32_t'), ffi.typeof('uint64_t')))
local counts = assert(bpf.map('hash', 512, key_t, ffi.typeof('uint64_t')))
local traces = assert(bpf.map('stack_trace', 16))

local probe = assert(bpf.tracepoint('sched/sched_switch', function (arg)
	local pid, now = arg.prev_pid, time()
	starts[pid] = now
	pid = arg.next_pid
	local from = starts[pid]
	if not from then
		return 0
	end
	local delta = (now - from) / 1000
	starts[pid] = nil
	local key = ffi.new(key_t)
	comm(key.name)
	key.stack_id = stack_id(traces, BPF.F_FAST_STACK_CMP)
	if not counts[key] then
		counts[key] = 0
	end
	xadd(counts[key], delta)
end, 0, -1))

local symbols = {}
for line in io.lines('/proc/kallsyms') do
	local address, name = line:match('^(%x+) %a (%S+)')
	if address then symbols[#symbols + 1] = { ffi.C.strtoull(address, nil, 16), name } end
end
pcall(function ()
	while true do
		for k, v in counts.pairs, counts, nil do
			print(ffi.string(k.name), tonumber(v))
			local trace = traces[k.stack_id]
			for i, ip in ipairs(trace) do print(i, ip) end
		end
		S.sleep(1)
	end
end)
