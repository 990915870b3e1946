package ir

import "github.com/luabpfc/luabpfc/ir/kernel"

// Builder appends values to a block and folds what is constant on the way, so
// that the front end can treat known and computed numbers alike.
type Builder struct {
	Func  *Func
	Block *Block // nil after a terminator: what follows is unreachable
	Pos   Pos    // given to each new value
}

// NewBuilder returns a builder that appends to f's entry block.
func NewBuilder(f *Func) *Builder { return &Builder{Func: f, Block: f.Entry(), Pos: f.Pos} }

// Const returns an I64 constant.
func (b *Builder) Const(x int64) *Value {
	v := b.Block.NewValue(OpConst, I64, b.Pos)
	v.AuxInt = x
	return v
}

// Bool returns a Bool constant.
func (b *Builder) Bool(x bool) *Value {
	v := b.Block.NewValue(OpConst, Bool, b.Pos)
	v.AuxInt = int64(b2u(x))
	return v
}

// Null returns the null Ptr.
func (b *Builder) Null() *Value { return b.Block.NewValue(OpConst, Ptr, b.Pos) }

// Arg returns parameter i; it must be called while in the entry block.
func (b *Builder) Arg(i int) *Value {
	v := b.Block.NewValue(OpArg, b.Func.Params[i].Type, b.Pos)
	v.AuxInt = int64(i)
	return v
}

// Op appends a pure op of one or two arguments, or the constant it folds to.
func (b *Builder) Op(op Op, args ...*Value) *Value { return b.OpBits(op, 0, args...) }

// OpBits is Op for the ops whose AuxInt is a width in bits.
func (b *Builder) OpBits(op Op, bits int64, args ...*Value) *Value {
	info := op.Info()
	t := info.Result
	if t == Same {
		t = args[0].Type
	}
	if c, ok := FoldConst(op, bits, b.Func.Module.BigEndian, args); ok {
		v := b.Block.NewValue(OpConst, t, b.Pos)
		v.AuxInt = c
		return v
	}
	v := b.Block.NewValue(op, t, b.Pos, args...)
	v.AuxInt = bits
	return v
}

// FoldConst evaluates op if all its arguments are constants.
func FoldConst(op Op, auxInt int64, bigEndian bool, args []*Value) (int64, bool) {
	var xs [2]uint64
	if len(args) == 0 || len(args) > 2 || op == OpPhi {
		return 0, false
	}
	for i, a := range args {
		c, ok := a.IsConst()
		if !ok {
			return 0, false
		}
		xs[i] = uint64(c)
	}
	r, ok := Eval(op, auxInt, bigEndian, xs[0], xs[1])
	return int64(r), ok
}

// SlotAddr returns the address of a stack slot.
func (b *Builder) SlotAddr(s *Slot) *Value {
	v := b.Block.NewValue(OpSlotAddr, Ptr, b.Pos)
	v.Aux = s
	return v
}

// MapRef returns a map as a helper's argument.
func (b *Builder) MapRef(m *Map) *Value {
	v := b.Block.NewValue(OpMapRef, Ptr, b.Pos)
	v.Aux = m
	return v
}

// GlobalAddr returns the address of a variable.
func (b *Builder) GlobalAddr(g *Global) *Value {
	v := b.Block.NewValue(OpGlobalAddr, Ptr, b.Pos)
	v.Aux = g
	return v
}

// Each returns the address of the key of the next entry of a walk through m; true
// starts it anew.
func (b *Builder) Each(m *Map, anew *Value) *Value {
	v := b.Block.NewValue(OpEach, Ptr, b.Pos, anew)
	v.Aux = m
	return v
}

// PtrAdd returns p + n.
func (b *Builder) PtrAdd(p, n *Value) *Value { return b.Block.NewValue(OpPtrAdd, Ptr, b.Pos, p, n) }

// NonNull returns p in a place where it is known not to be null.
func (b *Builder) NonNull(p *Value) *Value { return b.Block.NewValue(OpNonNull, Ptr, b.Pos, p) }

// Load returns mem read at p, as an I64 or, for t Ptr, as an address.
func (b *Builder) Load(t Type, p *Value, mem Mem) *Value {
	v := b.Block.NewValue(OpLoad, t, b.Pos, p)
	v.Aux = &mem
	return v
}

// Store writes the low bytes of x at p.
func (b *Builder) Store(p, x *Value, mem Mem) {
	b.Block.NewValue(OpStore, Void, b.Pos, p, x).Aux = &mem
}

