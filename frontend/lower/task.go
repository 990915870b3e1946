package lower

import (
	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// task evaluates task(): the current struct task_struct.
func (lw *lowerer) task(e *syntax.Call, _ []Value) Value {
	t, ok := lw.kernelType(e, "struct", "task_struct")
	if !ok {
		return Bad{}
	}
	lw.flush()
	if h := kernel.HelperByName("get_current_task_btf"); h.Available(lw.prog.Kind, lw.opts.Kernel) == nil {
		p := lw.helper(e, h.Name, ir.Ptr)
		if p == nil {
			return Bad{}
		}
		r := lw.viewOf(p, t, byLoad)
		r.Present = nil
		return r
	}
	n := lw.helper(e, "get_current_task", ir.I64)
	if n == nil {
		return Bad{}
	}
	r := lw.viewOf(lw.numPtr(n), t, byKernel)
	r.Present = nil
	return r
}

// kernelType returns a type that the script or BTF declares.
func (lw *lowerer) kernelType(n syntax.Node, kind, tag string) (ctype.Type, bool) {
	t, ok := lw.stage.Types().Tag(kind, tag)
	if !ok {
		lw.errorf(n, diag.UnknownType, "'%s %s' is not declared: %s", kind, tag, lw.noBTF())
	}
	return t, ok
}
