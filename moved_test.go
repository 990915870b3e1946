package luabpfc_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc"
)

// moveMembers returns BTF in which the members of structures lie 64 bytes further
// behind, but for those of structures within others, and of what programs are
// handed as a context.
func moveMembers(t *testing.T, raw []byte) []byte {
	t.Helper()
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	var types []btf.Type
	within := map[btf.Type]bool{}
	for typ := range spec.All() {
		var members []btf.Member
		switch typ := typ.(type) {
		case *btf.Struct:
			members = typ.Members
		case *btf.Union:
			members = typ.Members
		}
		for _, m := range members {
			within[btf.UnderlyingType(m.Type)] = true
		}
	}
	for typ := range spec.All() {
		if s, ok := typ.(*btf.Struct); ok && !within[s] && !strings.HasPrefix(s.Name, "bpf_iter_") && s.Name != "trace_entry" {
			for i := range s.Members {
				s.Members[i].Offset += 64 * 8
			}
			s.Size += 64
		}
		types = append(types, typ)
	}
	b, err := btf.NewBuilder(types, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := b.Marshal(nil, &btf.MarshalOptions{Order: binary.LittleEndian})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestMoved compiles scripts by types that lie elsewhere than in any kernel. Once
// it is loaded, a program must be the one that the kernel's own types give: what
// was not relocated differs.
func TestMoved(t *testing.T) {
	needKernel(t)
	compare := func(name string, source luabpfc.Source, opts luabpfc.Options, file string) {
		t.Run(name, func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var loaded []map[string][]string
			for _, types := range [][]byte{raw, moveMembers(t, raw)} {
				opts.BTF = func() ([]byte, error) { return types, nil }
				obj, err := luabpfc.Compile(source, opts)
				if err != nil {
					t.Fatal(err)
				}
				coll, err := loadCollection(obj.ELF)
				if errors.Is(err, unix.EPERM) {
					t.Skip(err)
				}
				if err != nil {
					t.Fatal(err)
				}
				defer coll.Close()
				loaded = append(loaded, translated(t, coll))
			}
			if d := cmp.Diff(loaded[0], loaded[1]); d != "" {
				t.Errorf("with members that lie elsewhere another program is loaded (-/+):\n%s", d)
			}
		})
	}
	for _, c := range toolTests {
		opts := caseOptions()
		opts.Arch = "x86_64"
		text, err := os.ReadFile("examples/" + c.name + ".lua")
		if err != nil {
			t.Fatal(err)
		}
		compare(c.name, luabpfc.Source{Name: c.name, Text: string(text)}, opts, "testdata/btf/tools.btf")
	}
	for _, c := range loadCases(t) {
		if strings.HasPrefix(c.name, "core_") && c.opts.BTF != nil && !c.hasDiag && c.name != "core_relocs:store" { // which copies whole structures
			compare(c.name, c.source(), c.opts, "testdata/btf/kernel.btf")
		}
	}
}

// translated lists the instructions that the kernel made of a collection's.
func translated(t *testing.T, coll *ebpf.Collection) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for name, p := range coll.Programs {
		info, err := p.Info()
		if err != nil {
			t.Fatal(err)
		}
		list, err := info.Instructions()
		if err != nil {
			t.Fatal(err)
		}
		for i := range list {
			if list[i].IsLoadFromMap() {
				list[i].Constant = 0
			}
			out[name] = append(out[name], fmt.Sprint(list[i]))
		}
	}
	return out
}
