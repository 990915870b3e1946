package script

import (
	"errors"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// Where a C text goes wrong is known in the text; a person wants the place in
// the script. The text is nearly always a literal of the call that was given it,
// so the literal is looked for there, and failing that in the whole script.

// Types returns the C types that the script has declared so far.
func (st *Stage) Types() *ctype.Scope { return st.types }

// newTypes returns the scope of the stage's C types.
func (st *Stage) newTypes() *ctype.Scope {
	sc := ctype.NewScope(st.opts.BigEndian)
	sc.Kernel = st.opts.Kernel
	sc.Constant = func(name string) (int64, bool) {
		c, ok := findConstant(name)
		return c.value, ok
	}
	return sc
}

// TypeError is what is wrong with a C text: at Span, which lies inside the
// literal if the text is one.
type TypeError struct {
	Code diag.Code
	Span diag.Span
	Msg  string
}

// Error says what is wrong, without the place.
func (e *TypeError) Error() string { return e.Msg }

// TypeOf returns the C type that v names as text, as a ctype, or as a value of
// that type. file and n are where v was written.
func (st *Stage) TypeOf(v lua.LValue, file *diag.File, n syntax.Node) (ctype.Type, *TypeError) {
	if c, ok := ToCType(v); ok {
		return c.Type, nil
	} else if t := dataType(v); t != nil {
		return t, nil
	}
	s, ok := v.(lua.LString)
	if !ok {
		return nil, &TypeError{diag.UnknownType, n.Bounds().In(file), "C type expected, got " + typeName(v)}
	}
	t, err := st.types.Type(string(s))
	if err != nil {
		return nil, st.typeError(err, string(s), file, n)
	}
	if strings.ContainsAny(string(s), "{?") { // types that the scope keeps
		st.bounds.kept += 16 * int64(len(s))
	}
	return t, nil
}

// typeError places an error of the C parser.
func (st *Stage) typeError(err error, text string, file *diag.File, n syntax.Node) *TypeError {
	var e *ctype.Error
	if !errors.As(err, &e) {
		return &TypeError{diag.BadCDeclaration, n.Bounds().In(file), err.Error()}
	}
	if sp, ok := st.textSpan(text, e.Offset, file, n); ok {
		return &TypeError{e.Code, sp, e.Msg}
	}
	msg := e.Msg
	if e.Line > 1 || e.Column > 1 {
		msg = fmt.Sprintf("%s (line %d, column %d of the C text)", e.Msg, e.Line, e.Column)
	}
	return &TypeError{e.Code, n.Bounds().In(file), msg}
}

// textSpan returns the place of text's byte off in the script.
func (st *Stage) textSpan(text string, off int, file *diag.File, n syntax.Node) (sp diag.Span, ok bool) {
	visit := func(f *diag.File) func(syntax.Node) bool {
		return func(n syntax.Node) bool {
			if lit, isLit := n.(*syntax.StringExpr); isLit && !ok && lit.Value == text {
				sp, ok = literalSpan(f, lit.Bounds(), text, off)
			}
			return !ok
		}
	}
	if file != nil {
		syntax.Inspect(n, visit(file))
	}
	for _, ch := range st.chunks {
		if !ok && len(text) > 16 {
			syntax.Inspect(ch.Func, visit(ch.File))
		}
	}
	return sp, ok
}

// literalSpan returns the place of byte off of the string that the literal at r
// stands for, if no escape comes before it.
func literalSpan(f *diag.File, r syntax.Range, text string, off int) (diag.Span, bool) {
	src := f.Text[r.Start:r.End]
	start := 1
	if strings.HasPrefix(src, "[") {
		start = strings.IndexByte(src[1:], '[') + 2
		for _, nl := range []string{"\r\n", "\n\r", "\n", "\r"} {
			if strings.HasPrefix(src[start:], nl) {
				start += len(nl)
				break
			}
		}
	}
	if len(src) < start+off || src[start:start+off] != text[:off] {
		return diag.Span{}, false
	}
	end := off
	for end < len(text) && isWordByte(text[end]) && start+end < len(src) {
		end++
	}
	at := r.Start + start
	return diag.Span{File: f, Start: at + off, End: at + max(end, off+1)}, true
}

func isWordByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// callerNode returns the node that the innermost frame written in Lua is at.
func (st *Stage) callerNode(L *lua.LState) (*diag.File, syntax.Node) {
	for level := range 64 {
		id, ok := frameNode(L, level)
		if !ok {
			break
		}
		if id > 0 && id <= st.nodes.len() {
			return st.nodes.at(id).file, st.nodes.at(id).n
		}
	}
	return nil, syntax.Range{}
}

// checkType is an argument that names a C type: as text, as a ctype, or as a
// value of that type.
func (st *Stage) checkType(L *lua.LState, i int) ctype.Type {
	v := L.Get(i)
	switch v.(type) {
	case lua.LString, *lua.LUserData:
	default:
		L.ArgError(i, "C type expected, got "+argType(L, i))
	}
	return st.typeValue(L, v)
}

// typeValue is the C type that v names.
func (st *Stage) typeValue(L *lua.LState, v lua.LValue) ctype.Type {
	if s, ok := v.(lua.LString); ok {
		st.spend(L, int64(len(s)))
	}
	file, n := st.callerNode(L)
	t, err := st.TypeOf(v, file, n)
	if err != nil {
		st.failAt(L, &failure{code: err.Code, span: err.Span, msg: err.Msg})
	}
	return t
}

// ffiCdef is ffi.cdef(text).
func (st *Stage) ffiCdef(L *lua.LState) int {
	text := L.CheckString(1)
	st.alloc(L, 16*int64(len(text)))
	st.bounds.kept += 16 * int64(len(text))
	if err := st.types.Declare(text); err != nil {
		file, n := st.callerNode(L)
		e := st.typeError(err, text, file, n)
		st.failAt(L, &failure{code: e.Code, span: e.Span, msg: e.Msg})
	}
	return 0
}

// openEnumerators lets a script read the constants of its C declarations as it
// does the predefined ones: where no global has the name.
func (st *Stage) openEnumerators() {
	meta := st.vm.NewTable()
	meta.RawSetString("__index", st.vm.NewFunction(func(L *lua.LState) int {
		name, ok := L.Get(2).(lua.LString)
		e, found := st.types.Enumerator(string(name))
		if !ok || !found {
			L.Push(lua.LNil)
			return 1
		}
		L.Push(st.enumerator(e))
		return 1
	}))
	st.vm.G.Global.Metatable = meta
}
