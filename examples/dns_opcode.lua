-- Counts DNS queries over IPv4 by opcode: QUERY is 0, NOTIFY 4, UPDATE 5.
local opcodes = bpf.map('array', 16, 'uint32_t', 'uint64_t')
local DNS = 53

local dns_opcode = bpf.socket(function()
	local udp = pkt.ip.udp
	if udp and udp.dst_port == DNS then
		-- The second 16-bit word: QR (0 in a query), four bits of opcode, flags.
		local flags = udp.data(2, 4)
		if flags >> 15 == 0 then
			xadd(opcodes[flags >> 11 & 15], 1)
		end
	end
end)
