package btf

import (
	"bytes"
	"encoding/binary"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"
)

// small is the BTF of a kernel with a few types.
func small(t testing.TB, order binary.ByteOrder) []byte {
	t.Helper()
	u32 := &btf.Int{Name: "unsigned int", Size: 4}
	long := &btf.Int{Name: "long", Size: 8, Encoding: btf.Signed}
	char := &btf.Int{Name: "char", Size: 1}
	mm := &btf.Struct{Name: "mm_struct", Size: 8, Members: []btf.Member{{Name: "total_vm", Type: long}}}
	task := &btf.Struct{Name: "task_struct", Size: 48}
	task.Members = []btf.Member{
		{Name: "pid", Type: &btf.Typedef{Name: "pid_t", Type: u32}},
		{Name: "in_x", Type: u32, Offset: 32, BitfieldSize: 1},
		{Name: "in_y", Type: u32, Offset: 33, BitfieldSize: 3},
		{Name: "mm", Type: &btf.Pointer{Target: mm}, Offset: 64},
		{Name: "parent", Type: &btf.Pointer{Target: &btf.Const{Type: task}}, Offset: 128},
		{Name: "comm", Type: &btf.Array{Index: u32, Type: char, Nelems: 16}, Offset: 192},
		{Offset: 320, Type: &btf.Union{Size: 8, Members: []btf.Member{{Name: "cpu", Type: u32}, {Name: "wake", Type: &btf.Pointer{Target: task}}}}},
	}
	state := &btf.Enum{Name: "state", Size: 4, Signed: true, Values: []btf.EnumValue{{Name: "GONE", Value: ^uint64(0)}, {Name: "READY", Value: 3}}}
	fn := &btf.Func{Name: "wake_up", Linkage: btf.StaticFunc, Type: &btf.FuncProto{Return: u32,
		Params: []btf.FuncParam{{Name: "p", Type: &btf.Pointer{Target: task}}, {Name: "to", Type: state}}}}
	b, err := btf.NewBuilder([]btf.Type{task, mm, state, fn}, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := b.Marshal(nil, &btf.MarshalOptions{Order: order})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestKernel(t *testing.T) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		k, err := OpenKernel(small(t, order))
		if err != nil {
			t.Fatal(err)
		}
		if k.BigEndian() != (order == binary.BigEndian) {
			t.Errorf("%v: taken for the other byte order", order)
		}
		typ, err := k.Lookup(TypeStruct, "task_struct")
		if err != nil || typ == nil {
			t.Fatal(typ, err)
		}
		var got []string
		for _, m := range typ.(*btf.Struct).Members {
			got = append(got, m.Name+" "+typeName(m.Type))
		}
		want := []string{"pid typedef pid_t", "in_x int", "in_y int", "mm pointer to fwd mm_struct", "parent pointer to const fwd task_struct", "comm array", " union"}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%v: members (-want +got):\n%s", order, d)
		}
		if m := typ.(*btf.Struct).Members[2]; m.Offset != 33 || m.BitfieldSize != 3 {
			t.Errorf("in_y is %d bits at %d", m.BitfieldSize, m.Offset)
		}
		if again, _ := k.Lookup(TypeStruct, "task_struct"); again != typ {
			t.Error("the same look-up gives another type")
		}
		for _, c := range []struct {
			kind TypeKind
			name string
		}{{TypeStruct, "task"}, {TypeStruct, "pid_t"}, {TypeUnion, "task_struct"}, {TypeStruct, ""}, {TypeFunc, "wake"}} {
			if typ, err := k.Lookup(c.kind, c.name); typ != nil || err != nil {
				t.Errorf("there is a %s %q: %v %v", c.kind, c.name, typ, err)
			}
		}
		e, i, err := k.Enumerator("GONE")
		if err != nil || e == nil || e.Values[i].Value != ^uint64(0) {
			t.Errorf("GONE: %v %d %v", e, i, err)
		}
		fn, err := k.Lookup(TypeFunc, "wake_up")
		if err != nil || fn == nil || len(fn.(*btf.Func).Type.(*btf.FuncProto).Params) != 2 {
			t.Errorf("wake_up: %v %v", fn, err)
		}
		if n := k.Names(TypeStruct); !slices.Contains(n, "mm_struct") {
			t.Errorf("structs %q", n)
		}
	}
}

func typeName(t btf.Type) string {
	switch t := t.(type) {
	case *btf.Pointer:
		return "pointer to " + typeName(t.Target)
	case *btf.Const:
		return "const " + typeName(t.Type)
	case *btf.Typedef:
		return "typedef " + t.Name
	case *btf.Fwd:
		return "fwd " + t.Name
	case *btf.Int:
		return "int"
	case *btf.Array:
		return "array"
	case *btf.Union:
		return "union"
	}
	return "?"
}

