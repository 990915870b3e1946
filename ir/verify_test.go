package ir_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

const verifyText = `
map m hash key 4 value 8 entries 1
func f(x i64) {
	slot s0 4 align 4
b0:
	v0 = arg 0
	v1 = const 7
	v2 = slt v0, v1
	if v2, b1, b2
b1: <- b0
	v3 = slot s0
	store v3, v0, stack+0 u32
	v4 = map m
	v5 = call.ptr map_lookup_elem(v4, v3)
	jump b2
b2: <- b0, b1
	v6 = phi v0, v1
	v7 = zext v6, 8
	v8 = func g
	v9 = callfunc g(v7)
	ret v9
}
func g(x i64) {
b0:
	v0 = arg 0
	ret v0
}
`

// TestVerifyMutations breaks what the text form can't say.
func TestVerifyMutations(t *testing.T) {
	other := &ir.Module{}
	for name, c := range map[string]struct {
		want   string
		mutate func(m *ir.Module, f *ir.Func, v func(int) *ir.Value)
	}{
		"map without type":    {"map m: has no type", func(m *ir.Module, _ *ir.Func, _ func(int) *ir.Value) { m.Maps[0].Type = nil }},
		"map name taken":      {"map m: the name is taken", func(m *ir.Module, _ *ir.Func, _ func(int) *ir.Value) { m.Maps = append(m.Maps, m.Maps[0]) }},
		"function name taken": {"f: the name is taken", func(m *ir.Module, f *ir.Func, _ func(int) *ir.Value) { m.Funcs[1].Name = "f" }},
		"other module":        {"f: is in another module's list", func(_ *ir.Module, f *ir.Func, _ func(int) *ir.Value) { f.Module = other }},
		"no module":           {"f: is in no module", func(_ *ir.Module, f *ir.Func, _ func(int) *ir.Value) { f.Module = nil }},
		"no blocks":           {"f: has no blocks", func(_ *ir.Module, f *ir.Func, _ func(int) *ir.Value) { f.Blocks = nil }},
		"slot ID":             {"f: slot 0 has ID 1", func(_ *ir.Module, f *ir.Func, _ func(int) *ir.Value) { f.Slots[0].ID = 1 }},
		"callback without kind": {"f: a callback needs the kind of its program", func(_ *ir.Module, f *ir.Func, _ func(int) *ir.Value) {
			f.Callback = &ir.Callback{}
		}},
		"block's function": {"f: b1: belongs to another function", func(_ *ir.Module, f *ir.Func, _ func(int) *ir.Value) { f.Blocks[1].Func = nil }},
		"block ID range":   {"f: b99: ID is out of range", func(_ *ir.Module, f *ir.Func, _ func(int) *ir.Value) { f.Blocks[1].ID = 99 }},
		"block ID taken":   {"f: b0: ID is taken", func(_ *ir.Module, f *ir.Func, _ func(int) *ir.Value) { f.Blocks[1].ID = 0 }},
		"no op":            {"f: b0: v0 has no op", func(_ *ir.Module, _ *ir.Func, v func(int) *ir.Value) { v(0).Op = ir.OpInvalid }},
		"op range":         {"f: b0: v0 has no op", func(_ *ir.Module, _ *ir.Func, v func(int) *ir.Value) { v(0).Op = ir.NumOps }},
		"value's block": {"f: b0: v1 = const 7: is in another block's list", func(_ *ir.Module, f *ir.Func, v func(int) *ir.Value) {
			v(1).Block = f.Blocks[1]
		}},
		"value ID range": {"f: b0: v99 = const 7: ID is out of range", func(_ *ir.Module, _ *ir.Func, v func(int) *ir.Value) { v(1).ID = 99 }},
		"value ID taken": {"f: b0: v0 = const 7: ID 0 is taken", func(_ *ir.Module, _ *ir.Func, v func(int) *ir.Value) { v(1).ID = 0 }},
		"short block": {"f: the short block b9 is not in the function", func(_ *ir.Module, f *ir.Func, _ func(int) *ir.Value) {
			f.Short = &ir.Block{ID: 9}
		}},
		"jump's control": {"f: b1: a jump has no control value", func(_ *ir.Module, f *ir.Func, v func(int) *ir.Value) { f.Blocks[1].SetControl(v(2)) }},
		"if's control":   {"f: b0: a branch needs a control value", func(_ *ir.Module, f *ir.Func, _ func(int) *ir.Value) { f.Blocks[0].SetControl(nil) }},
		"block kind":     {"f: b1: unknown kind of block 7", func(_ *ir.Module, f *ir.Func, _ func(int) *ir.Value) { f.Blocks[1].Kind = 7 }},
		"successors": {"f: b1: has 2 successors, not 1", func(_ *ir.Module, f *ir.Func, _ func(int) *ir.Value) {
			f.Blocks[1].AddEdge(f.Blocks[2])
		}},
		"reverse of successor": {"f: b0: edge to b1 has no reverse", func(_ *ir.Module, f *ir.Func, _ func(int) *ir.Value) { f.Blocks[0].Succs[0].I = 3 }},
		"reverse of predecessor": {"f: b2: edge from b1 has no reverse", func(_ *ir.Module, f *ir.Func, _ func(int) *ir.Value) {
			b := f.Blocks[2]
			b.Preds = append(b.Preds, b.Preds[1])
		}},
		"foreign argument": {"f: b0: v2 = slt v0, v0: argument v0 is in no block", func(m *ir.Module, _ *ir.Func, v func(int) *ir.Value) {
			v(2).SetArg(1, m.Funcs[1].Blocks[0].Values[0])
		}},
		"removed argument": {"f: b0: v2 = slt v0, v1: argument v1 is in no block", func(_ *ir.Module, f *ir.Func, _ func(int) *ir.Value) {
			b := f.Blocks[0]
			b.Values = append(b.Values[:1:1], b.Values[2:]...)
		}},
		"removed control": {"f: b0: control value v2 is in no block", func(_ *ir.Module, f *ir.Func, _ func(int) *ir.Value) {
			f.Blocks[0].Values = f.Blocks[0].Values[:2]
		}},
		"nil argument": {"f: b0: v2 = slt v0, ?: argument ? is in no block", func(_ *ir.Module, _ *ir.Func, v func(int) *ir.Value) {
			v(2).Args[1] = nil
		}},
		"uses":        {"f: b0: v0 = arg 0: is used 3 times, Uses says 4", func(_ *ir.Module, _ *ir.Func, v func(int) *ir.Value) { v(0).Uses++ }},
		"result type": {"f: b2: v7 = zext v6, 8: is bool, not i64", func(_ *ir.Module, _ *ir.Func, v func(int) *ir.Value) { v(7).Type = ir.Bool }},
		"AuxInt":      {"f: b0: v2 = slt v0, v1: AuxInt is 1", func(_ *ir.Module, _ *ir.Func, v func(int) *ir.Value) { v(2).AuxInt = 1 }},
		"Aux too many": {"f: b0: v1 = const 7: Aux is a *ir.Map", func(m *ir.Module, _ *ir.Func, v func(int) *ir.Value) {
			v(1).Aux = m.Maps[0]
		}},
		"Aux missing": {"f: b1: v3 = slot ?: Aux is a <nil>", func(_ *ir.Module, _ *ir.Func, v func(int) *ir.Value) { v(3).Aux = nil }},
		"Aux of another row": {"f: b1: v4 = map s0: Aux is a *ir.Slot", func(_ *ir.Module, f *ir.Func, v func(int) *ir.Value) {
			v(4).Aux = f.Slots[0]
		}},
		"foreign slot": {"f: b1: v3 = slot s0: the slot is not the function's", func(_ *ir.Module, _ *ir.Func, v func(int) *ir.Value) {
			v(3).Aux = &ir.Slot{}
		}},
		"foreign map": {"f: b1: v4 = map n: the map is not the module's", func(_ *ir.Module, _ *ir.Func, v func(int) *ir.Value) {
			v(4).Aux = &ir.Map{Name: "n"}
		}},
		"foreign function": {"f: b2: v8 = func h: the function is not the module's", func(_ *ir.Module, _ *ir.Func, v func(int) *ir.Value) {
			v(8).Aux = &ir.Func{Name: "h"}
		}},
		"helper": {"f: b1: v5 = call.ptr ?(v4, v3): Aux is a <nil>", func(_ *ir.Module, _ *ir.Func, v func(int) *ir.Value) { v(5).Aux = nil }},
		"region": {"f: b1: store v3, v0, region99+0 u32: has no region", func(_ *ir.Module, f *ir.Func, _ func(int) *ir.Value) {
			f.Blocks[1].Values[1].Mem().Region = 99
		}},
		"no packet": {"f: b0: v11 = pktgen: nothing programs have no packet", func(_ *ir.Module, f *ir.Func, _ func(int) *ir.Value) {
			f.Callback = &ir.Callback{Prog: &kernel.ProgKind{Name: "nothing"}, Frame: 1}
			f.Params = append(f.Params, ir.Param{Name: "p", Type: ir.Ptr})
			f.Blocks[0].InsertValue(1, ir.OpPktGen, ir.Gen, ir.Pos{})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			m := mustParse(t, verifyText)
			f := m.Funcs[0]
			values := map[int]*ir.Value{}
			for _, b := range f.Blocks {
				for _, v := range b.Values {
					values[int(v.ID)] = v
				}
			}
			c.mutate(m, f, func(id int) *ir.Value { return values[id] })
			err := m.Verify()
			if f.Module == nil {
				err = ir.Verify(f) // the module's own check would come first
			}
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func mustParse(t testing.TB, text string) *ir.Module {
	t.Helper()
	m, err := ir.Parse("in", text)
	if err == nil {
		err = m.Verify()
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestVerifyPasses keeps the mutation test honest.
func TestVerifyPasses(t *testing.T) { mustParse(t, verifyText) }

// randomGraph returns a function of n blocks with random branches; if short,
// block 1 is its Short.
func randomGraph(r *rand.Rand, n int, short bool) *ir.Func {
	m := &ir.Module{}
	f := m.NewFunc("f", ir.Param{Name: "c", Type: ir.Bool})
	b := ir.NewBuilder(f)
	c := b.Arg(0)
	for range n - 1 {
		f.NewBlock(ir.BlockRet)
	}
	for _, x := range f.Blocks {
		b.Block = x
		to := func() *ir.Block { return f.Blocks[1+r.IntN(n-1)] }
		switch r.IntN(5) {
		case 0:
			b.Ret(nil)
		case 1, 2:
			b.Jump(to())
		default:
			b.If(c, to(), to())
		}
	}
	if short {
		f.Short = f.Blocks[1]
	}
	return f
}

// reach returns what the entry reaches without passing through block skip.
func reach(f *ir.Func, skip *ir.Block) map[*ir.Block]bool {
	seen := map[*ir.Block]bool{}
	var walk func(b *ir.Block)
	walk = func(b *ir.Block) {
		if b == skip || seen[b] {
			return
		}
		seen[b] = true
		if b == f.Entry() && f.Short != nil {
			walk(f.Short)
		}
		for _, e := range b.Succs {
			walk(e.B)
		}
	}
	walk(f.Entry())
	return seen
}

// canExit returns the blocks with a path to a return that avoids block skip.
func canExit(f *ir.Func, skip *ir.Block) map[*ir.Block]bool {
	ok := map[*ir.Block]bool{}
	for changed := true; changed; {
		changed = false
		for _, b := range f.Blocks {
			if ok[b] || b == skip {
				continue
			}
			can := len(b.Succs) == 0
			for _, e := range b.Succs {
				can = can || ok[e.B]
			}
			if can {
				ok[b], changed = true, true
			}
		}
	}
	return ok
}

// TestDominatorsByDefinition compares the trees with the definitions, on
// random graphs.
func TestDominatorsByDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 400 {
		f := randomGraph(r, 2+r.IntN(10), i%2 == 0)
		d, pd := ir.Dominators(f), ir.PostDominators(f)
		all, exits := reach(f, nil), canExit(f, nil)
		for _, a := range f.Blocks {
			without, avoiding := reach(f, a), canExit(f, a)
			if d.Reachable(a) != all[a] {
				t.Fatalf("reachable %s: %v\n%s", a, d.Reachable(a), f)
			}
			for _, b := range f.Blocks {
				if want := all[a] && all[b] && !without[b]; d.Dominates(a, b) != want {
					t.Fatalf("%s dominates %s: want %v\n%s", a, b, want, f)
				}
				if !all[a] || !all[b] || f.Short != nil || !exits[a] || !exits[b] {
					continue
				}
				if want := a == b || !avoiding[b]; pd.PostDominates(a, b) != want && allExit(f, all, exits) {
					t.Fatalf("%s post-dominates %s: want %v\n%s", a, b, want, f)
				}
			}
		}
		checkLoops(t, f, d)
	}
}

// allExit reports whether every reachable block has a way out.
func allExit(f *ir.Func, all, exits map[*ir.Block]bool) bool {
	for _, b := range f.Blocks {
		if all[b] && !exits[b] {
			return false
		}
	}
	return true
}

// checkLoops compares each loop with its definition.
func checkLoops(t *testing.T, f *ir.Func, d *ir.Dom) {
	t.Helper()
	l := ir.FindLoops(f, d)
	headers := map[*ir.Block]*ir.NaturalLoop{}
	for _, x := range l.All {
		headers[x.Header] = x
	}
	for _, h := range d.RPO {
		want := map[*ir.Block]bool{}
		var walk func(b *ir.Block)
		walk = func(b *ir.Block) {
			if want[b] || !d.Reachable(b) {
				return
			}
			want[b] = true
			if b != h {
				for _, e := range b.Preds {
					walk(e.B)
				}
			}
		}
		for _, e := range h.Preds {
			if d.Dominates(h, e.B) {
				want[h] = true
				walk(e.B)
			}
		}
		x := headers[h]
		if (x != nil) != (len(want) > 0) {
			t.Fatalf("%s is a header: %v\n%s", h, x != nil, f)
		}
		if x == nil {
			continue
		}
		for _, b := range d.RPO {
			if l.Contains(x, b) != want[b] {
				t.Fatalf("loop %s holds %s: want %v\n%s", h, b, want[b], f)
			}
		}
		if len(x.Blocks) != len(want) || x.Depth != l.Depth(h) || l.Of(h) != x {
			t.Fatalf("loop %s: blocks %v depth %d", h, x.Blocks, x.Depth)
		}
	}
	// Reducible means: without the back edges there is no cycle.
	if got, want := l.Reducible(), acyclicWithoutBackEdges(f, d); got != want {
		t.Fatalf("reducible: %v, want %v\n%s", got, want, f)
	}
}

func acyclicWithoutBackEdges(f *ir.Func, d *ir.Dom) bool {
	state := map[*ir.Block]int{}
	var visit func(b *ir.Block) bool
	visit = func(b *ir.Block) bool {
		state[b] = 1
		next := b.Succs
		if b == f.Entry() && f.Short != nil {
			next = append(next[:len(next):len(next)], ir.Edge{B: f.Short})
		}
		for _, e := range next {
			if d.Dominates(e.B, b) || state[e.B] == 2 {
				continue
			}
			if state[e.B] == 1 || !visit(e.B) {
				return false
			}
		}
		state[b] = 2
		return true
	}
	return visit(f.Entry())
}

func TestStringsOfUnknown(t *testing.T) {
	for want, got := range map[string]string{
		"type99":   ir.Type(99).String(),
		"region99": ir.Region(99).String(),
		"phase9":   ir.Phase(9).String(),
		"invalid":  ir.NumOps.String(),
		"any":      ir.Any.String(),
		"?":        (*ir.Slot)(nil).String(),
		"low":      ir.PhaseLow.String(),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f := (&ir.Module{}).NewFunc("odd name")
	f.Entry().Kind = 9
	if s := f.String(); !strings.Contains(s, "func \"odd name\"() {\nb0:\n\t?\n") {
		t.Errorf("an unknown kind of block prints as %q", s)
	}
	f.Entry().Kind = ir.BlockIf
	if s := f.String(); !strings.Contains(s, "if ?, ?, ?") {
		t.Errorf("a branch without successors prints as %q", s)
	}
	v := f.Entry().NewValue(ir.OpLoad, ir.I64, ir.Pos{})
	if s := v.LongString(); s != "v0 = load ?" {
		t.Errorf("a load without an access prints as %q", s)
	}
}
