package script

import (
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// TestMentioned looks at what is there of a library that is made as far as
// texts name it, in ways that must not tell.
func TestMentioned(t *testing.T) {
	modules := map[string]string{
		"late": "return { x = ETH_P_ARP, bits = bit.band(6, 3) }",
		"list": "local n = 0 for k in pairs(_G) do n = n + 1 end return n",
	}
	opts := Options{Require: func(name string) (*diag.File, error) { return diag.NewFile(name, modules[name]), nil }}
	for text, want := range map[string]string{
		"print(XDP_PASS, XDP_DROP)":                                                    "2\t1",
		"print(XDP_PASSED, XDP)":                                                       "nil\tnil",
		"XDP_PASS = nil print(XDP_PASS)":                                               "nil",
		"XDP_PASS = 7 print(XDP_PASS)":                                                 "7",
		"print(_G['XDP_' .. 'PASS'])":                                                  "2",
		"print(rawget(getfenv(), 'XDP_' .. 'PASS'))":                                   "2",
		"print(loadstring('return XDP_' .. 'PASS')())":                                 "2",
		"XDP_PASS = nil print(_G['XDP_PASS'], _G['XDP_' .. 'DROP'])":                   "nil\t1",
		"print(require('b' .. 'it').band(6, 3))":                                       "2",
		"print(require('f' .. 'fi').sizeof('int'))":                                    "4",
		"local l = require('late') print(l.x, l.bits)":                                 "2054\t2",
		"print(BPF.F_INDEX_MASK, c.ip.proto_tcp)":                                      "4294967295\t6",
		"local c = 5 print(c, d)":                                                      "5\tnil",
		"print(('x'):rep(3))":                                                          "xxx",
		"print(package.loaded['ma' .. 'th'].floor(2.5))":                               "2",
		"print(AF_INET, 'AF_INET6', AF_DECnet)":                                        "2\tAF_INET6\t12",
		"local a = {} for k in pairs(_G) do a[#a + 1] = k end print(#a > 1100, a[#a])": "true\targ",
	} {
		r := run(text, opts)
		if got := strings.TrimSuffix(r.out, "\n"); got != want {
			t.Errorf("%s\nprints %q, want %q %v", text, got, want, r.list)
		}
	}
	whole, late := run("local n = 0 for k in pairs(_G) do n = n + 1 end print(n)", opts), run("print(require('list'))", opts)
	if whole.out != late.out {
		t.Errorf("a module finds %s globals, the script itself %s", late.out, whole.out)
	}
}

// TestFindConstant finds each constant in the list of all.
func TestFindConstant(t *testing.T) {
	n := 0
	eachConstant(func(c namedConst) {
		n++
		if got, ok := findConstant(c.name); !ok || got.namedConst != c {
			t.Errorf("%s: %v, %t", c.name, got, ok)
		}
	})
	for _, name := range []string{"XDP", "BPF_", "F_LOCK", "0x1", "10", "X"} {
		if c, ok := findConstant(name); ok {
			t.Errorf("%s is %v", name, c)
		}
	}
	if n < 1000 {
		t.Errorf("%d constants", n)
	}
	st := run("-- nothing", Options{})
	if v := st.vm.G.Global.RawGetString("XDP_PASS"); v != lua.LNil {
		t.Errorf("XDP_PASS is made though nothing names it: %v", v)
	}
}
