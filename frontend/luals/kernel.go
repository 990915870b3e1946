package luals

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"

	luabtf "github.com/luabpfc/luabpfc/btf"
)

// Struct is one of the kernel's structures.
type Struct struct {
	Name    string // of its class
	Spelled string // in C
	Fields  []Field
}

// Field is a member of a structure.
type Field struct{ Name, Type string }

// Useful are structures that programs read often.
var Useful = []string{"task_struct", "sock", "sock_common", "inet_sock", "tcp_sock", "inet_connection_sock", "sk_buff", "net_device", "net", "file", "inode",
	"dentry", "path", "qstr", "linux_binprm", "cred", "mm_struct", "signal_struct", "nsproxy", "pid", "cgroup", "css_set", "request", "bio", "gendisk",
	"block_device", "super_block", "vm_area_struct", "pt_regs", "rq", "iphdr", "ipv6hdr", "tcphdr", "udphdr", "ethhdr", "icmphdr", "in6_addr",
	"sockaddr", "sockaddr_in", "sockaddr_in6", "bpf_fib_lookup", "bpf_sock", "kernfs_node"}

// Types finds structures by name. Those that their members have, or point to, are
// classes without members unless they are named too. missing are those that there
// are not.
func Types(k *luabtf.Kernel, names []string) (list []Struct, missing []string) {
	named := map[string]bool{}
	for _, n := range names {
		named[n] = true
	}
	stubs := map[string]bool{}
	for _, n := range slices.Compact(slices.Sorted(slices.Values(names))) {
		t, err := k.Lookup(luabtf.TypeStruct, n)
		spelled := "struct " + n
		if t == nil || err != nil {
			t, err = k.Lookup(luabtf.TypeUnion, n)
			spelled = "union " + n
		}
		if t == nil || err != nil {
			missing = append(missing, n)
			continue
		}
		s := Struct{Name: n, Spelled: spelled}
		s.Fields = fieldsOf(t, 0, func(other string) {
			if !named[other] {
				stubs[other] = true
			}
		})
		list = append(list, s)
	}
	for n := range stubs {
		list = append(list, Struct{Name: n, Spelled: "A structure of the kernel; 'luabpfc gen types " + n + "' declares its members.", Fields: []Field{{"[any]", "any"}}})
	}
	slices.SortFunc(list, func(a, b Struct) int { return strings.Compare(a.Name, b.Name) })
	return list, missing
}

// maxDepth is how deep types may be nested in each other.
const maxDepth = 32

// fieldsOf returns a structure's members, those of anonymous ones in it among them,
// and tells use which structures they lead to.
func fieldsOf(t btf.Type, depth int, use func(string)) (list []Field) {
	var members []btf.Member
	switch u := btf.UnderlyingType(t).(type) {
	case *btf.Struct:
		members = u.Members
	case *btf.Union:
		members = u.Members
	}
	if depth > maxDepth {
		return nil
	}
	for _, m := range members {
		if m.Name == "" {
			list = append(list, fieldsOf(m.Type, depth+1, use)...)
			continue
		}
		if nameOf(m.Name) == m.Name || slices.Contains(keywords, m.Name) {
			list = append(list, Field{m.Name, typeName(m.Type, 0, use)})
		}
	}
	return list
}

// typeName is a C type for the editor.
func typeName(t btf.Type, depth int, use func(string)) string {
	if depth > maxDepth {
		return "any"
	}
	switch u := btf.UnderlyingType(t).(type) {
	case *btf.Int:
		if u.Encoding == btf.Bool {
			return "boolean"
		}
		return "integer"
	case *btf.Enum:
		return "integer"
	case *btf.Pointer:
		switch p := btf.UnderlyingType(u.Target).(type) {
		case *btf.Fwd:
			if isClass(p.Name) {
				use(p.Name)
				return p.Name
			}
		case *btf.Struct, *btf.Union:
			return typeName(u.Target, depth+1, use)
		}
		return "any"
	case *btf.Array:
		return fmt.Sprintf("%s[]", typeName(u.Type, depth+1, use))
	case *btf.Struct:
		if isClass(u.Name) {
			use(u.Name)
			return u.Name
		}
	case *btf.Union:
		if isClass(u.Name) {
			use(u.Name)
			return u.Name
		}
	}
	return "any"
}

// isClass reports whether a structure's name can be that of a class.
func isClass(name string) bool { return name != "" && nameOf(name) == name }
