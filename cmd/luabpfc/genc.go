package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/loader/bindings"
)

// genCCommand is 'luabpfc gen c'.
func genCCommand(s streams, render *func(diag.List) string) *cli.Command {
	return &cli.Command{
		Name:         "c",
		Usage:        "write a C header with the types that user space shares with an object's programs",
		ArgsUsage:    "prog.lua | prog.o",
		OnUsageError: onUsageError,
		Flags: genFlags(
			&cli.StringFlag{Name: "name", Usage: "`NAME` that all others begin with (default: the file's)"},
			&cli.StringFlag{Name: "o", Value: "-", Usage: "write to `FILE`; '-' is standard output"},
			&cli.StringFlag{Name: "target", Value: "bpfel", Usage: "byte order: bpfel or bpfeb"},
			&cli.StringFlag{Name: "arch", Usage: "architecture whose registers programs read (default: this machine's)"},
		),
		Action: func(c *cli.Context) error { return genC(c, s, *render) },
	}
}

func genC(c *cli.Context, s streams, render func(diag.List) string) error {
	in, err := openInput(c, s, render)
	if err != nil {
		return err
	}
	name := c.String("name")
	if name == "" {
		name = bindings.CName(stem(in.name))
	}
	var o *bindings.Object
	if len(in.objects) > 1 {
		return usagef("a header is for one object")
	}
	if len(in.objects) == 1 {
		o = in.objects[0]
	} else {
		if err := in.req.parseTarget(c); err != nil {
			return err
		}
		if o, err = in.compile(&genTarget{big: in.req.opts.BigEndian, arch: in.req.opts.Arch}); err != nil {
			return err
		}
	}
	text, err := o.Header(name, "luabpfc gen c")
	if err != nil {
		return fmt.Errorf("'%s': %w", in.name, err)
	}
	if err := in.files.refuse(c.String("o")); err != nil {
		return err
	}
	return writeFile(c.String("o"), text, s.out)
}
