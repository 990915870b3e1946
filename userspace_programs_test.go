package luabpfc_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/loader/userspace"
)

// TestLiveKinds attaches a program of each kind that this kernel has, makes what it
// waits for happen, and wants to see that it ran.
func TestLiveKinds(t *testing.T) {
	const (
		send = "print 'send'"
		open = "io.open('/dev/null'):close()"
		call = "S.getegid()"
	)
	for _, tc := range []struct{ declare, event string }{
		{"bpf.socket('lo', function() hit() end)", send},
		{"bpf.xdp('lo', function() hit() return XDP_PASS end)", send},
		{"bpf.tc('lo', 'ingress', function() hit() return TC_ACT_OK end)", send},
		{"bpf.tc('lo', 'egress', function() hit() return TC_ACT_OK end)", send},
		{"bpf.tcx_ingress('lo', function() hit() return TC_ACT_OK end)", send},
		{"bpf.netfilter(function() hit() return 1 end)", send},
		{"bpf.cgroup('skb/ingress', function() hit() return 1 end)", send},
		{"bpf.cgroup('connect4', function() hit() return 1 end)", send},
		{"bpf.sock_ops(function() hit() return 1 end)", send},
		{"bpf.sk_lookup(function() hit() return 1 end)", ""},
		{"bpf.flow_dissector(function() hit() return 0 end)", ""},
		{"bpf.perf_event({ freq = 2000 }, function() hit() end)", "local n = 0 for i = 1, 1e6 do n = n + i end"},
		{"bpf.perf_event({ type = 1, config = 3, period = 1, pid = S.getpid() }, function() hit() end)", ""},
		{"bpf.tracepoint('syscalls/sys_enter_getegid', function() hit() end)", call},
		{"bpf.raw_tracepoint('sys_enter', function() hit() end)", call},
		{"bpf.tp_btf('sys_enter', function() hit() end)", call},
		{"bpf.ksyscall('getegid', function() hit() end)", call},
		{"bpf.kprobe('do_sys_openat2', function() hit() end)", open},
		{"bpf.kprobe('mine:do_sys_openat2', function() hit() end)", open},
		{"bpf.kprobe('do_sys_openat2', function() hit() end, true)", open},
		{"bpf.kprobe_multi('do_sys_openat2', function() hit() end)", open},
		{"bpf.fentry('do_sys_openat2', function() hit() end)", open},
		{"bpf.fexit('do_sys_openat2', function() hit() end)", open},
		{"bpf.lsm('file_open', function() hit() return 0 end)", open},
		{"bpf.uprobe('/bin/bash:main', function() hit() end)", "os.execute('bash -c true')"},
		{"bpf.uprobe('bash:main+0', function() hit() end)", "os.execute('bash -c true')"},
	} {
		t.Run(tc.declare, func(t *testing.T) {
			times := 1
			if tc.event != "" {
				times = 300
			}
			if tc.event == send {
				ownLoopback(t)
				bound(t, unix.SOCK_DGRAM, 5000)
				bound(t, unix.SOCK_STREAM, 5001)
			}
			s, code, err := runLive(t, fmt.Sprintf(`
				local S = require 'syscall'
				local hits = bpf.map('array', 1, 'uint32_t', 'uint64_t')
				local function hit() xadd(hits[0], 1) end
				%s
				assert(hits[0] >= 0)
				for _ = 1, %d do -- the kernel leaves a program out while its CPU is in another one
					%s
					if hits[0] > 0 then break end
					S.sleep(0.01)
				end
				print(hits[0] > 0)`, tc.declare, times, tc.event), func(_ *session, l string) {
				if l == "send" {
					sendUDP(t, 5000, 1, "x")
					if err := connect(t, 5001, "x"); err != nil {
						t.Error(err)
					}
				}
			})
			lacks := fmt.Sprint(err)
			if strings.Contains(lacks, "kernel was built without") || strings.Contains(lacks, "not supported") || strings.Contains(lacks, "NeedsNewerKernel") ||
				len(s.notes) > 0 && strings.Contains(s.notes[0], "nothing calls it") || strings.Contains(tc.declare, "bash") && !hasBash() {
				t.Skip(err)
			}
			if err != nil || code != 0 || tc.event != "" && (len(s.lines) == 0 || s.lines[len(s.lines)-1] != "true") {
				t.Errorf("exit code %d, %v, %q", code, err, s.lines)
			}
		})
	}
}

