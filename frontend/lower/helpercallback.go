package lower

import (
	"github.com/cilium/ebpf/btf"

	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Functions of a script that the kernel calls by itself: when a timer expires, for
// the record that user space sent, for the memory area of an address.
//
// Such a function is compiled on its own, on the parameters that the kernel hands
// it. It runs apart from the program: no variables of the functions around it but
// constants, no context, no packet. What it has to say goes through maps and
// bpf.global.

// calledParam makes a parameter's value of its address; m is the helper's map.
type calledParam func(lw *lowerer, n syntax.Node, p *ir.Value, m *script.Map) Value

// calledParams are what helpers hand their callbacks. The last parameter of those
// that the program waits for is their frame, which is not used.
func calledParams(helper string) (params []calledParam, frame bool) {
	switch helper {
	case "timer_set_callback":
		return []calledParam{calledMap, calledKey, calledValue}, false
	case "find_vma":
		return []calledParam{calledObject("task_struct"), calledObject("vm_area_struct")}, true
	}
	return []calledParam{calledDynptr}, true // user_ringbuf_drain
}

func calledMap(_ *lowerer, _ syntax.Node, _ *ir.Value, m *script.Map) Value {
	return Const{m.Self()}
}

func calledKey(lw *lowerer, n syntax.Node, p *ir.Value, m *script.Map) Value {
	return lw.eachKey(n, m, p)
}

func calledValue(lw *lowerer, _ syntax.Node, p *ir.Value, m *script.Map) Value {
	return lw.eachValue(m, p)
}

func calledObject(tag string) calledParam {
	return func(lw *lowerer, n syntax.Node, p *ir.Value, _ *script.Map) Value {
		t, ok := lw.stage.Types().Tag("struct", tag)
		if !ok {
			return lw.objectRef(p, tag, false) // without members
		}
		r := lw.viewOf(p, t, byLoad)
		r.Present = nil
		return r
	}
}

func calledDynptr(lw *lowerer, _ syntax.Node, p *ir.Value, _ *script.Map) Value {
	return Ref{Addr: p, Region: ir.RegionKernel, Type: &btf.Struct{Name: "bpf_dynptr", Size: kernel.DynptrBytes}, Hi: kernel.DynptrBytes, ReadOnly: "only helpers look into a dynptr"}
}

// callback builds the function that helper h is to call.
func (lw *lowerer) callback(n syntax.Node, h *kernel.Helper, c *Closure, m *script.Map) (*ir.Func, bool) {
	saved, errs := *lw, lw.r.Errors()
	f := lw.lowerCallback(n, h, c, m)
	born := lw.born
	*lw = saved
	lw.born = born
	return f, lw.r.Errors() == errs
}

func (lw *lowerer) lowerCallback(n syntax.Node, h *kernel.Helper, c *Closure, m *script.Map) *ir.Func {
	params, frame := calledParams(h.Name)
	f := lw.mod.NewFunc("")
	f.Name = symbolOf(c.Func.Name)
	f.Sub = &ir.Sub{Prog: lw.prog.Kind, Ctx: -1}
	barrier := lw.startFunc(f)
	lw.loans = nil
	lw.enter(c.Func)
	f.Pos = lw.pos(c.Func.Range)
	lw.b.Pos = f.Pos

	addrs := make([]*ir.Value, len(params))
	for i := range params {
		f.Params = append(f.Params, ir.Param{Name: "x" + string(rune('0'+i)), Type: ir.Ptr})
		addrs[i] = lw.b.Arg(i)
	}
	if frame {
		f.Params = append(f.Params, ir.Param{Name: "frame", Type: ir.Ptr})
	}
	lw.ctx, lw.scratchBase = lw.b.Null(), lw.b.Null()
	outside := []*ir.Value{lw.ctx, lw.scratchBase}
	lw.budget = lw.newCell(Int{V: lw.b.Const(lw.prog.LoopLimit)})
	args := make([]Value, len(params))
	for i, param := range params {
		args[i] = param(lw, n, addrs[i], m)
	}
	v := lw.inline(c, args, n.Bounds(), false)
	lw.endCallback(n, h, v)
	for _, x := range outside {
		if x.Uses > 0 {
			lw.errorf(n, diag.BadCallback, "a function that helper '%s' calls has no context, no packet and no scratch memory", h.Name)
			break
		}
	}
	if len(barrier.missed) > 0 {
		lw.errorf(n, diag.BadCallback, "a function that helper '%s' calls can't change variables of the functions around it: use a map or bpf.global", h.Name)
	}
	prune(f)
	return f
}

// endCallback ends the function's paths: with its result where that says whether
// to go on, else with 0.
func (lw *lowerer) endCallback(n syntax.Node, h *kernel.Helper, v Value) {
	if lw.b.Block != nil {
		ret := lw.b.Const(0)
		if t, ok := v.(Tuple); ok && h.Name == "user_ringbuf_drain" && len(t) > 0 {
			if stop, ok := lw.stops(n, t[0]); ok {
				ret = lw.b.Op(ir.OpBoolToInt, stop)
			}
		}
		lw.flush()
		lw.b.Ret(ret)
	}
	lw.rollback(0)
	for _, e := range reachable(lw.handler.edges) { // an error that nothing catches
		lw.b.Block = e.block
		lw.b.Ret(lw.b.Const(0))
	}
}

// funcRef is a function as a helper's argument.
func (lw *lowerer) funcRef(f *ir.Func) *ir.Value {
	v := lw.b.Block.NewValue(ir.OpFuncRef, ir.Ptr, lw.b.Pos)
	v.Aux = f
	return v
}
