// Command compile measures how long luabpfc takes from process start to exit
// for the protocol counter, beside clang -O2 -g -target bpf on its counterpart
// in C, and how compile time grows with the size of a script.
//
//	go run ./bench/compile            # needs clang-22 and libbpf-dev
//	go run ./bench/compile -runs 50 -max 0.25
//	go run ./bench/compile -growth
//
// The runs of both compilers alternate, so that a noisy moment hits both; the
// medians are compared. With -max the exit code is 1 if luabpfc takes more than
// that share of clang's time.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	runs := flag.Int("runs", 20, "how often to run each")
	clang := flag.String("clang", "clang-22", "the C compiler")
	only := flag.Bool("growth", false, "print the growth only")
	limit := flag.Float64("max", 0, "largest share of clang's time allowed; 0: any")
	flag.Parse()
	over, err := measure(*runs, *clang, *limit, *only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "compile:", err)
		os.Exit(2)
	}
	if over {
		os.Exit(1)
	}
}

// contender is a command that is timed.
type contender struct {
	name  string
	args  []string
	times []time.Duration // from start to exit
	cpu   []time.Duration // of the processor, all threads
	mem   int64           // greatest resident set, in KiB
}

func (c *contender) run() error {
	cmd := exec.Command(c.args[0], c.args[1:]...)
	start := time.Now()
	out, err := cmd.CombinedOutput()
	c.times = append(c.times, time.Since(start))
	if use, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		c.mem = max(c.mem, use.Maxrss)
		c.cpu = append(c.cpu, time.Duration(use.Utime.Nano()+use.Stime.Nano()))
	}
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(c.args, " "), err, out)
	}
	return nil
}

func (c *contender) median() time.Duration {
	s := slices.Sorted(slices.Values(c.times))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

func measure(runs int, clang string, limit float64, only bool) (over bool, err error) {
	dir, err := os.MkdirTemp("", "luabpfc-bench")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	bin := filepath.Join(dir, "luabpfc")
	// As the README says: without the tag, the command line's library brings along what
	// writes manual pages, and compiles its patterns at each start.
	if out, err := exec.Command("go", "build", "-tags", "urfave_cli_no_docs", "-o", bin, "./cmd/luabpfc").CombinedOutput(); err != nil {
		return false, fmt.Errorf("building (run this at the top of the repository): %w\n%s", err, out)
	}
	if only {
		return false, growth(dir, bin, max(3, runs/4))
	}
	lua := &contender{name: "luabpfc -O2", args: []string{bin, "examples/protocount/protocount.lua", "-o", filepath.Join(dir, "lua.o")}}
	c := &contender{name: clang + " -O2 -g", args: []string{clang, "-O2", "-g", "-target", "bpf", "-I/usr/include/" + multiarch(),
		"-c", "bench/c/protocount.c", "-o", filepath.Join(dir, "c.o")}}
	if err := alternate(runs, lua, c); err != nil {
		return false, err
	}
	ratio := float64(lua.median()) / float64(c.median())
	fmt.Printf("%-28s %10s %10s %10s\n", "process start to exit", "median", "least", "greatest")
	for _, x := range []*contender{lua, c} {
		fmt.Printf("%-28s %10s %10s %10s\n", x.name, ms(x.median()), ms(slices.Min(x.times)), ms(slices.Max(x.times)))
	}
	fmt.Printf("ratio of medians %.3f over %d alternating runs\n\n", ratio, runs)
	if err := growth(dir, bin, max(3, runs/4)); err != nil {
		return false, err
	}
	return limit > 0 && ratio > limit, nil
}

// alternate runs the contenders in turn, after one run of each to warm up.
func alternate(runs int, cs ...*contender) error {
	for i := range runs + 1 {
		for _, c := range cs {
			if err := c.run(); err != nil {
				return err
			}
			if i == 0 {
				c.times, c.cpu = nil, nil
			}
		}
	}
	return nil
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", d.Seconds()*1e3) }

// multiarch is Debian's name of the folder that <asm/types.h> is in.
func multiarch() string {
	switch runtime.GOARCH {
	case "arm64":
		return "aarch64-linux-gnu"
	case "s390x":
		return "s390x-linux-gnu"
	}
	return "x86_64-linux-gnu"
}
