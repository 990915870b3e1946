package luals_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/luabpfc/luabpfc/btf"
	"github.com/luabpfc/luabpfc/frontend/lower"
	"github.com/luabpfc/luabpfc/frontend/luals"
	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
	"github.com/luabpfc/luabpfc/loader/userspace"
)

// library is the whole library, with the structures of the tests' kernel types.
func library(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../../testdata/btf/kernel.btf")
	if err != nil {
		t.Fatal(err)
	}
	k, err := btf.OpenKernel(data)
	if err != nil {
		t.Fatal(err)
	}
	structs, missing := luals.Types(k, []string{"task_struct", "sock", "no_such_struct"})
	if len(missing) != 1 || missing[0] != "no_such_struct" {
		t.Errorf("missing: %q", missing)
	}
	return luals.Library(luals.Options{Live: userspace.Names(), Structs: structs})
}

// TestValid holds the library to Lua, as our parser and luac read it.
func TestValid(t *testing.T) {
	text := library(t)
	var r diag.Reporter
	syntax.Parse(diag.NewFile("library.lua", text), &r)
	if err := r.Err(); err != nil {
		t.Error(err)
	}
	if text != library(t) {
		t.Error("the library differs from run to run")
	}
	luac, err := exec.LookPath("luac")
	if err != nil {
		t.Skip(err)
	}
	path := filepath.Join(t.TempDir(), "library.lua")
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(luac, "-p", path).CombinedOutput(); err != nil {
		t.Errorf("luac: %v\n%s", err, out)
	}
}

// TestComplete wants every name of the compiler's tables in the library.
func TestComplete(t *testing.T) {
	text := library(t)
	lines := map[string]bool{}
	for l := range strings.Lines(text) {
		lines[strings.TrimSpace(l)] = true
		if name, _, ok := strings.Cut(l, "("); ok && strings.HasPrefix(name, "function ") {
			lines[name] = true
		}
		if name, _, ok := strings.Cut(l, " ="); ok {
			lines[name] = true
		}
	}
	n := 0
	want := func(what, line string) {
		t.Helper()
		if n++; !lines[line] {
			t.Errorf("%s: no line '%s'", what, line)
		}
	}
	for _, h := range kernel.Helpers {
		want("helper", "function bpf.helper."+h.Name)
	}
	for _, k := range kernel.Kfuncs {
		want("kfunc", "function bpf.kfunc."+k.Name)
	}
	for _, k := range kernel.ProgKinds {
		if usage, called := script.Usages()[k.Name]; called {
			call, _, _ := strings.Cut(usage, "(")
			want("kind", "function "+call)
		}
	}
	for _, m := range kernel.MapTypes {
		want("type of map", "---| '"+m.Name+"' # Linux "+m.First.String())
	}
	for _, m := range lower.MapMethods() {
		want("method", "function Map:"+m.Name)
	}
	for _, m := range lower.PacketMethods() {
		want("method", "function Pointer:"+m.Name)
	}
	for _, h := range lower.HeaderTable() {
		want("header", "---@class bpf.header."+h.Name+": bpf.Pointer")
	}
	for _, m := range script.Members() {
		if !lines["function "+m] && !lines[m] && m != "ffi.C" {
			t.Errorf("nothing declares %s", m)
		}
		n++
	}
	for _, c := range script.Constants() {
		want("constant", c.Name)
	}
	for _, g := range lower.KernelNames() {
		if g != "pairs" && g != "ipairs" && !lines["function "+g] {
			want("global", g)
		}
	}
	for _, c := range lower.Calls() {
		if strings.HasPrefix(c.Name, "bpf.") && !lines["function "+c.Name] {
			want("function", c.Name)
		}
	}
	want("structure", "---@class task_struct")
	if n < 1000 {
		t.Errorf("only %d names looked for", n)
	}
	if m := regexp.MustCompile(`(?m)^---@(param|field) +(\?|any)?$`).FindString(text); m != "" {
		t.Errorf("a line without a name: %q", m)
	}
}

// TestForms shows declarations as an editor reads them.
func TestForms(t *testing.T) {
	text := library(t)
	for _, want := range []string{
		"---@overload fun(fn: fun(ctx: bpf.ctx.__sk_buff, ...: any): any, opts?: table): bpf.Program\n---@return bpf.Program\nfunction bpf.tc(iface, direction, fn, opts) end\n",
		"---@param map bpf.Map\n---@param key any\n---@return any\nfunction bpf.helper.map_lookup_elem(map, key) end\n",
		"---`bpf_map_update_elem`, Linux 3.18.\n",
		"---@param type bpf.MapType\n",
		"function bpf.helper.skb_store_bytes(offset, from, len, flags) end\n", // the context is not written
		"---@param place any\n---@param n integer\n---@return any\nfunction xadd(place, n) end\n",
		"---@field dst_port integer\n",
		"---@type bpf.Packet\npkt = nil\n",
		"XDP_DROP = 1\n",
		"BPF.F_NO_PREALLOC = 1\n",
		"---@field pid integer\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the library does not have\n%s", want)
		}
	}
}
