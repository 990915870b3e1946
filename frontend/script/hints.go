package script

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/syntax"
)

// What a declaring call makes is named after the variable or field it is
// assigned to, in the source: local counts = bpf.map(...). The converter notes
// the name with the call; the call looks it up while it runs.

// returned marks a call whose value its function returns: the name is that of
// the function's own call.
const returned = "\x00return"

// hints notes what the values es are assigned to.
func (c *converter) hints(es []syntax.Expr, name func(i int) string) {
	for i, e := range es {
		c.hint(e, name(i))
	}
}

// hint notes that e's value is assigned to name: through parentheses, assert,
// and the alternatives of 'or'.
func (c *converter) hint(e syntax.Expr, name string) {
	switch e := e.(type) {
	case *syntax.Paren:
		c.hint(e.X, name)
	case *syntax.Binary:
		if e.Op == syntax.OpOr {
			c.hint(e.L, name)
			c.hint(e.R, name)
		}
	case *syntax.Call:
		if fn, ok := e.Fn.(*syntax.Name); ok && fn.Name == "assert" && fn.Local == nil && len(e.Args) > 0 {
			c.hint(e.Args[0], name)
			return
		}
		if name != "" {
			c.st.assigned[e] = name
		}
	}
}

// hintFields notes the names of a constructor's fields.
func (c *converter) hintFields(e *syntax.TableExpr) {
	for _, f := range e.Fields {
		if k, ok := f.Key.(*syntax.StringExpr); ok {
			c.hint(f.Value, k.Value)
		}
	}
}

// targetName is the variable or field that an assignment's target names.
func targetName(e syntax.Expr) string {
	switch e := e.(type) {
	case *syntax.Name:
		return e.Name
	case *syntax.Index:
		if k, ok := e.Key.(*syntax.StringExpr); ok {
			return k.Value
		}
	}
	return ""
}

// assignedName returns what the value of the call now running is assigned to,
// "" if that can't be told.
func (st *Stage) assignedName(L *lua.LState) string {
	for level := 1; level < 32; level++ {
		id, ok := frameNode(L, level)
		if !ok {
			return ""
		}
		if id == 0 {
			continue
		}
		call, ok := st.nodes.at(id).n.(*syntax.Call)
		if !ok {
			return ""
		}
		if name := st.assigned[call]; name != returned {
			return name
		}
	}
	return ""
}
