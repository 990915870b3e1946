package luabpfc_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir/kernel"
	"github.com/luabpfc/luabpfc/loader"
	"github.com/luabpfc/luabpfc/loader/userspace"
)

// Scripts in a process of their own, which has fewer rights or is killed.

// runLiveHelper runs a script, with little memory that may be locked if that is
// wanted.
func runLiveHelper(text string, wants []string) {
	if slices.Contains(wants, "memlock") {
		if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: 4096, Max: 4096}); err != nil {
			fatalHelper(err)
		}
	}
	opts := luabpfc.DefaultOptions()
	opts.Arch, _ = kernel.ArchByName(runtime.GOARCH)
	opts.BTF = func() ([]byte, error) { return os.ReadFile("/sys/kernel/btf/vmlinux") }
	if running := runningKernel(); running.Before(opts.Kernel) {
		opts.Kernel = running
	}
	_, err := userspace.Run(luabpfc.Source{Name: "prog.lua", Text: text}, userspace.Options{Compile: opts, Running: runningKernel(), In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		Interrupt: make(chan struct{}), Halt: make(chan struct{}), Note: func(n string) { fmt.Println("note:", n) }})
	if err != nil {
		fmt.Println("error:", err)
	}
}

// loadedAs are the names of the kernel's programs that begin with prefix, without it.
func loadedAs(t *testing.T, prefix string) (found []string) {
	t.Helper()
	s, err := loader.ReadSystem()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range s.Programs {
		if name, ok := strings.CutPrefix(p.Name, prefix); ok {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

// TestLiveKill kills a script: what it had attached is gone, but for filters of
// clsact on kernels before tcx, of which it was told.
func TestLiveKill(t *testing.T) {
	needKernel(t)
	prefix := fmt.Sprintf("k%d_", os.Getpid()%1e6)
	script := strings.Join([]string{
		fmt.Sprintf("bpf.xdp('lo', function() return XDP_PASS end, { name = '%sxdp' })", prefix),
		fmt.Sprintf("bpf.tc('lo', 'ingress', function() return TC_ACT_UNSPEC end, { name = '%stc' })", prefix),
		fmt.Sprintf("bpf.cgroup('connect4', function() return 1 end, { name = '%scgroup' })", prefix),
		fmt.Sprintf("bpf.tracepoint('sched/sched_switch', function() end, { name = '%sevent' })", prefix),
	}, "\n")
	want := []string{"cgroup", "event", "tc", "xdp"}
	if _, err := os.Stat("/sys/bus/event_source/devices/kprobe"); err == nil {
		script += fmt.Sprintf("\nbpf.kprobe('do_unlinkat', function() end, { name = '%skprobe' })", prefix)
		want = append(want, "kprobe")
	}
	if hasBash() {
		script += fmt.Sprintf("\nbpf.uprobe('/bin/bash:main', function() end, { name = '%suprobe' })", prefix)
		want = append(want, "uprobe")
	}
	slices.Sort(want)
	cmd := own(t, helperLive, script+"\nos.time() print 'ready' require('syscall').sleep(100)")
	if cell == "" { // other tests use lo
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	said, r := "", bufio.NewReader(out)
	for !strings.HasSuffix(said, "ready\n") {
		l, err := r.ReadString('\n')
		if said += l; err != nil {
			cmd.Process.Kill()
			cmd.Wait()
			if strings.Contains(said, "error:") && cell != "" {
				t.Skip(said) // the guest lacks a kind
			}
			t.Fatal(said)
		}
	}
	if got := loadedAs(t, prefix); !slices.Equal(got, want) {
		t.Errorf("loaded are %q, want %q", got, want)
	}
	cmd.Process.Kill()
	io.Copy(io.Discard, r)
	cmd.Wait()
	want = nil
	if runningKernel().Before(kernel.Version{Major: 6, Minor: 6}) {
		want = []string{"tc"}
		if !strings.Contains(said, "should this process be killed, it stays") {
			t.Errorf("it says %q", said)
		}
		defer exec.Command("tc", "qdisc", "del", "dev", "lo", "clsact").Run() // where there is tc
	}
	left := loadedAs(t, prefix)
	for deadline := time.Now().Add(10 * time.Second); !slices.Equal(left, want) && time.Now().Before(deadline); left = loadedAs(t, prefix) {
		time.Sleep(20 * time.Millisecond)
	}
	if !slices.Equal(left, want) {
		t.Errorf("%q are still there, want %q", left, want)
	}
}

// TestLiveMemlock: kernels before 5.11 count maps against a limit, and say only that
// it is not permitted.
func TestLiveMemlock(t *testing.T) {
	needKernel(t)
	if !runningKernel().Before(kernel.Version{Major: 5, Minor: 11}) {
		t.Skip("this kernel does not count memory against RLIMIT_MEMLOCK")
	}
	const script = "local m = bpf.map('array', 100000, 'uint32_t', 'uint64_t') bpf.socket(function() m[0] = 1 end) os.time() print(m[0])"
	cmd := own(t, helperLive, script, "memlock")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}, AmbientCaps: []uintptr{unix.CAP_BPF}}
	out, _ := cmd.CombinedOutput()
	if !strings.Contains(string(out), "error: RLIMIT_MEMLOCK is too low: before Linux 5.11") {
		t.Errorf("as nobody: %s", out)
	}
	if out := runOwn(t, own(t, helperLive, script, "memlock")); strings.Contains(out, "error") || !strings.HasSuffix(out, "0ULL\n") {
		t.Errorf("as root, who may lift the limit: %s", out)
	}
}

// TestLiveKprobe watches functions of the kernel as the Python programs of this
// field do: who deletes files, and how long opening one takes.
func TestLiveKprobe(t *testing.T) {
	needKernel(t)
	if _, err := os.Stat("/sys/bus/event_source/devices/kprobe"); err != nil {
		t.Skip("this kernel has no kprobes; those of bench/matrix have")
	}
	name := t.TempDir() + "/file to delete"
	wantLive(t, fmt.Sprintf(`
		local S = require 'syscall'
		ffi.cdef 'struct event { uint64_t pid; char comm[16]; char name[256]; };'
		local events = bpf.map('perf_event_array', nil, nil, 'struct event')
		bpf.kprobe('do_unlinkat', function(regs, dfd, name)
			local e = ffi.new('struct event')
			e.pid = pid()
			comm(e.comm)
			ffi.copy(e.name, name.name)
			perf_submit(events, e)
		end)
		events:poll(print, 0)
		io.open(%q, 'w'):close()
		print(os.remove(%q))
		events:poll(function(e)
			if e.pid == S.getpid() then print(#ffi.string(e.comm) > 0, ffi.string(e.name)) return false end
		end, 10000)`, name, name), nil, "true", "true\t"+name)
	wantLive(t, `
		local S = require 'syscall'
		local me = S.getpid()
		local entered = bpf.map('hash', 1024, 'uint64_t', 'uint64_t')
		local took = bpf.map('hash', 1024, 'uint64_t', 'struct { uint64_t ns, n; }')
		bpf.kprobe('do_sys_openat2', function() if pid() == me then entered[tid()] = time() end end)
		bpf.kretprobe('do_sys_openat2', function()
			local since = entered[tid()]
			if not since then return end
			took:init(pid())
			took:add(pid(), time() - since, 'ns')
			took:add(pid(), 1, 'n')
			entered[tid()] = nil
		end)
		assert(not took[me] or took[me].n >= 0)
		for i = 1, 50 do io.open('/dev/null'):close() end
		local t = took[me]
		print(t.n >= 50, t.ns / t.n > 100)`, nil, "true\ttrue")
}
