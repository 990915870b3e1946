package lower

import (
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Moving the packet's ends: pkt:adjust_head(n), pkt:adjust_tail(n) and
// pkt:pull(n), 0 or a negative error each. Which helper does it is the kind's
// business. A pointer is an offset, so it names the same offset afterwards, from
// the packet's new start.

// enomem is the error of pulling more than there is.
const enomem = 12

// mover makes a method of what moves the packet by a number.
func mover(move func(lw *lowerer, e *syntax.MethodCall, n *ir.Value) *ir.Value) func(*lowerer, *syntax.MethodCall, Pointer, []Value) Value {
	return func(lw *lowerer, e *syntax.MethodCall, p Pointer, args []Value) Value {
		if p.Base != nil || p.Off != 0 {
			return lw.errorf(e, diag.NotAPlace, "only the packet as a whole has '%s': pkt:%s(n)", e.Name, e.Name)
		}
		n, ok := lw.methodInt(e, args, 0, 0)
		if !ok {
			return Bad{}
		}
		lw.flush()
		v := move(lw, e, n.V)
		if v == nil {
			return Bad{}
		}
		return Int{V: v}
	}
}

func (lw *lowerer) isXDP() bool { return lw.prog.Kind.Type == kernel.XDP }

// noMover reports a method that the kind of program has nothing for.
func (lw *lowerer) noMover(e *syntax.MethodCall, hint string) *ir.Value {
	lw.errorf(e, diag.NotReadable, "%s programs can't move their packets this way%s", lw.prog.Kind.Name, hint)
	return nil
}

// adjustHead moves the packet's start n bytes back.
func adjustHead(lw *lowerer, e *syntax.MethodCall, n *ir.Value) *ir.Value {
	if lw.isXDP() {
		return lw.helper(e, "xdp_adjust_head", ir.I64, lw.ctx, n)
	}
	c, known := n.IsConst()
	if !known || c >= 0 {
		return lw.noMover(e, "; with a constant below 0 they make room in front, bpf.helper.skb_adjust_room takes away behind the Ethernet header")
	}
	return lw.helper(e, "skb_change_head", ir.I64, lw.ctx, lw.b.Const(-c), lw.b.Const(0))
}

// adjustTail moves the packet's end n bytes back.
func adjustTail(lw *lowerer, e *syntax.MethodCall, n *ir.Value) *ir.Value {
	if lw.isXDP() {
		return lw.helper(e, "xdp_adjust_tail", ir.I64, lw.ctx, n)
	}
	size := lw.b.Op(ir.OpAdd, lw.packetLen(), n)
	return lw.helper(e, "skb_change_tail", ir.I64, lw.ctx, size, lw.b.Const(0))
}

// pullData makes the first n bytes directly accessible. In XDP they are.
func pullData(lw *lowerer, e *syntax.MethodCall, n *ir.Value) *ir.Value {
	if !lw.isXDP() {
		return lw.helper(e, "skb_pull_data", ir.I64, lw.ctx, n)
	}
	there := lw.b.Op(ir.OpULe, n, lw.packetLen())
	missing := lw.b.Op(ir.OpBoolToInt, lw.b.Op(ir.OpNot, there))
	return lw.b.Op(ir.OpMul, missing, lw.b.Const(-enomem))
}
