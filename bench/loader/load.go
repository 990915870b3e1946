package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/loader"
)

// loadScript is the script whose object is loaded, loadProgram its program. Its maps
// begin empty: other loaders don't fill them.
const (
	loadScript  = "examples/event_tcp.lua"
	loadProgram = "xdp"
	device      = "lo"
)

// compiled compiles a script into a file in a folder of its own.
func compiled(name, text string) (path string, cleanup func(), err error) {
	obj, err := luabpfc.Compile(luabpfc.Source{Name: name, Text: text}, luabpfc.DefaultOptions())
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return "", nil, err
	}
	path = filepath.Join(dir, "bench.o")
	return path, func() { os.RemoveAll(dir) }, os.WriteFile(path, obj.ELF, 0o600)
}

// timed is a contender's times: of its processes from start to end, and what it
// measured itself.
type timed struct {
	name          string
	process, self []time.Duration
}

// measureLoad times three contenders from their start until the program is attached:
// the loader, a plain program, and bpftool, which is two processes.
func measureLoad(runs int) error {
	if err := ownNetwork(); err != nil {
		return err
	}
	text, err := os.ReadFile(loadScript)
	if err != nil {
		return err
	}
	object, cleanup, err := compiled(loadScript, string(text))
	if err != nil {
		return err
	}
	defer cleanup()
	fs, err := os.MkdirTemp("", "bpffs")
	if err != nil {
		return err
	}
	defer os.RemoveAll(fs)
	if err := unix.Mount("bpf", fs, "bpf", 0, ""); err != nil {
		return fmt.Errorf("mounting bpffs: %w", err)
	}
	defer unix.Unmount(fs, unix.MNT_DETACH)
	all := []*timed{{name: "loader"}, {name: "plain cilium/ebpf"}, {name: "bpftool"}}
	for range runs {
		for i, as := range []string{"loader", "plain"} {
			start := time.Now()
			self, err := contender(as, "load", object)
			if err != nil {
				return err
			}
			all[i].process = append(all[i].process, time.Since(start))
			d, err := time.ParseDuration(self)
			if err != nil {
				return err
			}
			all[i].self = append(all[i].self, d)
		}
		d, err := bpftool(object, filepath.Join(fs, "prog"))
		if err != nil {
			return err
		}
		all[2].process = append(all[2].process, d)
	}
	fmt.Printf("From process start until %s is attached, medians of %d runs:\n", loadScript, runs)
	for _, t := range all {
		fmt.Printf("  %-18s %8.2f ms  %5.2f of bpftool's", t.name, ms(median(t.process)), ratio(t.process, all[2].process))
		if t.self != nil {
			fmt.Printf("; %6.2f ms in the process from reading the file on, %.2f of the plain program's", ms(median(t.self)), ratio(t.self, all[1].self))
		}
		fmt.Println()
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func ratio(a, b []time.Duration) float64 { return float64(median(a)) / float64(median(b)) }

// contender runs this program as a contender and returns what it says.
func contender(as, part, object string, flags ...string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	cmd := exec.Command(self, append(append([]string{"-as", as}, flags...), part, object)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", as, err, &stderr)
	}
	return strings.TrimSpace(string(out)), nil
}

// bpftool loads and attaches with bpftool, and undoes that.
func bpftool(object, pin string) (d time.Duration, err error) {
	tool := func(args ...string) error {
		path, err := exec.LookPath("bpftool")
		if err != nil {
			path = "/usr/sbin/bpftool"
		}
		if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("bpftool %s: %w\n%s", strings.Join(args, " "), err, out)
		}
		return nil
	}
	start := time.Now()
	if err := tool("prog", "load", object, pin, "type", "xdp"); err != nil {
		return 0, err
	}
	if err := tool("net", "attach", "xdp", "pinned", pin, "dev", device); err != nil {
		return 0, err
	}
	d = time.Since(start)
	if err := tool("net", "detach", "xdp", "dev", device); err != nil {
		return 0, err
	}
	return d, os.Remove(pin)
}

// contendLoad loads and attaches, and leaves it to its end to undo that.
func contendLoad(object []byte, plain bool) error {
	start := time.Now()
	attach := attachByLoader
	if plain {
		attach = attachPlain
	}
	c, err := attach(object)
	if err != nil {
		return err
	}
	fmt.Println(time.Since(start))
	_ = c
	return nil
}

func loadByLoader(object []byte) (*loader.Object, error) {
	obj, err := loader.Open(object)
	if err != nil {
		return nil, err
	}
	return obj, obj.Load()
}

func loadPlain(object []byte) (*ebpf.Collection, error) {
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(object))
	if err != nil {
		return nil, err
	}
	return ebpf.NewCollection(spec)
}

func attachByLoader(object []byte) (io.Closer, error) {
	obj, err := loadByLoader(object)
	if err != nil {
		return nil, err
	}
	return obj.Attach(loadProgram, loader.Target{Name: device})
}

func attachPlain(object []byte) (io.Closer, error) {
	coll, err := loadPlain(object)
	if err != nil {
		return nil, err
	}
	return link.AttachXDP(link.XDPOptions{Program: coll.Programs[loadProgram], Interface: 1, Flags: 0})
}
