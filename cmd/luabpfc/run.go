package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/loader"
	"github.com/luabpfc/luabpfc/loader/userspace"
)

// runCommand is 'luabpfc run'.
func runCommand(s streams, render *func(diag.List) string) *cli.Command {
	return &cli.Command{
		Name:         "run",
		Usage:        "compile a script, load and attach its programs, and go on with its part in user space",
		ArgsUsage:    "prog.lua [script arguments]",
		OnUsageError: onUsageError,
		Flags: append(scriptFlags("", runningTarget),
			&cli.BoolFlag{Name: "json", Usage: "of a script without a part in user space: show maps and events as JSON, an object a line"},
			&cli.BoolFlag{Name: "folded", Usage: "of such a script: print what it has counted by stack at its end, a stack a line, as flame graphs are made of"},
			&cli.DurationFlag{Name: "interval", Usage: "of such a script: show the maps every `TIME`, as in 2s (default: at the end; on a terminal every second)"},
			&cli.DurationFlag{Name: "duration", Usage: "of such a script: end after `TIME` (default: at Ctrl-C)"},
			&cli.BoolFlag{Name: "once", Usage: "of such a script: show the maps once, after an interval, and end"},
			&cli.BoolFlag{Name: "v", Usage: "say what was made, and all that the kernel's verifier says"},
		),
		Action: func(c *cli.Context) error { return runScript(c, s, *render) },
	}
}

// runScript runs a script to its end.
func runScript(c *cli.Context, s streams, render func(diag.List) string) error {
	if c.NArg() == 0 || c.Args().First() == "" {
		return usagef("no script; 'luabpfc run prog.lua' runs one")
	}
	req, err := openScript(c, s)
	if err != nil {
		return err
	}
	liftMemoryLimit()
	signals := catchSignals()
	defer signals.stop()
	code, err := userspace.Run(req.src, userspace.Options{
		Compile: req.opts, Running: req.running, In: s.in, Out: s.out, Err: s.err,
		Show:      showing(c, s),
		Interrupt: signals.interrupt, Halt: signals.halt,
		Compiled: func(obj *luabpfc.Object) error {
			fmt.Fprint(s.err, render(ours(obj.Warnings)))
			if req.v {
				describe(s.err, obj)
			}
			return nil
		},
		Note: func(text string) { fmt.Fprintf(s.err, "luabpfc: %s\n", text) },
	})
	if n := signals.code(); n != 0 {
		code = n
	}
	if err != nil {
		return verbose(err, req.v)
	}
	if code != 0 {
		return exitCode(code)
	}
	return nil
}

// exitCode ends the command with a code and says nothing.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// signals are the signals that end a script.
type signals struct {
	interrupt, halt chan struct{}
	caught          chan os.Signal
	mu              sync.Mutex
	exit            int
}

// graceful is how long a script that was told to end may take for it, if it hangs
// in something that can't be ended.
const graceful = 2 * time.Second

// catchSignals makes the first Ctrl-C close interrupt; a second one and SIGTERM
// close halt.
func catchSignals() *signals {
	s := &signals{interrupt: make(chan struct{}), halt: make(chan struct{}), caught: make(chan os.Signal, 4)}
	signal.Notify(s.caught, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		first := true
		for sig := range s.caught {
			if sig == os.Interrupt && first {
				first = false
				close(s.interrupt)
				continue
			}
			n, _ := sig.(syscall.Signal)
			s.mu.Lock()
			s.exit = 128 + int(n)
			s.mu.Unlock()
			close(s.halt)
			time.Sleep(graceful)
			os.Exit(s.code()) // what is attached goes with the process
		}
	}()
	return s
}

// code is the exit code that a signal demands, 0 for none.
func (s *signals) code() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.exit
}

func (s *signals) stop() { signal.Stop(s.caught) }

// verbose makes an error of the verifier's show all that it said.
func verbose(err error, v bool) error {
	var r *loader.RejectError
	if v && errors.As(err, &r) {
		r.Whole = true
	}
	return err
}

// showing reads how maps are shown.
func showing(c *cli.Context, s streams) userspace.Show {
	show := userspace.Show{JSON: c.Bool("json"), Folded: c.Bool("folded"), Interval: c.Duration("interval"), Duration: c.Duration("duration"), Once: c.Bool("once")}
	if isTerminal(s.out) {
		show.Terminal, show.Rows = true, func() int { return terminalRows(s.out) }
	}
	return show
}
