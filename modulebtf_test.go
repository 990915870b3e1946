package luabpfc_test

import (
	"errors"
	"os"
	"runtime"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc"
)

// tracked makes an entry of the connection tracker, looks it up, and watches a
// function of the module that has it. What begins with 'conntrack' is a module in
// Debian's kernels.
const tracked = `
seen = bpf.map('array', 8, 'uint32_t', 'uint64_t')

local function ask(tuple, opts)
  local ct = bpf.kfunc.bpf_xdp_ct_lookup(tuple, 12, opts)
  if not ct then return 0 end
  local status = ct.status
  bpf.kfunc.bpf_ct_release(ct)
  return 1 + (status & 0x100)
end

bpf.xdp(function(ctx)
  local tuple, opts = ffi.new('struct bpf_sock_tuple'), ffi.new('struct bpf_ct_opts')
  tuple.ipv4.saddr, tuple.ipv4.daddr = bpf.ip('10.0.0.1'), bpf.ip('10.0.0.2')
  tuple.ipv4.sport, tuple.ipv4.dport = 4242, 53
  opts.netns_id, opts.l4proto = -1, IPPROTO_UDP
  seen[0] = ask(tuple, opts)
  local new = bpf.kfunc.bpf_xdp_ct_alloc(tuple, 12, opts)
  if not new then
    seen[3] = -opts.error
    return XDP_ABORTED
  end
  bpf.kfunc.bpf_ct_set_timeout(new, 10000)
  local ct = bpf.kfunc.bpf_ct_insert_entry(new)
  if ct then bpf.kfunc.bpf_ct_release(ct) end
  seen[1] = ask(tuple, opts)
  return XDP_PASS
end, { name = 'track' })

bpf.fentry('nf_conntrack_alloc', function(net, zone, orig)
  if orig.dst.protonum == IPPROTO_UDP then seen[2] = orig.src.u3.ip end
end, { name = 'watch' })
`

// TestModuleBTF compiles with the types of a module of the running kernel, calls its
// functions and attaches to one.
func TestModuleBTF(t *testing.T) {
	needKernel(t)
	const dir = "/sys/kernel/btf/"
	module, err := os.ReadFile(dir + "nf_conntrack")
	if err != nil {
		t.Skipf("the connection tracker is no module here: %v", err)
	}
	types, err := os.ReadFile(dir + "vmlinux")
	if err != nil {
		t.Fatal(err)
	}
	for _, level := range []int{0, 2} {
		opts := caseOptions()
		opts.OptLevel, opts.Check, opts.BTF = level, true, func() ([]byte, error) { return append(types[:len(types):len(types)], module...), nil }
		obj := compileAs(t, "track.lua", tracked, opts)
		runTracked(t, obj.ELF, level)
	}
	opts := caseOptions()
	opts.BTF = func() ([]byte, error) { return types, nil }
	if _, err := luabpfc.Compile(luabpfc.Source{Name: "track.lua", Text: tracked}, opts); err == nil {
		t.Error("it compiles without the module's types")
	}
}

func runTracked(t *testing.T, elf []byte, level int) {
	t.Helper()
	coll, err := loadCollection(elf)
	if err != nil {
		t.Fatal(whyNot(err))
	}
	defer coll.Close()
	l, err := link.AttachTracing(link.TracingOptions{Program: coll.Programs["watch"]})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := inNewNetns(func() error {
		ret, err := coll.Programs["track"].Run(&ebpf.RunOptions{Data: make([]byte, 64)})
		if err == nil && ret != 2 {
			t.Errorf("-O%d: the program returns %d", level, ret)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []uint64{0, 1, 0x0a000001, 0} {
		var got uint64
		if err := coll.Maps["seen"].Lookup(uint32(i), &got); err != nil {
			t.Fatal(err)
		}
		if got&^0x100 != want {
			t.Errorf("-O%d: seen[%d] is %#x, want %#x", level, i, got, want)
		}
	}
}

// inNewNetns runs f on a thread in a network namespace of its own.
func inNewNetns(f func() error) error {
	done := make(chan error)
	go func() { // the thread ends with the goroutine
		runtime.LockOSThread()
		done <- errors.Join(unix.Unshare(unix.CLONE_NEWNET), f())
	}()
	return <-done
}
