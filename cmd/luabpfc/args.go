package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// arrange moves the root's flags in front of the script, because the command
// line's parser stops at the first argument that is no flag. It splits what is
// written joined (-O2, -Dname=value, -Werror), and cuts off what follows "--".
// A subcommand and what follows it stay as they are.
func arrange(args []string, app *cli.App) (line, script []string, err error) {
	takes := map[string]bool{} // whether a flag has a value
	for _, f := range append(slices.Clone(app.Flags), cli.HelpFlag) {
		_, isBool := f.(*cli.BoolFlag)
		for _, n := range f.Names() {
			takes[n] = !isBool
		}
	}
	var flags, rest []string
	for i := 0; i < len(args); i++ {
		a := args[i]
		if a == "--" {
			script = args[i+1:]
			break
		}
		if a == "-" || !strings.HasPrefix(a, "-") {
			if len(rest) == 0 && app.Command(a) != nil {
				return append(flags, args[i:]...), nil, nil
			}
			rest = append(rest, a)
			continue
		}
		name, value, hasValue := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(a, "-"), "-"), "=")
		if v, known := takes[name]; known {
			switch {
			case hasValue && !v:
				return nil, nil, usagef("flag '-%s' takes no value", name)
			case v && !hasValue:
				if i+1 == len(args) || args[i+1] == "--" {
					return nil, nil, usagef("flag '%s' needs a value", a)
				}
				i++
				value = args[i]
			}
			flags = append(flags, joined(name, value, v))
			continue
		}
		if short, ok := splitJoined(a, takes); ok {
			flags = append(flags, short)
			continue
		}
		return nil, nil, unknownFlag(a, takes)
	}
	if len(rest) > 0 {
		// A script's own name may begin with anything.
		rest = append([]string{"--"}, rest...)
	}
	return append(flags, rest...), script, nil
}

func joined(name, value string, takes bool) string {
	if !takes {
		return "-" + name
	}
	return "-" + name + "=" + value
}

// splitJoined reads -O2, -Dname=value, -Idir, -Werror: a flag of one letter
// with its value.
func splitJoined(a string, takes map[string]bool) (string, bool) {
	if len(a) < 3 || a[1] == '-' || !takes[a[1:2]] || !strings.Contains("ODIWo", a[1:2]) {
		return "", false
	}
	return joined(a[1:2], a[2:], true), true
}

// unknownFlag proposes the flag that was probably meant.
func unknownFlag(a string, takes map[string]bool) error {
	names := slices.Sorted(maps.Keys(takes))
	if c := diag.Closest(strings.TrimLeft(strings.SplitN(a, "=", 2)[0], "-"), names); c != "" {
		dashes := "-"
		if len(c) > 1 && strings.HasPrefix(a, "--") {
			dashes = "--"
		}
		return usagef("unknown flag '%s' (did you mean '%s%s'?)", a, dashes, c)
	}
	return usagef("unknown flag '%s'", a)
}
