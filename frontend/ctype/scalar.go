package ctype

import (
	"maps"
	"slices"
	"strings"
	"sync"

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
	"__int128":           {Name: "__int128", Size: 16, Encoding: btf.Signed},
	"unsigned __int128":  {Name: "unsigned __int128", Size: 16},
	"_Bool":              {Name: "_Bool", Size: 1, Encoding: btf.Bool},
}

// floats can be laid out, and nothing else.
var floats = map[string]*btf.Float{"float": {Name: "float", Size: 4}, "double": {Name: "double", Size: 8}}

var void Type = &btf.Void{}

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
	"__le16": "unsigned short", "__le32": "unsigned int", "__le64": "unsigned long long", "__wsum": "unsigned int",
	"size_t": "unsigned long", "ssize_t": "long", "intptr_t": "long", "uintptr_t": "unsigned long", "ptrdiff_t": "long",
	"intmax_t": "long", "uintmax_t": "unsigned long", "off_t": "long", "loff_t": "long long", "time_t": "long",
	"pid_t": "int", "uid_t": "unsigned int", "gid_t": "unsigned int", "dev_t": "unsigned int", "mode_t": "unsigned int",
	"ino_t": "unsigned long", "socklen_t": "unsigned int", "sa_family_t": "unsigned short", "in_port_t": "__be16", "in_addr_t": "__be32",
}

// bigEndian are the typedefs whose values are stored in network order.
var bigEndian = map[string]bool{"__be16": true, "__be32": true, "__be64": true, "__sum16": true}

// littleEndian are those stored in the other order.
var littleEndian = map[string]bool{"__le16": true, "__le32": true, "__le64": true}

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
	"__int128 signed": "__int128", "__int128 unsigned": "unsigned __int128",
}

// predeclared are the typedefs above as types: one each, whatever the scope.
var predeclared = sync.OnceValue(func() map[string]Type {
	out := map[string]Type{}
	var typ func(name string) Type
	typ = func(name string) Type {
		if t, ok := base[name]; ok {
			return t
		}
		if out[name] == nil {
			out[name] = &btf.Typedef{Name: name, Type: typ(typedefs[name])}
		}
		return out[name]
	}
	for name := range typedefs {
		typ(name)
	}
	return out
})

// words returns the base type that words name together.
func words(ws []string) (Type, bool) {
	name := strings.Join(ws, " ")
	if t, ok := base[name]; ok {
		return t, true
	}
	if t, ok := floats[name]; ok {
		return t, true
	}
	if name == "void" {
		return void, true
	}
	sorted := slices.Sorted(slices.Values(ws))
	if b, ok := synonyms[strings.Join(sorted, " ")]; ok {
		return base[b], true
	}
	return nil, false
}

// Scalar returns the integer type known by that name without any declaration:
// "uint32_t", "long", "__be16".
func Scalar(name string) (Type, bool) {
	if t, ok := predeclared()[name]; ok {
		return t, true
	}
	t, ok := base[name]
	return t, ok
}

// Names returns every name that Scalar knows, sorted, for suggestions.
func Names() []string {
	return slices.Sorted(func(yield func(string) bool) {
		for n := range maps.Keys(base) {
			if !yield(n) {
				return
			}
		}
		for n := range maps.Keys(typedefs) {
			if !yield(n) {
				return
			}
		}
	})
}

// Underlying returns t without typedefs and qualifiers.
func Underlying(t Type) Type {
	for {
		d, ok := strip(t)
		if !ok {
			return t
		}
		t = d
	}
}

// strip takes a typedef or qualifier away.
func strip(t Type) (Type, bool) {
	switch t := t.(type) {
	case *btf.Typedef:
		return t.Type, true
	case *btf.Const:
		return t.Type, true
	case *btf.Volatile:
		return t.Type, true
	case *btf.Restrict:
		return t.Type, true
	case *btf.TypeTag:
		return t.Type, true
	}
	return nil, false
}

// Size returns the size of a value of type t in bytes; 0 for a type without
// one, such as void or a struct that is not complete.
func Size(t Type) int {
	n := 1
	for {
		switch u := Underlying(t).(type) {
		case *btf.Array:
			n, t = n*int(u.Nelems), u.Type
			continue
		case *btf.Int:
			return n * int(u.Size)
		case *btf.Float:
			return n * int(u.Size)
		case *btf.Enum:
			return n * int(u.Size)
		case *btf.Struct:
			return n * int(u.Size)
		case *btf.Union:
			return n * int(u.Size)
		case *btf.Pointer:
			return n * 8
		}
		return 0
	}
}

// IsScalar reports whether values of type t are numbers of at most 64 bits:
// integers, booleans and enumerations.
func IsScalar(t Type) bool {
	switch t := Underlying(t).(type) {
	case *btf.Int:
		return t.Size <= 8
	case *btf.Enum:
		return true
	}
	return false
}

// IsPointer reports whether t is a pointer type.
func IsPointer(t Type) bool {
	_, ok := Underlying(t).(*btf.Pointer)
	return ok
}

// Signed reports whether t is a signed integer type.
func Signed(t Type) bool {
	switch t := Underlying(t).(type) {
	case *btf.Int:
		return t.Encoding == btf.Signed
	case *btf.Enum:
		return t.Signed
	}
	return false
}

// IsBool reports whether t is C's bool.
func IsBool(t Type) bool {
	i, ok := Underlying(t).(*btf.Int)
	return ok && i.Encoding == btf.Bool
}

// BigEndian reports whether values of type t are stored in network order.
func BigEndian(t Type) bool { return hasOrder(t, bigEndian) }

// LittleEndian reports whether values of type t are stored least significant
// byte first, whatever the target.
func LittleEndian(t Type) bool { return hasOrder(t, littleEndian) }

func hasOrder(t Type, names map[string]bool) bool {
	for {
		if d, ok := t.(*btf.Typedef); ok && names[d.Name] {
			return true
		}
		u, ok := strip(t)
		if !ok {
			return false
		}
		t = u
	}
}

// Extend cuts a value to the size of the scalar type t and extends it to 64
// bits again, by t's signedness.
func Extend(t Type, x uint64) uint64 {
	if IsBool(t) {
		if x != 0 {
			return 1
		}
		return 0
	}
	n := 64 - 8*uint(Size(t))
	if Signed(t) {
		return uint64(int64(x) << n >> n)
	}
	return x << n >> n
}

// storedBig reports whether a scalar of type t lies in memory most significant
// byte first, on a target of that byte order.
func storedBig(t Type, big bool) bool {
	return big && !LittleEndian(t) || BigEndian(t)
}

// Encode returns the bytes that a scalar of type t with the given value has in
// memory of a target's byte order.
func Encode(t Type, bits uint64, big bool) []byte {
	n := Size(t)
	if IsBool(t) && bits != 0 {
		bits = 1
	}
	out := make([]byte, n)
	putBytes(out, bits, storedBig(t, big))
	return out
}

// Decode is the value of a scalar of type t that lies in b, extended to 64 bits.
func Decode(t Type, b []byte, big bool) uint64 {
	return Extend(t, getBytes(b[:Size(t)], storedBig(t, big)))
}

func putBytes(b []byte, bits uint64, big bool) {
	for i := range b {
		at := i
		if big {
			at = len(b) - 1 - i
		}
		b[at] = byte(bits >> (8 * i))
	}
}

func getBytes(b []byte, big bool) (bits uint64) {
	for i := range b {
		at := len(b) - 1 - i
		if big {
			at = i
		}
		bits = bits<<8 | uint64(b[at])
	}
	return bits
}
