package opt

import (
	"fmt"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Release of ring-buffer records, and of references to objects of the kernel, on
// ways out that the script does not see. Both are records here: what a helper or a
// kfunc returns and another gives back (kernel.RetKind.Held).
//
// A value that may leave (a packet check) goes to Short wherever it stands, with
// the records open that are open there, and the kernel refuses a program that
// ends with one. The front end closes what is open where the script itself ends
// a path, so this is about the edges to Short and the ends that other passes
// have added. Part of the pass "checks", once those edges are there.
//
// Which records are open is a forward analysis over blocks: a reserve opens, a
// submit or discard on some way closes: the front end sees to it that nothing
// leaves where a record was closed on some ways only. Whether there is a record at
// all is tested where it is discarded.

// openRecords is a set of reserve calls, by their place in a list.
type openRecords uint64

// maxRecords is how many reserve calls a function may have.
const maxRecords = 64

type releaser struct {
	f     *ir.Func
	short *ir.Block
	dom   *ir.Dom
	calls []*ir.Value
	index map[*ir.Value]int
	out   map[*ir.Block]openRecords
	done  map[string]*ir.Block // the blocks that release a set and go to Short
}

func isHelper(v *ir.Value, names ...string) bool {
	if v.Op != ir.OpCall {
		return false
	}
	h := v.Aux.(*kernel.Helper)
	for _, n := range names {
		if h.Name == n {
			return true
		}
	}
	return false
}

// lends reports whether v is a call whose result has to be given back.
func lends(v *ir.Value) bool {
	return v.Op == ir.OpCall && v.Aux.(*kernel.Helper).Ret.Held() && v.Aux.(*kernel.Helper).Release != ""
}

// reserves reports whether f reserves records.
func reserves(f *ir.Func) bool { return acquire(f.Blocks) }

// acquire reports whether blocks acquire references, to records or what else has to
// be given back.
func acquire(blocks []*ir.Block) bool {
	for _, b := range blocks {
		for _, v := range b.Values {
			if lends(v) {
				return true
			}
		}
	}
	return false
}

// releaseRecords discards what is open on each edge to short and at each end.
func releaseRecords(f *ir.Func, short *ir.Block) {
	if !reserves(f) {
		return
	}
	r := &releaser{f: f, short: short, dom: ir.Dominators(f), index: map[*ir.Value]int{}, out: map[*ir.Block]openRecords{}, done: map[string]*ir.Block{}}
	for _, b := range r.dom.RPO {
		for _, v := range b.Values {
			if lends(v) {
				r.index[v] = len(r.calls)
				r.calls = append(r.calls, v)
			}
		}
	}
	if len(r.calls) > maxRecords {
		ir.Bugf("%s: %d records", f.Name, len(r.calls))
	}
	r.solve()
	blocks := append([]*ir.Block(nil), r.dom.RPO...)
	for _, b := range blocks {
		for i := range b.Succs {
			if short != nil && b.Succs[i].B == short {
				r.releaseEdge(b, i, short)
			}
		}
		if b.Kind == ir.BlockRet && b != short {
			if open := r.dominating(b, r.out[b]); open != 0 {
				end := splitBlock(b, len(b.Values))
				r.chain(b, open, end)
			}
		}
	}
}

// record returns the reserve call that an address is of, -1 if it is of none.
func (r *releaser) record(p *ir.Value) int {
	base, _ := place(p)
	if i, ok := r.index[base]; ok {
		return i
	}
	return -1
}

// solve computes what is open at the end of each block.
func (r *releaser) solve() {
	opened, gone := map[*ir.Block]openRecords{}, map[*ir.Block]openRecords{}
	for changed := true; changed; {
		changed = false
		for _, b := range r.dom.RPO {
			var o, g openRecords
			for _, e := range b.Preds {
				if b != r.short { // the ways there release what is open
					o, g = o|opened[e.B], g|gone[e.B]
				}
			}
			for _, v := range b.Values {
				if i, ok := r.index[v]; ok {
					o, g = o|1<<i, g&^(1<<i)
				}
				if v.Op == ir.OpCall && v.Aux.(*kernel.Helper).Releases {
					if i := r.record(v.Args[0]); i >= 0 {
						g |= 1 << i
					}
				}
			}
			if o != opened[b] || g != gone[b] {
				opened[b], gone[b], changed = o, g, true
			}
		}
	}
	for b, o := range opened {
		r.out[b] = o &^ gone[b]
	}
}

// dominating returns those of a set that are known at the end of b.
func (r *releaser) dominating(b *ir.Block, open openRecords) openRecords {
	for i, v := range r.calls {
		if open>>i&1 != 0 && !r.dom.Dominates(v.Block, b) {
			open &^= 1 << i
		}
	}
	return open
}

// releaseEdge leads the i-th way out of b to short through what releases the
// records open there.
func (r *releaser) releaseEdge(b *ir.Block, i int, short *ir.Block) {
	open := r.dominating(b, r.out[b])
	if open == 0 {
		return
	}
	key := fmt.Sprint(open)
	n := r.done[key]
	if n == nil {
		n = r.f.NewBlock(ir.BlockJump)
		n.Pos = b.Pos
		r.done[key] = n
		r.chain(n, open, short)
	}
	b.RedirectEdge(i, n)
}

// chain appends to b the discarding of the records, and goes on to next.
func (r *releaser) chain(b *ir.Block, open openRecords, next *ir.Block) {
	for i := len(r.calls) - 1; i >= 0; i-- {
		if open>>i&1 == 0 {
			continue
		}
		v, pos := r.calls[i], b.Pos
		if v.Aux.(*kernel.Helper).Ret == kernel.RetHeldSure {
			r.giveBack(b, v)
			continue
		}
		at := endOf(b, pos)
		there, after := r.f.NewBlock(ir.BlockJump), r.f.NewBlock(ir.BlockJump)
		there.Pos, after.Pos = pos, pos
		branch(b, at.op(ir.OpNe, ir.Bool, v, at.op(ir.OpConst, ir.Ptr)), there, after)
		r.giveBack(there, v)
		there.AddEdge(after)
		b = after
	}
	b.Kind = ir.BlockJump
	b.AddEdge(next)
}

// giveBack appends to b the call that gives back what v lent: a record is
// discarded, with no flags.
func (r *releaser) giveBack(b *ir.Block, v *ir.Value) {
	name := v.Aux.(*kernel.Helper).Release
	h := kernel.HelperByName(name)
	if k := r.f.Module.Kfunc(name); k != nil {
		h = k.Helper
	}
	at := endOf(b, b.Pos)
	args := []*ir.Value{at.op(ir.OpNonNull, ir.Ptr, v)}
	for range h.Args[1:] {
		args = append(args, at.konst(0))
	}
	at.call(ir.Void, h, args...)
}
