package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/luabpfc/luabpfc/btf"
	"github.com/luabpfc/luabpfc/frontend/luals"
	"github.com/luabpfc/luabpfc/loader/userspace"
)

// genTypesCommand is 'luabpfc gen types'.
func genTypesCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:         "types",
		Usage:        "write a library for lua-language-server: the modules bpf and ffi, helpers, packets, constants, kernel structures",
		ArgsUsage:    "[STRUCT...]",
		OnUsageError: onUsageError,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "o", Value: "-", Usage: "write to `FILE`; '-' is standard output"},
			btfFlag("", ""),
		},
		Action: func(c *cli.Context) error { return genTypes(c, s) },
	}
}

func genTypes(c *cli.Context, s streams) error {
	names, err := flagsBehind(c)
	if err != nil {
		return err
	}
	opts := luals.Options{Live: userspace.Names()}
	given := len(names) > 0
	file := strings.Join(btfNames(c), "', '")
	data, err := readBTF(btfNames(c))
	switch {
	case err == nil:
		k, err := btf.OpenKernel(data)
		if err != nil {
			return fmt.Errorf("reading '%s': %w", file, err)
		}
		for i, n := range names {
			names[i] = strings.TrimPrefix(n, "struct ")
		}
		var missing []string
		if opts.Structs, missing = luals.Types(k, append(names, luals.Useful...)); given {
			for _, m := range missing {
				for _, n := range names {
					if m == n {
						return fmt.Errorf("'%s' has no structure '%s'", file, m)
					}
				}
			}
		}
	case given || c.IsSet("btf"):
		return fmt.Errorf("reading '%s': %w", file, cause(err))
	default: // without kernel structures
		fmt.Fprintf(s.err, "luabpfc: without the kernel's structures: reading '%s': %v\n", file, cause(err))
	}
	return writeFile(c.String("o"), []byte(luals.Library(opts)), s.out)
}
