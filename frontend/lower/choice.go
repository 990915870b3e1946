package lower

import (
	"slices"

	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	lua "github.com/yuin/gopher-lua"
)

// Choice is Yes where Cond holds and No where it does not: what pcall returns
// behind its first result, and a string, table or function that may be nil. A
// path that has tested Cond sees one of the two. Each of them has a value on
// all paths; where it is not chosen it is of no use.
type Choice struct {
	Cond    *ir.Value
	Yes, No Value
	chain   bool // No is a Choice whose conditions hold only where Cond does not
}

func (*Choice) kind() string { return "value of two kinds" }

// resolveChoice returns what the path knows of c: one of its values; both as one if
// they are numbers or otherwise go together; or c.
func (lw *lowerer) resolveChoice(c *Choice) Value {
	if truth, ok := lw.known(c.Cond); ok {
		if truth {
			return lw.resolve(c.Yes)
		}
		return lw.resolve(c.No)
	}
	if _, _, _, ok := pointerOrNil(c); ok {
		return c
	}
	if lw.b.Block == nil || lw.apart(c.Yes) || lw.apart(c.No) || isNil(c.Yes) && isNil(c.No) {
		return c
	}
	mark := lw.mark()
	yes, no := lw.branch(c.Cond, mark)
	edges := make([]edge, 2)
	for i, e := range []edge{yes, no} {
		lw.open(e)
		v := []Value{c.Yes, c.No}[i]
		edges[i] = lw.leave(mark, lw.resolve(v))
	}
	return lw.join(edges)[0]
}

// apart reports whether v, or one of what it is chosen from, can't be merged
// with values of another kind.
func (lw *lowerer) apart(v Value) bool {
	c, ok := v.(*Choice)
	if !ok {
		switch v.(type) {
		case *Table, Bytes:
			return true
		}
		return static(v) && !isNil(v)
	}
	if truth, ok := lw.known(c.Cond); ok {
		return truth && lw.apart(c.Yes) || !truth && lw.apart(c.No)
	}
	return lw.apart(c.Yes) || lw.apart(c.No)
}

// choiceTruth splits the path on whether c is true.
func (lw *lowerer) choiceTruth(e syntax.Expr, c *Choice, mark int) (yes, no []edge) {
	y, n := lw.branch(c.Cond, mark)
	for i, side := range []edge{y, n} {
		if side.block == nil {
			continue
		}
		lw.join([]edge{side})
		t, f := lw.truth(e, []Value{c.Yes, c.No}[i], mark)
		yes, no = append(yes, t...), append(no, f...)
	}
	return yes, no
}

// equalChoice compares both values of c with r. Where a condition says that c is
// r, the comparison is that condition, and the path knows.
func (lw *lowerer) equalChoice(e *syntax.Binary, c *Choice, r Value) *ir.Value {
	if text, ok := r.(Const); ok {
		if cond, ok := lw.isText(c, text); ok {
			return cond
		}
	}
	mark := lw.mark()
	y, n := lw.branch(c.Cond, mark)
	var ends []edge
	for i, side := range []edge{y, n} {
		if side.block == nil {
			continue
		}
		lw.open(side)
		eq := lw.equality(e, lw.resolve([]Value{c.Yes, c.No}[i]), lw.resolve(r))
		if eq == nil {
			return nil
		}
		ends = append(ends, lw.leave(mark, Bool{eq}))
	}
	v, _ := lw.asBool(lw.join(ends)[0])
	return v
}

// isText compares a number, a boolean or a string with a string, if that
// needs no code but a condition of a choice.
func (lw *lowerer) isText(v Value, text Const) (*ir.Value, bool) {
	if _, ok := text.V.(lua.LString); !ok {
		return nil, false
	}
	switch v := v.(type) {
	case Const:
		return lw.b.Bool(v.V == text.V), true
	case Int, Bool:
		return lw.b.Bool(false), true
	case *Choice:
		yes, ok1 := lw.isText(v.Yes, text)
		no, ok2 := lw.isText(v.No, text)
		if !ok1 || !ok2 {
			return nil, false
		}
		y, isYes := yes.IsConst()
		n, isNo := no.IsConst()
		switch {
		case isYes && isNo && y == n:
			return yes, true
		case isYes && isNo && y == 0:
			return lw.b.Op(ir.OpNot, v.Cond), true
		case isYes && isNo:
			return v.Cond, true
		case isYes && y == 0 && v.chain:
			return no, true
		}
	}
	return nil, false
}

// static reports whether v is one and the same wherever it is used: it holds
// no value of the IR.
func static(v Value) bool {
	switch v := v.(type) {
	case Const, Global, *Closure, Context, CtxArray:
		return true
	case Bytes:
		return v.kept == nil && (v.Slot != nil || v.At.Base == nil)
	}
	return false
}

