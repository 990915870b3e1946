package lower

import (
	"math"

	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Tail calls: control goes to a program that a prog_array map holds, and does
// not come back. Where the map holds none, the program goes on: progs[i](ctx)
// then is the kind's default verdict, bpf.tail_call(progs, i) nothing.

// progArray returns the prog_array that e, the function of a call, indexes.
func (lw *lowerer) progArray(e syntax.Expr) (*script.Map, *syntax.Index) {
	x, ok := e.(*syntax.Index)
	if !ok || x.Dot {
		return nil, nil
	}
	m, ok := asMap(lw.peek(x.Obj))
	if !ok || m.Type.Ops&kernel.MapTailCall == 0 {
		return nil, nil
	}
	return m, x
}

// callProgram evaluates progs[i](ctx).
func (lw *lowerer) callProgram(e *syntax.Call, m *script.Map, x *syntax.Index) Value {
	key := lw.expr(x.Key)
	for _, a := range e.Args {
		if v := lw.expr(a); lw.b.Block != nil {
			if _, ok := lw.resolve(v).(Context); !ok || len(e.Args) > 1 {
				return lw.errorf(a, diag.WrongArguments, "a program is called with the context of this one and nothing else")
			}
		}
	}
	if lw.b.Block == nil || !lw.tailCall(e, m, x.Key, key) {
		return Bad{}
	}
	return Int{V: lw.b.Const(lw.prog.Kind.Default)}
}

// tailCallStmt is bpf.tail_call(progs, i).
func (lw *lowerer) tailCallStmt(e *syntax.Call, args []Value) Value {
	m, ok := asMap(lw.resolve(args[0]))
	if !ok || m.Type.Ops&kernel.MapTailCall == 0 {
		return lw.errorf(e.Args[0], diag.WrongArguments, "'bpf.tail_call' needs a map of the type prog_array, not %s", describe(args[0]))
	}
	if !lw.tailCall(e, m, e.Args[1], args[1]) {
		return Bad{}
	}
	return Tuple{}
}

// tailCall calls the helper. An index beyond 32 bits is no slot; the helper
// would look at its lower half.
func (lw *lowerer) tailCall(n syntax.Node, m *script.Map, keyNode syntax.Node, key Value) bool {
	i, ok := lw.intOf(keyNode, key, "the index of a program")
	if !ok {
		return false
	}
	switch {
	case len(lw.closers) > 0:
		lw.errorf(n, diag.BadTailCall, "a tail call does not come back to close what is open here")
		return false
	case lw.inShort:
		lw.errorf(n, diag.BadTailCall, "an on_short function can't call another program")
		return false
	case lw.subDepth > 0: // it would come back to the caller; this is inlined then
		lw.errorf(n, diag.BadTailCall, "a tail call must be in the program's main function")
		return false
	}
	lw.at(n)
	lw.flush()
	call := func() {
		lw.helper(n, "tail_call", ir.I64, lw.ctx, lw.mapRef(m), i.V)
	}
	if r := span(i.V); r.lo >= 0 && r.hi <= math.MaxUint32 {
		call()
		return true
	}
	mark := lw.mark()
	yes, no := lw.branch(lw.b.Op(ir.OpULe, i.V, lw.b.Const(math.MaxUint32)), mark)
	if yes.block != nil {
		lw.open(yes)
		call()
		yes = lw.leave(mark)
	}
	lw.join([]edge{yes, no})
	return true
}
