//go:build !linux

package main

import (
	"io"
	"os"
)

// isTerminal reports whether w is a character device, which a terminal is.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	fi, err := f.Stat()
	return err == nil && fi.Mode()&os.ModeCharDevice != 0 && f.Name() != os.DevNull
}

// terminalRows is 0: how many lines a terminal has is not known here.
func terminalRows(io.Writer) int { return 0 }
