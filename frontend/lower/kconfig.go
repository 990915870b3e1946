package lower

import (
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// Values of the running kernel's configuration: bpf.kconfig. Each is a variable of
// the section .kconfig, which the loader makes up from /proc/config.gz or the file
// in /boot, by the variable's name and type. A value that the kernel has not got
// makes the loader refuse the object: some loaders know no other answer.

// kconfigRows are the rows of the table of builtins.
func kconfigRows() map[string]builtinRow {
	return map[string]builtinRow{
		"bpf.kconfig": {min: 1, max: 2, call: (*lowerer).kconfig, usage: "bpf.kconfig('CONFIG_X' [, ctype])"},
	}
}

// kconfig evaluates bpf.kconfig(name [, ctype]).
func (lw *lowerer) kconfig(e *syntax.Call, args []Value) Value {
	name, ok := stringConst(lw.resolve(args[0]))
	if !ok {
		return lw.errorf(argNode(e, 0), diag.NeedsConstant, "the name of an option of the kernel's configuration must be known when compiling")
	}
	if !strings.HasPrefix(name, "CONFIG_") && !strings.HasPrefix(name, "LINUX_") || !isIdentifier(name) {
		return lw.errorf(argNode(e, 0), diag.BadKconfig, "'%s' is no option of the kernel's configuration: they are CONFIG_..., LINUX_KERNEL_VERSION and LINUX_HAS_...", name)
	}
	t, ok := lw.kconfigType(e, name, args[1:])
	if !ok {
		return Bad{}
	}
	if !lw.stage.Reserve(name) {
		return lw.errorf(e, diag.BadDeclaration, "the script has a map, variable or program named '%s', which is an option of the kernel's configuration here; name it otherwise", name)
	}
	g := lw.kconfigVariable(name, t)
	if have := variableType(g); !sameType(have, t) {
		return lw.errorf(e, diag.BadKconfig, "'%s' is a '%s' here and a '%s' elsewhere in the script", name, ctype.Name(t), ctype.Name(have))
	}
	r := Ref{Global: g, Type: t, Region: ir.RegionConst, Hi: int64(g.Size), ReadOnly: "the kernel's configuration can't be changed"}
	return lw.loadRef(e, r)
}

// kconfigVariable returns the module's variable for an option.
func (lw *lowerer) kconfigVariable(name string, t ctype.Type) *ir.Global {
	for _, g := range lw.mod.Globals {
		if g.Extern && g.Name == name {
			return g
		}
	}
	g := &ir.Global{Name: name, Const: true, Extern: true, Size: ctype.Size(t), Align: min(lw.stage.Types().Alignof(t), 8), Type: t, Pos: lw.b.Pos}
	lw.mod.Globals = append(lw.mod.Globals, g)
	return g
}

// kconfigType is what an option is read as: a number unless the script says
// something else.
func (lw *lowerer) kconfigType(e *syntax.Call, name string, args []Value) (ctype.Type, bool) {
	if name == "LINUX_KERNEL_VERSION" { // loaders want exactly this
		return &btf.Int{Name: "unsigned int", Size: 4}, true
	}
	if len(args) == 0 {
		t, _ := ctype.Scalar("int64_t")
		return t, true
	}
	if s, ok := stringConst(lw.resolve(args[0])); ok && s == "tristate" {
		return tristate(), true
	}
	t, ok := lw.typeOf(argNode(e, 1), args[0])
	if !ok {
		return nil, false
	}
	switch u := underlying(t).(type) {
	case *btf.Int:
		return t, true
	case *btf.Array:
		if n, isInt := underlying(u.Type).(*btf.Int); isInt && n.Size == 1 && u.Nelems > 0 {
			return t, true
		}
	}
	lw.errorf(argNode(e, 1), diag.BadKconfig, "an option of the kernel's configuration is an integer, a 'bool', a 'tristate' or a 'char [n]', not a '%s'", ctype.Name(t))
	return nil, false
}

// tristate is the type by which loaders know options that may be modules.
func tristate() ctype.Type {
	return &btf.Enum{Name: "libbpf_tristate", Size: 4, Values: []btf.EnumValue{{Name: "TRI_NO", Value: 0}, {Name: "TRI_YES", Value: 1}, {Name: "TRI_MODULE", Value: 2}}}
}
