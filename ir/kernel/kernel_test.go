package kernel

import (
	"os"
	"regexp"
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
		for i, a := range h.Args {
			sized := a.Info().Size == NextArg
			if sized && (i+1 == len(h.Args) || !h.Args[i+1].IsSize()) {
				t.Errorf("%s: argument %d has no size behind it", h.Name, i)
			}
			if a.IsSize() && (i == 0 || h.Args[i-1].Info().Size != NextArg) {
				t.Errorf("%s: argument %d is the size of nothing", h.Name, i)
			}
			if a == ArgSize && h.Args[i-1].Info().Nullable {
				t.Errorf("%s: argument %d may be null, its size not 0", h.Name, i-1)
			}
			if s := a.Info().Size; (s == KeySize || s == ValueSize) && !slices.Contains(h.Args, ArgMap) {
				t.Errorf("%s: argument %d is of a map that is not there", h.Name, i)
			}
			if a == ArgCtx && i != 0 {
				t.Errorf("%s: the context is argument %d", h.Name, i)
			}
		}
		if len(h.Args) > 5 {
			t.Errorf("%s: %d arguments", h.Name, len(h.Args))
		}
		if HelperByName(h.Name) != h || HelperByID(h.ID) != h {
			t.Errorf("%s is not found by its name and number", h.Name)
		}
		calls := slices.Contains(h.Args, ArgCallback)
		if calls != (h.Effects&EffectCallback != 0) {
			t.Errorf("%s: a callback and no effect of it, or the other way round", h.Name)
		}
	}
}

func TestAvailable(t *testing.T) {
	for _, c := range []struct {
		helper, kind string
		v            Version
		want         string
	}{
		{"ktime_get_ns", "socket", Oldest, ""},
		{"get_current_pid_tgid", "xdp", Version{6, 9}, "helper 'get_current_pid_tgid' in xdp programs needs kernel 6.10; the target is 6.9"},
		{"get_current_pid_tgid", "xdp", Version{6, 10}, ""},
		{"get_current_pid_tgid", "kprobe", Oldest, ""},
		{"loop", "socket", Version{5, 16}, "helper 'loop' in socket programs needs kernel 5.17; the target is 5.16"},
		{"loop", "syscall", Version{5, 17}, ""},
		{"skb_load_bytes", "xdp", Default, "helper 'skb_load_bytes' is not available to xdp programs; socket, sk_reuseport, tc, action programs and others may call it"},
		{"sk_assign", "socket", Default, "helper 'sk_assign' is not available to socket programs; tc, action, sk_lookup programs may call it"},
		{"skb_store_bytes", "tc", Oldest, ""},
		{"skb_ecn_set_ce", "kprobe", Default, "helper 'skb_ecn_set_ce' is not available to kprobe programs; tc, action, cgroup_skb programs may call it"},
	} {
		k, _ := ProgKindByName(c.kind)
		got := ""
		if err := HelperByName(c.helper).Available(k, c.v); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s in %s on %s: %q, want %q", c.helper, c.kind, c.v, got, c.want)
		}
	}
}

// TestHelperNumbers compares the table with the running kernel's.
func TestHelperNumbers(t *testing.T) {
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		t.Skip("no kernel BTF:", err)
	}
	var e *btf.Enum
	if err := spec.TypeByName("bpf_func_id", &e); err != nil {
		t.Fatal(err)
	}
	for _, v := range e.Values {
		name, ok := strings.CutPrefix(v.Name, "BPF_FUNC_")
		if !ok || name == "unspec" {
			continue
		}
		if h := HelperByName(name); h == nil || h.ID != int(v.Value) {
			t.Errorf("helper %s has number %d here, and %+v in the table", name, v.Value, h)
		}
	}
}

