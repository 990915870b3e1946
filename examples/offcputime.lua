-- Where threads leave the CPU, and how long they stay away: microseconds by
-- command and kernel stack. -D pid=N is one process's, -D min=N leaves out what
-- is shorter.
local opt = bpf.option { pid = 0, min = 1, seconds = 10 }

ffi.cdef 'struct place { uint32_t pid; int32_t stack; char comm[16]; };'
local stacks = bpf.map('stack_trace', 4096)
local away = bpf.map('hash', 10240, 'uint32_t', 'struct { int64_t since; int32_t stack; }')
local total = bpf.map('hash', 10240, 'struct place', 'uint64_t')

bpf.tp_btf('sched_switch', function(preempt, prev, next)
	if prev.pid ~= 0 and (opt.pid == 0 or prev.tgid == opt.pid) then
		away[prev.pid] = { since = time(), stack = stack_id(stacks, BPF.F_FAST_STACK_CMP) }
	end
	local left = away[next.pid]
	if not left then return end
	local us = (time() - left.since) / 1000
	if us >= opt.min then
		total:add({ pid = next.tgid, stack = left.stack, comm = next.comm }, us)
	end
	away[next.pid] = nil
end)

require('syscall').sleep(opt.seconds)
for place, us in total:pairs() do
	print(string.format('%s (%d): %d us', ffi.string(place.comm), place.pid, us))
	for _, ip in ipairs(stacks[place.stack] or {}) do print('    ' .. bpf.ksym(ip)) end
end
