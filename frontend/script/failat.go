package script

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// failOn raises an error at the argument of the call now running that is v, or
// that has v in it; at the call if that is not to be seen in the text.
func (st *Stage) failOn(L *lua.LState, v lua.LValue, code diag.Code, format string, args ...any) {
	st.failAt(L, &failure{code: code, span: st.argumentSpan(L, v, ""), msg: fmt.Sprintf(format, args...)})
}

// failKey raises an error at the field called name of a table that is an
// argument of the call now running.
func (st *Stage) failKey(L *lua.LState, name string, code diag.Code, format string, args ...any) {
	st.failAt(L, &failure{code: code, span: st.argumentSpan(L, nil, name), msg: fmt.Sprintf(format, args...)})
}

// argumentSpan is the place of the argument that is v, of the field of one that
// is v, or, where v is nil, of the key called name.
func (st *Stage) argumentSpan(L *lua.LState, v lua.LValue, name string) diag.Span {
	file, n := st.callerNode(L)
	call, ok := n.(*syntax.Call)
	if !ok || v == lua.LNil {
		return st.caller(L)
	}
	for i, a := range call.Args {
		if v != nil && i < L.GetTop() && L.Get(i+1) == v {
			return a.Bounds().In(file)
		}
	}
	for i, a := range call.Args {
		t, isTable := L.Get(i + 1).(*lua.LTable)
		text, written := a.(*syntax.TableExpr)
		if !isTable || !written {
			continue
		}
		if at, ok := fieldSpan(t, text, v, name); ok {
			return at.In(file)
		}
	}
	return st.caller(L)
}

// fieldSpan is the place of a field's value v, or of the key called name, in the
// text of t.
func fieldSpan(t *lua.LTable, text *syntax.TableExpr, v lua.LValue, name string) (syntax.Range, bool) {
	position := 0
	for _, f := range text.Fields {
		if f.Key == nil {
			if position++; v != nil && t.RawGetInt(position) == v {
				return f.Value.Bounds(), true
			}
			continue
		}
		k, ok := f.Key.(*syntax.StringExpr)
		switch {
		case !ok:
		case v == nil && k.Value == name:
			return k.Bounds(), true
		case v != nil && t.RawGetString(k.Value) == v:
			return f.Value.Bounds(), true
		}
	}
	return syntax.Range{}, false
}

// asText names a value in a message: the value itself if it is short.
func asText(v lua.LValue) string {
	switch x := v.(type) {
	case lua.LNumber, lua.LBool, *lua.LNilType:
		return v.String()
	case lua.LString:
		if len(x) <= 32 {
			return "'" + string(x) + "'"
		}
	}
	return article(typeName(v))
}
