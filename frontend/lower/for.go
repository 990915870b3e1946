package lower

import (
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	lua "github.com/yuin/gopher-lua"
)

// maxUnroll bounds the copies of a body whose variable must be a constant.
const maxUnroll = 4096

// numFor lowers for v = from, to, step.
func (lw *lowerer) numFor(s *syntax.NumForStmt) {
	from, ok1 := lw.intOf(s.From, lw.expr(s.From), "'for'")
	to, ok2 := lw.intOf(s.To, lw.expr(s.To), "'for'")
	step, ok3 := Int{V: nil}, true
	if s.Step != nil {
		step, ok3 = lw.intOf(s.Step, lw.expr(s.Step), "'for'")
	}
	if lw.b.Block == nil || !ok1 || !ok2 || !ok3 {
		return
	}
	lw.at(s)
	if step.V == nil {
		step = Int{V: lw.b.Const(1)}
	}
	if c, ok := step.V.IsConst(); ok && c == 0 {
		lw.r.Warnf(diag.ZeroStep, s.Step.Bounds().In(lw.file), "with a step of 0 this loop runs never")
	}
	unsigned := from.Unsigned || to.Unsigned || step.Unsigned
	n := lw.capped(s, from, step, lw.trips(from.V, to.V, step, unsigned))
	if c, ok := n.IsConst(); ok {
		if c == 0 {
			return
		}
		if lw.needsConstant(s) {
			lw.unroll(s, from, step, c)
			return
		}
	}
	lw.countedLoop(s, from, step, n, unsigned)
}

// capped returns n, the trips of a loop, as a number that is seen not to be more
// than bpf.limit allows, if the loop ends there.
func (lw *lowerer) capped(s *syntax.NumForStmt, from, step Int, n *ir.Value) *ir.Value {
	call, ok := s.To.(*syntax.Call)
	if !ok || len(call.Args) != 2 {
		return n
	}
	if g, ok := lw.expr(call.Fn).(Global); !ok || g.Name != "bpf.limit" {
		return n
	}
	var most Int
	ok1 := false
	switch call.Args[1].(type) {
	case *syntax.NumberExpr, *syntax.Name: // to evaluate it again does nothing
		most, ok1 = lw.resolve(lw.expr(call.Args[1])).(Int)
	}
	first, ok2 := from.V.IsConst()
	by, ok3 := step.V.IsConst()
	if !ok1 || !ok2 || !ok3 || by <= 0 {
		return n
	}
	last, ok := most.V.IsConst()
	if !ok || last < first || last-first < 0 {
		return n
	}
	limit := lw.b.Const((last-first)/by + 1)
	return lw.choose(lw.b.Op(ir.OpULt, n, limit), func() *ir.Value { return n }, limit).(Int).V
}

// trips is how often a numeric for runs: 0 if it runs never, or if step is 0.
func (lw *lowerer) trips(from, to *ir.Value, step Int, unsigned bool) *ir.Value {
	b := lw.b
	one, zero := b.Const(1), b.Const(0)
	le := ir.OpSLe
	if unsigned {
		le = ir.OpULe
	}
	up := func() Value {
		return lw.choose(b.Op(le, from, to), func() *ir.Value {
			return b.Op(ir.OpAdd, b.Op(ir.OpUDiv, b.Op(ir.OpSub, to, from), step.V), one)
		}, zero)
	}
	down := func() Value {
		return lw.choose(b.Op(le, to, from), func() *ir.Value {
			return b.Op(ir.OpAdd, b.Op(ir.OpUDiv, b.Op(ir.OpSub, from, to), b.Op(ir.OpNeg, step.V)), one)
		}, zero)
	}
	if c, ok := step.V.IsConst(); ok {
		switch {
		case c == 0:
			return zero
		case c > 0 || step.Unsigned:
			return up().(Int).V
		}
		return down().(Int).V
	}
	if step.Unsigned {
		return lw.choose(b.Op(ir.OpNe, step.V, zero), func() *ir.Value { return up().(Int).V }, zero).(Int).V
	}
	positive := b.Op(ir.OpSLt, zero, step.V)
	return lw.choose(positive, func() *ir.Value { return up().(Int).V }, nil, func() *ir.Value {
		return lw.choose(b.Op(ir.OpSLt, step.V, zero), func() *ir.Value { return down().(Int).V }, zero).(Int).V
	}).(Int).V
}

// choose is yes() if cond holds, else the number no, or the result of other.
func (lw *lowerer) choose(cond *ir.Value, yes func() *ir.Value, no *ir.Value, other ...func() *ir.Value) Value {
	mark := lw.mark()
	y, n := lw.branch(cond, mark)
	if y.block != nil {
		lw.open(y)
		y = lw.leave(mark, Int{V: yes()})
	}
	if n.block != nil {
		lw.open(n)
		if len(other) > 0 {
			no = other[0]()
		}
		n = lw.leave(mark, Int{V: no})
	}
	return lw.join([]edge{y, n})[0]
}

