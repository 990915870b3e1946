package btf

import (
	"strings"

	"github.com/cilium/ebpf/btf"
)

// Type is a C type.
type Type = btf.Type

// Func is a function with its prototype.
type Func = btf.Func

// Kind is what a parameter of a function holds.
type Kind uint8

// The kinds of parameters.
const (
	Number  Kind = iota // a 64-bit number
	Pointer             // void *
)

// Param is a parameter of a function.
type Param struct {
	Name string
	Kind Kind
}

// Program returns the description of a program: int NAME(CTX *ctx). ctx is the C
// name of the context, "struct __sk_buff", which becomes a declaration; a
// context without a name is void.
func Program(name, ctx string) *Func {
	var target Type = (*btf.Void)(nil)
	if s, ok := strings.CutPrefix(ctx, "struct "); ok {
		target = &btf.Fwd{Name: s, Kind: btf.FwdStruct}
	}
	return &Func{Name: name, Linkage: btf.GlobalFunc, Type: &btf.FuncProto{
		Return: cInt(), Params: []btf.FuncParam{{Name: "ctx", Type: &btf.Pointer{Target: target}}}}}
}

// Subprogram returns the description of a function that programs of the object
// call: static long NAME(...).
func Subprogram(name string, params []Param) *Func {
	long := &btf.Int{Name: "long", Size: 8, Encoding: btf.Signed}
	proto := &btf.FuncProto{Return: long}
	for _, p := range params {
		var t Type = long
		if p.Kind == Pointer {
			t = &btf.Pointer{Target: (*btf.Void)(nil)}
		}
		proto.Params = append(proto.Params, btf.FuncParam{Name: p.Name, Type: t})
	}
	return &Func{Name: name, Linkage: btf.StaticFunc, Type: proto}
}
