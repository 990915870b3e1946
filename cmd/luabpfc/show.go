package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/luabpfc/luabpfc/codegen/disasm"
	"github.com/luabpfc/luabpfc/loader"
)

// showCommand is 'luabpfc show'.
func showCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:         "show",
		Usage:        "show a program in the kernel, with its maps and source lines, or a map with what is in it",
		ArgsUsage:    "ID|NAME|PATH",
		OnUsageError: onUsageError,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "print a JSON object"},
			&cli.IntFlag{Name: "max", Value: 1000, Usage: "of a map: at most `N` entries"},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 || c.Args().First() == "" {
				return usagef("'luabpfc show' shows one program or map, by its number, its name or where it is pinned; 'luabpfc list' lists them")
			}
			sys, err := loader.ReadSystem()
			if err != nil {
				return err
			}
			programs, maps, err := find(sys, c.Args().First())
			if err != nil {
				return err
			}
			return show(s.out, sys, programs, maps, c.Int("max"), c.Bool("json"))
		},
	}
}

// find returns what a number, a name or a path means.
func find(sys *loader.System, what string) (programs []loader.RunningProgram, maps []loader.RunningMap, err error) {
	prog := func(ok func(p loader.RunningProgram) bool) {
		for _, p := range sys.Programs {
			if ok(p) {
				programs = append(programs, p)
			}
		}
	}
	mapp := func(ok func(m loader.RunningMap) bool) {
		for _, m := range sys.Maps {
			if ok(m) {
				maps = append(maps, m)
			}
		}
	}
	if strings.Contains(what, "/") {
		path, err := filepath.Abs(what)
		if err != nil {
			return nil, nil, err
		}
		kind, id, err := loader.PinnedID(path)
		if err != nil {
			return nil, nil, fmt.Errorf("'%s': %w", what, cause(err))
		}
		switch kind {
		case "prog":
			prog(func(p loader.RunningProgram) bool { return p.ID == id })
		case "map":
			mapp(func(m loader.RunningMap) bool { return m.ID == id })
		default:
			prog(func(p loader.RunningProgram) bool {
				return slices.ContainsFunc(p.Attached, func(a loader.Attachment) bool { return a.Link == id })
			})
		}
	} else if n, e := strconv.ParseUint(what, 10, 32); e == nil {
		prog(func(p loader.RunningProgram) bool { return p.ID == uint32(n) })
		mapp(func(m loader.RunningMap) bool { return m.ID == uint32(n) })
	} else {
		prog(func(p loader.RunningProgram) bool { return p.Name == what })
		mapp(func(m loader.RunningMap) bool { return m.Name == kernelName(what) })
	}
	if len(programs)+len(maps) > 0 {
		return programs, maps, nil
	}
	var have []string
	for _, p := range sys.Programs {
		have = append(have, p.Name)
	}
	for _, m := range sys.Maps {
		have = append(have, m.Name)
	}
	return nil, nil, fmt.Errorf("there is no program and no map '%s'%s; 'luabpfc list' lists them", what, suggestion(what, have))
}

// kernelName is a map's name as the kernel cuts it.
func kernelName(name string) string { return name[:min(len(name), 15)] }

// details is what 'show --json' prints.
type details struct {
	Programs []loader.RunningProgram `json:"programs,omitempty"`
	Maps     []mapDetails            `json:"maps,omitempty"`
}

type mapDetails struct {
	loader.RunningMap
	Entries []loader.Content `json:"entries"`
	More    bool             `json:"more,omitempty"`
}

// show prints programs with their maps, or maps.
func show(w io.Writer, sys *loader.System, programs []loader.RunningProgram, maps []loader.RunningMap, limit int, asJSON bool) error {
	d := details{Programs: programs}
	for _, m := range sys.Maps {
		uses := func(p loader.RunningProgram) bool { return slices.Contains(p.Maps, m.ID) }
		if slices.ContainsFunc(programs, uses) || slices.ContainsFunc(maps, func(x loader.RunningMap) bool { return x.ID == m.ID }) {
			entries, more, err := loader.Contents(m.ID, limit)
			if err != nil {
				return err
			}
			d.Maps = append(d.Maps, mapDetails{m, entries, more})
		}
	}
	if asJSON {
		return printJSON(w, d)
	}
	var errs []error
	for _, p := range d.Programs {
		errs = append(errs, showProgram(w, p))
	}
	for _, m := range d.Maps {
		showMap(w, m)
	}
	return errors.Join(errs...)
}

func showProgram(w io.Writer, p loader.RunningProgram) error {
	fmt.Fprintf(w, "program %d: %s %s, tag %s\n", p.ID, p.Type, p.Name, p.Tag)
	if !p.Loaded.IsZero() {
		by := ""
		if p.UID != nil {
			by = fmt.Sprintf(" by user %d", *p.UID)
		}
		fmt.Fprintf(w, "  loaded %s%s\n", p.Loaded.Format(time.DateTime), by)
	}
	for _, a := range p.Attached {
		fmt.Fprintf(w, "  attached: %s\n", attachmentText(a))
		for _, pin := range a.Pins {
			fmt.Fprintf(w, "    pinned at %s\n", pin)
		}
	}
	for _, pin := range p.Pins {
		fmt.Fprintf(w, "  pinned at %s\n", pin)
	}
	for _, h := range p.Held {
		fmt.Fprintf(w, "  held by %s, process %d\n", h.Name, h.PID)
	}
	insns, err := loader.Instructions(p.ID)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s\n", disasm.Running(insns))
	return nil
}

func showMap(w io.Writer, m mapDetails) {
	fmt.Fprintf(w, "map %d: %s %s, key %d bytes, value %d bytes, up to %d entries\n", m.ID, m.Type, m.Name, m.KeySize, m.ValueSize, m.MaxEntries)
	for _, pin := range m.Pins {
		fmt.Fprintf(w, "  pinned at %s\n", pin)
	}
	width := 0
	for _, e := range m.Entries {
		width = max(width, len(loader.Plain(e.Key)))
	}
	for _, e := range m.Entries {
		v := loader.Plain(e.Value)
		if e.Values != nil {
			v = loader.Plain(e.Values)
		}
		fmt.Fprintf(w, "  %-*s  %s\n", width, loader.Plain(e.Key), v)
	}
	if m.More {
		fmt.Fprintln(w, "  ... and more: --max N shows more")
	}
	fmt.Fprintln(w)
}
