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

// Bytes is the type of n bytes of which nothing more is known.
func Bytes(n int) btf.Type {
	return &btf.Array{Index: arrayIndex(), Type: &btf.Int{Name: "unsigned char", Size: 1}, Nelems: uint32(n)}
}
