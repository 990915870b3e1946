package loader

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
)

// What a process lacks that may not use BPF. The kernel says no more than that it is
// not permitted; what it asks for depends on the program's type, on where it is
// attached and on the kernel's version, and is looked up here.

// capability is one that BPF asks for, by its number in linux/capability.h.
type capability uint

const (
	capNetAdmin capability = 12
	capSysAdmin capability = 21
	capPerfmon  capability = 38
	capBPF      capability = 39
)

var capNames = map[capability]string{capNetAdmin: "CAP_NET_ADMIN", capSysAdmin: "CAP_SYS_ADMIN", capPerfmon: "CAP_PERFMON", capBPF: "CAP_BPF"}

// needed are the capabilities to load and attach programs of a type, as the kernel's
// is_net_admin_prog_type and is_perfmon_prog_type have them.
func needed(t ebpf.ProgramType) []capability {
	switch t {
	case ebpf.SocketFilter, ebpf.CGroupSKB, ebpf.SkReuseport, ebpf.SkLookup, ebpf.Syscall, ebpf.UnspecifiedProgram:
		return []capability{capBPF}
	case ebpf.Kprobe, ebpf.TracePoint, ebpf.PerfEvent, ebpf.RawTracepoint, ebpf.RawTracepointWritable, ebpf.Tracing, ebpf.LSM, ebpf.StructOps:
		return []capability{capBPF, capPerfmon}
	case ebpf.Extension:
		return []capability{capBPF, capNetAdmin, capPerfmon}
	}
	return []capability{capBPF, capNetAdmin}
}

// privileges are what a process may do.
type privileges struct {
	caps         uint64
	bpfCaps      bool   // the kernel has CAP_BPF and CAP_PERFMON: 5.8
	nested       bool   // in a user namespace, where capabilities are not those of the machine
	unprivileged string // kernel.unprivileged_bpf_disabled
}

func (p privileges) has(c capability) bool { return p.caps>>c&1 != 0 }

// hasAll reports whether the process has all of these capabilities, or the one that
// comprises them.
func (p privileges) hasAll(need []capability) bool {
	return p.has(capSysAdmin) || p.bpfCaps && !slices.ContainsFunc(need, func(c capability) bool { return !p.has(c) })
}

// lack says what keeps the process from what needs these capabilities.
func (p privileges) lack(doing string, need ...capability) string {
	if !p.bpfCaps {
		need = []capability{capSysAdmin}
	}
	var names, small []string
	for _, c := range need {
		if !p.hasAll([]capability{c}) {
			names = append(names, capNames[c])
		}
		small = append(small, strings.ToLower(capNames[c]))
	}
	switch {
	case len(names) == 0 && p.nested:
		return "this process has the capabilities for it in a user namespace (a container without root?), where they don't count"
	case len(names) == 0:
		return "this process has the capabilities for it and is refused all the same: a seccomp filter (a container?), a security module or kernel lockdown forbids it"
	}
	s := fmt.Sprintf("%s needs %s: run as root, or 'setcap %s=ep' the program", doing, strings.Join(names, " and "), strings.Join(small, ","))
	if p.unprivileged != "" && p.unprivileged != "0" && need[0] == capBPF && !p.has(capBPF) {
		s += "; kernel.unprivileged_bpf_disabled is " + p.unprivileged
	}
	return s
}

// ownPrivileges are those of this process.
func ownPrivileges() (p privileges, ok bool) {
	p.caps, ok = effectiveCaps()
	last, err := strconv.Atoi(setting("/proc/sys/kernel/cap_last_cap"))
	p.bpfCaps = err != nil || capability(last) >= capBPF
	p.unprivileged = setting("/proc/sys/kernel/unprivileged_bpf_disabled")
	// Outside of all namespaces every number means itself.
	ids := strings.Join(strings.Fields(setting("/proc/self/uid_map")), " ")
	p.nested = ids != "" && ids != "0 0 4294967295"
	return p, ok
}

// missing says what keeps this process from loading spec, nil if that is not known;
// limit is why the limit on locked memory could not be lifted.
func missing(spec *ebpf.ProgramSpec, err, limit error) string {
	if noSyscall(err) || errors.Is(err, ebpf.ErrNotSupported) && !errors.Is(err, fs.ErrPermission) {
		return "this system has no BPF, or not the feature that the program needs"
	}
	if strings.Contains(err.Error(), "pin") && errors.Is(err, fs.ErrPermission) && strings.HasPrefix(err.Error(), "map ") {
		return "the map is pinned by name, and the folder for that is not this user's: run as root, or mount a BPF file system of one's own ('mount -t bpf -o uid=...')"
	}
	p, ok := ownPrivileges()
	if !ok {
		return "this process may not load BPF programs"
	}
	doing, need := "loading BPF programs", []capability{capBPF}
	if spec != nil {
		doing, need = fmt.Sprintf("loading '%s', a program of type %s,", spec.Name, spec.Type), needed(spec.Type)
	}
	if limit != nil && countsMemory(setting("/proc/sys/kernel/osrelease")) && p.hasAll(need) {
		return "RLIMIT_MEMLOCK is too low: before Linux 5.11 maps and programs count against it; 'ulimit -l unlimited' as root lifts it, as this process would with CAP_SYS_RESOURCE"
	}
	return p.lack(doing, need...)
}

// missingToAttach says what keeps this process from attaching spec, whose section
// begins with first.
func missingToAttach(spec *ebpf.ProgramSpec, first string, err error) string {
	p, ok := ownPrivileges()
	if !ok {
		return "this process may not attach BPF programs"
	}
	if file, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Sprintf("'%s' can't be read by this user: run as root, or, if it belongs to tracing, mount that for the user's group ('mount -o remount,gid=... /sys/kernel/tracing')", file.Path)
	}
	need := needed(spec.Type)
	switch first {
	case "uprobe", "uretprobe", "usdt":
		// A probe in the middle of an instruction destroys what it is in, so since
		// 6.16, and where that was brought back, the kernel asks for more.
		if p.has(capPerfmon) {
			need = []capability{capSysAdmin}
		}
	}
	return p.lack("attaching it", need...)
}

// countsMemory reports whether a kernel counts maps against RLIMIT_MEMLOCK: until
// 5.11.
func countsMemory(release string) bool {
	var major, minor int
	n, _ := fmt.Sscanf(release, "%d.%d", &major, &minor)
	return n == 2 && (major < 5 || major == 5 && minor < 11)
}

// hooksMissing says what a kernel may lack that programs of the object need to
// load: the kernel itself says no more than that it does not permit it.
func hooksMissing(spec *ebpf.CollectionSpec) string {
	for _, name := range names(spec.Programs) {
		switch p := spec.Programs[name]; p.Type {
		case ebpf.Tracing:
			if p.AttachType == ebpf.AttachTraceFEntry || p.AttachType == ebpf.AttachTraceFExit || p.AttachType == ebpf.AttachModifyReturn {
				return "; or the kernel was built without what '" + name + "' attaches to (CONFIG_FUNCTION_TRACER with direct calls)"
			}
		case ebpf.LSM:
			return "; or the kernel was built without what '" + name + "' attaches to (CONFIG_BPF_LSM)"
		}
	}
	return ""
}

// effectiveCaps are the capabilities of this process.
func effectiveCaps() (uint64, bool) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, false
	}
	for l := range strings.Lines(string(status)) {
		if hex, ok := strings.CutPrefix(l, "CapEff:"); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(hex), 16, 64)
			return n, err == nil
		}
	}
	return 0, false
}

func setting(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
