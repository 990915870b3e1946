package script

import (
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// baseLoad collects the pieces that a function returns, as 5.1 has it, or takes
// a string, as later Luas do.
func (st *Stage) baseLoad(L *lua.LState) int {
	if s, ok := L.Get(1).(lua.LString); ok {
		return st.loadText(L, string(s), L.OptString(2, "=(load)"))
	}
	f := L.CheckFunction(1)
	b := st.builder(L)
	defer b.close()
	for {
		L.Push(f)
		L.Call(0, 1)
		s, ok := L.Get(-1).(lua.LString)
		L.Pop(1)
		if !ok || s == "" {
			break
		}
		b.add(string(s))
	}
	return st.loadText(L, b.b.String(), L.OptString(2, "=(load)"))
}

func (st *Stage) baseLoadstring(L *lua.LState) int {
	s := L.CheckString(1)
	return st.loadText(L, s, L.OptString(2, s))
}

// What a loaded chunk takes, at least and for each byte of source. It is never
// given back: errors may need it.
const (
	loadedChunk = 4096
	loadedBytes = 64
)

// loadText makes a function of Lua text, or returns nil and what is wrong.
func (st *Stage) loadText(L *lua.LState, text, name string) int {
	st.alloc(L, int64(len(text))*loadedBytes+loadedChunk)
	st.bounds.kept += int64(len(text))*loadedBytes + loadedChunk
	file := diag.NewFile(chunkName(name), text)
	var r diag.Reporter
	ch := syntax.Parse(file, &r)
	saved := st.reporter
	st.reporter = &r
	var fn *lua.LFunction
	if r.Errors() == 0 {
		fn, _ = st.load(ch)
	}
	st.reporter = saved
	if l, ok := diag.AsList(r.Err()); ok {
		L.Push(lua.LNil)
		line, _ := l[0].Span.Position()
		L.Push(lua.LString(fmt.Sprintf("%s:%d: %s", file.Name, line, l[0].Message)))
		return 2
	}
	L.Push(fn)
	return 1
}

// chunkName is how Lua shows the name of a chunk.
func chunkName(name string) string {
	if rest, ok := strings.CutPrefix(name, "="); ok {
		return rest
	}
	if rest, ok := strings.CutPrefix(name, "@"); ok {
		return rest
	}
	line, _, cut := strings.Cut(name, "\n")
	if len(line) > 40 {
		line, cut = line[:40], true
	}
	if cut {
		line += "..."
	}
	return `[string "` + line + `"]`
}

func (st *Stage) baseFile(L *lua.LState) int {
	L.RaiseError("the script stage reads no files but modules: use require")
	return 0
}
