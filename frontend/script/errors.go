package script

import (
	"fmt"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// failure is an error of ours as a Lua error value: one that has a code.
type failure struct {
	code diag.Code
	span diag.Span
	msg  string
	note *diag.Note
}

// fail raises an error of the given kind at the call now running.
func (st *Stage) fail(L *lua.LState, code diag.Code, format string, args ...any) {
	st.failAt(L, &failure{code: code, span: st.caller(L), msg: fmt.Sprintf(format, args...)})
}

func (st *Stage) failAt(L *lua.LState, f *failure) {
	u := L.NewUserData()
	u.Value = f
	u.Metatable = st.failureMeta
	L.Error(u, 0)
}

// frameNode returns the number of the node that a frame is at, 0 for a library
// function; false when there is no such frame.
func frameNode(L *lua.LState, level int) (int, bool) {
	dbg, ok := L.GetStack(level)
	if !ok {
		return 0, false
	}
	if _, err := L.GetInfo("l", dbg, lua.LNil); err != nil || dbg.CurrentLine < 1 {
		return 0, true
	}
	return dbg.CurrentLine, true
}

// caller returns the place of the innermost frame written in Lua.
func (st *Stage) caller(L *lua.LState) diag.Span {
	for level := 0; level < 64; level++ {
		id, ok := frameNode(L, level)
		if !ok {
			break
		}
		if id > 0 {
			return st.nodeSpan(id)
		}
	}
	return diag.Span{}
}

// nodeSpan returns the place of node number id.
func (st *Stage) nodeSpan(id int) diag.Span {
	if id < 1 || id > st.nodes.len() {
		return diag.Span{}
	}
	n := st.nodes.at(id)
	return n.n.Bounds().In(n.file)
}

// cutMark cuts a place as the VM writes it from the front of s.
func cutMark(s string) (id int, rest string, ok bool) {
	tail, ok := strings.CutPrefix(s, sourceName+":")
	if !ok {
		return 0, s, false
	}
	num, tail, ok := strings.Cut(tail, ":")
	if !ok {
		return 0, s, false
	}
	id, err := strconv.Atoi(num)
	if err != nil {
		return 0, s, false
	}
	return id, strings.TrimPrefix(tail, " "), true
}

// readable replaces places as the VM writes them by file:line: and the VM's
// messages by ours. It is what a script gets to see of an error.
func (st *Stage) readable(v lua.LValue) lua.LValue {
	switch v := v.(type) {
	case lua.LString:
		id, msg, ok := cutMark(string(v))
		if !ok {
			return lua.LString(plainMessage(string(v)))
		}
		msg = st.message(id, msg)
		if line, _ := st.nodeSpan(id).Position(); line > 0 {
			msg = fmt.Sprintf("%s:%d: %s", st.nodes.at(id).file.Name, line, msg)
		}
		return lua.LString(msg)
	case *lua.LUserData:
		if f, ok := v.Value.(*failure); ok {
			line, _ := f.span.Position()
			if line == 0 {
				return lua.LString(f.msg)
			}
			return lua.LString(fmt.Sprintf("%s:%d: %s", f.span.File.Name, line, f.msg))
		}
	}
	return v
}

// report reports an error that nothing caught.
func (st *Stage) report(err error) {
	ae, ok := err.(*lua.ApiError)
	if !ok {
		st.reporter.Errorf(diag.ScriptError, diag.Span{}, "%s", err)
		return
	}
	trace := st.trace(ae.StackTrace)
	var d *diag.Diagnostic
	switch v := ae.Object.(type) {
	case *lua.LUserData:
		if f, ok := v.Value.(*failure); ok {
			d = st.reporter.Errorf(f.code, f.span, "%s", f.msg)
			if f.note != nil {
				d.Note(f.note.Span, "%s", f.note.Message)
			}
		}
	case lua.LString:
		id, msg, ok := cutMark(string(v))
		switch {
		case ok:
			msg = st.message(id, msg)
		case len(trace) > 0:
			id, msg = trace[0], plainMessage(msg)
		}
		d = st.reporter.Errorf(diag.ScriptError, firstLine(st.nodeSpan(id)), "%s", firstLineOf(msg))
	}
	if d == nil {
		id := 0
		if len(trace) > 0 {
			id = trace[0]
		}
		d = st.reporter.Errorf(diag.ScriptError, firstLine(st.nodeSpan(id)), "the script raised an error value: %s", describe(ae.Object))
	}
	st.addTrace(d, trace)
}

func firstLineOf(msg string) string {
	msg, _, _ = strings.Cut(msg, "\n")
	if msg == "" {
		return "the script raised an error without a message"
	}
	return msg
}

// describe names a value that was raised as an error.
func describe(v lua.LValue) string {
	switch v.(type) {
	case *lua.LNilType, lua.LBool, lua.LNumber:
		return v.String()
	}
	return "a " + v.Type().String()
}

// trace returns the nodes named in the VM's stack trace, innermost first.
func (st *Stage) trace(s string) []int {
	var ids []int
	for _, line := range strings.Split(s, "\n") {
		if id, _, ok := cutMark(strings.TrimSpace(line)); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// maxTrace is how many calls are shown above an error.
const maxTrace = 4

// addTrace adds the calls that led to d, from the second place of the trace on.
func (st *Stage) addTrace(d *diag.Diagnostic, trace []int) {
	line, _ := d.Span.Position()
	for i, id := range trace {
		if i > maxTrace {
			break
		}
		sp := firstLine(st.nodeSpan(id))
		l, _ := sp.Position()
		if sp.IsZero() || sp.File == d.Span.File && l == line {
			continue
		}
		line = l
		d.Note(sp, "called from here")
	}
}

// message puts one of the VM's messages in Lua's words, with the name of what
// the node at fault works on.
func (st *Stage) message(id int, msg string) string {
	var n syntax.Node
	if id >= 1 && id <= st.nodes.len() {
		n = st.nodes.at(id).n
	}
	switch {
	case strings.HasPrefix(msg, "attempt to index a non-table object("):
		typ, _, _ := strings.Cut(strings.TrimPrefix(msg, "attempt to index a non-table object("), ")")
		return "attempt to index a " + typ + " value" + st.nameOf(indexed(n))
	case msg == "attempt to call a non-function object":
		if c, ok := n.(*syntax.Call); ok {
			return "attempt to call a value that is not a function" + st.nameOf(c.Fn)
		}
		if c, ok := n.(*syntax.MethodCall); ok {
			return "attempt to call a value that is not a function (method '" + c.Name + "')"
		}
		return "attempt to call a value that is not a function"
	case strings.HasPrefix(msg, "cannot perform "):
		return arithMessage(st, n, msg)
	case msg == "__unm undefined":
		return "attempt to perform arithmetic on a value that is not a number" + st.nameOf(operand(n))
	case msg == "__len undefined":
		return "attempt to get the length of a value that has none" + st.nameOf(operand(n))
	}
	return plainMessage(msg)
}

// arithMessage rewrites "cannot perform add operation between nil and number".
func arithMessage(st *Stage, n syntax.Node, msg string) string {
	_, types, _ := strings.Cut(msg, " between ")
	l, r, _ := strings.Cut(types, " and ")
	typ, right := l, false
	if l == "number" {
		typ, right = r, true
	}
	var x syntax.Expr
	if b, ok := n.(*syntax.Binary); ok {
		x = b.L
		if right {
			x = b.R
		}
	}
	if typ == "userdata" {
		typ = "cdata"
	}
	return "attempt to perform arithmetic on a " + typ + " value" + st.nameOf(x)
}

// plainMessage translates messages that name no place.
func plainMessage(msg string) string {
	switch {
	case strings.Contains(msg, "lua callstack overflow"), strings.Contains(msg, "registry overflow"):
		return "stack overflow: functions call each other too deep"
	}
	return strings.ReplaceAll(msg, sourceName+":", "")
}

func indexed(n syntax.Node) syntax.Expr {
	switch n := n.(type) {
	case *syntax.Index:
		return n.Obj
	case *syntax.MethodCall:
		return n.Recv
	}
	return nil
}

func operand(n syntax.Node) syntax.Expr {
	if u, ok := n.(*syntax.Unary); ok {
		return u.X
	}
	return nil
}

// nameOf says what an expression is called: " (global 'x')".
func (st *Stage) nameOf(e syntax.Expr) string {
	switch e := e.(type) {
	case *syntax.Name:
		if e.Local != nil {
			return " (local '" + e.Name + "')"
		}
		return " (global '" + e.Name + "'" + st.meant(e.Name) + ")"
	case *syntax.Index:
		if k, ok := e.Key.(*syntax.StringExpr); ok {
			if o, ok := e.Obj.(*syntax.Index); ok && e.Dot && isBPFOpt(o) {
				return " (option '" + k.Value + "', which -D " + k.Value + "=VALUE sets, and bpf.option gives a default)"
			}
			if near := st.LibraryMeant(e); near != "" {
				return near
			}
			return " (field '" + k.Value + "')"
		}
	}
	return ""
}

// isBPFOpt reports whether e is bpf.opt.
func isBPFOpt(e *syntax.Index) bool {
	k, ok := e.Key.(*syntax.StringExpr)
	n, isName := e.Obj.(*syntax.Name)
	return ok && isName && n.Name == "bpf" && k.Value == "opt"
}

// meant proposes the global that an unknown name was probably meant to be.
func (st *Stage) meant(name string) string {
	if st.vm.G.Global.RawGetString(name) != lua.LNil {
		return ""
	}
	var names []string
	st.vm.G.Global.ForEach(func(k, _ lua.LValue) { names = append(names, k.String()) })
	if near := diag.Closest(name, names); near != "" {
		return ", did you mean '" + near + "'?"
	}
	return ""
}
