package lower

import (
	"slices"

	"github.com/luabpfc/luabpfc/ir"
	lua "github.com/yuin/gopher-lua"
)

// A table or bytes that some paths have and others do not: a Choice whose No is
// nil. Where it is nil its parts have values too, which are of no use.

// absent reports whether v is such a choice.
func absent(v Value) bool {
	c, ok := v.(*Choice)
	if !ok || !isNil(c.No) {
		return false
	}
	switch c.Yes.(type) {
	case *Table, Bytes:
		return true
	}
	return false
}

// mergeAbsent merges values of one kind that are nil on some edges.
func (j *joiner) mergeAbsent(vals []Value, poss []ir.Pos) Value {
	flags := make([]*ir.Value, len(vals))
	var on []int
	var there []Value
	for i, v := range vals {
		if absent(v) {
			c := v.(*Choice)
			flags[i], v = c.Cond, c.Yes
		} else {
			flags[i] = j.at(i, func() *ir.Value { return j.lw.b.Bool(!isNil(v)) })
		}
		if isNil(v) {
			continue
		}
		if len(there) > 0 && !together(there[0], v) {
			return j.lw.conflict(vals, poss)
		}
		on, there = append(on, i), append(there, v)
	}
	switch t := there[0].(type) {
	case *Table: // a name of its own, if it is the same
		same := func(v Value) bool { return v == Value(t) }
		if !slices.ContainsFunc(there, func(v Value) bool { return !same(v) }) && t.everywhere() {
			return &Choice{Cond: j.phi(ir.Bool, flags), Yes: t, No: Nil}
		}
	case Bytes:
	default:
		return j.lw.conflict(vals, poss)
	}
	v := j.mergeOn(on, there)
	if _, bad := v.(*Conflict); bad {
		return j.lw.conflict(vals, poss)
	}
	return &Choice{Cond: j.phi(ir.Bool, flags), Yes: v, No: Nil}
}

// newTable makes an empty table.
func (lw *lowerer) newTable() *Table {
	return &Table{fields: map[lua.LValue]*cell{}, made: lw.newCell(Nil)}
}

// everywhere reports whether a table was made before the paths that meet parted:
// what was done on them is undone by now.
func (t *Table) everywhere() bool { return t.made != nil && t.made.val != nil }

// whereThere runs there where c is not nil, with what it is; elsewhere the result
// is nil.
func (lw *lowerer) whereThere(c *Choice, there func(v Value) Value) Value {
	mark := lw.mark()
	yes, no := lw.branch(c.Cond, mark)
	var ends []edge
	if no.block != nil {
		lw.open(no)
		ends = append(ends, lw.leave(mark, Nil))
	}
	if yes.block != nil {
		lw.open(yes)
		if v := there(c.Yes); lw.b.Block != nil {
			ends = append(ends, lw.leave(mark, v))
		}
	}
	return lw.joined(ends)
}
