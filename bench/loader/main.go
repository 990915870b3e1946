// Command loader measures package loader beside a plain program on cilium/ebpf that
// does the same, and beside bpftool, each contender in a process of its own.
//
//	go run ./bench/loader                 # as root; all three
//	go run ./bench/loader -runs 50 load   # from process start to attached
//	go run ./bench/loader flood           # a ring buffer, ten seconds as fast as a CPU goes
//	go run ./bench/loader iterate         # 100,000 entries, read while they are written
//
// The runs alternate, so that a noisy moment hits all; medians are compared. What is
// attached is attached in a network namespace of the process's own.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	runs := flag.Int("runs", 20, "how often to run each, of load and iterate")
	seconds := flag.Int("seconds", 10, "how long to flood")
	as := flag.String("as", "", "be a contender (for the benchmark itself)")
	flag.Parse()
	if err := run(*as, flag.Args(), *runs, *seconds); err != nil {
		fmt.Fprintln(os.Stderr, "loader:", err)
		os.Exit(1)
	}
}

// parts are the measurements.
var parts = []struct {
	name    string
	measure func(runs, seconds int) error
}{
	{"load", func(runs, _ int) error { return measureLoad(runs) }},
	{"flood", func(_, seconds int) error { return measureFlood(seconds) }},
	{"iterate", func(runs, _ int) error { return measureIterate(max(runs/4, 3)) }},
}

func run(as string, args []string, runs, seconds int) error {
	if as != "" {
		return contend(as, args, seconds)
	}
	for _, p := range parts {
		if len(args) > 0 && !slices.Contains(args, p.name) {
			continue
		}
		if err := p.measure(runs, seconds); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// contend is what a contender does; it says what it measured on standard output.
func contend(as string, args []string, seconds int) error {
	if len(args) != 2 {
		return fmt.Errorf("a contender is given a part and a file")
	}
	object, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	plain := as == "plain"
	switch args[0] {
	case "load":
		return contendLoad(object, plain)
	case "flood":
		return contendFlood(object, plain, time.Duration(seconds)*time.Second)
	case "iterate":
		return contendIterate(object, plain)
	}
	return fmt.Errorf("there is no part '%s'", args[0])
}

// ownNetwork gives this thread a network namespace of its own, in which lo is the
// only interface.
func ownNetwork() error {
	runtime.LockOSThread()
	return unix.Unshare(unix.CLONE_NEWNET)
}

// median is the middle one of durations.
func median(d []time.Duration) time.Duration {
	d = slices.Clone(d)
	slices.Sort(d)
	return d[len(d)/2]
}
