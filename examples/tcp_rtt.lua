-- The smoothed round-trip times of TCP connections, read as they are measured: a
-- histogram of logarithms of microseconds for each remote address.
local opt = bpf.option { cgroup = '/sys/fs/cgroup' }

ffi.cdef 'struct rtt { uint64_t samples; uint32_t min, max; uint32_t log2[24]; };'
local rtts = bpf.map('lru_hash', 4096, '__be32', 'struct rtt')

bpf.sock_ops(function(ctx)
	if ctx.op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB or ctx.op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB then
		bpf.helper.sock_ops_cb_flags_set(BPF_SOCK_OPS_RTT_CB_FLAG)
	elseif ctx.op == BPF_SOCK_OPS_RTT_CB and ctx.family == AF_INET then
		local us = ctx.srtt_us >> 3
		local rtt = rtts:init(ctx.remote_ip4, { min = 0xffffffff })
		if not rtt then return end
		xadd(rtt.samples, 1)
		rtt.min, rtt.max = math.min(rtt.min, us), math.max(rtt.max, us)
		xadd(rtt.log2[math.min(math.log2(us), 23)], 1)
	end
end, { name = 'tcp_rtt' })
