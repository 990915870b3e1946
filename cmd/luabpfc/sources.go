package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// maxSource is how long a script may be: one that is longer is data, or a device
// that never ends.
const maxSource = 16 << 20

// sources reads scripts and remembers which.
type sources struct {
	dirs []string // -I, behind the script's own folder
	read []string
}

// script reads the main script; "-" is standard input.
func (f *sources) script(name string, stdin io.Reader) (luabpfc.Source, error) {
	if name == "-" {
		text, err := readSource(stdin, "standard input")
		f.dirs = append([]string{"."}, f.dirs...)
		return luabpfc.Source{Name: "stdin", Text: text, Require: f.require}, err
	}
	src, err := f.load(name)
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("%w%s", err, scriptMeant(name))
	}
	f.dirs = append([]string{filepath.Dir(name)}, f.dirs...)
	src.Require = f.require
	return src, err
}

func (f *sources) load(name string) (luabpfc.Source, error) {
	file, err := os.Open(name)
	if err != nil {
		return luabpfc.Source{}, fmt.Errorf("reading '%s': %w", name, cause(err))
	}
	defer file.Close()
	text, err := readSource(file, "'"+name+"'")
	if err != nil {
		return luabpfc.Source{}, err
	}
	f.read = append(f.read, name)
	return luabpfc.Source{Name: name, Text: text}, nil
}

// readSource reads a script, called name in messages.
func readSource(r io.Reader, name string) (string, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxSource+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("reading %s: %w", name, cause(err))
	case len(text) > maxSource:
		return "", fmt.Errorf("reading %s: it is longer than %d MiB, more than any script", name, maxSource>>20)
	case strings.HasPrefix(string(text), "\x7fELF"):
		return "", fmt.Errorf("reading %s: it is an ELF file, not a script", name)
	case strings.HasPrefix(string(text), "\x1bL"):
		return "", fmt.Errorf("reading %s: it is compiled Lua; luabpfc compiles the script's text", name)
	case strings.HasPrefix(string(text), "\xff\xfe"), strings.HasPrefix(string(text), "\xfe\xff"):
		return "", fmt.Errorf("reading %s: it is text in UTF-16; save it as UTF-8", name)
	}
	return string(text), nil
}

// scriptMeant proposes what a name that is no file was probably meant to be: a
// file beside it, or a command.
func scriptMeant(name string) string {
	if _, err := os.Stat(name + ".lua"); err == nil {
		return " (did you mean '" + name + ".lua'?)"
	}
	if !strings.ContainsAny(name, "./") {
		if c := diag.Closest(name, commandNames()); c != "" {
			return " (did you mean the command '" + c + "'?)"
		}
	}
	dir := filepath.Dir(name)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".lua") {
			names = append(names, e.Name())
		}
	}
	if c := diag.Closest(filepath.Base(name), names); c != "" {
		return " (did you mean '" + filepath.Join(dir, c) + "'?)"
	}
	return ""
}

// require finds the module called name, a.b in a/b.lua or a/b/init.lua.
func (f *sources) require(name string) (luabpfc.Source, error) {
	path := filepath.FromSlash(strings.ReplaceAll(name, ".", "/"))
	var tried []string
	for _, dir := range f.dirs {
		for _, p := range []string{path + ".lua", filepath.Join(path, "init.lua")} {
			p = filepath.Join(dir, p)
			src, err := f.load(p)
			if err == nil || !errors.Is(err, os.ErrNotExist) {
				return src, err
			}
			tried = append(tried, p)
		}
	}
	return luabpfc.Source{}, fmt.Errorf("module '%s' not found: no %s", name, strings.Join(tried, ", no "))
}

// refuse returns an error if writing to one of outs would replace a source.
func (f *sources) refuse(outs ...string) error {
	for _, out := range outs {
		o, err := os.Stat(out)
		if err != nil || out == "-" || out == "" || !o.Mode().IsRegular() {
			continue
		}
		for i, name := range f.read {
			in, err := os.Stat(name)
			if err != nil || !os.SameFile(in, o) {
				continue
			}
			what := "the script itself"
			if i > 0 {
				what = "a file that the script requires"
			}
			return usagef("'%s' is %s; use -o FILE for the object", out, what)
		}
	}
	return nil
}

// rule is a make rule: out depends on every source.
func (f *sources) rule(out string) []byte {
	quote := strings.NewReplacer(" ", `\ `, "#", `\#`, "$", "$$").Replace
	var b strings.Builder
	b.WriteString(quote(out) + ":")
	for _, name := range f.read {
		b.WriteString(" " + quote(name))
	}
	return []byte(b.String() + "\n")
}
