package luabpfc_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
	"github.com/luabpfc/luabpfc/loader/userspace"
)

// session is a script under 'luabpfc run', in this process.
type session struct {
	t         *testing.T
	lines     []string
	part      string
	notes     []string
	interrupt chan struct{}
	halt      chan struct{}
	// line is called with each line that the script prints, on the script's
	// thread, before the script goes on.
	line func(s *session, l string)
}

// Write takes what the script prints.
func (s *session) Write(b []byte) (int, error) {
	s.part += string(b)
	for {
		l, rest, ok := strings.Cut(s.part, "\n")
		if !ok {
			return len(b), nil
		}
		s.part = rest
		s.lines = append(s.lines, l)
		if s.line != nil {
			s.line(s, l)
		}
	}
}

// runLive runs a script; line may be nil. A script that takes longer than it may
// is halted, and the test fails.
func runLive(t *testing.T, text string, line func(s *session, l string)) (s *session, code int, err error) {
	t.Helper()
	needKernel(t)
	s = &session{t: t, interrupt: make(chan struct{}), halt: make(chan struct{}), line: line}
	opts := luabpfc.DefaultOptions()
	opts.Arch, _ = kernel.ArchByName(runtime.GOARCH)
	opts.BTF = func() ([]byte, error) { return os.ReadFile("/sys/kernel/btf/vmlinux") }
	opts.Args = []string{"first", "second"}
	stop := time.AfterFunc(30*time.Second, func() { close(s.halt) })
	code, err = userspace.Run(luabpfc.Source{Name: "prog.lua", Text: text}, userspace.Options{Compile: opts, Running: runningKernel(), In: strings.NewReader("one\ntwo 2\n"), Out: s, Err: io.Discard,
		Interrupt: s.interrupt, Halt: s.halt, Note: func(n string) { s.notes = append(s.notes, n) }})
	if !stop.Stop() {
		t.Fatalf("the script did not end; it printed\n%s", strings.Join(s.lines, "\n"))
	}
	return s, code, err
}

// wantLive runs a script to its end and compares what it printed.
func wantLive(t *testing.T, text string, line func(s *session, l string), want ...string) *session {
	t.Helper()
	s, code, err := runLive(t, text, line)
	if err != nil || code != 0 {
		t.Errorf("exit code %d, %v", code, err)
	}
	if diff := cmp.Diff(want, s.lines); diff != "" {
		t.Error(diff)
	}
	return s
}

// TestLiveCounter counts real packets of each protocol, as the first program of
// this field did.
func TestLiveCounter(t *testing.T) {
	needTool(t, "ping")
	ownLoopback(t)
	udp := bound(t, unix.SOCK_DGRAM, 5000)
	bound(t, unix.SOCK_STREAM, 5001)
	s := wantLive(t, `
		local bpf = require('bpf')
		local counts = bpf.map('array', 256)
		local prog = assert(bpf(function ()
			local proto = pkt.ip.proto
			xadd(counts[proto], 1)
		end))
		local S = require('ljsyscall')
		local sock = assert(bpf.socket('lo', prog))
		for i = 1, 2 do
			local icmp, udp, tcp = counts[1], counts[17], counts[6]
			for _ = 1, i == 2 and 1000 or 0 do -- what ends the connection may be under way
				if tcp >= 10 and tcp % 2 == 0 then break end
				S.sleep(0.01)
				tcp = counts[6]
			end
			print('UDP', udp, 'ICMP', icmp, 'TCP', tcp >= 10 and tcp % 2 == 0, 'packets')
			S.sleep(0.01)
		end`, func(s *session, l string) {
		if len(s.lines) > 1 {
			return
		}
		sendUDP(t, 5000, 7, "x")
		for range 7 {
			receive(t, udp)
		}
		ping(t, 3)
		if err := connect(t, 5001, "hello"); err != nil {
			t.Error(err)
		}
	}, "UDP\t0\tICMP\t0\tTCP\tfalse\tpackets", "UDP\t14\tICMP\t12\tTCP\ttrue\tpackets")
	if len(s.notes) > 0 {
		t.Error(s.notes)
	}
}

