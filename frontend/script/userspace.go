package script

import (
	"errors"
	"maps"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// userModules are the library modules that only user space has, and what is in
// them. Of syscall anything is.
var userModules = map[string][]string{
	"io": {"close", "flush", "input", "lines", "open", "output", "popen", "read", "tmpfile", "type", "write",
		"stdin", "stdout", "stderr"},
	"os": {"clock", "date", "difftime", "execute", "exit", "getenv", "remove", "rename", "setlocale", "time", "tmpname"},
}

// object is something of user space: indexing it gives another one, calling it
// is an operation.
type object struct{ name string }

// openUserSpace makes the modules whose every use is a user-space operation.
func (st *Stage) openUserSpace() {
	meta := st.vm.NewTable()
	meta.RawSetString("__index", st.vm.NewFunction(func(L *lua.LState) int {
		o := L.CheckUserData(1).Value.(object)
		L.Push(st.userdata(object{o.name + "." + L.Get(2).String()}, meta))
		return 1
	}))
	call := st.vm.NewFunction(func(L *lua.LState) int {
		o := L.CheckUserData(1).Value.(object)
		L.Remove(1)
		return st.userSpace(L, o.name+"()", o.name, nil)
	})
	meta.RawSetString("__call", call)
	meta.RawSetString("__metatable", lua.LString("user space"))
	for _, mod := range slices.Sorted(maps.Keys(userModules)) {
		t := st.vm.NewTable()
		for _, n := range userModules[mod] {
			switch name := mod + "." + n; n {
			case "stdin", "stdout", "stderr":
				t.RawSetString(n, st.userdata(object{name}, meta))
			default:
				t.RawSetString(n, st.function(name, func(L *lua.LState) int { return st.userSpace(L, name+"()", name, nil) }))
			}
		}
		st.vm.G.Global.RawSetString(mod, t)
		st.loaded.RawSetString(mod, t)
	}
	st.loaded.RawSetString("syscall", st.userdata(object{"syscall"}, meta))
}

// userSpace asks the host for the operation call, called name in messages, of
// user space on L's arguments.
func (st *Stage) userSpace(L *lua.LState, name, call string, on any) int {
	args := make([]lua.LValue, L.GetTop())
	for i := range args {
		args[i] = L.Get(i + 1)
	}
	op := Operation{Name: name, Call: call, On: on, Thread: L}
	if !st.live {
		st.noteReach(L)
		op.Span = firstLine(st.caller(L))
	}
	out, err := st.host.UserSpace(st, op, args)
	st.hostError(L, err)
	for _, v := range out {
		L.Push(v)
	}
	return len(out)
}

// hostError raises an error of the host's.
func (st *Stage) hostError(L *lua.LState, err error) {
	st.goOn(L)
	if errors.Is(err, ErrInterrupted) {
		st.failAt(L, &failure{span: st.caller(L), msg: err.Error()})
	}
	if err != nil {
		L.RaiseError("%s", err.Error())
	}
}

// noteReach notes how far each file has run: to the outermost call in it.
func (st *Stage) noteReach(L *lua.LState) {
	st.reach = map[*diag.File]int{}
	for t := L; t != nil; t = t.Parent {
		for level := 0; level < 1000; level++ {
			id, ok := frameNode(t, level)
			if !ok {
				break
			}
			if sp := st.nodeSpan(id); !sp.IsZero() {
				st.reach[sp.File] = sp.End
			}
		}
	}
}

// declaredAfter returns the first call behind pos that declares a map or a
// program.
func declaredAfter(ch *syntax.Chunk, pos int) *syntax.Call {
	var found *syntax.Call
	walk(ch.Func.Body, func(n syntax.Node) bool {
		c, ok := n.(*syntax.Call)
		if !ok || c.Start < pos || found != nil && c.Start >= found.Start {
			return true
		}
		fn := c.Fn
		if ix, ok := fn.(*syntax.Index); ok {
			if k, ok := ix.Key.(*syntax.StringExpr); !ok || !isDeclaring(k.Value) {
				return true
			}
			fn = ix.Obj
		}
		if name, ok := fn.(*syntax.Name); ok && name.Name == "bpf" {
			found = c
		}
		return true
	})
	return found
}
