package kernel

import (
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// plain is a name as the oracles and the tables both have it: letters and
// digits in lower case.
func plain(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "")) }

func TestHelpers(t *testing.T) {
	names, ids := map[string]bool{}, map[int]bool{}
	for _, h := range Helpers {
		if names[h.Name] || ids[h.ID] {
			t.Errorf("%s: two rows for a name or number", h.Name)
		}
		names[h.Name], ids[h.ID] = true, true
		want := strings.TrimPrefix(plain(asm.BuiltinFunc(h.ID).String()), "fn")
		if plain(h.Name) != want {
			t.Errorf("number %d is %s, not %s", h.ID, want, h.Name)
		}
		if h.First == (Version{}) {
			t.Errorf("%s: no first kernel", h.Name)
		}
		for kind, v := range h.In {
			if _, ok := ProgKindByName(kind); !ok {
				t.Errorf("%s: no kind of program is called %s", h.Name, kind)
			}
			if v.Before(h.First) {
				t.Errorf("%s: %s programs have it before the kernel has", h.Name, kind)
			}
		}
		for i, a := range h.Args {
			if sized := a == ArgBuf || a == ArgOut; sized && (i+1 == len(h.Args) || h.Args[i+1] != ArgSize) {
				t.Errorf("%s: argument %d has no size behind it", h.Name, i)
			}
		}
		if len(h.Args) > 5 {
			t.Errorf("%s: %d arguments", h.Name, len(h.Args))
		}
		if HelperByName(h.Name) != h {
			t.Errorf("%s is not found by its name", h.Name)
		}
	}
}

func TestAvailable(t *testing.T) {
	socket, _ := ProgKindByName("socket")
	xdp, _ := ProgKindByName("xdp")
	for _, c := range []struct {
		helper string
		kind   *ProgKind
		v      Version
		want   string
	}{
		{"ktime_get_ns", socket, Oldest, ""},
		{"get_current_pid_tgid", xdp, Version{6, 9}, "helper 'get_current_pid_tgid' in xdp programs needs kernel 6.10; the target is 6.9"},
		{"get_current_pid_tgid", xdp, Version{6, 10}, ""},
		{"loop", socket, Version{5, 16}, "helper 'loop' in socket programs needs kernel 5.17; the target is 5.16"},
		{"skb_load_bytes", xdp, Default, "helper 'skb_load_bytes' is not available to xdp programs"},
	} {
		got := ""
		if err := HelperByName(c.helper).Available(c.kind, c.v); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s in %s on %s: %q, want %q", c.helper, c.kind.Name, c.v, got, c.want)
		}
	}
}

func TestMapTypes(t *testing.T) {
	for _, m := range MapTypes {
		want := plain(ebpf.MapType(m.ID).String())
		want = strings.Replace(want, "lrucpuhash", "lrupercpuhash", 1)
		if plain(m.Name) != want {
			t.Errorf("number %d is %s, not %s", m.ID, want, m.Name)
		}
		if m.PerCPU != strings.Contains(m.Name, "percpu") {
			t.Errorf("%s: per CPU %v", m.Name, m.PerCPU)
		}
		if got, ok := MapTypeByName(m.Name); !ok || got != m {
			t.Errorf("%s is not found by its name", m.Name)
		}
	}
	if _, ok := MapTypeByName("heap"); ok {
		t.Error("a type that does not exist is found")
	}
}

func TestProgKinds(t *testing.T) {
	for _, k := range ProgKinds {
		if got := plain(ebpf.ProgramType(k.Type).String()); got != plain(k.TypeName) {
			t.Errorf("%s: number %d is %s, not %s", k.Name, k.Type, got, k.TypeName)
		}
		if k.Section == "" || k.DefaultName == "" || k.First == (Version{}) {
			t.Errorf("%s: the row is incomplete", k.Name)
		}
		end := int32(0)
		for i := range k.Ctx.Fields {
			f := &k.Ctx.Fields[i]
			if f.Off < end || f.Off+f.Size*max(f.Len, 1) > k.Ctx.Size {
				t.Errorf("%s.%s overlaps or leaves the structure", k.Ctx.Name, f.Name)
			}
			end = f.Off + f.Size*max(f.Len, 1)
			if f.BE != 0 && f.BE != 16 && f.BE != 32 {
				t.Errorf("%s.%s: %d bits in network order", k.Ctx.Name, f.Name, f.BE)
			}
		}
	}
}

// TestContexts compares the contexts with the running kernel's own types.
func TestContexts(t *testing.T) {
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		if os.Getenv("LUABPFC_REQUIRE_KERNEL") == "1" {
			t.Fatal(err)
		}
		t.Skip("no kernel BTF:", err)
	}
	for _, k := range ProgKinds {
		var s *btf.Struct
		if err := spec.TypeByName(strings.TrimPrefix(k.Ctx.Name, "struct "), &s); err != nil {
			t.Fatal(err)
		}
		have := map[string]btf.Member{}
		var collect func(ms []btf.Member, base btf.Bits)
		collect = func(ms []btf.Member, base btf.Bits) {
			for _, m := range ms {
				m.Offset += base
				if m.Name != "" {
					have[m.Name] = m
				} else if u, ok := m.Type.(*btf.Union); ok { // pointers are 8 bytes in a union
					collect(u.Members, m.Offset)
				}
			}
		}
		collect(s.Members, 0)
		for _, f := range k.Ctx.Fields {
			m, ok := have[f.Name]
			if !ok {
				t.Errorf("%s has no member %s", k.Ctx.Name, f.Name)
				continue
			}
			size, err := btf.Sizeof(m.Type)
			if err != nil {
				t.Fatal(err)
			}
			if int32(m.Offset.Bytes()) != f.Off || int32(size) != f.Size*max(f.Len, 1) {
				t.Errorf("%s.%s is at %d with %d bytes, not at %d with %d", k.Ctx.Name, f.Name,
					m.Offset.Bytes(), size, f.Off, f.Size*max(f.Len, 1))
			}
		}
	}
}

func TestVersions(t *testing.T) {
	for _, s := range []string{"", "6", "6.", "six.1", "6.1.2", "-1.2", "6.1x"} {
		if v, err := ParseVersion(s); err == nil {
			t.Errorf("%q is read as %s", s, v)
		}
	}
	v, err := ParseVersion("5.10")
	if err != nil || v != Oldest || !v.Before(Default) || v.Before(v) || (Version{6, 1}).Before(Version{5, 19}) {
		t.Errorf("5.10 is %v, %v", v, err)
	}
}
