package ctype

import (
	"fmt"
	"sort"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// Type is a C type.
type Type = btf.Type

// base are the integer types of C on every BPF target (LP64).
var base = map[string]*btf.Int{
	"char":               {Name: "char", Size: 1, Encoding: btf.Signed},
	"signed char":        {Name: "signed char", Size: 1, Encoding: btf.Signed},
	"unsigned char":      {Name: "unsigned char", Size: 1},
	"short":              {Name: "short", Size: 2, Encoding: btf.Signed},
	"unsigned short":     {Name: "unsigned short", Size: 2},
	"int":                {Name: "int", Size: 4, Encoding: btf.Signed},
	"unsigned int":       {Name: "unsigned int", Size: 4},
	"long":               {Name: "long", Size: 8, Encoding: btf.Signed},
	"unsigned long":      {Name: "unsigned long", Size: 8},
	"long long":          {Name: "long long", Size: 8, Encoding: btf.Signed},
	"unsigned long long": {Name: "unsigned long long", Size: 8},
	"_Bool":              {Name: "_Bool", Size: 1, Encoding: btf.Bool},
}

// typedefs are the names that are known without a declaration, with the base
// type each stands for.
var typedefs = map[string]string{
	"bool":   "_Bool",
	"int8_t": "signed char", "int16_t": "short", "int32_t": "int", "int64_t": "long long",
	"uint8_t": "unsigned char", "uint16_t": "unsigned short", "uint32_t": "unsigned int", "uint64_t": "unsigned long long",
	"s8": "signed char", "s16": "short", "s32": "int", "s64": "long long",
	"u8": "unsigned char", "u16": "unsigned short", "u32": "unsigned int", "u64": "unsigned long long",
	"__s8": "signed char", "__s16": "short", "__s32": "int", "__s64": "long long",
	"__u8": "unsigned char", "__u16": "unsigned short", "__u32": "unsigned int", "__u64": "unsigned long long",
	"__be16": "unsigned short", "__be32": "unsigned int", "__be64": "unsigned long long", "__sum16": "unsigned short",
	"size_t": "unsigned long", "ssize_t": "long", "intptr_t": "long", "uintptr_t": "unsigned long",
	"pid_t": "int", "uid_t": "unsigned int", "gid_t": "unsigned int", "dev_t": "unsigned int",
}

// bigEndian are the typedefs whose values are stored in network order.
var bigEndian = map[string]bool{"__be16": true, "__be32": true, "__be64": true, "__sum16": true}

// synonyms are other spellings of the base types, words sorted.
var synonyms = map[string]string{
	"unsigned": "unsigned int", "signed": "int", "int signed": "int", "int unsigned": "unsigned int",
	"int short": "short", "int short signed": "short", "short signed": "short",
	"int short unsigned": "unsigned short", "short unsigned": "unsigned short",
	"int long": "long", "int long signed": "long", "long signed": "long",
	"int long unsigned": "unsigned long", "long unsigned": "unsigned long",
	"long long": "long long", "int long long": "long long", "long long signed": "long long", "int long long signed": "long long",
	"long long unsigned": "unsigned long long", "int long long unsigned": "unsigned long long",
	"char signed": "signed char", "char unsigned": "unsigned char",
}

// Parse returns the scalar type that decl names; const and volatile are
// accepted and dropped.
func Parse(decl string) (Type, error) {
	var words []string
	for _, w := range strings.Fields(decl) {
		if w != "const" && w != "volatile" {
			words = append(words, w)
		}
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("no type in '%s'", decl)
	}
	name := strings.Join(words, " ")
	if t, ok := base[name]; ok {
		return t, nil
	}
	if b, ok := typedefs[name]; ok {
		return &btf.Typedef{Name: name, Type: base[b]}, nil
	}
	sort.Strings(words)
	if b, ok := synonyms[strings.Join(words, " ")]; ok {
		return base[b], nil
	}
	return nil, fmt.Errorf("unknown type '%s'", name)
}

// Names returns every name Parse knows, sorted, for suggestions.
func Names() []string {
	var ns []string
	for n := range base {
		ns = append(ns, n)
	}
	for n := range typedefs {
		ns = append(ns, n)
	}
	sort.Strings(ns)
	return ns
}

// Underlying returns t without typedefs and qualifiers.
func Underlying(t Type) Type { return btf.UnderlyingType(t) }

// Size returns the size of a value of type t in bytes.
func Size(t Type) int {
	n, err := btf.Sizeof(t)
	if err != nil {
		return 0
	}
	return n
}

// IsScalar reports whether t is an integer or boolean type.
func IsScalar(t Type) bool {
	_, ok := Underlying(t).(*btf.Int)
	return ok
}

// Signed reports whether t is a signed integer type.
func Signed(t Type) bool {
	i, ok := Underlying(t).(*btf.Int)
	return ok && i.Encoding == btf.Signed
}

// IsBool reports whether t is C's bool.
func IsBool(t Type) bool {
	i, ok := Underlying(t).(*btf.Int)
	return ok && i.Encoding == btf.Bool
}

// BigEndian reports whether values of type t are stored in network order.
func BigEndian(t Type) bool {
	for {
		d, ok := t.(*btf.Typedef)
		if !ok {
			return false
		}
		if bigEndian[d.Name] {
			return true
		}
		t = d.Type
	}
}

// Name returns how C writes t.
func Name(t Type) string {
	if n := t.TypeName(); n != "" {
		return n
	}
	return fmt.Sprint(t)
}

// Encode returns the bytes that a scalar of type t with the given value has in
// memory of a target's byte order.
func Encode(t Type, bits uint64, bigEndian bool) []byte {
	n := Size(t)
	if IsBool(t) && bits != 0 {
		bits = 1
	}
	out := make([]byte, n)
	for i := range out {
		shift := 8 * i
		if bigEndian || BigEndian(t) {
			shift = 8 * (n - 1 - i)
		}
		out[i] = byte(bits >> shift)
	}
	return out
}