// terminal opens a pseudo-terminal: our end, and the one of a program in it.
func terminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminal: %v", err)
	}
	t.Cleanup(func() { ours.Close() })
	n, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	if err != nil {
		t.Skipf("no pseudo-terminal: %v", err)
	}
	t.Cleanup(func() { theirs.Close() })
	return ours, theirs
}

// typeInBash types a command into an interactive bash, which it ends, and returns
// that one's number.
func typeInBash(t *testing.T, command string) (pid int) {
	t.Helper()
	ours, theirs := terminal(t)
	cmd := exec.Command("/bin/bash", "--norc", "-i")
	cmd.Env = append(os.Environ(), "HISTFILE=", "TERM=dumb")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	onOneCPU(t, cmd.Process.Pid)
	go io.Copy(io.Discard, ours)
	if _, err := ours.WriteString(command + "\nexit\n"); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("bash: %v", err)
	}
	return cmd.Process.Pid
}

// needReadline skips where bash has no symbol of readline.
func needReadline(t *testing.T) {
	t.Helper()
	needKernel(t)
	needTool(t, "bash")
	if _, err := os.Stat("/bin/bash"); err != nil {
		t.Skip(err)
	}
}

// TestLiveReadline shows what is typed into a real bash, through the kernel's
// trace log, until Ctrl-C: pcall catches it, and the script comes to its end.
func TestLiveReadline(t *testing.T) {
	needReadline(t)
	s, code, err := runLive(t, `
		local prog = bpf(function (ptregs)
			local regs = ffi.cast('struct pt_regs', ptregs)
			local line = ffi.new('char [40]')
			ffi.copy(line, ffi.cast('char *', regs.ax))
			print('%s\n', line)
		end)
		local probe = assert(bpf.uprobe('/bin/bash:readline', prog, true, -1, 0))
		local ok, err = pcall(function()
			local log = bpf.tracelog()
			print('ready')
			while true do
				local line = log:read()
				if line:find('bash-', 1, true) then print(line) end -- of all that is printed on the machine
			end
		end)
		print(ok, err)`, func(s *session, l string) {
		if l == "ready" {
			typeInBash(t, ": typed 42")
		}
		if strings.HasSuffix(l, "exit") {
			close(s.interrupt)
		}
	})
	if err != nil || code != 0 || len(s.lines) != 4 {
		t.Fatalf("exit code %d, %v, %q", code, err, s.lines)
	}
	if !strings.HasSuffix(s.lines[1], "bpf_trace_printk: : typed 42") || s.lines[3] != "false\tprog.lua:13: interrupted!" {
		t.Errorf("%q", s.lines)
	}
}

// TestLivePerf is the same through a perf buffer. Nothing catches Ctrl-C in the
// endless loop: it ends the script.
func TestLivePerf(t *testing.T) {
	needReadline(t)
	s, code, err := runLive(t, `
		local sample_t = 'struct { uint64_t pid; char str[80]; }'
		local events = bpf.map('perf_event_array')
		bpf.uprobe('/bin/bash:readline', function (req)
			local sample = ffi.new(sample_t)
			sample.pid = pid()
			ffi.copy(sample.str, ffi.cast('char *', req.ax))
			perf_submit(events, sample)
		end, true, -1, 0)
		local log = events:reader(nil, 0, sample_t)
		print('ready')
		while true do
			log:block()
			for _, e in log:read() do print(tonumber(e.pid) > 1, ffi.string(e.str), events.lost) end
		end`, func(s *session, l string) {
		if l == "ready" {
			typeInBash(t, ": typed 43")
		}
		if strings.Contains(l, "exit") {
			close(s.interrupt)
		}
	})
	if err != nil || code != userspace.Interrupted {
		t.Errorf("exit code %d, %v", code, err)
	}
	if diff := cmp.Diff([]string{"ready", "true\t: typed 43\t0", "true\texit\t0"}, s.lines); diff != "" {
		t.Error(diff)
	}
}

