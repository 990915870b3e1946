package ir

import "slices"

// graph is a function's blocks and edges as they were at some time, to tell
// whether they are still the same.
type graph struct {
	f      *Func
	short  *Block
	blocks []*Block // Func.Blocks
	succs  []int32  // block after block: the IDs of its successors, and -1
}

// set makes g the graph of f.
func (g *graph) set(f *Func) {
	g.f, g.short, g.blocks, g.succs = f, f.Short, append(g.blocks[:0], f.Blocks...), g.succs[:0]
	for _, b := range f.Blocks {
		for _, e := range b.Succs {
			g.succs = append(g.succs, int32(e.B.ID))
		}
		g.succs = append(g.succs, -1)
	}
}

// is reports whether g is the graph of f.
func (g *graph) is(f *Func) bool {
	if g.f != f || g.short != f.Short || !slices.Equal(g.blocks, f.Blocks) {
		return false
	}
	rest := g.succs
	for _, b := range f.Blocks {
		if len(rest) <= len(b.Succs) || rest[len(b.Succs)] != -1 {
			return false
		}
		for i, e := range b.Succs {
			if rest[i] != int32(e.B.ID) {
				return false
			}
		}
		rest = rest[len(b.Succs)+1:]
	}
	return true
}
