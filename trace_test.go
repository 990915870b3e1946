package luabpfc_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc"
)

// traceTest is a program that is attached, and what makes it run. It is compiled
// with the types of testdata/btf and loaded by those of the running kernel.
type traceTest struct {
	name, script string
	attach       func(t *testing.T, p *ebpf.Program) io.Closer
	// trigger makes the program run and returns what the map must hold: key, value.
	trigger func(t *testing.T) map[uint32]string
}

// traced scripts write texts of up to 64 bytes into this map.
const traceMap = `
local out = bpf.map('array', 8, 'uint32_t', 'char [64]', { name = 'out' })
local function put(i, text) ffi.copy(out[i], text) end
`

var traceTests = []traceTest{
	{"tp_btf", traceMap + `
bpf.tp_btf('sched_process_exec', function(p, old, bprm)
  if p.real_parent.tgid == bpf.opt.parent then
    put(1, bprm.filename)
    if p == task() and p.pid == tid() and old == tid() then put(2, 'me') end
    if p.real_parent.comm == bpf.opt.comm then put(3, 'child') end
    put(4, p.mm.exe_file.f_path.dentry.d_name.name)
  end
end)`, attachTracing, runNothing},
	{"raw record", traceMap + `
bpf.tracepoint('sched/sched_process_exec', function(ev)
  if task().real_parent.tgid == bpf.opt.parent then
    put(1, ev.filename)
    if ev.pid == tid() and ev.old_pid == tid() then put(2, 'me') end
    if task().real_parent.comm == bpf.opt.comm then put(3, 'child') end
    put(4, task().mm.exe_file.f_path.dentry.d_name.name)
  end
end)`, attachEvent("sched/sched_process_exec"), runNothing},
	{"syscall", traceMap + `
bpf.tracepoint('syscalls/sys_enter_openat', function(ev)
  if pid() == bpf.opt.parent and ev.filename == '/proc/self/luabpfc' then
    put(1, ev.filename)
    if ev.dfd == -100 and ev.flags ~= 0 and ev.mode == 0x180 then put(2, 'arguments') end
    if ev.id == 257 or ev.id == 56 then put(3, 'entry') end
  end
end)`, attachEvent("syscalls/sys_enter_openat"), openNothing},
	{"ksyscall", traceMap + `
bpf.ksyscall('openat', function(regs, dfd, filename, flags, mode)
  if pid() == bpf.opt.parent and filename == '/proc/self/luabpfc' then
    put(1, filename)
    if dfd == -100 and flags ~= 0 and mode == 0x180 then put(2, 'arguments') end
    put(3, 'entry')
  end
end)`, attachKprobe("sys_openat"), openNothing},
	{"kprobe", traceMap + `
bpf.kprobe('do_unlinkat', function(regs, dfd, name)
  if pid() == bpf.opt.parent then
    put(1, name.name)
    if dfd == -100 then put(2, 'cwd') end
  end
end)`, attachKprobe("do_unlinkat"), unlinkNothing},
	{"fentry", traceMap + `
bpf.fentry('do_unlinkat', function(dfd, name)
  if pid() == bpf.opt.parent then
    put(1, name.name)
    if dfd == -100 then put(2, 'cwd') end
  end
end)`, attachTracing, unlinkNothing},
	{"fexit", traceMap + `
bpf.fexit('do_unlinkat', function(dfd, name, ret)
  if pid() == bpf.opt.parent and ret == -2 then
    if dfd == -100 then put(2, 'cwd') end
    put(1, '/proc/self/luabpfc')
  end
end)`, attachTracing, unlinkNothing},
	{"lsm", traceMap + `
bpf.lsm('file_open', function(file)
  if pid() == bpf.opt.parent and file.f_path.dentry.d_name.name == 'kernel.txt' then
    put(1, file.f_path.dentry.d_name.name)
    put(2, file.f_path.dentry.d_parent.d_name.name)
    return -1
  end
end)`, attachLSM, func(t *testing.T) map[uint32]string {
		if _, err := os.Open("testdata/btf/kernel.txt"); !errors.Is(err, os.ErrPermission) {
			t.Errorf("opening gives %v", err)
		}
		return map[uint32]string{1: "kernel.txt", 2: "btf"}
	}},
}

// runNothing runs this program once more, to do nothing.
func runNothing(t *testing.T) map[uint32]string {
	cmd := own(t, helperNothing)
	runOwn(t, cmd)
	return map[uint32]string{1: cmd.Path, 2: "me", 3: "child", 4: filepath.Base(cmd.Path)}
}

const noFile = "/proc/self/luabpfc"

func openNothing(t *testing.T) map[uint32]string {
	if fd, err := unix.Openat(unix.AT_FDCWD, noFile, unix.O_RDWR|unix.O_CLOEXEC, 0o600); err == nil {
		t.Fatalf("%s is there: %d", noFile, fd)
	}
	return map[uint32]string{1: noFile, 2: "arguments", 3: "entry"}
}

func unlinkNothing(t *testing.T) map[uint32]string {
	if err := unix.Unlinkat(unix.AT_FDCWD, noFile, 0); !errors.Is(err, unix.ENOENT) {
		t.Fatal(err)
	}
	return map[uint32]string{1: noFile, 2: "cwd"}
}

// TestTrace attaches programs and compares what they see with what was done. What
// the running kernel can't attach is skipped: the kernels of the matrix can.
func TestTrace(t *testing.T) {
	needKernel(t)
	for _, c := range traceTests {
		for _, level := range []int{0, 2} {
			t.Run(fmt.Sprintf("%s/O%d", c.name, level), func(t *testing.T) { runTrace(t, c, level) })
		}
	}
}

