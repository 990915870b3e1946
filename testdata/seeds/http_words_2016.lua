-- Counts what HTTP messages begin with: four bytes of the payload are the key.
local ffi = require('ffi')
local bpf = require('bpf')
local S = require('syscall')

local words = assert(bpf.map('hash', 64))
local sock = assert(bpf.socket('lo', function (skb)
	if skb.ingress_ifindex == 0 then return end
	local data = pkt.ip.tcp.data
	if data + 7 > skb.len then return end
	local word = data(0, 4)
	if word == 'HTTP' or word == 'GET ' or word == 'POST' or word == 'PUT ' or word == 'HEAD' or word == 'DELE' then
		local n = words[word]
		if not n then
			words[word] = 1
		else
			xadd(words[word], 1)
		end
	end
end))

for _ = 1, 10 do
	local text = ffi.new('uint32_t [1]')
	for k, v in words.pairs, words, nil do
		text[0] = bpf.ntoh(k)
		print(ffi.string(text, 4), tonumber(v))
	end
	S.sleep(1)
end
