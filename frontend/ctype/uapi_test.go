package ctype

import (
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/cilium/ebpf/btf"
)

// older are members that the running kernel may not have yet.
var older = map[string][]string{"struct tcphdr": {"ae", "res1"}, "struct bpf_lpm_trie_key": nil, "struct bpf_stacktrace": nil,
	"struct sockaddr": {"sa_data"}}

// TestUAPI compares our table with the running kernel's types.
func TestUAPI(t *testing.T) {
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		if os.Getenv("LUABPFC_REQUIRE_KERNEL") != "" {
			t.Fatal(err)
		}
		t.Skip("no kernel types: ", err)
	}
	found := 0
	for _, key := range slices.Sorted(maps.Keys(uapi)) {
		kind, name := uapiTag(key)
		ours, ok := NewScope(false).Tag(kind, name)
		if !ok {
			t.Errorf("'%s' can't be declared", key)
			continue
		}
		big, ok := NewScope(true).Tag(kind, name)
		if !ok || Size(big) != Size(ours) {
			t.Errorf("'%s' has %d bytes on big-endian targets, %d on others", key, Size(big), Size(ours))
		}
		var theirs *btf.Struct
		if err := spec.TypeByName(name, &theirs); err != nil {
			continue // newer than the kernel, or of user space
		}
		found++
		if Size(ours) > Size(theirs) {
			t.Errorf("'%s' has %d bytes, in the kernel %d", key, Size(ours), Size(theirs))
		}
		for _, m := range MemberNames(ours) {
			a, _ := FindMember(ours, m)
			b, ok := FindMember(theirs, m)
			switch {
			case slices.Contains(older[key], m):
			case !ok:
				t.Errorf("'%s' has a member '%s', in the kernel it has %q", key, m, MemberNames(theirs))
			case a.BitOffset != b.BitOffset || a.Bits != b.Bits || Size(a.Type) != Size(b.Type):
				t.Errorf("'%s': member '%s' at bit %d, %d bits, %d bytes; in the kernel at %d, %d bits, %d bytes",
					key, m, a.BitOffset, a.Bits, Size(a.Type), b.BitOffset, b.Bits, Size(b.Type))
			}
		}
	}
	if found < len(uapi)*3/4 {
		t.Errorf("the kernel knows %d of %d types only", found, len(uapi))
	}
}

// TestUAPIOwn checks that a script may declare what our table has.
func TestUAPIOwn(t *testing.T) {
	sc := NewScope(false)
	if ty, err := sc.Type("struct iphdr"); err != nil || Size(ty) != 20 {
		t.Fatal(ty, err)
	}
	if err := sc.Declare("struct iphdr { int mine; };"); err != nil {
		t.Fatal(err)
	}
	if ty, err := sc.Type("struct iphdr"); err != nil || Size(ty) != 4 {
		t.Error(ty, err)
	}
	if err := sc.Declare("struct iphdr { long mine; };"); err == nil {
		t.Error("a struct is declared twice, differently")
	}
	if err := sc.Declare("struct tcphdr; struct udphdr { __u8 all[8]; };"); err != nil {
		t.Error(err)
	}
	if ty, ok := sc.Tag("struct", "udphdr"); !ok || len(Fields(ty)) != 1 {
		t.Error(ty, ok)
	}
}
