-- A provider's edge: frames of a customer, by the VLAN they are tagged with, get
-- an outer tag; frames to a customer lose it. Frames that no tag is configured
-- for pass as they are.
local customers = { [100] = 2001, [101] = 2002, [200] = 2001 }

local outer = bpf.map('hash', 4096, 'uint16_t', 'uint16_t')
for inner, tag in pairs(customers) do outer[inner] = tag end

local QINQ = 0x88a8

-- Makes room for a tag behind the addresses, or takes it away.
local function resize(n)
	local dst, src = pkt.dst, pkt.src
	if pkt:adjust_head(n) ~= 0 then return false end
	pkt.dst, pkt.src = dst, src
	return true
end

local push_tag = bpf.xdp(function()
	if not pkt.dot1q then return XDP_PASS end
	local pri = pkt.dot1q.pri
	local tag = outer[pkt.dot1q.vlanid]
	if not tag then return XDP_PASS end
	if not resize(-4) then return XDP_ABORTED end
	pkt.type = QINQ
	pkt.dot1q.pri, pkt.dot1q.cfi, pkt.dot1q.vlanid = pri, false, tag
	return XDP_PASS
end)

local pop_tag = bpf.xdp(function()
	if pkt.type ~= QINQ then return XDP_PASS end
	if not resize(4) then return XDP_ABORTED end
	return XDP_PASS
end)
