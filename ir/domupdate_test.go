package ir_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/luabpfc/luabpfc/ir"
)

// TestDomUpdate edits graphs at random: a tree that is kept and updated is the
// one that is computed anew. What it knows of cycles, and of the ways from Short,
// is what a search finds.
func TestDomUpdate(t *testing.T) {
	kept, same := 0, 0
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		m := &ir.Module{}
		f := m.NewFunc("f")
		for range 2 + r.IntN(8) {
			f.NewBlock(ir.BlockJump)
		}
		// A check in the entry, behind which a value is not computed on the way to Short.
		value := func(op ir.Op, t ir.Type, args ...*ir.Value) *ir.Value {
			return f.Entry().NewValue(op, t, ir.Pos{}, args...)
		}
		value(ir.OpPktCheck, ir.Check, value(ir.OpPktGen, ir.Gen), value(ir.OpConst, ir.I64))
		behind := value(ir.OpConst, ir.I64)
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
			ways, cyclic := reachable(f.Entry(), f.Short), false
			var short map[*ir.Block]bool
			if f.Short != nil {
				short = reachable(f.Short, nil)
			}
			for _, b := range f.Blocks {
				for _, e := range b.Succs {
					cyclic = cyclic || ways[b] && reachable(e.B, nil)[b]
				}
				if want := ways[b] && b != f.Entry() && !short[b]; d.Available(behind, b) != want {
					t.Fatalf("seed %d: b%d has the value behind the check: %v, want %v", seed, b.ID, !want, want)
				}
				if d.Idom(b) != fresh.Idom(b) || d.Reachable(b) != fresh.Reachable(b) {
					t.Fatalf("seed %d: b%d is dominated otherwise than in a new tree", seed, b.ID)
				}
			}
			if d.Cyclic() != cyclic {
				t.Fatalf("seed %d: there is a cycle: %v", seed, cyclic)
			}
		}
	}
	if same == 0 || same == kept {
		t.Fatal("the edits are all of one kind")
	}
}

// reachable returns the blocks that control comes to from b, or from also.
func reachable(b, also *ir.Block) map[*ir.Block]bool {
	seen := map[*ir.Block]bool{}
	work := []*ir.Block{b}
	if also != nil {
		work = append(work, also)
	}
	for len(work) > 0 {
		b := work[len(work)-1]
		work = work[:len(work)-1]
		if seen[b] {
			continue
		}
		seen[b] = true
		for _, e := range b.Succs {
			work = append(work, e.B)
		}
	}
	return seen
}

// swapEdges swaps b's first two ways.
func swapEdges(b *ir.Block) {
	s := b.Succs
	s[0], s[1] = s[1], s[0]
	for i, e := range s[:2] {
		e.B.Preds[e.I].I = i
	}
}
