package opt

import "github.com/luabpfc/luabpfc/ir"

// Unrolling: a loop of few trips becomes its trips in a row.
//
// The trip count must be exact (looptrips.go): a counter with a constant start
// is compared with a constant in a block that every trip passes. With t trips
// the blocks of the loop are copied t + 1 times; in copy k the test is known,
// it stays if k < t and leaves in the last copy, of which only what stands in
// front of the test is reached. Other exits stay as they are in every copy, and
// what stands behind the loop sees the values of the copy control came from
// (loopclone.go). The counter becomes a constant in each copy by the passes
// that run next.
//
// A loop of no or one trip is always unrolled, whatever is in it. Otherwise only
// innermost loops are; a later round does the ones around them. A jump costs
// less than a twentieth of a nanosecond a trip, so that unrolling pays by what
// it makes constant only; the bound on size is low.

const (
	maxUnrollTrips = 32
	maxUnrollSize  = 96 // values in all copies
)

// unrollLoops is the pass "unroll".
func unrollLoops(c *Context, f *ir.Func) {
	for !c.Opts.Callbacks {
		l, x, trips := unrollable(f, c.space.dominators(f))
		if l == nil || !c.Change("loop") {
			return
		}
		unroll(l, x, trips)
	}
}

// unrollable returns the first loop to unroll of f, whose dominators are d, the
// exit that bounds it, and its trips.
func unrollable(f *ir.Func, d *ir.Dom) (*ir.NaturalLoop, *counted, int64) {
	for _, l := range ir.FindLoops(f, d).All {
		if _, walk := walkOf(l); walk {
			continue
		}
		size := int64(0)
		for _, b := range l.Blocks {
			size++
			for _, v := range b.Values {
				if v.Op != ir.OpConst && v.Op != ir.OpPhi {
					size += max(weight(v), 1)
				}
			}
		}
		exits := countedExits(l, d)
		for i := range exits {
			t, ok := exits[i].trips()
			if !ok {
				continue
			}
			if t <= 1 || len(l.Children) == 0 && t <= maxUnrollTrips && t*size <= maxUnrollSize {
				return l, &exits[i], t
			}
		}
	}
	return nil, nil, 0
}

// unroll replaces l, whose test x stays exactly trips times, by its trips.
func unroll(l *ir.NaturalLoop, x *counted, trips int64) {
	h := l.Header
	f := h.Func
	entry := preheader(l)
	start := entry.Succs[0].I
	in := blockSet(l)
	repeatLeaves(f, in)

	copies := make([]*cloner, trips+1)
	blocks := l.Blocks
	for k := range copies {
		c := newCloner(f)
		copies[k] = c
		if k == len(copies)-1 {
			blocks = beforeTest(l, x)
		}
		c.shells(blocks)
		c.blocks[h].Loop = nil
		if k == 0 {
			for _, p := range h.Phis() {
				c.vals[p] = p.Args[start]
			}
		}
		c.fill(blocks)
		c.decide(x.test, x.stay, k < len(copies)-1)
	}
	for k, c := range copies {
		var next *cloner
		if k+1 < len(copies) {
			next = copies[k+1]
		}
		for _, b := range l.Blocks {
			if c.blocks[b] != nil {
				c.edges(b, in, h, next)
			}
		}
	}
	entry.RemoveEdge(0)
	entry.AddEdge(copies[0].blocks[h])
	finishCopies(l, copies)
}

// beforeTest returns the blocks of l reached from its header when the test
// leaves.
func beforeTest(l *ir.NaturalLoop, x *counted) []*ir.Block {
	in := blockSet(l)
	seen := map[*ir.Block]bool{l.Header: true}
	for _, b := range l.Blocks { // in reverse postorder
		if !seen[b] || b == x.test {
			continue
		}
		for _, e := range b.Succs {
			if in[e.B] {
				seen[e.B] = true
			}
		}
	}
	var before []*ir.Block
	for _, b := range l.Blocks {
		if seen[b] {
			before = append(before, b)
		}
	}
	return before
}

// decide makes the copy of test a jump: to where it stays, or out.
func (c *cloner) decide(test *ir.Block, stay int, stays bool) {
	n := c.blocks[test]
	n.SetControl(nil)
	n.Kind = ir.BlockJump
	if !stays {
		stay = 1 - stay
	}
	c.only[n] = stay
}

// edges gives the copy of b its edges: in the loop to blocks of the same copy,
// round the loop to the next copy, out of it to where b's lead.
func (c *cloner) edges(b *ir.Block, in map[*ir.Block]bool, header *ir.Block, next *cloner) {
	n := c.blocks[b]
	for j, e := range b.Succs {
		if only, ok := c.only[n]; ok && only != j {
			continue
		}
		switch {
		case e.B == header:
			n.AddEdge(next.blocks[header])
		case in[e.B]:
			n.AddEdge(c.blocks[e.B])
		default:
			n.AddEdge(e.B)
			for _, phi := range e.B.Phis() {
				phi.AddArg(c.value(phi.Args[e.I]))
			}
		}
	}
}

// finishCopies fills the copies' phis, drops the loop, and repairs what is
// behind it.
func finishCopies(l *ir.NaturalLoop, copies []*cloner) {
	h := l.Header
	f := h.Func
	skip := map[*ir.Block]bool{}
	var order, phis []*ir.Value
	defs := map[*ir.Value]map[*ir.Block]*ir.Value{}
	for _, b := range l.Blocks {
		for _, v := range b.Values {
			order = append(order, v)
			defs[v] = map[*ir.Block]*ir.Value{}
		}
	}
	var last *cloner
	for _, c := range copies {
		for _, b := range l.Blocks {
			n := c.blocks[b]
			if n == nil {
				continue
			}
			if b != h {
				c.phis(b)
			} else if last != nil {
				last.phisInto(b, n, c)
			}
			phis = append(phis, n.Phis()...)
			skip[n] = true
			for _, v := range b.Values {
				defs[v][n] = c.vals[v]
			}
		}
		last = c
	}
	dropUnreachable(f)
	repairUses(f, order, defs, skip)
	dropTrivialPhis(f, phis)
}
