package btf

import (
	"fmt"

	"github.com/cilium/ebpf/btf"
)

// maxName is the longest name that every kernel takes (KSYM_NAME_LEN was 128,
// with the zero byte).
const maxName = 127

// maxParams is the number of registers for arguments.
const maxParams = 5

// checkName reports a name that the kernel does not take for an identifier.
func checkName(what, name string) error {
	if name == "" {
		return fmt.Errorf("%s without a name", what)
	}
	if len(name) > maxName {
		return fmt.Errorf("%s %q: name longer than %d bytes", what, name, maxName)
	}
	for i := range len(name) {
		ch := name[i]
		letter := ch == '_' || 'a' <= ch && ch <= 'z' || 'A' <= ch && ch <= 'Z'
		if !letter && (i == 0 || ch < '0' || ch > '9') {
			return fmt.Errorf("%s %q: name is not an identifier", what, name)
		}
	}
	return nil
}

// checkFunc reports what the kernel refuses in a function. A function without a
// body, which is the kernel's own, is not looked at as closely.
func checkFunc(f *btf.Func) error {
	if err := checkName("function", f.Name); err != nil {
		return err
	}
	proto, ok := f.Type.(*btf.FuncProto)
	if !ok || proto == nil {
		return fmt.Errorf("function %s: no prototype", f.Name)
	}
	if f.Linkage < btf.StaticFunc || f.Linkage > btf.ExternFunc {
		return fmt.Errorf("function %s: linkage %d", f.Name, f.Linkage)
	}
	if len(f.ParamTags) != 0 && len(f.ParamTags) != len(proto.Params) {
		return fmt.Errorf("function %s: %d lists of tags for %d parameters", f.Name, len(f.ParamTags), len(proto.Params))
	}
	if len(proto.Params) > maxParams {
		return fmt.Errorf("function %s: %d parameters, at most %d are possible", f.Name, len(proto.Params), maxParams)
	}
	if f.Linkage == btf.ExternFunc {
		return nil
	}
	for i, p := range proto.Params {
		if err := checkName("parameter", p.Name); err != nil {
			return fmt.Errorf("function %s: parameter %d: %w", f.Name, i+1, err)
		}
		if n, err := sizeof(p.Type); err != nil || n == 0 {
			return fmt.Errorf("function %s: parameter %q has no size", f.Name, p.Name)
		}
	}
	return nil
}

// sizeof is btf.Sizeof, but that a missing type is an error.
func sizeof(t btf.Type) (int, error) {
	if t == nil {
		return 0, fmt.Errorf("a type is missing")
	}
	return btf.Sizeof(t)
}

// isExtern tells the sections that no file has: the loader makes them up.
func isExtern(section string) bool { return section == ".ksyms" || section == ".kconfig" }

// checkDatasec reports variables that are out of place or not as long as their
// types: loaders and the kernel take these numbers on trust or refuse the object
// without naming the variable.
func checkDatasec(ds *btf.Datasec) error {
	if ds.Name == "" {
		return fmt.Errorf("no name")
	}
	if len(ds.Vars) == 0 {
		return fmt.Errorf("no variables")
	}
	names := make(map[string]bool)
	end := uint64(0)
	for _, info := range ds.Vars {
		if info.Type == nil {
			return fmt.Errorf("a variable is missing")
		}
		name := info.Type.TypeName()
		if names[name] {
			return fmt.Errorf("variable %q is described twice", name)
		}
		names[name] = true
		if isExtern(ds.Name) {
			continue
		}
		v, ok := info.Type.(*btf.Var)
		if !ok {
			return fmt.Errorf("%q is not a variable", name)
		}
		n, err := sizeof(v.Type)
		if err != nil {
			return fmt.Errorf("variable %s: %w", name, err)
		}
		if info.Size == 0 || uint64(info.Size) != uint64(n) && ds.Name != mapsSection {
			return fmt.Errorf("variable %s has %d bytes, its type %d", name, info.Size, n)
		}
		if uint64(info.Offset) < end {
			return fmt.Errorf("variable %s is not behind the one before it", name)
		}
		end = uint64(info.Offset) + uint64(info.Size)
	}
	if end > uint64(ds.Size) {
		return fmt.Errorf("%d bytes of variables in a section of %d", end, ds.Size)
	}
	return nil
}
