package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/luabpfc/luabpfc/loader"
)

// doctorCommand is 'luabpfc doctor'.
func doctorCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:         "doctor",
		Usage:        "say what this machine allows programs, and what to do about what it does not; exits with 4 if none can be loaded",
		OnUsageError: onUsageError,
		Flags:        []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print a JSON object a line"}},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usagef("'luabpfc doctor' takes no argument: '%s'", c.Args().First())
			}
			refused := false
			t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
			for _, f := range loader.Examine() {
				refused = refused || f.Required && f.State == loader.Missing
				if c.Bool("json") {
					if err := printJSON(s.out, f); err != nil {
						return err
					}
					continue
				}
				fmt.Fprintf(t, "%s\t%s\t%s\n", f.State, f.Name, f.Value)
				if f.Effect != "" {
					without := "not possible: "
					if f.State == loader.Note {
						without = ""
					}
					fmt.Fprintf(t, "\t\t  %s%s\n", without, f.Effect)
				}
				if f.Fix != "" {
					fmt.Fprintf(t, "\t\t  to do: %s\n", f.Fix)
				}
			}
			if err := t.Flush(); err != nil {
				return err
			}
			if refused {
				return exitCode(exitRefused)
			}
			return nil
		},
	}
}
