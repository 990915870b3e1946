package luabpfc_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/luabpfc/luabpfc"
)

// asking are the examples that use types of the kernel.
var asking = []string{"biolatency", "execsnoop", "lsm_open", "offcputime", "opensnoop", "runqlat", "tasks", "tcpconnect", "tcplife"}

// TestKernelTypesUnread: a script that uses no type of the kernel does not have
// them read, which would take longer than all else. Predefined constants have
// their values without them.
func TestKernelTypesUnread(t *testing.T) {
	files, err := filepath.Glob("examples/*.lua")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		read := 0
		opts := luabpfc.DefaultOptions()
		opts.Arch = "x86_64"
		opts.BTF = func() ([]byte, error) { read++; return os.ReadFile("testdata/btf/kernel.btf") }
		if _, err := luabpfc.Compile(luabpfc.Source{Name: name, Text: string(text)}, opts); err != nil && read == 0 {
			t.Errorf("%s: %v", name, err)
		}
		want := slices.Contains(asking, filepath.Base(name[:len(name)-len(".lua")]))
		if got := read > 0; got != want {
			t.Errorf("%s: the kernel's types were read: %v, want %v", name, got, want)
		}
	}
}
