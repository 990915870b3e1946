package opt

import (
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// cursor inserts values in front of position i of b.
type cursor struct {
	b   *ir.Block
	i   int
	pos ir.Pos
}

// endOf returns a cursor at the end of b.
func endOf(b *ir.Block, pos ir.Pos) *cursor { return &cursor{b, len(b.Values), pos} }

func (at *cursor) op(op ir.Op, t ir.Type, args ...*ir.Value) *ir.Value {
	v := at.b.InsertValue(at.i, op, t, at.pos, args...)
	at.i++
	return v
}

func (at *cursor) konst(x int64) *ir.Value {
	v := at.op(ir.OpConst, ir.I64)
	v.AuxInt = x
	return v
}

func (at *cursor) call(t ir.Type, h *kernel.Helper, args ...*ir.Value) *ir.Value {
	v := at.op(ir.OpCall, t, args...)
	v.Aux = h
	return v
}

func (at *cursor) slot(s *ir.Slot) *ir.Value {
	v := at.op(ir.OpSlotAddr, ir.Ptr)
	v.Aux = s
	return v
}

func (at *cursor) load(t ir.Type, p *ir.Value, mem ir.Mem) *ir.Value {
	v := at.op(ir.OpLoad, t, p)
	v.Aux = &mem
	return v
}
