package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadBTF reads a kernel's types in front of those of modules.
func TestReadBTF(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"zram", "vmlinux", "amd"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name+" "), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for want, names := range map[string][]string{
		"vmlinux amd zram ": {dir},
		"vmlinux zram ":     {filepath.Join(dir, "vmlinux"), filepath.Join(dir, "zram")},
	} {
		if got, err := readBTF(names); err != nil || string(got) != want {
			t.Errorf("%v: %q, %v", names, got, err)
		}
	}
	if _, err := readBTF([]string{t.TempDir()}); err == nil || !strings.Contains(err.Error(), "vmlinux") {
		t.Errorf("a folder without the kernel's types: %v", err)
	}
}