// TestHelperPrototypes compares the table with the prototypes that the UAPI
// header has in its comments.
func TestHelperPrototypes(t *testing.T) {
	text, err := os.ReadFile("/usr/include/linux/bpf.h")
	if err != nil {
		t.Skip(err)
	}
	proto := regexp.MustCompile(`(?ms)^ \* ([\w ]+?\**) ?(\**)bpf_(\w+)\(([^()]*?)\)$`)
	n := 0
	for _, m := range proto.FindAllStringSubmatch(string(text), -1) {
		h := HelperByName(m[3])
		if h == nil {
			if !strings.HasPrefix(m[3], "warn_") { // in an example
				t.Errorf("no helper %s", m[3])
			}
			continue
		}
		n++
		args := strings.Split(strings.Join(strings.Fields(strings.ReplaceAll(m[4], "*", " * ")), " "), ",")
		if m[4] == "void" {
			args = nil
		}
		if m[3] != "trace_printk" && len(args) != len(h.Args) {
			t.Errorf("%s has %d arguments in the header, %d in the table", h.Name, len(args), len(h.Args))
			continue
		}
		if len(h.Params()) != len(h.Args) {
			t.Errorf("%s has %d arguments, %d in params.txt", h.Name, len(h.Args), len(h.Params()))
			continue
		}
		if result := strings.HasSuffix(m[1]+m[2], "*"); result != h.Ret.Address() && h.Name != "task_pt_regs" {
			t.Errorf("%s returns %s%s in the header", h.Name, m[1], m[2])
		}
		if m[1] == "void" && m[2] == "" && h.Ret != RetVoid || m[1] == "u64" && h.Ret != RetUint {
			t.Errorf("%s returns %s in the header", h.Name, m[1])
		}
		for i, a := range args {
			if a = strings.TrimSpace(a); a == "..." {
				break
			}
			info, pointer := h.Args[i].Info(), strings.Contains(a, "*")
			if pointer != info.Address && h.Args[i] != ArgAny {
				t.Errorf("%s: argument %d is %q in the header", h.Name, i, a)
			}
			if strings.HasPrefix(a, "const ") && info.Writes {
				t.Errorf("%s: argument %d is %q in the header, and written to", h.Name, i, a)
			}
			if words := strings.Fields(a); m[3] != "trace_printk" && h.Args[i] != ArgCtx && words[len(words)-1] != h.Params()[i] {
				t.Errorf("%s: argument %d is %q in the header, '%s' in params.txt", h.Name, i, a, h.Params()[i])
			}
			if (h.Args[i] == ArgMap) != (strings.Contains(a, "bpf_map *") || strings.Contains(a, "* ringbuf") || a == "void * map") {
				t.Errorf("%s: argument %d is %q in the header", h.Name, i, a)
			}
		}
	}
	if n < 200 {
		t.Errorf("the header has %d prototypes only", n)
	}
}

// firstProbed is which of the probed kernels, from 1, is the first with k.
func firstProbed(k *ProgKind) int {
	for i, p := range probed {
		if !p.on.Before(k.First) {
			return i + 1
		}
	}
	return len(probed) + 1
}

// answerForm is a line of a kernel's answers, whose digits are read where they are.
var answerForm = regexp.MustCompile(`^[a-z0-9_.]+ ([0-9a-f]+ [0-9a-f]+|- .*)\n$`)

// TestProbes checks what the probed kernels said: all answered, what one had the
// next has, and which helpers want a license is what the table says.
func TestProbes(t *testing.T) {
	seen := map[Version]bool{}
	if n := len(answersFor(ProgKinds[0])); n != len(probed) { // the line that a guest's console may swallow
		t.Errorf("%d of %d kernels answered for %s programs", n, len(probed), ProgKinds[0].Name)
	}
	for name, list := range answers() {
		k, ok := ProgKindByName(strings.TrimSuffix(name, ".s"))
		if !ok {
			t.Errorf("no kind %s", name)
			continue
		}
		for i, a := range list {
			seen[a.on] = true
			if a.on.Before(k.First) {
				t.Errorf("%s loads on %s, before %s", name, a.on, k.First)
			}
			for _, h := range Helpers {
				has, gpl := a.helpers.has(h.ID), a.gpl.has(h.ID)
				if has && a.on.Before(h.First) {
					t.Errorf("%s: kernel %s has %s, before %s", name, a.on, h.Name, h.First)
				}
				if gpl && !h.GPL {
					t.Errorf("%s: kernel %s wants a license for %s", name, a.on, h.Name)
				}
				if i > 0 && !has && list[i-1].helpers.has(h.ID) && !configured[h.Name] && name != "lwt_seg6local" {
					t.Errorf("%s: kernel %s no longer has %s", name, a.on, h.Name)
				}
			}
		}
	}
	for _, p := range probed {
		if !seen[p.on] {
			t.Errorf("kernel %s has no answers", p.on)
		}
		for l := range strings.Lines(p.text) {
			if !answerForm.MatchString(l) {
				t.Errorf("kernel %s: answer %q is no name, and two sets or a reason", p.on, l)
			}
		}
	}
	for _, k := range ProgKinds {
		if n := len(answersFor(k)); k.Target != NeedsTarget && k.Name != "lirc_mode2" && n < 1+len(probed)-firstProbed(k) {
			t.Errorf("%s: %d kernels answered only", k.Name, n)
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
		l = append(l, a.regs(), perfEvent(a.Name))
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
		if !ok || c == rawArgs || len(c.Fields) == 0 || name == "bpf_perf_event_data" || name == "pt_regs" && (c != x86Regs() || runtime.GOARCH != "amd64") {
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
	for _, s := range []string{"", "6", "x6.1", "rolling"} {
		if v, ok := ParseRelease(s); ok || v != (Version{}) {
			t.Errorf("release %q is read as %s", s, v)
		}
	}
	for _, s := range []string{"6.18.44-x", "6.18-rc1", "6.18"} {
		if v, ok := ParseRelease(s); !ok || v != (Version{6, 18}) {
			t.Errorf("release %q is read as %s", s, v)
		}
	}
}
