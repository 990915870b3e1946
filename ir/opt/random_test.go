package opt

import (
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/interp"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// effects is all that others see of a few runs.
type effects struct {
	Ret    uint64
	Err    string
	Out    []interp.Entry
	Tab    []interp.Entry
	Packet string
}

var randomPackets = [][]byte{
	nil,
	{5, 6, 7},
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23},
	{255, 7, 129, 3, 128, 1, 0, 0, 177, 9, 5, 5, 5, 200, 3, 11, 12, 0, 1, 0, 255},
	make([]byte, 300),
}

func runEffects(m *ir.Module) []effects {
	var res []effects
	// The maps last over all packets.
	x := interp.New(m, interp.Env{MaxSteps: 1 << 16, Ctx: map[string]uint64{"ingress_ifindex": 3}})
	for _, p := range randomPackets {
		x.Env.Packet = p
		r, err := x.Run(m.Funcs[0])
		e := effects{Ret: r.Ret, Out: x.Entries("out"), Tab: x.Entries("tab"), Packet: string(r.Packet)}
		if err != nil {
			e.Err = err.Error()
		}
		res = append(res, e)
	}
	return res
}

// programs per generator and setting; LUABPFC_SEEDS=n for longer runs.
func seeds(n int) int64 {
	if s, err := strconv.Atoi(os.Getenv("LUABPFC_SEEDS")); err == nil {
		n = s
	}
	return int64(n)
}

// made returns program number seed.
func made(seed int64) *ir.Module {
	kind := []string{"socket", "xdp"}[seed%2]
	if seed%8 == 7 {
		return genProgram(seed, kind)
	}
	return genExprs(seed, kind)
}

// TestPassesKeepMeaning runs random programs before and after each pass of the
// high phase alone, and after the whole schedule.
func TestPassesKeepMeaning(t *testing.T) {
	for seed := int64(0); seed < seeds(60); seed++ {
		m := made(seed)
		if err := m.Verify(); err != nil {
			t.Fatalf("seed %d: generator: %v\n%s", seed, err, m)
		}
		want := runEffects(m)
		for _, e := range want {
			if e.Err != "" {
				t.Fatalf("seed %d: the program itself: %s\n%s", seed, e.Err, m)
			}
		}
		for _, p := range Passes {
			if p.Func != nil {
				compare(t, seed, "pass "+p.Name, want, func(m *ir.Module) error {
					_, err := RunPass(m, p, Options{Level: 1, Check: true, Kernel: kernel.Default})
					return err
				})
			}
		}
		for _, o := range []Options{{Level: 0}, {Level: 1}, {Level: 1, CPU: 4}} {
			o.Check, o.Kernel = true, kernel.Version{Major: 6, Minor: 12}
			compare(t, seed, fmt.Sprintf("level %d, cpu %d", o.Level, o.CPU), want, func(m *ir.Module) error {
				_, err := Run(m, o)
				return err
			})
		}
	}
}

// compare makes program seed anew, transforms it and runs it.
func compare(t *testing.T, seed int64, how string, want []effects, transform func(*ir.Module) error) {
	t.Helper()
	m := made(seed)
	defer func() {
		if r := recover(); r != nil {
			t.Fatalf("seed %d: %s: panic: %v\n%s", seed, how, r, m)
		}
	}()
	if err := transform(m); err != nil {
		t.Fatalf("seed %d: %s: %v\n%s", seed, how, err, m)
	}
	if d := cmp.Diff(want, runEffects(m)); d != "" {
		t.Fatalf("seed %d: %s: -before +after\n%s%s\nbefore:\n%s", seed, how, d, m, made(seed))
	}
}

// TestRangesHold runs random programs and checks each number against what
// ir.ComputeRanges says, by trying transfer functions on numbers in their
// arguments' ranges.
func TestRangesHold(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	ops := []ir.Op{ir.OpAdd, ir.OpSub, ir.OpMul, ir.OpUDiv, ir.OpUMod, ir.OpSDiv, ir.OpSMod, ir.OpAnd, ir.OpOr, ir.OpXor,
		ir.OpShl, ir.OpLShr, ir.OpAShr, ir.OpEq, ir.OpULt, ir.OpULe, ir.OpSLt, ir.OpSLe, ir.OpZext, ir.OpSext, ir.OpToBE, ir.OpNeg}
	for n := 0; n < 20000; n++ {
		m := &ir.Module{BigEndian: n%5 == 0}
		b := ir.NewBuilder(m.NewFunc("f", ir.Param{Name: "x", Type: ir.I64}, ir.Param{Name: "y", Type: ir.I64}))
		x, y := narrowed(r, b, b.Arg(0)), narrowed(r, b, b.Arg(1))
		op := ops[r.Intn(len(ops))]
		args, bits := []*ir.Value{x, y}, int64(0)
		switch op {
		case ir.OpZext, ir.OpSext:
			args, bits = args[:1], []int64{8, 16, 32}[r.Intn(3)]
		case ir.OpToBE:
			args, bits = args[:1], []int64{16, 32, 64}[r.Intn(3)]
		case ir.OpNeg:
			args = args[:1]
		}
		v := b.OpBits(op, bits, args...)
		res := v
		if v.Type == ir.Bool {
			res = b.Op(ir.OpBoolToInt, v)
		}
		b.Ret(res)
		f := m.Funcs[0]
		known := ir.ComputeRanges(f, nil).Of(res)
		if w := ir.EvidentRanges(f).Of(res); w.Meet(known) != known && !w.Meet(known).Empty() && w.Lo > known.Lo {
			t.Fatalf("evident is stronger: %v, %v\n%s", w, known, m)
		}
		for i := 0; i < 4; i++ {
			got, err := interp.New(m, interp.Env{}).Run(f, corner(r), corner(r))
			if err != nil {
				t.Fatal(err)
			}
			if !known.Has(got.Ret) {
				t.Fatalf("%#x is not in %+v\n%s", got.Ret, known, m)
			}
		}
	}
}

// narrowed returns v cut to a part of the numbers.
func narrowed(r *rand.Rand, b *ir.Builder, v *ir.Value) *ir.Value {
	for i := r.Intn(3); i > 0; i-- {
		switch r.Intn(5) {
		case 0:
			v = b.Op(ir.OpAnd, v, b.Const(int64(corner(r))))
		case 1:
			v = b.Op(ir.OpOr, v, b.Const(int64(corner(r)>>32)))
		case 2:
			v = b.Op(ir.OpLShr, v, b.Const(int64(r.Intn(64))))
		case 3:
			v = b.Op(ir.OpShl, v, b.Const(int64(r.Intn(64))))
		case 4:
			v = b.Op(ir.OpUMod, v, b.Const(int64(corner(r)>>r.Intn(64))))
		}
	}
	if r.Intn(6) == 0 {
		return b.Const(int64(corner(r)))
	}
	return v
}

func corner(r *rand.Rand) uint64 {
	k := []uint64{0, 1, 2, 3, 63, 64, 255, 256, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1<<63 - 1, 1 << 63, ^uint64(0)}
	switch r.Intn(3) {
	case 0:
		return r.Uint64()
	case 1:
		return r.Uint64() >> r.Intn(64)
	}
	return k[r.Intn(len(k))]
}
