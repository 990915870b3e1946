package codegen

import (
	"errors"
	"math/rand"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/interp"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// generator makes random socket filters of numbers and Bools: straight lines,
// branches, loops of a few trips, stack slots, helper calls. Inputs are words of
// the packet; the result is a hash of what was computed.
type generator struct {
	rnd   *rand.Rand
	f     *ir.Func
	b     *ir.Builder
	ctx   *ir.Value
	nums  []*ir.Value // available here
	bools []*ir.Value
	slots []*ir.Slot
	left  int // blocks it may still make
	cpu   int

	value     *ir.Value // address of a map's value of 64 bytes; nil without pointers
	data, end *ir.Value // the packet, of an XDP program
}

var telling = []int64{0, 1, 2, 3, 5, 7, 8, 31, 32, 33, 63, 64, 0xff, 0x100, 0xffff, 0x7fffffff, 0x80000000,
	0xffffffff, 0x100000000, -1, -2, -0x80000000, -0x80000001, 0x7fffffffffffffff, -0x8000000000000000, 0x12345678, 0x123456789abcdef}

func generate(seed int64, cpu int) *ir.Module { return generateSized(seed, cpu, 24, 3) }

func generateSized(seed int64, cpu, blocks, depth int) *ir.Module {
	m := &ir.Module{License: "GPL"}
	kind, _ := kernel.ProgKindByName("socket")
	f := m.NewFunc("filter", ir.Param{Name: "ctx", Type: ir.Ptr})
	f.Kind, f.Section, f.Phase = kind, "socket", ir.PhaseLow
	g := &generator{rnd: rand.New(rand.NewSource(seed)), f: f, b: ir.NewBuilder(f), left: blocks, cpu: cpu}
	g.ctx = g.b.Arg(0)
	for i := range 3 {
		s := f.NewSlot(8*(1+g.rnd.Intn(2)), "s", ir.Pos{})
		g.slots = append(g.slots, s)
		for off := 0; off < s.Size; off += 8 {
			g.b.Store(g.b.SlotAddr(s), g.b.Const(g.constant()), ir.Mem{Region: ir.RegionStack, Off: int32(off), Size: 8})
		}
		v := g.b.Block.NewValue(ir.OpLdAbs, ir.I64, ir.Pos{}, g.ctx)
		v.Aux = &ir.Mem{Region: ir.RegionPacket, Off: int32(4 * i), Size: 4}
		g.nums = append(g.nums, v)
		if i == 1 {
			g.nums = append(g.nums, g.op(ir.OpOr, g.op(ir.OpShl, g.nums[0], g.b.Const(32)), v))
		}
	}
	g.bools = append(g.bools, g.op(ir.OpULt, g.nums[0], g.nums[1]))
	for range max(1, blocks/100) {
		g.region(depth)
	}
	g.finish()
	return m
}

// generatePointers makes a random program that also reads and writes a map's
// value and, as XDP program, the packet, at constant and at computed offsets.
func generatePointers(seed int64, cpu int) *ir.Module {
	rnd := rand.New(rand.NewSource(seed))
	m := &ir.Module{License: "GPL", Files: []*diag.File{diag.NewFile("random.lua", "return 0\n")}}
	array, _ := kernel.MapTypeByName("array")
	values := &ir.Map{Name: "values", Type: array, MaxEntries: 1, KeySize: 4, ValueSize: 64}
	m.Maps = []*ir.Map{values}
	name := []string{"socket", "xdp"}[rnd.Intn(2)]
	kind, _ := kernel.ProgKindByName(name)
	f := m.NewFunc("filter", ir.Param{Name: "ctx", Type: ir.Ptr})
	f.Kind, f.Section, f.Phase = kind, name, ir.PhaseLow
	g := &generator{rnd: rnd, f: f, b: ir.NewBuilder(f), left: 30, cpu: cpu}
	g.ctx = g.b.Arg(0)
	quit := f.NewBlock(ir.BlockRet)
	if name == "xdp" {
		g.data = g.b.Load(ir.Ptr, g.ctx, ir.Mem{Region: ir.RegionCtx, Off: 0, Size: 4})
		g.end = g.b.Load(ir.Ptr, g.ctx, ir.Mem{Region: ir.RegionCtx, Off: 4, Size: 4})
		g.guard(g.op(ir.OpULt, g.end, g.b.PtrAdd(g.data, g.b.Const(20))), quit)
	}
	for i := range 3 {
		if g.data != nil {
			g.nums = append(g.nums, g.b.Load(ir.I64, g.data, ir.Mem{Region: ir.RegionPacket, Off: int32(14 + 2*i), Size: 2}))
			continue
		}
		v := g.b.Block.NewValue(ir.OpLdAbs, ir.I64, ir.Pos{}, g.ctx)
		v.Aux = &ir.Mem{Region: ir.RegionPacket, Off: int32(2 * i), Size: 2}
		g.nums = append(g.nums, v)
	}
	key, s := f.NewSlot(4, "key", ir.Pos{}), f.NewSlot(16, "s", ir.Pos{})
	g.slots = []*ir.Slot{s}
	for off := int32(0); off < 16; off += 8 {
		g.b.Store(g.b.SlotAddr(s), g.num(), ir.Mem{Region: ir.RegionStack, Off: off, Size: 8})
	}
	g.b.Store(g.b.SlotAddr(key), g.b.Const(0), ir.Mem{Region: ir.RegionStack, Size: 4})
	p := g.b.Call(kernel.HelperByName("map_lookup_elem"), ir.Ptr, g.b.MapRef(values), g.b.SlotAddr(key))
	g.guard(g.op(ir.OpEq, p, g.b.Null()), quit)
	g.value = g.b.NonNull(p)
	g.bools = append(g.bools, g.op(ir.OpULt, g.nums[0], g.nums[1]))
	g.region(3)
	g.finish()
	g.b.Block = quit
	g.b.Ret(g.b.Const(0))
	return m
}

// guard goes to quit if cond holds.
func (g *generator) guard(cond *ir.Value, quit *ir.Block) {
	next := g.f.NewBlock(ir.BlockJump)
	g.b.If(cond, quit, next)
	g.b.Block = next
}

// pointer reads or writes the map's value or the packet.
func (g *generator) pointer(depth int) {
	if g.value == nil {
		return
	}
	size := int32(1) << g.rnd.Intn(4)
	p, off, x := g.value, int32(g.rnd.Intn(int(64-size))), g.num()
	switch g.rnd.Intn(4) {
	case 0:
		p, off = g.b.PtrAdd(p, g.op(ir.OpAnd, x, g.b.Const(48))), 3
	case 1:
		if depth == 0 || g.left < 4 || x.Op == ir.OpConst {
			return
		}
		// Compared with its bound, then, some way on, used.
		g.diamond(depth, g.op(ir.OpULt, x, g.b.Const(int64(g.rnd.Intn(57)))), func() {
			for range g.rnd.Intn(6) {
				g.line()
			}
			g.access(g.b.PtrAdd(g.value, x), ir.Mem{Region: ir.RegionMap, Size: size})
		})
		return
	case 2:
		if g.data == nil || depth == 0 || g.left < 4 {
			return
		}
		q := g.b.PtrAdd(g.data, g.op(ir.OpAnd, x, g.b.Const(31)))
		last := g.b.PtrAdd(q, g.b.Const(12))
		g.diamond(depth, g.op(ir.OpULe, last, g.end), func() {
			for range g.rnd.Intn(6) {
				g.line()
			}
			g.access(q, ir.Mem{Region: ir.RegionPacket, Off: 4, Size: size})
		})
		return
	}
	g.access(p, ir.Mem{Region: ir.RegionMap, Off: off, Size: size})
}

func (g *generator) access(p *ir.Value, mem ir.Mem) {
	if g.rnd.Intn(3) == 0 {
		g.b.Store(p, g.num(), mem)
		return
	}
	mem.Signed = mem.Size < 8 && g.rnd.Intn(2) == 0
	g.nums = append(g.nums, g.b.Load(ir.I64, p, mem))
}

func (g *generator) constant() int64 {
	c := telling[g.rnd.Intn(len(telling))]
	if g.rnd.Intn(3) == 0 {
		c += int64(g.rnd.Intn(5)) - 2
	}
	return c
}

// op appends an op without folding, so that selection sees constants anywhere.
func (g *generator) op(op ir.Op, args ...*ir.Value) *ir.Value {
	t := op.Info().Result
	if t == ir.Same {
		t = args[0].Type
	}
	return g.b.Block.NewValue(op, t, ir.Pos{}, args...)
}

func (g *generator) num() *ir.Value {
	if g.rnd.Intn(4) == 0 {
		return g.b.Const(g.constant())
	}
	return g.nums[len(g.nums)-1-g.rnd.Intn(min(len(g.nums), 12))]
}

func (g *generator) bool() *ir.Value {
	if g.rnd.Intn(20) == 0 {
		return g.b.Bool(g.rnd.Intn(2) == 0)
	}
	return g.bools[len(g.bools)-1-g.rnd.Intn(min(len(g.bools), 5))]
}

var numOps = []ir.Op{ir.OpAdd, ir.OpSub, ir.OpMul, ir.OpUDiv, ir.OpUMod, ir.OpAnd, ir.OpOr, ir.OpXor, ir.OpShl, ir.OpLShr, ir.OpAShr}
var cmpOps = []ir.Op{ir.OpEq, ir.OpNe, ir.OpULt, ir.OpULe, ir.OpSLt, ir.OpSLe}

// line appends one random value or effect.
func (g *generator) line() {
	bits := func(op ir.Op, choices ...int64) {
		v := g.op(op, g.num())
		v.AuxInt = choices[g.rnd.Intn(len(choices))]
		g.nums = append(g.nums, v)
	}
	switch g.rnd.Intn(16) {
	case 0, 1, 2, 3, 4:
		g.nums = append(g.nums, g.op(numOps[g.rnd.Intn(len(numOps))], g.num(), g.num()))
	case 5:
		bits(ir.OpZext, 8, 16, 32, 32)
	case 6:
		bits(ir.OpSext, 8, 16, 32)
	case 7:
		bits(ir.OpToBE, 16, 32, 64)
	case 8:
		g.nums = append(g.nums, g.op([]ir.Op{ir.OpNeg, ir.OpCopy}[g.rnd.Intn(2)], g.num()))
	case 9, 10:
		g.bools = append(g.bools, g.op(cmpOps[g.rnd.Intn(6)], g.num(), g.num()))
	case 11:
		op := []ir.Op{ir.OpAnd, ir.OpOr, ir.OpXor, ir.OpNot, ir.OpEq, ir.OpNe}[g.rnd.Intn(6)]
		args := []*ir.Value{g.bool(), g.bool()}
		g.bools = append(g.bools, g.op(op, args[:len(op.Info().Args)]...))
	case 12:
		g.nums = append(g.nums, g.op(ir.OpBoolToInt, g.bool()))
	case 13:
		g.memory()
	case 14:
		g.nums = append(g.nums, g.op(ir.OpOpaque, g.num(), g.num()))
	default:
		if g.cpu >= 4 {
			g.nums = append(g.nums, g.op([]ir.Op{ir.OpSDiv, ir.OpSMod}[g.rnd.Intn(2)], g.num(), g.b.Const(3+int64(g.rnd.Intn(9)))))
			return
		}
		// A call, for what it does to registers.
		v := g.b.Call(kernel.HelperByName("get_smp_processor_id"), ir.I64)
		g.nums = append(g.nums, g.op(ir.OpAnd, v, g.b.Const(0)))
	}
}

// memory stores to or loads from a slot.
func (g *generator) memory() {
	s := g.slots[g.rnd.Intn(len(g.slots))]
	size := int32(1) << g.rnd.Intn(4)
	off := int32(g.rnd.Intn(s.Size/int(size))) * size
	mem := ir.Mem{Region: ir.RegionStack, Size: size}
	addr := g.b.SlotAddr(s)
	if g.rnd.Intn(2) == 0 {
		mem.Off = off
	} else {
		addr = g.b.PtrAdd(addr, g.b.Const(int64(off)))
	}
	switch g.rnd.Intn(5) {
	case 0, 1:
		g.b.Store(addr, g.num(), mem)
	case 2:
		if size >= 4 {
			g.b.AtomicAdd(addr, g.num(), mem)
		}
	default:
		mem.Signed = size < 8 && g.rnd.Intn(2) == 0
		g.nums = append(g.nums, g.b.Load(ir.I64, addr, mem))
	}
}

// region appends lines, branches and loops.
func (g *generator) region(depth int) {
	for range 1 + g.rnd.Intn(4) {
		for range g.rnd.Intn(8) {
			g.line()
			if g.rnd.Intn(3) == 0 {
				g.pointer(depth)
			}
		}
		if depth == 0 || g.left < 4 {
			continue
		}
		switch g.rnd.Intn(4) {
		case 0, 1:
			g.diamond(depth, g.bool(), nil)
		case 2:
			g.loop(depth)
		}
	}
}

// diamond appends an if with phis behind it; start, if not nil, begins its first
// side.
func (g *generator) diamond(depth int, cond *ir.Value, start func()) {
	g.left -= 3
	yes, no, join := g.f.NewBlock(ir.BlockJump), g.f.NewBlock(ir.BlockJump), g.f.NewBlock(ir.BlockJump)
	g.b.If(cond, yes, no)
	nums, bools := len(g.nums), len(g.bools)
	nphi := 1 + g.rnd.Intn(3)
	var args [2][]*ir.Value
	var flags [2]*ir.Value
	for side, b := range []*ir.Block{yes, no} {
		g.nums, g.bools = g.nums[:nums], g.bools[:bools]
		g.b.Block = b
		if side == 0 && start != nil {
			start()
		}
		if side == 0 || g.rnd.Intn(2) == 0 {
			g.region(depth - 1)
		}
		for range nphi {
			args[side] = append(args[side], g.num())
		}
		flags[side] = g.bool()
		g.b.Jump(join)
	}
	g.nums, g.bools = g.nums[:nums], g.bools[:bools]
	g.b.Block = join
	for i := range nphi {
		phi := g.b.Phi(ir.I64)
		phi.AddArg(args[0][i])
		phi.AddArg(args[1][i])
		g.nums = append(g.nums, phi)
	}
	phi := g.b.Phi(ir.Bool)
	phi.AddArg(flags[0])
	phi.AddArg(flags[1])
	g.bools = append(g.bools, phi)
}

// loop appends a loop of one to four trips, tested at its top or bottom, with
// values carried round.
func (g *generator) loop(depth int) {
	g.left -= 3
	head, body, done := g.f.NewBlock(ir.BlockJump), g.f.NewBlock(ir.BlockJump), g.f.NewBlock(ir.BlockJump)
	var inits []*ir.Value
	for range 2 {
		inits = append(inits, g.num())
	}
	zero := g.b.Const(0)
	g.b.Jump(head)
	g.b.Block = head
	i := g.b.Phi(ir.I64)
	i.AddArg(zero)
	var phis []*ir.Value
	for _, x := range inits {
		phi := g.b.Phi(ir.I64)
		phi.AddArg(x)
		phis = append(phis, phi)
		g.nums = append(g.nums, phi)
	}
	trips := g.b.Const(1 + int64(g.rnd.Intn(4)))
	g.b.If(g.op(ir.OpULt, i, trips), body, done)
	nums, bools := len(g.nums), len(g.bools)
	g.b.Block = body
	g.region(min(depth-1, 1))
	next := g.op(ir.OpAdd, i, g.b.Const(1))
	i.AddArg(next)
	// Sometimes the phis change places.
	order := g.rnd.Intn(3)
	for k, phi := range phis {
		if order == 0 {
			phi.AddArg(phis[1-k])
		} else {
			phi.AddArg(g.num())
		}
	}
	g.b.Jump(head)
	g.nums, g.bools = g.nums[:nums], g.bools[:bools]
	g.b.Block = done
}

// finish returns a hash of the values at hand.
func (g *generator) finish() {
	h := g.b.Const(17)
	for k, v := range g.nums[max(0, len(g.nums)-60):] {
		if k%2 == 0 || k >= len(g.nums)-6 {
			h = g.op(ir.OpXor, g.op(ir.OpMul, h, g.b.Const(31)), v)
		}
	}
	for _, v := range g.bools[max(0, len(g.bools)-8):] {
		h = g.op(ir.OpAdd, h, g.op(ir.OpBoolToInt, v))
	}
	h = g.op(ir.OpXor, h, g.op(ir.OpLShr, h, g.b.Const(32)))
	z := g.op(ir.OpZext, h)
	z.AuxInt = 32
	g.b.Ret(z)
}

// programs is how many random programs a test makes: LUABPFC_RANDOM, or few.
func programs(few int64) int64 {
	if n, err := strconv.ParseInt(os.Getenv("LUABPFC_RANDOM"), 10, 64); err == nil {
		return n
	}
	return few
}

// TestRandomCompiles compiles random programs with all checks.
func TestRandomCompiles(t *testing.T) {
	for seed := int64(0); seed < programs(150); seed++ {
		for cpu := 1; cpu <= 4; cpu++ {
			m := generate(seed, cpu)
			if err := m.Verify(); err != nil {
				t.Fatalf("seed %d: %v\n%s", seed, err, m)
			}
			compileChecked(t, m, cpu, seed)
		}
	}
}

func compileChecked(t *testing.T, m *ir.Module, cpu int, seed int64) *Output {
	t.Helper()
	defer func() {
		if bug, ok := recover().(*ir.Bug); ok {
			t.Fatalf("seed %d, v%d: %v\n%s", seed, cpu, bug, m)
		}
	}()
	out, err := Compile(m, Options{CPU: cpu, Lines: true, Check: true})
	if err != nil {
		t.Fatalf("seed %d, v%d: %v", seed, cpu, err)
	}
	return out
}

// TestRandomInKernel runs random programs in the kernel and in the interpreter.
func TestRandomInKernel(t *testing.T) {
	needKernel(t)
	packet := make([]byte, 64)
	for seed := int64(0); seed < programs(120); seed++ {
		rnd := rand.New(rand.NewSource(seed))
		for cpu := 1; cpu <= 4; cpu++ {
			m := generate(seed, cpu)
			out := compileChecked(t, m, cpu, seed)
			prog, err := loadCode(&out.Funcs[0], ebpf.SocketFilter)
			if err != nil {
				t.Fatalf("seed %d, v%d: %s\n%s%s", seed, cpu, loadError(err), m, listing(out))
			}
			for try := range 4 {
				rnd.Read(packet)
				if try == 0 {
					clear(packet)
				}
				machine := interp.New(m, interp.Env{Packet: packet[14:]})
				want, err := machine.Run(m.Funcs[0])
				if err != nil {
					t.Fatalf("seed %d: %v\n%s", seed, err, m)
				}
				if got := runProg(t, prog, packet); got != uint32(want.Ret) {
					t.Errorf("seed %d, v%d: kernel returns %#x, interpreter %#x\n%s%s", seed, cpu, got, uint32(want.Ret), m, listing(out))
					break
				}
			}
			prog.Close()
			if t.Failed() {
				return
			}
		}
	}
}

// TestRandomPointersInKernel does the same with programs that use pointers.
func TestRandomPointersInKernel(t *testing.T) {
	needKernel(t)
	refused, spilling := 0, 0
	n := programs(60)
	for seed := int64(0); seed < n; seed++ {
		for cpu := 2; cpu <= 4; cpu++ {
			m := generatePointers(seed, cpu)
			if err := m.Verify(); err != nil {
				t.Fatalf("seed %d: %v\n%s", seed, err, m)
			}
			out := compileChecked(t, m, cpu, seed)
			if out.Funcs[0].Stack > 24 {
				spilling++
			}
			coll, err := loadObject(t, out.Object)
			if err != nil {
				if tooComplex(err) {
					refused++
					continue
				}
				t.Fatalf("seed %d, v%d: %s\n%s%s", seed, cpu, loadError(err), m, listing(out))
			}
			compareWith(t, m, out, coll)
			coll.Close()
			if t.Failed() {
				t.Fatalf("seed %d, v%d\n%s", seed, cpu, m)
			}
		}
	}
	t.Logf("%d of %d programs spill, %d are too complex", spilling, 3*n, refused)
	if spilling == 0 {
		t.Error("no program spills")
	}
	if refused > int(n)/5 {
		t.Errorf("%d of %d programs are too complex for the kernel", refused, 3*n)
	}
}

// tooComplex reports whether the verifier gave up.
func tooComplex(err error) bool {
	return errors.Is(err, unix.E2BIG) || strings.Contains(loadError(err), "too complex") || strings.Contains(loadError(err), "too large")
}

func BenchmarkCompile(b *testing.B) {
	for _, blocks := range []int{20, 200, 2000, 10000} {
		m := generateSized(1, 3, blocks, 5)
		b.Run(strconv.Itoa(len(m.Funcs[0].Blocks)), func(b *testing.B) {
			for b.Loop() {
				if _, err := Compile(m, Options{CPU: 3}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
