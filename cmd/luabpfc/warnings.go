package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// warnings is what -W asks for.
type warnings struct {
	allErrors bool
	errors    []diag.Code
	dropped   []diag.Code
}

// parse reads the values of -W.
func (w *warnings) parse(values []string) error {
	for _, v := range values {
		if v == "error" {
			w.allErrors = true
			continue
		}
		list, name := &w.errors, strings.TrimPrefix(v, "error=")
		if name == v {
			list, name = &w.dropped, strings.TrimPrefix(v, "no-")
		}
		if name == v {
			return usagef("-W is error, error=CODE or no-CODE, not '%s'", v)
		}
		info, ok := diag.Lookup(name)
		if ok && info.Severity != diag.Warning {
			return usagef("-W%s: '%s' is an error, not a warning", v, info.Code)
		}
		if !ok {
			return usagef("-W%s: there is no warning '%s'%s", v, name, suggestion(name, warningCodes()))
		}
		*list = append(*list, info.Code)
	}
	return nil
}

func warningCodes() []string {
	var l []string
	for _, i := range diag.All() {
		if i.Severity == diag.Warning {
			l = append(l, string(i.Code))
		}
	}
	return l
}

// suggestion proposes the candidate closest to name.
func suggestion(name string, candidates []string) string {
	if c := diag.Closest(name, candidates); c != "" {
		return fmt.Sprintf(" (did you mean '%s'?)", c)
	}
	return ""
}

// filter leaves out what -Wno- names.
func (w *warnings) filter(l diag.List) diag.List {
	return slices.DeleteFunc(slices.Clone(l), func(d *diag.Diagnostic) bool {
		return d.Severity == diag.Warning && slices.Contains(w.dropped, d.Code)
	})
}

// filterError leaves out of a list of errors the warnings that -Wno- names.
func (w *warnings) filterError(err error) error {
	var l diag.List
	if errors.As(err, &l) {
		return w.filter(l)
	}
	return err
}

// promoted returns the warnings that -Werror makes errors, as an error; the
// others stay warnings in it.
func (w *warnings) promoted(l diag.List) error {
	var out diag.List
	n := 0
	for _, d := range l {
		if w.allErrors || slices.Contains(w.errors, d.Code) {
			e := *d
			e.Severity = diag.Error
			d, n = &e, n+1
		}
		out = append(out, d)
	}
	if n == 0 {
		return nil
	}
	return out
}
