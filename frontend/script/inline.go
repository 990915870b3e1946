package script

import lua "github.com/yuin/gopher-lua"

// Inlining says whether a function is inlined where the kernel stage calls it.
type Inlining uint8

// What bpf.inline and bpf.noinline ask for.
const (
	InlineAuto  Inlining = iota // as the compiler sees fit
	InlineYes                   // always
	InlineNever                 // a function of the object, if that is possible
)

func (st *Stage) bpfInline(L *lua.LState) int   { return st.setInlining(L, InlineYes) }
func (st *Stage) bpfNoinline(L *lua.LState) int { return st.setInlining(L, InlineNever) }

// setInlining notes what is asked for and returns the function.
func (st *Stage) setInlining(L *lua.LState, how Inlining) int {
	f := L.CheckFunction(1)
	if st.inlining == nil {
		st.inlining = map[*lua.LFunction]Inlining{}
	}
	st.inlining[f] = how
	L.Push(f)
	return 1
}

// Inlining returns what the script asked for f.
func (st *Stage) Inlining(f *lua.LFunction) Inlining { return st.inlining[f] }

// Library returns a module of the stage's own, bpf or ffi.
func (st *Stage) Library(name string) *lua.LTable {
	t, _ := st.loaded.RawGetString(name).(*lua.LTable)
	return t
}