// TestLiveProcess follows one process with programs that the kernel runs in all.
func TestLiveProcess(t *testing.T) {
	needKernel(t)
	// This process makes the event mine times of three, a shell the others.
	for _, tc := range []struct {
		declare, event string
		mine           int
	}{
		{"bpf.tracepoint('sched/sched_process_fork', function() xadd(hits[0], 1) end, %s)", "os.execute('(true); (true)')", 3},
		{"bpf.tracepoint('syscalls/sys_enter_getegid', function() xadd(hits[0], 1) end, { pid = %s })", "S.getegid()", 3},
		{"bpf.kprobe('do_sys_openat2', function() xadd(hits[0], 1) end, false, %s, 0)", "io.open('/dev/null'):close()", 3},
		{"bpf.ksyscall('getegid', function() xadd(hits[0], 1) end, { pid = %s })", "S.getegid()", 3},
		{"bpf.uprobe('/bin/bash:main', function() xadd(hits[0], 1) end, false, %s)", "os.execute('bash -c true')", 0},
	} {
		if strings.Contains(tc.event, "os.execute") && !hasBash() {
			continue
		}
		lacks := false
		count := func(pid string) (n int) {
			s, code, err := runLive(t, fmt.Sprintf(`
				local S = require 'syscall'
				local hits = bpf.map('array', 1, 'uint32_t', 'uint64_t')
				%s
				assert(hits[0] >= 0)
				for i = 1, 3 do %s end
				print(hits[0])`, fmt.Sprintf(tc.declare, pid), tc.event), nil)
			if lacks = strings.Contains(fmt.Sprint(err), "kernel was built without"); lacks {
				return 0
			}
			if err != nil || code != 0 || len(s.lines) != 1 || len(s.notes) > 0 {
				t.Errorf("%s: exit code %d, %v, %q, %q", tc.declare, code, err, s.lines, s.notes)
				return 0
			}
			fmt.Sscan(s.lines[0], &n)
			return n
		}
		all, mine, other := count("-1"), count("S.getpid()"), count("1")
		if lacks {
			continue
		}
		if all < 3 || mine < tc.mine || mine > all || tc.mine == 0 && mine > 0 || other > 0 {
			t.Errorf("%s: %d in all processes, %d in this one, %d in init", tc.declare, all, mine, other)
		}
	}
}

// TestLiveDrop drops what comes in as IPv4, until the program is closed.
func TestLiveDrop(t *testing.T) {
	ownLoopback(t)
	udp := bound(t, unix.SOCK_DGRAM, 5000)
	wantLive(t, `
		local drop = bpf.tc('lo', 'ingress', function(skb)
			if skb.protocol == ETH_P_IP then return TC_ACT_SHOT end
			return TC_ACT_OK
		end)
		require('syscall').sleep(0)
		print 'dropping'
		drop:close()
		print 'open'`, func(s *session, l string) {
		sendUDP(t, 5000, 1, l)
		if l != "open" {
			return
		}
		if got := receive(t, udp); got != l {
			t.Errorf("a datagram arrived that was sent while '%s'", got)
		}
	}, "dropping", "open")
}

// TestLiveFilter filters what a socket of another program receives: IPv4 with TCP.
func TestLiveFilter(t *testing.T) {
	ownLoopback(t)
	raw, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0x0300) // ETH_P_ALL
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(raw)
	bound(t, unix.SOCK_DGRAM, 5000)
	bound(t, unix.SOCK_STREAM, 5001)
	wantLive(t, fmt.Sprintf(`
		bpf.socket(%d, function(skb)
			if skb.protocol ~= ETH_P_IP then return 0 end
			if pkt.ip.proto ~= IPPROTO_TCP then return 0 end
			return skb.len
		end)
		require('syscall').sleep(0)
		print 'ready'`, raw), func(*session, string) {
		sendUDP(t, 5000, 3, "x")
		if err := connect(t, 5001, "x"); err != nil {
			t.Error(err)
		}
	}, "ready")
	for range 5 { // SYN, SYN+ACK, ACK, data, FIN
		if b := receive(t, raw); len(b) < 24 || b[23] != unix.IPPROTO_TCP {
			t.Errorf("received %x", b)
		}
	}
}

