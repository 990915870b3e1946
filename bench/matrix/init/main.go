// Command init is the first process of the matrix's guests: it mounts what
// programs need, runs the lines of /jobs and powers off.
//
// A line is words parted by tabs: NAME=VALUE, then a command and its arguments.
// Each command is a process of its own, which matters beyond tidiness: one that
// looked for mounted file systems before they were there would go on without
// them.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

var mounts = []struct{ kind, path string }{
	{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}, {"bpf", "/sys/fs/bpf"},
	{"cgroup2", "/sys/fs/cgroup"}, {"tracefs", "/sys/kernel/tracing"},
}

func main() {
	for _, m := range mounts {
		err := os.MkdirAll(m.path, 0o755)
		if err == nil {
			err = unix.Mount(m.kind, m.path, m.kind, 0, "")
		}
		if err != nil && m.kind != "devtmpfs" { // the kernel may have mounted that
			fmt.Printf("init: %s: %v\n", m.path, err)
		}
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err == nil {
		fmt.Printf("\nmatrix: kernel %s\n", unix.ByteSliceToString(u.Release[:]))
	}
	// Before 5.11 maps count as locked memory.
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}); err != nil {
		fmt.Println("init: locked memory:", err)
	}
	loadModules("/modules")
	jobs, err := os.ReadFile("/jobs")
	if err != nil {
		fmt.Println("matrix: failed:", err)
	}
	for _, l := range strings.Split(strings.TrimSpace(string(jobs)), "\n") {
		run(strings.Split(l, "\t"))
	}
	fmt.Println("matrix: done")
	time.Sleep(100 * time.Millisecond) // for the console
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF); err != nil {
		fmt.Println("init: power off:", err)
	}
}

// loadModules loads the modules in a folder in the order of their names.
func loadModules(dir string) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return // the kernel's package has none
	}
	for _, f := range files {
		image, err := os.ReadFile(dir + "/" + f.Name())
		if err == nil {
			err = unix.InitModule(image, "")
		}
		if err != nil {
			fmt.Printf("init: %s: %v\n", f.Name(), err)
		}
	}
}

func run(words []string) {
	env := []string{"LUABPFC_REQUIRE_KERNEL=1", "HOME=/tmp", "PATH=/"}
	for len(words) > 0 && strings.Contains(words[0], "=") {
		env, words = append(env, words[0]), words[1:]
	}
	if len(words) == 0 || words[0] == "" {
		return
	}
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = "/work", env, os.Stdout, os.Stdout
	start := time.Now()
	err := cmd.Run()
	fmt.Printf("\ninit: %s: %v after %s\n", strings.Join(words, " "), err, time.Since(start).Round(time.Second))
	if err != nil && !strings.Contains(err.Error(), "exit status 1") {
		fmt.Printf("matrix: failed: %s: %v\n", strings.Join(words, " "), err)
	}
}
