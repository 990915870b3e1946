package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// keyScriptArgs is where the arguments behind "--" lie in App.Metadata: the
// command line's parser never sees them.
const keyScriptArgs = "script arguments"

// newApp describes the command line. What is read from it sets *render.
func newApp(s streams, render *func(diag.List) string) *cli.App {
	return &cli.App{
		Name:  "luabpfc",
		Usage: "compile Lua to BPF",
		UsageText: "luabpfc prog.lua -o prog.o [-- script arguments]\n" +
			"luabpfc run prog.lua [script arguments]\n" +
			"luabpfc load prog.o|prog.lua; attach, list, show, unload\n" +
			"luabpfc disasm prog.o\n" +
			"luabpfc doctor\n" +
			"luabpfc gen go|c|types ...\n" +
			"luabpfc explain CODE",
		HideHelpCommand:           true,
		HideVersion:               true,
		Metadata:                  map[string]any{},
		Reader:                    s.in,
		Writer:                    s.out,
		ErrWriter:                 s.err,
		DisableSliceFlagSeparator: true,
		// Errors are returned to run, which knows the exit codes.
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   onUsageError,
		Flags:          rootFlags(),
		Commands:       commands(s, render),
		Before: func(c *cli.Context) error {
			switch d := c.String("diagnostics"); d {
			case "human":
			case "json":
				*render = diag.JSON
			default:
				return usagef("--diagnostics is 'human' or 'json', not '%s'", d)
			}
			return nil
		},
		Action: func(c *cli.Context) error {
			if c.Bool("version") {
				fmt.Fprintln(s.out, version())
				return nil
			}
			return compile(c, s, *render)
		},
	}
}

// commands are the subcommands, each in a file of its own, as help lists them.
func commands(s streams, render *func(diag.List) string) []*cli.Command {
	return []*cli.Command{
		runCommand(s, render),
		loadCommand(s, render),
		attachCommand(s),
		listCommand(s),
		showCommand(s),
		unloadCommand(s),
		doctorCommand(s),
		disasmCommand(s),
		genCommand(s, render),
		explainCommand(s),
	}
}

// commandNames are the names of the subcommands.
func commandNames() (names []string) {
	for _, c := range commands(streams{}, nil) {
		names = append(names, c.Name)
	}
	return names
}

func onUsageError(_ *cli.Context, err error, _ bool) error { return &usageError{err.Error()} }

// rootFlags are the flags of 'luabpfc prog.lua'.
func rootFlags() []cli.Flag {
	return append(scriptFlags("", oldestKernel), cpuFlag(),
		&cli.StringFlag{Name: "o", Usage: "write to `FILE`; '-' is standard output (default: prog.o for prog.lua)"},
		&cli.BoolFlag{Name: "g0", Usage: "leave out line information"},
		&cli.StringFlag{Name: "arch", Usage: "architecture whose registers programs read: x86_64, arm64, riscv64 or s390x (default: this machine's)"},
		&cli.StringFlag{Name: "target", Value: "bpfel", Usage: "byte order: bpfel or bpfeb"},
		&cli.StringFlag{Name: "emit", Value: "obj", Usage: "`WHAT` to write: ast, ir, opt, mir, asm, obj, raw (the instructions of one bpf.func) or ipft-lua (a script for ipftrace2); text goes to standard output unless -o is given"},
		&cli.StringFlag{Name: "M", Usage: "write a make rule naming every source read to `FILE`"},
		&cli.StringSliceFlag{Name: "W", Usage: "`WHICH` warnings: error makes them errors, error=CODE one kind, no-CODE drops one"},
		&cli.StringFlag{Name: "diagnostics", Value: "human", Usage: "`FORM` of messages: human or json"},
		&cli.StringSliceFlag{Name: "d", Usage: "debug the compiler: `PASS`/dump, stats, check, fuel=N"},
		&cli.BoolFlag{Name: "v", Usage: "say what was made"},
		&cli.BoolFlag{Name: "version", Usage: "print the version"},
	)
}

func version() string {
	v, revision := "(devel)", ""
	if bi, ok := debug.ReadBuildInfo(); ok {
		if bi.Main.Version != "" {
			v = bi.Main.Version
		}
		for _, s := range bi.Settings {
			if s.Key == "vcs.revision" && !strings.Contains(v, s.Value[:min(12, len(s.Value))]) {
				revision = " " + s.Value
			}
		}
	}
	return fmt.Sprintf("luabpfc %s%s, built with %s for %s/%s\ntargets: bpfel, bpfeb; cpu v1 to v4; kernels from 5.10", v, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
