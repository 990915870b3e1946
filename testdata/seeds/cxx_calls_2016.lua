-- Watches a C++ method, picked by its name as people write it; what the command
-- line says is built into the code: which types, whether keys are looked at.
local ffi = require('ffi')
local bpf = require('bpf')

local target = arg[1] or '/usr/lib/libstore.so:store::Table::put'
local want_type, want_key = arg[2] or '3', arg[3] or 'root'
if want_key == 'help' then
	print('usage: cxx_calls object:symbol [type|any] [key|*]')
	os.exit(1)
end
local key_len = #want_key
local key_type = string.format('char [%d]', key_len + 1)
if want_type ~= 'any' then want_type = tonumber(want_type) end

local prog = assert(bpf(function (ptregs)
	local req = ffi.cast('struct pt_regs', ptregs)
	if want_type ~= 'any' then
		if req.parm5 ~= want_type then return end
	end
	if want_key ~= '*' then
		if req.parm3 ~= key_len then return end
		local key = ffi.new(key_type)
		ffi.copy(key, ffi.cast('char *', req.parm2))
		if key ~= want_key then return end
		print('%s put:%d\n', key, req.parm5)
	else
		local line = ffi.new('char [40]')
		ffi.copy(line, ffi.cast('char *', req.parm2))
		print('%s put:%d\n', line, req.parm5)
	end
end))
local probe = assert(bpf.uprobe(target, prog, false, -1, 0))
local log = bpf.tracelog()
while true do print(log:read()) end
