-- Prints which files processes open, with what result: -D pid=N those of one
-- process, -D failed only what could not be opened.
local opt = bpf.option { pid = 0, failed = false }

ffi.cdef [[
struct opened { uint32_t pid, uid; int32_t flags, result; char comm[16]; char path[208]; };
]]
local calls = bpf.map('hash', 10240, 'uint32_t', 'struct opened') -- under way, by thread
local events = bpf.map('ringbuf', 256 * 1024, nil, 'struct opened')

local function begin(path, flags)
	if opt.pid ~= 0 and pid() ~= opt.pid then return end
	calls[tid()] = { pid = pid(), uid = uid(), flags = flags, comm = comm(), path = path }
end

local function finish(ev)
	local call = calls[tid()]
	if not call then return end
	call.result = ev.ret
	if not opt.failed or ev.ret < 0 then events:output(call) end
	calls[tid()] = nil
end

bpf.tracepoint('syscalls/sys_enter_open', function(ev) begin(ev.filename, ev.flags) end)
bpf.tracepoint('syscalls/sys_enter_openat', function(ev) begin(ev.filename, ev.flags) end)
bpf.tracepoint('syscalls/sys_exit_open', finish)
bpf.tracepoint('syscalls/sys_exit_openat', finish, { name = 'finish_at' })

print('PID     COMM              FD ERR PATH')
events:poll(function(e)
	local fd, err = e.result, 0
	if fd < 0 then fd, err = -1, -fd end
	print(string.format('%-7d %-16s %3d %3d %s', e.pid, ffi.string(e.comm), fd, err, ffi.string(e.path)))
end)
