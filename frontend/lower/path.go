package lower

import (
	"github.com/luabpfc/luabpfc/ir"
	lua "github.com/yuin/gopher-lua"
)

// cell is a variable: a local, a field of a table, the number of an entry.
type cell struct {
	val   Value
	pos   ir.Pos // of the assignment that val comes from
	entry *Entry // of the number of an entry, whose val is nil while put off
	field bool   // of a table; a path that did not make it has nil there
	born  int    // older cells have smaller numbers
	// param is set for a parameter of an inlined function, and for what takes
	// a value from "...": another call may leave it out.
	param bool
}

// newCell makes a variable. Its birth is logged, so that it has no value (a
// nil Value) on paths that don't come by here.
func (lw *lowerer) newCell(v Value) *cell {
	lw.born++
	c := &cell{val: v, pos: lw.b.Pos, born: lw.born}
	lw.log = append(lw.log, undo{c: c})
	return c
}

// get returns the value of a table's field: nil on paths that did not make it.
func (c *cell) get() Value {
	if c == nil || c.val == nil {
		return Nil
	}
	return c.val
}

// undo is one logged assignment.
type undo struct {
	c   *cell
	val Value
	pos ir.Pos
}

// facts is a list of conditions whose value is known on the path.
type facts struct {
	cond  *ir.Value
	truth bool
	up    *facts
	depth int
}

// entries lists the entries whose numbers are put off on the path.
type entries struct {
	e     *Entry
	up    *entries
	depth int
}

// edge is the end of a path that waits to be joined: its open block and what
// it changed since the mark that join is given.
type edge struct {
	block   *ir.Block
	facts   *facts
	pending *entries
	changes map[*cell]change
	order   []*cell // of changes, for determinism
	results []Value
}

type change struct {
	val Value
	pos ir.Pos
}

// set assigns to a cell and logs what it held.
func (lw *lowerer) set(c *cell, v Value) {
	for i := len(lw.building) - 1; i >= 0; i-- {
		l := lw.building[i]
		if c.born > l.start {
			break
		}
		if !l.has[c] {
			l.has[c] = true
			l.missed = append(l.missed, c)
		}
	}
	lw.log = append(lw.log, undo{c, c.val, c.pos})
	c.val, c.pos = v, lw.b.Pos
}

// mark names the present state for leave and join.
func (lw *lowerer) mark() int { return len(lw.log) }

// leave ends the current path: it returns its edge and takes its changes
// since mark back. The path has no open block afterwards.
func (lw *lowerer) leave(mark int, results ...Value) edge {
	e := lw.snapshot(mark, results...)
	lw.rollback(mark)
	lw.b.Block = nil
	return e
}

// snapshot returns the edge of the current path without ending it.
func (lw *lowerer) snapshot(mark int, results ...Value) edge {
	e := edge{block: lw.b.Block, facts: lw.facts, pending: lw.pending, results: results, changes: map[*cell]change{}}
	for _, u := range lw.log[mark:] {
		if _, ok := e.changes[u.c]; !ok {
			e.changes[u.c] = change{u.c.val, u.c.pos}
			e.order = append(e.order, u.c)
		}
	}
	return e
}

// rollback takes back the assignments since mark.
func (lw *lowerer) rollback(mark int) {
	for i := len(lw.log) - 1; i >= mark; i-- {
		u := lw.log[i]
		u.c.val, u.c.pos = u.val, u.pos
	}
	lw.log = lw.log[:mark]
}

// open goes on along an edge that is joined with no other.
func (lw *lowerer) open(e edge) []Value {
	lw.b.Block, lw.facts, lw.pending = e.block, e.facts, e.pending
	for _, c := range e.order {
		ch := e.changes[c]
		lw.log = append(lw.log, undo{c, c.val, c.pos})
		c.val, c.pos = ch.val, ch.pos
	}
	return e.results
}

// reachable drops the edges without a block.
func reachable(edges []edge) []edge {
	var out []edge
	for _, e := range edges {
		if e.block != nil {
			out = append(out, e)
		}
	}
	return out
}

// join goes on where edges meet and returns their merged results. The state
// must be what it was at the mark the edges were left with.
func (lw *lowerer) join(edges []edge) []Value {
	edges = reachable(edges)
	switch len(edges) {
	case 0:
		lw.b.Block = nil
		return nil
	case 1:
		return lw.open(edges[0])
	}
	j := &joiner{lw: lw, edges: edges, block: lw.b.Func.NewBlock(ir.BlockJump)}
	type merged struct {
		c   *cell
		val Value
	}
	var cells []merged
	seen := map[*cell]bool{}
	for _, e := range edges {
		for _, c := range e.order {
			if seen[c] {
				continue
			}
			seen[c] = true
			vals := make([]Value, len(edges))
			poss := make([]ir.Pos, len(edges))
			for i := range edges {
				vals[i], poss[i] = c.val, c.pos
				if ch, ok := edges[i].changes[c]; ok {
					vals[i], poss[i] = ch.val, ch.pos
				}
			}
			if !j.visible(c, vals) {
				continue
			}
			cells = append(cells, merged{c, j.merge(vals, poss)})
		}
	}
	n := 0
	for _, e := range edges {
		n = max(n, len(e.results))
	}
	results := make([]Value, n)
	for k := range results {
		vals := make([]Value, len(edges))
		for i, e := range edges {
			vals[i] = Nil
			if k < len(e.results) {
				vals[i] = e.results[k]
			}
		}
		results[k] = j.merge(vals, make([]ir.Pos, len(edges)))
	}
	common, pending := edges[0].facts, edges[0].pending
	for i := range j.edges {
		common = sharedFacts(common, j.edges[i].facts)
		pending = sharedEntries(pending, j.edges[i].pending)
		lw.b.Block = j.edges[i].block
		lw.b.Jump(j.block)
	}
	j.finish()
	lw.b.Block, lw.facts, lw.pending = j.block, common, pending
	for _, m := range cells {
		lw.set(m.c, m.val)
	}
	return results
}

