-- A histogram of how long a pair of functions of the kernel are apart: a start
-- kept by the first parameter, and an end that finds it. Logarithms make bins.
local ffi = require('ffi')
local bpf = require('bpf')
local S = require('syscall')

local bins = 100
local began = assert(bpf.map('hash', 512, ffi.typeof('uint64_t'), ffi.typeof('uint64_t')))
local times = assert(bpf.map('array', bins))

local start = assert(bpf(function (ptregs)
	local req = ffi.cast('struct pt_regs', ptregs)
	began[req.parm1] = time()
end))

local finish = assert(bpf(function (ptregs)
	local req = ffi.cast('struct pt_regs', ptregs)
	local delta = time() - began[req.parm1]
	local bin = 3 * math.log2(delta)
	if bin >= bins then
		bin = bins - 1
	end
	xadd(times[bin], 1)
	return true
end))

local probes = {
	assert(bpf.kprobe('first:blk_mq_start_request', start, false, -1, 0)),
	assert(bpf.kprobe('last:blk_account_io_done', finish, false, -1, 0)),
}

local function histogram(map)
	local highest = 0
	for i = 1, bins do
		highest = math.max(highest, tonumber(map[i - 1] or 0))
	end
	for i = 1, bins do
		local n = tonumber(map[i - 1] or 0)
		if n > 0 then
			print(string.format('%8d ns %6d %s', math.floor(2 ^ ((i - 1) / 3)), n, string.rep('#', math.floor(40 * n / highest))))
		end
	end
end

pcall(function ()
	while true do
		S.sleep(5)
		histogram(times)
	end
end)
