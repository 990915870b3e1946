package luabpfc_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
	"github.com/luabpfc/luabpfc/loader"
)

// congestion is a congestion control that counts the calls of its functions.
const congestion = `
calls = bpf.map('array', 8, 'uint32_t', 'uint64_t')
local tcp = ffi.typeof('struct tcp_sock *')
local cc = bpf.struct_ops('tcp_congestion_ops', {
  name = 'lua_cc',
  init = function(sk)
    xadd(calls[0], 1)
    ffi.cast(tcp, sk).snd_cwnd = 7
    sk.sk_pacing_rate = 123456789
  end,
  ssthresh = function(sk)
    xadd(calls[1], 1)
    return math.max(ffi.cast(tcp, sk).snd_cwnd // 2, 2)
  end,
  cong_avoid = function(sk, ack, acked)
    local tp = ffi.cast(tcp, sk)
    xadd(calls[2], 1)
    if calls[5] == 0 then
      calls[5] = tp.snd_cwnd
      calls[6] = sk.sk_pacing_rate
    end
    bpf.kfunc.tcp_reno_cong_avoid(sk, ack, acked)
    if sk.sk_protocol == IPPROTO_TCP then xadd(calls[3], acked) end
  end,
  undo_cwnd = function(sk) return ffi.cast(tcp, sk).snd_cwnd end,
  release = function(sk) xadd(calls[4], 1) end,
})
`

func opsOptions() luabpfc.Options {
	opts := caseOptions()
	opts.Check = true
	opts.BTF = func() ([]byte, error) { return os.ReadFile("testdata/btf/structops.btf") }
	return opts
}

func compileOps(t *testing.T, script string, opts luabpfc.Options) *luabpfc.Object {
	t.Helper()
	return compileAs(t, "ops.lua", script, opts)
}

// TestStructOps registers a congestion control, which a connection over lo then uses,
// and takes it from the kernel again.
func TestStructOps(t *testing.T) {
	needKernel(t)
	upLoopback(t)
	for _, level := range []int{0, 2} {
		for _, target := range []kernel.Version{{Major: 6, Minor: 1}, kernel.StructOpsLinks} {
			t.Run(fmt.Sprintf("O%d/%s", level, target), func(t *testing.T) {
				opts := opsOptions()
				opts.OptLevel, opts.Kernel = level, target
				runCongestion(t, compileOps(t, congestion, opts))
			})
		}
	}
}

func runCongestion(t *testing.T, obj *luabpfc.Object) {
	o := loaded(t, obj.ELF)
	c, err := o.AttachStructOps("cc")
	if err != nil {
		t.Fatal(err)
	}
	talk(t, "lua_cc")
	calls, err := o.Map("calls")
	if err != nil {
		t.Fatal(err)
	}
	var n [8]uint64
	eventually(func() bool { // the socket may still be on its way out
		for i := range n {
			v, err := calls.Lookup(binary.NativeEndian.AppendUint32(nil, uint32(i)))
			if err != nil {
				t.Fatal(err)
			}
			n[i] = binary.NativeEndian.Uint64(v)
		}
		return n[2] > 0 && n[4] > 0
	})
	if n[0] != 1 || n[2] == 0 || n[3] < n[2] || n[4] != 1 {
		t.Errorf("init ran %d times, cong_avoid %d for %d segments, release %d", n[0], n[2], n[3], n[4])
	}
	if n[5] != 7 || n[6] != 123456789 {
		t.Errorf("the window was %d, the rate %d, which init set to 7 and 123456789", n[5], n[6])
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := use(t, "lua_cc"); !errors.Is(err, unix.ENOENT) {
		t.Errorf("the congestion control is still there: %v", err)
	}
}

// upLoopback brings the loopback device up.
func upLoopback(t *testing.T) {
	t.Helper()
	if err := setUp(1); err != nil {
		t.Fatal(err)
	}
}

// use makes a socket with that congestion control and closes it.
func use(t *testing.T, congestion string) error {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	return unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, congestion)
}

