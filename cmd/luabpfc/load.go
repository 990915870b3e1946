package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/loader"
	"github.com/luabpfc/luabpfc/loader/userspace"
)

// loadCommand is 'luabpfc load'.
func loadCommand(s streams, render *func(diag.List) string) *cli.Command {
	return &cli.Command{
		Name:         "load",
		Usage:        "load an object, of any compiler, or a script's; fill its maps, attach its programs, and leave them in place",
		ArgsUsage:    "prog.o|prog.lua [script arguments]",
		OnUsageError: onUsageError,
		Flags: append(scriptFlags("of a script: ", runningTarget),
			&cli.StringFlag{Name: "pin", Usage: "pin programs, maps and attachments below `DIR` (default: /sys/fs/bpf/prog for prog.o)"},
			&cli.StringSliceFlag{Name: "map", Usage: "use the pinned map at PATH in place of the object's own, as `NAME=PATH`"},
			&cli.StringSliceFlag{Name: "target", Usage: "attach a program there, not where the object says, as `PROGRAM=TARGET`"},
			&cli.BoolFlag{Name: "no-attach", Usage: "attach nothing; 'luabpfc attach' does later"},
			&cli.BoolFlag{Name: "v", Usage: "say all that the kernel's verifier says"},
		),
		Action: func(c *cli.Context) error { return loadObject(c, s, *render) },
	}
}

// loadObject loads what the first argument names.
func loadObject(c *cli.Context, s streams, render func(diag.List) string) error {
	if c.NArg() == 0 || c.Args().First() == "" {
		return usagef("no object; 'luabpfc load prog.o' loads one")
	}
	name := c.Args().First()
	if c.NArg() > 1 && !isScript(name) {
		return usagef("one object at a time: '%s' is too many", c.Args().Get(1))
	}
	targets, err := pairs("target", c.StringSlice("target"))
	if err != nil {
		return err
	}
	maps, err := pairs("map", c.StringSlice("map"))
	if err != nil {
		return err
	}
	elf, err := objectOf(c, s, render)
	if err != nil {
		return err
	}
	o, err := loader.Open(elf)
	if err != nil {
		return fmt.Errorf("'%s': %w", name, err)
	}
	defer o.Close()
	at := map[string]loader.Target{}
	for _, t := range targets {
		if !slices.Contains(o.Programs(), t.name) {
			return fmt.Errorf("--target: the object has no program '%s'%s; it has %s", t.name, suggestion(t.name, o.Programs()), strings.Join(o.Programs(), ", "))
		}
		at[t.name] = loader.Target{Name: t.value}
	}
	dir, err := pinFolder(c.String("pin"), name)
	if err != nil {
		return err
	}
	for _, m := range maps {
		if err := o.UseMap(m.name, m.value); err != nil {
			return err
		}
	}
	if err := o.Load(); err != nil {
		return verbose(err, c.Bool("v"))
	}
	if !c.Bool("no-attach") {
		if err := o.AttachAll(at); err != nil {
			return err
		}
	}
	if err := o.Pin(dir); err != nil {
		return err
	}
	return left(o, dir, s)
}

// left says what of an object stays, and leaves it.
func left(o *loader.Object, dir string, s streams) error {
	attached := o.Attached()
	for _, n := range o.Programs() {
		where, ok := attached[n]
		switch {
		case ok && where != "":
			fmt.Fprintf(s.out, "program %s: attached to %s\n", n, where)
		case ok:
			fmt.Fprintf(s.out, "program %s: attached\n", n)
		default:
			fmt.Fprintf(s.out, "program %s: loaded\n", n)
		}
	}
	for _, n := range o.Maps() {
		from := ""
		if o.Reused(n) {
			from = ", which was there before"
		}
		fmt.Fprintf(s.out, "map %s%s\n", n, from)
	}
	for _, n := range o.Notes() {
		fmt.Fprintf(s.err, "luabpfc: %s\n", n)
	}
	fmt.Fprintf(s.out, "pinned below %s; 'luabpfc unload %s' takes it away\n", dir, unloadName(dir))
	return o.Leave()
}

// unloadName is what 'luabpfc unload' calls a folder.
func unloadName(dir string) string {
	if filepath.Dir(dir) == loader.DefaultPinPath {
		return filepath.Base(dir)
	}
	return dir
}

// pair is a flag's value of the form NAME=VALUE.
type pair struct{ name, value string }

func pairs(flag string, values []string) (all []pair, err error) {
	for _, v := range values {
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" || value == "" {
			return nil, usagef("--%s is NAME=VALUE, not '%s'", flag, v)
		}
		all = append(all, pair{name, value})
	}
	return all, nil
}

// objectOf is the object that the first argument names, or that the script becomes.
func objectOf(c *cli.Context, s streams, render func(diag.List) string) ([]byte, error) {
	name := c.Args().First()
	if !isScript(name) {
		return readObject(name, s.in)
	}
	req, err := openScript(c, s)
	if err != nil {
		return nil, err
	}
	req.opts.Output = s.err
	obj, err := userspace.Compile(req.src, req.opts, req.running)
	if err != nil {
		return nil, err
	}
	fmt.Fprint(s.err, render(ours(obj.Warnings)))
	return obj.ELF, nil
}

// pinFolder is where an object is pinned. It must be new.
func pinFolder(dir, object string) (string, error) {
	if dir == "" {
		base := filepath.Base(object)
		if base == "-" {
			return "", usagef("an object from standard input needs --pin DIR")
		}
		base = strings.ReplaceAll(strings.TrimSuffix(base, filepath.Ext(base)), ".", "_")
		dir = filepath.Join(loader.DefaultPinPath, base)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if err := loader.MountBPF(dir); err != nil {
		return "", err
	}
	if l, err := os.ReadDir(dir); err == nil && len(l) > 0 {
		return "", fmt.Errorf("'%s' is there already: 'luabpfc unload %s' takes it away, --pin DIR names another place", dir, unloadName(dir))
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return dir, nil
}
