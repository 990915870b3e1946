package luabpfc_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// codeUses lists the files outside ir/diag and tests that name each identifier
// of package diag, and the messages given with it.
func codeUses(t *testing.T) (uses map[string][]string, messages map[string][]string) {
	t.Helper()
	uses, messages = map[string][]string{}, map[string][]string{}
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "ir/diag/") {
			return err
		}
		f, err := parser.ParseFile(fset, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if name := codeName(n); name != "" {
					uses[name] = append(uses[name], path)
				}
			case *ast.CallExpr:
				name := ""
				for _, a := range n.Args {
					if s := codeName(a); s != "" {
						name = s
					}
					if lit, ok := a.(*ast.BasicLit); ok && lit.Kind == token.STRING && name != "" {
						messages[name] = append(messages[name], fset.Position(lit.Pos()).String()+": "+lit.Value)
						break
					}
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return uses, messages
}

// codeName returns X for the expression diag.X, else "".
func codeName(e ast.Expr) string {
	if s, ok := e.(*ast.SelectorExpr); ok {
		if x, ok := s.X.(*ast.Ident); ok && x.Name == "diag" {
			return s.Sel.Name
		}
	}
	return ""
}

// TestCodesUsed looks for codes that are documented and that nothing reports,
// and for ones that are reported and not documented. There are at least 100.
func TestCodesUsed(t *testing.T) {
	uses, _ := codeUses(t)
	all := diag.All()
	if len(all) < 100 {
		t.Errorf("%d codes, want 100", len(all))
	}
	documented := map[string]bool{}
	examples := map[string]diag.Code{}
	for _, i := range all {
		documented[string(i.Code)] = true
		if len(uses[string(i.Code)]) == 0 {
			t.Errorf("%s is documented, and nothing reports it", i.Code)
		}
		if other, ok := examples[i.Example]; ok {
			t.Errorf("%s and %s have the same example", i.Code, other)
		}
		examples[i.Example] = i.Code
	}
	_, messages := codeUses(t)
	for name := range messages {
		if !documented[name] {
			t.Errorf("%s is reported and not documented", name)
		}
	}
}

// TestMessages holds messages to their form: they begin with no capital letter,
// end without a full stop, and use no words of compilers.
func TestMessages(t *testing.T) {
	_, messages := codeUses(t)
	jargon := []string{" AST", "SSA", "lower ", "lowering", "basic block", "phi ", "operand", "IR ", "verifier", "invalid ", "illegal "}
	for code, list := range messages {
		for _, m := range list {
			_, text, _ := strings.Cut(m, ": ")
			text = strings.Trim(text, "\"`")
			if strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "...") {
				t.Errorf("%s: %s ends with a full stop", code, m)
			}
			if text != "" && text[0] >= 'A' && text[0] <= 'Z' && !slices.ContainsFunc([]string{"C ", "Lua ", "BTF"}, func(p string) bool { return strings.HasPrefix(text, p) }) {
				t.Errorf("%s: %s begins with a capital letter", code, m)
			}
			for _, w := range jargon {
				if strings.Contains(text, w) {
					t.Errorf("%s: %s says %q", code, m, w)
				}
			}
		}
	}
}
