package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// result is what a cell showed.
type result struct {
	cell, release         string
	skipped               string // why it could not run
	passed, broken, unfit int    // tests
	loaded, refused       int    // objects
	failures              []failure
	notes, sections       []string
	time                  time.Duration
}

// failure is a test that failed, or what else went wrong, and what it says.
type failure struct{ name, said string }

func (r *result) fail(name, said string) { r.failures = append(r.failures, failure{name, said}) }

func (r *result) failed() bool { return r.broken > 0 || r.refused > 0 || len(r.failures) > 0 }

// runCell runs what the options say in the cell.
func runCell(c cell, o *options) result {
	r := result{cell: c.name}
	start := time.Now()
	console, err := bootCell(&c, o)
	r.time = time.Since(start)
	if err != nil {
		r.skipped = err.Error()
		return r
	}
	if o.log != "" {
		if err := os.WriteFile(filepath.Join(o.log, c.name+".log"), console, 0o644); err != nil {
			r.fail("writing the console", err.Error())
		}
	}
	r.read(string(console))
	return r
}

// bootCell boots the cell's kernel and returns what its console said.
func bootCell(c *cell, o *options) ([]byte, error) {
	if _, err := exec.LookPath(c.qemu[0]); err != nil {
		return nil, fmt.Errorf("%s is not installed", c.qemu[0])
	}
	image, err := c.fetch(o)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "matrix")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	initrd := filepath.Join(dir, "initrd")
	if err := c.pack(o, dir, image, initrd); err != nil {
		return nil, err
	}
	var out []byte
	for _, accel := range c.accelerators(o.accel) {
		if out, err = c.boot(o, accel, image, initrd); err == nil {
			break
		}
	}
	return out, err
}

// accelerators are the ways to run the cell's machine, the fastest first, or the
// one that is asked for. A /dev/kvm that is there need not work.
func (c *cell) accelerators(asked string) []string {
	if asked != "" {
		return []string{asked}
	}
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil || c.arch != runtime.GOARCH {
		return []string{"tcg"}
	}
	f.Close()
	return []string{"kvm", "tcg"}
}

// boot returns what the console says; the error is that there was no guest.
func (c *cell) boot(o *options, accel, image, initrd string) ([]byte, error) {
	kargs := "quiet panic=-1"
	if c.console != "" {
		kargs = "console=" + c.console + " " + kargs
	}
	args := append(c.qemu[1:len(c.qemu):len(c.qemu)], "-accel", accel, "-m", "2048", "-smp", strconv.Itoa(o.cpus), "-cpu", "max", "-nographic", "-no-reboot", "-nic", "none",
		"-kernel", image, "-initrd", initrd, "-append", kargs)
	if c.arch == "amd64" { // for tests of disks; these kernels have the driver built in
		disk := filepath.Join(filepath.Dir(initrd), "disk")
		if err := os.WriteFile(disk, make([]byte, 1<<20), 0o644); err != nil {
			return nil, err
		}
		args = append(args, "-drive", "file="+disk+",format=raw,if=none,id=disk", "-device", "nvme,drive=disk,serial=1")
	}
	ctx, cancel := context.WithTimeout(context.Background(), o.timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.qemu[0], args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	switch {
	case !strings.Contains(out.String(), markKernel):
		text := strings.Fields(out.String())
		return nil, fmt.Errorf("no guest: %v: %s", err, strings.Join(text[:min(len(text), 30)], " "))
	case ctx.Err() != nil:
		fmt.Fprintf(&out, "\n"+markFail+"the guest did not end within %s\n", o.timeout)
	}
	return out.Bytes(), nil
}

// What the guest's init, and the test binary that loads objects, print for us.
const (
	markKernel = "matrix: kernel "
	markFail   = "matrix: failed: "
	markObject = "matrix: object "
	markNote   = "matrix: note: "
	markSect   = "matrix: section "
	markDone   = "matrix: done"
)

var (
	startLine = regexp.MustCompile(`^=== (?:RUN|NAME|CONT) +(\S+)`)
	testLine  = regexp.MustCompile(`^\s*--- (PASS|FAIL|SKIP): (\S+) \(`)
)

// read takes a console's lines apart. What a test says stands behind the line
// that starts it, its verdict at the end.
func (r *result) read(console string) {
	done, said, running := false, map[string]string{}, ""
	lines := strings.Split(console, "\n")
	for _, l := range lines {
		l = strings.TrimRight(l, "\r")
		if s, ok := strings.CutPrefix(l, markKernel); ok {
			r.release = s
		} else if s, ok := strings.CutPrefix(l, markFail); ok {
			name, said, _ := strings.Cut(s, ": ")
			r.fail(name, said)
		} else if s, ok := strings.CutPrefix(l, markObject); ok {
			r.readObject(s)
		} else if s, ok := strings.CutPrefix(l, markNote); ok {
			r.notes = append(r.notes, s)
		} else if s, ok := strings.CutPrefix(l, markSect); ok {
			r.sections = append(r.sections, "section "+s)
		} else if m := startLine.FindStringSubmatch(l); m != nil {
			running = m[1]
		} else if m := testLine.FindStringSubmatch(l); m != nil {
			r.readTest(m[1], m[2], said[m[2]])
			delete(said, m[2]) // it may run again
		} else if strings.HasPrefix(l, "  ") {
			said[running] += "\n" + l
		}
		done = done || l == markDone
	}
	if !done {
		r.fail("the guest ended early", strings.Join(lines[max(0, len(lines)-failureLines):], "\n"))
	}
}

func (r *result) readTest(verdict, name, said string) {
	if (name == "TestRun" || name == "TestSections") && said == "" { // its parts are counted
		return
	}
	switch verdict {
	case "PASS":
		r.passed++
	case "SKIP":
		r.unfit++
	default:
		r.broken++
		r.fail(name, said)
	}
}

// readObject reads "LOADED REFUSED" of a batch.
func (r *result) readObject(s string) {
	a, b, _ := strings.Cut(s, " ")
	n, _ := strconv.Atoi(a)
	m, _ := strconv.Atoi(b)
	r.loaded, r.refused = r.loaded+n, r.refused+m
}