// tracedObject compiles a script with the checked-in types and loads it.
func tracedObject(t *testing.T, script string, level int) *ebpf.Collection {
	t.Helper()
	opts := luabpfc.DefaultOptions()
	opts.OptLevel, opts.Check, opts.Arch = level, true, "x86_64"
	opts.BTF = func() ([]byte, error) { return os.ReadFile("testdata/btf/kernel.btf") }
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	opts.Defines = []luabpfc.Define{{Name: "parent", Value: strconv.Itoa(os.Getpid()), Set: true},
		{Name: "comm", Value: strings.TrimSpace(string(comm)), Set: true}}
	obj := compileAs(t, "trace.lua", script, opts)
	coll, err := loadCollection(obj.ELF)
	if errors.Is(err, unix.EPERM) || errors.Is(err, ebpf.ErrNotSupported) {
		t.Skipf("this kernel does not load it: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(coll.Close)
	return coll
}

func runTrace(t *testing.T, c traceTest, level int) {
	coll := tracedObject(t, c.script, level)
	for _, p := range coll.Programs {
		l := c.attach(t, p)
		defer l.Close()
	}
	// The kernel leaves a program out while its CPU is in another one: other tests'
	// programs and maps are at work meanwhile.
	var wrong []string
	if !eventually(func() bool {
		wrong = nil
		for key, want := range c.trigger(t) {
			var got []byte
			if err := coll.Maps["out"].Lookup(key, &got); err != nil {
				t.Fatal(err)
			}
			if s := text(got); s != want {
				wrong = append(wrong, fmt.Sprintf("out[%d] is %q, want %q", key, s, want))
			}
		}
		return len(wrong) == 0
	}) {
		t.Error(strings.Join(wrong, "\n"))
	}
}

// text is what comes before the first zero byte.
func text(b []byte) string {
	s, _, _ := bytes.Cut(b, []byte{0})
	return string(s)
}

func attachTracing(t *testing.T, p *ebpf.Program) io.Closer {
	return attached(t)(link.AttachTracing(link.TracingOptions{Program: p}))
}

func attachLSM(t *testing.T, p *ebpf.Program) io.Closer {
	return attached(t)(link.AttachLSM(link.LSMOptions{Program: p}))
}

func attachKprobe(symbol string) func(*testing.T, *ebpf.Program) io.Closer {
	return func(t *testing.T, p *ebpf.Program) io.Closer { return attached(t)(link.Kprobe(symbol, p, nil)) }
}

// attached skips the test where the kernel has no such attachment.
func attached(t *testing.T) func(link.Link, error) io.Closer {
	return func(l link.Link, err error) io.Closer {
		if err != nil {
			t.Skipf("this kernel does not attach it: %v", err)
		}
		return l
	}
}

// attachEvent attaches to a tracepoint, of which tracefs has the number. Where
// that is not mounted it is, for as long as it takes.
func attachEvent(event string) func(*testing.T, *ebpf.Program) io.Closer {
	return func(t *testing.T, p *ebpf.Program) io.Closer {
		dir := "/sys/kernel/tracing"
		if _, err := os.Stat(dir + "/events"); err != nil {
			dir = t.TempDir()
			if err := unix.Mount("tracefs", dir, "tracefs", 0, ""); err != nil {
				t.Skipf("tracefs: %v", err)
			}
			defer unix.Unmount(dir, unix.MNT_DETACH)
		}
		id, err := os.ReadFile(filepath.Join(dir, "events", event, "id"))
		if err != nil {
			t.Skip(err)
		}
		n, err := strconv.ParseUint(strings.TrimSpace(string(id)), 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		fd, err := unix.PerfEventOpen(&unix.PerfEventAttr{Type: unix.PERF_TYPE_TRACEPOINT, Config: n, Sample: 1,
			Size: uint32(binary.Size(unix.PerfEventAttr{}))}, -1, 0, -1, unix.PERF_FLAG_FD_CLOEXEC)
		if err != nil {
			t.Skipf("perf event: %v", err)
		}
		if err := unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_SET_BPF, p.FD()); err != nil {
			t.Fatal(err)
		}
		return os.NewFile(uintptr(fd), event)
	}
}

// TestTraceIter reads an iterator of tasks, which finds this process as /proc has
// it.
func TestTraceIter(t *testing.T) {
	needKernel(t)
	for _, level := range []int{0, 2} {
		coll := tracedObject(t, traceMap+`
bpf.iter('task', function(ctx)
  local t = ctx.task
  if not t or t.pid ~= bpf.opt.parent then return 0 end
  put(1, t.comm)
  put(2, t.mm.exe_file.f_path.dentry.d_name.name)
  if t.group_leader == t and ctx.meta.seq_num >= 0 then put(3, 'leader') end
end)`, level)
		var p *ebpf.Program
		for _, p = range coll.Programs {
		}
		it, err := link.AttachIter(link.IterOptions{Program: p})
		if err != nil {
			t.Skipf("this kernel does not attach it: %v", err)
		}
		defer it.Close()
		r, err := it.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		r.Close()
		comm, _ := os.ReadFile("/proc/self/comm")
		exe, err := os.Readlink("/proc/self/exe")
		if err != nil {
			t.Fatal(err)
		}
		for key, want := range map[uint32]string{1: strings.TrimSpace(string(comm)), 2: filepath.Base(exe), 3: "leader"} {
			var got []byte
			if err := coll.Maps["out"].Lookup(key, &got); err != nil {
				t.Fatal(err)
			}
			if s := text(got); s != want {
				t.Errorf("-O%d: out[%d] is %q, want %q", level, key, s, want)
			}
		}
	}
}
