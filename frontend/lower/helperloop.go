package lower

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Helpers that call a function for each trip, and those for records, by their
// names.
//
// bpf.helper.loop(n, f) and bpf.helper.for_each_map_elem(m, f) call f as the
// kernel's helpers call their callback: until it returns something else than 0,
// nil or false. They are loops like any other here, so f may use and change the
// variables around it; what calls it in the end is chosen as for a 'for'. C's
// void *, and the flags behind it, may be left out: f is handed what is written.

// helperForm lowers a call of a helper that needs more than its arguments; it is
// given those that are written.
type helperForm struct {
	min, max int
	usage    string
	call     func(lw *lowerer, e *syntax.Call, h *kernel.Helper, args []Value) Value
}

// helperForms returns the helpers that have a form of their own.
func helperForms() map[string]helperForm {
	return map[string]helperForm{
		"loop":              {2, 4, "loop(n, f [, arg, flags])", (*lowerer).helperLoop},
		"for_each_map_elem": {2, 4, "for_each_map_elem(map, f [, arg, flags])", (*lowerer).helperEach},
		"ringbuf_reserve":   {2, 3, "ringbuf_reserve(map, size [, flags])", (*lowerer).helperReserve},
		"ringbuf_submit":    {1, 2, "ringbuf_submit(record [, flags])", (*lowerer).helperFinish},
		"ringbuf_discard":   {1, 2, "ringbuf_discard(record [, flags])", (*lowerer).helperFinish},
	}
}

// formedHelper calls a helper that has a form of its own.
func (lw *lowerer) formedHelper(c *helperArgs, form helperForm) Value {
	if n := len(c.args); n < form.min || n > form.max {
		return lw.errorf(c.e, diag.WrongArguments, "helper '%s' is called with %s; it is %s", c.h.Name, counted(n), form.usage)
	}
	for i, a := range c.args {
		c.args[i] = lw.resolve(a)
	}
	lw.at(c.e)
	lw.flush()
	return form.call(lw, c.e, c.h, c.args)
}

// helperNode is the expression of argument i.
func helperNode(e *syntax.Call, i int) syntax.Node { return e.Args[min(i, len(e.Args)-1)] }

// noFlags reports flags where the kernel takes none.
func (lw *lowerer) noFlags(e *syntax.Call, h *kernel.Helper, args []Value, i int) bool {
	if i >= len(args) || isNil(args[i]) {
		return true
	}
	x, ok := lw.intOf(helperNode(e, i), args[i], "flags")
	if !ok {
		return false
	}
	if c, known := x.V.IsConst(); !known || c != 0 {
		lw.errorf(helperNode(e, i), diag.OutOfRange, "helper '%s' has no flags: they are 0", h.Name)
		return false
	}
	return true
}

// calledBack returns the function that argument i is.
func (lw *lowerer) calledBack(e *syntax.Call, h *kernel.Helper, args []Value, i int) (*Closure, bool) {
	f, ok := args[i].(*Closure)
	if !ok {
		lw.errorf(helperNode(e, i), diag.WrongArguments, "helper '%s' calls a function, and this is %s", h.Name, describe(args[i]))
	}
	return f, ok
}

// callerArg is what the caller hands the callback: argument i, if it is written.
func callerArg(args []Value, i int) []Value {
	if i >= len(args) {
		return nil
	}
	return args[i : i+1]
}

// Limits of bpf_loop, and what it returns beyond.
const (
	maxHelperLoops = 1 << 23
	tooManyLoops   = -7 // -E2BIG
)

// helperLoop is bpf.helper.loop: how often f was called.
func (lw *lowerer) helperLoop(e *syntax.Call, h *kernel.Helper, args []Value) Value {
	f, ok := lw.calledBack(e, h, args, 1)
	if !ok || !lw.noFlags(e, h, args, 3) {
		return Bad{}
	}
	n, ok := lw.intOf(helperNode(e, 0), args[0], "the number of trips")
	if !ok {
		return Bad{}
	}
	trips := lw.b.OpBits(ir.OpZext, 32, n.V)
	return lw.choose(lw.b.Op(ir.OpULe, trips, lw.b.Const(maxHelperLoops)), func() *ir.Value {
		count := lw.newCell(Int{V: lw.b.Const(0)})
		info := ir.Loop{What: "loop"}
		if c, known := trips.IsConst(); known {
			info.Limit = max(c, 1)
		}
		lw.loop(e, info, append([]*cell{count}, lw.changedIn(e)...), func(l *loopScope, again func()) {
			i := count.val.(Int).V
			yes, no := lw.branch(lw.b.Op(ir.OpULt, i, trips), l.mark)
			if no.block != nil {
				l.breaks = append(l.breaks, no)
			}
			if yes.block == nil {
				lw.b.Block = nil
				return
			}
			lw.open(yes)
			lw.set(count, Int{V: lw.b.Op(ir.OpAdd, i, lw.b.Const(1))})
			lw.trip(e, l, f, append([]Value{Int{V: i}}, callerArg(args, 2)...)...)
			again()
		})
		return lw.countOf(count)
	}, lw.b.Const(tooManyLoops))
}

