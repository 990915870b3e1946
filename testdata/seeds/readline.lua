-- Prints the lines that a shell reads into the kernel's log.
bpf.uretprobe('/bin/bash:readline', function (regs)
	print('%s: %s', comm(), ffi.cast('char *', regs.ret))
end)

local log = bpf.tracelog()
while true do print(log:read()) end
