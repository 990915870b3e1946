package kernel

import (
	"os"
	"runtime"
	"slices"
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
			if !slices.Contains(progTypes[:], kind) {
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

// mapNames are the map types that cilium/ebpf calls otherwise than the kernel.
var mapNames = map[string]string{"lrucpuhash": "lrupercpuhash", "programarray": "progarray"}

func TestMapTypes(t *testing.T) {
	for _, m := range MapTypes {
		want := plain(ebpf.MapType(m.ID).String())
		if other, ok := mapNames[want]; ok {
			want = other
		}
		if m.Name != "cgrp_storage" && plain(m.Name) != want { // cgroup_storage in both spellings there
			t.Errorf("number %d is %s, not %s", m.ID, want, m.Name)
		}
		if m.PerCPU != strings.Contains(m.Name, "percpu") {
			t.Errorf("%s: per CPU %v", m.Name, m.PerCPU)
		}
		if got, ok := MapTypeByName(m.Name); !ok || got != m {
			t.Errorf("%s is not found by its name", m.Name)
		}
	}
	var entries []string
	for _, c := range []struct {
		typ string
		n   uint32
		ok  bool
	}{
		{"hash", 0, false}, {"hash", 1, true}, {"sk_storage", 0, true}, {"sk_storage", 8, false},
		{"ringbuf", 4096, true}, {"ringbuf", 2048, false}, {"ringbuf", 4096 * 3, false}, {"perf_event_array", 0, true},
	} {
		m, _ := MapTypeByName(c.typ)
		if got := m.CheckEntries(c.n) == ""; got != c.ok {
			entries = append(entries, c.typ)
		}
	}
	if len(entries) > 0 {
		t.Errorf("max_entries is judged wrongly of %v", entries)
	}
	if _, ok := MapTypeByName("heap"); ok {
		t.Error("a type that does not exist is found")
	}
}

func TestProgKinds(t *testing.T) {
	names, sections := map[string]bool{}, map[string]bool{}
	for _, k := range ProgKinds {
		want := plain(ebpf.ProgramType(k.Type).String())
		if got := plain(k.Type.String()); got != want && (got != "ext" || want != "extension") {
			t.Errorf("%s: number %d is %s, not %s", k.Name, k.Type, want, k.Type)
		}
		if k.Section == "" || k.DefaultName == "" || k.First == (Version{}) || k.Ctx == nil {
			t.Errorf("%s: the row is incomplete", k.Name)
		}
		if names[k.Name] {
			t.Errorf("%s: two rows", k.Name)
		}
		names[k.Name] = true
		for _, s := range k.Sections() {
			if sections[s] {
				t.Errorf("section %s is in two rows", s)
			}
			sections[s] = true
			target := ""
			if k.Target != NoTarget {
				target = "/a/b"
			}
			if got, ok := ParseSection("?" + s + target); !ok || got.Kind != k || got.Target != strings.TrimPrefix(target, "/") || got.Sleepable {
				t.Errorf("%s%s is read as %+v", s, target, got)
			}
			got, ok := ParseSection(s + ".s" + target)
			if sleeps := k.Sleepable != (Version{}); ok != sleeps || ok && (got.Kind != k || !got.Sleepable) {
				t.Errorf("%s.s%s is read as %+v", s, target, got)
			}
		}
		if k.Sleepable != (Version{}) && k.Sleepable.Before(k.First) {
			t.Errorf("%s: sleepable before it is there", k.Name)
		}
		if r := k.Ret; r != nil && (k.Default < r.Min || k.Default > r.Max) {
			t.Errorf("%s: the default verdict is not allowed", k.Name)
		}
		if (k.Packet != NoPacket) && k.Origin == NoOrigin {
			t.Errorf("%s: a packet that starts nowhere", k.Name)
		}
	}
	for _, s := range []string{"", "xd", "xdpx", "xdp/x", "socket/1", "kprobe/", "tc/foo", "license", ".text", "kprobe.s/x"} {
		if got, ok := ParseSection(s); ok {
			t.Errorf("section %q is taken for %s", s, got.Kind.Name)
		}
	}
}

// contexts are the layouts of the contexts.
func contexts() (l []*Ctx) {
	for _, k := range ProgKinds {
		if !slices.Contains(l, k.Ctx) {
			l = append(l, k.Ctx)
		}
	}
	for _, a := range Archs {
		l = append(l, a.regs, perfEvent(a.Name))
	}
	return l
}

func TestContextTables(t *testing.T) {
	for _, c := range contexts() {
		end, names := int32(0), map[string]bool{}
		for i := range c.Fields {
			f := &c.Fields[i]
			if f.Off < end || f.Off+f.Size*max(f.Len, 1) > c.Size {
				t.Errorf("%s.%s overlaps or leaves the structure", c.Name, f.Name)
			}
			end = f.Off + f.Size*max(f.Len, 1)
		}
		for _, f := range append(slices.Clone(c.Fields), c.Aliases...) {
			if names[f.Name] && (f.Name != "sp" && f.Name != "ip") {
				t.Errorf("%s has two members %s", c.Name, f.Name)
			}
			names[f.Name] = true
			if f.Off+f.Size*max(f.Len, 1) > c.Size {
				t.Errorf("%s.%s leaves the structure", c.Name, f.Name)
			}
			if f.BE != 0 && (f.BE != 16 && f.BE != 32 || f.BE > f.Size*8) {
				t.Errorf("%s.%s: %d bits in network order", c.Name, f.Name, f.BE)
			}
			if f.write&^f.read != 0 && f.read != 0 {
				t.Errorf("%s.%s is written by some who can't read it", c.Name, f.Name)
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
	for _, c := range contexts() {
		name, ok := strings.CutPrefix(c.Name, "struct ")
		if !ok || c == rawArgs || len(c.Fields) == 0 || name == "bpf_perf_event_data" || name == "pt_regs" && (c != x86Regs || runtime.GOARCH != "amd64") {
			continue
		}
		var s *btf.Struct
		if err := spec.TypeByName(name, &s); err != nil {
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
		for _, f := range append(slices.Clone(c.Fields), c.Aliases...) {
			if name == "pt_regs" && slices.ContainsFunc(c.Aliases, func(a CtxField) bool { return a.Name == f.Name }) {
				continue
			}
			m, ok := have[f.Name]
			if f.Name == "cs" || f.Name == "ss" {
				continue // user space sees them as long
			}
			if !ok {
				t.Errorf("%s has no member %s", c.Name, f.Name)
				continue
			}
			size, err := btf.Sizeof(m.Type)
			if err != nil {
				t.Fatal(err)
			}
			if int32(m.Offset.Bytes()) != f.Off || int32(size) != f.Size*max(f.Len, 1) {
				t.Errorf("%s.%s is at %d with %d bytes, not at %d with %d", c.Name, f.Name,
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
