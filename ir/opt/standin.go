package opt

import (
	"slices"

	"github.com/luabpfc/luabpfc/ir"
)

// Stand-ins for addresses of map values that are null.
//
// Without CAP_PERFMON the verifier follows a branch whose outcome it knows the
// other way too, as the CPU may for a moment (Spectre v1). Behind a second test of
// the same address, where the first one found null, that way leads to an access
// through the number 0, and until 6.15 the program is refused for it; later
// kernels put a barrier there:
//
//	local a = h[1] or 3 ... return a + (h[1] or 3)   -- one lookup, tested twice
//
// So where what is null on some way is tested again, or is used where another
// condition than the test says that it is none, two values take its place: a number
// that says whether there is an address, and an address that can always be
// accessed. It is that of a few bytes of the stack where there is none, zeros as far
// as they may be read. Nothing ever is, but for a moment.
//
// What belongs together is a web: results of lookups, phis that join them with
// each other, or null with addresses that are never null, and what callbacks load
// from the fields of their frames that hold one of these (standinframe.go). It stays
// as it is if its tests are apart (none is made on a way from another one) and each
// access is behind one of them; or if an access is not within a fixed part of the
// value, for which the stack can't stand in.

// standInMost is the size of the largest stand-in. Where the stack overflows, there
// are none (Options.TightStack).
const standInMost = 128

// standInFold is how many webs of a function may be replaced for its branches to be
// folded then, which takes time for each that is in proportion to the function.
const standInFold = 24

// standIns is the pass "standins".
func standIns(c *Context, m *ir.Module) {
	if c.Opts.TightStack {
		return
	}
	webs := nullWebs(m)
	if len(webs) == 0 {
		return
	}
	most := map[*ir.Func]int64{}
	for _, w := range webs {
		most[w.home()] = max(most[w.home()], w.value)
	}
	ways := waysOf{}
	var chosen []*nullWeb
	for _, w := range webs {
		if w.whole {
			if w.value == 0 { // of no lookup itself
				w.value = most[w.home()]
			}
			w.bad = w.bad || w.value == 0
			w.size = max(w.size, w.value)
			for i := int64(0); i < w.value; i += 8 {
				w.read[i] = true
			}
		}
		if w.bad || w.size == 0 || w.size > standInMost || w.apart(ways) || !c.Change("standin") {
			continue
		}
		chosen = append(chosen, w)
	}
	if len(chosen) > 0 {
		newStandInMaker(m, chosen).run(c)
	}
}

// waysOf finds the dominators of functions with webs.
type waysOf map[*ir.Func]*ir.Dom

func (x waysOf) in(f *ir.Func) *ir.Dom {
	if x[f] == nil {
		x[f] = ir.Dominators(f)
	}
	return x[f]
}

// apart reports whether what is accessed is behind a test of the web each, and none of
// those tests is made on a way from where one found null. A callback may run again
// behind each test in it.
func (w *nullWeb) apart(x waysOf) bool {
	if w.null || w.twice || slices.ContainsFunc(w.tests, func(t *ir.Value) bool { return w.enters(t.Block.Func) }) {
		return false
	}
	behind := make([]bool, len(w.users))
	var guards []*ir.Value // the tests that accesses are behind
	for _, t := range w.tests {
		y := wayOf(t, false)
		if y == nil || len(y.Preds) != 1 {
			continue
		}
		guards = append(guards, nil)
		for i, u := range w.users {
			if y.Func == u.Func && x.in(y.Func).Dominates(y, u) {
				behind[i], guards[len(guards)-1] = true, t
			}
		}
		if guards[len(guards)-1] == nil {
			guards = guards[:len(guards)-1]
		}
	}
	if slices.Contains(behind, false) {
		return false
	}
	for _, t := range w.tests {
		for _, g := range guards {
			if t.Uses > 0 && (g != t || x.in(t.Block.Func).Cyclic()) && again(t, g) {
				return false
			}
		}
	}
	return true
}

// wayOf returns where control goes if the test t found null, or did not; nil if t
// is not how its block ends.
func wayOf(t *ir.Value, null bool) *ir.Block {
	switch {
	case t.Block.Kind != ir.BlockIf || t.Block.Control != t:
		return nil
	case null == (t.Op == ir.OpEq):
		return t.Block.Succs[0].B
	}
	return t.Block.Succs[1].B
}

// again reports whether the test g is made on a way from where t found null, before
// what g tests is looked up anew.
func again(t, g *ir.Value) bool {
	var stop *ir.Block
	if p := nilTested(g); p.Op == ir.OpCall || g == t {
		stop = p.Block
	}
	seen := make([]bool, t.Block.Func.NumBlocks())
	var work []*ir.Block
	reach := func(b *ir.Block) bool {
		if !seen[b.ID] && b != stop {
			seen[b.ID] = true
			work = append(work, b)
		}
		return b != stop && b == g.Block
	}
	if no := wayOf(t, true); no != nil && t.Uses == 1 {
		if reach(no) {
			return true
		}
	} else {
		if t != g && t.Block == g.Block {
			return true
		}
		work = append(work, t.Block)
	}
	for len(work) > 0 {
		b := work[len(work)-1]
		work = work[:len(work)-1]
		for _, e := range b.Succs {
			if reach(e.B) {
				return true
			}
		}
	}
	return false
}