// TestLiveQueue reads a queue of perf events in which every close is a number: the
// process's.
func TestLiveQueue(t *testing.T) {
	wantLive(t, `
		local S = require 'syscall'
		local me = S.getpid()
		local q = bpf.map('perf_event_array', nil, nil, 'int32_t')
		bpf.tracepoint('syscalls/sys_enter_close', function()
			if pid() == me then
				perf_submit(q, pid())
			end
		end)
		local n = 0
		q:poll(function() n = n + 1 return false end, 0)
		repeat -- the kernel leaves a program out while its CPU is in another one
			io.open('/dev/null'):close()
			n = q:poll(function(id, cpu)
				print(id == me, cpu >= 0)
				return false
			end, 100)
		until n > 0`, nil, "true\ttrue")
}

// TestLiveHist counts with bpf.hist and prints bars.
func TestLiveHist(t *testing.T) {
	ownLoopback(t)
	udp := bound(t, unix.SOCK_DGRAM, 5000)
	wantLive(t, `
		local sizes = bpf.map('array', 12, 'uint32_t', 'uint64_t')
		local small = bpf.map('percpu_hash', 64, 'uint32_t', 'uint64_t')
		bpf.socket('lo', function(skb)
			bpf.hist(sizes, skb.len)
			bpf.hist(sizes, skb.len * 100)
			bpf.hist(sizes, 0)
			bpf.hist(sizes, 1)
			bpf.hist(small, skb.len, 10)
		end)
		local S = require 'syscall'
		S.sleep(0)
		print 'ready'
		sizes:print_hist('sizes of packets')
		small:print_hist('tens')
		small:print_hist { linear = 100, start = -200, title = 'hundreds' }`, func(_ *session, l string) {
		if l == "ready" {
			sendUDP(t, 5000, 1, "x")
			receive(t, udp)
		}
	}, "ready", "sizes of packets",
		"[0]                           2 |"+strings.Repeat("@", 52)+"|",
		"[1]                           2 |"+strings.Repeat("@", 52)+"|",
		"[2, 4)                        0 |"+strings.Repeat(" ", 52)+"|",
		"[4, 8)                        0 |"+strings.Repeat(" ", 52)+"|",
		"[8, 16)                       0 |"+strings.Repeat(" ", 52)+"|",
		"[16, 32)                      0 |"+strings.Repeat(" ", 52)+"|",
		"[32, 64)                      2 |"+strings.Repeat("@", 52)+"|",
		"[64, 128)                     0 |"+strings.Repeat(" ", 52)+"|",
		"[128, 256)                    0 |"+strings.Repeat(" ", 52)+"|",
		"[256, 512)                    0 |"+strings.Repeat(" ", 52)+"|",
		"[512, 1K)                     0 |"+strings.Repeat(" ", 52)+"|",
		"[1K, 2K)                      2 |"+strings.Repeat("@", 52)+"|",
		"tens",
		"[40, 50)                      2 |"+strings.Repeat("@", 52)+"|",
		"hundreds",
		"[200, 300)                    2 |"+strings.Repeat("@", 52)+"|")
}

// TestLiveShow shows the maps and events of a script without a part in user space.
func TestLiveShow(t *testing.T) {
	ownLoopback(t)
	udp := bound(t, unix.SOCK_DGRAM, 5000)
	const text = `
		local counts = bpf.map('hash', 64, 'uint32_t', 'uint64_t')
		local per_cpu = bpf.map('percpu_array', 4, 'uint32_t', 'uint64_t')
		local keyed = bpf.map('hash', 64, 'struct { uint8_t proto; uint32_t len; }', 'struct { uint64_t n; char name[8]; uint16_t a[2]; }')
		local lengths = bpf.map('array', 32, 'uint32_t', 'uint64_t')
		local tens = bpf.map('percpu_array', 8, 'uint32_t', 'uint64_t')
		local events = bpf.map('ringbuf', 65536, nil, 'struct { uint32_t n; __be32 src; }')
		counts[99] = 1
		bpf.socket('lo', function(skb)
			counts:add(pkt.ip.proto, 1)
			xadd(per_cpu[2], 3)
			bpf.hist(lengths, skb.len)
			bpf.hist(tens, skb.len, 10)
			keyed:init({ proto = 17, len = skb.len })
			keyed:add({ proto = 17, len = skb.len }, 1, 'n')
			local e = events:reserve()
			if e then e.n = 5; e.src = pkt.ip.src; e:submit() end
		end)`
	for _, tc := range []struct {
		json bool
		want string
	}{
		{false, `events: n=5 src=2130706433
events: n=5 src=2130706433
counts
  17  2
  99  1

per_cpu
  2  6

keyed
  proto=17 len=43  n=2 name= a=[0 0]

lengths
[32, 64)                      2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|

tens
[40, 50)                      2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
`},
		{true, `{"map":"events","event":{"n":5,"src":2130706433}}
{"map":"events","event":{"n":5,"src":2130706433}}
{"map":"counts","data":[{"key":17,"value":2},{"key":99,"value":1}]}
{"map":"per_cpu","data":[{"key":2,"value":6}]}
{"map":"keyed","data":[{"key":{"proto":17,"len":43},"value":{"n":2,"name":"","a":[0,0]}}]}
{"map":"lengths","data":[{"key":6,"value":2}]}
{"map":"tens","data":[{"key":4,"value":2}]}`},
	} {
		s := &session{t: t, interrupt: make(chan struct{})}
		opts := userspace.Options{Compile: luabpfc.DefaultOptions(), Out: s, Interrupt: s.interrupt, Show: userspace.Show{JSON: tc.json, Duration: 100 * time.Millisecond}}
		sent := false
		opts.Attached = func() {
			sendUDP(t, 5000, 1, "x")
			receive(t, udp)
			sent = true
		}
		if _, err := userspace.Run(luabpfc.Source{Name: "prog.lua", Text: text}, opts); err != nil || !sent {
			t.Error(err, sent)
		}
		if got := strings.Join(s.lines, "\n"); got != tc.want {
			t.Errorf("got\n%s\nwant\n%s", got, tc.want)
		}
	}
}