// TestLiveMaps does with maps what user space can.
func TestLiveMaps(t *testing.T) {
	wantLive(t, `
		local S = require 'syscall'
		ffi.cdef 'struct ev { uint32_t n; uint64_t t; char comm[16]; };'
		local ring = bpf.map('ringbuf', 65536, nil, 'struct ev')
		local seen = bpf.map('hash', 64, 'uint32_t', 'uint64_t')
		local per = bpf.map('percpu_array', 2, 'uint32_t', 'uint64_t')
		local pairs_of = bpf.map('hash', 64, 'struct { uint32_t a; uint32_t b; }', 'struct { int64_t x; uint8_t y; }')
		local total = bpf.global('uint64_t', 5)
		local me = S.getpid()
		bpf.tracepoint('syscalls/sys_enter_getegid', function()
			if pid() ~= me then return end
			local e = ffi.new('struct ev')
			e.t, e.n = time(), 7
			comm(e.comm)
			ring:output(e)
			xadd(per[0], 1)
			total[0] = total[0] + 1
			seen:add(me, 1)
		end)
		seen[7] = 70
		for i = 1, 3 do S.getegid() end
		local n = 0
		print('polled', ring:poll(function(e, cpu)
			n = n + 1
			print(e.n, #e.comm, e.t > 0, cpu)
			return n < 3
		end))
		print(ring:poll(print, 1), ring.lost)
		print(seen[me], seen[7], seen[8], total[0], #seen)
		local sum = 0
		for cpu = 0, #per[0] - 1 do sum = sum + per[0][cpu] end
		print('CPUs', sum)
		local function all(...)
			local l = {}
			for k, v in ... do l[#l + 1] = (k == me and 'me' or k) .. '=' .. tostring(v) end
			table.sort(l)
			return table.concat(l, ' ')
		end
		print(all(seen.pairs, seen, nil))
		print(all(pairs(seen)))
		print(all(seen:pairs()))
		for k in pairs(seen) do seen[k] = nil end
		print(all(pairs(seen)), seen[me])
		per[1] = 3
		print(per[1][0], per[1][#per[1] - 1])
		print(#per, per[2])
		pairs_of[{1, 2}] = { x = -5, y = 2 }
		pairs_of[{a = 3, b = 4}] = { 6, 3 }
		local l = {}
		for k, v in pairs_of:pairs() do l[#l + 1] = string.format('%d,%d: %d,%d', k.a, k.b, v.x, v.y) end
		table.sort(l)
		print(table.concat(l, '; '))
		print(pairs_of[{1, 2}].x, pairs_of[{9, 9}])
		pairs_of[{1, 2}] = nil
		print(pairs_of[{1, 2}])
		total[0] = 2^40
		print(total[0])
		print(pcall(function() pairs_of[{1, 2}] = 7 end))`, nil,
		"7\t16\ttrue\tnil", "7\t16\ttrue\tnil", "7\t16\ttrue\tnil", "polled\t3", "0\t0",
		"3ULL\t70ULL\tnil\t8ULL\t64", "CPUs\t3ULL",
		"7=70ULL me=3ULL", "7=70ULL me=3ULL", "7=70ULL me=3ULL", "\tnil", "3ULL\t3ULL", "2\tnil",
		"1,2: -5,2; 3,4: 6,3", "-5LL\tnil", "nil", "1099511627776ULL",
		"false\tprog.lua:58: a value of map 'pairs_of': cannot convert 'number' to 'struct {...}'")
}

