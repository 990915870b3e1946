package opt

import "github.com/luabpfc/luabpfc/ir"

// workspace is memory that passes use one after the other: a pass runs several
// times on each function, and tables of a function's length are most of what
// it would have to take anew. A pass begins by computing into it what it needs;
// nothing in it is kept from one pass to the next, but for tables that depend on
// no function, and the dominators, which find out by themselves whether the
// function's graph has changed.
type workspace struct {
	dom      ir.Dom
	ranges   ir.Ranges
	rewrite  rewriter
	numbers  numberer
	consts   propagation
	held     contents
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
