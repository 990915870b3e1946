package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/loader"
	"github.com/luabpfc/luabpfc/loader/bindings"
)

// genCommand is 'luabpfc gen', which writes source code for what surrounds programs.
func genCommand(s streams, render *func(diag.List) string) *cli.Command {
	return &cli.Command{
		Name:         "gen",
		Usage:        "write source code: bindings for Go, a header for C, declarations for an editor",
		OnUsageError: onUsageError,
		Subcommands:  []*cli.Command{genGoCommand(s, render), genCCommand(s, render), genTypesCommand(s)},
		Action: func(c *cli.Context) error {
			if name := c.Args().First(); name != "" {
				return usagef("'gen %s' is nothing that luabpfc writes%s", name, suggestion(name, []string{"go", "c", "types"}))
			}
			return usagef("gen what? 'luabpfc gen go', 'luabpfc gen c', 'luabpfc gen types'")
		},
	}
}

// genFlags are the flags by which gen compiles.
func genFlags(more ...cli.Flag) []cli.Flag {
	return append(append(more, scriptFlags("", oldestKernel)...), cpuFlag(),
		&cli.StringSliceFlag{Name: "record", Usage: "`MAP=TYPE`: what is sent through a map, where the object does not say"},
	)
}

// flagsBehind reads the flags behind a command's first argument, where the command
// line's parser has stopped, and returns the arguments that are none.
func flagsBehind(c *cli.Context) (names []string, err error) {
	flags := map[string]bool{} // whether it takes a value
	for _, f := range c.Command.Flags {
		_, isBool := f.(*cli.BoolFlag)
		for _, n := range f.Names() {
			flags[n] = !isBool
		}
	}
	for args := c.Args().Slice(); len(args) > 0; {
		a := args[0]
		args = args[1:]
		if a == "-" || !strings.HasPrefix(a, "-") {
			names = append(names, a)
			continue
		}
		name, value, has := strings.Cut(strings.TrimLeft(a, "-"), "=")
		takes, known := flags[name]
		switch {
		case !known:
			return nil, unknownFlag(a, flags)
		case !takes && has:
			return nil, usagef("flag '-%s' takes no value", name)
		case !takes:
			value = "true"
		case !has && len(args) == 0:
			return nil, usagef("flag '%s' needs a value", a)
		case !has:
			value, args = args[0], args[1:]
		}
		if err := c.Set(name, value); err != nil {
			return nil, usagef("flag '%s': %v", a, err)
		}
	}
	return names, nil
}

// genInput is what gen works on: a script that is compiled for each target, or
// objects that are there.
type genInput struct {
	name    string // the first file
	req     *request
	src     luabpfc.Source
	files   *sources
	records []string
	objects []*bindings.Object
	render  func(diag.List) string
	s       streams
	warned  bool
}

// openInput reads the command line and the files it names.
func openInput(c *cli.Context, s streams, render func(diag.List) string) (*genInput, error) {
	names, err := flagsBehind(c)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, usagef("no script or object; 'luabpfc gen %s prog.lua' takes one", c.Command.Name)
	}
	in := &genInput{name: names[0], req: &request{opts: luabpfc.DefaultOptions()}, records: c.StringSlice("record"), render: render, s: s,
		files: &sources{dirs: c.StringSlice("I")}}
	in.req.opts.Output = s.err
	if err := in.req.parseDefines(c); err != nil {
		return nil, err
	}
	if err := in.req.parseCPU(c); err != nil {
		return nil, err
	}
	if err := in.req.parseKernel(c); err != nil {
		return nil, err
	}
	if !isObject(names[0]) {
		if len(names) > 1 {
			return nil, usagef("one script at a time: '%s' is too many", names[1])
		}
		in.src, err = in.files.script(names[0], s.in)
		return in, err
	}
	for _, n := range names {
		elf, err := os.ReadFile(n)
		if err != nil {
			return nil, fmt.Errorf("reading '%s': %w", n, cause(err))
		}
		o, err := in.open(elf)
		if err != nil {
			return nil, fmt.Errorf("'%s': %w", n, err)
		}
		in.files.read = append(in.files.read, n)
		in.objects = append(in.objects, o)
	}
	return in, nil
}

// isObject reports whether a file is an object, by its first bytes.
func isObject(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	var magic [4]byte
	n, _ := f.Read(magic[:])
	return string(magic[:n]) == "\x7fELF"
}

// open reads an object.
func (in *genInput) open(elf []byte) (*bindings.Object, error) {
	if _, err := loader.Open(elf); err != nil { // it looks closer at objects of others
		return nil, err
	}
	o, err := bindings.Read(elf)
	if err != nil {
		return nil, err
	}
	for _, r := range in.records {
		name, typ, ok := strings.Cut(r, "=")
		if !ok {
			return nil, usagef("--record is MAP=TYPE, not '%s'", r)
		}
		if err := o.SetRecord(name, typ); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// compile compiles the script for a target.
func (in *genInput) compile(t *genTarget) (*bindings.Object, error) {
	opts := in.req.opts
	opts.BigEndian, opts.Arch = t.big, t.arch
	if in.warned {
		opts.Output = nil
	}
	obj, err := luabpfc.Compile(in.src, opts)
	if err != nil {
		return nil, err
	}
	if !in.warned {
		in.warned = true
		fmt.Fprint(in.s.err, in.render(withoutLoaders(obj.Warnings)))
	}
	return in.open(obj.ELF)
}

// withoutLoaders drops the warning that other loaders don't fill maps: the bindings
// do.
func withoutLoaders(list diag.List) (out diag.List) {
	for _, d := range list {
		if d.Code != diag.OtherLoaders {
			out = append(out, d)
		}
	}
	return out
}

// stem is a file's name without folders and ending.
func stem(name string) string {
	base := filepath.Base(name)
	return strings.TrimSuffix(base, filepath.Ext(base))
}
