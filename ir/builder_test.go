package ir_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// TestBuilder builds the program below with every method of the builder.
func TestBuilder(t *testing.T) {
	hash, _ := kernel.MapTypeByName("hash")
	socket, _ := kernel.ProgKindByName("socket")
	m := &ir.Module{Maps: []*ir.Map{{Name: "m", Type: hash, KeySize: 4, ValueSize: 8, MaxEntries: 1}}}
	f := m.NewFunc("f", ir.Param{Name: "ctx", Type: ir.Ptr})
	f.Kind, f.Section = socket, socket.Section
	b := ir.NewBuilder(f)
	ctx := b.Arg(0)
	zero := b.Const(0)
	gen := b.PktGen()
	n := b.PktLen(gen)
	chk := b.PktCheck(gen, zero, 12, 2)
	proto := b.PktLoad(chk, zero, ir.Mem{Off: 12, Size: 2, BE: true})
	slot := f.NewSlot(4, "key", ir.Pos{})
	p := b.SlotAddr(slot)
	b.Store(p, proto, ir.Mem{Region: ir.RegionStack, Size: 4})
	e := b.Call(kernel.HelperByName("map_lookup_elem"), ir.Ptr, b.MapRef(m.Maps[0]), p)
	yes, join, short := f.NewBlock(ir.BlockRet), f.NewBlock(ir.BlockRet), f.NewBlock(ir.BlockRet)
	f.Short = short
	b.If(b.Op(ir.OpEq, e, b.Null()), join, yes)
	b.Block = yes
	e = b.NonNull(e)
	b.AtomicAdd(e, n, ir.Mem{Region: ir.RegionMap, Size: 8})
	e = b.PtrAdd(e, b.Op(ir.OpAdd, b.Const(1), b.Const(3)))
	x := b.Load(ir.I64, e, ir.Mem{Region: ir.RegionMap, Size: 2, Signed: true})
	b.Jump(join)
	b.Block = join
	b.Pos = ir.Pos{Line: 3, Col: 1}
	phi := b.Phi(ir.I64)
	for _, a := range []*ir.Value{zero, x} {
		phi.AddArg(a)
	}
	ok := b.Op(ir.OpNot, b.Op(ir.OpSLt, phi, b.Load(ir.I64, ctx, ir.Mem{Region: ir.RegionCtx, Size: 4})))
	b.Ret(b.Op(ir.OpBoolToInt, b.Op(ir.OpAnd, ok, b.Bool(true))))
	b.Block = short
	b.Pos = ir.Pos{}
	b.Ret(b.OpBits(ir.OpZext, 8, b.Const(0x1ff)))
	if err := m.Verify(); err != nil {
		t.Errorf("%v", err)
	}
	want := `map m hash key 4 value 8 entries 1

func f(ctx ptr) kind socket short b3 {
	slot s0 4 align 4 "key"
b0:
	v0 = arg.ptr 0
	v1 = const 0
	v2 = pktgen
	v3 = pktlen v2
	v4 = pktcheck v2, v1, packet+12 2
	v5 = pktload v4, v1, packet+12 u16be
	v6 = slot s0
	store v6, v5, stack+0 u32
	v8 = map m
	v9 = call.ptr map_lookup_elem(v8, v6)
	v10 = const.ptr 0
	v11 = eq v9, v10
	if v11, b2, b1
b1: <- b0
	v12 = nonnull v9
	atomicadd v12, v3, map+0 u64
	v14 = const 1
	v15 = const 3
	v16 = const 4
	v17 = ptradd v12, v16
	v18 = load v17, map+0 s16
	jump b2
b2: <- b0, b1
	v19 = phi v1, v18 @3:1
	v20 = load v0, ctx+0 u32 @3:1
	v21 = slt v19, v20 @3:1
	v22 = not v21 @3:1
	v23 = const.bool 1 @3:1
	v24 = and.bool v22, v23 @3:1
	v25 = int v24 @3:1
	ret v25 @3:1
b3:
	v26 = const 511
	v27 = const 255
	ret v27
}
`
	if d := cmp.Diff(want, m.Text(true)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestSlotAlignment(t *testing.T) {
	f := (&ir.Module{}).NewFunc("f")
	for size, align := range map[int]int{1: 1, 2: 2, 3: 4, 4: 4, 6: 8, 8: 8, 100: 8} {
		if s := f.NewSlot(size, "", ir.Pos{}); s.Align != align {
			t.Errorf("a slot of %d bytes is aligned to %d, want %d", size, s.Align, align)
		}
	}
}

// TestFoldConst: what must not be folded.
func TestFoldConst(t *testing.T) {
	f := (&ir.Module{}).NewFunc("f", ir.Param{Name: "x", Type: ir.I64})
	b := ir.NewBuilder(f)
	x, one := b.Arg(0), b.Const(1)
	for _, c := range []struct {
		op   ir.Op
		args []*ir.Value
	}{
		{ir.OpAdd, []*ir.Value{x, one}}, {ir.OpAdd, []*ir.Value{one, x}}, {ir.OpPhi, []*ir.Value{one}},
		{ir.OpPktGen, nil}, {ir.OpOpaque, []*ir.Value{one, one}}, {ir.OpLoad, []*ir.Value{one}},
		{ir.OpCall, []*ir.Value{one, one, one}},
	} {
		if r, ok := ir.FoldConst(c.op, 0, false, c.args); ok {
			t.Errorf("%s folded to %d", c.op, r)
		}
	}
}

func TestBug(t *testing.T) {
	defer func() {
		b := recover().(*ir.Bug)
		if b.Error() != "internal error: value 7" {
			t.Errorf("got %q", b.Error())
		}
		b.Pass = "dce"
		if b.Error() != "internal error in dce: value 7" {
			t.Errorf("got %q", b.Error())
		}
	}()
	ir.Bugf("value %d", 7)
}

// TestEdits changes values in place; Uses must follow.
func TestEdits(t *testing.T) {
	m := mustParse(t, `
func f(x i64) {
b0:
	v0 = arg 0
	v1 = const 7
	v2 = add v0, v1
	v3 = mul v2, v0
	v4 = xor v3, v2
	ret v4
}
`)
	v := m.Funcs[0].Entry().Values
	v[3].CopyOf(v[2])
	v[2].SetConst(5)
	v[4].SetArg(0, v[0])
	m.Funcs[0].Entry().SetControl(v[3])
	if err := m.Verify(); err != nil {
		t.Fatal(err)
	}
	want := "\tv2 = const 5\n\tv3 = copy v2\n\tv4 = xor v0, v2\n\tret v3\n"
	if !strings.Contains(m.String(), want) {
		t.Errorf("got %s", m)
	}
	// A copy of itself keeps its argument's count above zero on the way.
	v[3].CopyOf(v[2])
	v[4].ResetArgs()
	v[4].AddArg(v[0])
	v[4].AddArg(v[1])
	v[4].RemoveArg(0)
	v[4].AddArg(v[0])
	if err := m.Verify(); err != nil {
		t.Error(err)
	}
	if v[4].Args[0] != v[1] || v[1].Uses != 1 {
		t.Errorf("RemoveArg: %s", v[4].LongString())
	}
}

// TestEdgeEdits removes and redirects edges of random graphs; both ends of
// all edges and the arguments of phis must stay in step.
func TestEdgeEdits(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		f := randomGraph(r, 3+r.IntN(6), false)
		for _, b := range f.Blocks[1:] {
			// A phi's arguments say which edge they belong to.
			phi := b.InsertValue(0, ir.OpPhi, ir.I64, ir.Pos{})
			for _, e := range b.Preds {
				phi.AddArg(edgeMark(f, e))
			}
		}
		for range 4 {
			b := f.Blocks[r.IntN(len(f.Blocks))]
			if len(b.Succs) == 0 {
				continue
			}
			i := r.IntN(len(b.Succs))
			if r.IntN(2) == 0 {
				b.RemoveEdge(i)
				continue
			}
			to := f.Blocks[1+r.IntN(len(f.Blocks)-1)]
			b.RedirectEdge(i, to)
			to.Values[0].AddArg(edgeMark(f, ir.Edge{B: b, I: i}))
		}
		for _, b := range f.Blocks {
			for i, e := range b.Succs {
				if e.B.Preds[e.I] != (ir.Edge{B: b, I: i}) {
					t.Fatalf("edge %s.%d has no reverse", b, i)
				}
			}
			for i, e := range b.Preds {
				if e.B.Succs[e.I] != (ir.Edge{B: b, I: i}) {
					t.Fatalf("predecessor %d of %s has no reverse", i, b)
				}
				if got := b.Phis()[0].Args[i].AuxInt / 2; got != int64(e.B.ID) {
					t.Fatalf("argument %d of the phi of %s came by b%d, want %s", i, b, got, e.B)
				}
			}
		}
	}
}

// edgeMark returns a constant that names an edge.
func edgeMark(f *ir.Func, e ir.Edge) *ir.Value {
	v := f.Entry().NewValue(ir.OpConst, ir.I64, ir.Pos{})
	v.AuxInt = int64(2*e.B.ID + e.I)
	return v
}
