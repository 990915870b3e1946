-- A histogram of how long requests to disks take, from and to which function of
-- the kernel by option.
local opt = bpf.option { from = 'blk_mq_start_request', to = 'blk_account_io_done' }

local began = bpf.map('lru_hash', 512, 'uint64_t', 'int64_t')
local times = bpf.map('array', 100, 'uint32_t', 'uint64_t')

bpf.kprobe(opt.from, function (regs) began[regs.parm1] = time() end)

bpf.kprobe(opt.to, function (regs)
	local since = began[regs.parm1]
	if not since then return end
	began[regs.parm1] = nil
	times:add(math.min(3 * math.log2(time() - since), #times - 1), 1)
end)

bpf.interval(5, function () times:print_hist() end)