// sharedFacts returns the facts that both lists end with.
func sharedFacts(a, b *facts) *facts {
	for a != b {
		switch {
		case a == nil || b == nil:
			return nil
		case a.depth >= b.depth:
			a = a.up
		default:
			b = b.up
		}
	}
	return a
}

// sharedEntries returns the entries that both lists end with.
func sharedEntries(a, b *entries) *entries {
	for a != b {
		switch {
		case a == nil || b == nil:
			return nil
		case a.depth >= b.depth:
			a = a.up
		default:
			b = b.up
		}
	}
	return a
}

// postpone lists an entry whose number has not been read.
func (lw *lowerer) postpone(e *Entry) {
	depth := 1
	if lw.pending != nil {
		depth = lw.pending.depth + 1
	}
	lw.pending = &entries{e, lw.pending, depth}
}

// flush reads the numbers that were put off: something is about to happen
// that could change them.
func (lw *lowerer) flush() {
	var list []*Entry
	for p := lw.pending; p != nil; p = p.up {
		list = append(list, p.e)
	}
	lw.pending = nil
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].num.val == nil {
			lw.readEntry(list[i])
		}
	}
}

// learn records that cond has the given truth on this path.
func (lw *lowerer) learn(cond *ir.Value, truth bool) {
	for cond.Op == ir.OpNot {
		cond, truth = cond.Args[0], !truth
	}
	depth := 1
	if lw.facts != nil {
		depth = lw.facts.depth + 1
	}
	lw.facts = &facts{cond, truth, lw.facts, depth}
}

// known returns the truth of a condition, if it is known on this path.
func (lw *lowerer) known(cond *ir.Value) (truth, ok bool) {
	flip := false
	for cond.Op == ir.OpNot {
		cond, flip = cond.Args[0], !flip
	}
	if c, ok := cond.IsConst(); ok {
		return (c != 0) != flip, true
	}
	for f := lw.facts; f != nil; f = f.up {
		if f.cond == cond {
			return f.truth != flip, true
		}
	}
	return false, false
}

// branch splits the path on cond and returns the edges of both arms; an arm
// that is known not to be taken has no block.
func (lw *lowerer) branch(cond *ir.Value, mark int) (yes, no edge) {
	here := lw.snapshot(mark)
	lw.rollback(mark)
	if truth, ok := lw.known(cond); ok {
		lw.b.Block = nil
		if truth {
			return here, edge{}
		}
		return edge{}, here
	}
	f := lw.b.Func
	yb, nb := f.NewBlock(ir.BlockJump), f.NewBlock(ir.BlockJump)
	lw.b.If(cond, yb, nb)
	yes, no = here, here
	yes.block, no.block = yb, nb
	saved := lw.facts
	lw.learn(cond, true)
	yes.facts = lw.facts
	lw.facts = saved
	lw.learn(cond, false)
	no.facts = lw.facts
	lw.facts = saved
	return yes, no
}

// joiner merges values where edges meet.
type joiner struct {
	lw    *lowerer
	edges []edge
	block *ir.Block
	phis  []*ir.Value
	args  [][]*ir.Value
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
	v := j.block.InsertValue(len(j.phis), ir.OpPhi, t, j.lw.b.Pos)
	j.phis = append(j.phis, v)
	j.args = append(j.args, args)
	return v
}

// finish gives the phis their arguments; the edges are connected by now.
func (j *joiner) finish() {
	for i, v := range j.phis {
		for _, a := range j.args[i] {
			v.AddArg(a)
		}
	}
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
		return ok && a.Base == b.Base && a.Off == b.Off && a.View == b.View && len(a.Path) == len(b.Path)
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

// settle resolves what edge i knows of an optional value, and reads an entry.
func (j *joiner) settle(i int, v Value) Value {
	switch v := v.(type) {
	case *Entry:
		fs := j.lw.facts
		j.lw.facts = j.edges[i].facts
		truth, ok := j.lw.known(v.Present)
		j.lw.facts = fs
		if ok && !truth {
			return Nil
		}
		n := j.number(i, v)
		if ok || v.sure {
			return n
		}
		return Opt{v.Present, n}
	case Opt:
		fs := j.lw.facts
		j.lw.facts = j.edges[i].facts
		truth, ok := j.lw.known(v.Present)
		j.lw.facts = fs
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
		if v == nil && !j.edges[i].pending.has(e) {
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

// has reports whether e is in the list.
func (l *entries) has(e *Entry) bool {
	for ; l != nil; l = l.up {
		if l.e == e {
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
	case Pointer:
		args := make([]*ir.Value, len(vals))
		view := a.View
		for i, v := range vals {
			p, ok := v.(Pointer)
			if !ok {
				return lw.conflict(vals, poss)
			}
			if p.View != view {
				return lw.conflict(vals, poss)
			}
			args[i] = j.at(i, func() *ir.Value { return lw.offset(p).V })
		}
		return Pointer{Base: j.phi(ir.I64, args), View: view}
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
	out := &Table{fields: map[lua.LValue]*cell{}, keys: first.keys}
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

// conflict returns the first two values that do not go together: of
// different kinds if there are such.
func (lw *lowerer) conflict(vals []Value, poss []ir.Pos) Value {
	for _, differ := range []func(a, b Value) bool{
		func(a, b Value) bool { return !isNil(a) && !isNil(b) && describe(a) != describe(b) },
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
