-- Counts HTTP requests by method. A request is known by the first bytes of a
-- TCP segment, so one whose method is cut in two is missed.
local methods = { 'GET ', 'POST', 'PUT ', 'HEAD', 'DELE', 'PATC', 'OPTI' }
local requests = bpf.map('array', #methods + 1, 'uint32_t', 'uint64_t')

local http_methods = bpf.socket(function()
	local tcp = pkt.ip.tcp
	if tcp then
		local start = tcp.data(0, 4)
		for i, m in ipairs(methods) do
			-- The method's four bytes as the big-endian number they are.
			local a, b, c, d = string.byte(m, 1, 4)
			if start == a << 24 | b << 16 | c << 8 | d then
				xadd(requests[i], 1)
			end
		end
	end
end)
