package opt

import "github.com/luabpfc/luabpfc/ir"

// workspace is memory that passes use one after the other: a pass runs several
// times on each function, and tables of a function's length are most of what
// it would have to take anew. A pass begins by computing into it what it needs;
// nothing in it is kept from one pass to the next, but for tables that depend on
// no function; the dominators, which find out by themselves whether the
// function's graph has changed; and what is marked with the time it was made at.
type workspace struct {
	dom      ir.Dom
	ranges   ir.Ranges
	rewrite  rewriter
	numbers  numberer
	consts   propagation
	slots    slotTable
	slotsFor when
	held     contents
	heldFor  when
	live     liveness
	need     []bool      // of dce
	work     []*ir.Value // likewise
	versions memVersions
	headers  []bool
	blocks   []*ir.Block
	rules    *[ir.NumOps][]*rule // of simplify
}

// dominators returns the dominators of f, until it is called again.
func (s *workspace) dominators(f *ir.Func) *ir.Dom {
	s.dom.Update(f)
	return &s.dom
}

// rewriter returns an empty rewriter for f, until it is called again.
func (s *workspace) rewriter(f *ir.Func) *rewriter {
	s.rewrite.to, s.rewrite.n = ir.Resize(s.rewrite.to, f.NumValues()), 0
	return &s.rewrite
}

// emptied returns m without what is in it, or a new map.
func emptied[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	clear(m)
	return m
}

// when says of which function, as it was after how many changes, something was
// computed. Changes are counted before they are made: what is computed in the
// middle of one must not be kept.
type when struct {
	f     *ir.Func
	edits int
}

// is reports whether f is still the function of that time.
func (w when) is(c *Context, f *ir.Func) bool { return w.f == f && w.edits == c.edits }

func (w *when) set(c *Context, f *ir.Func) { *w = when{f, c.edits} }
