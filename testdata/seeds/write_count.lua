-- Counts calls of a function of the kernel as they return, and the bytes that
-- they wrote.
local calls = bpf.map('array', 2, 'uint32_t', 'uint64_t')

bpf.kretprobe('ksys_write', function (regs, written)
	xadd(calls[0], 1)
	if written > 0 then xadd(calls[1], written) end
end)

bpf.interval(1, function () print('writes', calls[0], 'bytes', calls[1]) end)
