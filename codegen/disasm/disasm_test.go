package disasm_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/codegen/disasm"
)

// script has one of everything that an instruction can refer to.
const script = `local m = bpf.map('hash', 8)
local g, z = bpf.global('uint64_t', 5), bpf.global('uint64_t', 6)
local f = bpf.noinline(function(x) return x * 3 + g[0] end)
bpf.program('tp_btf/sys_enter', function(regs, id)
  local t = task()
  z[0] = z[0] + f(t.mm.total_vm) + f(id)
  for k, v in m:each() do g[0] = g[0] + v end
end, { name = 'enter' })
`

func object(t testing.TB, big bool) []byte {
	kernel, err := os.ReadFile("../../testdata/btf/kernel.btf")
	if err != nil {
		t.Fatal(err)
	}
	opts := luabpfc.DefaultOptions()
	opts.BigEndian, opts.Arch = big, "x86_64"
	opts.BTF = func() ([]byte, error) { return kernel, nil }
	obj, err := luabpfc.Compile(luabpfc.Source{Name: "s.lua", Text: script}, opts)
	if err != nil {
		t.Fatal(err)
	}
	return obj.ELF
}

func TestObject(t *testing.T) {
	var texts []string
	for _, big := range []bool{false, true} {
		text, err := disasm.Object(object(t, big), "")
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			"tp_btf/sys_enter: enter, ", ".text: f, ", "\n; z[0] = z[0] + f(t.mm.total_vm) + f(id) (s.lua:6)\n     ",
			"call f\n", "= map[m]\n", "= &z\n", "= subprog[", "call bpf_for_each_map_elem#164\n", "call bpf_get_current_task_btf#158\n",
			"; CO-RE byte_off of struct task_struct.mm\n", "\n     0: ",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in\n%s", want, text)
			}
		}
		if strings.Contains(text, "note:") || strings.Contains(text, "no instruction") {
			t.Errorf("there are notes in\n%s", text)
		}
		texts = append(texts, text)
	}
	if texts[0] != texts[1] {
		t.Errorf("the byte orders differ:\n%s\n%s", texts[0], texts[1])
	}
	one, err := disasm.Object(object(t, false), "f")
	if err != nil || !strings.HasPrefix(one, ".text: f,") || strings.Contains(one, "enter") {
		t.Errorf("%v\n%s", err, one)
	}
}

func TestRejects(t *testing.T) {
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	good := object(t, false)
	for _, tc := range []struct {
		in   []byte
		name string
		want string
	}{
		{nil, "", "no object"},
		{[]byte("bpf.xdp()"), "", "no object"},
		{[]byte("\x7fELF"), "", "EOF"},
		{self, "", "not for BPF"},
		{good[:len(good)-1], "", ""},
		{good, "nope", "no function 'nope' in it; it has "},
	} {
		text, err := disasm.Object(tc.in, tc.name)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%.20q: %v, want %s\n%s", tc.in, err, tc.want, text)
		}
	}
	if _, err := disasm.Object(good, "x"); !errors.As(err, new(*disasm.NotFoundError)) {
		t.Error(err)
	}
}

// TestChanged prints objects in which a few bytes are others: as much as can be
// printed, and no panic.
func TestChanged(t *testing.T) {
	b := object(t, false)
	r := rand.New(rand.NewPCG(3, 4))
	printed, unknown, notes := 0, 0, 0
	for range 1500 {
		c := bytes.Clone(b)
		for range 1 + r.IntN(4) {
			c[r.IntN(len(c))] = byte(r.Uint32())
		}
		text, err := disasm.Object(c, "")
		if err != nil {
			continue
		}
		printed++
		unknown += strings.Count(text, "no instruction that is known")
		notes += strings.Count(text, "note: ")
	}
	if printed < 100 || printed == 1500 || unknown == 0 || notes == 0 {
		t.Errorf("%d of 1500 printed, %d unknown instructions, %d notes", printed, unknown, notes)
	}
}

// FuzzObject prints what may come from anywhere.
func FuzzObject(f *testing.F) {
	f.Add(object(f, false))
	f.Add(object(f, true))
	f.Fuzz(func(t *testing.T, b []byte) {
		text, err := disasm.Object(b, "")
		if err == nil && len(text) > 4096+1024*len(b) {
			t.Errorf("%d bytes become %d", len(b), len(text))
		}
	})
}
