package loader

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/pin"
	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc/loader/netlink"
)

// ReadSystem looks at what BPF does on this machine. What goes away meanwhile is
// left out.
func ReadSystem() (*System, error) {
	s := &System{Programs: []RunningProgram{}, Maps: []RunningMap{}}
	held, pinned := heldBy(), pinnedAt()
	if err := s.readPrograms(held, pinned); err != nil {
		return nil, err
	}
	if err := s.readMaps(held, pinned); err != nil {
		return nil, err
	}
	s.readLinks(pinned)
	s.readHooks(held)
	return s, nil
}

// object is the kind and the number of something of BPF's.
type object struct {
	kind string // "prog", "map", "link"
	id   uint32
}

// access explains an error of asking the kernel what there is.
func access(err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return &AccessError{Missing: "seeing what others have loaded needs CAP_SYS_ADMIN: run as root", Cause: err}
	}
	if noSyscall(err) {
		return &AccessError{Missing: "this system has no BPF", Cause: err}
	}
	return err
}

// everything calls add for what there is of a kind: next leads from number to
// number, open opens what has one. What goes away meanwhile is left out.
func everything[ID ~uint32, I any, O interface {
	Info() (*I, error)
	io.Closer
}](next func(ID) (ID, error), open func(ID) (O, error), add func(uint32, *I)) error {
	for id := ID(0); ; {
		var err error
		if id, err = next(id); errors.Is(err, os.ErrNotExist) {
			return nil
		} else if err != nil {
			return access(err)
		}
		x, err := open(id)
		if errors.Is(err, os.ErrNotExist) {
			continue
		} else if err != nil {
			return access(err)
		}
		info, err := x.Info()
		x.Close()
		if err == nil {
			add(uint32(id), info)
		}
	}
}

func (s *System) readPrograms(held map[object][]Process, pinned map[object][]string) error {
	boot := bootTime()
	return everything(ebpf.ProgramGetNextID, ebpf.NewProgramFromID, func(id uint32, info *ebpf.ProgramInfo) {
		o := object{"prog", id}
		r := RunningProgram{ID: id, Type: progType(info.Type), Name: info.Name, Tag: info.Tag, Maps: []uint32{}, Attached: []Attachment{},
			Pins: orNone(pinned[o]), Held: orNone(held[o])}
		if since, ok := info.LoadTime(); ok {
			r.Loaded = boot.Add(since).Truncate(time.Second)
		}
		if uid, ok := info.CreatedByUID(); ok {
			r.UID = &uid
		}
		if maps, ok := info.MapIDs(); ok {
			for _, m := range maps {
				r.Maps = append(r.Maps, uint32(m))
			}
		}
		s.Programs = append(s.Programs, r)
	})
}

func (s *System) readMaps(held map[object][]Process, pinned map[object][]string) error {
	return everything(ebpf.MapGetNextID, ebpf.NewMapFromID, func(id uint32, info *ebpf.MapInfo) {
		o := object{"map", id}
		s.Maps = append(s.Maps, RunningMap{ID: id, Type: mapType(info.Type), Name: info.Name, KeySize: info.KeySize, ValueSize: info.ValueSize,
			MaxEntries: info.MaxEntries, Pins: orNone(pinned[o]), Held: orNone(held[o])})
	})
}

