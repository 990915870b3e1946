-- Prints the TCP connections that this machine opens, once the kernel has chosen
-- the port on this side: -D port=N those to one port.
local opt = bpf.option { port = 0 }

ffi.cdef [[
struct connected { uint32_t pid; int32_t result; __be32 from, to; uint16_t local_port, port; char comm[16]; };
]]
local calls = bpf.map('hash', 4096, 'uint32_t', 'struct sock *') -- what a thread connects
local events = bpf.map('ringbuf', 64 * 1024, nil, 'struct connected')

bpf.kprobe('tcp_v4_connect', function(regs, sk)
	calls[tid()] = sk
end)

bpf.kretprobe('tcp_v4_connect', function(regs, result)
	local sk = calls[tid()]
	if not sk then return end
	calls[tid()] = nil
	local ends = sk.__sk_common
	if opt.port ~= 0 and ends.skc_dport ~= opt.port then return end
	events:output { pid = pid(), result = result, comm = comm(), from = ends.skc_rcv_saddr, to = ends.skc_daddr,
		local_port = ends.skc_num, port = ends.skc_dport }
end)

local function dotted(a)
	return string.format('%d.%d.%d.%d', a / 2 ^ 24, a / 2 ^ 16 % 256, a / 2 ^ 8 % 256, a % 256)
end

print('PID     COMM             FROM                  TO')
events:poll(function(e)
	print(string.format('%-7d %-16s %s:%d %s:%d', e.pid, ffi.string(e.comm), dotted(e.from), e.local_port, dotted(e.to), e.port))
end)
