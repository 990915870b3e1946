package loader

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// stays reports whether an attachment stays when its process ends, without a name.
func stays(c any) bool {
	_, ok := c.(standing)
	return ok
}

// eventLinks are the links of perf events, none if not all have one.
func eventLinks(c any) (all []link.Link) {
	events, _ := c.(perfEvents)
	for _, e := range events {
		if e.link == nil {
			return nil
		}
		all = append(all, e.link)
	}
	return all
}

// inBPF returns an error unless path, or the folder that it is to be in, is in a BPF
// file system.
func inBPF(path string) error {
	for d := path; ; d = filepath.Dir(d) {
		var st unix.Statfs_t
		err := unix.Statfs(d, &st)
		switch {
		case errors.Is(err, unix.ENOENT) && d != filepath.Dir(d):
			continue
		case err != nil:
			return &os.PathError{Op: "statfs", Path: d, Err: err}
		case st.Type != unix.BPF_FS_MAGIC:
			return fmt.Errorf("'%s' is not in a BPF file system: one is usually mounted at %s ('mount -t bpf bpf %s')", path, DefaultPinPath, DefaultPinPath)
		}
		return nil
	}
}

// MountBPF makes sure that path is in a BPF file system: the usual one is mounted
// if it is not.
func MountBPF(path string) error {
	err := inBPF(path)
	if err == nil {
		return nil
	}
	if rel, e := filepath.Rel(DefaultPinPath, path); e != nil || !filepath.IsLocal(rel) {
		return err
	}
	if e := unix.Mount("bpf", DefaultPinPath, "bpf", 0, "mode=0700"); e != nil {
		return fmt.Errorf("%w; mounting it: %w", err, e)
	}
	return nil
}
