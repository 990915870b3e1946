package script

import (
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// What scripts can name, for editors.

// libraries are the modules of the script stage with members of luabpfc's own.
var libraries = []string{"bpf", "ffi", "bit"}

// Members returns the members of the modules bpf, ffi and bit that are functions or
// types, each as module.member, sorted: bpf.atomic.add too. Those for functions
// compiled for the kernel alone are among them.
func Members() (names []string) {
	st := Run(diag.NewFile("members", "return bpf, bpf.atomic, ffi, bit"), nil, Options{}) // which asks its host for nothing
	for _, lib := range libraries {
		if t, ok := st.loaded.RawGetString(lib).(*lua.LTable); ok {
			names = appendMembers(names, lib, t)
		}
	}
	for _, n := range kernelOnly {
		names = append(names, "bpf."+n)
	}
	for n := range inLua {
		names = append(names, "bpf."+n)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func appendMembers(names []string, prefix string, t *lua.LTable) []string {
	t.ForEach(func(k, v lua.LValue) {
		name := prefix + "." + k.String()
		switch v := v.(type) {
		case *lua.LTable:
			if k.String() != "opt" { // the script's own options
				names = appendMembers(names, name, v)
			}
		case *lua.LFunction, *lua.LUserData:
			names = append(names, name)
		}
	})
	return names
}

// Declaration is a function of module bpf that declares programs.
type Declaration struct {
	Name, Usage string
	Kind        *kernel.ProgKind // nil if the arguments decide it
}

// Declarations returns them.
func Declarations() (list []Declaration) {
	for _, d := range declarations() {
		list = append(list, Declaration{d.name, d.usage, d.kind})
	}
	return list
}

// Constant is a number that both stages know by a name.
type Constant struct {
	Name  string
	Value int64
}

// Constants returns the predefined numbers.
func Constants() (list []Constant) {
	eachConstant(func(c namedConst) { list = append(list, Constant{c.name, c.value}) })
	return list
}

// Flags are those that are also members of the table BPF.
func Flags() (list []Constant) {
	for _, c := range Constants() {
		if rest, ok := strings.CutPrefix(c.Name, "BPF_"); ok && strings.HasPrefix(rest, "F_") {
			list = append(list, Constant{rest, c.Value})
		}
	}
	return list
}