// orNone makes an empty list of nil, as JSON shows it.
func orNone[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

// progType is a type as libbpf and the kernel write it: socket_filter.
func progType(t ebpf.ProgramType) string { return snake(t.String()) }

// mapType is a type as scripts write it: percpu_hash.
func mapType(t ebpf.MapType) string {
	switch t {
	case ebpf.PerCPUHash:
		return "percpu_hash"
	case ebpf.PerCPUArray:
		return "percpu_array"
	case ebpf.LRUCPUHash:
		return "lru_percpu_hash"
	case ebpf.RingBuf:
		return "ringbuf"
	}
	return snake(t.String())
}

// snake writes SocketFilter as socket_filter and CGroupSKB as cgroup_skb.
func snake(s string) string {
	for _, w := range []struct{ from, to string }{{"CGroup", "Cgroup"}, {"SKB", "Skb"}, {"XDP", "Xdp"}, {"LRU", "Lru"}, {"CPU", "Cpu"}, {"CLS", "Cls"}, {"ACT", "Act"}, {"LSM", "Lsm"}, {"LPM", "Lpm"}, {"LWT", "Lwt"}} {
		s = strings.ReplaceAll(s, w.from, w.to)
	}
	var b strings.Builder
	for i, r := range s {
		if r >= 'A' && r <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// bootTime is when the machine was started.
func bootTime() time.Time {
	var up unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &up); err != nil {
		return time.Time{}
	}
	return time.Now().Add(-time.Duration(up.Nano()))
}

// program is the program with that number, nil if it is gone.
func (s *System) program(id uint32) *RunningProgram {
	i, ok := slices.BinarySearchFunc(s.Programs, id, func(p RunningProgram, id uint32) int { return cmp.Compare(p.ID, id) })
	if !ok {
		return nil
	}
	return &s.Programs[i]
}

// readLinks notes what links attach.
func (s *System) readLinks(pinned map[object][]string) {
	it := new(link.Iterator)
	defer it.Close()
	for it.Next() {
		info, err := it.Link.Info()
		if err != nil {
			continue
		}
		p := s.program(uint32(info.Program))
		if p == nil {
			continue
		}
		a := describeLink(info, p)
		a.Link, a.Pins = uint32(info.ID), pinned[object{"link", uint32(info.ID)}]
		p.Attached = append(p.Attached, a)
	}
}

// linkKinds are the kinds of links by their numbers in linux/bpf.h.
var linkKinds = [...]string{"", "raw_tracepoint", "tracing", "cgroup", "iter", "netns", "xdp", "perf_event", "kprobe_multi", "struct_ops", "netfilter", "tcx", "uprobe_multi", "netkit", "sockmap"}

func describeLink(info *link.Info, p *RunningProgram) Attachment {
	a := Attachment{Kind: "link"}
	if int(info.Type) < len(linkKinds) {
		a.Kind = linkKinds[info.Type]
	}
	switch {
	case info.XDP() != nil:
		a.Where = ifaceName(info.XDP().Ifindex)
	case info.TCX() != nil:
		a.Where = ifaceName(info.TCX().Ifindex) + direction(ebpf.AttachType(info.TCX().AttachType) == ebpf.AttachTCXEgress)
	case info.Netkit() != nil:
		a.Where = ifaceName(info.Netkit().Ifindex)
	case info.Cgroup() != nil:
		a.Where = cgroupName(info.Cgroup().CgroupId) + " " + snake(strings.TrimPrefix(ebpf.AttachType(info.Cgroup().AttachType).String(), "CGroup"))
	case info.NetNs() != nil:
		a.Where = fmt.Sprintf("net:[%d]", info.NetNs().NetnsInode)
	case info.RawTracepoint() != nil:
		a.Where = info.RawTracepoint().Name
	case info.KprobeMulti() != nil:
		a.Where = fmt.Sprintf("%d functions", info.KprobeMulti().Count)
	case info.UprobeMulti() != nil:
		a.Where = fmt.Sprintf("%s, %d functions", info.UprobeMulti().File, info.UprobeMulti().Count)
	case info.Netfilter() != nil:
		a.Where = fmt.Sprintf("family %d hook %d priority %d", info.Netfilter().ProtocolFamily, info.Netfilter().Hook, info.Netfilter().Priority)
	case info.Tracing() != nil:
		a.Where = tracingTarget(info.Tracing().TargetObjectId, uint32(info.Tracing().TargetBtfId))
	case info.PerfEvent() != nil:
		describeEvent(info.PerfEvent(), &a)
	}
	return a
}

// describeEvent says what a perf event is.
func describeEvent(e *link.PerfEventInfo, a *Attachment) {
	switch {
	case e.Kprobe() != nil:
		a.Kind, a.Where = "kprobe", offset(e.Kprobe().Function, e.Kprobe().Offset)
	case e.Uprobe() != nil:
		a.Kind, a.Where = "uprobe", fmt.Sprintf("%s:0x%x", e.Uprobe().File, e.Uprobe().Offset)
	case e.Tracepoint() != nil:
		a.Kind, a.Where = "tracepoint", e.Tracepoint().Tracepoint
	}
}

func offset(name string, off uint32) string {
	if off == 0 {
		return name
	}
	return fmt.Sprintf("%s+0x%x", name, off)
}

func direction(egress bool) string {
	if egress {
		return " egress"
	}
	return " ingress"
}

// ifaceName is an interface's name in this network namespace.
func ifaceName(index uint32) string {
	all, err := Interfaces()
	if err == nil {
		for _, i := range all {
			if i.Index == int(index) {
				return i.Name
			}
		}
	}
	return fmt.Sprintf("interface %d", index)
}

// tracingTarget names what a program traces: a function of the kernel or of another
// program.
func tracingTarget(object, id uint32) string {
	name, err := kernelTypeName(object, id)
	if err != nil {
		return ""
	}
	return name
}

// kernelTypeName is the name of a type of the kernel's, by the number of its BTF.
func kernelTypeName(object, id uint32) (string, error) {
	h, err := btf.NewHandleFromID(btf.ID(object))
	if err != nil {
		return "", err
	}
	defer h.Close()
	info, err := h.Info()
	if err != nil {
		return "", err
	}
	if !info.IsVmlinux() {
		return "", errors.New("not of the kernel itself")
	}
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		return "", err
	}
	t, err := spec.TypeByID(btf.TypeID(id))
	if err != nil {
		return "", err
	}
	return strings.TrimPrefix(t.TypeName(), "btf_trace_"), nil
}

// cgroupName is the path of a cgroup by its number, which is that of its folder.
func cgroupName(id uint64) string {
	root, found := cgroupRoot(), ""
	filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil
		}
		var st unix.Stat_t
		if unix.Stat(path, &st) == nil && st.Ino == id {
			found = path
			return filepath.SkipAll
		}
		return nil
	})
	if found == "" {
		return fmt.Sprintf("cgroup %d", id)
	}
	return found
}

