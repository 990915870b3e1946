-- Sends the lines that a shell reads to user space through a perf buffer.
local lines = bpf.map('perf_event_array', nil, nil, 'struct { uint32_t pid; char text[80]; }')

bpf.uretprobe('/bin/bash:readline', function (regs)
	lines:output { pid = pid(), text = ffi.cast('char *', regs.ret) }
end)

lines:poll(function (line, cpu) print(cpu, line.pid, ffi.string(line.text)) end)