// countedLoop lowers a numeric for as a loop that counts its trips.
func (lw *lowerer) countedLoop(s *syntax.NumForStmt, from, step Int, n *ir.Value, unsigned bool) {
	counter := lw.newCell(Int{V: lw.b.Const(0)})
	info := ir.Loop{What: "for"}
	if c, ok := n.IsConst(); ok {
		info.Limit = c
	}
	changed := append([]*cell{counter}, lw.changedIn(s)...)
	lw.loop(s, info, changed, func(l *loopScope, again func()) {
		i := counter.val.(Int).V
		yes, no := lw.branch(lw.b.Op(ir.OpULt, i, n), l.mark)
		if no.block != nil {
			l.breaks = append(l.breaks, no)
		}
		lw.open(yes)
		v := lw.b.Op(ir.OpAdd, from.V, lw.b.Op(ir.OpMul, i, step.V))
		lw.declare(s.Var, Int{V: v, Unsigned: unsigned})
		lw.block(s.Body)
		if lw.b.Block != nil {
			lw.at(s)
			lw.set(counter, Int{V: lw.b.Op(ir.OpAdd, i, lw.b.Const(1))})
		}
		again()
	})
}

// unroll lowers a numeric for with constant bounds as copies of its body.
func (lw *lowerer) unroll(s *syntax.NumForStmt, from, step Int, n int64) {
	if n > maxUnroll {
		lw.errorf(s, diag.TooManyCopies, "the variable of this loop is used where a constant is needed, which takes %d copies of the body; the limit is %d", n, maxUnroll)
		return
	}
	first, _ := from.V.IsConst()
	by, ok := step.V.IsConst()
	if _, known := from.V.IsConst(); !ok || !known {
		lw.errorf(s, diag.NeedsConstant, "the variable of this loop is used where a constant is needed; start and step must be constants")
		return
	}
	lw.copies(s, s.Body, int(n), func(i int) {
		lw.declare(s.Var, Int{V: lw.b.Const(first + int64(i)*by), Unsigned: from.Unsigned})
	})
}

// copies lowers body n times in a row; break leaves them all.
func (lw *lowerer) copies(n syntax.Node, body *syntax.Block, count int, bind func(i int)) {
	l := &loopScope{up: lw.frame.loop, mark: lw.mark(), closers: len(lw.closers)}
	lw.frame.loop = l
	for i := 0; i < count && lw.b.Block != nil; i++ {
		lw.at(n)
		bind(i)
		lw.block(body)
		if lw.tooLarge(n) {
			break
		}
	}
	lw.frame.loop = l.up
	edges := l.breaks
	if len(edges) == 0 {
		return
	}
	if lw.b.Block != nil {
		edges = append(edges, lw.snapshot(l.mark))
	}
	lw.rollback(l.mark)
	lw.at(n)
	lw.join(edges)
}

// genFor lowers for k, v in pairs(t) and ipairs(t) over tables known now, and in
// m:each().
func (lw *lowerer) genFor(s *syntax.GenForStmt) {
	call, ok := s.Exprs[0].(*syntax.Call)
	if ok && len(call.Args) == 1 && len(s.Exprs) == 1 {
		if g, ok := lw.expr(call.Fn).(Global); ok && (g.Name == "pairs" || g.Name == "ipairs") {
			keys, vals, ok := lw.pairs(call, g.Name, lw.expr(call.Args[0]))
			if !ok {
				return
			}
			if len(keys) > maxUnroll {
				lw.errorf(s, diag.TooManyCopies, "a loop over a table of %d entries takes as many copies of the body; the limit is %d", len(keys), maxUnroll)
				return
			}
			lw.copies(s, s.Body, len(keys), func(i int) {
				lw.declare(s.Vars[0], lw.constant(keys[i]))
				if len(s.Vars) > 1 {
					lw.declare(s.Vars[1], vals(i))
				}
				for _, v := range s.Vars[min(2, len(s.Vars)):] {
					lw.declare(v, Nil)
				}
			})
			return
		}
	}
	if m, ok := lw.eachCall(s); ok {
		if m != nil && lw.b.Block != nil {
			lw.eachLoop(s, m)
		}
		return
	}
	lw.errorf(s.Exprs[0], diag.NotATable, "a generic 'for' walks through a table known when compiling, by pairs or ipairs, or through a map: for k, v in m:each() do")
}

// pairs lists a table's entries in the order the script stage would.
func (lw *lowerer) pairs(n syntax.Node, name string, v Value) (keys []lua.LValue, val func(i int) Value, ok bool) {
	switch t := v.(type) {
	case *Table:
		if name == "ipairs" {
			for i := 1; i <= t.border(); i++ {
				keys = append(keys, lua.LNumber(i))
			}
		} else {
			for _, k := range t.keys {
				if !isNil(t.fields[k].get()) {
					keys = append(keys, k)
				}
			}
		}
		return keys, func(i int) Value { return lw.resolve(t.fields[keys[i]].get()) }, true
	case Const:
		table, isTable := t.V.(*lua.LTable)
		if !isTable {
			break
		}
		var vals []lua.LValue
		if name == "ipairs" {
			for i := 1; table.RawGetInt(i) != lua.LNil; i++ {
				keys, vals = append(keys, lua.LNumber(i)), append(vals, table.RawGetInt(i))
			}
		} else {
			for k, x := table.Next(lua.LNil); k != lua.LNil; k, x = table.Next(k) {
				keys, vals = append(keys, k), append(vals, x)
			}
		}
		return keys, func(i int) Value { return lw.constant(vals[i]) }, true
	case Bad:
		return nil, nil, false
	}
	if m, ok := asMap(v); ok {
		lw.errorf(n, diag.NotATable, "%s goes through tables; for the entries of a map write: for k, v in %s:each() do", name, m.Name)
		return nil, nil, false
	}
	lw.errorf(n, diag.NotATable, "%s needs a table that is known when compiling, not %s", name, describe(v))
	return nil, nil, false
}