// readHooks notes what is attached without a link: XDP by netlink, filters of tc.
func (s *System) readHooks(held map[object][]Process) {
	all, err := Interfaces()
	if err != nil {
		return
	}
	for _, i := range all {
		if p := s.program(uint32(xdpProgram(i.Index))); p != nil && !slices.ContainsFunc(p.Attached, func(a Attachment) bool { return a.Kind == "xdp" }) {
			p.Attached = append(p.Attached, Attachment{Kind: "xdp", Where: i.Name})
		}
		for _, f := range filtersOf(i) {
			if p := s.program(f.Program); p != nil {
				p.Attached = append(p.Attached, Attachment{Kind: "tc", Where: f.Interface + " " + f.Direction})
			}
			if strings.HasPrefix(f.Name, filterPrefix) && len(held[object{"prog", f.Program}]) == 0 {
				s.Filters = append(s.Filters, f)
			}
		}
	}
}

// filterPlace is where a filter is.
type filterPlace = netlink.TrafficControl

// Attributes of a filter: linux/pkt_cls.h.
const (
	tcaBPFID = 11
)

// filtersOf are the filters of BPF programs on an interface's clsact queue.
func filtersOf(i Interface) (all []Filter) {
	for _, parent := range []uint32{clsactIngress, clsactEgress} {
		answers, err := netlink.Message{Kind: unix.RTM_GETTFILTER, Flags: unix.NLM_F_DUMP, Body: netlink.TrafficControl{Index: i.Index, Parent: parent}.With()}.Request()
		if err != nil {
			continue
		}
		for _, m := range answers {
			tc, rest, ok := netlink.TrafficControlOf(m.Body)
			if !ok {
				continue
			}
			tc.Index, tc.Parent = i.Index, parent
			f := Filter{Interface: i.Name, Direction: strings.TrimSpace(direction(parent == clsactEgress)), at: tc}
			for typ, v := range attrs(rest) {
				if typ != unix.TCA_OPTIONS {
					continue
				}
				for typ, v := range attrs(v) {
					switch {
					case typ == tcaBPFName:
						f.Name = strings.TrimRight(string(v), "\x00")
					case typ == tcaBPFID && len(v) == 4:
						f.Program = binary.NativeEndian.Uint32(v)
					}
				}
			}
			if f.Program != 0 && tc.Handle != 0 {
				all = append(all, f)
			}
		}
	}
	return all
}

