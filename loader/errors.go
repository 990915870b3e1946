package loader

import (
	"errors"
	"fmt"
	"io/fs"
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
		return &AccessError{Missing: missing(spec.Programs[programOf(err)], err, limit) + hooksMissing(spec), Cause: err}
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
	r.Program = programOf(err)
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

// programOf is the program that an error of loading is about, "" if it is none's.
func programOf(err error) string {
	if m := programName().FindStringSubmatch(err.Error()); m != nil {
		return m[1]
	}
	return ""
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

// lazyRegexp returns a function that compiles the expression when first called:
// most runs of the command need none.
func lazyRegexp(s string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(s) })
}
