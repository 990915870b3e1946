package lower

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
)

// Variables of the object: bpf.global and bpf.const. A scalar one is like a
// pointer to itself, g[0]; others are places as any.

// Variable returns the module's variable for g, adding it on first use. What it
// begins with is known when the stage has ended.
func Variable(mod *ir.Module, g *script.Global) *ir.Global {
	for _, have := range mod.Globals {
		if have.Source == g {
			return have
		}
	}
	out := &ir.Global{Name: g.Name, Const: g.Const, Size: ctype.Size(g.Type), Align: g.Align, In: g.Section, Source: g, Type: g.Type}
	mod.Globals = append(mod.Globals, out)
	return out
}

// variableRef returns the place that v is, if it is a variable of the object.
func (lw *lowerer) variableRef(v lua.LValue) (Ref, bool) {
	g, ok := script.ToGlobal(v)
	if !ok {
		return Ref{}, false
	}
	x := Variable(lw.mod, g)
	r := Ref{Global: x, Type: g.Type, Region: x.Region(), Hi: int64(x.Size), Pointer: !isAggregate(g.Type)}
	if g.Const {
		r.ReadOnly = "'" + g.Name + "' is a constant; declare it with bpf.global to change it"
	}
	return r, true
}

// capturedVariable returns the variable of the object that a captured name is.
func (lw *lowerer) capturedVariable(n *syntax.Name) *script.Global {
	if c, ok := lw.peek(n).(Const); ok {
		g, _ := script.ToGlobal(c.V)
		return g
	}
	return nil
}

// isVariable reports whether r is a scalar variable, not a pointer that the script
// has made of it.
func (r Ref) isVariable() bool {
	return r.Pointer && r.Global != nil && r.Off == 0 && r.Index == nil && sameType(r.Type, variableType(r.Global))
}

func variableType(g *ir.Global) ctype.Type {
	t, _ := g.Type.(ctype.Type)
	return t
}
