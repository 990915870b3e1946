package luabpfc_test

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// toolTest is a script of examples/ that is attached, and what shows that it does
// what it is for.
type toolTest struct {
	name string
	// needs say why this machine can't attach it, "" if it can. On the machines
	// of bench/matrix nothing else is an excuse.
	needs func() string
	// options are for -D.
	options func(*testing.T) []luabpfc.Define
	show    func(t *testing.T, c *toolRun)
}

var toolTests = []toolTest{
	{"opensnoop", anywhere, ownPID, showOpensnoop},
	{"execsnoop", anywhere, nil, showExecsnoop},
	{"runqlat", anywhere, ownPID, showRunqlat},
	{"offcputime", anywhere, ownPID, showOffcputime},
	{"biolatency", needsDisk, nil, showBiolatency},
	{"bashreadline", needsBash, nil, showBashreadline},
	{"tasks", anywhere, nil, showTasks},
	{"lsm_open", needsLSM, denySecret, showLSM},
	{"tcplife", anywhere, nil, showTCPLife},
	{"tcpconnect", needsKprobes, nil, showTCPConnect},
	{"sk_steer", anywhere, nil, showSteer},
	{"redirect4", anywhere, nil, showRedirect},
	{"tcp_rtt", anywhere, nil, showRTT},
	{"tc_mark", needsTCX, nil, showMark},
}

// toolRun is a loaded tool.
type toolRun struct {
	*ebpf.Collection
	spec *ebpf.CollectionSpec
}

// TestTools loads the tools of examples/ and sees that they do what they are for.
func TestTools(t *testing.T) {
	needKernel(t)
	for _, c := range toolTests {
		for _, level := range []int{0, 2} {
			t.Run(fmt.Sprintf("%s/O%d", c.name, level), func(t *testing.T) {
				if why := c.needs(); why != "" {
					t.Skip(why)
				}
				var defines []luabpfc.Define
				if c.options != nil {
					defines = c.options(t)
				}
				c.show(t, loadTool(t, c.name, level, defines))
			})
		}
	}
}

// loadTool compiles a script of examples/ with the checked-in types and loads it.
func loadTool(t *testing.T, name string, level int, defines []luabpfc.Define) *toolRun {
	t.Helper()
	opts := caseOptions()
	opts.OptLevel, opts.Check, opts.Arch, opts.Defines = level, true, "x86_64", defines
	opts.BTF = func() ([]byte, error) { return os.ReadFile("testdata/btf/tools.btf") }
	obj := compileFile(t, "examples/"+name+".lua", opts)
	if len(obj.Warnings) > 0 {
		t.Errorf("compiling warns: %v", obj.Warnings)
	}
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(obj.ELF))
	if err != nil {
		t.Fatal(err)
	}
	coll, err := loadCollection(obj.ELF)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(coll.Close)
	return &toolRun{coll, spec}
}

// attach attaches all programs to what their sections name.
func (c *toolRun) attach(t *testing.T) {
	t.Helper()
	for name, p := range c.Programs {
		kind, target, _ := strings.Cut(c.spec.Programs[name].SectionName, "/")
		var l io.Closer
		switch kind {
		case "tracepoint":
			l = attachEvent(target)(t, p)
		case "tp_btf", "fentry", "fexit":
			l = mustAttach(t)(link.AttachTracing(link.TracingOptions{Program: p}))
		case "lsm":
			l = mustAttach(t)(link.AttachLSM(link.LSMOptions{Program: p}))
		case "kprobe":
			l = mustAttach(t)(link.Kprobe(target, p, nil))
		case "kretprobe":
			l = mustAttach(t)(link.Kretprobe(target, p, nil))
		default:
			t.Fatalf("%s: no way to attach '%s'", name, kind)
		}
		t.Cleanup(func() { l.Close() })
	}
}

