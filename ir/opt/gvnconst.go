package opt

import "github.com/luabpfc/luabpfc/ir"

// Constants of value numbering: what branches proved, and what stands for a
// computation without being made yet. Both hold on the walk's path only and are
// forgotten on the way back.

// laterConst is a constant that is made when it is needed first.
type laterConst struct {
	v     *ir.Value // nil: not yet
	x     int64
	block *ir.Block // where it goes
	typ   ir.Type
}

// undoStep is what the walk's path changed besides the table: what was known of
// v, or if do is set, what it takes back.
type undoStep struct {
	v   *ir.Value
	old int32 // what was known
	do  func()
}

// undoMark is how far to go back.
type undoMark struct{ table, undo, consts int }

func (n *numberer) mark() undoMark { return undoMark{len(n.table.entries), len(n.undo), len(n.consts)} }

// back undoes what came behind mark.
func (n *numberer) back(mark undoMark) {
	n.table.forget(mark.table)
	for i := len(n.undo) - 1; i >= mark.undo; i-- {
		if u := &n.undo[i]; u.do != nil {
			u.do()
		} else {
			n.known[u.v.ID] = u.old
		}
	}
	clear(n.undo[mark.undo:])
	n.undo, n.consts = n.undo[:mark.undo], n.consts[:mark.consts]
}

// later returns a leader that is a constant of the block at hand.
func (n *numberer) later(t ir.Type, x int64) leader {
	n.consts = append(n.consts, laterConst{x: x, block: n.block, typ: t})
	return leader{konst: int32(len(n.consts) - 1)}
}

// laterBool is later for a Bool.
func (n *numberer) laterBool(x bool) leader {
	if x {
		return n.later(ir.Bool, 1)
	}
	return n.later(ir.Bool, 0)
}

// learn notes that v is known to be l, a constant.
func (n *numberer) learn(v *ir.Value, l leader) {
	for int(v.ID) >= len(n.known) {
		n.known = append(n.known, 0)
	}
	n.undo = append(n.undo, undoStep{v: v, old: n.known[v.ID]})
	n.known[v.ID] = l.konst + 1
}

// made returns l's value, nil if it is a constant that is not made yet.
func (n *numberer) made(l leader) *ir.Value {
	if l.v == nil {
		return n.consts[l.konst].v
	}
	return l.v
}

// valueOf returns l's value, making the constant if need be; nil if it is not
// computed wherever control comes to the block at hand.
func (n *numberer) valueOf(l leader) *ir.Value {
	if l.v == nil {
		k := &n.consts[l.konst]
		if k.v == nil {
			k.v = newConst(k.block, afterPhis(k.block), k.typ, k.x, k.block.Pos)
		}
		l.v = k.v
	}
	if l.v.Block != n.block && !n.d.Available(l.v, n.block) {
		return nil
	}
	return l.v
}
