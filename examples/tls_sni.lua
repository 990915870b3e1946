-- Drops TLS handshakes with the hosts of the list: it finds the server name in
-- the ClientHello, if that is in the first segment, and looks up its hash.
local hosts = { 'ads.example.com', 'tracker.example.net' }

-- The same function on both sides: the list is hashed by the script, the name
-- in the packet by the kernel.
local function step(h, c) return bit.band(bit.bxor(h * 33, c), 0xffffffff) end

local blocked = bpf.map('hash', 1024, 'uint32_t', 'uint64_t')
for _, host in ipairs(hosts) do
	local h = 5381
	for i = 1, #host do h = step(h, host:byte(i)) end
	blocked[h] = 0
end

local HANDSHAKE, CLIENT_HELLO, SERVER_NAME = 22, 1, 0

-- The place of extension kind in a ClientHello, and its length; nil if there is
-- none.
local function extension(hello, kind)
	local at = 38
	at = at + 1 + hello:u8(at) -- session
	at = at + 2 + hello:u16(at) -- cipher suites
	at = at + 1 + hello:u8(at) -- compression
	local stop = at + 2 + hello:u16(at)
	at = at + 2
	while at < stop do
		if hello:u16(at) == kind then return at + 4 end
		at = at + 4 + hello:u16(at + 2)
	end
end

local tls_sni = bpf.xdp(function()
	local tcp = pkt.ip.tcp
	if not tcp or tcp.dst_port ~= 443 then return XDP_PASS end
	local record = tcp.data
	if not record:has(43) or record[0] ~= HANDSHAKE or record[5] ~= CLIENT_HELLO then return XDP_PASS end
	local hello = record + 5
	local at = extension(hello, SERVER_NAME)
	if not at then return XDP_PASS end
	-- a list of names: its length, a type, the name's length, the name
	local h = 5381
	for i = 0, hello:u16(at + 3) - 1 do h = step(h, hello[at + 5 + i]) end
	local n = blocked[h]
	if not n then return XDP_PASS end
	xadd(n, 1)
	return XDP_DROP
end)
