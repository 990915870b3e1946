-- Lists the threads of all processes like ps, as text that user space reads.
local tasks = bpf.iter('task', function(ctx)
	local t, seq = ctx.task, ctx.meta.seq
	if ctx.meta.seq_num == 0 then
		bpf.helper.seq_printf(seq, '%7s %7s %7s %-15s %s\n', 'PID', 'TID', 'PPID', 'COMM', 'FILE')
	end
	if not t then return end
	bpf.helper.seq_printf(seq, '%7d %7d %7d %-15s ', t.tgid, t.pid, t.real_parent.tgid, t.comm)
	local exe = t.mm.exe_file
	if exe then
		bpf.helper.seq_printf(seq, '%s\n', exe.f_path.dentry.d_name.name)
	else
		bpf.helper.seq_printf(seq, '-\n')
	end
end)

io.write(tasks:read())
