package main

import (
	"runtime"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// What the commands have in common that compile a script.

// The two meanings of --target-kernel.
const (
	oldestKernel  = "oldest kernel `X.Y` that must load the object (default: 6.1)"
	runningTarget = "kernel `X.Y` to compile for (default: the one that is running)"
)

// scriptFlags are the flags that every such command has; what is in front of each
// text is for commands that take other things than scripts too.
func scriptFlags(front, target string) []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "D", Usage: front + "define option `NAME[=VALUE]` for bpf.opt"},
		&cli.StringSliceFlag{Name: "I", Usage: front + "look for required files in `DIR` too"},
		&cli.StringFlag{Name: "O", Value: "2", Usage: front + "optimisation `LEVEL`: 0 or 2"},
		btfFlag(front, ", read if the script needs it"),
		&cli.StringFlag{Name: "target-kernel", Usage: front + target},
	}
}

// btfFlag names the kernel's types.
func btfFlag(front, when string) cli.Flag {
	return &cli.StringSliceFlag{Name: "btf", Usage: front + "`FILE` with the kernel's types, further ones with modules', or a folder of them (default: " + runningBTF + when + ")"}
}

// btfNames are what --btf names.
func btfNames(c *cli.Context) []string {
	if names := c.StringSlice("btf"); len(names) > 0 {
		return names
	}
	return []string{runningBTF}
}

// cpuFlag chooses the instruction set, where the object is not for this machine.
func cpuFlag() cli.Flag {
	return &cli.StringFlag{Name: "mcpu", Value: "v3", Usage: "instruction set `CPU`: v1, v2, v3 or v4"}
}

// machineScript is a script that is compiled for this machine.
type machineScript struct {
	*request
	src     luabpfc.Source
	running kernel.Version
}

// openScript reads the command line of 'luabpfc run' and 'luabpfc load', and the
// script that is its first argument; the others are the script's.
func openScript(c *cli.Context, s streams) (*machineScript, error) {
	m := &machineScript{request: &request{opts: luabpfc.DefaultOptions(), v: c.Bool("v")}}
	m.opts.Args = c.Args().Tail()
	if err := m.parseMachine(c); err != nil {
		return nil, err
	}
	if err := m.parseDefines(c); err != nil {
		return nil, err
	}
	files := &sources{dirs: c.StringSlice("I")}
	var err error
	m.src, err = files.script(c.Args().First(), s.in)
	return m, err
}

// parseMachine reads what the script is compiled for: this machine, as it runs.
func (m *machineScript) parseMachine(c *cli.Context) error {
	m.opts.Arch, _ = kernel.ArchByName(runtime.GOARCH)
	m.opts.BigEndian = bigEndian()
	running, ok := runningKernel()
	if ok && running.Before(m.opts.Kernel) {
		m.opts.Kernel = running
	}
	m.running = running
	return m.parseKernel(c)
}

// ours are the warnings that matter where this command loads the object.
func ours(list diag.List) diag.List {
	return slices.DeleteFunc(list, func(d *diag.Diagnostic) bool { return d.Code == diag.OtherLoaders })
}
