package opt

import "github.com/luabpfc/luabpfc/ir"

// Sparse conditional constant propagation.
//
// Wegman and Zadeck, "Constant Propagation with Conditional Branches" (1991).
// Each value is unknown (nothing reached it yet), a constant, or varying; each
// edge is taken or not. Two worklists, of edges newly taken and of values that
// sank, run until empty: a phi joins the arguments of taken edges only, a
// branch on a constant takes one edge. What is found together can be more than
// propagation and branch folding find in turn: a loop that never changes a
// variable proves it constant inside.
//
// An op with an absorbing constant (and x 0, mul x 0) is constant whatever the
// other argument is. Loads, calls and OpOpaque vary. Linear in values and uses.

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
	f      *ir.Func
	val    []lattice   // by value ID
	usesAt []int32     // by value ID: where its part of uses begins; one more at the end
	uses   []*ir.Value // of all values, one after the other
	branch []*ir.Block // by value ID: the last block it controls
	before []*ir.Block // by block ID: the one before that its control controls, too
	taken  [][2]bool   // by block ID and successor
	seen   []bool      // by block ID
	edges  []ir.Edge   // newly taken: block and index of the successor
	work   []*ir.Value
}

// sparseConstants is the pass "sccp".
func sparseConstants(c *Context, f *ir.Func) {
	p := &c.space.consts
	p.f, p.edges, p.work = f, p.edges[:0], p.work[:0]
	p.val = ir.Resize(p.val, f.NumValues())
	p.branch = ir.Resize(p.branch, f.NumValues())
	p.before = ir.Resize(p.before, f.NumBlocks())
	p.taken = ir.Resize(p.taken, f.NumBlocks())
	p.seen = ir.Resize(p.seen, f.NumBlocks())
	p.findUses()
	for _, b := range f.Blocks {
		if x := b.Control; x != nil {
			p.before[b.ID], p.branch[x.ID] = p.branch[x.ID], b
		}
	}
	p.run()
	p.rewrite(c)
}

// findUses lists the uses of all values, by counting them first.
func (p *propagation) findUses() {
	p.usesAt = ir.Resize(p.usesAt, p.f.NumValues()+2)
	at, n := p.usesAt[2:], 0 // one place further, while they are filled in
	for _, b := range p.f.Blocks {
		for _, v := range b.Values {
			for _, a := range v.Args {
				p.usesAt[a.ID+2]++
				n++
			}
		}
	}
	for i := 1; i < len(at); i++ {
		at[i] += at[i-1]
	}
	p.uses = ir.Resize(p.uses, n)
	for _, b := range p.f.Blocks {
		for _, v := range b.Values {
			for _, a := range v.Args {
				p.uses[p.usesAt[a.ID+1]] = v
				p.usesAt[a.ID+1]++
			}
		}
	}
}

func (p *propagation) run() {
	p.reach(p.f.Entry())
	if p.f.Short != nil {
		p.reach(p.f.Short)
	}
	for len(p.edges) > 0 || len(p.work) > 0 {
		if n := len(p.edges); n > 0 {
			e := p.edges[n-1]
			p.edges = p.edges[:n-1]
			to := e.B.Succs[e.I].B
			if !p.seen[to.ID] {
				p.reach(to)
				continue
			}
			for _, v := range to.Phis() {
				p.visit(v)
			}
			continue
		}
		v := p.work[len(p.work)-1]
		p.work = p.work[:len(p.work)-1]
		for _, u := range p.uses[p.usesAt[v.ID]:p.usesAt[v.ID+1]] {
			if p.seen[u.Block.ID] {
				p.visit(u)
			}
		}
		for b := p.branch[v.ID]; b != nil; b = p.before[b.ID] {
			if p.seen[b.ID] {
				p.leave(b)
			}
		}
	}
}

// reach visits a block for the first time.
func (p *propagation) reach(b *ir.Block) {
	p.seen[b.ID] = true
	for _, v := range b.Values {
		p.visit(v)
	}
	p.leave(b)
}

// leave takes the edges that b's control allows.
func (p *propagation) leave(b *ir.Block) {
	for i := range b.Succs {
		if b.Kind == ir.BlockIf {
			l := p.val[b.Control.ID]
			if l.level == unknown || l.level == constant && (l.x == 1) != (i == 0) {
				continue
			}
		}
		if !p.taken[b.ID][i] {
			p.taken[b.ID][i] = true
			p.edges = append(p.edges, ir.Edge{B: b, I: i})
		}
	}
}

// visit computes v anew; values only sink.
func (p *propagation) visit(v *ir.Value) {
	old := p.val[v.ID]
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
	p.val[v.ID] = l
	p.work = append(p.work, v)
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
		l := p.val[a.ID]
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
			if p.val[a.ID].level == unknown {
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
		switch x := p.val[a.ID]; {
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
			if int(v.ID) >= len(p.val) || v.Op == ir.OpConst || p.val[v.ID].level != constant || !c.Change("const") {
				continue
			}
			if v.Op == ir.OpPhi {
				r.set(v, newConst(b, afterPhis(b), v.Type, p.val[v.ID].x, v.Pos))
			} else {
				v.SetConst(p.val[v.ID].x)
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
