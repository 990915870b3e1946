package luabpfc_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// targets are what sections that need one are for, on any kernel.
var targets = map[string]string{
	"tp_btf": "sched_switch", "fentry": "bpf_fentry_test1", "fexit": "bpf_fentry_test1", "fmod_ret": "bpf_modify_return_test", "fsession": "bpf_fentry_test1",
	"lsm": "file_open", "lsm_cgroup": "socket_bind", "iter": "task", "kprobe": "do_nanosleep", "kretprobe": "do_nanosleep",
	"tracepoint": "syscalls/sys_enter_nanosleep", "raw_tracepoint": "sched_switch", "raw_tracepoint_w": "sched_switch",
	"usdt": "/bin/true:a:b", "freplace": "subprogram", "struct_ops": "operation",
}

// notHere are the kinds that can't be loaded on the machine of these tests, with
// why.
var notHere = map[string]string{
	"fsession":   "a newer kernel has it",
	"freplace":   "needs a program to replace",
	"struct_ops": "needs a map with the operations",
	"lirc_mode2": "CONFIG_BPF_LIRC_MODE2 is off",
}

func sectionOf(k *kernel.ProgKind) string {
	target := targets[k.Name]
	if k.Target != kernel.NoTarget && target == "" {
		target = "x"
	}
	return k.SectionFor(target, false)
}

// compileKind compiles a program of a kind; ctx is code that uses the context.
func compileKind(t *testing.T, k *kernel.ProgKind, body string) *luabpfc.Object {
	t.Helper()
	opts := luabpfc.DefaultOptions()
	opts.Kernel, opts.Arch = kernel.Version{Major: 7, Minor: 9}, "x86_64"
	opts.Check = true
	text := fmt.Sprintf("bpf.program('%s', function(ctx)\n%s\nend, { name = 'prog' })\n", sectionOf(k), body)
	obj, err := luabpfc.Compile(luabpfc.Source{Name: k.Name + ".lua", Text: text}, opts)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return obj
}

// readAll is code that reads every member of k's context that it may.
func readAll(k *kernel.ProgKind) string {
	var b strings.Builder
	fmt.Fprintf(&b, "local n = 0\n")
	c := k.Context("x86_64")
	for _, f := range slices.Concat(c.Fields, c.Aliases) {
		if f.Kind != kernel.Scalar || !f.Readable(k) {
			continue
		}
		name := "ctx." + f.Name
		last := name
		if f.Len > 0 {
			n := f.Len
			if c.Name == "struct bpf_raw_tracepoint_args" {
				n = 3 // sched_switch has no more on any kernel
			}
			last, name = fmt.Sprintf("%s[%d]", name, n-1), name+"[0]"
		}
		fmt.Fprintf(&b, "n = n + bit.band(%s, 1) + bit.band(%s, 2)\n", name, last)
	}
	fmt.Fprintf(&b, "if n == 77 then return %d end\n", k.Default)
	return b.String()
}

// writeAll is code that writes every member of k's context that it may.
func writeAll(k *kernel.ProgKind) string {
	var b strings.Builder
	c := k.Context("x86_64")
	for _, f := range slices.Concat(c.Fields, c.Aliases) {
		if !f.Writable(k) {
			continue
		}
		name := "ctx." + f.Name
		if f.Len > 0 {
			name += "[1]"
		}
		fmt.Fprintf(&b, "%s = 1\n", name)
	}
	return b.String()
}

// readPacket is code that reads k's packet, if it has one.
func readPacket(k *kernel.ProgKind) string {
	if k.Packet == kernel.NoPacket {
		return ""
	}
	return fmt.Sprintf("if pkt[3] + pkt[#pkt - 9] == 77 then return %d end", k.Default)
}

// TestKinds compiles and loads a program of every kind that does nothing, one
// that reads all of its context, one that writes what it may and one that reads
// the packet; type and attach type are what cilium/ebpf makes of the section.
func TestKinds(t *testing.T) {
	needKernel(t)
	for _, k := range kernel.ProgKinds {
		t.Run(k.Name, func(t *testing.T) {
			for what, body := range map[string]string{"empty": "", "reading": readAll(k), "writing": writeAll(k), "packet": readPacket(k)} {
				obj := compileKind(t, k, body)
				spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(obj.ELF))
				if err != nil {
					t.Fatal(err)
				}
				p := spec.Programs["prog"]
				if p.Type == ebpf.UnspecifiedProgram {
					t.Skip("cilium/ebpf does not know the section; TestSections loads it")
				}
				if int(p.Type) != int(k.Type) || int(p.AttachType) != k.Attach && !(k.Attach == 0 && p.AttachType == ebpf.AttachNone) {
					t.Errorf("section %s is of type %v, attach type %v; the table says %v, %d", sectionOf(k), p.Type, p.AttachType, k.Type, k.Attach)
				}
				if runtime.GOARCH != "amd64" && k.NeedsArch() {
					continue
				}
				coll, err := loadCollection(obj.ELF)
				if err == nil {
					coll.Close()
					continue
				}
				if errors.Is(err, unix.EPERM) || errors.Is(err, ebpf.ErrNotSupported) {
					t.Skipf("%s: not on this kernel: %v", what, err)
				}
				if why := notHere[k.Name]; why != "" {
					t.Skipf("%s: %v", what, err)
				}
				t.Errorf("%s: %v\n%s", what, err, body)
			}
		})
	}
}

// newSections are what the distribution's libbpf 1.1 does not know, of what the
// running kernel can load.
var newSections = []string{"sk_skb_verdict", "tcx_ingress", "tcx_egress", "netkit_primary", "netkit_peer", "uprobe_multi", "uretprobe_multi",
	"uprobe_session", "kprobe_session", "netfilter", "cgroup_connect_unix", "cgroup_sendmsg_unix", "cgroup_recvmsg_unix",
	"cgroup_getpeername_unix", "cgroup_getsockname_unix"}

// newestHere is the release from which kinds are too new for the machine of these
// tests.
var newestHere = kernel.Version{Major: 6, Minor: 18}

// TestKindsBpftool loads the kinds through libbpf, which says nothing.
func TestKindsBpftool(t *testing.T) {
	needKernel(t)
	needTool(t, "bpftool")
	fs, dir := mountBPF(t), t.TempDir()
	for _, k := range kernel.ProgKinds {
		if k.Target == kernel.NeedsTarget || notHere[k.Name] != "" || newestHere.Before(k.First) || slices.Contains(newSections, k.Name) || runtime.GOARCH != "amd64" && k.NeedsArch() {
			continue
		}
		o := filepath.Join(dir, k.Name+".o")
		if err := os.WriteFile(o, compileKind(t, k, readAll(k)).ELF, 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := tool("bpftool", "prog", "loadall", o, filepath.Join(fs, k.Name)).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", k.Name, err, out)
		}
	}
}
