package ir

// Natural loops.
//
// A back edge goes from a block (a latch) to one that dominates it (the
// header). The natural loop of a header is the header and every block from
// which a latch can be reached without passing the header; back edges to one
// header make one loop. Two natural loops are disjoint or nested, so they form
// a forest. An edge that goes back in reverse postorder to a block that does
// not dominate its source enters a cycle in its middle: the region is
// irreducible, no loop is made of it, and the edge is reported.
//
// Method: headers from the innermost out (that is, backwards in reverse
// postorder), walking predecessors from the latches; a block already in a loop
// stands for the outermost loop found so far that holds it, whose header's
// predecessors are walked instead. Cost: linear in edges times nesting depth.
//
// A value that may leave is an exit too, which Exits does not list.

// Loops is the loop forest of a function, as it was when computed.
type Loops struct {
	// All are the loops, an outer one before those in it, otherwise by their
	// header's place in reverse postorder.
	All []*NaturalLoop
	// Irreducible are the edges that enter a cycle other than at a block that
	// dominates it, as the source and index of the successor.
	Irreducible []Edge

	inner []*NaturalLoop // by block ID
}

// NaturalLoop is one loop. What the front end knows of it is Header.Loop.
type NaturalLoop struct {
	Header  *Block
	Latches []*Block // sources of the back edges
	// Blocks are all blocks, those of inner loops included, in reverse
	// postorder: the header comes first.
	Blocks []*Block
	// Exits are the edges that leave, as the block inside and the index of its
	// successor.
	Exits    []Edge
	Parent   *NaturalLoop
	Children []*NaturalLoop
	Depth    int // 1 for an outermost loop
}

// FindLoops computes the loop forest of f, whose dominators are d.
func FindLoops(f *Func, d *Dom) *Loops {
	if !d.Cyclic() {
		return &Loops{}
	}
	l := &Loops{inner: make([]*NaturalLoop, f.NumBlocks())}
	for i := len(d.RPO) - 1; i >= 0; i-- {
		h := d.RPO[i]
		var latches []*Block
		for _, e := range h.Preds {
			switch {
			case !d.Reachable(e.B) || d.Index(e.B) < i:
			case d.Dominates(h, e.B):
				if !containsBlock(latches, e.B) {
					latches = append(latches, e.B)
				}
			default:
				l.Irreducible = append(l.Irreducible, Edge{e.B, e.I})
			}
		}
		if len(latches) > 0 {
			l.grow(&NaturalLoop{Header: h, Latches: latches}, d)
		}
	}
	l.finish(d)
	return l
}

// grow finds the blocks of a loop whose inner loops are known, and nests them.
func (l *Loops) grow(loop *NaturalLoop, d *Dom) {
	l.inner[loop.Header.ID] = loop
	work := append([]*Block(nil), loop.Latches...)
	for len(work) > 0 {
		b := work[len(work)-1]
		work = work[:len(work)-1]
		if !d.Reachable(b) {
			continue
		}
		in := l.inner[b.ID]
		if in == nil {
			l.inner[b.ID] = loop
		} else {
			for in.Parent != nil {
				in = in.Parent
			}
			if in == loop {
				continue
			}
			in.Parent = loop
			b = in.Header
		}
		for _, e := range b.Preds {
			work = append(work, e.B)
		}
	}
	l.All = append(l.All, loop)
}

// finish orders the loops, and lists their blocks, children and exits.
func (l *Loops) finish(d *Dom) {
	for i, j := 0, len(l.All)-1; i < j; i, j = i+1, j-1 {
		l.All[i], l.All[j] = l.All[j], l.All[i]
	}
	for i, j := 0, len(l.Irreducible)-1; i < j; i, j = i+1, j-1 {
		l.Irreducible[i], l.Irreducible[j] = l.Irreducible[j], l.Irreducible[i]
	}
	for _, loop := range l.All {
		loop.Depth = 1
		if p := loop.Parent; p != nil {
			loop.Depth = p.Depth + 1
			p.Children = append(p.Children, loop)
		}
	}
	for _, b := range d.RPO {
		for loop := l.inner[b.ID]; loop != nil; loop = loop.Parent {
			loop.Blocks = append(loop.Blocks, b)
			for i, e := range b.Succs {
				if !l.Contains(loop, e.B) {
					loop.Exits = append(loop.Exits, Edge{b, i})
				}
			}
		}
	}
}

// Of returns the innermost loop that holds b, or nil.
func (l *Loops) Of(b *Block) *NaturalLoop {
	if len(l.inner) == 0 { // no loops
		return nil
	}
	return l.inner[b.ID]
}

// Depth returns in how many loops b is.
func (l *Loops) Depth(b *Block) int {
	if loop := l.Of(b); loop != nil {
		return loop.Depth
	}
	return 0
}

// Contains reports whether b is in loop or in a loop inside it.
func (l *Loops) Contains(loop *NaturalLoop, b *Block) bool {
	for in := l.Of(b); in != nil; in = in.Parent {
		if in == loop {
			return true
		}
	}
	return false
}

// Reducible reports whether every cycle is a natural loop.
func (l *Loops) Reducible() bool { return len(l.Irreducible) == 0 }

func containsBlock(l []*Block, b *Block) bool {
	for _, x := range l {
		if x == b {
			return true
		}
	}
	return false
}
