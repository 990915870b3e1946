package loader

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// checks are the questions that Examine asks, in the order of its answers.
var checks = [...]func() Finding{
	checkKernel, checkCall, checkCapabilities, checkUnprivileged, checkMemlock, checkLockdown,
	checkTypes, checkJIT, checkHarden,
	checkBPFFS, checkTracing, checkDebugfs, checkCgroup2,
	checkRingBuffer, checkTCX, checkKprobe, checkUprobe, checkKprobeMulti, checkTrampolines, checkLSM,
	checkParanoid, checkKptr,
}

// Examine finds out what this machine allows.
func Examine() []Finding {
	var all []Finding
	for _, check := range checks {
		all = append(all, check())
	}
	return all
}

// good and the others make findings.
func good(name, value string) Finding { return Finding{Name: name, State: OK, Value: value} }

func noted(name, value, effect, fix string) Finding {
	return Finding{Name: name, State: Note, Value: value, Effect: effect, Fix: fix}
}

func lacking(name, value, effect, fix string) Finding {
	return Finding{Name: name, State: Missing, Value: value, Effect: effect, Fix: fix}
}

// release is the running kernel's version as its name begins: 6.1.
func release() (name string, major, minor int) {
	name = setting("/proc/sys/kernel/osrelease")
	fmt.Sscanf(name, "%d.%d", &major, &minor) // what is no version is 0.0
	return name, major, minor
}

// from reports whether the running kernel is of a version or later.
func from(major, minor int) bool {
	_, m, n := release()
	return m > major || m == major && n >= minor
}

func checkKernel() Finding {
	name, _, _ := release()
	value := "Linux " + name + ", " + runtime.GOARCH
	if !from(5, 10) {
		return lacking("kernel", value, "objects are made for Linux 5.10 and later", "a newer kernel")
	}
	return good("kernel", value)
}

// checkCall makes a map, which is what every program needs first.
func checkCall() Finding {
	const name = "bpf()"
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err == nil {
		m.Close()
		return good(name, "allowed")
	}
	f := lacking(name, "refused: "+err.Error(), "nothing can be loaded", "")
	switch {
	case noSyscall(err):
		f.Fix = "a kernel with CONFIG_BPF_SYSCALL"
	case errors.Is(err, fs.ErrPermission):
		f.Fix = missing(nil, err, nil)
	}
	f.Required = true
	return f
}

// wanted are the capabilities that BPF asks for, and what for.
var wanted = [...]struct {
	bit        capability
	name, what string
}{
	{capBPF, "CAP_BPF", "loading programs"},
	{capNetAdmin, "CAP_NET_ADMIN", "programs of xdp, tc and cgroups"},
	{capNetRaw, "CAP_NET_RAW", "socket filters on interfaces"},
	{capPerfmon, "CAP_PERFMON", "tracing"},
	{capSysAdmin, "CAP_SYS_ADMIN", "seeing what others have loaded ('luabpfc list'), iterators"},
}

const capNetRaw capability = 13

func checkCapabilities() Finding {
	const name = "capabilities"
	caps, ok := effectiveCaps()
	if !ok {
		return noted(name, "unknown: /proc is not mounted", "", "")
	}
	if caps>>capSysAdmin&1 != 0 && caps>>capNetAdmin&1 != 0 && caps>>capNetRaw&1 != 0 {
		return good(name, "all that BPF asks for")
	}
	var lack, what []string
	for _, w := range wanted {
		has := caps>>w.bit&1 != 0 || (w.bit == capBPF || w.bit == capPerfmon) && caps>>capSysAdmin&1 != 0
		if !has {
			lack, what = append(lack, w.name), append(what, w.what)
		}
	}
	return lacking(name, "without "+strings.Join(lack, ", "), strings.Join(what, "; "), "run as root, or 'setcap cap_bpf,cap_net_admin,cap_net_raw,cap_perfmon=ep' the program")
}

func checkUnprivileged() Finding {
	const name = "kernel.unprivileged_bpf_disabled"
	switch v := setting("/proc/sys/kernel/unprivileged_bpf_disabled"); v {
	case "":
		return noted(name, "unknown", "", "")
	case "0":
		return noted(name, v, "any user may load socket filters", "'sysctl kernel.unprivileged_bpf_disabled=2' if that is not wanted")
	default:
		return good(name, v+": only with CAP_BPF")
	}
}

