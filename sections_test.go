package luabpfc_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir/kernel"
	"github.com/luabpfc/luabpfc/loader"
)

// sectionRow is a row of libbpf's table of sections.
type sectionRow struct {
	base      string // "fentry.s"
	kind      *kernel.ProgKind
	sleepable bool
}

// since is the first kernel with the section.
func (r *sectionRow) since() kernel.Version {
	if r.sleepable {
		return r.kind.Sleepable
	}
	return r.kind.First
}

func sectionRows() (l []sectionRow) {
	for _, k := range kernel.ProgKinds {
		for _, base := range k.Sections() {
			l = append(l, sectionRow{base, k, false})
		}
		if k.Sleepable != (kernel.Version{}) {
			l = append(l, sectionRow{k.Section + ".s", k, true})
		}
	}
	return l
}

// faultable is a tracepoint where programs may sleep.
const faultable = "sys_enter"

// section is what the row's program is put in.
func (r *sectionRow) section() string {
	target := targets[r.kind.Name]
	switch {
	case strings.HasSuffix(r.kind.Name, "_multi") && r.kind.Type == kernel.Tracing:
		target = "bpf_fentry_test*"
	case r.sleepable && strings.HasPrefix(r.kind.Name, "f"):
		// Marked as one that may sleep since 6.0, and where programs may change results.
		target = "bpf_fentry_test1"
	case r.sleepable && r.kind.Name == "tracepoint":
		target = "syscalls/sys_enter_nanosleep"
	case r.sleepable && target == "sched_switch":
		target = faultable
	case r.kind.Name == "fmod_ret":
		target = "security_file_open"
	case r.kind.Name == "freplace":
		target = "prog"
	case target == "" && r.kind.Target != kernel.NoTarget:
		target = "x"
	}
	if target == "" {
		return r.base
	}
	return r.base + "/" + target
}

func (r *sectionRow) compile(t *testing.T) *luabpfc.Object {
	t.Helper()
	opts := luabpfc.DefaultOptions()
	opts.Kernel, opts.Check, opts.BigEndian = kernel.Version{Major: 7, Minor: 9}, true, nativeBig
	opts.Arch = map[string]string{"amd64": "x86_64"}[runtime.GOARCH]
	if opts.Arch == "" {
		opts.Arch = runtime.GOARCH
	}
	if r.kind.Type == kernel.StructOps {
		opts := opsOptions()
		opts.Kernel = kernel.Version{Major: 6, Minor: 3} // the last whose objects libbpf 1.1 reads
		return compileOps(t, opsRow(r.sleepable), opts)
	}
	record := map[string]string{"freplace": ", record = 'struct xdp_md'"}[r.kind.Name]
	text := fmt.Sprintf("bpf.program('%s', function(ctx) end, { name = 'prog'%s })\n", r.section(), record)
	return compileAs(t, "section.lua", text, opts)
}

// sectionRecord is the file of what a kernel said to the sections, of which
// docs/sections.md is made: of this machine's, or of the guest's in bench/matrix.
func sectionRecord() string {
	name := "here"
	if cell != "" {
		name = cell
		if runtime.GOARCH != "amd64" {
			name += "-" + runtime.GOARCH
		}
	}
	return "testdata/sections/" + name + ".txt"
}

