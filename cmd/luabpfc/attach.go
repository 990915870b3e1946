package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/luabpfc/luabpfc/ir/kernel"
	"github.com/luabpfc/luabpfc/loader"
)

// attachCommand is 'luabpfc attach'.
func attachCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:         "attach",
		Usage:        "attach a program that is in the kernel, and leave it attached",
		ArgsUsage:    "ID|NAME|PATH [TARGET [ingress|egress]]",
		OnUsageError: onUsageError,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "section", Usage: "the kind of program, as libbpf names its `SECTION`: kretprobe, cgroup/connect4 (default: the usual one of its type)"},
			&cli.StringFlag{Name: "cgroup", Usage: "`PATH` of the cgroup (default: the root of all)"},
			&cli.Int64Flag{Name: "pid", Value: -1, Usage: "of probes in user space and perf events: follow process `PID` only"},
			&cli.StringFlag{Name: "pin", Usage: "pin the attachment at `PATH`, in a folder 'link' (default: beside the program)"},
		},
		Action: func(c *cli.Context) error { return attach(c, s) },
	}
}

// attach attaches what the first argument names.
func attach(c *cli.Context, s streams) error {
	args := c.Args().Slice()
	if len(args) == 0 || len(args) > 3 || args[0] == "" {
		return usagef("'luabpfc attach PROGRAM TARGET' attaches one program; its flags stand in front of it")
	}
	t := loader.Target{Path: c.String("cgroup")}
	if len(args) > 1 {
		t.Name = args[1]
	}
	if len(args) > 2 {
		if t.Direction = args[2]; t.Direction != "ingress" && t.Direction != "egress" {
			return usagef("the direction is 'ingress' or 'egress', not '%s'", args[2])
		}
	}
	if pid := c.Int64("pid"); pid >= 0 {
		t.PID = &pid
	}
	at, err := attachType(c.String("section"))
	if err != nil {
		return err
	}
	sys, err := loader.ReadSystem()
	if err != nil {
		return err
	}
	programs, _, err := find(sys, args[0])
	if err != nil {
		return err
	}
	if len(programs) != 1 {
		return fmt.Errorf("'%s' is the name of %d programs: give the number, which 'luabpfc list' shows", args[0], len(programs))
	}
	p := programs[0]
	path, err := linkPath(c.String("pin"), p)
	if err != nil {
		return err
	}
	notes, err := loader.AttachRunning(p.ID, c.String("section"), at, t, path)
	if err != nil {
		return err
	}
	for _, n := range notes {
		fmt.Fprintf(s.err, "luabpfc: %s\n", n)
	}
	fmt.Fprintf(s.out, "program %s is attached; 'luabpfc unload %s' ends it\n", p.Name, path)
	return nil
}

// attachType is the enum bpf_attach_type of a section.
func attachType(section string) (uint32, error) {
	if section == "" {
		return 0, nil
	}
	var all []string
	for _, k := range kernel.ProgKinds {
		names := append([]string{k.Section}, k.Aliases...)
		for _, n := range names {
			if n == section || k.Target != kernel.NoTarget && strings.HasPrefix(section, n+"/") {
				return uint32(k.Attach), nil
			}
		}
		all = append(all, names...)
	}
	return 0, usagef("--section: there is no '%s'%s", section, suggestion(section, all))
}

// linkPath is where the attachment of a program is pinned. It is in a folder 'link'.
func linkPath(path string, p loader.RunningProgram) (string, error) {
	if path == "" {
		dir := filepath.Join(loader.DefaultPinPath, p.Name)
		for _, pin := range p.Pins {
			if filepath.Base(filepath.Dir(pin)) == "prog" {
				dir = filepath.Dir(filepath.Dir(pin))
				break
			}
		}
		path = filepath.Join(dir, "link", p.Name)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if filepath.Base(filepath.Dir(path)) != "link" {
		return "", usagef("--pin is the name of a file in a folder 'link', as in %s/x/link/y", loader.DefaultPinPath)
	}
	has := func(a loader.Attachment) bool { return slices.Contains(a.Pins, path) }
	if slices.ContainsFunc(p.Attached, has) {
		return "", fmt.Errorf("program '%s' is attached already, as '%s': 'luabpfc unload %s' ends it, --pin names another place", p.Name, path, path)
	}
	return path, loader.MountBPF(path)
}
