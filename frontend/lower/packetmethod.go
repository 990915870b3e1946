package lower

import (
	"slices"
	"strconv"

	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// packetMethodRow is a method of packet pointers. Where min is max-1 the last
// argument may be left out.
type packetMethodRow struct {
	min, max int
	usage    string
	call     func(lw *lowerer, e *syntax.MethodCall, p Pointer, args []Value) Value
}

// packetMethods are the methods of packet pointers besides the names of
// headers, which view what starts there.
func packetMethods() map[string]packetMethodRow {
	rows := map[string]packetMethodRow{
		"set": {2, 2, "p:set(a, bytes)", (*lowerer).packetSet},
		"has": {0, 1, "p:has(n)", (*lowerer).packetHas},

		"adjust_head": {1, 1, "pkt:adjust_head(n)", mover(adjustHead)},
		"adjust_tail": {1, 1, "pkt:adjust_tail(n)", mover(adjustTail)},
		"pull":        {1, 1, "pkt:pull(n)", mover(pullData)},

		"checksum": {0, 0, "ip:checksum()", (*lowerer).ipChecksum},
		"replace":  {2, 2, "hdr:replace('field', value)", (*lowerer).replaceField},
	}
	for _, bits := range []int{8, 16, 32, 48, 64} {
		name := "u" + strconv.Itoa(bits)
		rows[name] = packetMethodRow{0, 2, "p:" + name + "(i [, value])", packetNumber(bits / 8)}
	}
	return rows
}

// packetMethod evaluates p:name(args).
func (lw *lowerer) packetMethod(e *syntax.MethodCall, p Pointer) Value {
	args := lw.exprs(e.Args, -1)
	if lw.b.Block == nil {
		return Bad{}
	}
	lw.at(e)
	rows := packetMethods()
	row, ok := rows[e.Name]
	if !ok {
		return lw.packetView(e, p, len(args), rows)
	}
	if len(args) < row.min || len(args) > row.max {
		return lw.errorf(e, diag.WrongArguments, "'%s' is called with %s; it is %s", e.Name, counted(len(args)), row.usage)
	}
	for _, a := range args {
		if _, bad := a.(Bad); bad {
			return Bad{}
		}
	}
	return row.call(lw, e, p, args)
}

// packetView evaluates p:ip() and the like.
func (lw *lowerer) packetView(e *syntax.MethodCall, p Pointer, args int, rows map[string]packetMethodRow) Value {
	h, ok := headers()[e.Name]
	if !ok || h.hidden {
		var names []string
		for n := range rows {
			names = append(names, n)
		}
		for n := range headers() {
			names = append(names, n)
		}
		slices.Sort(names)
		hint := ""
		if s := diag.Closest(e.Name, names); s != "" {
			hint = " (did you mean '" + s + "'?)"
		}
		return lw.errorf(e, diag.UnknownMethod, "packet pointers have no method '%s'%s", e.Name, hint)
	}
	if args != 0 {
		return lw.errorf(e, diag.WrongArguments, "'%s' is called with %s; it is p:%s()", e.Name, counted(args), e.Name)
	}
	return Pointer{Base: p.Base, Off: p.Off, View: h}
}

// methodInt returns argument i of a method as a number; def if there is none.
func (lw *lowerer) methodInt(e *syntax.MethodCall, args []Value, i int, def int64) (Int, bool) {
	if i >= len(args) {
		return Int{V: lw.b.Const(def)}, true
	}
	var n syntax.Node = e
	if i < len(e.Args) {
		n = e.Args[i]
	}
	return lw.intOf(n, args[i], "this argument")
}

// packetNumber is p:u8(i) and the like: a number of size bytes in network order.
func packetNumber(size int) func(*lowerer, *syntax.MethodCall, Pointer, []Value) Value {
	return func(lw *lowerer, e *syntax.MethodCall, p Pointer, args []Value) Value {
		i, ok := lw.methodInt(e, args, 0, 0)
		if !ok {
			return Bad{}
		}
		at := lw.advance(p, i)
		if len(args) == 2 {
			x, ok := lw.storable(e, args[1], "stored")
			if ok && lw.packetWritable(e) {
				lw.setNumber(e, at, size, x.V)
			}
			return Tuple{}
		}
		var sum *ir.Value
		for off, s := range runs(size) {
			x := lw.load(e, at, int64(off), int32(s))
			if sum != nil {
				x = lw.b.Op(ir.OpOr, lw.b.Op(ir.OpShl, sum, lw.b.Const(int64(s)*8)), x)
			}
			sum = x
		}
		return Int{V: sum, Unsigned: size == 8}
	}
}

// packetSet is p:set(a, bytes).
func (lw *lowerer) packetSet(e *syntax.MethodCall, p Pointer, args []Value) Value {
	a, ok := lw.methodInt(e, args, 0, 0)
	if !ok || !lw.packetWritable(e) {
		return Tuple{}
	}
	v := scriptBytes(lw.resolve(args[1]))
	size, ok := runLength(v)
	if !ok {
		if _, bad := v.(Bad); !bad {
			lw.errorf(e.Args[len(e.Args)-1], diag.NotBytes, "'set' writes a slice, an array or a string, not %s; for numbers there are p:u8(i, n) to p:u64(i, n)", describe(v))
		}
		return Tuple{}
	}
	lw.setRun(e, lw.advance(p, a), size, v)
	return Tuple{}
}

// packetHas is p:has(n): whether n bytes are there, by default a header's own.
func (lw *lowerer) packetHas(e *syntax.MethodCall, p Pointer, args []Value) Value {
	if len(args) == 0 && p.View.size == 0 {
		return lw.errorf(e, diag.WrongArguments, "how many bytes? write p:has(n)")
	}
	n, ok := lw.methodInt(e, args, 0, p.View.size)
	if !ok {
		return Bad{}
	}
	length, off := lw.packetLen(), lw.offset(p).V
	if a, ok := off.IsConst(); ok && a >= 0 {
		if k, ok := n.V.IsConst(); ok && k >= 0 && k < maxOffset {
			return lw.boolOf(lw.b.Op(ir.OpULe, lw.b.Const(a+k), length))
		}
	}
	inside := lw.b.Op(ir.OpULe, off, length)
	return lw.boolOf(lw.b.Op(ir.OpAnd, inside, lw.b.Op(ir.OpULe, n.V, lw.b.Op(ir.OpSub, length, off))))
}
