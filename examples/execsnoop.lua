-- Prints the programs that are started, with their arguments.
ffi.cdef [[
struct started { uint32_t pid, parent, uid; int32_t arguments; char comm[16]; char args[6][64]; };
]]
local events = bpf.map('ringbuf', 256 * 1024, nil, 'struct started')

bpf.tracepoint('syscalls/sys_enter_execve', function(ev)
	local e <close> = events:reserve()
	if not e then return end
	e.pid, e.uid, e.comm = pid(), uid(), comm()
	e.parent = task().real_parent.tgid
	for i = 0, 5 do
		local arg = ev.argv[i]
		if not arg then break end
		e.args[i] = arg
		e.arguments = i + 1
	end
	e:submit()
end)

print('PID     PPID    UID   COMM             ARGS')
events:poll(function(e)
	local args = {}
	for i = 0, e.arguments - 1 do args[#args + 1] = ffi.string(e.args[i]) end
	print(string.format('%-7d %-7d %-5d %-16s %s', e.pid, e.parent, e.uid, ffi.string(e.comm), table.concat(args, ' ')))
end)