// AtomicAdd adds x to what is at p.
func (b *Builder) AtomicAdd(p, x *Value, mem Mem) {
	b.Block.NewValue(OpAtomicAdd, Void, b.Pos, p, x).Aux = &mem
}

// Atomic does one of the atomic ops that return the old value.
func (b *Builder) Atomic(op Op, mem Mem, args ...*Value) *Value {
	v := b.Block.NewValue(op, I64, b.Pos, args...)
	v.Aux = &mem
	return v
}

// VolatileLoad is Load that is made each time.
func (b *Builder) VolatileLoad(p *Value, mem Mem) *Value {
	v := b.Block.NewValue(OpVolatileLoad, I64, b.Pos, p)
	v.Aux = &mem
	return v
}

// VolatileStore is Store that is made each time.
func (b *Builder) VolatileStore(p, x *Value, mem Mem) {
	b.Block.NewValue(OpVolatileStore, Void, b.Pos, p, x).Aux = &mem
}

// PktGen starts a generation of the packet.
func (b *Builder) PktGen() *Value { return b.Block.NewValue(OpPktGen, Gen, b.Pos) }

// PktLen returns the packet's length.
func (b *Builder) PktLen(gen *Value) *Value { return b.Block.NewValue(OpPktLen, I64, b.Pos, gen) }

// PktCheck leaves for Func.Short unless size bytes at base+off are there.
func (b *Builder) PktCheck(gen, base *Value, off, size int32) *Value {
	v := b.Block.NewValue(OpPktCheck, Check, b.Pos, gen, base)
	v.Aux = &Mem{Region: RegionPacket, Off: off, Size: size}
	return v
}

// PktLoad reads the packet under a check.
func (b *Builder) PktLoad(check, base *Value, mem Mem) *Value {
	mem.Region = RegionPacket
	v := b.Block.NewValue(OpPktLoad, I64, b.Pos, check, base)
	v.Aux = &mem
	return v
}

// PktStore writes the low bytes of x to the packet under a check.
func (b *Builder) PktStore(check, base, x *Value, mem Mem) {
	mem.Region = RegionPacket
	b.Block.NewValue(OpPktStore, Void, b.Pos, check, base, x).Aux = &mem
}

// Call calls a helper; t is Void, I64 or Ptr as its row says.
func (b *Builder) Call(h *kernel.Helper, t Type, args ...*Value) *Value {
	v := b.Block.NewValue(OpCall, t, b.Pos, args...)
	v.Aux = h
	return v
}

// KfuncAddr returns the address of a function of the kernel.
func (b *Builder) KfuncAddr(k *Kfunc) *Value {
	v := b.Block.NewValue(OpKfuncAddr, Ptr, b.Pos)
	v.Aux = k.Helper
	return v
}

// Phi returns an empty phi of the current block, in front of its values; the
// caller adds one argument for each predecessor, in order.
func (b *Builder) Phi(t Type) *Value {
	return b.Block.InsertValue(len(b.Block.Phis()), OpPhi, t, b.Pos)
}

// Jump ends the block with a jump.
func (b *Builder) Jump(to *Block) {
	b.Block.Kind, b.Block.Pos = BlockJump, b.Pos
	b.Block.AddEdge(to)
	b.Block = nil
}

// If ends the block with a branch.
func (b *Builder) If(cond *Value, yes, no *Block) {
	b.Block.Kind, b.Block.Pos = BlockIf, b.Pos
	b.Block.SetControl(cond)
	b.Block.AddEdge(yes)
	b.Block.AddEdge(no)
	b.Block = nil
}

// Ret ends the block by returning x; nil in a Void function.
func (b *Builder) Ret(x *Value) {
	b.Block.Kind, b.Block.Pos = BlockRet, b.Pos
	b.Block.SetControl(x)
	b.Block = nil
}

// Core returns a quantity of the running kernel's types, which is n by the types
// that the module is compiled with.
func (b *Builder) Core(c *Core, n int64) *Value {
	v := b.Block.NewValue(OpCore, I64, b.Pos)
	v.Aux, v.AuxInt = c, n
	return v
}

// PtrNum returns an address as a number.
func (b *Builder) PtrNum(p *Value) *Value {
	switch {
	case p.Op == OpNumPtr:
		return p.Args[0]
	case p.Op == OpConst:
		return b.Const(0)
	}
	return b.Block.NewValue(OpPtrNum, I64, b.Pos, p)
}

// NumPtr returns a number as an address.
func (b *Builder) NumPtr(n *Value) *Value {
	if n.Op == OpPtrNum {
		return n.Args[0]
	}
	return b.Block.NewValue(OpNumPtr, Ptr, b.Pos, n)
}
