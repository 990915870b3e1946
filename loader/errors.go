package loader

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
)

// RejectError is the verifier's refusal of a program.
type RejectError struct {
	Program string
	// File and Line are the last place of the source that the verifier came
	// to, Text that line; Line is 0 where the log names none.
	File string
	Line int
	Text string
	// Reason is what the verifier said last, Log all it said, line by line.
	Reason string
	Log    []string
	Cause  error
	Whole  bool // Error shows all of the log
}

// Error returns the place, the reason and the lines of the log that led to it.
func (e *RejectError) Error() string {
	var b strings.Builder
	if e.Line > 0 {
		fmt.Fprintf(&b, "%s:%d: ", e.File, e.Line)
	}
	fmt.Fprintf(&b, "the kernel's verifier refuses program '%s': %s", e.Program, e.Reason)
	if e.Text != "" {
		fmt.Fprintf(&b, "\n    %s", e.Text)
	}
	lines := e.Log
	if !e.Whole {
		lines = matter(e.Log)
	}
	for _, l := range lines {
		fmt.Fprintf(&b, "\n  | %s", l)
	}
	if len(lines) < len(e.Log) {
		fmt.Fprintf(&b, "\n  (%d lines of the verifier's log; -v shows them all)", len(e.Log))
	}
	return b.String()
}

// maxMatter is how many lines of the log Error shows.
const maxMatter = 8

// matter are the lines of a log that matter: from the last line of the source that
// the verifier came to, to what it said last. Of more than maxMatter the last ones.
func matter(log []string) []string {
	end := len(log)
	for end > 0 && isStatistic(log[end-1]) {
		end--
	}
	start := end
	for start > 0 && end-start < maxMatter {
		start--
		if strings.HasPrefix(log[start], "; ") {
			break
		}
	}
	return log[start:end]
}

// isStatistic reports whether a line of the log says nothing about the program.
func isStatistic(l string) bool {
	return l == "" || strings.HasPrefix(l, "processed ") || strings.HasPrefix(l, "verification time ") || strings.HasPrefix(l, "stack depth ")
}

// Unwrap returns the system call's error.
func (e *RejectError) Unwrap() error { return e.Cause }

// AccessError says that this process may not use BPF, or that there is none.
type AccessError struct {
	Missing string // what is missing, and how to get it
	Cause   error
}

// Error returns what is missing.
func (e *AccessError) Error() string {
	// Of the limit on memory Missing speaks where it counts.
	cause := strings.ReplaceAll(e.Cause.Error(), " (MEMLOCK may be too low, consider rlimit.RemoveMemlock)", "")
	return e.Missing + " (" + cause + ")"
}

// Unwrap returns the system call's error.
func (e *AccessError) Unwrap() error { return e.Cause }

// explain turns an error of loading into the one that says what to do; limit is
// why the limit on locked memory could not be lifted, if it could not.
func explain(spec *ebpf.CollectionSpec, err, limit error) error {
	var ve *ebpf.VerifierError
	if errors.As(err, &ve) && len(ve.Log) > 0 {
		return reject(spec, err, ve)
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, ebpf.ErrNotSupported) || noSyscall(err) {
		return &AccessError{Missing: missing(err, limit) + hooksMissing(spec), Cause: err}
	}
	return fmt.Errorf("loading: %w", err)
}

// The verifier writes the source line in front of the instructions it checks:
// "; x = y @ prog.lua:12" since 6.10, "; x = y" before.
var (
	sourceLine  = lazyRegexp(`^; (.*) @ ([^@]*):(\d+)$`)
	instruction = lazyRegexp(`^(?:.* )?(\d+): \([0-9a-f]{2}\)|\binsn (\d+)$`)
	programName = lazyRegexp(`^program ([^:\s]+):`)
)