// talk sends a mebibyte over lo under that congestion control.
func talk(t *testing.T, congestion string) {
	t.Helper()
	fds := [2]int{}
	for i := range fds {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		fds[i] = fd
	}
	check := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	check(unix.Bind(fds[0], &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	check(unix.Listen(fds[0], 1))
	at, err := unix.Getsockname(fds[0])
	check(err)
	check(unix.SetsockoptString(fds[1], unix.IPPROTO_TCP, unix.TCP_CONGESTION, congestion))
	check(unix.Connect(fds[1], at))
	peer, _, err := unix.Accept(fds[0])
	check(err)
	defer unix.Close(peer)
	const size = 1 << 16
	chunk := bytes.Repeat([]byte{'x'}, size)
	for range 16 {
		n, err := unix.Write(fds[1], chunk)
		check(err)
		for n > 0 {
			check(ready(peer, unix.POLLIN, patience))
			m, err := unix.Read(peer, chunk)
			check(err)
			n -= m
		}
	}
	check(unix.Shutdown(fds[1], unix.SHUT_WR))
}

// TestStructOpsBpftool registers the same by the distribution's bpftool, which says
// nothing else, and takes its name twice.
func TestStructOpsBpftool(t *testing.T) {
	needKernel(t)
	needTool(t, "bpftool")
	obj := compileOps(t, congestion, opsOptions())
	file := filepath.Join(t.TempDir(), "cc.o")
	if err := os.WriteFile(file, obj.ELF, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := tool("bpftool", "struct_ops", "register", file).CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "Registered tcp_congestion_ops cc id ") || bytes.Count(out, []byte("\n")) != 1 {
		t.Fatalf("%v\n%s", err, out)
	}
	id := strings.Fields(string(out))[4]
	defer func() {
		if out, err := tool("bpftool", "struct_ops", "unregister", "id", id).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}()
	if err := use(t, "lua_cc"); err != nil {
		t.Errorf("a socket can't use it: %v", err)
	}
	o := loaded(t, obj.ELF)
	if _, err := o.AttachStructOps("cc"); err == nil || !strings.Contains(err.Error(), "the kernel has one of the same name already") {
		t.Errorf("registering the same name: %v", err)
	}
}

// TestStructOpsSections compares what cilium/ebpf reads in objects for kernels with
// links and without.
func TestStructOpsSections(t *testing.T) {
	script := `
bpf.struct_ops('bpf_dummy_ops', {
  test_1 = function(state) return state.val end,
  test_sleepable = function(state) end,
}, { name = 'dummy', sleepable = { 'test_sleepable' } })`
	opts := opsOptions()
	opts.Kernel = kernel.Version{Major: 6, Minor: 4}
	obj := compileOps(t, script, opts)
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(obj.ELF))
	if err != nil {
		t.Fatal(err)
	}
	if m := spec.Maps["dummy"]; m == nil || m.Type != ebpf.StructOpsMap || m.Flags != 1<<13 || m.ValueSize != 16 {
		t.Errorf("the map is %+v", m)
	}
	for name, want := range map[string]string{"dummy_test_1": "bpf_dummy_ops:test_1", "dummy_test_sleepable": "bpf_dummy_ops:test_sleepable"} {
		p := spec.Programs[name]
		if p == nil || p.Type != ebpf.StructOps || p.AttachTo != want || p.Flags&unix.BPF_F_SLEEPABLE != 0 != strings.HasSuffix(name, "sleepable") {
			t.Errorf("program %s is %+v, not for %s", name, p, want)
		}
	}
	opts.Kernel = kernel.Version{Major: 6, Minor: 3}
	if obj = compileOps(t, script, opts); !bytes.Contains(obj.ELF, []byte("\x00.struct_ops\x00")) || bytes.Contains(obj.ELF, []byte(".struct_ops.link")) {
		t.Error("for 6.3 the section is not .struct_ops")
	}
	o, err := loader.Open(obj.ELF)
	if err != nil {
		t.Fatal(err)
	}
	if l := o.StructOps(); len(l) != 1 || l[0] != "dummy" || len(o.Maps()) != 0 {
		t.Errorf("the structures are %v, the maps %v", l, o.Maps())
	}
}

// TestStructOpsErrors compiles what the kernel would refuse.
func TestStructOpsErrors(t *testing.T) {
	const fine = "name = 'x', ssthresh = f, undo_cwnd = f, cong_avoid = g"
	for _, c := range []struct{ call, want string }{
		{"bpf.struct_ops('tcp_congestion_op', { a = f })", "1:75: the kernel has no 'struct tcp_congestion_op' (did you mean 'tcp_congestion_ops'?)"},
		{"bpf.struct_ops('tcp_sock', { a = f })", "the kernel takes no programs for the functions of 'struct tcp_sock'"},
		{"bpf.struct_ops('tcp_congestion_ops')", "bpf.struct_ops needs a table of members"},
		{"bpf.struct_ops('tcp_congestion_ops', f)", "bpf.struct_ops needs a table of members"},
		{"bpf.struct_ops('tcp_congestion_ops', { " + fine + ", int = f })", "has no member 'int' (did you mean 'init'?)"},
		{"bpf.struct_ops('tcp_congestion_ops', { " + fine + ", key = f })", "member 'key' of 'struct tcp_congestion_ops' is a 'u32', no function"},
		{"bpf.struct_ops('tcp_congestion_ops', { " + fine + ", init = 1 })", "member 'init' of 'struct tcp_congestion_ops' is a function, not a number"},
		{"bpf.struct_ops('tcp_congestion_ops', { " + fine + ", owner = 1 })", "member 'owner' of 'struct tcp_congestion_ops' is the kernel's to set"},
		{"bpf.struct_ops('tcp_congestion_ops', { " + fine + ", get_info = f })", "the kernel takes no program for 'get_info'"},
		{"bpf.struct_ops('tcp_congestion_ops', { " + fine + ", flags = 'x' })", "member 'flags': cannot convert 'string' to 'u32'"},
		{"bpf.struct_ops('tcp_congestion_ops', { ssthresh = f, undo_cwnd = f, cong_avoid = g })", "the kernel takes no 'struct tcp_congestion_ops' without 'name'"},
		{"bpf.struct_ops('tcp_congestion_ops', { name = 'x', ssthresh = f, undo_cwnd = f })", "without 'cong_avoid' or 'cong_control'"},
		{"bpf.struct_ops('tcp_congestion_ops', { name = 'a name', ssthresh = f, undo_cwnd = f, cong_avoid = g })", "'name' must be 1 to 15 letters, digits, '_' and '.', not 'a name'"},
		{"bpf.struct_ops('tcp_congestion_ops', { " + fine + " }, { nme = 'x' })", "there is no option 'nme' (did you mean 'name'?)"},
		{"bpf.struct_ops('tcp_congestion_ops', { " + fine + ", init = function(sk) return 1 end })", "warning: 'init' of 'struct tcp_congestion_ops' returns nothing; this value is ignored"},
		{"bpf.struct_ops('tcp_congestion_ops', { " + fine + ", init = function(sk) sk.sk_protocol = 1 end })", "the kernel's memory can't be written"},
		{"bpf.struct_ops('tcp_congestion_ops', { " + fine + ", init = print })", "bpf.struct_ops needs functions of the script; 'print' is one of the library"},
	} {
		text := "local f = function() return 1 end local g = function() end " + c.call
		obj, err := luabpfc.Compile(luabpfc.Source{Name: "ops.lua", Text: text}, opsOptions())
		list, _ := diag.AsList(err)
		if obj != nil {
			list = obj.Warnings
		}
		said := ""
		for _, d := range list {
			said += d.String()
		}
		if len(list) != 1 || !strings.Contains(said, c.want) {
			t.Errorf("%s\nsays %s\nnot  %s", c.call, said, c.want)
		}
	}
	opts := opsOptions()
	opts.BTF = nil
	_, err := luabpfc.Compile(luabpfc.Source{Name: "ops.lua", Text: "bpf.struct_ops('bpf_dummy_ops', { test_1 = function() end })"}, opts)
	if err == nil || !strings.Contains(err.Error(), "no BTF of a kernel is given (--btf FILE)") {
		t.Errorf("without BTF: %v", err)
	}
}

// TestLiveStructOps registers a congestion control from a script and takes it away.
func TestLiveStructOps(t *testing.T) {
	wantLive(t, `
		local f = function(sk) return 2 end
		local cc = bpf.struct_ops('tcp_congestion_ops', { name = 'lua_live', ssthresh = f, undo_cwnd = f, cong_avoid = function() end })
		local function has()
			for l in io.lines('/proc/sys/net/ipv4/tcp_available_congestion_control') do return l:find('lua_live', 1, true) ~= nil end
		end
		print(cc.name, has())
		cc:close()
		print(has())`, nil, "cc\ttrue", "false")
}