func checkMemlock() Finding {
	const name = "RLIMIT_MEMLOCK"
	if from(5, 11) {
		return good(name, "does not count from Linux 5.11 on")
	}
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &l); err != nil || l.Cur == unix.RLIM_INFINITY {
		return good(name, "unlimited")
	}
	value := fmt.Sprintf("%d KiB", l.Cur>>10)
	if caps, ok := effectiveCaps(); ok && caps>>capSysResource&1 != 0 {
		return good(name, value+", which is lifted when loading")
	}
	return lacking(name, value, "maps that are larger", "'ulimit -l unlimited' as root, or LimitMEMLOCK=infinity in the service's unit")
}

const capSysResource capability = 24

func checkLockdown() Finding {
	const name = "lockdown"
	v := setting("/sys/kernel/security/lockdown")
	switch {
	case strings.Contains(v, "[confidentiality]"):
		return lacking(name, "confidentiality", "programs that read the kernel's memory: tracing", "boot without lockdown=confidentiality")
	case strings.Contains(v, "[integrity]"):
		return noted(name, "integrity", "bpf_probe_write_user", "boot without lockdown=integrity")
	}
	return good(name, "none")
}

func checkTypes() Finding {
	const path = "/sys/kernel/btf/vmlinux"
	if st, err := os.Stat(path); err == nil {
		return good("kernel's types (BTF)", fmt.Sprintf("%s, %d KiB", path, st.Size()>>10))
	}
	return lacking("kernel's types (BTF)", path+" is not there", "programs that use the kernel's own types (CO-RE), fentry, tp_btf, lsm, iterators, kfuncs", "a kernel with CONFIG_DEBUG_INFO_BTF, or --btf FILE when compiling")
}

func checkJIT() Finding {
	const name = "JIT compiler"
	switch v := setting("/proc/sys/net/core/bpf_jit_enable"); v {
	case "1":
		return good(name, "on")
	case "2":
		return noted(name, "on, and writes programs to the kernel's log", "", "'sysctl net.core.bpf_jit_enable=1'")
	case "":
		return noted(name, "unknown", "without one there are no callbacks (bpf_loop), no calls of kfuncs, no fentry", "")
	default:
		return lacking(name, "off", "callbacks (bpf_loop), calls of kfuncs, fentry; all else is slower", "'sysctl net.core.bpf_jit_enable=1'")
	}
}

func checkHarden() Finding {
	const name = "net.core.bpf_jit_harden"
	switch v := setting("/proc/sys/net/core/bpf_jit_harden"); v {
	case "2":
		return noted(name, v, "programs are slower, and longer, for everybody", "'sysctl net.core.bpf_jit_harden=0' where only root loads programs")
	default:
		return good(name, dashed(v))
	}
}

func dashed(v string) string {
	if v == "" {
		return "unknown"
	}
	return v
}

// mounted are the places where file systems of a type are mounted.
func mounted(typ string) (dirs []string) {
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil
	}
	for l := range strings.Lines(string(text)) {
		if f := strings.Fields(l); len(f) > 2 && f[2] == typ && !slices.Contains(dirs, f[1]) {
			dirs = append(dirs, f[1])
		}
	}
	return dirs
}

func checkBPFFS() Finding {
	const name = "BPF file system"
	dirs := mounted("bpf")
	if slices.Contains(dirs, DefaultPinPath) {
		return good(name, DefaultPinPath)
	}
	if len(dirs) > 0 {
		return noted(name, strings.Join(dirs, ", "), "'luabpfc load' pins below "+DefaultPinPath+" unless --pin says otherwise", "'mount -t bpf bpf "+DefaultPinPath+"'")
	}
	return lacking(name, "not mounted", "pinning: nothing stays when its process ends", "'mount -t bpf bpf "+DefaultPinPath+"' ('luabpfc load' does, as root)")
}

func checkTracing() Finding {
	const name = "tracefs"
	for _, dir := range traceDirs {
		if _, err := os.Stat(dir + "/events"); err == nil {
			return good(name, dir)
		}
	}
	return lacking(name, "not mounted", "tracepoints, what programs print (bpf.tracelog), probes by name patterns", "'mount -t tracefs tracefs /sys/kernel/tracing' ('luabpfc run' does, as root)")
}

func checkDebugfs() Finding {
	if dirs := mounted("debugfs"); len(dirs) > 0 {
		return good("debugfs", dirs[0])
	}
	return noted("debugfs", "not mounted, and not needed", "", "")
}

func checkCgroup2() Finding {
	if dirs := mounted("cgroup2"); len(dirs) > 0 {
		return good("cgroup2", dirs[0])
	}
	return lacking("cgroup2", "not mounted", "programs on cgroups, sock_ops", "'mount -t cgroup2 none /sys/fs/cgroup/unified', or boot with systemd.unified_cgroup_hierarchy=1")
}

