// Command btf cuts the BTF of a kernel down to what a list names, for tests that
// must not depend on the kernel they run on:
//
//	go run ./bench/btf < testdata/btf/kernel.txt > testdata/btf/kernel.btf
//
// A line of the list is a kind, a name, and of a structure the members wanted:
//
//	struct task_struct pid tgid comm mm
//	func do_unlinkat
//	kfunc bpf_task_acquire
//
// Members keep their offsets; those of anonymous members become members of the
// structure itself, which is the same to a loader.
package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/cilium/ebpf/btf"

	kbtf "github.com/luabpfc/luabpfc/btf"
)

const source = "/sys/kernel/btf/vmlinux"

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "btf:", err)
		os.Exit(1)
	}
}

func run(list io.Reader, out io.Writer) error {
	data, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	k, err := kbtf.OpenKernel(data)
	if err != nil {
		return err
	}
	var types []btf.Type
	lines := bufio.NewScanner(list)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) < 2 || words[0] == "#" {
			continue
		}
		t, err := k.Lookup(kinds[words[0]], words[1])
		if err != nil || t == nil {
			return fmt.Errorf("%s %s: not found %v", words[0], words[1], err)
		}
		if f, ok := t.(*btf.Func); ok && words[0] == "kfunc" {
			t = &btf.Func{Name: f.Name, Type: f.Type, Linkage: f.Linkage, Tags: []string{"bpf_kfunc"}}
		}
		if t, err = cut(t, words[2:]); err != nil {
			return err
		}
		types = append(types, t)
	}
	b, err := btf.NewBuilder(types, &btf.BuilderOptions{Deduplicate: true})
	if err != nil {
		return err
	}
	raw, err := b.Marshal(nil, &btf.MarshalOptions{Order: binary.LittleEndian})
	if err != nil {
		return err
	}
	_, err = out.Write(raw)
	return err
}

var kinds = map[string]kbtf.TypeKind{"struct": kbtf.TypeStruct, "union": kbtf.TypeUnion, "enum": kbtf.TypeEnum, "typedef": kbtf.TypeTypedef, "func": kbtf.TypeFunc, "kfunc": kbtf.TypeFunc}

// cut returns a structure with some of its members.
func cut(t btf.Type, names []string) (btf.Type, error) {
	s, ok := t.(*btf.Struct)
	if !ok || len(names) == 0 {
		return t, nil
	}
	out := &btf.Struct{Name: s.Name, Size: s.Size}
	all := flat(s.Members, 0)
	for _, m := range all {
		for _, n := range names {
			if m.Name == n {
				out.Members = append(out.Members, m)
			}
		}
	}
	if len(out.Members) < len(names) {
		return nil, fmt.Errorf("struct %s: not all of %v are there", s.Name, names)
	}
	return out, nil
}

// flat returns members with those of anonymous ones among them.
func flat(list []btf.Member, base btf.Bits) (out []btf.Member) {
	for _, m := range list {
		m.Offset += base
		switch t := m.Type.(type) {
		case *btf.Struct:
			if m.Name == "" {
				out = append(out, flat(t.Members, m.Offset)...)
				continue
			}
		case *btf.Union:
			if m.Name == "" {
				out = append(out, flat(t.Members, m.Offset)...)
				continue
			}
		}
		out = append(out, m)
	}
	return out
}