// TestLiveLibrary calls what user space has besides maps.
func TestLiveLibrary(t *testing.T) {
	needTool(t, "sh")
	name := t.TempDir() + "/file"
	wantLive(t, fmt.Sprintf(`
		local S, name = require 'syscall', %q
		print(arg[1], arg[2], os.getenv('PATH') ~= nil, os.getenv('no such variable'))
		bpf.socket(function() end)
		ffi.cdef 'unsigned long long strtoull(const char *, char **, int); int atoi(const char *); int strtoulll(int);'
		print(ffi.C.strtoull('ffffffff81000000', nil, 16), ffi.C.atoi(' -12x'))
		print(string.format('%%x %%d', ffi.C.strtoull('ffffffff81000000', nil, 16), 2ULL^63))
		print(os.date('!%%Y-%%m-%%d %%H:%%M:%%S %%a', 86400), os.date('!*t', 0).year, os.time() > 1e9, os.difftime(5, 3))
		print(pcall(S.slep, 1))
		print(pcall(function() return ffi.C.strtoulll(1) end))
		print(S.sleep(0), S.nanosleep({0, 1000}), S.getpid() > 1, S.clock_gettime('monotonic').sec > 0)
		local f = assert(io.open(name, 'w'))
		f:write('a ', 1, ' ', 2.5, ' ', 7ULL, '\n', 'b\n'):close()
		for l in io.lines(name) do print(l) end
		f = io.open(name)
		print(f:read('*l', '*a', '*l'))
		print(f:seek('set', 2), f:read('*n'), io.type(f), f:close(), io.type(f))
		print(io.open(name .. '/x'))
		print(pcall(io.lines, name .. 2))
		print(io.read(), io.read('*a'))
		print(os.execute('exit 3'), io.popen('echo hi'):read('*a'))
		print(os.remove(name), (select(2, os.remove(name))))
		io.write('no end')
		io.stdout:write(' of line\n')
		bpf.at_exit(function() print('bye') end)
		local n = 0
		local function ms() local t = S.clock_gettime('monotonic') return t.sec * 1e3 + t.nsec / 1e6 end
		local began = ms()
		bpf.interval(0.005, function() n = n + 1 end)
		for _ = 1, 1000 do
			S.sleep(0.05)
			if n > 2 then break end
		end
		print(n > 2, n <= (ms() - began) / 5 + 1)
		os.exit()`, name), nil,
		"first\tsecond\ttrue\tnil", "18446744071578845184ULL\t-12", "ffffffff81000000 9223372036854775808",
		"1970-01-02 00:00:00 Fri\t1970\ttrue\t2",
		"false\tprog.lua:9: 'luabpfc run' has no syscall.slep (did you mean 'sleep'?)",
		"false\tprog.lua:10: 'luabpfc run' has no ffi.C.strtoulll (did you mean 'strtoull'?)",
		"0\ttrue\ttrue\ttrue", "a 1 2.5 7ULL", "b", "a 1 2.5 7ULL\tb", "\tnil", "2\t1\tfile\ttrue\tclosed file",
		"nil\t"+name+"/x: not a directory\t20", "false\tprog.lua:19: "+name+"2: no such file or directory",
		"one\ttwo 2", "", "3\thi", "", "true\t"+name+": no such file or directory", "no end of line", "true\ttrue", "bye")
}

// TestLiveInterrupt interrupts scripts when they print 'now'.
func TestLiveInterrupt(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		code       int
		want       string
	}{
		{"sleep", `print 'now' S.sleep(1e6) print 'summary'`, 0, "now summary"},
		{"a loop with an end", `print 'now' for i = 1, 5 do S.sleep(1000) end print 'summary'`, 0, "now summary"},
		{"poll", `local r = bpf.map('ringbuf') bpf.socket(function() end) print 'now' print(r:poll(print)) print 'summary'`, 0, "now 0 summary"},
		{"an endless loop", `while true do print 'now' S.sleep(1000) end`, userspace.Interrupted, "now"},
		{"repeat", `repeat print 'now' S.sleep(1000) until false`, userspace.Interrupted, "now"},
		{"a function in an endless loop", `local function f() S.sleep(1000) end while true do print 'now' f() end`, userspace.Interrupted, "now"},
		{"caught", `pcall(function() while true do print 'now' S.sleep(1000) end end) print 'summary'`, 0, "now summary"},
		{"at exit", `bpf.at_exit(function() print 'bye' end) while true do print 'now' S.sleep(1000) end`, userspace.Interrupted, "now bye"},
		{"a condition that stays", `local go = true print 'now' while go do S.sleep(1000) end`, userspace.Interrupted, "now"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, code, err := runLive(t, "local S = require 'syscall' bpf.socket(function() end) "+tc.text, func(s *session, l string) {
				if l == "now" {
					close(s.interrupt)
				}
			})
			if got := strings.Join(s.lines, " "); err != nil || code != tc.code || got != tc.want {
				t.Errorf("exit code %d, %v, %q; want %d, %q", code, err, got, tc.code, tc.want)
			}
		})
	}
}

