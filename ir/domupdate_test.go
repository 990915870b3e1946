package ir_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/luabpfc/luabpfc/ir"
)

// TestDomUpdate edits graphs at random: a tree that is kept and updated is the
// one that is computed anew.
func TestDomUpdate(t *testing.T) {
	kept, same := 0, 0
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		m := &ir.Module{}
		f := m.NewFunc("f")
		for range 2 + r.IntN(8) {
			f.NewBlock(ir.BlockJump)
		}
		any := func() *ir.Block { return f.Blocks[1+r.IntN(len(f.Blocks)-1)] } // nothing leads to the entry
		for _, b := range f.Blocks {
			for range 1 + r.IntN(2) {
				b.AddEdge(any())
			}
		}
		var d ir.Dom
		for range 40 {
			b := f.Blocks[r.IntN(len(f.Blocks))]
			switch n := len(b.Succs); r.IntN(8) {
			case 0:
				f.NewBlock(ir.BlockJump).AddEdge(any())
			case 1:
				b.AddEdge(any())
			case 2:
				if n > 0 {
					b.RemoveEdge(r.IntN(n))
				}
			case 3:
				if n > 0 {
					b.RedirectEdge(r.IntN(n), any())
				}
			case 4:
				if n > 1 {
					swapEdges(b)
				}
			case 5:
				f.Short = nil
				if r.IntN(2) == 0 {
					f.Short = any()
				}
			default: // nothing
				same++
			}
			kept++
			d.Update(f)
			fresh := ir.Dominators(f)
			if !slices.Equal(d.RPO, fresh.RPO) || d.Cyclic() != fresh.Cyclic() {
				t.Fatalf("seed %d: the updated order is %v, a new one %v", seed, d.RPO, fresh.RPO)
			}
			for _, b := range f.Blocks {
				if d.Idom(b) != fresh.Idom(b) || d.Reachable(b) != fresh.Reachable(b) {
					t.Fatalf("seed %d: b%d is dominated otherwise than in a new tree", seed, b.ID)
				}
			}
		}
	}
	if same == 0 || same == kept {
		t.Fatal("the edits are all of one kind")
	}
}

// swapEdges swaps b's first two ways.
func swapEdges(b *ir.Block) {
	s := b.Succs
	s[0], s[1] = s[1], s[0]
	for i, e := range s[:2] {
		e.B.Preds[e.I].I = i
	}
}