func mustAttach(t *testing.T) func(link.Link, error) io.Closer {
	return func(l link.Link, err error) io.Closer {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
}

// program is the only program of a tool.
func (c *toolRun) program(t *testing.T) *ebpf.Program {
	t.Helper()
	if len(c.Programs) != 1 {
		t.Fatalf("%d programs", len(c.Programs))
	}
	for _, p := range c.Programs {
		return p
	}
	return nil
}

// events reads the records of a ring buffer, each into a new T, until found says
// that this is the one.
func events[T any](t *testing.T, c *toolRun, found func(*T) bool) {
	t.Helper()
	r, err := ringbuf.NewReader(c.Maps["events"])
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var seen []string
	for {
		r.SetDeadline(time.Now().Add(patience))
		record, err := r.Read()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("no event of what was done among %d\n%s", len(seen), strings.Join(seen[max(0, len(seen)-5):], "\n"))
		}
		if err != nil {
			t.Fatal(err)
		}
		var e T
		if err := binary.Read(bytes.NewReader(record.RawSample), binary.NativeEndian, &e); err != nil {
			t.Fatalf("%v of %d bytes", err, len(record.RawSample))
		}
		seen = append(seen, fmt.Sprintf("%+v", e))
		if found(&e) {
			return
		}
	}
}

// sumValues adds up the values of a per-CPU or plain map of numbers.
func sumValues(t *testing.T, m *ebpf.Map) (total uint64) {
	t.Helper()
	key := make([]byte, m.KeySize())
	it := m.Iterate()
	for values := []uint64(nil); it.Next(&key, &values); {
		for _, v := range values {
			total += v
		}
	}
	if err := it.Err(); err != nil {
		t.Fatal(err)
	}
	return total
}

// ownComm is the name of this process's first thread, and its others.
func ownComm(t *testing.T) string {
	t.Helper()
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(comm))
}

func ownPID(*testing.T) []luabpfc.Define { return define("pid", fmt.Sprint(os.Getpid())) }

func denySecret(*testing.T) []luabpfc.Define { return define("deny", "secret") }

func define(name, value string) []luabpfc.Define {
	return []luabpfc.Define{{Name: name, Value: value, Set: true}}
}

func anywhere() string { return "" }

func needsBash() string {
	if _, err := exec.LookPath("bash"); err != nil {
		return "no bash"
	}
	return ""
}

// needsKprobes is for what attaches to the kernel's functions, which is compiled
// into the kernels of the matrix.
func needsKprobes() string {
	if _, err := os.Stat("/sys/bus/event_source/devices/kprobe"); err != nil && cell == "" {
		return "a kernel without kprobes"
	}
	return ""
}

func needsLSM() string {
	if why := needsKprobes(); why != "" {
		return why // has no trampolines either
	}
	if on, err := os.ReadFile("/sys/kernel/security/lsm"); cell == "" && !strings.Contains(string(on), "bpf") {
		return fmt.Sprintf("BPF is none of the security modules %s %v", on, err)
	}
	return ""
}

func needsTCX() string {
	if runningKernel().Before(kernel.Version{Major: 6, Minor: 6}) {
		return "tcx is from 6.6 on"
	}
	return ""
}

func needsDisk() string {
	if disk() == "" {
		return "no disk"
	}
	return ""
}

// disk is a disk of a guest, or a folder on one.
func disk() string {
	if cell != "" {
		return "/dev/nvme0n1"
	}
	return os.TempDir()
}

// own is this program, to be run once more.
func own(t *testing.T, kind string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), helperEnv+"="+kind)
	return cmd
}

