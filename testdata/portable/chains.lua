-- What a task and a socket are, by chains of members: one object, whose bytes are
-- loaded on every kernel, and what it finds is compared with /proc.
local opt = bpf.option { port = 7060 }

ffi.cdef [[
struct task { uint32_t pid, tgid, parent, leader, uid, threads, netns, level; int32_t prio; uint32_t flags;
  uint64_t pages, arg_start, inode, magic; char comm[16]; char exe[64]; char dir[64]; };
struct connection { uint32_t pid, netns, uid, mark; int32_t rcvbuf; uint16_t port, local_port, family, type, protocol;
  uint8_t reuse; uint64_t inode; __be32 to; char user[16]; };
]]
local tasks = bpf.map('hash', 4096, 'uint32_t', 'struct task') -- by thread
local connections = bpf.map('hash', 64, 'uint32_t', 'struct connection') -- by thread

bpf.iter('task', function(ctx)
	local t = ctx.task
	if not t then return end
	local file = t.mm.exe_file
	tasks[t.pid] = { pid = t.pid, tgid = t.tgid, parent = t.real_parent.tgid, leader = t.group_leader.pid, uid = t.cred.uid.val,
		threads = t.signal.nr_threads, netns = t.nsproxy.net_ns.ns.inum, level = t.thread_pid.level, prio = t.static_prio, flags = t.flags,
		pages = t.mm.total_vm, arg_start = t.mm.arg_start, inode = file.f_inode.i_ino, magic = file.f_inode.i_sb.s_magic,
		comm = t.comm, exe = file.f_path.dentry.d_name.name, dir = file.f_path.dentry.d_parent.d_name.name }
end, { name = 'task' })

bpf.tp_btf('inet_sock_set_state', function(sk, old, new)
	if new ~= TCP_SYN_SENT or sk.__sk_common.skc_dport ~= opt.port then return end
	local ends, file = sk.__sk_common, sk.sk_socket.file
	connections[tid()] = { pid = pid(), netns = ends.skc_net.net.ns.inum, uid = sk.sk_uid.val, mark = sk.sk_mark,
		rcvbuf = sk.sk_rcvbuf, port = ends.skc_dport, local_port = ends.skc_num, family = ends.skc_family, type = sk.sk_type,
		protocol = sk.sk_protocol, reuse = ends.skc_reuse, inode = file.f_inode.i_ino, to = ends.skc_daddr, user = task().comm }
end, { name = 'socket' })