// attrs are the attributes of a netlink message, by type.
func attrs(b []byte) map[uint16][]byte {
	all := map[uint16][]byte{}
	for len(b) >= 4 {
		size := int(binary.NativeEndian.Uint16(b))
		if size < 4 || size > len(b) {
			break
		}
		all[binary.NativeEndian.Uint16(b[2:])&^unix.NLA_F_NESTED] = b[4:size]
		b = b[min((size+3)&^3, len(b)):]
	}
	return all
}

// Remove takes the filter off its interface.
func (f Filter) Remove() error {
	_, err := netlink.Message{Kind: unix.RTM_DELTFILTER, Body: f.at.With(netlink.Text(unix.TCA_KIND, "bpf"))}.Request()
	if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}

// heldBy are the processes that hold something of BPF's, as far as this one may see.
func heldBy() map[object][]Process {
	all := map[object][]Process{}
	procs, err := os.ReadDir("/proc")
	if err != nil {
		return all
	}
	for _, p := range procs {
		pid, err := strconv.Atoi(p.Name())
		if err != nil {
			continue
		}
		dir := "/proc/" + p.Name()
		fds, err := os.ReadDir(dir + "/fd")
		if err != nil {
			continue
		}
		name := ""
		for _, fd := range fds {
			to, err := os.Readlink(dir + "/fd/" + fd.Name())
			if err != nil || !strings.HasPrefix(to, "anon_inode:") || !strings.Contains(to, "bpf") {
				continue
			}
			text, err := os.ReadFile(dir + "/fdinfo/" + fd.Name())
			if err != nil {
				continue
			}
			if name == "" {
				name = setting(dir + "/comm")
			}
			for _, o := range objectsOf(string(text)) {
				if h := (Process{pid, name}); !slices.Contains(all[o], h) {
					all[o] = append(all[o], h)
				}
			}
		}
	}
	return all
}

// objectsOf reads which objects an entry of fdinfo names.
func objectsOf(text string) (all []object) {
	for l := range strings.Lines(text) {
		key, value, _ := strings.Cut(l, ":")
		kind, ok := strings.CutSuffix(key, "_id")
		if !ok || kind != "prog" && kind != "map" && kind != "link" {
			continue
		}
		if n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 32); err == nil {
			all = append(all, object{kind, uint32(n)})
		}
	}
	return all
}

// pinnedAt are the names that BPF file systems have for objects.
func pinnedAt() map[object][]string {
	all := map[object][]string{}
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return all
	}
	seen := map[uint64]bool{}
	for l := range strings.Lines(string(text)) {
		f := strings.Fields(l)
		if len(f) < 3 || f[2] != "bpf" {
			continue
		}
		var st unix.Stat_t
		if unix.Stat(f[1], &st) != nil || seen[uint64(st.Dev)] {
			continue
		}
		seen[uint64(st.Dev)] = true
		filepath.WalkDir(f[1], func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return nil // what can't be read has no name for us
			}
			x, err := pin.Load(path, nil)
			if err != nil {
				return nil
			}
			if o, ok := objectAt(x); ok {
				all[o] = append(all[o], path)
			}
			return x.Close()
		})
	}
	return all
}

// objectAt is the number of what is pinned.
func objectAt(x any) (o object, ok bool) {
	switch x := x.(type) {
	case *ebpf.Program:
		if info, err := x.Info(); err == nil {
			id, ok := info.ID()
			return object{"prog", uint32(id)}, ok
		}
	case *ebpf.Map:
		if info, err := x.Info(); err == nil {
			id, ok := info.ID()
			return object{"map", uint32(id)}, ok
		}
	case link.Link:
		if info, err := x.Info(); err == nil {
			return object{"link", uint32(info.ID)}, true
		}
	}
	return o, false
}
