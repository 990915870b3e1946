// Command luabpfc compiles Lua scripts to BPF objects.
//
// This package turns flags into calls of package luabpfc and errors into exit
// codes, one file a subcommand; what compiling means is not decided here.
package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime/debug"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/loader"
)

// Exit codes, the same for every subcommand. A process ended by a signal has
// 128 and the signal's number, as the shell reports it.
const (
	exitOK      = 0
	exitScript  = 1 // the script or its input, files included
	exitUsage   = 2
	exitBug     = 3 // a bug of the compiler
	exitRefused = 4 // the kernel refused
)

// memoryLimit is what the heap should stay below for the longest scripts, so that
// the process stays below 64 MiB: the garbage collector runs more often when it
// comes near, and memory beyond is used if it must. Until then it runs seldom, for
// usual scripts not at all.
const (
	memoryLimit = 52 << 20
	gcPercent   = 400
)

func main() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// liftMemoryLimit is for commands that stay: what a script keeps is its own affair,
// and garbage is collected as in any Go program.
func liftMemoryLimit() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(math.MaxInt64)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(100)
	}
}

// streams are the standard streams.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

// usageError is a command line that means nothing.
type usageError struct{ msg string }

func (e *usageError) Error() string { return e.msg }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// run runs one command line and returns its exit code.
func run(args []string, s streams) int {
	render := diag.Human
	app := newApp(s, &render)
	line, scriptArgs, err := arrange(args, app)
	if err == nil {
		app.Metadata[keyScriptArgs] = scriptArgs
		err = app.Run(append([]string{app.Name}, line...))
	}
	return exit(err, s, render)
}

// exit reports err and returns its exit code.
func exit(err error, s streams, render func(diag.List) string) int {
	var (
		list    diag.List
		bug     *ir.Bug
		usage   *usageError
		ended   exitCode
		refused *loader.RejectError
		access  *loader.AccessError
	)
	if err == nil {
		return exitOK
	}
	switch {
	case errors.As(err, &list):
		fmt.Fprint(s.err, render(list))
		return exitScript
	case errors.As(err, &bug):
		fmt.Fprintf(s.err, "luabpfc: internal error: %v\n%s", bug, reportBug)
		return exitBug
	case errors.As(err, &ended):
		return int(ended)
	case errors.As(err, &usage):
		fmt.Fprintf(s.err, "luabpfc: %v\nSee 'luabpfc --help'.\n", usage)
		return exitUsage
	}
	code := exitScript
	if errors.As(err, &refused) || errors.As(err, &access) {
		code = exitRefused
	}
	fmt.Fprint(s.err, render(diag.List{{Message: "luabpfc: " + err.Error()}}))
	return code
}

const reportBug = "This is a bug in luabpfc, not in the script. Please report it with the script and the output of 'luabpfc --version'.\n"
