package luabpfc_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// FuzzCompile compiles any text for any target. Whatever comes, the result is
// an object or a list of diagnostics with an error in it, never a bug of the
// compiler; the verifiers run between all passes.
func FuzzCompile(f *testing.F) {
	for i, text := range sampleScripts(f) {
		f.Add(text, uint8(i))
	}
	f.Fuzz(func(t *testing.T, text string, target uint8) {
		if len(text) > 4096 {
			return
		}
		opts := fuzzOptions(target)
		obj, err := luabpfc.Compile(luabpfc.Source{Name: "fuzz.lua", Text: text}, opts)
		var bug *ir.Bug
		switch {
		case errors.As(err, &bug):
			t.Fatalf("%v", bug)
		case err == nil && len(obj.ELF) == 0:
			t.Fatal("neither object nor error")
		}
	})
}

// fuzzOptions are the options that the bits of target stand for.
func fuzzOptions(target uint8) luabpfc.Options {
	opts := luabpfc.DefaultOptions()
	opts.Check = true
	opts.OptLevel = int(target&1) * 2
	opts.CPU = int(target>>1&3) + 1
	opts.Kernel = []kernel.Version{{Major: 5, Minor: 10}, {Major: 5, Minor: 15}, kernel.Default, {Major: 6, Minor: 18}}[target>>3&3]
	opts.BigEndian = target>>5&1 == 1
	return opts
}

// sampleScripts returns every script of testdata and examples.
func sampleScripts(t testing.TB) []string {
	var out []string
	for _, pattern := range []string{"testdata/run/*.txtar", "examples/*.lua", "testdata/frontend/kernel*.lua", "testdata/frontend/script.lua",
		"testdata/frontend/syntax*.lua"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no scripts in %s", pattern)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			switch filepath.Ext(name) {
			case ".txtar":
				for _, s := range txtar.Parse(text).Files {
					if strings.HasSuffix(s.Name, ".lua") {
						out = append(out, string(s.Data))
					}
				}
			default:
				out = append(out, strings.Split(string(text), "\n---\n")...)
			}
		}
	}
	return out
}
