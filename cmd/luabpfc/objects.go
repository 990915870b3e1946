package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// maxObject is how long an object may be: one that is longer is none.
const maxObject = 256 << 20

// readObject reads an object file; "-" is standard input.
func readObject(name string, stdin io.Reader) ([]byte, error) {
	in, what := stdin, "standard input"
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("reading '%s': %w", name, cause(err))
		}
		defer f.Close()
		in, what = f, "'"+name+"'"
	}
	b, err := io.ReadAll(io.LimitReader(in, maxObject+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", what, cause(err))
	case len(b) > maxObject:
		return nil, fmt.Errorf("reading %s: it is longer than %d MiB, more than any object", what, maxObject>>20)
	}
	return b, nil
}

// isScript reports whether a file's name is that of a script.
func isScript(name string) bool { return strings.HasSuffix(name, ".lua") }
