-- Where threads leave the CPU and for how long, by name and stack.
local starts = bpf.map('hash', 512, 'uint32_t', 'struct { int64_t at; int32_t stack; }')
local counts = bpf.map('hash', 512, 'struct { char name[16]; int32_t stack; }', 'uint64_t')
local traces = bpf.map('stack_trace', 1024)

bpf.tracepoint('sched/sched_switch', function (ev)
	starts[ev.prev_pid] = { at = time(), stack = stack_id(traces, BPF.F_FAST_STACK_CMP) }
	local from = starts[ev.next_pid]
	if not from then return end
	counts:add({ name = ev.next_comm, stack = from.stack }, (time() - from.at) / 1000)
	starts[ev.next_pid] = nil
end)

bpf.interval(1, function ()
	for key, us in counts:pairs() do
		print(ffi.string(key.name), us)
		for _, ip in ipairs(traces[key.stack] or {}) do print('', bpf.ksym(ip)) end
	end
end)
