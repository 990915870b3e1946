-- Prints the lines that are typed into any bash: what readline returns.
-- -D path=... is where bash, or a library of readline's, is.
local opt = bpf.option { path = '/bin/bash' }

ffi.cdef 'struct line { uint32_t pid; char text[124]; };'
local lines = bpf.map('perf_event_array', nil, nil, 'struct line')

bpf.uretprobe(opt.path .. ':readline', function(regs)
	if regs.ret == 0 then return end
	lines:output { pid = pid(), text = ffi.cast('char *', regs.ret) }
end, { name = 'bashreadline' })

lines:poll(function(line) print(string.format('%-7d %s', line.pid, ffi.string(line.text))) end)
