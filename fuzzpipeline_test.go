package luabpfc_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/codegen"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// FuzzPipeline takes any IR that its verifier lets pass through the passes and
// the code generator, with the verifier between all passes: the result is code
// or a list of diagnostics, never a bug of the compiler.
func FuzzPipeline(f *testing.F) {
	for i, text := range sampleIR(f) {
		if i%5 == 0 { // to begin within seconds
			f.Add(text, uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, text string, target uint8) {
		if len(text) > 8192 {
			return
		}
		mod, err := ir.Parse("fuzz.ir", text)
		if err != nil || mod.Verify() != nil || !shapedAsLowered(mod) {
			return
		}
		opts := fuzzOptions(target)
		err = luabpfc.Optimise(mod, opts)
		if err == nil {
			err = generateCode(mod, opts)
		}
		var bug *ir.Bug
		if errors.As(err, &bug) {
			t.Fatalf("%v", bug)
		}
		if _, ok := diag.AsList(err); err != nil && !ok {
			t.Fatal(err)
		}
	})
}

// shapedAsLowered reports whether the module keeps what the front end promises
// beyond what the verifier asks: functions know their kind, maps and variables have
// names that BTF takes, text that is written into the object holds no zero byte, loops are
// entered at their headers.
func shapedAsLowered(mod *ir.Module) bool {
	if strings.Contains(mod.License, "\x00") {
		return false
	}
	for _, m := range mod.Maps {
		if !identifier.MatchString(m.Name) {
			return false
		}
	}
	for _, g := range mod.Globals {
		if !identifier.MatchString(g.Name) {
			return false
		}
	}
	for _, f := range mod.Funcs {
		if f.Kind == nil && f.Callback == nil || !identifier.MatchString(f.Name) || strings.Contains(f.Section, "\x00") {
			return false
		}
		if !ir.FindLoops(f, ir.Dominators(f)).Reducible() {
			return false
		}
	}
	return true
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func generateCode(mod *ir.Module, opts luabpfc.Options) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *ir.Bug:
			err = r
		default:
			err = &ir.Bug{Pass: "codegen", Msg: fmt.Sprintf("%v\n%s", r, debug.Stack())}
		}
	}()
	_, err = codegen.Compile(mod, codegen.Options{CPU: opts.CPU, Kernel: opts.Kernel, Lines: true})
	return err
}

// sampleIR returns the IR of testdata, and what scripts become.
func sampleIR(t testing.TB) []string {
	var out []string
	for _, pattern := range []string{"testdata/ir/*.txtar", "testdata/opt/*/*.txtar", "testdata/codegen/*.txtar"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no IR in %s", pattern)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range txtar.Parse(text).Files {
				if strings.HasSuffix(s.Name, ".ir") {
					out = append(out, string(s.Data))
				}
			}
		}
	}
	for _, text := range sampleScripts(t) {
		mod, _, err := luabpfc.Lower(luabpfc.Source{Name: "sample.lua", Text: text}, luabpfc.DefaultOptions())
		if err == nil && mod != nil {
			out = append(out, mod.String())
		}
	}
	return out
}