// TestKernelBad: what is no BTF, or ends too early, is refused in words.
func TestKernelBad(t *testing.T) {
	good := small(t, binary.LittleEndian)
	change := func(at int, v byte) []byte {
		b := bytes.Clone(good)
		b[at] = v
		return b
	}
	for _, c := range []struct {
		data []byte
		want string
	}{
		{nil, "it has 0 bytes"},
		{good[:20], "it has 20 bytes"},
		{change(0, 0x7f), "does not begin with 0xeb9f"},
		{change(2, 9), "version 9"},
		{good[:len(good)-1], "ends too early"},
		{good[:100], "ends too early"},
		{change(4, 4), "ends too early"},
		{change(8, 0xff), "ends too early"},
		{change(headerLen+7, 31), "kind 31"},
		{append(bytes.Clone(good[:len(good)-1]), 'x'), "zero byte"},
	} {
		_, err := OpenKernel(c.data)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d bytes: %v, want %q", len(c.data), err, c.want)
		}
	}
}

// TestKernelCycle: types without an end are refused.
func TestKernelCycle(t *testing.T) {
	le := binary.LittleEndian
	b := append(le.AppendUint16(nil, magic), version, 0)
	for _, n := range []uint32{headerLen, 0, 12, 12, 6} {
		b = le.AppendUint32(b, n)
	}
	for _, n := range []uint32{1, kindTypedef << 24, 1} {
		b = le.AppendUint32(b, n)
	}
	k, err := OpenKernel(append(b, "\x00loop\x00"...))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Lookup(TypeTypedef, "loop"); err == nil || !strings.Contains(err.Error(), "contains itself") {
		t.Errorf("a typedef of itself: %v", err)
	}
}

// explore asks for everything that a kernel has.
func explore(k *Kernel) {
	for _, kind := range []TypeKind{TypeStruct, TypeUnion, TypeEnum, TypeTypedef, TypeFunc} {
		for i, n := range k.Names(kind) {
			if i > 200 {
				break
			}
			t, err := k.Lookup(kind, n)
			if err == nil && t != nil {
				_, _ = btf.Sizeof(t)
				if e, ok := t.(*btf.Enum); ok && len(e.Values) > 0 {
					_, _, _ = k.Enumerator(e.Values[0].Name)
				}
			}
		}
	}
}

// TestKernelTruncated cuts a file at every byte and changes every byte.
func TestKernelTruncated(t *testing.T) {
	good := small(t, binary.LittleEndian)
	for i := range good {
		if k, err := OpenKernel(good[:i]); err == nil {
			explore(k)
		}
		for _, v := range []byte{0, 1, 0x7f, 0xff, good[i] ^ 4} {
			b := bytes.Clone(good)
			b[i] = v
			if k, err := OpenKernel(b); err == nil {
				explore(k)
			}
		}
	}
}

func FuzzKernel(f *testing.F) {
	f.Add(small(f, binary.LittleEndian))
	f.Add(small(f, binary.BigEndian))
	f.Fuzz(func(t *testing.T, data []byte) {
		if k, err := OpenKernel(data); err == nil {
			explore(k)
		}
	})
}

// TestRunningKernel reads the running kernel's BTF, and compares with what
// another reader finds.
func TestRunningKernel(t *testing.T) {
	raw, err := os.ReadFile("/sys/kernel/btf/vmlinux")
	if err != nil {
		t.Skip(err)
	}
	start := time.Now()
	k, err := OpenKernel(raw)
	if err != nil {
		t.Fatal(err)
	}
	opened := time.Since(start)
	start = time.Now()
	typ, err := k.Lookup(TypeStruct, "task_struct")
	if err != nil || typ == nil {
		t.Fatal(typ, err)
	}
	t.Logf("%d types: opened in %v, task_struct in %v", len(k.starts), opened, time.Since(start))
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"task_struct", "sock", "file", "sk_buff", "bpf_iter__task", "inode", "net_device"} {
		var want *btf.Struct
		if err := spec.TypeByName(name, &want); err != nil {
			t.Fatal(err)
		}
		got, err := k.Lookup(TypeStruct, name)
		if err != nil || got == nil {
			t.Errorf("%s: %v %v", name, got, err)
			continue
		}
		brief := func(ms []btf.Member) (l []string) {
			for _, m := range ms {
				n, err := btf.Sizeof(m.Type)
				if err != nil {
					n = -1
				}
				l = append(l, m.Name+" "+time.Duration(m.Offset).String()+" "+time.Duration(m.BitfieldSize).String()+" "+time.Duration(n).String())
			}
			return l
		}
		if d := cmp.Diff(brief(want.Members), brief(got.(*btf.Struct).Members)); d != "" {
			t.Errorf("%s (-other reader +ours):\n%s", name, d)
		}
	}
}
