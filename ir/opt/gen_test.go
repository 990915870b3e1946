package opt

import (
	"math/rand"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// exprGen makes random programs without regard to how a front end would build
// them: every op of numbers and Bools, slots accessed in parts, map entries
// read, written, updated and deleted, packet reads of all sizes and orders,
// diamonds and counted loops. loopGen has the shapes of loops.
type exprGen struct {
	r     *rand.Rand
	b     *ir.Builder
	gen   *ir.Value
	nums  []*ir.Value // in scope
	bools []*ir.Value
	slots []*ir.Slot
	depth int
	size  int
}

const exprSlots = 3

// genExprs returns a module with one program "f" of the kind, from a seed.
func genExprs(seed int64, kind string) *ir.Module {
	k, _ := kernel.ProgKindByName(kind)
	array, _ := kernel.MapTypeByName("array")
	hash, _ := kernel.MapTypeByName("hash")
	r := rand.New(rand.NewSource(seed))
	m := &ir.Module{License: "GPL", BigEndian: r.Intn(8) == 0}
	m.Maps = []*ir.Map{
		{Name: "out", Type: array, MaxEntries: 4, KeySize: 4, ValueSize: 8},
		{Name: "tab", Type: hash, MaxEntries: 16, KeySize: 8, ValueSize: 16},
	}
	f := m.NewFunc("f", ir.Param{Name: "ctx", Type: ir.Ptr})
	f.Kind, f.Section = k, k.Section
	g := &exprGen{r: r, b: ir.NewBuilder(f)}
	ctx := g.b.Arg(0)
	for i := 0; i < exprSlots; i++ {
		s := f.NewSlot(16, "", ir.Pos{})
		g.slots = append(g.slots, s)
		for off := int32(0); off < 16; off += 8 {
			g.b.Store(g.b.SlotAddr(s), g.b.Const(int64(i)), ir.Mem{Region: ir.RegionStack, Off: off, Size: 8})
		}
	}
	g.gen = g.b.PktGen()
	field, _ := k.Ctx.Field("ingress_ifindex")
	g.nums = append(g.nums, g.b.Load(ir.I64, ctx, ir.Mem{Region: ir.RegionCtx, Off: field.Off, Size: 4}), g.b.PktLen(g.gen))
	g.bools = append(g.bools, g.b.Op(ir.OpEq, g.num(), g.num()))
	g.stmts(12)
	if g.b.Block != nil {
		g.b.Ret(g.sum())
	}
	short := f.NewBlock(ir.BlockRet)
	v := short.NewValue(ir.OpConst, ir.I64, ir.Pos{})
	v.AuxInt = int64(r.Intn(2)) * 77
	short.SetControl(v)
	if f.MayLeave() {
		f.Short = short
	} else {
		f.Blocks = f.Blocks[:len(f.Blocks)-1]
	}
	dropUnreachable(f)
	return m
}

func (g *exprGen) sum() *ir.Value {
	s := g.b.Const(1)
	for i, n := 0, len(g.nums); i < 6 && i < n; i++ {
		s = g.b.Op(ir.OpAdd, g.b.Op(ir.OpMul, s, g.b.Const(31)), g.nums[n-1-i])
	}
	return s
}

// num returns a number in scope or a constant that has corners.
func (g *exprGen) num() *ir.Value {
	if g.r.Intn(4) == 0 || len(g.nums) == 0 {
		k := []int64{0, 1, 2, 3, 7, 8, 16, 63, 64, -1, -2, 255, 256, 0xffff, 1 << 31, 0xffffffff, -1 << 63, 1<<63 - 1, 0xff00, 24}
		return g.b.Const(k[g.r.Intn(len(k))])
	}
	n := len(g.nums)
	return g.nums[max(n-1-g.r.Intn(8), g.r.Intn(n))]
}

func (g *exprGen) cond() *ir.Value {
	if g.r.Intn(3) == 0 {
		return g.bools[g.r.Intn(len(g.bools))]
	}
	ops := []ir.Op{ir.OpEq, ir.OpNe, ir.OpULt, ir.OpULe, ir.OpSLt, ir.OpSLe}
	return g.b.Op(ops[g.r.Intn(len(ops))], g.num(), g.num())
}

func (g *exprGen) keep(v *ir.Value) { g.nums = append(g.nums, v) }

func (g *exprGen) stmts(n int) {
	for ; n > 0 && g.b.Block != nil && g.size < 120; n-- {
		g.size++
		g.stmt()
	}
}

func (g *exprGen) stmt() {
	b := g.b
	switch k := g.r.Intn(24); {
	case k < 7:
		ops := []ir.Op{ir.OpAdd, ir.OpSub, ir.OpMul, ir.OpUDiv, ir.OpUMod, ir.OpSDiv, ir.OpSMod, ir.OpAnd, ir.OpOr, ir.OpXor, ir.OpShl, ir.OpLShr, ir.OpAShr, ir.OpNeg}
		op := ops[g.r.Intn(len(ops))]
		if op == ir.OpNeg {
			g.keep(b.Op(op, g.num()))
			return
		}
		g.keep(b.Op(op, g.num(), g.num()))
	case k == 7:
		op := []ir.Op{ir.OpZext, ir.OpSext}[g.r.Intn(2)]
		g.keep(b.OpBits(op, []int64{8, 16, 32}[g.r.Intn(3)], g.num()))
	case k == 8:
		g.keep(b.OpBits(ir.OpToBE, []int64{16, 32, 64}[g.r.Intn(3)], g.num()))
	case k == 9:
		op := []ir.Op{ir.OpAnd, ir.OpOr, ir.OpXor}[g.r.Intn(3)]
		g.bools = append(g.bools, b.Op(op, g.cond(), g.cond()), b.Op(ir.OpNot, g.cond()))
		g.keep(b.Op(ir.OpBoolToInt, g.cond()))
	case k < 13:
		g.packet()
	case k < 16:
		g.slotAccess()
	case k < 18:
		g.entry()
	case k == 18:
		g.mapCall()
	case k < 22 && g.depth < 3:
		g.diamond()
	case k == 22 && g.depth < 2:
		g.loop()
	}
}

func (g *exprGen) mem(r ir.Region, limit int) ir.Mem {
	size := int32(1) << g.r.Intn(4)
	return ir.Mem{Region: r, Size: size, Off: int32(g.r.Intn(limit/int(size))) * size}
}

func (g *exprGen) packet() {
	b := g.b
	mem := g.mem(ir.RegionPacket, 16)
	mem.BE = g.r.Intn(2) == 0
	mem.Signed = mem.Size < 8 && g.r.Intn(3) == 0
	base := b.Const(int64(g.r.Intn(3)))
	switch g.r.Intn(5) {
	case 0:
		base = b.Op(ir.OpAnd, g.num(), b.Const(15))
	case 1:
		base = g.num()
	case 2:
		base = b.Op(ir.OpAdd, b.Op(ir.OpAnd, g.num(), b.Const(7)), b.Const(2))
	}
	lo := mem.Off - int32(g.r.Intn(3))
	c := b.PktCheck(g.gen, base, lo, mem.Off+mem.Size-lo+int32(g.r.Intn(2)))
	if g.r.Intn(6) > 0 {
		g.keep(b.PktLoad(c, base, mem))
	}
}

func (g *exprGen) slotAccess() {
	b := g.b
	a := b.SlotAddr(g.slots[g.r.Intn(exprSlots)])
	mem := g.mem(ir.RegionStack, 16)
	if g.r.Intn(4) == 0 && mem.Off > 0 {
		a = b.PtrAdd(a, b.Const(int64(mem.Off)))
		mem.Off = 0
	}
	if g.r.Intn(5) < 3 {
		b.Store(a, g.num(), mem)
		return
	}
	mem.Signed = mem.Size < 8 && g.r.Intn(2) == 0
	g.keep(b.Load(ir.I64, a, mem))
}

// lookup returns an entry's address, which may be null, and its size.
func (g *exprGen) lookup() (*ir.Value, int) {
	b := g.b
	i := g.r.Intn(2)
	a := b.SlotAddr(g.slots[i])
	if g.r.Intn(3) > 0 {
		key := b.Const(int64(g.r.Intn(3)))
		if g.r.Intn(3) == 0 {
			key = g.num()
		}
		b.Store(a, key, ir.Mem{Region: ir.RegionStack, Size: 4})
	}
	p := b.Call(kernel.HelperByName("map_lookup_elem"), ir.Ptr, b.MapRef(b.Func.Module.Maps[i]), a)
	return p, int(b.Func.Module.Maps[i].ValueSize)
}

// entry reads and writes an entry if there is one.
func (g *exprGen) entry() {
	b := g.b
	p, size := g.lookup()
	yes, join := b.Func.NewBlock(ir.BlockJump), b.Func.NewBlock(ir.BlockJump)
	g.bools = append(g.bools, b.Op(ir.OpEq, p, b.Null()))
	zero := b.Const(0)
	b.If(b.Op(ir.OpNe, p, b.Null()), yes, join)
	b.Block = yes
	q := b.NonNull(p)
	var x *ir.Value
	for i := g.r.Intn(4); i >= 0; i-- {
		mem := g.mem(ir.RegionMap, size)
		switch g.r.Intn(4) {
		case 0:
			b.AtomicAdd(q, g.num(), ir.Mem{Region: ir.RegionMap, Size: 8})
		case 1:
			b.Store(q, g.num(), mem)
		default:
			mem.Signed = mem.Size < 8 && g.r.Intn(3) == 0
			x = b.Load(ir.I64, q, mem)
		}
	}
	if x == nil {
		x = g.num()
	}
	b.Jump(join)
	b.Block = join
	v := b.Phi(ir.I64)
	v.AddArg(zero)
	v.AddArg(x)
	g.keep(v)
}

// mapCall updates or deletes an entry.
func (g *exprGen) mapCall() {
	b := g.b
	m := b.MapRef(b.Func.Module.Maps[1])
	if g.r.Intn(2) == 0 {
		g.keep(b.Call(kernel.HelperByName("map_delete_elem"), ir.I64, m, b.SlotAddr(g.slots[1])))
		return
	}
	g.keep(b.Call(kernel.HelperByName("map_update_elem"), ir.I64, m, b.SlotAddr(g.slots[1]), b.SlotAddr(g.slots[2]), b.Const(0)))
}

// diamond is an if with results, an "and" of two conditions now and then.
func (g *exprGen) diamond() {
	b := g.b
	cond := g.cond()
	if g.r.Intn(3) == 0 {
		second, join := b.Func.NewBlock(ir.BlockJump), b.Func.NewBlock(ir.BlockJump)
		no := b.Bool(false)
		b.If(cond, second, join)
		b.Block = second
		x := g.cond()
		b.Jump(join)
		b.Block = join
		cond = b.Phi(ir.Bool)
		cond.AddArg(no)
		cond.AddArg(x)
	}
	yes, no, join := b.Func.NewBlock(ir.BlockJump), b.Func.NewBlock(ir.BlockJump), b.Func.NewBlock(ir.BlockJump)
	b.If(cond, yes, no)
	nums, bools := len(g.nums), len(g.bools)
	var results []*ir.Value
	g.depth++
	for _, side := range []*ir.Block{yes, no} {
		b.Block = side
		g.stmts(g.r.Intn(4))
		if b.Block != nil {
			if g.r.Intn(12) == 0 {
				b.Ret(g.num())
			} else {
				results = append(results, g.num())
				b.Jump(join)
			}
		}
		g.nums, g.bools = g.nums[:nums:nums], g.bools[:bools:bools]
	}
	g.depth--
	if len(results) == 0 {
		b.Block = nil
		return
	}
	b.Block = join
	v := b.Phi(ir.I64)
	for _, x := range results {
		v.AddArg(x)
	}
	g.keep(v)
}

// loop runs a few times and carries two numbers.
func (g *exprGen) loop() {
	b := g.b
	start, limit := g.num(), b.Const(int64(1+g.r.Intn(5)))
	zero := b.Const(0)
	head, body, exit := b.Func.NewBlock(ir.BlockJump), b.Func.NewBlock(ir.BlockJump), b.Func.NewBlock(ir.BlockJump)
	head.Loop = &ir.Loop{What: "for", Limit: 5}
	b.Jump(head)
	b.Block = head
	i, x := b.Phi(ir.I64), b.Phi(ir.I64)
	i.AddArg(zero)
	x.AddArg(start)
	b.If(b.Op(ir.OpULt, i, limit), body, exit)
	b.Block = body
	nums, bools := len(g.nums), len(g.bools)
	g.keep(i)
	g.keep(x)
	g.depth++
	g.stmts(1 + g.r.Intn(4))
	g.depth--
	if b.Block != nil {
		i.AddArg(b.Op(ir.OpAdd, i, b.Const(1)))
		x.AddArg(g.num())
		b.Jump(head)
	}
	g.nums, g.bools = append(g.nums[:nums:nums], i, x), g.bools[:bools:bools]
	b.Block = exit
}
