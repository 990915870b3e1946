package lower

import (
	"strings"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	lua "github.com/yuin/gopher-lua"
)

// cond evaluates e as a condition and splits the path. The edges of each
// outcome are relative to mark, to which the log is taken back.
func (lw *lowerer) cond(e syntax.Expr, mark int) (yes, no []edge) {
	switch e := e.(type) {
	case *syntax.Paren:
		return lw.cond(e.X, mark)
	case *syntax.Unary:
		if e.Op == syntax.OpNot {
			no, yes = lw.cond(e.X, mark)
			return yes, no
		}
	case *syntax.Binary:
		switch e.Op {
		case syntax.OpAnd:
			yes, no = lw.cond(e.L, mark)
			if !anyReachable(yes) {
				return nil, no
			}
			lw.join(yes)
			y2, n2 := lw.cond(e.R, mark)
			return y2, append(no, n2...)
		case syntax.OpOr:
			yes, no = lw.cond(e.L, mark)
			if !anyReachable(no) {
				return yes, nil
			}
			lw.join(no)
			y2, n2 := lw.cond(e.R, mark)
			return append(yes, y2...), n2
		}
	}
	v := lw.lazy(e)
	if lw.b.Block == nil {
		return nil, nil
	}
	lw.at(e)
	return lw.truth(e, v, mark)
}

// truth splits the path on whether v is true, as language.md 2, "Truth".
func (lw *lowerer) truth(e syntax.Expr, v Value, mark int) (yes, no []edge) {
	always := func(t bool) ([]edge, []edge) {
		here := []edge{lw.leave(mark)}
		if t {
			return here, nil
		}
		return nil, here
	}
	if o, ok := v.(Opt); ok {
		n, isInt := o.Val.(Int)
		if t, known := lw.known(o.Present); known && isInt && !n.Bit {
			return always(t)
		}
	}
	v = lw.resolve(v)
	switch v := v.(type) {
	case Const:
		return always(lua.LVAsBool(v.V))
	case Int:
		if v.Bit {
			return lw.split(lw.b.Op(ir.OpNe, v.V, lw.b.Const(0)), mark)
		}
		if _, ok := v.V.IsConst(); ok {
			return always(true)
		}
		lw.errorf(e, diag.NumberAsCondition, "a number is always true in Lua, 0 too; write '~= 0' to test it")
		return always(true)
	case Bool:
		return lw.split(v.V, mark)
	case Ref:
		if v.Present == nil || v.Sure {
			return always(true)
		}
		return lw.split(v.Present, mark)
	case Opt:
		yes, no = lw.split(v.Present, mark)
		inner := v.Val
		if n, ok := inner.(Int); ok && !n.Bit {
			return yes, no
		}
		lw.join(yes)
		y2, n2 := lw.truth(e, inner, mark)
		return y2, append(no, n2...)
	case *Entry:
		switch {
		case ctype.IsBool(v.Map.Value): // what is absent is 0
			return lw.split(lw.b.Op(ir.OpNe, lw.readEntry(v).V, lw.b.Const(0)), mark)
		case v.sure:
			return always(true)
		}
		return lw.split(v.Present, mark)
	case Pointer:
		return lw.headerTruth(v, mark)
	case *Choice:
		return lw.choiceTruth(e, v, mark)
	case *Conflict:
		lw.useConflict(e, v)
		return always(true)
	}
	return always(true)
}

// split branches on a Bool.
func (lw *lowerer) split(c *ir.Value, mark int) (yes, no []edge) {
	y, n := lw.branch(c, mark)
	return []edge{y}, []edge{n}
}

// andOr evaluates "and" and "or" as values.
func (lw *lowerer) andOr(e *syntax.Binary) Value {
	return lw.joined(lw.paths(e, lw.mark(), (*lowerer).expr))
}

// paths evaluates e and returns its edges, relative to mark, with e's value as
// their result. "and" and "or" are not joined between their operands: in
// "a < b and 1 or 0" false never meets 1. eval evaluates a plain operand.
func (lw *lowerer) paths(e syntax.Expr, mark int, eval func(*lowerer, syntax.Expr) Value) []edge {
	switch e := e.(type) {
	case *syntax.Paren:
		return lw.paths(e.X, mark, eval)
	case *syntax.Binary:
		if e.Op == syntax.OpAnd || e.Op == syntax.OpOr {
			return lw.andOrPaths(e, mark)
		}
	}
	v := eval(lw, e)
	if lw.b.Block == nil {
		lw.rollback(mark)
		return nil
	}
	return []edge{lw.leave(mark, lw.holdArg(v))}
}

