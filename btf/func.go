package btf

import (
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

// Struct describes a C structure of unsigned integers and arrays of them.
// Sizes and offsets are in bytes.
type Struct struct {
	Name   string // without "struct"
	Size   uint32
	Fields []Field
}

// Field is a member of a Struct: Len elements of Size bytes, or a single one
// if Len is 0.
type Field struct {
	Name           string
	Off, Size, Len uint32
}

// btf returns the structure as BTF has it.
func (s *Struct) btf() *btf.Struct {
	out := &btf.Struct{Name: s.Name, Size: s.Size}
	names := map[uint32]string{1: "unsigned char", 2: "unsigned short", 4: "unsigned int", 8: "unsigned long long"}
	for _, f := range s.Fields {
		var t Type = &btf.Int{Name: names[f.Size], Size: f.Size}
		if f.Len > 0 {
			t = &btf.Array{Index: cInt(), Type: t, Nelems: f.Len}
		}
		out.Members = append(out.Members, btf.Member{Name: f.Name, Type: t, Offset: btf.Bits(f.Off * 8)})
	}
	return out
}

// Program returns the description of a program: int NAME(struct CTX *ctx). A
// nil context is void.
func Program(name string, ctx *Struct) *Func {
	var target Type = (*btf.Void)(nil)
	if ctx != nil {
		target = ctx.btf()
	}
	return &Func{Name: name, Linkage: btf.GlobalFunc, Type: &btf.FuncProto{
		Return: cInt(), Params: []btf.FuncParam{{Name: "ctx", Type: &btf.Pointer{Target: target}}}}}
}

// Linkable returns the description of a function that other objects call: a global
// one with the prototype that it was declared with. Structures behind pointers are
// declared only: linkers compare their names.
func Linkable(name string, t any) *Func {
	proto, ok := t.(*btf.FuncProto)
	if !ok {
		proto = &btf.FuncProto{Return: cInt()}
	}
	out := &btf.FuncProto{Return: proto.Return}
	for _, p := range proto.Params {
		typ := p.Type
		if ptr, ok := btf.UnderlyingType(typ).(*btf.Pointer); ok {
			if fwd := forward(ptr.Target); fwd != nil {
				typ = &btf.Pointer{Target: fwd}
			}
		}
		out.Params = append(out.Params, btf.FuncParam{Name: p.Name, Type: typ})
	}
	return &Func{Name: name, Linkage: btf.GlobalFunc, Type: out}
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
