package lower

import (
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
)

// Whether a header is there: the fields before it say so (language.md 6). Every
// header on the path is tested, from the outside in, each when those before it
// have passed: the fields of a header that is not there are not read.

// headerTruth splits the path on whether a header is there.
func (lw *lowerer) headerTruth(p Pointer, mark int) (yes, no []edge) {
	no = lw.pathTruth(p.Path, mark)
	if lw.b.Block == nil {
		return nil, no
	}
	return []edge{lw.leave(mark)}, no
}

// pathTruth tests the headers of a path. It goes on where all are there, if that
// can be, and returns the edges of where one is not.
func (lw *lowerer) pathTruth(path []step, mark int) (no []edge) {
	n := rangeNode(lw.b.Pos, lw)
	test := func(c *ir.Value) bool {
		y, nn := lw.branch(c, mark)
		if nn.block != nil {
			no = append(no, nn)
		}
		if y.block == nil {
			lw.b.Block = nil
			return false
		}
		lw.open(y)
		return true
	}
	for i, s := range path {
		if lw.b.Block == nil || s.test != nil && !test(s.test) {
			return no
		}
		if s.any != nil {
			no = append(no, lw.anyTruth(s.any, mark)...)
			continue
		}
		if s.rule == nil || s.rule.field == "" {
			continue
		}
		parent := lw.placed(n, s.parent).(Pointer)
		if !test(lw.announces(n, parent, s.rule)) {
			return no
		}
		if s.rule.unless != "" {
			f, _ := parent.View.field(s.rule.unless)
			if !test(lw.b.Op(ir.OpEq, lw.bits(n, parent, f.off, f.width), lw.b.Const(0))) {
				return no
			}
		}
		if parent.View.name == "ip6_opt" && s.rule.to != "ip6_opt" && i > 0 && !test(lw.firstFragment(n, path[i-1], parent)) {
			return no
		}
	}
	return no
}

// anyTruth tests the path that control came by, as pathTruth does.
func (lw *lowerer) anyTruth(any []alternative, mark int) (no []edge) {
	var yes []edge
	for i, a := range any {
		here, other := edge{}, edge{}
		if i < len(any)-1 {
			here, other = lw.branch(a.came, mark)
		} else {
			here = lw.leave(mark)
		}
		if here.block != nil {
			lw.join([]edge{here})
			no = append(no, lw.pathTruth(a.path, mark)...)
			if lw.b.Block != nil {
				yes = append(yes, lw.leave(mark))
			}
		}
		if other.block == nil {
			break
		}
		lw.join([]edge{other})
	}
	lw.join(yes)
	return no
}

// announces is whether p's field says what r leads to.
func (lw *lowerer) announces(n syntax.Node, p Pointer, r *rule) *ir.Value {
	f, _ := p.View.field(r.field)
	return lw.oneOf(lw.bits(n, p, f.off, f.width), r.is)
}

// oneOf is whether x is one of the constants is.
func (lw *lowerer) oneOf(x *ir.Value, is []int64) *ir.Value {
	any := lw.b.Op(ir.OpEq, x, lw.b.Const(is[0]))
	for _, k := range is[1:] {
		any = lw.b.Op(ir.OpOr, any, lw.b.Op(ir.OpEq, x, lw.b.Const(k)))
	}
	return any
}

// firstFragment is whether the extension header p, which s leads to, is not
// that of a later fragment.
func (lw *lowerer) firstFragment(n syntax.Node, s step, p Pointer) *ir.Value {
	before := lw.placed(n, s.parent).(Pointer)
	f, _ := before.View.field("next_header")
	other := lw.b.Op(ir.OpNe, lw.bits(n, before, f.off, f.width), lw.b.Const(fragmentHeader))
	return lw.b.Op(ir.OpOr, other, lw.b.Op(ir.OpEq, lw.bits(n, p, 16, 13), lw.b.Const(0)))
}
