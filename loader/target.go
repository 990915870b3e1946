package loader

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
)

// Target is what a program is to be attached to. What is empty is taken from the
// object: from what its source says, else from the name of the program's section.
type Target struct {
	// Name is an interface, a file descriptor, a function, 'category/name' of a
	// tracepoint, 'path:symbol+offset' of a probe in user space.
	Name      string
	Direction string           // of tc: "ingress" or "egress"
	Path      string           // of a cgroup
	PID, CPU  *int64           // nil or negative: any
	Flags     uint32           // of the attaching system call
	Perf      map[string]int64 // freq, period, type and config of a perf event
}

// hook is how programs are attached whose section begins with a name.
type hook struct {
	// sections are the first parts of sections, as libbpf has them; none: every
	// program of the type.
	sections []string
	typ      ebpf.ProgramType
	// target says what has to be named to attach; "" for nothing.
	target string
	// inSection: the target may stand in the section, behind the first '/'.
	inSection bool
	attach    func(a *attachment) (io.Closer, error)
}

// attachment is a program on its way to its hook.
type attachment struct {
	Target
	obj   *Object
	prog  *ebpf.Program
	spec  *ebpf.ProgramSpec
	first string // of its section: "kprobe"
}

// note says something about the attachment that the user should know.
func (a *attachment) note(format string, args ...any) {
	a.obj.notes = append(a.obj.notes, fmt.Sprintf(format, args...))
}

// Attach attaches a program where t says, or else its section. Where neither
// names a place and the program needs one, it returns a *NoTargetError.
func (o *Object) Attach(prog string, t Target) (io.Closer, error) {
	if o.coll == nil {
		return nil, errNotLoaded
	}
	p := o.coll.Programs[prog]
	if p == nil {
		return nil, o.noProgram(prog)
	}
	spec := o.spec.Programs[prog]
	first, rest, _ := strings.Cut(strings.TrimPrefix(spec.SectionName, "?"), "/")
	a := &attachment{Target: t.or(o.Target(prog)), obj: o, prog: p, spec: spec, first: strings.TrimSuffix(first, ".s")}
	h := hookOf(a.first, p.Type())
	if h == nil {
		return nil, &NoTargetError{Program: prog, Type: p.Type().String()}
	}
	if a.Name == "" && h.inSection {
		a.Name = rest
	}
	if h.target != "" && a.Name == "" {
		return nil, &NoTargetError{Program: prog, Type: p.Type().String(), Target: h.target}
	}
	if err := a.process(); err != nil {
		return nil, a.explain(err)
	}
	c, err := h.attach(a)
	if err != nil {
		return nil, a.explain(err)
	}
	l := &attached{Closer: c, obj: o, prog: prog, where: a.Name}
	o.attached = append(o.attached, l)
	return l, nil
}

// attached is an attachment that leaves its object's list when it is closed.
type attached struct {
	io.Closer
	obj         *Object
	prog, where string
	ends        bool // with this process, though the object is pinned
}

func (l *attached) Close() error {
	i := slices.IndexFunc(l.obj.attached, func(c io.Closer) bool { return c == l })
	if i < 0 {
		return nil
	}
	l.obj.attached = slices.Delete(l.obj.attached, i, i+1)
	return l.Closer.Close()
}

// hookOf returns how programs of a type, in sections that begin with first, are
// attached; nil if they are not attached by themselves.
func hookOf(first string, typ ebpf.ProgramType) *hook {
	for i, h := range hooks {
		if h.typ == typ && (len(h.sections) == 0 || slices.Contains(h.sections, first)) {
			return &hooks[i]
		}
	}
	return nil
}

// NoTargetError says that a program was not attached because nobody said where.
type NoTargetError struct {
	Program, Type string
	Target        string // what has to be named; "" where nothing helps
}

// Error says what to name.
func (e *NoTargetError) Error() string {
	if e.Target == "" {
		return fmt.Sprintf("program '%s' is of type %s, which is not attached by itself", e.Program, e.Type)
	}
	return fmt.Sprintf("program '%s' is loaded and not attached: name %s", e.Program, e.Target)
}

func (o *Object) noProgram(name string) error {
	return fmt.Errorf("no program '%s' in the object; it has %s", name, strings.Join(o.Programs(), ", "))
}

// Notes returns what attaching had to say besides errors.
func (o *Object) Notes() []string { return o.notes }

// explain turns an error of attaching into one that says what to do.
func (a *attachment) explain(err error) error {
	return explainAttach(a.spec, a.first, a.Name, err)
}

// explainAttach is explain for a program whose section begins with first.
func explainAttach(spec *ebpf.ProgramSpec, first, target string, err error) error {
	if access, ok := errors.AsType[*AccessError](err); ok {
		return access
	}
	if errors.Is(err, fs.ErrPermission) {
		return &AccessError{Missing: "attaching '" + spec.Name + "': " + missingToAttach(spec, first, err), Cause: err}
	}
	if target != "" {
		target = " to '" + target + "'"
	}
	return fmt.Errorf("attaching '%s'%s: %w", spec.Name, target, err)
}

// pid is the process to follow, 0 for any.
func (a *attachment) pid() int {
	if a.PID == nil || *a.PID < 0 {
		return 0
	}
	return int(*a.PID)
}

// process looks for the process to follow. What the kernel says if it is not there
// differs from hook to hook.
func (a *attachment) process() error {
	if a.pid() == 0 {
		return nil
	}
	if _, err := os.Stat(fmt.Sprintf("/proc/%d", a.pid())); errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat("/proc/self"); err == nil {
			return fmt.Errorf("there is no such process, %d", a.pid())
		}
	}
	return nil
}

// everyProcess notes that the kernel ignores which process is to be followed.
func (a *attachment) everyProcess() {
	if a.pid() > 0 {
		a.note("'%s' runs for every process, not for %d alone: the kernel can't tell them apart there; compare pid() in the program", a.spec.Name, a.pid())
	}
}

// symbolOffset splits 'symbol+0x10'. What does not end in a number is a name:
// operator+.
func symbolOffset(s string) (sym string, off uint64) {
	i := strings.LastIndexByte(s, '+')
	if i < 0 {
		return s, 0
	}
	off, err := strconv.ParseUint(strings.TrimSpace(s[i+1:]), 0, 64)
	if err != nil {
		return s, 0
	}
	return s[:i], off
}
