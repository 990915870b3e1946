package lower

import (
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// memoryOf is whose memory a number is an address of: a process's where the
// program runs in it, the kernel's elsewhere.
func (lw *lowerer) memoryOf() reader {
	switch lw.prog.Kind.Name {
	case "uprobe", "uretprobe", "uprobe_multi", "uretprobe_multi", "uprobe_session", "usdt":
		return byUser
	}
	return byKernel
}

// viewOperands makes the operands of a comparison what can be compared: a string
// in the kernel's memory is read as far as the other operand goes, which is text;
// other pointers are numbers.
func (lw *lowerer) viewOperands(e *syntax.Binary, l, r Value) (Value, Value) {
	text := func(n syntax.Node, v, other Value) Value {
		p, ok := v.(Ref)
		if !ok || !viewString(p) {
			return v
		}
		s, isText := stringConst(other)
		size := len(s) + 2
		if r, isRef := other.(Ref); isRef && isBytes(r) {
			size, isText = r.size(), true
		}
		if !isText {
			return v
		}
		out, ok := lw.viewText(n, p, size)
		if !ok {
			return Bad{}
		}
		return out
	}
	l, r = text(e.L, l, r), text(e.R, r, l)
	return lw.asAddress(l), lw.asAddress(r)
}

// copyView evaluates ffi.copy from the kernel's or a process's memory: the value
// is how many bytes were copied, or a negative error.
func (lw *lowerer) copyView(e *syntax.Call, args []Value, dv Value, room int64, src Ref) Value {
	dst, isRef := dv.(Ref)
	if !isRef || dst.view != nil {
		return lw.errorf(argNode(e, 0), diag.NotAPlace, "%s can't be written", describe(dv))
	}
	if !lw.writable(argNode(e, 0), dst) {
		return Bad{}
	}
	lw.aboutToWrite(dst)
	src = lw.opened(src)
	if len(args) < 3 {
		if viewString(src) {
			return lw.readString(e, dst, src)
		}
		return lw.copyMemory(e, dst, src, Int{V: lw.b.Const(min(room, int64(src.size())))}, room)
	}
	n, ok := lw.intOf(argNode(e, 2), args[2], "a length")
	if !ok {
		return Bad{}
	}
	return lw.copyMemory(e, dst, src, n, room)
}

// copyMemory copies n bytes, as many as there is room for.
func (lw *lowerer) copyMemory(e *syntax.Call, dst, src Ref, n Int, room int64) Value {
	if c, known := n.V.IsConst(); known && (c < 0 || c > room) {
		return lw.errorf(e, diag.OutOfRange, "%d bytes can't be copied: there is room for %d", c, room)
	} else if !known {
		over := lw.b.Op(ir.OpULt, lw.b.Const(room), n.V)
		v := lw.choose(over, func() *ir.Value { return lw.b.Const(room) }, n.V)
		n.V = lw.b.OpBits(ir.OpBound, room, v.(Int).V)
	}
	return lw.reach(dst, func(dst Ref) Value {
		return lw.reach(src, func(src Ref) Value {
			v := lw.helper(e, max(src.view.by, byKernel).helper(false), ir.I64, lw.addrOf(dst), n.V, lw.viewNumber(src))
			if v == nil {
				return Bad{}
			}
			failed := lw.b.Op(ir.OpSLt, v, lw.b.Const(0))
			return lw.choose(failed, func() *ir.Value { return v }, n.V)
		}, func() Value { return Int{V: lw.b.Const(noSuchMemory)} })
	}, func() Value { return Int{V: lw.b.Const(0)} })
}
