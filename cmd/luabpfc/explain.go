package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// explainCommand is 'luabpfc explain CODE'.
func explainCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:         "explain",
		Usage:        "explain the code in the brackets behind a message; without one, list them all",
		ArgsUsage:    "[CODE]",
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			if c.NArg() > 1 {
				return usagef("one code at a time: '%s' is too many", c.Args().Get(1))
			}
			if c.NArg() == 0 {
				for _, i := range diag.All() {
					fmt.Fprintf(s.out, "%-24s %s\n", i.Code, i.Summary)
				}
				return nil
			}
			name := strings.Trim(c.Args().First(), "[]")
			i, ok := diag.Lookup(name)
			if !ok {
				return usagef("there is no code '%s'%s; 'luabpfc explain' lists them", name, suggestion(name, allCodes()))
			}
			fmt.Fprintf(s.out, "%s (%s): %s\n\n%s\n\nExample:\n", i.Code, i.Severity, i.Summary, i.Help)
			for l := range strings.Lines(i.Example) {
				fmt.Fprintf(s.out, "    %s\n", strings.TrimRight(l, "\n"))
			}
			return nil
		},
	}
}

func allCodes() []string {
	var l []string
	for _, i := range diag.All() {
		l = append(l, string(i.Code))
	}
	return l
}
