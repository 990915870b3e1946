-- Counts calls of a function of the kernel as they return: the function is
-- compiled alone, its context cast, and attached later.
local ffi = require('ffi')
local bpf = require('bpf')
local S = require('syscall')

local calls = assert(bpf.map('array', 1))
local count = assert(bpf(function (ptregs)
	local regs = ffi.cast('struct pt_regs', ptregs)
	xadd(calls[0], 1)
end))
local probe = assert(bpf.kprobe('mine:ksys_write', count, true))

pcall(function ()
	while true do
		print('writes', tonumber(calls[0]))
		S.sleep(1)
	end
end)
probe:close()