func reject(spec *ebpf.CollectionSpec, err error, ve *ebpf.VerifierError) *RejectError {
	r := &RejectError{Log: ve.Log, Cause: err}
	if m := programName().FindStringSubmatch(err.Error()); m != nil {
		r.Program = m[1]
	}
	last := -1 // the instruction that it came to
	for _, l := range ve.Log {
		if m := instruction().FindStringSubmatch(l); m != nil {
			last, _ = strconv.Atoi(m[1] + m[2])
		}
		if m := sourceLine().FindStringSubmatch(l); m != nil {
			r.Text, r.File = m[1], m[2]
			r.Line, _ = strconv.Atoi(m[3])
		} else if t, ok := strings.CutPrefix(l, "; "); ok {
			r.Text, r.File, r.Line = t, "", 0
		} else if !isStatistic(l) {
			r.Reason = l
		}
	}
	p := spec.Programs[r.Program]
	if r.Line == 0 && r.Text != "" {
		r.File, r.Line = findLine(p, r.Text)
	}
	if file, line, text := lineOf(p, last); line > 0 {
		r.File, r.Line, r.Text = file, line, text
	}
	r.Text = strings.TrimSpace(r.Text)
	return r
}

// sourced is a line of an object's line table.
type sourced interface {
	FileName() string
	LineNumber() uint32
	Line() string
}

// lineOf returns the source of an instruction by the object's own table. What the
// verifier last wrote of it need not be that: it writes a line only when it
// differs from the one before, and takes back what it wrote when it goes on with
// another path, but not the memory of that line.
func lineOf(p *ebpf.ProgramSpec, instruction int) (file string, line int, text string) {
	if p == nil {
		return "", 0, ""
	}
	it := p.Instructions.Iterate()
	for it.Next() && int(it.Offset) <= instruction {
		if l, ok := it.Ins.Source().(sourced); ok {
			file, line, text = l.FileName(), int(l.LineNumber()), l.Line()
		}
	}
	return file, line, text
}

// findLine looks a source line up in a program's line table, for kernels whose
// log has the text only. The first line with that text is taken.
func findLine(p *ebpf.ProgramSpec, text string) (file string, line int) {
	if p == nil {
		return "", 0
	}
	for _, ins := range p.Instructions {
		src := ins.Source()
		if src == nil || strings.TrimSpace(src.String()) != strings.TrimSpace(text) {
			continue
		}
		if l, ok := src.(sourced); ok {
			return l.FileName(), int(l.LineNumber())
		}
	}
	return "", 0
}

// Capabilities that BPF asks for, by their numbers in linux/capability.h.
const (
	capNetAdmin = 12
	capSysAdmin = 21
	capPerfmon  = 38
	capBPF      = 39
)

// missing says what keeps this process from using BPF.
func missing(err, limit error) string {
	if noSyscall(err) || errors.Is(err, ebpf.ErrNotSupported) && !errors.Is(err, fs.ErrPermission) {
		return "this system has no BPF, or not the feature that the program needs"
	}
	caps, ok := effectiveCaps()
	if !ok {
		return "this process may not load BPF programs"
	}
	s := missingCaps(caps, setting("/proc/sys/kernel/unprivileged_bpf_disabled"))
	if limit != nil && countsMemory(setting("/proc/sys/kernel/osrelease")) && (caps>>capBPF|caps>>capSysAdmin)&1 != 0 {
		s += "; or, before Linux 5.11, RLIMIT_MEMLOCK is too low: 'ulimit -l unlimited' as root lifts it"
	}
	return s
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

// missingCaps is missing for the effective capabilities caps and the value of
// kernel.unprivileged_bpf_disabled.
func missingCaps(caps uint64, unprivileged string) string {
	has := func(c int) bool { return caps>>c&1 != 0 }
	switch {
	case has(capSysAdmin) || has(capBPF) && has(capNetAdmin) && has(capPerfmon):
		return "this process has the capabilities for BPF and is refused all the same: a seccomp filter (a container?), a security module or kernel lockdown forbids it"
	case !has(capBPF):
		s := "loading BPF programs needs CAP_BPF, and CAP_NET_ADMIN for network programs: run as root, or 'setcap cap_bpf,cap_net_admin,cap_net_raw,cap_perfmon=ep' the program"
		if unprivileged != "" && unprivileged != "0" {
			s += "; kernel.unprivileged_bpf_disabled is " + unprivileged
		}
		return s
	case !has(capNetAdmin):
		return "network programs other than socket filters need CAP_NET_ADMIN besides CAP_BPF"
	}
	return "this program needs CAP_PERFMON besides CAP_BPF"
}

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

// lazyRegexp returns a function that compiles the expression when first called:
// most runs of the command need none.
func lazyRegexp(s string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(s) })
}
