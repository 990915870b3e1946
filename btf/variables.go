package btf

import "github.com/cilium/ebpf/btf"

// Variable is a variable in a section of an object.
type Variable struct {
	Name         string
	Type         btf.Type
	Static       bool // only the object itself knows the name
	Extern       bool // the loader has it
	Offset, Size uint32
}

// Variables returns the description of a section of variables, which are in the
// order of their offsets.
func Variables(section string, size uint32, vars []Variable) *btf.Datasec {
	ds := &btf.Datasec{Name: section, Size: size}
	for _, v := range vars {
		linkage := btf.GlobalVar
		switch {
		case v.Static:
			linkage = btf.StaticVar
		case v.Extern:
			linkage = btf.ExternVar
		}
		ds.Vars = append(ds.Vars, btf.VarSecinfo{Type: &btf.Var{Name: v.Name, Type: v.Type, Linkage: linkage}, Offset: v.Offset, Size: v.Size})
	}
	return ds
}

// Kfuncs returns the description of the section .ksyms: functions that the running
// kernel has.
func Kfuncs(list []*Func) *btf.Datasec {
	ds := &btf.Datasec{Name: ".ksyms"}
	for _, f := range list {
		ds.Vars = append(ds.Vars, btf.VarSecinfo{Type: f})
	}
	return ds
}

// Kfunc returns the description of a function that the running kernel has. Loaders
// compare its prototype with the kernel's, as far as kinds go: structures behind
// pointers are structures without members.
func Kfunc(name string, t Type) *Func {
	proto, ok := t.(*btf.FuncProto)
	if !ok {
		proto = &btf.FuncProto{Return: &btf.Void{}}
	}
	out := &btf.FuncProto{Return: hollow(proto.Return)}
	for _, p := range proto.Params {
		out.Params = append(out.Params, btf.FuncParam{Name: p.Name, Type: hollow(p.Type)})
	}
	return &Func{Name: name, Linkage: btf.ExternFunc, Type: out}
}

// hollow returns a type in which pointers lead to structures without members, and
// no further than to another pointer.
func hollow(t Type) Type {
	switch u := t.(type) {
	case *btf.Typedef:
		if _, ok := btf.UnderlyingType(u).(*btf.Pointer); !ok {
			return t
		}
		return hollow(u.Type)
	case *btf.Const:
		return &btf.Const{Type: hollow(u.Type)}
	case *btf.Volatile:
		return hollow(u.Type)
	case *btf.Restrict:
		return hollow(u.Type)
	case *btf.TypeTag:
		return hollow(u.Type)
	case *btf.Pointer:
		return &btf.Pointer{Target: hollowTarget(u.Target)}
	}
	return t
}

func hollowTarget(t Type) Type {
	if c, ok := t.(*btf.Const); ok {
		return &btf.Const{Type: hollowTarget(c.Type)}
	}
	switch u := btf.UnderlyingType(t).(type) {
	case *btf.Struct:
		return &btf.Struct{Name: u.Name}
	case *btf.Union:
		return &btf.Union{Name: u.Name}
	case *btf.Fwd:
		if u.Kind == btf.FwdUnion {
			return &btf.Union{Name: u.Name}
		}
		return &btf.Struct{Name: u.Name}
	case *btf.FuncProto:
		return &btf.FuncProto{Return: &btf.Void{}}
	}
	return hollow(t)
}

// Bytes is the type of n bytes of which nothing more is known.
func Bytes(n int) btf.Type {
	return &btf.Array{Index: arrayIndex(), Type: &btf.Int{Name: "unsigned char", Size: 1}, Nelems: uint32(n)}
}
