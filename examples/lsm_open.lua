-- Audits the files that are opened for writing, with the folder they are in, and
-- refuses those of one name: -D deny=NAME.
local opt = bpf.option { deny = '' }

ffi.cdef [[
struct audit { uint32_t pid, uid, flags; int32_t result; uint64_t inode; char comm[16]; char dir[64]; char name[64]; };
]]
local events = bpf.map('ringbuf', 256 * 1024, nil, 'struct audit')

bpf.lsm('file_open', function(file)
	local entry = file.f_path.dentry
	local denied = opt.deny ~= '' and entry.d_name.name == opt.deny
	local result = denied and -EPERM or 0
	if (file.f_flags & O_ACCMODE) == O_RDONLY and not denied then return 0 end
	local e = events:reserve()
	if e then
		e.pid, e.uid, e.comm, e.result = pid(), uid(), comm(), result
		e.flags, e.inode = file.f_flags, file.f_inode.i_ino
		e.name, e.dir = entry.d_name.name, entry.d_parent.d_name.name
		e:submit()
	end
	return result
end)

events:poll(function(e)
	print(string.format('%d %s: %s/%s %s', e.pid, ffi.string(e.comm), ffi.string(e.dir), ffi.string(e.name), e.result < 0 and 'DENIED' or ''))
end)