func runOwn(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

type openEvent struct {
	PID, UID      uint32
	Flags, Result int32
	Comm          [16]byte
	Path          [208]byte
}

func showOpensnoop(t *testing.T, c *toolRun) {
	c.attach(t)
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	missing := name + ".missing"
	if _, err := os.Open(missing); !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	written := false
	events(t, c, func(e *openEvent) bool {
		if e.PID != uint32(os.Getpid()) || text(e.Comm[:]) != ownComm(t) {
			t.Errorf("an event of process %d (%s)", e.PID, text(e.Comm[:]))
		}
		if text(e.Path[:]) == name {
			written = e.Result >= 0 && e.Flags&unix.O_ACCMODE == unix.O_WRONLY
		}
		return text(e.Path[:]) == missing && e.Result == -int32(unix.ENOENT)
	})
	if !written {
		t.Errorf("no event of writing %s", name)
	}
}

func showExecsnoop(t *testing.T, c *toolRun) {
	c.attach(t)
	cmd := own(t, helperNothing, "one", "two words", "3", "4", "5", "6")
	runOwn(t, cmd)
	events(t, c, func(e *struct {
		PID, Parent, UID uint32
		Arguments        int32
		Comm             [16]byte
		Args             [6][64]byte
	}) bool {
		if e.PID != uint32(cmd.Process.Pid) {
			return false
		}
		if e.Parent != uint32(os.Getpid()) || e.UID != uint32(os.Getuid()) || text(e.Comm[:]) != ownComm(t) || e.Arguments != 6 {
			t.Errorf("event %+v", e)
		}
		for i := range e.Args {
			if want := cmd.Args[i]; text(e.Args[i][:]) != want[:min(len(want), 63)] {
				t.Errorf("argument %d is %q, want %q", i, text(e.Args[i][:]), want)
			}
		}
		return true
	})
}

func showRunqlat(t *testing.T, c *toolRun) {
	c.attach(t)
	// What wakes up before it has left the CPU does not wait for it.
	if !eventually(func() bool { return sumValues(t, c.Maps["waited"]) >= 20 }) {
		t.Errorf("%d waits for a CPU, and this process slept all the time", sumValues(t, c.Maps["waited"]))
	}
}

func showOffcputime(t *testing.T, c *toolRun) {
	symbols := kernelSymbols(t)
	c.attach(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	slept := eventually(func() bool {
		// The map keeps the first of the stacks whose hashes are the same, and gives
		// the others no number.
		emptyMap(t, c.Maps["stacks"])
		if err := unix.Nanosleep(&unix.Timespec{Nsec: 30_000_000}, nil); err != nil && !errors.Is(err, unix.EINTR) {
			t.Fatal(err)
		}
		return c.sleptIn(t, symbols, "nanosleep")
	})
	if !slept {
		t.Error("no stack of nanosleep has 30 ms")
	}
}

// sleptIn reports whether a stack with a function was off its CPU for 30 ms.
func (c *toolRun) sleptIn(t *testing.T, symbols []symbol, function string) bool {
	t.Helper()
	var place struct {
		PID   uint32
		Stack int32
		Comm  [16]byte
	}
	it := c.Maps["total"].Iterate()
	for us := uint64(0); it.Next(&place, &us); {
		if place.PID != uint32(os.Getpid()) {
			t.Errorf("process %d is none that was asked for", place.PID)
		}
		var ips [127]uint64
		if us >= 30_000 && place.Stack >= 0 && c.Maps["stacks"].Lookup(place.Stack, &ips) == nil && symbolised(symbols, ips[:], function) {
			return true
		}
	}
	return false
}

// emptyMap deletes the entries of a map of stacks.
func emptyMap(t *testing.T, m *ebpf.Map) {
	t.Helper()
	for id := range m.MaxEntries() {
		if err := m.Delete(id); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			t.Fatal(err)
		}
	}
}

// symbol is a function of the kernel.
type symbol struct {
	at   uint64
	name string
}

// kernelSymbols reads the addresses of the kernel's functions, in their order.
func kernelSymbols(t *testing.T) (l []symbol) {
	t.Helper()
	text, err := os.ReadFile("/proc/kallsyms")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if at, err := strconv.ParseUint(f[0], 16, 64); err == nil && len(f) > 2 {
			l = append(l, symbol{at, f[2]})
		}
	}
	slices.SortStableFunc(l, func(a, b symbol) int { return cmp.Compare(a.at, b.at) })
	return l
}

// symbolised reports whether one of the addresses is in a function of that name,
// or with that in its name.
func symbolised(symbols []symbol, ips []uint64, function string) bool {
	for _, ip := range ips {
		i, found := slices.BinarySearchFunc(symbols, ip, func(s symbol, at uint64) int { return cmp.Compare(s.at, at) })
		if !found {
			i--
		}
		if ip != 0 && i >= 0 && strings.Contains(symbols[i].name, function) {
			return true
		}
	}
	return false
}