func checkRingBuffer() Finding {
	return feature("ring buffer", features.HaveMapType(ebpf.RingBuf), "maps of type ringbuf: perf_event_array takes records to user space, too", "Linux 5.8")
}

// feature is a finding by the answer of a probe.
func feature(name string, err error, effect, needs string) Finding {
	switch {
	case err == nil:
		return good(name, "there")
	case errors.Is(err, ebpf.ErrNotSupported):
		return lacking(name, "not in this kernel", effect, needs)
	}
	return noted(name, "unknown: "+err.Error(), effect, "")
}

func checkTCX() Finding {
	const name = "tcx"
	lo, err := InterfaceByName("lo")
	if err == nil {
		_, err = link.QueryPrograms(link.QueryOptions{Target: lo.Index, Attach: ebpf.AttachTCXIngress})
	}
	switch {
	case err == nil:
		return good(name, "there")
	case errors.Is(err, fs.ErrPermission):
		return noted(name, "unknown: "+err.Error(), "", "")
	}
	return lacking(name, "not in this kernel", "programs of tc become filters of the clsact queue: if their process is killed they stay, and 'luabpfc unload' finds them", "Linux 6.6")
}

func checkKprobe() Finding { return events("kprobe", "CONFIG_KPROBE_EVENTS") }

func checkUprobe() Finding { return events("uprobe", "CONFIG_UPROBE_EVENTS") }

// events is a finding about a kind of perf events.
func events(name, config string) Finding {
	if _, err := os.Stat("/sys/bus/event_source/devices/" + name); err == nil {
		return good(name, "there")
	}
	return lacking(name, "not in this kernel", name+", "+name[:1]+"ret"+name[1:]+": tracepoints may do", "a kernel with "+config)
}

func checkKprobeMulti() Finding {
	return feature("kprobe.multi", haveKprobeMulti(), "kprobe_multi: a kprobe for each function does, more slowly", "Linux 5.18 with CONFIG_FPROBE")
}

// haveKprobeMulti looks for the function that such probes call.
func haveKprobeMulti() error {
	symbols, err := KernelSymbols()
	if err != nil {
		return err
	}
	if !symbols.has("kprobe_multi_link_handler") {
		return ebpf.ErrNotSupported
	}
	return nil
}

// has reports whether there is a function of that name.
func (s *Symbols) has(name string) bool {
	return slices.ContainsFunc(s.list, func(x symbol) bool { return x.name == name })
}

func checkTrampolines() Finding {
	return feature("fentry, fexit", haveTrampolines(), "fentry, fexit, fmod_ret, lsm, iterators: kprobes may do", "a kernel with CONFIG_DEBUG_INFO_BTF and CONFIG_FUNCTION_TRACER; on arm64 Linux 6.0")
}

func haveTrampolines() error {
	err := features.HaveProgramType(ebpf.Tracing)
	if p, ok := ownPrivileges(); ok && p.has(capSysAdmin) && errors.Is(err, fs.ErrPermission) {
		return ebpf.ErrNotSupported // which some kernels call not permitted
	}
	if err != nil {
		return err
	}
	if runtime.GOARCH == "arm64" && !from(6, 0) {
		return ebpf.ErrNotSupported
	}
	return nil
}

func checkLSM() Finding {
	const name = "lsm"
	const effect = "programs of lsm are attached and never called"
	v := setting("/sys/kernel/security/lsm")
	switch {
	case v == "":
		return noted(name, "unknown: securityfs is not mounted, or there are no security modules", effect+" unless 'bpf' is among the modules", "'mount -t securityfs securityfs /sys/kernel/security' shows it")
	case slices.Contains(strings.Split(v, ","), "bpf"):
		return good(name, v)
	}
	return lacking(name, v, effect, "boot with lsm="+v+",bpf")
}

func checkParanoid() Finding {
	const name = "kernel.perf_event_paranoid"
	v := setting("/proc/sys/kernel/perf_event_paranoid")
	if caps, ok := effectiveCaps(); v == "" || ok && caps>>capPerfmon&1 == 0 && caps>>capSysAdmin&1 == 0 && v > "1" {
		return lacking(name, dashed(v), "perf events, probes and tracepoints", "CAP_PERFMON, or 'sysctl kernel.perf_event_paranoid=1'")
	}
	return good(name, v)
}

func checkKptr() Finding {
	const name = "kernel.kptr_restrict"
	v := setting("/proc/sys/kernel/kptr_restrict")
	if _, err := KernelSymbols(); err != nil {
		return lacking(name, dashed(v), "names of the kernel's functions in stacks (bpf.ksym)", "run as root with kptr_restrict at most 1: 'sysctl kernel.kptr_restrict=1'")
	}
	return good(name, dashed(v))
}
