package script

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/ir"
)

// protected calls the function below its n arguments on the stack and returns
// what it raised. The VM's own PCall writes out every frame of the stack for
// each error, looking for each from the top; so errors get a short trace of ours
// before they reach it.
func (st *Stage) protected(L *lua.LState, n int) error {
	fn := L.Get(-n - 1)
	L.Insert(L.NewFunction(func(L *lua.LState) int {
		defer func() {
			if r := recover(); r != nil {
				if e, ok := r.(runtime.Error); ok {
					st.noteBug(e)
				}
				panic(traced(L, r))
			}
		}()
		L.Panic = func(L *lua.LState) { panic(traced(L, &lua.ApiError{Type: lua.ApiErrorRun, Object: L.Get(-1)})) }
		args := L.GetTop()
		L.Push(fn)
		for i := 1; i <= args; i++ {
			L.Push(L.Get(i))
		}
		L.Call(args, lua.MultRet)
		return L.GetTop() - args
	}), L.GetTop()-n)
	L.Remove(L.GetTop() - n)
	return L.PCall(n, lua.MultRet, nil)
}

// traceFrames is how many frames of the stack an error names.
const traceFrames = 12

// traced makes what was raised an error with a trace.
func traced(L *lua.LState, raised any) *lua.ApiError {
	e, ok := raised.(*lua.ApiError)
	if !ok {
		e = &lua.ApiError{Type: lua.ApiErrorPanic, Object: lua.LString(fmt.Sprint(raised))}
	}
	if e.StackTrace != "" {
		return e
	}
	var b strings.Builder
	b.WriteString("trace:\n")
	for level := 0; level < traceFrames; level++ {
		id, ok := frameNode(L, level)
		if !ok {
			break
		}
		if id > 0 {
			fmt.Fprintf(&b, "%s:%d:\n", sourceName, id)
		}
	}
	e.StackTrace = b.String()
	return e
}

// noteBug notes that the compiler has panicked below the VM, which catches
// panics. The stage ends, and Run panics in turn.
func (st *Stage) noteBug(r any) {
	if st.bug == nil {
		b, ok := r.(*ir.Bug)
		if !ok {
			b = &ir.Bug{Msg: fmt.Sprintf("%v\n%s", r, debug.Stack())}
		}
		st.bug = b
	}
	if st.bounds.stop == nil {
		st.bounds.stop = &stop{}
	}
}

// declare calls f, a method of the host, for L's script.
func (st *Stage) declare(L *lua.LState, f func()) {
	was := st.current
	st.current = L
	defer func() {
		st.current = was
		if r := recover(); r != nil {
			st.noteBug(r)
			st.goOn(L)
		}
	}()
	f()
}
