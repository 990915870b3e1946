package main

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// pack writes the initrd: init, the test binary, what tests read, the kernel's
// configuration where the package has it beside the image, and the jobs.
func (c *cell) pack(o *options, dir, image, initrd string) error {
	builds := [][]string{{"build", "-o", filepath.Join(dir, "init"), "./bench/matrix/init"}, {"test", "-c", "-o", filepath.Join(dir, "tests"), "."}}
	for _, args := range builds {
		cmd := exec.Command("go", args...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+c.arch)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go %s: %w: %s", args[0], err, out)
		}
	}
	f, err := os.Create(initrd)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
	if err != nil {
		return err
	}
	w := &archive{w: bufio.NewWriter(z), dirs: map[string]bool{}}
	w.file("init", filepath.Join(dir, "init"))
	w.file("tests", filepath.Join(dir, "tests"))
	for _, d := range []string{"testdata/run", "testdata/btf", "testdata/sections", "examples"} {
		w.tree("work/"+d, d)
	}
	config := strings.Replace(filepath.Base(image), "vmlinuz", "config", 1)
	if from := filepath.Join(filepath.Dir(image), config); config != filepath.Base(image) && isFile(from) {
		w.file("boot/"+config, from)
	}
	w.entry("work/testdata/portable/chains.o", 0o100644, o.portable)
	if o.objects != "" {
		w.tree("objects", o.objects)
	}
	w.modules(o.cache, c.name, image)
	w.entry("jobs", 0o100644, []byte(c.jobs(o)))
	w.entry("TRAILER!!!", 0, nil)
	if w.err != nil {
		return w.err
	}
	if err := w.w.Flush(); err != nil {
		return err
	}
	return z.Close()
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// modules are what Debian's kernels have outside of themselves and programs are
// attached to or call, each behind those that it needs.
var modules = []string{"net/sched/sch_ingress", "net/sched/cls_bpf", "net/sched/act_bpf",
	"lib/libcrc32c", "net/ipv4/netfilter/nf_defrag_ipv4", "net/ipv6/netfilter/nf_defrag_ipv6", "net/netfilter/nf_conntrack"}

// modules packs the kernel's modules where its package has them; a guest without
// them can't attach to the queueing disciplines of tc.
func (a *archive) modules(cache, cell, image string) {
	release := strings.TrimPrefix(filepath.Base(image), "vmlinuz-")
	if release == "vmlinuz" { // lib/modules/RELEASE/vmlinuz
		release = filepath.Base(filepath.Dir(image))
	}
	for i, name := range modules {
		for _, lib := range []string{"lib", "usr/lib"} {
			path := filepath.Join(cache, cell, lib, "modules", release, "kernel", name+".ko")
			data, err := os.ReadFile(path)
			if err != nil {
				data, err = exec.Command("xz", "-dc", path+".xz").Output()
			}
			if err == nil {
				a.entry(fmt.Sprintf("modules/%02d-%s.ko", i, filepath.Base(name)), 0o100644, data)
				break
			}
		}
	}
}

// jobs are the lines of init's list: NAME=VALUE ... command and arguments.
func (c *cell) jobs(o *options) string {
	target := c.version
	if o.target != "" {
		target = o.target
	}
	var b strings.Builder
	if o.run != "" {
		fmt.Fprintf(&b, "LUABPFC_CELL=%s\t/tests\t-test.v\t-test.count\t%d\t-test.run\t%s\n", target, o.count, o.run)
	}
	if o.objects != "" {
		b.WriteString("LUABPFC_TEST_HELPER=folder\t/tests\t/objects\n")
	}
	return b.String()
}

// archive writes the cpio format that kernels unpack ("newc"). The first error
// stays.
type archive struct {
	w    *bufio.Writer
	dirs map[string]bool
	n    int
	err  error
}

func (a *archive) entry(name string, mode uint32, data []byte) {
	if i := strings.LastIndexByte(name, '/'); i > 0 && !a.dirs[name[:i]] {
		a.dirs[name[:i]] = true
		a.entry(name[:i], 0o040755, nil)
	}
	if a.err != nil {
		return
	}
	a.n++
	head := fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		a.n, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0, name)
	for _, part := range []string{head, string(data)} {
		if _, a.err = io.WriteString(a.w, part+strings.Repeat("\x00", -len(part)&3)); a.err != nil {
			return
		}
	}
}

func (a *archive) file(name, path string) {
	data, err := os.ReadFile(path)
	if err != nil && a.err == nil {
		a.err = err
	}
	a.entry(name, 0o100755, data)
}

func (a *archive) tree(name, root string) {
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, p)
		a.file(name+"/"+filepath.ToSlash(rel), p)
		return err
	})
	if err != nil && a.err == nil {
		a.err = err
	}
}