func (lw *lowerer) andOrPaths(e *syntax.Binary, mark int) []edge {
	var ends, right []edge
	for _, l := range lw.paths(e.L, mark, (*lowerer).lazy) {
		v := lw.open(l)[0]
		var yes, no []edge
		if lw.surely(e, lw.resolve(v)) {
			yes = []edge{lw.leave(mark)}
		} else {
			yes, no = lw.truth(e.L, v, mark)
		}
		if e.Op == syntax.OpOr {
			yes, no = no, yes
		}
		right = append(right, yes...)
		if anyReachable(no) {
			lw.join(no)
			ends = append(ends, lw.leave(mark, lw.placed(e.L, lw.refine(v, e.Op == syntax.OpOr))))
		}
	}
	if anyReachable(right) {
		lw.join(right)
		ends = append(ends, lw.paths(e.R, mark, (*lowerer).expr)...)
	}
	return ends
}

// surely reports whether v, a value of the left side of e, may be a number
// that is never nil, and so always true, without that being a mistake: in "c
// and n or m", and for a parameter that other calls leave out.
func (lw *lowerer) surely(e *syntax.Binary, v Value) bool {
	n, ok := v.(Int)
	if !ok || n.Bit || e.Op != syntax.OpOr {
		return false
	}
	l := e.L
	for {
		p, ok := l.(*syntax.Paren)
		if !ok {
			break
		}
		l = p.X
	}
	switch l := l.(type) {
	case *syntax.Binary:
		return l.Op == syntax.OpAnd
	case *syntax.Name:
		c, ok := lw.variable(l)
		return ok && c.param
	}
	return false
}

// refine returns what v is where it is known to be true, or known not to be.
func (lw *lowerer) refine(v Value, truth bool) Value {
	switch w := lw.resolve(v).(type) {
	case Bool:
		return Const{lua.LBool(truth)}
	case Pointer: // of a header that is not there
		if !truth {
			return Nil
		}
		w.Path = nil // known to be there
		return w
	case Int:
		if w.Bit && !truth {
			return Int{V: lw.b.Const(0), Bit: true}
		}
		return w
	default:
		return w
	}
}

// resolve replaces an optional value by what the path knows of it.
func (lw *lowerer) resolve(v Value) Value {
	switch v := v.(type) {
	case *Entry:
		if truth, ok := lw.known(v.Present); ok && !truth {
			return Nil
		}
	case Ref:
		if truth, ok := lw.knownPresent(v); ok && !truth {
			return Nil
		}
	case Opt:
		if truth, ok := lw.known(v.Present); ok {
			if truth {
				return lw.resolve(v.Val)
			}
			return Nil
		}
	case Bool:
		if truth, ok := lw.known(v.V); ok {
			return Const{lua.LBool(truth)}
		}
	case *Choice:
		return lw.resolveChoice(v)
	case Tuple:
		if len(v) == 0 {
			return Nil
		}
		return lw.resolve(v[0])
	}
	return v
}

// useConflict reports the use of a variable with values of two kinds.
func (lw *lowerer) useConflict(n syntax.Node, c *Conflict) {
	a, b := describe(c.A), describe(c.B)
	if p, q, ok := headersOf(c); ok {
		a, b = p.title(), q.title()
	} else if a == b {
		b = "another " + strings.TrimPrefix(strings.TrimPrefix(b, "a "), "an ")
	}
	d := lw.r.Errorf(diag.MixedKinds, n.Bounds().In(lw.file), "this is %s on one path and %s on another", a, b)
	for _, p := range []struct {
		v   Value
		pos ir.Pos
	}{{c.A, c.APos}, {c.B, c.BPos}} {
		if p.pos.Line > 0 {
			d.Note(lw.span(p.pos), "%s is assigned here", describe(p.v))
		}
	}
}

// boolValue turns a condition into a Bool value.
func (lw *lowerer) boolValue(e syntax.Expr) Value {
	mark := lw.mark()
	yes, no := lw.cond(e, mark)
	var ends []edge
	if anyReachable(yes) {
		lw.join(yes)
		ends = append(ends, lw.leave(mark, Const{lua.LTrue}))
	}
	if anyReachable(no) {
		lw.join(no)
		ends = append(ends, lw.leave(mark, Const{lua.LFalse}))
	}
	return lw.joined(ends)
}

// asBool returns v as an IR Bool if it is a boolean.
func (lw *lowerer) asBool(v Value) (*ir.Value, bool) {
	switch v := v.(type) {
	case Bool:
		return v.V, true
	case Const:
		if b, ok := v.V.(lua.LBool); ok && lw.b.Block != nil {
			return lw.b.Bool(bool(b)), true
		}
	}
	return nil, false
}
func constBool(b bool) Value { return Const{lua.LBool(b)} }

func isBoolean(v Value) bool {
	if c, ok := v.(Const); ok {
		_, ok := c.V.(lua.LBool)
		return ok
	}
	_, ok := v.(Bool)
	return ok
}