func showBiolatency(t *testing.T, c *toolRun) {
	c.attach(t)
	path := disk()
	if cell == "" {
		path = filepath.Join(t.TempDir(), "file")
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|unix.O_SYNC, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	dev := st.Dev
	if st.Mode&unix.S_IFMT == unix.S_IFBLK {
		dev = st.Rdev
	}
	disks, requests := disksOf(t, dev), uint64(0)
	// The kernel runs no program of an event while its CPU is in another one.
	counted := eventually(func() bool {
		for range 5 {
			if _, err := f.Write(make([]byte, 4096)); err != nil {
				t.Fatal(err)
			}
		}
		var slot struct{ Dev, Log2 uint32 }
		requests = 0
		it := c.Maps["took"].Iterate()
		for n := uint64(0); it.Next(&slot, &n); {
			if slices.Contains(disks, slot.Dev) && slot.Log2 < 30 {
				requests += n
			}
		}
		return requests >= 5 || len(disks) == 0
	})
	if !counted {
		t.Errorf("%d requests to the devices %x, and there were at least 5 writes", requests, disks)
	}
}

// disksOf are the devices that requests for a device go to, as the kernel numbers
// them: of a partition its disk, of a mapped device what it consists of; none for
// a file system that is on no device.
func disksOf(t *testing.T, dev uint64) []uint32 {
	t.Helper()
	dir := fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(dev), unix.Minor(dev))
	if _, err := os.Stat(dir + "/partition"); err == nil {
		dir += "/.."
	}
	numbers, err := filepath.Glob(dir + "/slaves/*/dev")
	if err != nil {
		t.Fatal(err)
	}
	if len(numbers) == 0 {
		numbers = []string{dir + "/dev"}
	}
	var l []uint32
	for _, file := range numbers {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil
		}
		var major, minor uint32
		if _, err := fmt.Sscanf(string(text), "%d:%d", &major, &minor); err != nil {
			t.Fatal(err)
		}
		if lower := unix.Mkdev(major, minor); lower != dev {
			l = append(l, disksOf(t, lower)...)
		} else {
			l = append(l, major<<20|minor)
		}
	}
	return l
}

func showLSM(t *testing.T, c *toolRun) {
	c.attach(t)
	dir := t.TempDir()
	for _, name := range []string{"plain", "secret"} {
		err := os.WriteFile(filepath.Join(dir, name), nil, 0o600)
		if (name == "secret") != errors.Is(err, os.ErrPermission) {
			t.Errorf("writing %s: %v", name, err)
		}
	}
	audited := map[string]int32{}
	events(t, c, func(e *struct {
		PID, UID, Flags uint32
		Result          int32
		Inode           uint64
		Comm            [16]byte
		Dir, Name       [64]byte
	}) bool {
		if e.PID != uint32(os.Getpid()) || text(e.Dir[:]) != filepath.Base(dir) {
			return false
		}
		if e.Flags&unix.O_ACCMODE != unix.O_WRONLY || e.Inode == 0 || text(e.Comm[:]) != ownComm(t) {
			t.Errorf("event %+v", e)
		}
		audited[text(e.Name[:])] = e.Result
		return len(audited) == 2
	})
	if audited["plain"] != 0 || audited["secret"] != -int32(unix.EPERM) {
		t.Errorf("audited: %v", audited)
	}
}

// showTasks reads the list of tasks.
func showTasks(t *testing.T, c *toolRun) {
	it, err := link.AttachIter(link.IterOptions{Program: c.program(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	r, err := it.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	list, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	pid := os.Getpid()
	want := fmt.Sprintf("%7d %7d %7d %-15s %s\n", pid, pid, os.Getppid(), ownComm(t), filepath.Base(exe))
	head := "    PID     TID    PPID COMM            FILE\n"
	if s := string(list); !strings.HasPrefix(s, head) || !strings.Contains(s, want) || strings.Count(s, head) != 1 {
		t.Errorf("want the line\n%s%sin\n%s", head, want, s)
	}
}
