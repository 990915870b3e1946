package luabpfc_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/luabpfc/luabpfc/frontend/syntax"
)

// Control flow of generated scripts beyond plain loops: goto backwards, loops
// that shrink a number, pcall and error, functions of several results and
// functions of the object; and what the reference does for them.

// flow writes one of them.
func (g *generator) flow() {
	switch n := g.r.IntN(10); {
	case n < 3:
		g.again()
	case n < 5:
		g.shrinking()
	case n < 8:
		g.pcall()
	default:
		g.several()
	}
}

// again writes a loop by goto.
func (g *generator) again() {
	i, l := g.name("i"), g.name("again")
	vars := len(g.vars)
	g.nested++
	defer func() { g.nested-- }()
	g.line("do")
	g.indent++
	g.line("local %s = 0", i)
	g.vars = append(g.vars, genVar{i, "int", true})
	if skip := g.r.IntN(4) == 0; skip { // into the middle
		g.line("if %s then goto in_%s end", g.cond(1), l)
		g.line("::%s::", l)
		g.line("%s = %s + 1", i, i)
		g.line("::in_%s::", l)
		g.line("do")
		g.body()
		g.line("end")
	} else {
		g.line("::%s::", l)
		g.body()
	}
	g.line("%s = %s + 1", i, i)
	g.line("if %s < %d and %s then goto %s end", i, 1+g.r.IntN(6), g.cond(1), l)
	g.indent--
	g.line("end")
	g.vars = g.vars[:vars]
}

// shrinking writes a loop over a number that becomes 0.
func (g *generator) shrinking() {
	w := g.name("w")
	vars := len(g.vars)
	g.nested++
	defer func() { g.nested-- }()
	g.line("local %s = %s", w, g.typed(false, 1))
	g.line("while %s %s 0 do", w, g.pick(">", "~="))
	g.loops = append(g.loops, "")
	g.vars = append(g.vars, genVar{w, "int", true})
	g.line("  %s = %s %s", w, w, g.pick("/ 50", ">> 13", "/ -100", "& 0", ">> 20"))
	g.body()
	g.line("end")
	g.loops, g.vars = g.loops[:len(g.loops)-1], g.vars[:vars]
}

// pcall writes a call that may raise errors, and what becomes of them.
func (g *generator) pcall() {
	ok, v := g.name("ok"), g.name("e")
	vars, loops, ret := len(g.vars), g.loops, g.inFn
	g.line("local %s, %s = pcall(function()", ok, v)
	g.loops, g.inFn = nil, "int"
	g.catching++
	g.body()
	g.line("  if %s then error(%s) end", g.cond(1), g.pick("'odd'", g.typed(false, 2), g.typed(false, 1)))
	g.line("  return %s", g.typed(false, 2))
	g.catching--
	g.line("end)")
	g.vars, g.loops, g.inFn = g.vars[:vars], loops, ret
	switch g.r.IntN(3) {
	case 0:
		g.line("if not %s then %s = %s == 'packet too short' and 1000 or %s end", ok, v, v, g.typed(false, 1))
	case 1:
		g.line("if %s then %s = %s + 1 elseif %s == 'odd' then %s = 5 else %s = %s == 3 and 7 or 8 end", ok, v, v, v, v, v, v)
	default:
		g.line("if not %s then %s = %s end", ok, v, g.typed(false, 1))
	}
	g.vars = append(g.vars, genVar{ok, "bool", true}, genVar{v, "int", false})
}

// several writes a function of two results, and calls of it.
func (g *generator) several() {
	f, p, q := g.name("m"), g.name("p"), g.name("p")
	vars, loops, ret := len(g.vars), g.loops, g.inFn
	open, end := g.functionForm(f, p+", "+q)
	g.line("%s", open)
	g.vars = append(g.vars, genVar{p, "int", false}, genVar{q, "int", false})
	g.loops, g.inFn = nil, "pair"
	g.body()
	g.line("  return %s", g.result())
	g.line("%s", end)
	g.vars, g.loops, g.inFn = g.vars[:vars], loops, ret
	for range 1 + g.r.IntN(2) {
		a, b := g.name("v"), g.name("v")
		g.line("local %s, %s = %s(%s, %s)", a, b, f, g.typed(false, 2), g.typed(false, 1))
		g.vars = append(g.vars, genVar{a, "int", false}, genVar{b, "uint", false})
	}
}

// functionForm returns the lines around a function's body.
func (g *generator) functionForm(name, params string) (open, end string) {
	if g.r.IntN(3) == 0 {
		return fmt.Sprintf("local %s = bpf.noinline(function(%s)", name, params), "end)"
	}
	return fmt.Sprintf("local function %s(%s)", name, params), "end"
}

// refError is a panic: error(v).
type refError struct{ v refValue }

// protected is pcall: it is true and the results, or false and the error.
func (ref *reference) protected(fn *refClosure) (res []refValue) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case refShort:
			res = []refValue{false, "packet too short"}
		case refError:
			res = []refValue{false, r.v}
		default:
			panic(r)
		}
	}()
	return append([]refValue{true}, ref.call(fn, nil)...)
}

// special calls what the reference does not call by numbers.
func (ref *reference) special(f *refFrame, c *syntax.Call) ([]refValue, bool) {
	switch fn := c.Fn.(type) {
	case *syntax.Name:
		switch fn.Name {
		case "pcall":
			return ref.protected(ref.eval(f, c.Args[0]).(*refClosure)), true
		case "error":
			panic(refError{ref.eval(f, c.Args[0])})
		}
	case *syntax.Index:
		if fn.Key.(*syntax.StringExpr).Value == "noinline" {
			return []refValue{ref.eval(f, c.Args[0])}, true
		}
	}
	return nil, false
}

// isNoinline reports whether e is bpf.noinline(fn).
func isNoinline(e syntax.Expr) bool {
	c, ok := e.(*syntax.Call)
	if !ok {
		return false
	}
	x, ok := c.Fn.(*syntax.Index)
	return ok && slices.Contains([]string{"noinline"}, strings.TrimSpace(x.Key.(*syntax.StringExpr).Value))
}
