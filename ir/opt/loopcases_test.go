package opt

import (
	"bytes"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/interp"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// counters is a loop of n trips around three ifs on carried numbers that start
// at 0, the program of which kernels before 6.8 get a wrong result and later
// ones never see the end if they know the numbers.
func counters(n int64) *ir.Module {
	m, f := socketProgram()
	b := ir.NewBuilder(f)
	zero, one := b.Const(0), b.Const(1)
	header, body, exit := f.NewBlock(ir.BlockJump), f.NewBlock(ir.BlockJump), f.NewBlock(ir.BlockJump)
	header.Loop = &ir.Loop{What: "for", Limit: n}
	b.Jump(header)
	b.Block = header
	var phis [4]*ir.Value
	for k := range phis {
		phis[k] = b.Phi(ir.I64)
		phis[k].AddArg(zero)
	}
	i, a, c, d := phis[0], phis[1], phis[2], phis[3]
	b.If(b.Op(ir.OpULt, i, b.Const(n)), body, exit)
	b.Block = body
	// if a > 10 then a = 0, c = c + 1 else a = a + 1; the same from c to d.
	bump := func(x, y *ir.Value, most int64) (nx, ny *ir.Value) {
		yes, no, join := f.NewBlock(ir.BlockJump), f.NewBlock(ir.BlockJump), f.NewBlock(ir.BlockJump)
		b.If(b.Op(ir.OpULt, b.Const(most), x), yes, no)
		b.Block = yes
		y1 := b.Op(ir.OpAdd, y, one)
		b.Jump(join)
		b.Block = no
		x1 := b.Op(ir.OpAdd, x, one)
		b.Jump(join)
		b.Block = join
		nx, ny = b.Phi(ir.I64), b.Phi(ir.I64)
		nx.AddArg(zero)
		nx.AddArg(x1)
		ny.AddArg(y1)
		ny.AddArg(y)
		return nx, ny
	}
	na, nc := bump(a, c, 10)
	nc, nd := bump(nc, d, 100)
	nd, na = bump(nd, na, 1000)
	for k, v := range []*ir.Value{b.Op(ir.OpAdd, i, one), na, nc, nd} {
		phis[k].AddArg(v)
	}
	b.Jump(header)
	b.Block = exit
	b.Ret(b.Op(ir.OpAdd, b.Op(ir.OpMul, d, b.Const(1000)), b.Op(ir.OpAdd, a, c)))
	return m
}

func socketProgram() (*ir.Module, *ir.Func) {
	m := &ir.Module{License: "GPL"}
	f := m.NewFunc("f", ir.Param{Name: "ctx", Type: ir.Ptr})
	f.Kind, _ = kernel.ProgKindByName("socket")
	f.Section = f.Kind.Section
	return m, f
}

// wantCounters is what counters computes.
func wantCounters(n int64) uint32 {
	var a, c, d uint64
	bump := func(x, y *uint64, most uint64) {
		if *x > most {
			*x = 0
			*y++
		} else {
			*x++
		}
	}
	for range n {
		bump(&a, &c, 10)
		bump(&c, &d, 100)
		bump(&d, &a, 1000)
	}
	return uint32(d*1000 + a + c)
}

// inKernel runs all passes and the program.
func inKernel(t *testing.T, m *ir.Module, v kernel.Version, level int, packet []byte) (uint32, error) {
	t.Helper()
	if _, err := Run(m, Options{Level: level, Kernel: v, Check: true}); err != nil {
		t.Fatal(err)
	}
	coll, err := loadModule(t, m, v)
	if err != nil {
		return 0, err
	}
	ret, err := coll.Programs["f"].Run(&ebpf.RunOptions{Data: packet})
	if err != nil {
		t.Fatal(err)
	}
	return ret, nil
}

var someFrame = append(bytes.Repeat([]byte{0xee}, 14), loopPackets()[2]...)

func TestCountersInKernel(t *testing.T) {
	needKernel(t)
	const n = 1 << 20
	want := wantCounters(n)
	for _, v := range []kernel.Version{{Major: 5, Minor: 15}, {Major: 6, Minor: 1}, {Major: 6, Minor: 18}} {
		for level := 0; level < 2; level++ {
			got, err := inKernel(t, counters(n), v, level, someFrame)
			if err != nil {
				t.Errorf("target %s, level %d: %s", v, level, refusal(err))
			} else if got != want {
				t.Errorf("target %s, level %d: %d, want %d", v, level, got, want)
			}
		}
	}
}

// TestOpaqueIsNeeded: the same without OpOpaque must not load.
func TestOpaqueIsNeeded(t *testing.T) {
	needKernel(t)
	m := counters(1 << 20)
	v := kernel.Default
	if _, err := Run(m, Options{Level: 0, Kernel: v}); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range m.Funcs {
		for _, b := range f.Blocks {
			for _, x := range b.Values {
				if x.Op == ir.OpOpaque {
					x.CopyOf(x.Args[0])
					n++
				}
			}
		}
	}
	if n == 0 {
		t.Fatal("no opaque values")
	}
	if coll, err := loadModule(t, m, v); err == nil {
		ret, _ := coll.Programs["f"].Run(&ebpf.RunOptions{Data: someFrame})
		if want := wantCounters(1 << 20); ret == want {
			t.Errorf("the kernel runs it all the same, with the right result %d", ret)
		}
	}
}

// TestNativeInKernel: twelve thousand trips of a plain body stay native, and so
// do trips counted to a number known to be small.
func TestNativeInKernel(t *testing.T) {
	needKernel(t)
	build := func(bound func(b *ir.Builder) *ir.Value, limit int64) *ir.Module {
		m, f := socketProgram()
		b := ir.NewBuilder(f)
		n := bound(b)
		zero := b.Const(0)
		header, body, exit := f.NewBlock(ir.BlockJump), f.NewBlock(ir.BlockJump), f.NewBlock(ir.BlockJump)
		header.Loop = &ir.Loop{What: "for", Limit: limit}
		b.Jump(header)
		b.Block = header
		i, s := b.Phi(ir.I64), b.Phi(ir.I64)
		i.AddArg(zero)
		s.AddArg(zero)
		b.If(b.Op(ir.OpULt, i, n), body, exit)
		b.Block = body
		s.AddArg(b.Op(ir.OpAdd, s, i))
		i.AddArg(b.Op(ir.OpAdd, i, b.Const(1)))
		b.Jump(header)
		b.Block = exit
		b.Ret(b.OpBits(ir.OpZext, 32, s))
		return m
	}
	for _, c := range []struct {
		name  string
		bound func(b *ir.Builder) *ir.Value
		limit int64
		want  uint32
		clamp bool
	}{
		{"constant", func(b *ir.Builder) *ir.Value { return b.Const(12_000) }, 0, 12_000 * 11_999 / 2, false},
		{"mask", func(b *ir.Builder) *ir.Value {
			return b.Op(ir.OpAnd, b.Load(ir.I64, b.Arg(0), ir.Mem{Region: ir.RegionCtx, Size: 4}), b.Const(1023))
		}, 0, 24 * 23 / 2, false},
		{"promise", func(b *ir.Builder) *ir.Value {
			return b.Load(ir.I64, b.Arg(0), ir.Mem{Region: ir.RegionCtx, Size: 4})
		}, 1500, 24 * 23 / 2, true},
	} {
		for level := 0; level < 2; level++ {
			m := build(c.bound, c.limit)
			stats, err := Run(m, Options{Level: level, Kernel: kernel.Default, Check: true})
			if err != nil {
				t.Fatal(err)
			}
			if n := stats.Count("loopform", "native"); n != 1 || (stats.Count("loopform", "clamp") == 1) != c.clamp {
				t.Errorf("%s, level %d: %d native loops\n%s", c.name, level, n, stats)
			}
			coll, err := loadModule(t, m, kernel.Default)
			if err != nil {
				t.Errorf("%s, level %d: %s", c.name, level, refusal(err))
				continue
			}
			got, err := coll.Programs["f"].Run(&ebpf.RunOptions{Data: someFrame})
			if err != nil || got != c.want {
				t.Errorf("%s, level %d: %d, %v, want %d", c.name, level, got, err, c.want)
			}
		}
	}
}

func TestInterpreterAgrees(t *testing.T) {
	m := counters(5000)
	if _, err := Run(m, Options{Kernel: kernel.Default, Check: true}); err != nil {
		t.Fatal(err)
	}
	x := interp.New(m, interp.Env{Packet: []byte{1}})
	res, err := x.Run(m.Funcs[0])
	if err != nil || uint32(res.Ret) != wantCounters(5000) {
		t.Errorf("%d, %v, want %d", res.Ret, err, wantCounters(5000))
	}
}

// nestOf returns depth loops in each other that nothing bounds.
func nestOf(depth int) *ir.Module {
	m, f := socketProgram()
	b := ir.NewBuilder(f)
	n := b.Load(ir.I64, b.Arg(0), ir.Mem{Region: ir.RegionCtx, Size: 4})
	zero, one := b.Const(0), b.Const(1)
	var nest func(depth int, sum *ir.Value) *ir.Value
	nest = func(depth int, sum *ir.Value) *ir.Value {
		if depth == 0 {
			return b.Op(ir.OpAdd, sum, one)
		}
		header, body, exit := f.NewBlock(ir.BlockJump), f.NewBlock(ir.BlockJump), f.NewBlock(ir.BlockJump)
		header.Loop = &ir.Loop{What: "for", Pos: ir.Pos{Line: int32(depth), Col: 1}}
		b.Jump(header)
		b.Block = header
		i, s := b.Phi(ir.I64), b.Phi(ir.I64)
		i.AddArg(zero)
		s.AddArg(sum)
		b.If(b.Op(ir.OpULt, i, n), body, exit)
		b.Block = body
		s.AddArg(nest(depth-1, s))
		i.AddArg(b.Op(ir.OpAdd, i, one))
		b.Jump(header)
		b.Block = exit
		return s
	}
	b.Ret(nest(depth, zero))
	return m
}

// carriedPointer keeps a map entry from one trip to the next.
func carriedPointer() *ir.Module {
	m, f := socketProgram()
	array, _ := kernel.MapTypeByName("array")
	m.Maps = []*ir.Map{{Name: "m", Type: array, MaxEntries: 1, KeySize: 4, ValueSize: 8}}
	b := ir.NewBuilder(f)
	n := b.Load(ir.I64, b.Arg(0), ir.Mem{Region: ir.RegionCtx, Size: 4})
	key := b.SlotAddr(f.NewSlot(4, "", ir.Pos{}))
	zero, null := b.Const(0), b.Null()
	b.Store(key, zero, ir.Mem{Region: ir.RegionStack, Size: 4})
	header, body, some, next, exit := f.NewBlock(ir.BlockJump), f.NewBlock(ir.BlockJump), f.NewBlock(ir.BlockJump), f.NewBlock(ir.BlockJump), f.NewBlock(ir.BlockJump)
	b.Jump(header)
	b.Block = header
	i, p := b.Phi(ir.I64), b.Phi(ir.Ptr)
	i.AddArg(zero)
	p.AddArg(null)
	b.If(b.Op(ir.OpULt, i, n), body, exit)
	b.Block = body
	b.If(b.Op(ir.OpNe, p, null), some, next)
	b.Block = some
	b.AtomicAdd(b.NonNull(p), i, ir.Mem{Region: ir.RegionMap, Size: 8})
	b.Jump(next)
	b.Block = next
	p.AddArg(b.Call(kernel.HelperByName("map_lookup_elem"), ir.Ptr, b.MapRef(m.Maps[0]), key))
	i.AddArg(b.Op(ir.OpAdd, i, b.Const(1)))
	b.Jump(header)
	b.Block = exit
	b.Ret(zero)
	return m
}

func TestLoopErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		m      *ir.Module
		kernel kernel.Version
		want   string // "" for none
	}{
		{"unbounded on an old kernel", nestOf(1), kernel.Version{Major: 5, Minor: 10},
			"case.lua:1:1: a 'for' loop whose trip count is not known needs kernel 5.13, the target is 5.10; bound it with bpf.limit(n, most) [UnboundedLoop]"},
		{"the same on the next", nestOf(1), kernel.Version{Major: 5, Minor: 13}, ""},
		{"too many trips on an old kernel", counters(1 << 20), kernel.Version{Major: 5, Minor: 12},
			"a 'for' loop of up to 1048576 trips needs kernel 5.13, the target is 5.12; bound it lower with bpf.limit(n, most) [UnboundedLoop]"},
		{"more than two arrays", counters(1 << 25), kernel.Version{Major: 5, Minor: 15},
			"a 'for' loop of so many trips needs kernel 5.17, the target is 5.15 [UnboundedLoop]"},
		{"three deep", nestOf(3), kernel.Default, ""},
		{"four deep", nestOf(4), kernel.Default,
			"case.lua:1:1: loops and functions are nested too deeply: this is call 9 of at most 8 [LoopTooDeep]"},
		{"a reference on a kernel that runs a callback once", carriedPointer(), kernel.Default,
			"a reference kept from one trip of a loop to the next needs kernel 6.8 where the loop has many trips, the target is 6.1; look it up again, or keep a copy [UnboundedLoop]"},
		{"a reference on a newer kernel", carriedPointer(), kernel.Version{Major: 6, Minor: 8}, ""},
	} {
		c.m.Files = []*diag.File{diag.NewFile("case.lua", "a\nb\nc\nd\n")}
		_, err := Run(c.m, Options{Kernel: c.kernel, Check: true})
		got := ""
		if l, ok := diag.AsList(err); ok {
			got = l[0].String()
		} else if err != nil {
			t.Fatal(err)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestCarriedPointerInKernel: where it is allowed, it loads.
func TestCarriedPointerInKernel(t *testing.T) {
	needKernel(t)
	for level := 0; level < 2; level++ {
		if _, err := inKernel(t, carriedPointer(), kernel.Version{Major: 6, Minor: 8}, level, someFrame); err != nil {
			t.Errorf("level %d: %s", level, refusal(err))
		}
	}
}
