package opt

import (
	"math/rand"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// loopGen makes random programs of nested loops in the shapes the front end
// builds: counted and budgeted loops tested at either end, breaks, returns and
// packet reads inside, branches on what is carried round, stack slots.
type loopGen struct {
	r     *rand.Rand
	b     *ir.Builder
	gen   *ir.Value
	vars  []*ir.Value // the script's variables; the last is a Bool
	fuel  *ir.Value
	slot  *ir.Slot
	loops []*genLoop // the loops around
	size  int
	most  int // statements
}

type genLoop struct {
	exit  *ir.Block
	edges [][]*ir.Value // variables, as each edge to exit has them
}

const genVars = 4

// genProgram returns a module with one program "f" of the kind, from a seed.
func genProgram(seed int64, kind string) *ir.Module { return genSized(seed, kind, 60) }

// genSized is genProgram with a number of statements.
func genSized(seed int64, kind string, most int) *ir.Module {
	k, _ := kernel.ProgKindByName(kind)
	array, _ := kernel.MapTypeByName("array")
	m := &ir.Module{License: "GPL"}
	m.Maps = []*ir.Map{{Name: "out", Type: array, MaxEntries: 4, KeySize: 4, ValueSize: 8}}
	f := m.NewFunc("f", ir.Param{Name: "ctx", Type: ir.Ptr})
	f.Kind, f.Section = k, k.Section
	g := &loopGen{r: rand.New(rand.NewSource(seed)), b: ir.NewBuilder(f), most: most}
	g.slot = f.NewSlot(16, "", ir.Pos{})
	g.gen = g.b.PktGen()
	a := g.b.SlotAddr(g.slot)
	for _, off := range []int32{0, 8} {
		g.b.Store(a, g.b.Const(int64(off)), ir.Mem{Region: ir.RegionStack, Off: off, Size: 8})
	}
	for i := 0; i < genVars; i++ {
		g.vars = append(g.vars, g.b.Const(int64(i)))
	}
	g.vars = append(g.vars, g.b.Bool(false))
	g.fuel = g.b.Const(40)
	g.stmts(3)
	if g.b.Block != nil {
		g.b.Ret(g.sum())
	}
	short := f.NewBlock(ir.BlockRet)
	v := short.NewValue(ir.OpConst, ir.I64, ir.Pos{})
	v.AuxInt = 77
	short.SetControl(v)
	if f.MayLeave() {
		f.Short = short
	} else {
		f.Blocks = f.Blocks[:len(f.Blocks)-1]
	}
	dropUnreachable(f)
	return m
}

// sum mixes all variables into one number.
func (g *loopGen) sum() *ir.Value {
	s := g.b.Op(ir.OpBoolToInt, g.vars[genVars])
	for _, v := range g.vars[:genVars] {
		s = g.b.Op(ir.OpAdd, g.b.Op(ir.OpMul, s, g.b.Const(31)), v)
	}
	return g.b.Op(ir.OpAnd, s, g.b.Const(0x7fffffff))
}

func (g *loopGen) stmts(depth int) {
	for n := 1 + g.r.Intn(4); n > 0 && g.b.Block != nil && g.size < g.most; n-- {
		g.size++
		g.stmt(depth)
	}
}

func (g *loopGen) pick() *ir.Value { return g.vars[g.r.Intn(genVars)] }

func (g *loopGen) set(v *ir.Value) { g.vars[g.r.Intn(genVars)] = v }

func (g *loopGen) stmt(depth int) {
	b := g.b
	switch k := g.r.Intn(16); {
	case k < 4:
		ops := []ir.Op{ir.OpAdd, ir.OpSub, ir.OpMul, ir.OpXor, ir.OpAnd}
		x := g.pick()
		y := g.pick()
		if g.r.Intn(2) == 0 {
			y = b.Const(int64(g.r.Intn(9)) - 2)
		}
		g.set(b.Op(ops[g.r.Intn(len(ops))], x, y))
	case k == 4:
		off := int32(g.r.Intn(20))
		zero := b.Const(0)
		c := b.PktCheck(g.gen, zero, off, 1)
		g.set(b.PktLoad(c, zero, ir.Mem{Off: off, Size: 1}))
	case k == 5:
		off := b.Op(ir.OpAnd, g.pick(), b.Const(15))
		c := b.PktCheck(g.gen, off, 0, 1)
		g.set(b.PktLoad(c, off, ir.Mem{Size: 1}))
	case k == 6:
		b.Store(b.SlotAddr(g.slot), g.pick(), ir.Mem{Region: ir.RegionStack, Off: int32(g.r.Intn(2) * 8), Size: 8})
	case k == 7:
		g.set(b.Load(ir.I64, b.SlotAddr(g.slot), ir.Mem{Region: ir.RegionStack, Off: int32(g.r.Intn(2) * 8), Size: 8}))
	case k == 8:
		g.vars[genVars] = g.cond()
	case k == 9:
		g.mapAdd()
	case k < 12:
		g.ifStmt(depth)
	case k == 12 && len(g.loops) > 0:
		g.leaveIf(func() {
			l := g.loops[g.r.Intn(len(g.loops))]
			l.edges = append(l.edges, g.snapshot())
			b.Jump(l.exit)
		})
	case k == 13 && g.r.Intn(3) == 0:
		g.leaveIf(func() { b.Ret(g.sum()) })
	case depth > 0:
		g.loop(depth)
	}
}

// mapAdd adds to an entry of the map through its address.
func (g *loopGen) mapAdd() {
	b := g.b
	key := b.Func.NewSlot(4, "", ir.Pos{})
	a := b.SlotAddr(key)
	b.Store(a, b.Op(ir.OpAnd, g.pick(), b.Const(3)), ir.Mem{Region: ir.RegionStack, Size: 4})
	p := b.Call(kernel.HelperByName("map_lookup_elem"), ir.Ptr, b.MapRef(b.Func.Module.Maps[0]), a)
	yes, join := b.Func.NewBlock(ir.BlockJump), b.Func.NewBlock(ir.BlockJump)
	b.If(b.Op(ir.OpNe, p, b.Null()), yes, join)
	b.Block = yes
	b.AtomicAdd(b.NonNull(p), g.pick(), ir.Mem{Region: ir.RegionMap, Size: 8})
	b.Jump(join)
	b.Block = join
}

func (g *loopGen) cond() *ir.Value {
	ops := []ir.Op{ir.OpEq, ir.OpNe, ir.OpULt, ir.OpSLe}
	c := g.b.Op(ops[g.r.Intn(len(ops))], g.pick(), g.b.Const(int64(g.r.Intn(30))))
	if g.r.Intn(4) == 0 {
		c = g.b.Op(ir.OpXor, c, g.vars[genVars])
	}
	return c
}

func (g *loopGen) snapshot() []*ir.Value {
	return append(append([]*ir.Value(nil), g.vars...), g.fuel)
}

func (g *loopGen) restore(s []*ir.Value) {
	g.vars = append([]*ir.Value(nil), s[:genVars+1]...)
	g.fuel = s[genVars+1]
}

// merge makes phis of the snapshots that the edges of the current block bring.
func (g *loopGen) merge(edges [][]*ir.Value) {
	n := len(edges[0])
	vals := make([]*ir.Value, n)
	for i := 0; i < n; i++ {
		vals[i] = edges[0][i]
		for _, e := range edges[1:] {
			if e[i] != vals[i] {
				vals[i] = nil
				break
			}
		}
		if vals[i] == nil {
			vals[i] = g.b.Phi(edges[0][i].Type)
			for _, e := range edges {
				vals[i].AddArg(e[i])
			}
		}
	}
	g.restore(vals)
}

func (g *loopGen) ifStmt(depth int) {
	b := g.b
	yes, no, join := b.Func.NewBlock(ir.BlockJump), b.Func.NewBlock(ir.BlockJump), b.Func.NewBlock(ir.BlockJump)
	b.If(g.cond(), yes, no)
	before := g.snapshot()
	var edges [][]*ir.Value
	for _, side := range []*ir.Block{yes, no} {
		g.restore(before)
		b.Block = side
		if side == yes || g.r.Intn(2) == 0 {
			g.stmts(depth - 1)
		}
		if b.Block != nil {
			edges = append(edges, g.snapshot())
			b.Jump(join)
		}
	}
	if len(edges) == 0 {
		b.Block = nil
		return
	}
	b.Block = join
	g.merge(edges)
}

// leaveIf does leave, which ends the block, under a condition.
func (g *loopGen) leaveIf(leave func()) {
	b := g.b
	yes, on := b.Func.NewBlock(ir.BlockJump), b.Func.NewBlock(ir.BlockJump)
	b.If(g.cond(), yes, on)
	before := g.snapshot()
	b.Block = yes
	leave()
	g.restore(before)
	b.Block = on
}

// loop appends a loop: for with a constant or computed count, while, repeat.
func (g *loopGen) loop(depth int) {
	b := g.b
	counted := g.r.Intn(3) > 0
	bottom := !counted && g.r.Intn(2) == 0
	info := &ir.Loop{What: "for"}
	var n *ir.Value
	switch {
	case !counted:
		info.What, info.Budget, info.Limit = "while", true, 40
	case g.r.Intn(2) == 0:
		n = b.Const(int64(g.r.Intn(9)))
	default:
		n = b.Op(ir.OpAnd, g.pick(), b.Const(7))
		if g.r.Intn(2) == 0 {
			// The compiler does not see that it is small, the front end does.
			n = b.Op(ir.OpXor, n, b.Op(ir.OpSub, g.vars[0], g.vars[0]))
			info.Limit = 7
		}
	}
	header, exit := b.Func.NewBlock(ir.BlockJump), b.Func.NewBlock(ir.BlockJump)
	header.Loop = info
	start := g.snapshot()
	zero := b.Const(0)
	b.Jump(header)
	b.Block = header
	phis := make([]*ir.Value, len(start))
	for i, v := range start {
		phis[i] = b.Phi(v.Type)
		phis[i].AddArg(v)
	}
	g.restore(phis)
	i := b.Phi(ir.I64)
	i.AddArg(zero)
	l := &genLoop{exit: exit}
	g.loops = append(g.loops, l)
	if !bottom {
		g.test(l, counted, i, n)
	}
	g.set(b.Op(ir.OpAdd, g.pick(), i))
	g.stmts(depth - 1)
	if b.Block != nil && bottom {
		g.test(l, counted, i, n)
	}
	if b.Block != nil {
		for k, v := range g.snapshot() {
			phis[k].AddArg(v)
		}
		i.AddArg(b.Op(ir.OpAdd, i, b.Const(1)))
		b.Jump(header)
	}
	g.loops = g.loops[:len(g.loops)-1]
	b.Block = nil
	if len(l.edges) > 0 {
		b.Block = exit
		g.merge(l.edges)
	}
}

// test leaves l if its count or the budget is used up.
func (g *loopGen) test(l *genLoop, counted bool, i, n *ir.Value) {
	b := g.b
	on := b.Func.NewBlock(ir.BlockJump)
	if !counted {
		g.leaveIf(func() {
			l.edges = append(l.edges, g.snapshot())
			b.Jump(l.exit)
		})
		l.edges = append(l.edges, g.snapshot())
		b.If(b.Op(ir.OpNe, g.fuel, b.Const(0)), on, l.exit)
		b.Block = on
		g.fuel = b.Op(ir.OpSub, g.fuel, b.Const(1))
		return
	}
	l.edges = append(l.edges, g.snapshot())
	b.If(b.Op(ir.OpULt, i, n), on, l.exit)
	b.Block = on
}
