package lower

import (
	"slices"

	"github.com/luabpfc/luabpfc/ir"
	lua "github.com/yuin/gopher-lua"
)

// joiner merges values where edges meet.
type joiner struct {
	lw      *lowerer
	edges   []edge
	block   *ir.Block
	phis    []*ir.Value
	args    [][]*ir.Value
	dummies map[*Table]*Table // being made
	merging []mergedTables
	merged  map[*Table]*Table // what each table has become
	// epochs are the merged states of maps that some edge has changed.
	epochs map[*cell]Value
}

// at runs emit at the end of edge i, which may split its path.
func (j *joiner) at(i int, emit func() *ir.Value) *ir.Value {
	lw := j.lw
	block, fs, mark := lw.b.Block, lw.facts, lw.mark()
	lw.b.Block, lw.facts = j.edges[i].block, j.edges[i].facts
	v := emit()
	j.edges[i].block = lw.b.Block
	lw.rollback(mark)
	lw.b.Block, lw.facts = block, fs
	return v
}

// phi merges one IR value per edge.
func (j *joiner) phi(t ir.Type, args []*ir.Value) *ir.Value {
	same, equal := true, true
	c0, isConst := args[0].IsConst()
	for _, a := range args[1:] {
		c, ok := a.IsConst()
		same = same && a == args[0]
		equal = equal && ok && c == c0
	}
	if same {
		return args[0]
	}
	if isConst && equal {
		v := j.block.NewValue(ir.OpConst, t, j.lw.b.Pos)
		v.AuxInt = c0
		return v
	}
	if t == ir.Bool { // variables that are nil together are known to be
		for i := max(0, len(j.phis)-fewPhis); i < len(j.phis); i++ {
			if j.phis[i].Type == t && slices.EqualFunc(j.args[i], args, sameNumber) {
				return j.phis[i]
			}
		}
	}
	v := j.block.InsertValue(len(j.phis), ir.OpPhi, t, j.lw.b.Pos)
	j.phis = append(j.phis, v)
	j.args = append(j.args, args)
	return v
}

// fewPhis is how many phis are looked through for one with the same arguments.
const fewPhis = 16

// sameNumber reports whether two values are one, or the same constant.
func sameNumber(a, b *ir.Value) bool {
	x, ok1 := a.IsConst()
	y, ok2 := b.IsConst()
	return a == b || ok1 && ok2 && x == y
}

// finish gives the phis their arguments; the edges are connected by now.
func (j *joiner) finish() {
	for i, v := range j.phis {
		for _, a := range j.args[i] {
			v.AddArg(a)
		}
	}
}

// mergedTables are tables being merged.
type mergedTables struct {
	vals []Value
	out  *Table
}

// merge implements language.md 2, "Where control flow joins".
func (j *joiner) merge(vals []Value, poss []ir.Pos) Value {
	if v, ok := j.same(vals); ok {
		return v
	}
	// A value that is known to be nil or not to be nil on its edge.
	for i := range vals {
		vals[i] = j.settle(i, vals[i])
	}
	if v, ok := j.same(vals); ok {
		return v
	}
	for _, v := range vals {
		if _, ok := v.(Ref); ok {
			return j.mergeRefs(vals, poss)
		}
	}
	if v, ok := j.mergePointers(vals); ok {
		return v
	}
	anyNil := false
	first := -1
	for i, v := range vals {
		switch v.(type) {
		case Bad:
			return Bad{}
		case *Conflict:
			return v
		}
		if isNil(v) {
			anyNil = true
		} else if absent(v) {
			anyNil = true
			if first < 0 {
				first = i
			}
		} else if _, ok := v.(Opt); ok {
			anyNil = true
			if first < 0 {
				first = i
			}
		} else if first < 0 {
			first = i
		}
	}
	if anyNil {
		return j.mergeOpt(vals, poss, first)
	}
	return j.mergeKind(vals, poss)
}

// same returns the one value that all of vals are.
func (j *joiner) same(vals []Value) (Value, bool) {
	for _, v := range vals[1:] {
		if !identical(vals[0], v) {
			return nil, false
		}
	}
	return vals[0], true
}

// identical reports whether two values are one, without emitting code.
func identical(a, b Value) bool {
	switch a := a.(type) {
	case Const:
		b, ok := b.(Const)
		return ok && a.V == b.V
	case Int:
		b, ok := b.(Int)
		if !ok || a.Unsigned != b.Unsigned || a.Bit != b.Bit || a.Slice != b.Slice {
			return false
		}
		return a.V == b.V
	case Pointer:
		b, ok := b.(Pointer)
		return ok && a.Base == b.Base && a.Off == b.Off && a.View == b.View && a.l3 == b.l3 && len(a.Path) == len(b.Path)
	case Bytes:
		b, ok := b.(Bytes)
		if !ok || a.Len != b.Len || a.Slot != b.Slot || a.Text != b.Text || len(a.kept) != len(b.kept) || !identical(a.At, b.At) {
			return false
		}
		for i := range a.kept {
			if a.kept[i] != b.kept[i] {
				return false
			}
		}
		return true
	case Tuple:
		b, ok := b.(Tuple)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !identical(a[i], b[i]) {
				return false
			}
		}
		return true
	case nil:
		return b == nil
	}
	if _, ok := b.(Tuple); ok {
		return false
	}
	return a == b
}

