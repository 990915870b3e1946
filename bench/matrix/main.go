// Command matrix runs the cases of testdata/run, and objects it is given, on
// kernels from Debian's packages in QEMU.
//
//	go run ./bench/matrix                      # every cell
//	go run ./bench/matrix 5.10 6.1             # these
//	go run ./bench/matrix -objects DIR 6.12    # load DIR/*.o as well
//	go run ./bench/matrix -run 'TestRun/maps' 6.1
//	go run ./bench/matrix -run TestPortable 6.1 6.12 6.18 7.2
//	go run ./bench/matrix -run TestTools -count 20 -cpus 4 6.1
//
// What runs in the guest is the test binary of the repository's root with each
// case compiled for the cell's kernel: a case means there what it means on the
// machine that tests are developed on. The table that is printed counts apart
// what passed, what failed, what is not meant for that kernel, and cells that
// could not run at all, which are never a pass. What failed stands behind it: the
// last lines name it. With -must a cell that could not run is an error too.
//
// Needed are apt-get, dpkg-deb, xz and QEMU (Debian: qemu-system-x86, for s390x
// qemu-system-misc, for arm64 qemu-system-arm). Kernels are downloaded by the
// machine's own apt configuration, for other suites by a state of their own
// next to them, and kept in the cache folder.
package main

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

func main() {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	var o options
	flag.StringVar(&o.cache, "cache", filepath.Join(cache, "luabpfc", "kernels"), "folder for kernels")
	flag.StringVar(&o.objects, "objects", "", "folder of object files to load")
	flag.StringVar(&o.run, "run", "^(TestRun|TestUnprivileged)$", "tests to run in the guest; empty: none")
	flag.StringVar(&o.target, "target-kernel", "", "compile the cases for this kernel, not the cell's own")
	flag.StringVar(&o.log, "log", "", "folder for the consoles of the guests")
	flag.DurationVar(&o.timeout, "timeout", 20*time.Minute, "longest run of a guest")
	flag.IntVar(&o.count, "count", 1, "how often each test runs in the guest")
	flag.IntVar(&o.cpus, "cpus", 1, "processors of the guest")
	flag.StringVar(&o.accel, "accel", "", "kvm or tcg; empty: what works")
	sections := flag.Bool("sections", false, "print what kernels say to sections, for bench/sections")
	must := flag.Bool("must", false, "a cell that could not run is an error")
	flag.Parse()
	chosen, err := choose(flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
		os.Exit(2)
	}
	if err := o.compilePortable(); err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
		os.Exit(1)
	}
	failed := false
	var rows []result
	for _, c := range chosen {
		r := runCell(c, &o)
		r.checkPortable(&o)
		rows = append(rows, r)
		failed = failed || r.failed() || *must && r.skipped != ""
		if *sections {
			r.notes = append(r.notes, r.sections...)
		}
		for _, n := range r.notes {
			fmt.Fprintf(os.Stderr, "%s: %s\n", c.name, n)
		}
	}
	fmt.Print(table(rows))
	fmt.Fprint(os.Stderr, failures(rows)) // last, where the end of a log has it
	if failed {
		os.Exit(1)
	}
}

// options are the command's flags.
type options struct {
	cache, objects, run, target, log, accel string
	timeout                                 time.Duration
	count, cpus                             int
	portable                                []byte // the object of testdata/portable
}

// compilePortable compiles the object whose bytes are the same for all cells.
func (o *options) compilePortable() error {
	cmd := exec.Command("go", "run", "./cmd/luabpfc", "testdata/portable/chains.lua", "--btf", "testdata/btf/tools.btf", "--arch", "x86_64", "-o", "-")
	cmd.Stderr = os.Stderr
	var err error
	if o.portable, err = cmd.Output(); err != nil {
		return fmt.Errorf("compiling testdata/portable/chains.lua: %w", err)
	}
	return nil
}

// checkPortable compares the object that the guest says it loaded with ours.
func (r *result) checkPortable(o *options) {
	for _, n := range r.notes {
		if sum, ok := strings.CutPrefix(n, "portable object "); ok && sum != fmt.Sprintf("%x", sha256.Sum256(o.portable)) {
			r.fail("the guest loaded another object", sum)
		}
	}
}

