package script

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// maxParams is how many parameters registers hold.
const maxParams = 5

// leadPrototype reads the C prototype of a function to link against.
func leadPrototype(st *Stage, L *lua.LState, p *Program) int {
	text := st.leadString(L, 1, "the function's C prototype, as in 'int f(void *ctx)'")
	st.spend(L, int64(len(text)))
	proto, err := st.types.Prototype(text)
	if err != nil {
		file, n := st.callerNode(L)
		e := st.typeError(err, text, file, n)
		st.failAt(L, &failure{code: e.Code, span: e.Span, msg: e.Msg})
	}
	if n := len(proto.Type.Params); n > maxParams {
		st.failOn(L, L.Get(1), diag.BadDeclaration, "function '%s' has %d parameters; programs can pass %d", proto.Name, n, maxParams)
	}
	for i, a := range proto.Type.Params {
		if a.Name == "" || !ctype.IsScalar(a.Type) && !ctype.IsPointer(a.Type) || ctype.IsFloat(a.Type) {
			st.failOn(L, L.Get(1), diag.BadDeclaration, "parameter %d of '%s' must have a name and be a number or a pointer", i+1, proto.Name)
		}
	}
	if r := proto.Type.Return; !ctype.IsScalar(r) && !ctype.IsVoid(r) {
		st.failOn(L, L.Get(1), diag.BadDeclaration, "function '%s' must return a number, or nothing", proto.Name)
	}
	p.Proto, p.given = proto, proto.Name
	return 2
}
