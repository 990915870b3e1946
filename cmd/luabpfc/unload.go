package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/luabpfc/luabpfc/loader"
)

// unloadCommand is 'luabpfc unload'.
func unloadCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:         "unload",
		Usage:        "take away what 'luabpfc load' left in place: detach, unpin; and filters of tc that a killed 'luabpfc run' left",
		ArgsUsage:    "NAME|PATH|FILTER...",
		OnUsageError: onUsageError,
		Flags:        []cli.Flag{&cli.BoolFlag{Name: "filters", Usage: "all filters of tc that are left of processes that are gone"}},
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 && !c.Bool("filters") {
				return nothingToUnload()
			}
			if c.Bool("filters") {
				if err := unloadFilters(s, func(loader.Filter) bool { return true }); err != nil {
					return err
				}
			}
			for _, name := range c.Args().Slice() {
				if err := unload(name, s); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// unloadFilters takes filters off that are left, and says which.
func unloadFilters(s streams, which func(loader.Filter) bool) error {
	sys, err := loader.ReadSystem()
	if err != nil {
		return err
	}
	for _, f := range sys.Filters {
		if !which(f) {
			continue
		}
		if err := f.Remove(); err != nil {
			return fmt.Errorf("filter '%s' of '%s': %w", f.Name, f.Interface, err)
		}
		fmt.Fprintf(s.out, "filter %s is off %s of %s\n", f.Name, f.Direction, f.Interface)
	}
	return nil
}

// unload takes away what name means: a path, the name of what was loaded, or that
// of a filter.
func unload(name string, s streams) error {
	path := name
	if !strings.Contains(name, "/") {
		path = filepath.Join(loader.DefaultPinPath, name)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if path == loader.DefaultPinPath {
		return usagef("'%s' holds what everybody has pinned: name what to take away", path)
	}
	_, err = os.Stat(path)
	if err == nil {
		removed, err := loader.Unpin(path)
		for _, p := range removed {
			fmt.Fprintf(s.out, "%s is gone\n", p)
		}
		return err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	found := false
	which := func(f loader.Filter) bool {
		ok := f.Name == name || f.Name == "luabpfc:"+name
		found = found || ok
		return ok
	}
	if err := unloadFilters(s, which); err != nil || found {
		return err
	}
	have := loadedNames()
	if len(have) == 0 {
		return fmt.Errorf("there is no '%s', and nothing else below %s", name, loader.DefaultPinPath)
	}
	return fmt.Errorf("there is no '%s'%s; below %s there is %s", name, suggestion(name, have), loader.DefaultPinPath, strings.Join(have, ", "))
}

// loadedNames are the names below the usual folder.
func loadedNames() (names []string) {
	list, err := os.ReadDir(loader.DefaultPinPath)
	if err != nil {
		return nil
	}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// nothingToUnload says what could be named.
func nothingToUnload() error {
	have := loadedNames()
	sys, err := loader.ReadSystem()
	if err == nil {
		for _, f := range sys.Filters {
			have = append(have, f.Name+" (a filter that is left at "+f.Direction+" of "+f.Interface+")")
		}
	}
	if len(have) == 0 {
		return usagef("name what to unload; nothing is pinned below %s", loader.DefaultPinPath)
	}
	return usagef("name what to unload; there is %s", strings.Join(have, ", "))
}