// cell is a kernel to run on.
type cell struct {
	name    string
	version string         // what is compiled for
	suite   string         // of Debian
	pkg     *regexp.Regexp // of the package; the newest that matches is taken
	image   string         // pattern of the kernel in the package
	arch    string         // as Debian and Go call it
	qemu    []string       // command
	console string
}

var (
	x86   = []string{"qemu-system-x86_64", "-machine", "q35"}
	s390x = []string{"qemu-system-s390x", "-machine", "s390-ccw-virtio"}
	arm64 = []string{"qemu-system-aarch64", "-machine", "virt"}
)

var cells = []cell{
	{"5.10", "5.10", "bullseye-security", regexp.MustCompile(`^linux-image-5\.10\.[0-9.-]+-cloud-amd64$`), "boot/vmlinuz-*", "amd64", x86, "ttyS0"},
	{"6.1", "6.1", "bookworm", regexp.MustCompile(`^linux-image-6\.1\.[0-9.-]+-cloud-amd64$`), "boot/vmlinuz-*", "amd64", x86, "ttyS0"},
	{"6.12", "6.12", "bookworm-security", regexp.MustCompile(`^linux-image-6\.12\.[0-9.+a-z]+-cloud-amd64$`), "boot/vmlinuz-*", "amd64", x86, "ttyS0"},
	{"6.18", "6.18", "trixie-backports", regexp.MustCompile(`^linux-image-6\.18\.[0-9.+a-z]+-cloud-amd64$`), "boot/vmlinuz-*", "amd64", x86, "ttyS0"},
	{"7.2", "7.2", "trixie-backports", regexp.MustCompile(`^linux-binary-7\.2.*-cloud-amd64$`), "usr/lib/modules/*/vmlinuz", "amd64", x86, "ttyS0"},
	{"s390x", "6.12", "trixie", regexp.MustCompile(`^linux-image-6\.12\.[0-9.+a-z]+-s390x$`), "boot/vmlinuz-*", "s390x", s390x, ""},
	{"arm64", "6.12", "trixie", regexp.MustCompile(`^linux-image-6\.12\.[0-9.+a-z]+-cloud-arm64$`), "boot/vmlinuz-*", "arm64", arm64, "ttyAMA0"},
}

func choose(names []string) ([]cell, error) {
	if len(names) == 0 {
		return cells, nil
	}
	var out []cell
	for _, n := range names {
		found := false
		for _, c := range cells {
			if c.name == n {
				out, found = append(out, c), true
			}
		}
		if !found {
			return nil, fmt.Errorf("no cell '%s'; there are %s", n, strings.Join(cellNames(), ", "))
		}
	}
	return out, nil
}

func cellNames() (l []string) {
	for _, c := range cells {
		l = append(l, c.name)
	}
	return l
}

// table renders results as GitHub's Markdown has it.
func table(rows []result) string {
	var b strings.Builder
	b.WriteString("| cell | kernel | passed | failed | not for it | objects loaded | refused | time |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, r := range rows {
		if r.skipped != "" {
			fmt.Fprintf(&b, "| %s | could not run: %s | | | | | | |\n", r.cell, r.skipped)
			continue
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %d | %d | %d | %.0f s |\n",
			r.cell, r.release, r.passed, r.broken, r.unfit, r.loaded, r.refused, r.time.Seconds())
	}
	return b.String()
}

// Of a failure the first lines are printed, of failures the first ones; the list
// of names at the end has all that a line takes.
const (
	failureLines = 20
	failureCount = 25
)

// failures renders what failed, and then once more by name.
func failures(rows []result) string {
	var b, names strings.Builder
	for _, r := range rows {
		if len(r.failures) == 0 {
			continue
		}
		fmt.Fprintf(&names, "%s: %d failed:", r.cell, len(r.failures))
		for i, f := range r.failures {
			if i == failureCount {
				names.WriteString(" ...")
				break
			}
			fmt.Fprintf(&names, " %s", f.name)
			fmt.Fprintf(&b, "%s: %s\n", r.cell, f.name)
			lines := strings.Split(strings.Trim(f.said, "\n"), "\n")
			for _, l := range lines[:min(len(lines), failureLines)] {
				if l != "" {
					fmt.Fprintf(&b, "    %s\n", l[:min(len(l), 1000)])
				}
			}
			if n := len(lines) - failureLines; n > 0 {
				fmt.Fprintf(&b, "    ... and %d lines\n", n)
			}
		}
		names.WriteString("\n")
	}
	return b.String() + names.String()
}