// mergeOn merges the values that some edges bring, the on-th ones; on the other
// edges the result is not used. Values of several kinds are chosen from by
// where control came from.
func (j *joiner) mergeOn(on []int, vals []Value) Value {
	vals = append([]Value(nil), vals...)
	for i := range vals {
		vals[i] = j.settle(on[i], vals[i])
	}
	if v, ok := j.same(vals); ok && static(v) {
		return v
	}
	for i, v := range vals { // strings first: a comparison then says which it is
		if static(v) && !isBoolean(v) {
			vals[0], vals[i], on = v, vals[0], slices.Clone(on)
			on[0], on[i] = on[i], on[0]
			break
		}
	}
	full := make([]Value, len(j.edges))
	var restOn []int
	var rest []Value
	for i, v := range vals {
		if !together(vals[0], v) {
			restOn, rest = append(restOn, on[i]), append(rest, v)
			continue
		}
		full[on[i]] = v
	}
	group := make([]bool, len(full))
	for i, v := range full {
		if v != nil {
			group[i] = true
			continue
		}
		if full[i] = j.dummy(i, on[0], vals[0]); full[i] == nil {
			return j.lw.conflict([]Value{vals[0], Nil}, make([]ir.Pos, 2))
		}
	}
	first := vals[0]
	if !static(first) || isBoolean(first) {
		first = j.merge(full, make([]ir.Pos, len(full)))
	}
	if len(rest) == 0 {
		return first
	}
	flags := make([]*ir.Value, len(full))
	for i := range flags {
		flags[i] = j.at(i, func() *ir.Value { return j.lw.b.Bool(group[i]) })
	}
	return newChain(j.phi(ir.Bool, flags), first, j.mergeOn(restOn, rest))
}

// newChain makes a Choice. Where cond holds no condition does that no was made
// with.
func newChain(cond *ir.Value, yes, no Value) *Choice {
	_, chain := no.(*Choice)
	return &Choice{cond, yes, no, chain}
}

// together reports whether two values can be merged into one of their kind.
func together(a, b Value) bool {
	if static(a) || static(b) {
		return identical(a, b) || isBoolean(a) && isBoolean(b)
	}
	return describe(a) == describe(b)
}

// dummy returns a value of the kind of v, which edge k brings, for edge i.
func (j *joiner) dummy(i, k int, v Value) Value {
	b := j.lw.b
	zero := func(t ir.Type) *ir.Value {
		return j.at(i, func() *ir.Value {
			if t == ir.Bool {
				return b.Bool(false)
			}
			return b.Const(0)
		})
	}
	switch v := v.(type) {
	case Int:
		return Int{V: zero(ir.I64), Unsigned: v.Unsigned, Bit: v.Bit, Slice: v.Slice}
	case Bool:
		return Bool{zero(ir.Bool)}
	case Opt:
		return Nil
	case Pointer:
		return Pointer{Base: zero(ir.I64), View: v.View}
	case Bytes:
		if v.Slot != nil {
			break
		}
		out := Bytes{Len: v.Len, Text: v.Text}
		for range words(v.Len) {
			out.kept = append(out.kept, zero(ir.I64))
		}
		return out
	case *Table:
		if t := j.dummies[v]; t != nil {
			return t // it has itself as a field, as classes do
		}
		t := &Table{fields: map[lua.LValue]*cell{}, keys: v.keys, meta: v.meta}
		if j.dummies == nil {
			j.dummies = map[*Table]*Table{}
		}
		j.dummies[v] = t
		defer delete(j.dummies, v)
		for _, key := range v.keys {
			c := v.fields[key]
			x := c.get()
			if ch, ok := j.edges[k].changes[c]; ok && ch.val != nil {
				x = ch.val
			}
			d := j.dummy(i, k, x)
			if d == nil {
				return nil
			}
			t.fields[key] = &cell{val: d, field: true}
		}
		return t
	}
	if static(v) {
		return v
	}
	return nil
}

// mergeStatic merges one string, table or function with nil.
func (j *joiner) mergeStatic(vals []Value, first int) (Value, bool) {
	v := vals[first]
	if !static(v) || isBoolean(v) {
		return nil, false
	}
	flags := make([]*ir.Value, len(vals))
	for i, w := range vals {
		if !isNil(w) && !identical(v, w) {
			return nil, false
		}
		flags[i] = j.at(i, func() *ir.Value { return j.lw.b.Bool(!isNil(w)) })
	}
	return &Choice{Cond: j.phi(ir.Bool, flags), Yes: v, No: Nil}, true
}
