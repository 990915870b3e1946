-- Prints the lines that a shell reads into the kernel's log: the result of a
-- function of a program, by the register it is in.
local ffi = require('ffi')
local bpf = require('bpf')

local prog = assert(bpf(function (ptregs)
	local req = ffi.cast('struct pt_regs', ptregs)
	local line = ffi.new('char [40]')
	ffi.copy(line, ffi.cast('char *', req.ax))
	print('%s\n', line)
end))
local probe = assert(bpf.uprobe('/bin/bash:readline', prog, true, -1, 0))

local ok, err = pcall(function ()
	local log = bpf.tracelog()
	print('TASK-PID CPU# TIMESTAMP FUNCTION')
	while true do
		print(log:read())
	end
end)
