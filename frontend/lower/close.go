package lower

import (
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir/diag"
	lua "github.com/yuin/gopher-lua"
)

// What must be closed.
//
// lowerer.closers lists what is open on the path, innermost last: <close>
// variables and whatever else registers itself. However control leaves a scope,
// at its end, by break, goto, return, or an error, closeFrom closes what was
// opened in it; the list itself is cut where the scope's text ends.

// closer is one thing that is open. close closes it; err is the error that
// leaves the scope, or nil.
type closer struct{ close func(err Value) }

// closeFrom closes what is open from the n-th closer on. The list stays as it
// is: other paths still have to.
func (lw *lowerer) closeFrom(n int, err Value) {
	open := lw.closers
	for i := len(open) - 1; i >= n && lw.b.Block != nil; i-- {
		lw.closers = open[:i:i] // what goes wrong meanwhile closes the others
		open[i].close(err)
	}
	lw.closers = open
}

// endScope closes what is open from the n-th closer on at the scope's end.
func (lw *lowerer) endScope(n int) {
	lw.closeFrom(n, Nil)
	lw.closers = lw.closers[:n]
}

// closeVar registers a <close> variable.
func (lw *lowerer) closeVar(l *syntax.Local, v Value) {
	v = lw.resolve(v)
	if c, ok := v.(Const); ok && !lua.LVAsBool(c.V) {
		return
	}
	if _, bad := v.(Bad); bad {
		return
	}
	if r, ok := v.(Ref); ok && r.Loan != nil {
		lw.closers = append(lw.closers, closer{func(Value) { lw.closeLoan(r.Loan) }})
		return
	}
	f, ok := lw.metamethod(v, "__close").(*Closure)
	if !ok {
		lw.errorf(l, diag.NotClosable, "variable '%s' got %s, which has no __close to call at the end of its scope", l.Name, describe(v))
		return
	}
	at := l.Range
	file, fileNo := lw.file, lw.fileNo
	lw.closers = append(lw.closers, closer{func(err Value) {
		f0, n0 := lw.file, lw.fileNo
		lw.file, lw.fileNo = file, fileNo
		lw.call(f, []Value{v, err}, at, false)
		lw.file, lw.fileNo = f0, n0
	}})
}

// metamethod returns what v's metatable has under name, nil if nothing.
func (lw *lowerer) metamethod(v Value, name string) Value {
	switch v := v.(type) {
	case *Table:
		switch m := v.meta.(type) {
		case *Table:
			return m.fields[lua.LString(name)].get()
		case Const:
			if t, ok := m.V.(*lua.LTable); ok {
				return lw.constant(t.RawGetString(name))
			}
		}
	case Const:
		if t, ok := v.V.(*lua.LTable); ok {
			if m, ok := t.Metatable.(*lua.LTable); ok {
				return lw.constant(m.RawGetString(name))
			}
		}
	}
	return Nil
}

// setMetatable is setmetatable(t, mt) for a table made in the kernel stage.
func (lw *lowerer) setMetatable(e *syntax.Call, args []Value) Value {
	t, ok := lw.resolve(args[0]).(*Table)
	if !ok {
		return lw.errorf(e.Args[0], diag.NotATable, "'setmetatable' needs a table made in the kernel, not %s", describe(args[0]))
	}
	m := lw.resolve(args[1])
	switch x := m.(type) {
	case *Table:
	case Const:
		if _, isTable := x.V.(*lua.LTable); !isTable && !isNil(x) {
			return lw.errorf(e, diag.NotATable, "a metatable is a table, not %s", describe(m))
		}
	default:
		return lw.errorf(e, diag.NotATable, "a metatable is a table, not %s", describe(m))
	}
	t.meta = m
	return t
}

// inherited is what a table without a field has of it through __index.
func (lw *lowerer) inherited(e *syntax.Index, t, key Value) Value {
	switch from := lw.metamethod(t, "__index").(type) {
	case *Closure:
		v, _ := lw.resolve(lw.call(from, []Value{t, key}, e.Range, false)).(Value)
		return v
	case Const:
		if up, ok := from.V.(*lua.LTable); ok {
			return lw.constField(e, up, key)
		}
	case *Table:
		return lw.field(e, from, key)
	}
	return Nil
}
