-- Connections to a service's address go to one of its backends, which user
-- space puts into the map: the programs that connect see nothing of it.
local opt = bpf.option { cgroup = '/sys/fs/cgroup' }

ffi.cdef [[
struct service { __be32 ip; __be16 port; };
struct backend { __be32 ip; __be16 port; uint64_t connections; };
]]
local services = bpf.map('hash', 256, 'struct service', 'struct backend')

bpf.cgroup(opt.cgroup, 'connect4', function(ctx)
	local to = services[{ ip = ctx.user_ip4, port = ctx.user_port }]
	if to then
		ctx.user_ip4, ctx.user_port = to.ip, to.port
		xadd(to.connections, 1)
	end
	return true
end, { name = 'redirect4' })
