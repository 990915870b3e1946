package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/luabpfc/luabpfc/loader"
)

// listCommand is 'luabpfc list'.
func listCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:         "list",
		Usage:        "list the programs and maps in the kernel, everybody's, and what the programs are attached to",
		ArgsUsage:    "[programs|maps]",
		OnUsageError: onUsageError,
		Flags:        []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print a JSON object"}},
		Action: func(c *cli.Context) error {
			what := c.Args().First()
			if c.NArg() > 1 || !slices.Contains([]string{"", "programs", "maps"}, what) {
				return usagef("'luabpfc list' lists programs or maps, not '%s'", strings.Join(c.Args().Slice(), " "))
			}
			sys, err := loader.ReadSystem()
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return printJSON(s.out, sys)
			}
			if what != "maps" {
				err = listPrograms(s.out, sys)
			}
			if err == nil && what != "programs" {
				if what == "" {
					fmt.Fprintln(s.out)
				}
				err = listMaps(s.out, sys)
			}
			for _, f := range sys.Filters {
				fmt.Fprintf(s.err, "luabpfc: filter '%s' at %s of '%s' is left of a process that is gone: 'luabpfc unload %s' takes it off\n", f.Name, f.Direction, f.Interface, f.Name)
			}
			return err
		},
	}
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func listPrograms(w io.Writer, sys *loader.System) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tTYPE\tNAME\tTAG\tMAPS\tATTACHED\tKEPT BY")
	for _, p := range sys.Programs {
		var at []string
		pins := slices.Clone(p.Pins)
		for _, a := range p.Attached {
			at = append(at, attachmentText(a))
			pins = append(pins, a.Pins...)
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", p.ID, p.Type, dash(p.Name), p.Tag, dash(ids(p.Maps)), dash(strings.Join(at, ", ")), dash(keepers(pins, p.Held)))
	}
	return t.Flush()
}

func listMaps(w io.Writer, sys *loader.System) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tTYPE\tNAME\tKEY\tVALUE\tENTRIES\tKEPT BY")
	for _, m := range sys.Maps {
		fmt.Fprintf(t, "%d\t%s\t%s\t%d\t%d\t%d\t%s\n", m.ID, m.Type, dash(m.Name), m.KeySize, m.ValueSize, m.MaxEntries, dash(keepers(m.Pins, m.Held)))
	}
	return t.Flush()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func ids(list []uint32) string {
	parts := make([]string, len(list))
	for i, n := range list {
		parts[i] = strconv.FormatUint(uint64(n), 10)
	}
	return strings.Join(parts, ",")
}

// attachmentText is an attachment in a few words: "xdp lo (link 4)".
func attachmentText(a loader.Attachment) string {
	text := strings.TrimSpace(a.Kind + " " + a.Where)
	if a.Link != 0 {
		text += fmt.Sprintf(" (link %d)", a.Link)
	}
	return text
}

// keepers are what keeps something in the kernel: names and processes.
func keepers(pins []string, held []loader.Process) string {
	all := slices.Clone(pins)
	for _, p := range held {
		all = append(all, fmt.Sprintf("%s[%d]", p.Name, p.PID))
	}
	return strings.Join(all, ", ")
}