// known is what edge i knows of a condition.
func (j *joiner) known(i int, cond *ir.Value) (truth, ok bool) {
	fs := j.lw.facts
	j.lw.facts = j.edges[i].facts
	truth, ok = j.lw.known(cond)
	j.lw.facts = fs
	return truth, ok
}

// settle resolves what edge i knows of an optional value, and reads an entry.
func (j *joiner) settle(i int, v Value) Value {
	switch v := v.(type) {
	case *Entry:
		truth, ok := j.known(i, v.Present)
		if ok && !truth {
			return Nil
		}
		n := j.number(i, v)
		if ok || v.sure {
			return n
		}
		return Opt{v.Present, n}
	case *Choice:
		truth, ok := j.known(i, v.Cond)
		switch {
		case ok && truth:
			return j.settle(i, v.Yes)
		case ok:
			return j.settle(i, v.No)
		}
		var out Value
		j.at(i, func() *ir.Value {
			out = j.lw.resolve(v)
			return nil
		})
		return out
	case onLoan:
		if p := v.l.ref.Present; p != nil {
			if truth, ok := j.known(i, p); ok && !truth {
				return Nil
			}
		}
	case Opt:
		truth, ok := j.known(i, v.Present)
		switch {
		case ok && truth:
			return v.Val
		case ok:
			return Nil
		}
	}
	return v
}

// number reads entry e at the end of edge i, unless the edge has read it.
func (j *joiner) number(i int, e *Entry) Int {
	if ch, ok := j.edges[i].changes[e.num]; ok && ch.val != nil {
		return ch.val.(Int)
	}
	if e.num.val != nil {
		return e.num.val.(Int)
	}
	var n Int
	j.at(i, func() *ir.Value {
		n = j.lw.readEntry(e)
		return n.V
	})
	return n
}

// visible reports whether a cell exists on all edges: what only some have
// made, nothing behind the join can name.
func (j *joiner) visible(c *cell, vals []Value) bool {
	if c.entry != nil {
		return j.readAll(c.entry, vals)
	}
	for i, v := range vals {
		if v == nil {
			if !c.field {
				return false
			}
			vals[i] = Nil
		}
	}
	return true
}

// readAll reads entry e on the edges that put it off. It returns false if
// there is an edge that does not know the entry: then nothing behind the join
// does.
func (j *joiner) readAll(e *Entry, vals []Value) bool {
	for i, v := range vals {
		if v == nil && !putOff(j.edges[i].pending, e) {
			return false
		}
	}
	for i, v := range vals {
		if v == nil {
			j.at(i, func() *ir.Value {
				n := j.lw.readEntry(e)
				vals[i] = n
				return n.V
			})
		}
	}
	return true
}

// putOff reports whether the number of e has not been read on a path with the
// given list.
func putOff(pending *chain[*Entry], e *Entry) bool {
	for ; pending != nil; pending = pending.up {
		if pending.head == e {
			return true
		}
	}
	return false
}

func isNil(v Value) bool {
	c, ok := v.(Const)
	return ok && c.V == lua.LNil
}

// mergeOpt merges values of which some may be nil; first is one that is not.
func (j *joiner) mergeOpt(vals []Value, poss []ir.Pos, first int) Value {
	lw := j.lw
	present := make([]*ir.Value, len(vals))
	inner := make([]Value, len(vals))
	sample := vals[first]
	if o, ok := sample.(Opt); ok {
		sample = o.Val
	}
	if v, ok := j.mergeStatic(vals, first); ok {
		return v
	}
	switch sample.(type) {
	case *Table, Bytes, *Choice:
		return j.mergeAbsent(vals, poss)
	}
	isBool := isBoolean(sample)
	for i, v := range vals {
		switch v := v.(type) {
		case Opt:
			present[i], inner[i] = v.Present, v.Val
		default:
			if isNil(v) {
				present[i] = j.at(i, func() *ir.Value { return lw.b.Bool(false) })
				if isBool {
					inner[i] = Bool{present[i]}
				} else {
					inner[i] = Int{V: j.at(i, func() *ir.Value { return lw.b.Const(0) })}
				}
				continue
			}
			present[i] = j.at(i, func() *ir.Value { return lw.b.Bool(true) })
			inner[i] = v
		}
	}
	val := j.mergeKind(inner, poss)
	switch v := val.(type) {
	case Int, Bool:
		return Opt{j.phi(ir.Bool, present), v}
	case *Conflict, Bad:
		return v
	}
	return lw.conflict(vals, poss)
}

