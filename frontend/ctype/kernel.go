package ctype

import (
	"github.com/cilium/ebpf/btf"

	kbtf "github.com/luabpfc/luabpfc/btf"
)

// Types of the kernel that no declaration has made. They are looked up when
// somebody needs to know what is in them, so that a script that only passes
// pointers to them on can be compiled without any BTF.

// typeKinds are the kinds that BTF has, by their keywords.
var typeKinds = map[string]kbtf.TypeKind{"struct": kbtf.TypeStruct, "union": kbtf.TypeUnion, "enum": kbtf.TypeEnum}

// kernel returns the kernel's types, nil if there are none.
func (sc *Scope) kernel() *kbtf.Kernel {
	if sc.Kernel == nil || sc.KernelError != nil {
		return nil
	}
	k, err := sc.Kernel()
	if err != nil {
		sc.KernelError = err
		return nil
	}
	return k
}

// lookup asks the kernel for a type; what is wrong with it is noted.
func (sc *Scope) lookup(kind kbtf.TypeKind, name string) Type {
	k := sc.kernel()
	if k == nil || name == "" {
		return nil
	}
	t, err := k.Lookup(kind, name)
	if err != nil {
		sc.KernelError = err
		return nil
	}
	return t
}

// kernelTag returns the kernel's type of a tag, whose accesses are relocated. A
// use that was there before is completed.
func (sc *Scope) kernelTag(kind, name string) Type {
	t := sc.lookup(typeKinds[kind], name)
	if t == nil {
		return nil
	}
	if old := sc.tags[name]; old != nil {
		if tagKind(old) != kind || !sc.extra[old].incomplete || sc.extra[old].depth < 0 {
			return nil
		}
		switch o := old.(type) {
		case *btf.Struct:
			*o = *t.(*btf.Struct)
		case *btf.Union:
			*o = *t.(*btf.Union)
		case *btf.Enum:
			*o = *t.(*btf.Enum)
		}
		t = old
	}
	sc.tags[name] = t
	x := sc.note(t)
	x.own, x.preserve, x.kernel, x.incomplete, x.depth = true, true, true, false, 1
	x.align = 0
	x.align = uint32(sc.Alignof(t))
	return t
}

// kernelTypedef returns the kernel's typedef of that name, nil if there is none.
func (sc *Scope) kernelTypedef(name string) Type {
	t := sc.lookup(kbtf.TypeTypedef, name)
	if t == nil {
		return nil
	}
	sc.names[name] = t
	return t
}

// complete finds the members of an incomplete type in BTF, if they are there.
func (sc *Scope) completeTag(t Type) bool {
	name := t.TypeName()
	return name != "" && sc.tags[name] == t && sc.kernelTag(tagKind(t), name) == t
}

// Resolve returns what a declaration without members stands for: what pointers
// of the kernel's structures point to. Other types are returned as they are.
func (sc *Scope) Resolve(t Type) Type {
	if f, ok := Underlying(t).(*btf.Fwd); ok {
		kind := "struct"
		if f.Kind == btf.FwdUnion {
			kind = "union"
		}
		if full, ok := sc.Tag(kind, f.Name); ok {
			return full
		}
	}
	return t
}

// FromKernel reports whether t is a type as some kernel's BTF has it, not as a
// script declares it.
func (sc *Scope) FromKernel(t Type) bool {
	x, ok := sc.extra[t]
	return ok && x.kernel
}

// KernelFunc returns the prototype of a function of the kernel, nil if there is
// none.
func (sc *Scope) KernelFunc(name string) *btf.FuncProto {
	f, ok := sc.lookup(kbtf.TypeFunc, name).(*btf.Func)
	if !ok {
		return nil
	}
	p, _ := f.Type.(*btf.FuncProto)
	return p
}

// Kfuncs returns the names of the functions of the kernel that programs may call, as
// far as the kernel's BTF tells: those of kernels before 6.10 don't.
func (sc *Scope) Kfuncs() []string {
	if k := sc.kernel(); k != nil {
		return k.Tagged("bpf_kfunc")
	}
	return nil
}

// KernelTypedef returns what a typedef of the kernel stands for, nil if there is
// none.
func (sc *Scope) KernelTypedef(name string) Type {
	t, ok := sc.lookup(kbtf.TypeTypedef, name).(*btf.Typedef)
	if !ok {
		return nil
	}
	return t.Type
}

// KernelEnumerator returns an enumerator of the kernel: its enum, its number in
// it, and its value.
func (sc *Scope) KernelEnumerator(name string) (e *btf.Enum, i int, value uint64, ok bool) {
	k := sc.kernel()
	if k == nil {
		return nil, 0, 0, false
	}
	e, i, err := k.Enumerator(name)
	if err != nil || e == nil {
		return nil, 0, 0, false
	}
	return e, i, Extend(e, e.Values[i].Value), true
}

// KernelNames returns the names of a kind of the kernel's types, for
// suggestions.
func (sc *Scope) KernelNames(kind kbtf.TypeKind) []string {
	if k := sc.kernel(); k != nil {
		return k.Names(kind)
	}
	return nil
}

// kernelHint says why nothing was found in BTF where there was none to look in.
func (sc *Scope) kernelHint() string {
	if sc.KernelError != nil {
		return "; in BTF it can't be looked up: " + sc.KernelError.Error()
	}
	return ""
}