// TestLiveHalt ends scripts that do nothing but compute.
func TestLiveHalt(t *testing.T) {
	s, code, err := runLive(t, `bpf.socket(function() end) os.time() bpf.at_exit(function() print 'bye' end) print 'now'
		while true do pcall(function() while true do end end) end`, func(s *session, l string) {
		if l == "now" {
			close(s.halt)
		}
	})
	if got := strings.Join(s.lines, " "); err != nil || code != 0 || got != "now bye" {
		t.Errorf("exit code %d, %v, %q", code, err, got)
	}
}

// TestLiveErrors runs scripts that are wrong.
func TestLiveErrors(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{`bpf.socket(function() return nope end) os.time()`, "UndefinedName"},
		{`bpf.socket(function() return nope end) error 'x'`, "UndefinedName"},
		{`bpf.socket(function() end) os.time() error 'behind'`, "behind"},
		{`bpf.socket(function() end) os.time() local t = nil + 1`, "arithmetic on a nil value"},
		{`bpf.socket(function() end) os.time() bpf.socket(function() end)`, "DeclaredTooLate"},
		{`os.time() x = `, "UnexpectedToken"},
		{`bpf.socket('no-such-if', function() end)`, "there is no interface 'no-such-if'; there are "},
		{`bpf.kprobe('no_such_function', function() end)`, "attaching 'kprobe_no_such_function' to 'no_such_function'"},
		{`bpf.uprobe('/bin/sh:no_such_function', function() end)`, "no"},
		{`bpf.tracepoint('syscalls/sys_enter_nope', function() end)`, ""},
		{`local f = ffi.load('m') bpf.socket(function() end)`, "has no ffi.load"},
	} {
		s, _, err := runLive(t, tc.text, func(s *session, l string) {})
		if err == nil || !strings.Contains(fmt.Sprint(err), tc.want) && !strings.Contains(codesOf(err), tc.want) {
			t.Errorf("%s\n%v, printed %q; want %q", tc.text, err, s.lines, tc.want)
		}
	}
}

func codesOf(err error) (codes string) {
	var list diag.List
	if errors.As(err, &list) {
		for _, d := range list {
			codes += string(d.Code) + " "
		}
	}
	return codes
}

// TestLiveBefore lets what is read in front of the declarations decide what is
// declared: it is read once, and compiled with what was read.
func TestLiveBefore(t *testing.T) {
	name := t.TempDir() + "/list"
	if err := os.WriteFile(name, []byte("2\n3\n5\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	wantLive(t, fmt.Sprintf(`
		local name, primes, sum = %q, {}, 0
		for l in io.lines(name) do primes[#primes + 1] = tonumber(l) end
		local f = io.open(name)
		for l in f:lines() do sum = sum + l end
		print(f:read(), f:close())
		local year = os.date('*t', 0).year
		os.remove(name)
		local m = bpf.map('array', #primes, 'uint32_t', 'uint32_t')
		for i, p in ipairs(primes) do m[i - 1] = p end
		bpf.tracepoint('syscalls/sys_enter_getegid', function() m[0] = sum + year end)
		local S = require 'syscall'
		print(S.getegid() >= 0, m[1], #m)
		print(m[0])`, name), nil, "nil\ttrue", "true\t3\t3", "1980")
}
