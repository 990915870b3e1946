package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestReplace: by either way a file is made or replaced whole, and nothing else is
// left beside it.
func TestReplace(t *testing.T) {
	for name, replace := range map[string]func(name string, data []byte) error{"replaceFile": replaceFile, "replaceNamed": replaceNamed} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "prog.o")
			for _, want := range []string{"the first one", "second", ""} {
				if err := replace(file, []byte(want)); err != nil {
					t.Fatal(err)
				}
				if got, err := os.ReadFile(file); err != nil || string(got) != want {
					t.Fatalf("%q is there, not %q: %v", got, want, err)
				}
			}
			if err := replace(filepath.Join(dir, "missing", "prog.o"), nil); !os.IsNotExist(err) {
				t.Errorf("in a folder that is missing: %v", err)
			}
			folder := filepath.Join(dir, "folder")
			if err := os.Mkdir(folder, 0o777); err != nil {
				t.Fatal(err)
			}
			if err := replace(folder, nil); err == nil {
				t.Error("a folder is replaced")
			}
			if l, err := os.ReadDir(dir); err != nil || len(l) != 2 {
				t.Errorf("in the folder are %v: %v", l, err)
			}
		})
	}
}
