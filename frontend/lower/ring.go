package lower

import (
	"strconv"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Records: what goes to user space through ring and perf buffers. One that was
// reserved is on loan (loan.go) until it is submitted or discarded.

// currentCPU is BPF_F_CURRENT_CPU.
const currentCPU = 0xffffffff

// recordType is the type of what is sent through m, by what the script says, or
// by the value itself.
func (lw *lowerer) recordType(n syntax.Node, m *script.Map, v Value) (ctype.Type, bool) {
	if m.Value != nil {
		return m.Value, true
	}
	switch v := v.(type) {
	case Ref:
		return v.Type, true
	case Int, Bool:
		t, _ := ctype.Scalar("int64_t")
		return t, true
	}
	if size, ok := runLength(v); ok && size > 0 {
		if t, err := lw.stage.Types().Type("char [" + strconv.Itoa(size) + "]"); err == nil {
			return t, true
		}
	}
	lw.errorf(n, diag.BadValue, "it is not known what %s is as a record of '%s'; give the map a value type: bpf.map('%s', nil, nil, 'struct event')", describe(v), m.Name, m.Type.Name)
	return nil, false
}

// sent makes v a record in memory and returns its address and size.
func (lw *lowerer) sent(n syntax.Node, m *script.Map, v Value) (p *ir.Value, size int, ok bool) {
	v, ok = lw.stored(n, v)
	if !ok {
		return nil, 0, false
	}
	t, ok := lw.recordType(n, m, v)
	if !ok {
		return nil, 0, false
	}
	slot := func() *ir.Slot { return lw.b.Func.NewSlot(ctype.Size(t), "record of '"+m.Name+"'", lw.b.Pos) }
	if isAggregate(t) {
		p, ok = lw.bytesFor(n, slot, t, v)
	} else if s, isString := stringConst(v); isString {
		lw.errorf(n, diag.BadValue, "'%s' is no '%s'", s, ctype.Name(t))
		return nil, 0, false
	} else if x, isNumber := lw.storable(n, v, "sent"); isNumber {
		p = lw.spill(slot(), t, x)
	} else {
		return nil, 0, false
	}
	return p, ctype.Size(t), ok && lw.b.Block != nil
}

// send is m:output(v, flags) and its other spellings.
func (lw *lowerer) send(n, vn syntax.Node, m *script.Map, v Value, flags *ir.Value) Value {
	if !lw.can(n, m, kernel.MapOutput, "sent records") {
		return Bad{}
	}
	p, size, ok := lw.sent(vn, m, v)
	if !ok {
		return Bad{}
	}
	ref, bytes := lw.mapRef(m), lw.b.Const(int64(size))
	if m.Type.Can(kernel.MapReserve) {
		if flags == nil {
			flags = lw.b.Const(0)
		}
		return status(lw.helper(n, "ringbuf_output", ir.I64, ref, p, bytes, flags))
	}
	if flags == nil {
		flags = lw.b.Const(currentCPU)
	}
	return status(lw.helper(n, "perf_event_output", ir.I64, lw.ctx, ref, flags, p, bytes))
}

func (lw *lowerer) mapOutput(e *syntax.MethodCall, m *script.Map, args []Value) Value {
	var flags *ir.Value
	if len(args) > 1 {
		var ok bool
		if flags, ok = lw.flagsArg(e, args, 1); !ok {
			return Bad{}
		}
	}
	return lw.send(e, methodArg(e, 0), m, args[0], flags)
}

// mapArg evaluates the arguments of a call whose first is a map. What is not nil
// in its place is the call's value.
func (lw *lowerer) mapArg(e *syntax.Call, name string) (m *script.Map, args []Value, v Value) {
	args = lw.exprs(e.Args, -1)
	if lw.b.Block == nil {
		return nil, nil, Bad{}
	}
	lw.at(e)
	if len(args) != 2 {
		return nil, nil, lw.errorf(e, diag.WrongArguments, "'%s' is called with %s; it is %s(m, v)", name, counted(len(args)), name)
	}
	m, ok := asMap(lw.resolve(args[0]))
	if !ok {
		if _, bad := args[0].(Bad); !bad {
			lw.errorf(e.Args[0], diag.BadMapOperation, "'%s' needs a map, not %s", name, describe(args[0]))
		}
		return nil, nil, Bad{}
	}
	lw.flush()
	return m, args, nil
}

func (lw *lowerer) perfSubmit(e *syntax.Call) Value {
	m, args, v := lw.mapArg(e, "perf_submit")
	if v != nil {
		return v
	}
	return lw.send(e, e.Args[1], m, args[1], nil)
}

// tableInsert is table.insert of a map: what it takes without a key.
func (lw *lowerer) tableInsert(e *syntax.Call) Value {
	m, args, v := lw.mapArg(e, "table.insert")
	if v != nil {
		return v
	}
	if m.Type.Can(kernel.MapPush) {
		call := &syntax.MethodCall{Range: e.Range, Recv: e.Args[0], Name: "push", Args: e.Args[1:]}
		return lw.mapPush(call, m, args[1:])
	}
	return lw.send(e, e.Args[1], m, args[1], nil)
}

// stackID is stack_id(m, flags).
func (lw *lowerer) stackID(e *syntax.Call, args []Value) Value {
	m, ok := asMap(lw.resolve(args[0]))
	if !ok {
		return lw.errorf(e.Args[0], diag.BadMapOperation, "'stack_id' needs a map of type 'stack_trace', not %s", describe(args[0]))
	}
	if !lw.can(e.Args[0], m, kernel.MapStack, "given stacks") {
		return Bad{}
	}
	flags := lw.b.Const(0)
	if len(args) > 1 {
		n, ok := lw.argInt(e, args, 1)
		if !ok {
			return Bad{}
		}
		flags = n.V
	}
	lw.flush()
	return status(lw.helper(e, "get_stackid", ir.I64, lw.ctx, lw.mapRef(m), flags))
}

// mapReserve is m:reserve([ctype]): a record, nil if there is no room.
func (lw *lowerer) mapReserve(e *syntax.MethodCall, m *script.Map, args []Value) Value {
	t := m.Value
	if len(args) > 0 {
		c, ok := args[0].(Const)
		if !ok {
			return lw.errorf(e.Args[0], diag.NeedsConstant, "the type of a record must be known when compiling")
		}
		u, err := lw.stage.TypeOf(c.V, lw.file, e.Args[0])
		if err != nil {
			lw.r.Errorf(err.Code, err.Span, "%s", err.Msg)
			return Bad{}
		}
		t = u
	}
	if t == nil {
		return lw.errorf(e, diag.WrongArguments, "'%s' has no value type; say what the record is: %s:reserve('struct event')", m.Name, m.Name)
	}
	return lw.reserve(e, m, t)
}

// reserve reserves a record of type t.
func (lw *lowerer) reserve(e syntax.Node, m *script.Map, t ctype.Type) Value {
	size := ctype.Size(t)
	if size <= 0 || uint64(size) > uint64(m.MaxEntries) {
		return lw.errorf(e, diag.BadValue, "a record of type '%s' has %d bytes; '%s' has room for %d", ctype.Name(t), size, m.Name, m.MaxEntries)
	}
	p := lw.helper(e, "ringbuf_reserve", ir.Ptr, lw.mapRef(m), lw.b.Const(int64(size)), lw.b.Const(0))
	if p == nil {
		return Bad{}
	}
	rec := lw.lend(&loan{m: m, pos: lw.b.Pos, giveBack: func(l *loan) {
		lw.b.Call(kernel.HelperByName("ringbuf_discard"), ir.Void, lw.refBase(l.ref), lw.b.Const(0))
	}})
	rec.ref = Ref{Addr: p, Present: lw.b.Op(ir.OpNe, p, lw.b.Null()), Type: t, Region: ir.RegionRecord, Hi: int64(size), Loan: rec, entry: true}
	lw.within(rec.ref, func(Ref) Value {
		lw.zero(rec.ref, 0, int64(size))
		return Nil
	}, func() Value { return Nil })
	lw.lent(rec)
	if _, scalar := scalarOf(t); scalar {
		rec.ref.Pointer = true // r[0]
	}
	return rec.ref
}

// recordMethod is r:submit() and r:discard() of a record.
func (lw *lowerer) recordMethod(e *syntax.MethodCall, r Ref) (Value, bool) {
	if r.Loan == nil || r.Loan.m == nil || e.Name != "submit" && e.Name != "discard" {
		return nil, false
	}
	args := lw.exprs(e.Args, -1)
	if lw.b.Block == nil {
		return Bad{}, true
	}
	lw.at(e)
	if len(args) > 1 {
		return lw.errorf(e, diag.WrongArguments, "'%s' is called with %s; it is r:%s([flags])", e.Name, counted(len(args)), e.Name), true
	}
	flags, ok := lw.flagsArg(e, args, 0)
	if !ok || !lw.live(e, r) {
		return Bad{}, true
	}
	lw.flush()
	lw.submit(r.Loan, "ringbuf_"+e.Name, flags)
	return Tuple{}, true
}

// submit submits or discards a record that is open.
func (lw *lowerer) submit(l *loan, helper string, flags *ir.Value) {
	lw.finish(l, func(l *loan) {
		lw.b.Call(kernel.HelperByName(helper), ir.Void, lw.refBase(l.ref), flags)
	})
}
