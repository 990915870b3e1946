package luabpfc_test

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// ownNetwork moves the test to network and mount namespaces of its own, with a
// BPF file system where tools look for it, and the device v0 up. The thread ends
// with the test: it can't come back.
func ownNetwork(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS); err != nil {
		t.Fatalf("namespaces: %v", err)
	}
	err := errors.Join(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""), unix.Mount("bpf", "/sys/fs/bpf", "bpf", 0, ""))
	if err != nil {
		t.Fatalf("bpffs: %v", err)
	}
	quietly(t, tool("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1"))
	quietly(t, tool("ip", "link", "set", "v0", "up"))
	quietly(t, tool("ip", "link", "set", "v1", "up"))
}

// quietly runs a command that must succeed and say nothing.
func quietly(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%s: %v, says\n%s", strings.Join(cmd.Args, " "), err, out)
	}
}

// netObject is an object of programs that can be attached to an interface.
type netObject struct {
	path     string
	sections []string // of those asked for
	others   bool     // there are other programs
}

// netObjects are the samples' objects with programs in one of the sections.
func netObjects(t *testing.T, sections ...string) (l []netObject) {
	t.Helper()
	for _, path := range writeObjects(t, nil) {
		spec, err := ebpf.LoadCollectionSpec(path)
		if err != nil {
			t.Fatal(err)
		}
		o := netObject{path: path}
		for _, p := range spec.Programs {
			if !slices.Contains(sections, p.SectionName) {
				o.others = true
			} else if !slices.Contains(o.sections, p.SectionName) {
				o.sections = append(o.sections, p.SectionName)
			}
		}
		if slices.Sort(o.sections); len(o.sections) > 0 {
			l = append(l, o)
		}
	}
	if len(l) == 0 {
		t.Fatalf("no objects with sections %v", sections)
	}
	return l
}

// TestTC attaches every object with programs for tc by 'tc filter add', which
// says nothing. A batch ends at the first command that fails.
func TestTC(t *testing.T) {
	needKernel(t)
	needTool(t, "tc", "ip")
	ownNetwork(t)
	quietly(t, tool("tc", "qdisc", "add", "dev", "v0", "clsact"))
	var batch strings.Builder
	objects := netObjects(t, "tc", "classifier", "tc/ingress", "tcx/ingress")
	for _, o := range objects {
		for _, s := range o.sections {
			fmt.Fprintf(&batch, "filter add dev v0 ingress bpf da obj %s sec %s\n", o.path, s)
		}
	}
	runBatch(t, tool("tc", "-batch", "-"), batch.String())
	t.Logf("%d objects", len(objects))
}

// TestIPLink attaches every object with programs for XDP by 'ip link set'.
func TestIPLink(t *testing.T) {
	needKernel(t)
	needTool(t, "ip")
	ownNetwork(t)
	var batch strings.Builder
	objects := netObjects(t, "xdp")
	for _, o := range objects {
		fmt.Fprintf(&batch, "link set dev v0 xdpgeneric obj %s sec xdp\n", o.path)
	}
	runBatch(t, tool("ip", "-force", "-batch", "-"), batch.String())
	t.Logf("%d objects", len(objects))
}

func runBatch(t *testing.T, cmd *exec.Cmd, batch string) {
	t.Helper()
	cmd.Stdin = strings.NewReader(batch)
	quietly(t, cmd)
	// It would have said something.
	bad := exec.Command(cmd.Path, cmd.Args[1:]...)
	bad.Stdin = strings.NewReader(strings.ReplaceAll(batch, "sec xdp", "sec missing") + "nonsense\n")
	if out, err := bad.CombinedOutput(); err == nil || len(out) == 0 {
		t.Errorf("a batch with a mistake: %v, says\n%s", err, out)
	}
}

// TestXDPLoader attaches every object with programs for XDP only by xdp-loader.
// libxdp takes each for an extension of its dispatcher; where the kernel refuses
// extensions it attaches the program itself, and then loads everything in the
// object as XDP, whatever its section says.
func TestXDPLoader(t *testing.T) {
	needKernel(t)
	needTool(t, "ip", "xdp-loader")
	ownNetwork(t)
	n := 0
	for _, o := range netObjects(t, "xdp") {
		if o.others {
			continue
		}
		quietly(t, tool("xdp-loader", "load", "-m", "skb", "v0", o.path))
		quietly(t, tool("xdp-loader", "unload", "v0", "--all"))
		n++
	}
	t.Logf("%d objects", n)
}
