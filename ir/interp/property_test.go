package interp_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/interp"
)

// pureOps are the ops that the builder may fold: those of numbers and Bools.
func pureOps() []ir.Op {
	var ops []ir.Op
	for op := ir.OpInvalid + 1; op < ir.NumOps; op++ {
		info := op.Info()
		if !info.Pure || info.Pinned || len(info.Args) == 0 {
			continue
		}
		if _, ok := ir.Eval(op, 16, false, 1, 1); ok {
			ops = append(ops, op)
		}
	}
	return ops
}

var interesting = []uint64{0, 1, 2, 7, 8, 63, 64, 255, 256, 1 << 15, 1 << 31, 1<<32 - 1, 1 << 32, 1 << 63, 1<<63 - 1, ^uint64(0), ^uint64(1)}

// program builds one straight line of random ops twice: f takes the numbers as
// arguments, g has them as constants, which the builder folds. It returns the
// module, the numbers, and how many ops there are.
func program(r *rand.Rand, ops []ir.Op) (m *ir.Module, args []uint64, n int) {
	m = &ir.Module{BigEndian: r.IntN(2) == 0}
	f := m.NewFunc("f")
	g := m.NewFunc("g")
	bf, bg := ir.NewBuilder(f), ir.NewBuilder(g)
	var ints, bools [][2]*ir.Value
	for i := range 3 {
		x := interesting[r.IntN(len(interesting))]
		if r.IntN(3) == 0 {
			x = r.Uint64()
		}
		f.Params = append(f.Params, ir.Param{Name: fmt.Sprintf("p%d", i), Type: ir.I64})
		args = append(args, x)
		ints = append(ints, [2]*ir.Value{bf.Arg(i), bg.Const(int64(x))})
	}
	for i := range 2 {
		x := r.IntN(2)
		f.Params = append(f.Params, ir.Param{Name: fmt.Sprintf("c%d", i), Type: ir.Bool})
		args = append(args, uint64(x))
		bools = append(bools, [2]*ir.Value{bf.Arg(3 + i), bg.Bool(x == 1)})
	}
	n = 1 + r.IntN(20)
	for range n {
		op := ops[r.IntN(len(ops))]
		info := op.Info()
		bits := int64(0)
		if info.Aux == ir.AuxBits {
			bits = []int64{16, 32}[r.IntN(2)]
		}
		var af, ag []*ir.Value
		any := r.IntN(2) == 0
		if op == ir.OpULt || op == ir.OpULe {
			any = false // not of Bools
		}
		for _, t := range info.Args {
			from := ints
			if t == ir.Bool || t == ir.Any && any {
				from = bools
			}
			x := from[r.IntN(len(from))]
			af, ag = append(af, x[0]), append(ag, x[1])
		}
		x := [2]*ir.Value{bf.OpBits(op, bits, af...), bg.OpBits(op, bits, ag...)}
		if x[0].Type == ir.Bool {
			bools = append(bools, x)
		} else {
			ints = append(ints, x)
		}
	}
	// All results go into the return value.
	sum := ints[0]
	mix := func(x [2]*ir.Value) {
		for i, b := range []*ir.Builder{bf, bg} {
			t := b.Op(ir.OpMul, sum[i], b.Const(0x100000001b3))
			sum[i] = b.Op(ir.OpXor, t, x[i])
		}
	}
	for _, x := range ints[1:] {
		mix(x)
	}
	for _, x := range bools {
		mix([2]*ir.Value{bf.Op(ir.OpBoolToInt, x[0]), bg.Op(ir.OpBoolToInt, x[1])})
	}
	bf.Ret(sum[0])
	bg.Ret(sum[1])
	return m, args, n
}

// TestFoldedAgreesWithInterpreted is the differential test of the builder's
// folding against execution.
func TestFoldedAgreesWithInterpreted(t *testing.T) {
	ops := pureOps()
	if len(ops) < 25 {
		t.Fatalf("only %d ops", len(ops))
	}
	r := rand.New(rand.NewPCG(3, 4))
	total := 0
	for range 3000 {
		m, args, n := program(r, ops)
		total += n
		if err := m.Verify(); err != nil {
			t.Fatalf("%v\n%s", err, m)
		}
		for _, v := range m.Funcs[1].Entry().Values {
			if v.Op != ir.OpConst {
				t.Fatalf("not folded: %s", v.LongString())
			}
		}
		machine := interp.New(m, interp.Env{})
		f, err := machine.Run(m.Funcs[0], args...)
		if err != nil {
			t.Fatalf("%v\n%s", err, m)
		}
		g, err := machine.Run(m.Funcs[1])
		if err != nil {
			t.Fatal(err)
		}
		if f.Ret != g.Ret {
			t.Fatalf("interpreted %#x, folded %#x\n%s", f.Ret, g.Ret, m)
		}
	}
	t.Logf("%d ops in 3000 programs", total)
}

func Example() {
	module, err := ir.Parse("counter.ir", `
map counts array key 4 value 8 entries 256
func filter(ctx ptr) kind socket short b2 {
	slot s0 4 align 4 "key"
b0:
	v0 = const 0
	v1 = pktgen
	v2 = pktcheck v1, v0, packet+23 1
	v3 = pktload v2, v0, packet+23 u8
	v4 = slot s0
	store v4, v3, stack+0 u32
	v5 = map counts
	v6 = call.ptr map_lookup_elem(v5, v4)
	v7 = const.ptr 0
	v8 = eq v6, v7
	if v8, b2, b1
b1: <- b0
	v9 = nonnull v6
	v10 = const 1
	atomicadd v9, v10, map+0 u64
	jump b2
b2: <- b0, b1
	v11 = const 0
	ret v11
}
`)
	if err != nil {
		panic(err)
	}
	frame := make([]byte, 60)
	frame[23] = 17 // UDP
	m := interp.New(module, interp.Env{Packet: frame})
	for range 3 {
		if _, err := m.Run(module.Funcs[0]); err != nil {
			panic(err)
		}
	}
	e := m.Entries("counts")[17]
	fmt.Printf("%x = %x\n", e.Key, e.Values[0])
	// Output: 11000000 = 0300000000000000
}
