//go:build linux

package loader

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// TestLeftFilter leaves a filter of clsact as a killed process does: it is found,
// while it is held it is not, and it can be taken off.
func TestLeftFilter(t *testing.T) {
	ifi := ownNetwork(t)
	o := load(t, spec(ebpf.SchedCLS, result(-1)...))
	a := &attachment{obj: o, prog: o.coll.Programs["prog"], spec: o.spec.Programs["prog"]}
	c, err := attachClsact(a, ifi, true)
	if err != nil {
		t.Fatal(err)
	}
	o.attached = append(o.attached, &attached{Closer: c, obj: o, prog: "prog", where: "lo"})
	ours := func(f Filter) bool {
		return f.Name == filterPrefix+"prog" && f.Interface == "lo" && f.Direction == "egress"
	}
	read := func() *System {
		s, err := ReadSystem()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := read(); slices.ContainsFunc(s.Filters, ours) {
		t.Error("a filter that is held counts as left")
	}
	if err := o.Leave(); err != nil {
		t.Fatal(err)
	}
	s := read()
	i := slices.IndexFunc(s.Filters, ours)
	if i < 0 {
		t.Fatalf("the filter is not among %v", s.Filters)
	}
	p := s.program(s.Filters[i].Program)
	if p == nil || len(p.Attached) != 1 || p.Attached[0].Kind != "tc" || p.Attached[0].Where != "lo egress" {
		t.Errorf("its program is %+v", p)
	}
	if err := s.Filters[i].Remove(); err != nil {
		t.Error(err)
	}
	if s := read(); slices.ContainsFunc(s.Filters, ours) {
		t.Error("it is still there")
	}
}

// TestPinAttached pins an object below a folder and unpins it; after an error nothing is
// left.
func TestPinAttached(t *testing.T) {
	ownNetwork(t)
	root := t.TempDir()
	if err := unix.Mount("bpf", root, "bpf", 0, ""); err != nil {
		t.Skipf("no BPF file system: %v", err)
	}
	defer unix.Unmount(root, unix.MNT_DETACH)
	s := spec(ebpf.XDP, result(2)...)
	s.Programs["prog"].SectionName = "xdp"
	s.Maps = map[string]*ebpf.MapSpec{"counts": {Name: "counts", Type: ebpf.Hash, KeySize: 4, ValueSize: 4, MaxEntries: 4}}
	o := load(t, s)
	if err := o.AttachAll(map[string]Target{"prog": {Name: "lo"}}); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, "a", "map", "counts"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := o.Pin(filepath.Join(root, "a")); err == nil || !strings.Contains(err.Error(), "pinning 'counts'") {
		t.Errorf("pinned where something is: %v", err)
	}
	if l, _ := os.ReadDir(filepath.Join(root, "a")); len(l) != 1 {
		t.Errorf("left behind: %v", l)
	}
	if err := o.Pin(filepath.Join(root, "b")); err != nil {
		t.Fatal(err)
	}
	if err := o.Leave(); err != nil {
		t.Fatal(err)
	}
	sys, err := ReadSystem()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(sys.Programs, func(p RunningProgram) bool { return slices.Contains(p.Pins, filepath.Join(root, "b/prog/prog")) })
	if i < 0 || len(sys.Programs[i].Attached) != 1 || sys.Programs[i].Attached[0].Where != "lo" || len(sys.Programs[i].Held) != 0 {
		t.Errorf("the program is not there, or not attached: %+v", sys.Programs)
	}
	removed, err := Unpin(filepath.Join(root, "b"))
	if want := []string{"link/prog", "map/counts", "prog/prog"}; err != nil || len(removed) != 3 || !strings.HasSuffix(removed[0], want[0]) {
		t.Errorf("unpinned %v, %v; want %v", removed, err, want)
	}
	if _, err := os.Stat(filepath.Join(root, "b")); !os.IsNotExist(err) {
		t.Error("the folder is still there")
	}
	if _, err := Unpin(t.TempDir()); err == nil || !strings.Contains(err.Error(), "not in a BPF file system") {
		t.Errorf("unpinned in another file system: %v", err)
	}
}

// TestContents reads maps of all types that can be made just so: none is an error.
func TestContents(t *testing.T) {
	needKernel(t)
	made := 0
	for typ := ebpf.Hash; typ <= ebpf.Arena; typ++ {
		m, err := ebpf.NewMap(&ebpf.MapSpec{Type: typ, KeySize: 4, ValueSize: 4, MaxEntries: 4})
		if err != nil {
			continue
		}
		info, err := m.Info()
		if err != nil {
			t.Fatal(err)
		}
		id, _ := info.ID()
		if _, rest, err := Contents(uint32(id), 100); err != nil || rest {
			t.Errorf("%s: %v, %v", typ, rest, err)
		}
		m.Close()
		made++
	}
	if made < 8 {
		t.Errorf("%d types of maps only", made)
	}
}

func TestObjectsOf(t *testing.T) {
	got := objectsOf("pos:\t0\nlink_type:\txdp\nlink_id:\t7\nprog_tag:\ta0\nprog_id:\t12\nmap_id:\tx\n")
	if want := []object{{"link", 7}, {"prog", 12}}; !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestSnake(t *testing.T) {
	for in, want := range map[string]string{
		progType(ebpf.SocketFilter): "socket_filter", progType(ebpf.CGroupSockAddr): "cgroup_sock_addr", progType(ebpf.XDP): "xdp",
		progType(ebpf.SchedCLS): "sched_cls", progType(ebpf.LSM): "lsm", mapType(ebpf.PerCPUHash): "percpu_hash",
		mapType(ebpf.LRUHash): "lru_hash", mapType(ebpf.RingBuf): "ringbuf", mapType(ebpf.PerfEventArray): "perf_event_array",
	} {
		if in != want {
			t.Errorf("%s, want %s", in, want)
		}
	}
}
