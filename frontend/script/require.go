package script

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// maxNesting is how deep coroutines and modules may start one another.
const maxNesting = 64

// deepFrames is how many calls deep a coroutine may be started: each level of
// nesting may take as much of the Go stack as the deepest calls in it.
const deepFrames = 2000

// enter notes that a coroutine or module begins; leave that it is over.
func (st *Stage) enter(L *lua.LState) {
	if _, deep := L.GetStack(deepFrames); deep || st.nesting >= maxNesting {
		L.RaiseError("stack overflow: coroutines or modules start each other too deep")
	}
	st.nesting++
}

func (st *Stage) leave() { st.nesting-- }

// aliases are modules known by another name.
var aliases = map[string]string{"ljsyscall": "syscall"}

// loading marks a module that is being loaded.
type loading struct{}

func (st *Stage) baseRequire(L *lua.LState) int {
	name := L.CheckString(1)
	if to, ok := aliases[name]; ok {
		name = to
	}
	st.mention(name)
	v := st.loaded.RawGetString(name)
	if u, ok := v.(*lua.LUserData); ok {
		if _, ok := u.Value.(loading); ok {
			st.fail(L, diag.ModuleNotFound, "module '%s' requires itself", name)
		}
	}
	if v != lua.LNil {
		L.Push(v)
		return 1
	}
	if st.opts.Require == nil {
		st.fail(L, diag.ModuleNotFound, "module '%s' is not there%s", name, moduleMeant(name))
	}
	file, err := st.opts.Require(name)
	if err != nil {
		st.fail(L, diag.ModuleNotFound, "%s%s", err, moduleMeant(name))
	}
	return st.runModule(L, name, file)
}

// moduleMeant proposes one of our modules for a name close to it.
func moduleMeant(name string) string {
	if near := diag.Closest(name, []string{"bpf", "ffi", "bit", "syscall", "ljsyscall"}); near != "" {
		return " (did you mean '" + near + "'?)"
	}
	return ""
}

// runModule runs a module's file and returns what it returns.
func (st *Stage) runModule(L *lua.LState, name string, file *diag.File) int {
	st.enter(L)
	defer st.leave()
	st.bounds.kept += int64(len(file.Text)) * 4
	before := st.reporter.Errors()
	ch := syntax.Parse(file, st.reporter)
	if st.reporter.Errors() > before {
		st.halt(L, &stop{code: diag.ModuleNotFound, msg: "module '" + name + "' has errors"})
	}
	st.mention(file.Text)
	fn, err := st.load(ch)
	if err != nil {
		st.halt(L, &stop{code: diag.ModuleNotFound, msg: "module '" + name + "' has errors"})
	}
	st.chunks = append(st.chunks, ch)
	mark := L.NewUserData()
	mark.Value = loading{}
	st.loaded.RawSetString(name, mark)
	L.Push(fn)
	L.Push(lua.LString(name))
	L.Call(1, 1)
	v := L.Get(-1)
	L.Pop(1)
	if set := st.loaded.RawGetString(name); v == lua.LNil && set != lua.LValue(mark) {
		v = set
	}
	if v == lua.LNil {
		v = lua.LTrue
	}
	st.loaded.RawSetString(name, v)
	L.Push(v)
	return 1
}
