package opt

import "github.com/luabpfc/luabpfc/ir"

// Conditional constant propagation.
//
// Wegman and Zadeck, "Constant Propagation with Conditional Branches" (1991).
// Each value is unknown (nothing reached it yet), a constant, or varying; each
// edge is taken or not. A phi joins the arguments of taken edges only, a branch
// on a constant takes one edge. What is found together can be more than
// propagation and branch folding find in turn: a loop that never changes a
// variable proves it constant inside.
//
// Method: the blocks that are reached are evaluated in reverse postorder until
// nothing changes, rather than by worklists of edges and uses. Values only sink
// and edges are only added, so the fixed point is the same; without loops the first
// walk finds it, and there are no lists of uses to make.
//
// An op with an absorbing constant (and x 0, mul x 0) is constant whatever the
// other argument is. Loads, calls, OpOpaque and OpHide vary. Linear in values,
// times one more than the depth of loops in practice.

// lattice is what is known of a value.
type lattice struct {
	level uint8
	x     int64
}

const (
	unknown  = iota // no path reached it yet
	constant        // x on all paths so far
	varying
)

type propagation struct {
	f       *ir.Func
	level   []uint8   // by value ID
	x       []int64   // by value ID: the constant
	taken   [][2]bool // by block ID and successor
	seen    []bool    // by block ID
	changed bool      // something sank, or an edge is newly taken
}

// conditionalConstants is the pass "sccp".
func conditionalConstants(c *Context, f *ir.Func) {
	p := &c.space.consts
	p.f = f
	p.level, p.x = ir.Resize(p.level, f.NumValues()), ir.Resize(p.x, f.NumValues())
	p.taken = ir.Resize(p.taken, f.NumBlocks())
	p.seen = ir.Resize(p.seen, f.NumBlocks())
	p.run(c.space.dominators(f))
	p.rewrite(c)
}

func (p *propagation) run(d *ir.Dom) {
	p.seen[p.f.Entry().ID] = true
	if p.f.Short != nil {
		p.seen[p.f.Short.ID] = true
	}
	for again := true; again; again = p.changed && d.Cyclic() {
		p.changed = false
		for _, b := range d.RPO {
			if !p.seen[b.ID] {
				continue
			}
			for _, v := range b.Values {
				p.visit(v)
			}
			p.leave(b)
		}
	}
}

// leave takes the edges that b's control allows.
func (p *propagation) leave(b *ir.Block) {
	for i, e := range b.Succs {
		if b.Kind == ir.BlockIf {
			l := p.of(b.Control)
			if l.level == unknown || l.level == constant && (l.x == 1) != (i == 0) {
				continue
			}
		}
		if !p.taken[b.ID][i] {
			p.taken[b.ID][i], p.seen[e.B.ID], p.changed = true, true, true
		}
	}
}

// of returns what is known of v.
func (p *propagation) of(v *ir.Value) lattice { return lattice{p.level[v.ID], p.x[v.ID]} }

// visit computes v anew; values only sink.
func (p *propagation) visit(v *ir.Value) {
	old := p.of(v)
	if old.level == varying {
		return
	}
	l := p.eval(v)
	if l == old || l.level < old.level {
		return
	}
	if old.level == constant && l.level == constant {
		l = lattice{level: varying}
	}
	p.level[v.ID], p.x[v.ID], p.changed = l.level, l.x, true
}

func (p *propagation) eval(v *ir.Value) lattice {
	switch {
	case v.Op == ir.OpConst:
		return lattice{constant, v.AuxInt}
	case v.Op == ir.OpPhi:
		return p.phi(v)
	case !v.Op.Info().Pure || v.Type != ir.I64 && v.Type != ir.Bool && v.Op != ir.OpCopy:
		return lattice{level: varying}
	case len(v.Args) == 0 || len(v.Args) > 2:
		return lattice{level: varying}
	}
	var x [2]uint64
	level := uint8(constant)
	for i, a := range v.Args {
		l := p.of(a)
		if l.level == constant {
			x[i] = uint64(l.x)
			if absorbs(v, l.x) {
				return lattice{constant, l.x}
			}
			continue
		}
		if l.level == varying || level == constant {
			level = l.level
		}
	}
	if level != constant {
		// An unknown argument may yet absorb a varying one.
		for _, a := range v.Args {
			if p.level[a.ID] == unknown {
				return lattice{}
			}
		}
		return lattice{level: level}
	}
	r, ok := ir.Eval(v.Op, v.AuxInt, p.f.Module.BigEndian, x[0], x[1])
	if !ok {
		return lattice{level: varying}
	}
	return lattice{constant, int64(r)}
}

// absorbs reports whether v is x if one of its arguments is.
func absorbs(v *ir.Value, x int64) bool {
	switch v.Op {
	case ir.OpAnd, ir.OpMul:
		return x == 0
	case ir.OpOr:
		return x == -1 || v.Type == ir.Bool && x == 1
	}
	return false
}

func (p *propagation) phi(v *ir.Value) lattice {
	var l lattice
	for i, a := range v.Args {
		e := v.Block.Preds[i]
		if !p.taken[e.B.ID][e.I] {
			continue
		}
		switch x := p.of(a); {
		case x.level == unknown:
		case l.level == unknown:
			l = x
		case x != l:
			return lattice{level: varying}
		}
	}
	return l
}

// rewrite puts the constants in and drops the edges never taken.
func (p *propagation) rewrite(c *Context) {
	r := c.space.rewriter(p.f)
	for _, b := range p.f.Blocks {
		if !p.seen[b.ID] {
			continue
		}
		for i := 0; i < len(b.Values); i++ {
			v := b.Values[i]
			if int(v.ID) >= len(p.level) || v.Op == ir.OpConst || p.level[v.ID] != constant || !c.Change("const") {
				continue
			}
			if v.Op == ir.OpPhi {
				r.set(v, newConst(b, afterPhis(b), v.Type, p.x[v.ID], v.Pos))
			} else {
				v.SetConst(p.x[v.ID])
			}
		}
	}
	r.apply(p.f)
	for _, b := range p.f.Blocks {
		if !p.seen[b.ID] || b.Kind != ir.BlockIf || p.taken[b.ID][0] == p.taken[b.ID][1] || !c.Change("branch") {
			continue
		}
		if p.taken[b.ID][0] {
			takeEdge(b, 0)
		} else {
			takeEdge(b, 1)
		}
	}
	dropUnreachable(p.f)
}
