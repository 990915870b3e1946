package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

// writeFile writes data to name, or to stdout if name is "-". A regular file
// is there whole or not at all: data goes to a file of its own, which then takes
// the name. A device or pipe is written to directly.
func writeFile(name string, data []byte, stdout io.Writer) error {
	if name == "-" {
		if _, err := stdout.Write(data); err != nil {
			return fmt.Errorf("writing standard output: %w", cause(err))
		}
		return nil
	}
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	if fi, err := os.Stat(name); err == nil && !fi.Mode().IsRegular() {
		if fi.IsDir() {
			return usagef("'%s' is a folder; -o names a file", name)
		}
		if err := writeTo(name, data, os.O_WRONLY); err != nil {
			return fmt.Errorf("writing '%s': %w", name, cause(err))
		}
		return nil
	}
	if err := replaceFile(name, data); err != nil {
		return fmt.Errorf("writing '%s': %w", name, cause(err))
	}
	return nil
}

// replaceNamed is replaceFile by way of a file with a name.
func replaceNamed(name string, data []byte) error {
	// A signal must not leave the temporary file behind. It waits, and then
	// ends the process as it would have.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(caught)
	tmp := temporary(name)
	err := writeTo(tmp, data, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err == nil && len(caught) == 0 {
		err = os.Rename(tmp, name)
	}
	if err != nil || len(caught) > 0 {
		os.Remove(tmp)
	}
	select {
	case sig := <-caught:
		os.Exit(128 + int(sig.(syscall.Signal)))
	default:
	}
	return err
}

// temporary is a name beside name.
func temporary(name string) string {
	dir, base := filepath.Split(name)
	return filepath.Join(dir, fmt.Sprintf(".%s.%d.tmp", base, os.Getpid()))
}

func writeTo(name string, data []byte, flags int) error {
	f, err := os.OpenFile(name, flags, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// cause drops the temporary file's name from err.
func cause(err error) error {
	switch e := err.(type) {
	case *os.PathError:
		return e.Err
	case *os.LinkError:
		return e.Err
	}
	return err
}
