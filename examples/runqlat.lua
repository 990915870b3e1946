-- How long threads wait for a CPU after they could run: a histogram of the
-- logarithms of microseconds. -D pid=N is one process's.
local opt = bpf.option { pid = 0, seconds = 10 }

local ready = bpf.map('hash', 10240, 'uint32_t', 'int64_t') -- since when, by thread
local waited = bpf.map('percpu_array', 32, 'uint32_t', 'uint64_t')

local function wake(p)
	if opt.pid == 0 or p.tgid == opt.pid then ready[p.pid] = time() end
end

bpf.tp_btf('sched_wakeup', wake, { name = 'wakeup' })
bpf.tp_btf('sched_wakeup_new', wake, { name = 'wakeup_new' })

bpf.tp_btf('sched_switch', function(preempt, prev, next)
	if prev.__state == 0 then wake(prev) end -- it could go on, and waits again
	local since = ready[next.pid]
	if not since then return end
	waited:add(math.min(math.log2((time() - since) / 1000), 31), 1)
	ready[next.pid] = nil
end)

require('syscall').sleep(opt.seconds)
waited:print_hist()
