package luals

import (
	"fmt"
	"slices"
	"strings"

	"github.com/luabpfc/luabpfc/frontend/lower"
	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// scriptUsages are functions of the script stage alone, whose table has no usages.
var scriptUsages = map[string]struct{ usage, result string }{
	"bpf.map":      {"bpf.map(type [, max_entries [, key [, value [, opts]]]])", "bpf.Map"},
	"bpf.global":   {"bpf.global(ctype [, init])", "bpf.Global"},
	"bpf.const":    {"bpf.const(ctype, init)", "bpf.Global"},
	"bpf.license":  {"bpf.license(name)", ""},
	"bpf.option":   {"bpf.option(settings)", "table"},
	"bpf.ip":       {"bpf.ip(address)", "any"},
	"bpf.cidr":     {"bpf.cidr(address)", "any, integer"},
	"bpf.mac":      {"bpf.mac(address)", "any"},
	"bpf.hist":     {"bpf.hist(m, v [, step])", ""},
	"bpf.interval": {"bpf.interval(seconds, fn)", ""},
	"bpf.at_exit":  {"bpf.at_exit(fn)", ""},
	"bpf.ksym":     {"bpf.ksym(address)", "string"},
	"bpf.usym":     {"bpf.usym(pid, address)", "string"},
	"bpf.tracelog": {"bpf.tracelog()", "bpf.Reader"},
	"bpf.ifindex":  {"bpf.ifindex(name)", "integer"},
	"bpf.volatile": {"bpf.volatile(place)", "any"},
	"ffi.cdef":     {"ffi.cdef(declarations)", ""},
	"ffi.string":   {"ffi.string(x [, len])", "string"},
	"ffi.typeof":   {"ffi.typeof(ct)", "bpf.CType"},
	"ffi.sizeof":   {"ffi.sizeof(ct [, n])", "integer"},
	"ffi.offsetof": {"ffi.offsetof(ct, member)", "integer"},
}

// modules writes bpf, ffi, bit and syscall.
func (w *writer) modules() {
	w.WriteString("---@class bpf.module\n---@overload fun(fn: function): bpf.Program\n---@field opt table<string, any> options, by -D or bpf.option\n" +
		"---@field loop_limit integer iterations that loops without a bound have\nbpf = {}\n\n")
	w.WriteString("---@class ffi.module\n---@field C table<string, any>\nffi = {}\n\n---@class bit.module\nbit = {}\n\n---@class syscall.module\nlocal syscall = {}\n\n")
	w.WriteString("bpf.atomic = {}\n\n")
	calls := map[string]lower.Call{}
	for _, c := range lower.Calls() {
		calls[c.Name] = c
	}
	declarations := map[string]script.Declaration{}
	for _, d := range script.Declarations() {
		declarations["bpf."+d.Name] = d
	}
	for _, name := range script.Members() {
		d, declares := declarations[name]
		s, known := scriptUsages[name]
		switch {
		case name == "bpf.helper" || name == "bpf.kfunc" || name == "ffi.C":
		case declares:
			w.declaration(name, d)
		case known:
			w.declare(name, s.usage, "", paramsOf(s.usage), s.result, map[string]string{"type": "bpf.MapType", "key": "string|bpf.CType", "value": "string|bpf.CType", "address": "any", "opts": "table"})
		case isScalar(name):
			fmt.Fprintf(w, "---@type bpf.CType\n%s = nil\n\n", name)
		case calls[name].Usage != "":
			w.function(name, calls[name].Usage, "", "any")
		default:
			w.function(name, "", "", "any")
		}
	}
	for _, name := range w.opts.Live {
		if rest, ok := strings.CutPrefix(name, "syscall."); ok {
			w.function("syscall."+rest, "", "In user space.", "any")
		}
	}
}

// isScalar reports whether a member is a type: bpf.u8.
func isScalar(name string) bool {
	_, n, _ := strings.Cut(name, ".")
	return len(n) > 1 && len(n) < 4 && strings.ContainsAny(n[:1], "us") && strings.Trim(n[1:], "0123456789") == ""
}

// declaration writes a function that declares programs.
func (w *writer) declaration(name string, d script.Declaration) {
	doc := ""
	fn := "function"
	if d.Kind != nil {
		doc = fmt.Sprintf("Section `%s`, Linux %s.", d.Kind.Section, d.Kind.First)
		if d.Kind.DefaultName != "" {
			doc += " Default verdict " + d.Kind.DefaultName + "."
		}
		if c := contextName(d.Kind); c != "any" {
			fn = fmt.Sprintf("fun(ctx: %s, ...: any): any", c)
		}
	}
	params := append(paramsOf(d.Usage), param{"opts", true})
	w.declare(name, d.Usage, doc, params, "bpf.Program", map[string]string{"fn": fn, "opts": "table"})
}

// helpers writes bpf.helper and bpf.kfunc.
func (w *writer) helpers() {
	w.WriteString("---The kernel's helpers.\nbpf.helper = {}\n\n---The kernel's functions for programs, by their names in it.\n---@type table<string, function>\nbpf.kfunc = {}\n\n")
	for _, h := range kernel.Helpers {
		w.helper(h)
	}
	for _, k := range kernel.Kfuncs {
		fmt.Fprintf(w, "---Linux %s.\n---@return any\nfunction bpf.kfunc.%s(...) end\n\n", k.First, k.Name)
	}
}

func (w *writer) helper(h *kernel.Helper) {
	names, types := h.Params(), map[string]string{}
	var params []param
	var shown []string
	for i, a := range h.Args {
		if i == 0 && a == kernel.ArgCtx { // not written
			continue
		}
		name := "arg"
		if i < len(names) {
			name = names[i]
		}
		p := param{uniqueParam(params, nameOf(name)), a.IsSize()}
		types[p.name] = argType(a)
		params = append(params, p)
		shown = append(shown, p.name)
	}
	doc := fmt.Sprintf("`bpf_%s`, Linux %s.", h.Name, h.First)
	if h.GPL {
		doc += " GPL."
	}
	if h.Sleeps {
		doc += " Sleepable programs."
	}
	// A size behind a buffer may be left out, in the middle too.
	usage := fmt.Sprintf("bpf.helper.%s(%s)", h.Name, strings.Join(shown, ", "))
	w.declare("bpf.helper."+h.Name, usage, doc, params, resultType(h.Ret), types)
}

// argType is the type of an argument.
func argType(a kernel.ArgKind) string {
	switch a {
	case kernel.ArgScalar, kernel.ArgSize, kernel.ArgSizeOrZero:
		return "integer"
	case kernel.ArgMap:
		return "bpf.Map"
	case kernel.ArgCallback:
		return "function"
	case kernel.ArgString:
		return "string"
	}
	return "any"
}

// resultType is the type of a result.
func resultType(r kernel.RetKind) string {
	switch {
	case r == kernel.RetVoid:
		return ""
	case r.Address():
		return "any"
	}
	return "integer"
}

// globals writes what programs know besides the modules.
func (w *writer) globals() {
	for _, c := range lower.Calls() {
		name, ok := c.Name, !strings.Contains(c.Name, ".")
		if !ok || slices.Contains([]string{"assert", "error", "pcall", "select", "tonumber", "unpack", "setmetatable", "pairs", "ipairs"}, name) {
			continue // Lua's own, which the editor knows
		}
		if name == "print" {
			w.WriteString("---`print(format, ...)`\n---@param format any\nfunction print(format, ...) end\n\n")
			continue
		}
		w.function(name, c.Usage, "In programs.", "any")
	}
	for _, n := range lower.KernelNames() {
		switch n {
		case "pkt", "eth":
			fmt.Fprintf(w, "---The packet, in programs.\n---@type bpf.Packet\n%s = nil\n\n", n)
		case "ctx", "skb":
			fmt.Fprintf(w, "---The context, in programs.\n---@type any\n%s = nil\n\n", n)
		}
	}
}

// constants writes the predefined numbers.
func (w *writer) constants() {
	w.WriteString("---Flags of linux/bpf.h.\nBPF = {}\n\n")
	for _, c := range script.Flags() {
		fmt.Fprintf(w, "BPF.%s = %d\n", c.Name, c.Value)
	}
	w.WriteString("\n")
	for _, c := range script.Constants() {
		fmt.Fprintf(w, "%s = %d\n", c.Name, c.Value)
	}
	w.WriteString("\n")
}