// mergeKind merges values that are not nil.
func (j *joiner) mergeKind(vals []Value, poss []ir.Pos) Value {
	lw := j.lw
	switch a := vals[0].(type) {
	case Int:
		args := make([]*ir.Value, len(vals))
		out := Int{Bit: a.Bit, Slice: a.Slice}
		for i, v := range vals {
			n, ok := v.(Int)
			if !ok {
				return lw.conflict(vals, poss)
			}
			args[i] = n.V
			out.Unsigned = out.Unsigned || n.Unsigned
			out.Bit = out.Bit && n.Bit
			if n.Slice != out.Slice {
				out.Slice = 0
			}
		}
		out.V = j.phi(ir.I64, args)
		return out
	case Bool, Const:
		args := make([]*ir.Value, len(vals))
		for i, v := range vals {
			if b, ok := v.(Bool); ok {
				args[i] = b.V
				continue
			}
			c, ok := v.(Const)
			if !ok {
				return lw.conflict(vals, poss)
			}
			x, ok := c.V.(lua.LBool)
			if !ok {
				return lw.conflict(vals, poss)
			}
			args[i] = j.at(i, func() *ir.Value { return lw.b.Bool(bool(x)) })
		}
		return Bool{j.phi(ir.Bool, args)}
	case generation:
		return generation{j.block.NewValue(ir.OpPktGen, ir.Gen, lw.b.Pos)}
	case Bytes:
		return j.mergeSlices(vals, poss)
	case address:
		args := make([]*ir.Value, len(vals))
		for i, v := range vals {
			args[i] = v.(address).p
		}
		return address{j.phi(ir.Ptr, args)}
	case *Table:
		if t := j.mergeTables(vals, poss); t != nil {
			return t
		}
	case Tuple:
		for _, v := range vals {
			if t, ok := v.(Tuple); !ok || len(t) != len(a) {
				return lw.conflict(vals, poss)
			}
		}
		out := make(Tuple, len(a))
		for k := range a {
			col := make([]Value, len(vals))
			for i, v := range vals {
				col[i] = v.(Tuple)[k]
			}
			out[k] = j.merge(col, poss)
		}
		return out
	}
	return lw.conflict(vals, poss)
}

// mergeTables merges tables with equal keys field by field; nil if the keys
// differ.
func (j *joiner) mergeTables(vals []Value, poss []ir.Pos) Value {
	first := vals[0].(*Table)
	for _, v := range vals {
		t, ok := v.(*Table)
		if !ok || len(t.keys) != len(first.keys) {
			return nil
		}
		for _, k := range first.keys {
			if t.fields[k] == nil {
				return nil
			}
		}
	}
	for _, m := range j.merging {
		if slices.Equal(m.vals, vals) {
			m.out.names++
			return m.out // another name of it; or it has itself as a field, as classes do
		}
	}
	out := &Table{fields: map[lua.LValue]*cell{}, keys: first.keys, meta: first.meta, made: j.lw.newCell(Nil), names: 1}
	j.merging = append(j.merging, mergedTables{slices.Clone(vals), out})
	j.freeze(out, vals)
	for _, k := range first.keys {
		col := make([]Value, len(vals))
		for i, v := range vals {
			c := v.(*Table).fields[k]
			col[i] = c.get()
			if ch, ok := j.edges[i].changes[c]; ok && ch.val != nil {
				col[i] = ch.val
			}
		}
		out.fields[k] = j.lw.newCell(j.merge(col, poss))
		out.fields[k].field = true
	}
	return out
}

// freeze marks a merged table, and what it is merged from, that must not change any
// more: on some path it has another name that is not merged with it, and a change
// by one would not be seen by the other.
func (j *joiner) freeze(out *Table, vals []Value) {
	if j.merged == nil {
		j.merged = map[*Table]*Table{}
	}
	for _, v := range vals {
		t := v.(*Table)
		if t.names > 1 && t.everywhere() {
			t.frozen = true
		}
		out.frozen = out.frozen || t.frozen
		if other := j.merged[t]; other != nil && t.names > 1 {
			other.frozen, out.frozen = true, true
		}
		j.merged[t] = out
	}
}

// conflict returns the first two values that do not go together: of
// different kinds if there are such, else two that are not nil.
func (lw *lowerer) conflict(vals []Value, poss []ir.Pos) Value {
	for _, differ := range []func(a, b Value) bool{
		func(a, b Value) bool { return !isNil(a) && !isNil(b) && describe(a) != describe(b) },
		func(a, b Value) bool { return !isNil(a) && !isNil(b) && !identical(a, b) },
		func(a, b Value) bool { return !identical(a, b) },
	} {
		for i := range vals {
			for k := i + 1; k < len(vals); k++ {
				if differ(vals[i], vals[k]) {
					return &Conflict{vals[i], vals[k], poss[i], poss[k]}
				}
			}
		}
	}
	return Bad{}
}
