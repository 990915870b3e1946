-- Counts what HTTP messages begin with, by the words themselves.
local words = bpf.map('hash', 64, 'char [8]', 'uint64_t')
local methods = { 'GET ', 'PUT ', 'POST ', 'HEAD ', 'DELETE ', 'OPTIONS ', 'PATCH ', 'HTTP/1.' }

bpf.socket('lo', function ()
	local tcp = pkt.ip.tcp
	if not tcp or not tcp.data:has(8) then return end
	for _, method in ipairs(methods) do
		if tcp.data(0, #method) == method then
			words:add(method, 1)
			return
		end
	end
end, { name = 'http_words' })

bpf.interval(1, function ()
	for word, n in words:pairs() do print(ffi.string(word), n) end
end)