// countOf is the number in a cell; where control does not come it does not matter.
func (lw *lowerer) countOf(count *cell) *ir.Value {
	if x, ok := count.get().(Int); ok && lw.b.Block != nil {
		return x.V
	}
	if lw.b.Block == nil {
		lw.b.Block = lw.b.Func.NewBlock(ir.BlockJump) // never reached: prune drops it
	}
	return lw.b.Const(0)
}

// trip calls f, and leaves the loop if it says so.
func (lw *lowerer) trip(e *syntax.Call, l *loopScope, f *Closure, args ...Value) {
	v := lw.call(f, args, e.Range, false)
	if t, ok := v.(Tuple); ok {
		v = Nil
		if len(t) > 0 {
			v = t[0]
		}
	}
	if lw.b.Block == nil {
		return
	}
	stop, ok := lw.stops(e, v)
	if !ok {
		return
	}
	yes, no := lw.branch(stop, l.mark)
	if yes.block != nil {
		l.breaks = append(l.breaks, yes)
	}
	lw.b.Block = nil
	if no.block != nil {
		lw.open(no)
	}
}

// stops is whether a callback's result ends the loop.
func (lw *lowerer) stops(n syntax.Node, v Value) (*ir.Value, bool) {
	v = lw.resolve(lw.settled(v))
	if c, ok := v.(Const); ok {
		if b, isBool := c.V.(lua.LBool); isBool {
			return lw.b.Bool(bool(b)), true
		}
	}
	if isNil(v) {
		return lw.b.Bool(false), true
	}
	x, ok := lw.storable(n, v, "returned to a helper")
	if !ok {
		return nil, false
	}
	return lw.b.Op(ir.OpNe, x.V, lw.b.Const(0)), true
}

// helperEach is bpf.helper.for_each_map_elem: for how many entries f was called.
func (lw *lowerer) helperEach(e *syntax.Call, h *kernel.Helper, args []Value) Value {
	m, ok := asMap(args[0])
	if !ok {
		return lw.errorf(helperNode(e, 0), diag.WrongArguments, "helper '%s' takes a map here, not %s", h.Name, describe(args[0]))
	}
	f, ok := lw.calledBack(e, h, args, 1)
	if !ok || !lw.noFlags(e, h, args, 3) || !lw.can(helperNode(e, 0), m, kernel.MapEach, "walked through") {
		return Bad{}
	}
	start, count := lw.newCell(constBool(true)), lw.newCell(Int{V: lw.b.Const(0)})
	lw.loop(e, ir.Loop{What: "for"}, append([]*cell{start, count}, lw.changedIn(e)...), func(l *loopScope, again func()) {
		key, value := lw.nextEntry(l, m, start)
		lw.set(count, Int{V: lw.b.Op(ir.OpAdd, count.val.(Int).V, lw.b.Const(1))})
		lw.trip(e, l, f, append([]Value{args[0], lw.eachKey(e, m, key), lw.hold(lw.eachValue(m, value))}, callerArg(args, 2)...)...)
		if lw.b.Block != nil {
			lw.set(start, constBool(false))
		}
		again()
	})
	return Int{V: lw.countOf(count)}
}

// helperReserve is bpf.helper.ringbuf_reserve: a record as m:reserve() makes one.
func (lw *lowerer) helperReserve(e *syntax.Call, h *kernel.Helper, args []Value) Value {
	m, ok := asMap(args[0])
	if !ok || !m.Type.Can(kernel.MapReserve) {
		return lw.errorf(helperNode(e, 0), diag.WrongArguments, "helper '%s' takes a map of type 'ringbuf' here, not %s", h.Name, describe(args[0]))
	}
	n, ok := lw.intOf(helperNode(e, 1), args[1], "a size")
	if !ok || !lw.noFlags(e, h, args, 2) {
		return Bad{}
	}
	size, known := n.V.IsConst()
	if !known || size <= 0 || size > maxRecordBytes {
		return lw.errorf(helperNode(e, 1), diag.NeedsConstant, "the size of a record is a number of bytes that is known when compiling")
	}
	t := m.Value
	if t == nil || int64(ctype.Size(t)) != size {
		t = bytesType(int(size))
	}
	return lw.reserve(e, m, t)
}

// maxRecordBytes is far beyond any record.
const maxRecordBytes = 1 << 30

// helperFinish is bpf.helper.ringbuf_submit and ringbuf_discard.
func (lw *lowerer) helperFinish(e *syntax.Call, h *kernel.Helper, args []Value) Value {
	r, ok := args[0].(Ref)
	if !ok || r.Loan == nil || r.Loan.m == nil {
		return lw.errorf(helperNode(e, 0), diag.WrongArguments, "helper '%s' takes a record that was reserved, not %s", h.Name, describe(args[0]))
	}
	flags := lw.b.Const(0)
	if len(args) > 1 && !isNil(args[1]) {
		x, ok := lw.intOf(helperNode(e, 1), args[1], "flags")
		if !ok {
			return Bad{}
		}
		flags = x.V
	}
	if !lw.live(helperNode(e, 0), r) {
		return Bad{}
	}
	lw.submit(r.Loan, h.Name, flags)
	return Nil
}
