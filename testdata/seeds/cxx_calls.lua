-- Watches a C++ method: the keys that it is called with, of one type or of all.
local opt = bpf.option { target = '/usr/lib/libstore.so:store::Table::put', type = 3, key = '' }

local puts = bpf.map('hash', 1024, 'char [40]', 'uint64_t')

bpf.uprobe(opt.target, function (regs)
	if opt.type >= 0 and regs.parm5 ~= opt.type then return end
	local key = ffi.new('char [40]')
	ffi.copy(key, ffi.cast('char *', regs.parm2))
	if opt.key ~= '' and key ~= opt.key then return end
	puts:add(key, 1)
end, { name = 'cxx_calls' })

bpf.interval(1, function ()
	for key, n in puts:pairs() do print(ffi.string(key), n) end
end)
