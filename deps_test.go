package luabpfc_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/luabpfc/luabpfc"

// mayImport says which packages of this module, and which of others, a package
// may import besides the standard library. What is not listed here does not
// exist: a new package needs a row. "" is the root.
var mayImport = map[string][]string{
	"":                    {"elfwriter/manifest", "btf", "frontend", "frontend/script", "frontend/syntax", "codegen", "ir", "ir/diag", "ir/kernel", "ir/opt"},
	"cmd/luabpfc":         {"", "loader/bindings", "btf", "frontend/luals", "codegen/disasm", "loader", "loader/userspace", "ir", "ir/diag", "ir/kernel", "ir/opt", cliPkg, sysPkg},
	"frontend":            {"btf", "frontend/ctype", "frontend/lower", "frontend/script", "frontend/syntax", "ir", "ir/diag", "ir/kernel", luaPkg},
	"frontend/syntax":     {"ir/diag"},
	"frontend/script":     {"btf", "frontend/ctype", "frontend/syntax", "ir", "ir/diag", "ir/kernel", luaPkg, luaPkg + "/ast", luaPkg + "/parse"},
	"frontend/ctype":      {"btf", "ir/diag", "ir/kernel", btfPkg},
	"frontend/lower":      {"btf", "frontend/ctype", "frontend/script", "frontend/syntax", "ir", "ir/diag", "ir/kernel", luaPkg, btfPkg},
	"loader/bindings":     {"elfwriter/manifest", ebpfPkg, btfPkg},
	"frontend/luals":      {"btf", "frontend/lower", "frontend/script", "ir/kernel", btfPkg},
	"ir":                  {"ir/diag", "ir/kernel"},
	"ir/diag":             {},
	"ir/kernel":           {},
	"ir/opt":              {"ir", "ir/diag", "ir/kernel"},
	"ir/interp":           {"ir", "ir/diag", "ir/kernel"},
	"codegen":             {"btf", "codegen/bpf", "codegen/explore", "codegen/regalloc", "elfwriter", "ir", "ir/diag", "ir/kernel", "elfwriter/manifest", btfPkg},
	"codegen/bpf":         {},
	"codegen/explore":     {"codegen/bpf", "ir/kernel"},
	"codegen/regalloc":    {},
	"btf":                 {btfPkg},
	"elfwriter":           {},
	"elfwriter/manifest":  {},
	"codegen/disasm":      {"codegen/bpf", "ir/kernel", btfPkg, ebpfPkg + "/asm"},
	"loader":              {"loader/netlink", "elfwriter/manifest", ebpfPkg, ebpfPkg + "/link", ebpfPkg + "/perf", ebpfPkg + "/asm", ebpfPkg + "/features", ebpfPkg + "/pin", ebpfPkg + "/ringbuf", btfPkg, sysPkg, demanglePkg},
	"loader/netlink":      {sysPkg},
	"loader/userspace":    {"", "btf", "frontend/ctype", "frontend/script", "ir/diag", "ir/kernel", "loader", luaPkg, sysPkg},
	"examples/protocount": {"loader"},
	"examples/service":    {ebpfPkg, ebpfPkg + "/link", ebpfPkg + "/ringbuf", promPkg, promPkg + "/promhttp"},
	"bench/loader":        {"", "loader", ebpfPkg, ebpfPkg + "/link", ebpfPkg + "/ringbuf", sysPkg},
	"bench/compile":       {},
	"bench/slots":         {},
	"bench/btf":           {"btf", btfPkg},
	"bench/probe":         {"ir/kernel", ebpfPkg + "/asm", btfPkg, sysPkg},
	"bench/matrix":        {},
	"bench/sections":      {"ir/kernel"},
	"bench/matrix/init":   {sysPkg},
}

const (
	luaPkg      = "github.com/yuin/gopher-lua"
	cliPkg      = "github.com/urfave/cli/v2"
	ebpfPkg     = "github.com/cilium/ebpf"
	btfPkg      = "github.com/cilium/ebpf/btf"
	promPkg     = "github.com/prometheus/client_golang/prometheus"
	sysPkg      = "golang.org/x/sys/unix"
	demanglePkg = "github.com/ianlancetaylor/demangle"
)

// TestImports holds the packages to the table above, and to what follows from
// it: compiling does not reach the loader, nor the loader the compiler.
func TestImports(t *testing.T) {
	type pkg struct {
		ImportPath string
		Standard   bool
		Imports    []string
		Deps       []string
	}
	out, err := exec.Command("go", "list", "-e", "-deps", "-json=ImportPath,Standard,Imports,Deps", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	std := map[string]bool{}
	ours := map[string]pkg{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		std[p.ImportPath] = p.Standard
		if p.ImportPath == module || strings.HasPrefix(p.ImportPath, module+"/") {
			ours[short(p.ImportPath)] = p
		}
	}
	if len(ours) < 10 {
		t.Fatalf("go list shows %d packages only", len(ours))
	}
	for name, p := range ours {
		allowed, known := mayImport[name]
		if !known {
			t.Errorf("package '%s' has no row in the table of imports", name)
		}
		for _, i := range p.Imports {
			if !std[i] && !slices.Contains(allowed, short(i)) {
				t.Errorf("package '%s' imports %s, which the table of imports does not allow", name, i)
			}
		}
	}
	for _, never := range []struct{ from, to string }{
		{"", "loader"}, {"loader", ""}, {"loader/bindings", ""}, {"loader/bindings", "loader"}, {"loader", "ir/diag"}, {"codegen", "frontend"}, {"frontend", "ir/opt"}, {"frontend", "codegen"}, {"ir", "codegen"},
	} {
		if slices.ContainsFunc(ours[never.from].Deps, func(d string) bool { return short(d) == never.to && strings.HasPrefix(d, module) }) {
			t.Errorf("package '%s' depends on '%s'", never.from, never.to)
		}
	}
	if slices.Contains(ours[""].Deps, ebpfPkg) {
		t.Errorf("the compiler depends on %s; only its btf may be used", ebpfPkg)
	}
	if slices.Contains(ours["cmd/luabpfc"].Deps, "net") {
		t.Errorf("the command depends on package net, with which it loads the C library before anything else")
	}
}

// short drops the module's path.
func short(path string) string {
	if path == module {
		return ""
	}
	return strings.TrimPrefix(path, module+"/")
}
