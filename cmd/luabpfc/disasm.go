package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/luabpfc/luabpfc/codegen/disasm"
)

// disasmCommand is 'luabpfc disasm'.
func disasmCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:         "disasm",
		Usage:        "show the instructions of an object, of any compiler, with the source lines they came from",
		ArgsUsage:    "prog.o [FUNCTION]",
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			switch {
			case c.NArg() == 0:
				return usagef("no object; 'luabpfc disasm prog.o' shows one")
			case c.NArg() > 2:
				return usagef("one function at a time: '%s' is too many", c.Args().Get(2))
			case isScript(c.Args().First()):
				return usagef("'%s' is a script: 'luabpfc --emit asm' shows what it becomes", c.Args().First())
			}
			name := c.Args().First()
			b, err := readObject(name, s.in)
			if err != nil {
				return err
			}
			text, err := disasm.Object(b, c.Args().Get(1))
			if none, ok := errors.AsType[*disasm.NotFoundError](err); ok {
				return fmt.Errorf("'%s': %w%s", name, err, suggestion(none.Name, none.Have))
			}
			if err != nil {
				return fmt.Errorf("'%s': %w", name, err)
			}
			_, err = fmt.Fprint(s.out, text)
			return err
		},
	}
}
