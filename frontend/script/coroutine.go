package script

import (
	"context"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/syntax"
)

// openCoroutine makes the coroutine library: the VM's, with the stage's own
// clock in each thread, a limit to nesting, and yields only where the VM can
// make them.
func (st *Stage) openCoroutine() {
	lua.OpenCoroutine(st.vm)
	vms := st.vm.Get(-1).(*lua.LTable)
	st.vm.Pop(1)
	vm := func(name string) lua.LGFunction { return vms.RawGetString(name).(*lua.LFunction).GFunction }
	create, resume := vm("create"), vm("resume")

	newThread := func(L *lua.LState) *lua.LState {
		if f := L.CheckFunction(1); f.IsG {
			L.ArgError(1, "Lua function expected")
		}
		st.alloc(L, threadBytes)
		create(L)
		th := L.Get(-1).(*lua.LState)
		th.SetContext(clock{context.Background(), st})
		return th
	}
	// run resumes the thread at index 1 and returns how many results it pushed,
	// the first of which says whether it went well.
	run := func(L *lua.LState) int {
		if status := resumable(L, L.CheckThread(1)); status != "" {
			L.Push(lua.LFalse)
			L.Push(lua.LString("cannot resume " + status + " coroutine"))
			return 2
		}
		st.enter(L)
		defer st.leave()
		n := resume(L)
		if st.bounds.stop != nil {
			st.goOn(L)
		}
		return n
	}
	st.module("coroutine", map[string]libFunc{
		"create": func(L *lua.LState) int {
			newThread(L)
			return 1
		},
		"resume": func(L *lua.LState) int {
			L.CheckThread(1)
			n := run(L)
			if n >= 2 && L.Get(-n) == lua.LFalse {
				L.Replace(-1, st.readable(L.Get(-1)))
			}
			return n
		},
		"wrap": func(L *lua.LState) int {
			th := newThread(L)
			L.Push(L.NewFunction(func(L *lua.LState) int {
				L.Insert(th, 1)
				n := run(L)
				if L.Get(-n) == lua.LFalse {
					L.Error(L.Get(-1), 0)
				}
				return n - 1
			}))
			return 1
		},
		"yield":   func(L *lua.LState) int { return st.yield(L) },
		"running": vm("running"),
		"status":  vm("status"),
	})
}

// resumable says why a coroutine can't be resumed, "" if it can.
func resumable(L, th *lua.LState) string {
	switch {
	case th.Dead:
		return "dead"
	case th == L:
		return "running"
	}
	for p := L.Parent; p != nil; p = p.Parent {
		if p == th {
			return "normal"
		}
	}
	return ""
}

// yield gives up the running coroutine, if only calls written in Lua are
// between it and here: not a library function, a metamethod or an iterator.
func (st *Stage) yield(L *lua.LState) int {
	if L.Parent == nil {
		L.RaiseError("attempt to yield from outside a coroutine")
	}
	for level := 1; ; level++ {
		id, ok := frameNode(L, level)
		if !ok {
			return -1
		}
		if id > 0 {
			switch st.nodes.at(id).n.(type) {
			case *syntax.Call, *syntax.MethodCall:
				continue
			}
		}
		L.RaiseError("attempt to yield across a library function, metamethod or iterator")
	}
}