// TestLiveIter reads what an iterator over the kernel's tasks writes.
func TestLiveIter(t *testing.T) {
	s, code, err := runLive(t, `
		local tasks = bpf.iter('task', function(ctx)
			local task = ctx.task
			if task then
				local line = ffi.new('char [16]', 'x\n')
				bpf.helper.seq_write(ctx.meta.seq, line, 2)
			end
		end)
		local text = tasks:read()
		print(#text > 10, text:sub(1, 4) == 'x\nx\n')`, nil)
	if l, ok := diag.AsList(err); ok {
		t.Skip(l)
	}
	if err != nil || code != 0 || strings.Join(s.lines, "") != "true\ttrue" {
		t.Errorf("exit code %d, %v, %q", code, err, s.lines)
	}
}

// TestLivePinned: a map pinned by name is the same in the next run.
func TestLivePinned(t *testing.T) {
	needKernel(t)
	dir := t.TempDir()
	if err := unix.Mount("bpf", dir, "bpf", 0, ""); err != nil {
		t.Skipf("no BPF file system: %v", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	run := func(text string) (string, error) {
		s := &session{t: t, interrupt: make(chan struct{})}
		_, err := userspace.Run(luabpfc.Source{Name: "prog.lua", Text: text}, userspace.Options{Compile: luabpfc.DefaultOptions(), Out: s, Interrupt: s.interrupt, PinPath: dir})
		return strings.Join(s.lines, " "), err
	}
	const text = `
		local kept = bpf.map('hash', 8, 'uint32_t', 'uint64_t', { pinning = true })
		kept[1] = 10
		bpf.socket(function() end)
		os.time()
		kept[1] = kept[1] + 1ULL
		print(kept[1])`
	for _, want := range []string{"11ULL", "12ULL"} {
		if got, err := run(text); got != want || err != nil {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	if _, err := os.Stat(dir + "/kept"); err != nil {
		t.Error(err)
	}
	if _, err := run(strings.Replace(text, "'hash', 8", "'hash', 9", 1)); err == nil || !strings.Contains(err.Error(), "kept") {
		t.Errorf("a map of another size is pinned: %v", err)
	}
}

// hasBash is false in guests.
func hasBash() bool {
	_, err := os.Stat("/bin/bash")
	return err == nil
}

// TestLiveFaults takes away what a script works on: it goes on, and leaves nothing.
func TestLiveFaults(t *testing.T) {
	needTool(t, "ip")
	ownLoopback(t)
	shell := func(command string) {
		t.Helper()
		if out, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
			t.Skipf("%s: %v\n%s", command, err, out)
		}
	}
	for _, declare := range []string{
		"bpf.socket('faulty0', function() hit() end)",
		"bpf.xdp('faulty0', function() hit() return XDP_PASS end)",
		"bpf.tc('faulty0', 'ingress', function() hit() return TC_ACT_OK end)",
	} {
		shell("ip link add faulty0 type veth peer name faulty1 && ip link set faulty0 up")
		s, code, err := runLive(t, fmt.Sprintf(`
			local hits = bpf.map('hash', 1, 'uint32_t', 'uint64_t')
			local function hit() hits:add(0, 1) end
			local p = %s
			assert(hits[0] == nil or hits[0] >= 0)
			print 'gone'
			hits[0] = 5
			print(hits[0], pcall(function() hits[1] = 1 end))
			p:close()
			p:close()
			print 'end'`, declare), func(_ *session, l string) {
			if l == "gone" {
				shell("ip link del faulty0")
			}
		})
		want := "gone 5ULL\tfalse\tprog.lua:8: map 'hits' is full: it has 1 entries end"
		if got := strings.Join(s.lines, " "); err != nil || code != 0 || got != want {
			t.Errorf("%s: exit code %d, %v, %q", declare, code, err, got)
		}
	}
	// Another program holds the hook.
	_, _, err := runLive(t, `
		bpf.xdp('lo', function() return XDP_PASS end)
		bpf.xdp('lo', function() return XDP_PASS end)`, nil)
	if err == nil || !strings.Contains(err.Error(), "'lo' has another XDP program attached") {
		t.Errorf("two XDP programs on lo: %v", err)
	}
	// A process that is not there.
	_, _, err = runLive(t, `bpf.perf_event({ freq = 10, pid = 2^22 }, function() end) os.time()`, nil)
	if err == nil || !strings.Contains(err.Error(), "there is no such process") {
		t.Errorf("an event of no process: %v", err)
	}
	_, _, err = runLive(t, `bpf.uprobe('/bin/bash:main', function() end, { pid = 2^22 }) os.time()`, nil)
	if hasBash() && (err == nil || !strings.Contains(err.Error(), "there is no such process, 4194304")) {
		t.Errorf("a probe of no process: %v", err)
	}
	// Who reads slowly is told what was lost.
	s, _, err := runLive(t, `
		local S = require 'syscall'
		local q = bpf.map('perf_event_array', nil, nil, 'char [4096]')
		local runs = bpf.map('array', 1, 'uint32_t', 'uint64_t')
		local me = S.getpid()
		bpf.tracepoint('syscalls/sys_enter_getegid', function()
			if pid() ~= me then return end
			local b = ffi.new('char [4096]')
			perf_submit(q, b)
			xadd(runs[0], 1)
		end)
		q:poll(print, 0)
		for i = 1, 500 do S.getegid() end
		local n = q:poll(function() end, 0)
		S.getegid() -- the kernel says what was lost with the next that is not
		n = n + q:poll(function() end, 0)
		-- The kernel leaves a program out while its CPU is in another one.
		print(n > 10, q.lost > 100, n + q.lost == tonumber(runs[0]), runs[0] > 450)`, nil)
	if got := strings.Join(s.lines, " "); err != nil || got != "true\ttrue\ttrue\ttrue" {
		t.Errorf("a slow reader: %v, %q", err, got)
	}
}

// TestLiveEnd follows processes that end: the script goes on, and who runs it is told.
func TestLiveEnd(t *testing.T) {
	needTool(t, "sleep")
	for _, tc := range []struct{ declare, wait string }{
		{"bpf.perf_event({ freq = 10, pid = %d }, function() end)", "S.sleep(30)"},
		{"bpf.tracepoint('sched/sched_switch', function() end, { pid = %d })", "ring:poll(print, 30000)"},
		{"bpf.uprobe('/bin/bash:main', function() end, { pid = %d })", "S.sleep(30)"},
	} {
		if strings.Contains(tc.declare, "bash") && !hasBash() {
			continue
		}
		cmd := exec.Command("sleep", "100")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var s *session
		s, code, err := runLive(t, fmt.Sprintf(`
			local S = require 'syscall'
			local hits = bpf.map('hash', 1, 'uint32_t', 'uint64_t')
			local ring = bpf.map('ringbuf', 4096)
			%s
			assert(hits[0] == nil)
			print 'ready'
			bpf.interval(0.2, function() print 'on' end)
			%s
			hits[0] = 1
			print(hits[0])`, fmt.Sprintf(tc.declare, cmd.Process.Pid), tc.wait), func(s *session, l string) {
			switch {
			case l == "ready":
				cmd.Process.Kill()
				cmd.Wait()
			case l == "on" && len(s.notes) > 0 && s.interrupt != nil:
				close(s.interrupt)
				s.interrupt = nil
			}
		})
		want := fmt.Sprintf("process %d has ended: '", cmd.Process.Pid)
		if err != nil || code != 0 || len(s.notes) != 1 || !strings.HasPrefix(s.notes[0], want) || s.lines[len(s.lines)-1] != "1ULL" {
			t.Errorf("%s: exit code %d, %v, %q, %q", tc.declare, code, err, s.lines, s.notes)
		}
	}
}

// TestLiveFull: a map that programs have filled is told of, once, and counted in
// what it has.
func TestLiveFull(t *testing.T) {
	s, code, err := runLive(t, `
		local S = require 'syscall'
		local hits = bpf.map('hash', 4, 'uint64_t', 'uint64_t')
		local failed = bpf.map('array', 1, 'uint32_t', 'int64_t')
		local me = S.getpid()
		local n = bpf.global('uint64_t')
		bpf.tracepoint('syscalls/sys_enter_getegid', function()
			n[0] = n[0] + 1
			local err = hits:update(n[0], 1)
			if err < 0 then failed[0] = err end
		end, { pid = me })
		assert(failed[0] == 0)
		-- The kernel leaves a program out while its CPU is in another one.
		for i = 1, 1000 do
			S.getegid()
			if n[0] == 3 then break end
		end
		local seen = 0
		for k in hits:pairs() do seen = seen + 1 end
		print(seen, failed[0])
		for i = 1, 1000 do
			S.getegid()
			if n[0] == 6 then break end
		end
		for _ = 1, 2 do for k in hits:pairs() do seen = seen + 1 end end
		print(seen, failed[0])`, nil)
	if got := strings.Join(s.lines, " "); err != nil || code != 0 || got != "3	0LL 11	-7LL" {
		t.Errorf("exit code %d, %v, %q", code, err, got)
	}
	if want := "map 'hits' is full: what programs add under other keys than its 4 is lost"; strings.Join(s.notes, "; ") != want {
		t.Errorf("told %q, want %q", s.notes, want)
	}
}

// TestLivePerCPU writes values for each CPU: one for all, a list, what was read.
func TestLivePerCPU(t *testing.T) {
	cpus := ebpf.MustPossibleCPU()
	wantLive(t, fmt.Sprintf(`
		local n = %d
		ffi.cdef 'struct pair { uint32_t a, b; };'
		local per = bpf.map('percpu_array', 2, 'uint32_t', 'uint64_t')
		local pairs_of = bpf.map('percpu_hash', 2, 'uint32_t', 'struct pair')
		bpf.socket(function() xadd(per[0], 1) pairs_of[1] = { 0, 0 } end)
		os.time()
		local function last(v) return v[#v - 1] end
		per[1] = 3
		print(per[1][0], last(per[1]))
		local list = {}
		for i = 1, n do list[i] = 10 * i end
		per[1] = list
		print(per[1][0], last(per[1]) == 10 * n)
		local v = per[1]
		v[0] = 50
		per[0] = v
		print(per[0][0], per[1][0], last(per[0]) == 10 * n)
		list[n + 1] = 1
		print(pcall(function() per[1] = list end))
		print(pcall(function() per[1] = {} end))
		pairs_of[1] = { 7, 8 }
		print(pairs_of[1][0].b, last(pairs_of[1]).a)
		local structs = {}
		for i = 1, n do structs[i] = { a = i, b = 5 } end
		pairs_of[1] = structs
		print(pairs_of[1][0].a, last(pairs_of[1]).a == n, last(pairs_of[1]).b)`, cpus), nil,
		"3ULL\t3ULL", "10ULL\ttrue", "50ULL\t10ULL\ttrue",
		fmt.Sprintf("false\tprog.lua:20: %d values are written, one for each CPU, and there are %d CPUs", cpus+1, cpus),
		"false\tprog.lua:21: a value of map 'per' must be an integer ('uint64_t'), not a table",
		"8\t7", "1\ttrue\t5")
}

// TestLiveBig iterates a map while it is written: every entry that stays is seen
// once, and none that came meanwhile changes that.
func TestLiveBig(t *testing.T) {
	wantLive(t, `
		local m = bpf.map('hash', 20000, 'uint32_t', 'uint64_t')
		bpf.socket(function() end)
		require('syscall').sleep(0)
		for i = 1, 5000 do m[i] = i end
		local n, sum = 0, 0
		for k, v in m:pairs() do
			n, sum = n + 1, sum + k
			m[k + 5000] = 1
			if k % 2 == 0 then m[k] = nil end
		end
		print(n, sum)
		n = 0
		for k in m:pairs() do n = n + 1 end
		print(n)`, nil, "5000\t12502500", "7500")
}