// TestSections compiles a program for every section, loads and attaches it. What
// the kernel says is what the record of this kernel has: "SECTION<tab>loading<tab>
// attaching", an empty field for what works. bench/sections writes the records.
func TestSections(t *testing.T) {
	needKernel(t)
	s := newStage(t)
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	release := "# " + unix.ByteSliceToString(u.Release[:])
	recorded := readSections(t, release)
	lines := []string{release}
	for _, r := range sectionRows() {
		// Parts of a test run on other threads, which are not in the namespaces.
		line := r.base + "\t" + s.try(t, &r)
		lines = append(lines, line)
		t.Run(r.base, func(t *testing.T) {
			if cell != "" {
				fmt.Printf("matrix: section %s\n", line)
			}
			want, ok := recorded.lines[r.base]
			if !ok && runningKernel().Before(r.since()) {
				return // the record may be older than the section
			}
			if !update && !recorded.allows(want, line) {
				t.Errorf("the kernel says\n%q\nits record\n%q", line, want)
			}
		})
	}
	if update && cell == "" {
		if err := os.WriteFile(sectionRecord(), []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// sectionLines are the lines of a record by sections; exact are those of the very
// kernel that runs.
type sectionLines struct {
	lines map[string]string
	exact bool
}

// readSections reads the record. That of another machine's kernel says nothing
// here; a guest's next update must do what the one before did.
func readSections(t *testing.T, release string) sectionLines {
	t.Helper()
	b, err := os.ReadFile(sectionRecord())
	if err != nil {
		return sectionLines{}
	}
	first, rest, _ := strings.Cut(string(b), "\n")
	s := sectionLines{map[string]string{}, first == release}
	if !s.exact && cell == "" {
		t.Logf("the record is of %s", first)
		return sectionLines{}
	}
	for l := range strings.Lines(rest) {
		l = strings.TrimSuffix(l, "\n")
		name, _, _ := strings.Cut(l, "\t")
		s.lines[name] = l
	}
	return s
}

// allows reports whether a line is what the record wants.
func (s *sectionLines) allows(want, line string) bool {
	switch {
	case s.lines == nil:
		return true
	case s.exact:
		return want == line
	}
	a, b := strings.Split(want, "\t"), strings.Split(line, "\t")
	for i := range min(len(a), len(b)) {
		if i > 0 && a[i] == "" && b[i] != "" {
			return false
		}
	}
	return len(a) == len(b)
}

// try loads and attaches a program of the row and returns what the kernel says
// to both.
func (s *stage) try(t *testing.T, r *sectionRow) string {
	t.Helper()
	elf := r.compile(t).ELF
	if r.kind.Type == kernel.StructOps {
		return tryOps(elf)
	}
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(elf))
	if err != nil {
		t.Fatal(err)
	}
	if r.kind.Name == "freplace" {
		spec.Programs["prog"].AttachTarget = s.replaced.Programs["prog"]
	}
	p, err := loadSection(spec, r)
	if err != nil {
		return whyNot(err) + "\t"
	}
	defer p.Close()
	c, err := s.attach(r, p)
	if err != nil {
		return "\t" + whyNot(err)
	}
	if c != nil {
		c.Close()
	}
	return "\t"
}

// opsRow is a structure of functions.
func opsRow(sleepable bool) string {
	return fmt.Sprintf(`
local fn = function(sk) return 2 end
bpf.struct_ops('tcp_congestion_ops', { name = 'lua_section', undo_cwnd = fn, cong_avoid = function() end,
  ssthresh = bpf(fn, { name = 'prog' }) }, { name = 'ops', sleepable = %v })`, sleepable)
}

// tryOps loads and attaches a structure of functions. In kernels before 6.4 loading
// attaches it.
func tryOps(elf []byte) string {
	o, err := loader.Open(elf)
	if err != nil {
		return whyNot(err) + "\t"
	}
	defer o.Close()
	if err := o.Load(); err != nil {
		return whyNot(err) + "\t"
	}
	if _, err := o.AttachStructOps(o.StructOps()[0]); err != nil {
		return "\t" + whyNot(err)
	}
	return "\t"
}

func loadSection(spec *ebpf.CollectionSpec, r *sectionRow) (*ebpf.Program, error) {
	switch p := spec.Programs["prog"]; r.kind.Name {
	case "lsm_cgroup":
		return loadByID(p, spec.ByteOrder, "bpf_lsm_"+p.AttachTo)
	case "fsession":
		return loadByID(p, spec.ByteOrder, p.AttachTo)
	default:
		if p.Type != ebpf.UnspecifiedProgram {
			break
		}
		// A section that cilium/ebpf does not know.
		p.Type, p.AttachType = ebpf.ProgramType(r.kind.Type), ebpf.AttachType(r.kind.Attach)
		if r.sleepable {
			p.Flags |= unix.BPF_F_SLEEPABLE
		}
		function := map[string]string{"tp_btf": "btf_trace_" + faultable}[r.kind.Name]
		return loadByID(p, spec.ByteOrder, function)
	}
	coll, err := ebpf.NewCollection(spec)
	if err != nil {
		return nil, err
	}
	defer coll.Close()
	return coll.DetachProgram("prog"), nil
}

// logNoise are lines of the verifier's log that say nothing about the program, or
// something else each time.
var logNoise = regexp.MustCompile(`^(processed|verification time|stack depth|mark_precise|\d+: |; |func#|$)`)

// changing are names that are made up anew each time.
var changing = regexp.MustCompile(`(?: ebpf_)[0-9a-f]+\S*`)

// whyNot is the error number and the last line of the verifier's log, or what
// cilium/ebpf says.
func whyNot(err error) string {
	var no unix.Errno
	name := ""
	if errors.As(err, &no) {
		if name = unix.ErrnoName(no); name == "" {
			name = fmt.Sprint(int(no)) // 524, ENOTSUPP: the kernel's own
		}
	}
	var ve *ebpf.VerifierError
	if errors.As(err, &ve) {
		for i := len(ve.Log) - 1; i >= 0; i-- {
			if !logNoise.MatchString(ve.Log[i]) {
				return name + ": " + ve.Log[i]
			}
		}
		return name
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	if name != "" && !errors.Is(err, ebpf.ErrNotSupported) {
		if i := strings.LastIndex(text, no.Error()); i >= 0 {
			text = text[:i] // the number says it, and what follows is advice
		}
	}
	text = strings.TrimPrefix(changing.ReplaceAllString(text, ""), "program prog: load program")
	return strings.Trim(name+": "+text, ": ")
}

// The records of the sections that the distribution's libbpf and cilium/ebpf do
// not know, behind their versions.
const (
	unknownToLibbpf = "testdata/sections/libbpf.txt"
	unknownToCilium = "testdata/sections/cilium.txt"
)

// TestSectionsBpftool loads every section through the distribution's libbpf: it
// says nothing of those that cilium/ebpf gets loaded, unless it does not know
// them, which must be recorded.
func TestSectionsBpftool(t *testing.T) {
	needKernel(t)
	needTool(t, "bpftool")
	out, err := tool("bpftool", "version").CombinedOutput()
	version := regexp.MustCompile(`libbpf v([0-9.]+)`).FindSubmatch(out)
	if err != nil || version == nil {
		t.Fatalf("bpftool version: %v\n%s", err, out)
	}
	lines, others := []string{"# libbpf " + string(version[1])}, []string{"# cilium/ebpf 0.22"}
	fs, dir := mountBPF(t), t.TempDir()
	for i, r := range sectionRows() {
		elf := r.compile(t).ELF
		if r.kind.Type == kernel.StructOps {
			// cilium/ebpf reads what is for later kernels: TestStructOpsSections.
		} else if spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(elf)); err != nil {
			t.Fatal(err)
		} else if spec.Programs["prog"].Type == ebpf.UnspecifiedProgram {
			others = append(others, r.base)
		}
		o := filepath.Join(dir, fmt.Sprintf("%d.o", i))
		if err := os.WriteFile(o, elf, 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := tool("bpftool", "prog", "loadall", o, filepath.Join(fs, fmt.Sprint(i))).CombinedOutput()
		if bytes.Contains(out, []byte("failed to guess program type from ELF section")) || bytes.Contains(out, []byte("prog is not struct_ops BPF program")) {
			lines = append(lines, r.base)
		} else if err != nil || len(out) > 0 {
			if loadsElsewhere(&r, elf) {
				t.Errorf("%s: %v\n%s", r.base, err, out)
			}
		}
	}
	compareUnknown(t, unknownToLibbpf, lines)
	compareUnknown(t, unknownToCilium, others)
}

// loadsElsewhere reports whether our loader loads the row's object, or cilium/ebpf.
func loadsElsewhere(r *sectionRow, elf []byte) bool {
	if r.kind.Type == kernel.StructOps {
		return strings.HasPrefix(tryOps(elf), "\t")
	}
	coll, err := loadCollection(elf)
	if err == nil {
		coll.Close()
	}
	return err == nil
}

// compareUnknown compares with the record of a consumer, if it is of this version.
func compareUnknown(t *testing.T, file string, lines []string) {
	t.Helper()
	text := strings.Join(lines, "\n") + "\n"
	if update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if first, _, _ := strings.Cut(string(want), "\n"); first != lines[0] {
		t.Logf("the record is of %s, this is %s", first, lines[0])
		return
	}
	if d := cmp.Diff(string(want), text); d != "" {
		t.Errorf("%s: sections that are not known:\n%s", file, d)
	}
}
