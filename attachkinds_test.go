package luabpfc_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir/kernel"
	"github.com/luabpfc/luabpfc/loader"
)

// loadKind compiles for the running kernel, and loads.
func loadKind(t *testing.T, script string) *loader.Object {
	t.Helper()
	opts := luabpfc.DefaultOptions()
	opts.Arch, opts.Check, opts.Kernel = "x86_64", true, runningKernel()
	obj := compileAs(t, "kind.lua", script, opts)
	o := loaded(t, obj.ELF)
	return o
}

// TestNetfilterHooks attaches to hooks of both families in an order, and sends packets
// past them.
func TestNetfilterHooks(t *testing.T) {
	needKernel(t)
	if runningKernel().Before(kernel.Version{Major: 6, Minor: 4}) {
		t.Skip("netfilter programs need 6.4")
	}
	o := loadKind(t, `
seen = bpf.map('array', 4, 'uint32_t', 'uint64_t')
local function count(i) return function() xadd(seen[i], 1) return 1 end end
bpf.netfilter('ipv4', 'local_in', 10, function() seen[3] = seen[0] + 1 return 0 end, { name = 'last' })
bpf.netfilter('ipv4', 'local_in', -10, count(0), { name = 'first' })
bpf.netfilter('ipv6', 'local_out', count(1), { name = 'six' })
bpf.netfilter(count(2), { name = 'routed' })`)
	err := inNewNetns(func() error {
		if err := setUp(1); err != nil {
			return err
		}
		for _, p := range o.Programs() {
			if _, err := o.Attach(p, loader.Target{}); err != nil {
				return err
			}
		}
		for _, to := range []string{"127.0.0.1:9", "[::1]:9"} {
			c, err := net.Dial("udp", to)
			if err != nil {
				return err
			}
			if _, err = c.Write([]byte("x")); err != nil {
				return err
			}
			c.Close()
		}
		_, err := o.Attach("first", loader.Target{Name: "ipv4/nowhere/0"})
		if err == nil || !strings.Contains(err.Error(), "'family/hook/priority'") {
			t.Errorf("a hook that is not there: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := o.Map("seen")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []uint64{1, 1, 1, 2} {
		v, err := m.Lookup(binary.NativeEndian.AppendUint32(nil, uint32(i)))
		if err != nil {
			t.Fatal(err)
		}
		// An answer to the packet of IPv6, which nobody takes, may go out too.
		if got := binary.NativeEndian.Uint64(v); got != want && !(i == 1 && got > want) {
			t.Errorf("seen[%d] is %d, not %d", i, got, want)
		}
	}
}

// TestNetfilterErrors compiles hooks that are none.
func TestNetfilterErrors(t *testing.T) {
	opts := luabpfc.DefaultOptions()
	opts.Kernel = kernel.Version{Major: 6, Minor: 4}
	for args, want := range map[string]string{
		"'ipv5', 'forward'":         "'ipv5' is none of ipv4, ipv6 (did you mean 'ipv4'?)",
		"'ipv4', 'froward'":         "(did you mean 'forward'?)",
		"'ipv4'":                    "argument 2 must be a string that says one of prerouting",
		"'ipv4', 'forward', 1.5":    "the priority is an integer between",
		"'ipv4', 'forward', -2^31":  "the priority is an integer between",
		"'ipv4', 'forward', 5, 'x'": "bpf.netfilter needs a function, not a string",
	} {
		_, err := luabpfc.Compile(luabpfc.Source{Name: "nf.lua", Text: "bpf.netfilter(" + args + ", function() end)"}, opts)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, not %s", args, err, want)
		}
	}
}

// TestUprobeSession sees a function entered and left by one program.
func TestUprobeSession(t *testing.T) {
	needKernel(t)
	needTool(t, "gcc")
	if runningKernel().Before(kernel.Version{Major: 6, Minor: 13}) {
		t.Skip("sessions of uprobes need 6.13")
	}
	dir := t.TempDir()
	source, binary := filepath.Join(dir, "x.c"), filepath.Join(dir, "x")
	text := "int __attribute__((noinline)) work(int n) { __asm__ volatile(\"\" : \"+r\"(n)); return n + 1; }\nint main(void) { return work(work(40)) - 42; }\n"
	if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-O1", "-o", binary, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	o := loadKind(t, fmt.Sprintf(`
seen = bpf.map('array', 1, 'uint32_t', 'uint64_t')
bpf.program('uprobe.session/%s:work', function() xadd(seen[0], 1) end, { name = 'session' })`, binary))
	c, err := o.Attach("session", loader.Target{})
	if err != nil {
		t.Fatal(err)
	}
	if err := exec.Command(binary).Run(); err != nil {
		t.Fatal(err)
	}
	checkSeen(t, o, 4)
	c.Close()
	if err := exec.Command(binary).Run(); err != nil {
		t.Fatal(err)
	}
	checkSeen(t, o, 4)
}

// TestFreplace takes the place of a loaded program's function, and gives it back.
func TestFreplace(t *testing.T) {
	needKernel(t)
	name := fmt.Sprintf("replaced_%d", time.Now().UnixNano()%1e6)
	script := "bpf.program('freplace/" + name + "', function(ctx) return XDP_DROP end, { name = 'new', record = 'struct xdp_md' })"
	opts := luabpfc.DefaultOptions()
	obj := compileAs(t, "new.lua", script, opts)
	o, err := loader.Open(obj.ELF)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if err := o.Load(); err == nil || !strings.Contains(err.Error(), "replaces function '"+name+"', which no loaded program has") {
		t.Fatalf("loading for nothing: %v", err)
	}
	obj = compileScript(t, "bpf.xdp(function(ctx) return XDP_PASS end, { name = '"+name+"' })")
	coll, err := loadCollection(obj.ELF)
	if err != nil {
		t.Fatal(err)
	}
	defer coll.Close()
	run := func(want uint32) {
		t.Helper()
		if ret, err := coll.Programs[name].Run(&ebpf.RunOptions{Data: make([]byte, 64)}); err != nil || ret != want {
			t.Errorf("the program returns %d, not %d: %v", ret, want, err)
		}
	}
	if err := o.Load(); errors.Is(err, unix.EPERM) {
		t.Skipf("this kernel does not load it: %v", err)
	} else if err != nil {
		t.Fatal(whyNot(err))
	}
	run(2)
	c, err := o.Attach("new", loader.Target{})
	if errors.Is(err, unix.EPERM) || errors.Is(err, ebpf.ErrNotSupported) {
		t.Skipf("this kernel does not attach it: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	run(1)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	run(2)
}

// TestRoutePrograms makes a route for a program, sends a packet along it, and takes it
// away.
func TestRoutePrograms(t *testing.T) {
	needKernel(t)
	o := loadKind(t, `
seen = bpf.map('array', 2, 'uint32_t', 'uint64_t')
bpf.lwt_xmit('192.0.2.77/24 dev lo', function(skb) xadd(seen[0], 1) return BPF_OK end, { name = 'four' })
bpf.lwt_out('198.51.100.0/24 dev lo', function(skb) xadd(seen[1], 1) return BPF_OK end, { name = 'two' })`)
	err := inNewNetns(func() error {
		if err := setUp(1); err != nil {
			return err
		}
		for to, prog := range map[string]string{"192.0.2.1:9": "four", "198.51.100.1:9": "two"} {
			send := func() error {
				c, err := net.Dial("udp", to)
				if err != nil {
					return err
				}
				defer c.Close()
				_, err = c.Write([]byte("x"))
				return err
			}
			if err := send(); !errors.Is(err, unix.ENETUNREACH) {
				t.Errorf("without a route to %s: %v", to, err)
			}
			c, err := o.Attach(prog, loader.Target{})
			if err != nil {
				return err
			}
			if _, err := o.Attach(prog, loader.Target{}); err == nil || !strings.Contains(err.Error(), "already") {
				t.Errorf("a second route: %v", err)
			}
			if err := send(); err != nil {
				t.Errorf("on the route to %s: %v", to, err)
			}
			if err := c.Close(); err != nil {
				return err
			}
			if err := send(); !errors.Is(err, unix.ENETUNREACH) {
				t.Errorf("behind the route to %s: %v", to, err)
			}
		}
		for _, name := range []string{"192.0.2.0/24", "192.0.2.0 dev lo", "192.0.2.0/24 dev nowhere"} {
			if _, err := o.Attach("four", loader.Target{Name: name}); err == nil {
				t.Errorf("it attaches to '%s'", name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	checkSeen(t, o, 1, 1)
}
