package ir

import "fmt"

// Bug is a defect of the compiler, never of its input. It is the only thing
// the compiler panics with; Compile recovers it once.
type Bug struct {
	Pass string // the pass that was running, if any
	Msg  string
}

// Error describes the bug.
func (b *Bug) Error() string {
	if b.Pass != "" {
		return "internal error in " + b.Pass + ": " + b.Msg
	}
	return "internal error: " + b.Msg
}

// Bugf panics with a Bug.
func Bugf(format string, args ...any) {
	panic(&Bug{Msg: fmt.Sprintf(format, args...)})
}

// Kfunc returns the module's kfunc of that name, nil if it has none.
func (m *Module) Kfunc(name string) *Kfunc {
	for _, k := range m.Kfuncs {
		if k.Helper.Name == name {
			return k
		}
	}
	return nil
}

// NewFunc adds an empty function with an entry block to the module.
func (m *Module) NewFunc(name string, params ...Param) *Func {
	f := &Func{Module: m, Name: name, Params: params}
	m.Funcs = append(m.Funcs, f)
	f.NewBlock(BlockRet)
	return f
}

// Discard takes everything out of the function but what its callers see.
func (f *Func) Discard() {
	f.Blocks, f.Short, f.Slots, f.values, f.args = nil, nil, nil, nil, nil
}

// Entry returns the entry block.
func (f *Func) Entry() *Block { return f.Blocks[0] }

// NumValues returns an upper bound of value IDs, for side tables.
func (f *Func) NumValues() int { return f.nextValue }

// NumBlocks returns an upper bound of block IDs, for side tables.
func (f *Func) NumBlocks() int { return f.nextBlock }

// NewBlock adds an empty block.
func (f *Func) NewBlock(kind BlockKind) *Block {
	if len(f.blocks) == cap(f.blocks) {
		f.blocks = make([]Block, 0, slabSize(f.nextBlock)/2)
	}
	f.blocks = append(f.blocks, Block{ID: f.nextBlock, Kind: kind, Func: f})
	b := &f.blocks[len(f.blocks)-1]
	f.nextBlock++
	f.Blocks = append(f.Blocks, b)
	return b
}

// NewSlot adds a stack slot of size bytes, 8-aligned if it is that large.
func (f *Func) NewSlot(size int, name string, pos Pos) *Slot {
	align := 1
	for align < 8 && align < size {
		align *= 2
	}
	s := &Slot{ID: len(f.Slots), Size: size, Align: align, Name: name, Pos: pos}
	f.Slots = append(f.Slots, s)
	return s
}

// newValue makes a value that is in no block yet.
func (f *Func) newValue(op Op, t Type, pos Pos, args []*Value) *Value {
	if len(f.values) == cap(f.values) {
		f.values = make([]Value, 0, min(slabSize(f.nextValue), pageValues))
	}
	f.values = append(f.values, Value{ID: int32(f.nextValue), Op: op, Type: t, Pos: pos})
	v := &f.values[len(f.values)-1]
	f.nextValue++
	if n := len(args); n > 0 {
		if cap(f.args)-len(f.args) < n {
			f.args = make([]*Value, 0, max(n, 2*slabSize(f.nextValue)))
		}
		at := len(f.args)
		f.args = append(f.args, args...)
		v.Args = f.args[at:len(f.args):len(f.args)]
		for _, a := range args {
			a.Uses++
		}
	}
	return v
}

// slabSize is how many values a function of n is to take memory for at once.
func slabSize(n int) int { return min(max(n/2, 8), 64) }

// pageValues is how many values, of 80 bytes each, fill the 4 KiB that the
// allocator has pieces of; those for 64 have room for 67.
const pageValues = 51

// NewValue appends a value to the block.
func (b *Block) NewValue(op Op, t Type, pos Pos, args ...*Value) *Value {
	v := b.Func.newValue(op, t, pos, args)
	v.Block = b
	b.Values = append(b.Values, v)
	return v
}

// InsertValue puts a new value in front of Values[i].
func (b *Block) InsertValue(i int, op Op, t Type, pos Pos, args ...*Value) *Value {
	v := b.Func.newValue(op, t, pos, args)
	v.Block = b
	b.Values = append(b.Values, nil)
	copy(b.Values[i+1:], b.Values[i:])
	b.Values[i] = v
	return v
}

// AddArg appends an argument.
func (v *Value) AddArg(a *Value) {
	v.Args = append(v.Args, a)
	a.Uses++
}

// SetArg replaces argument i.
func (v *Value) SetArg(i int, a *Value) {
	v.Args[i].Uses--
	v.Args[i] = a
	a.Uses++
}

// RemoveArg drops argument i, moving the later ones down.
func (v *Value) RemoveArg(i int) {
	v.Args[i].Uses--
	v.Args = append(v.Args[:i], v.Args[i+1:]...)
}

// ResetArgs drops all arguments.
func (v *Value) ResetArgs() {
	for _, a := range v.Args {
		a.Uses--
	}
	v.Args = v.Args[:0]
}

// Reset turns v into another op without arguments, AuxInt and Aux. Its type,
// place and uses stay.
func (v *Value) Reset(op Op) {
	v.ResetArgs()
	v.Op, v.AuxInt, v.Aux = op, 0, nil
}

// CopyOf turns v into a copy of a. Both have one type.
func (v *Value) CopyOf(a *Value) {
	a.Uses++
	v.Reset(OpCopy)
	a.Uses--
	v.AddArg(a)
}

// SetConst turns v into a constant of its type.
func (v *Value) SetConst(x int64) {
	v.Reset(OpConst)
	v.AuxInt = x
}

// IsConst reports whether v is a constant, and returns it.
func (v *Value) IsConst() (int64, bool) {
	if v.Op == OpConst {
		return v.AuxInt, true
	}
	return 0, false
}

// Mem returns the access a load, store, check or atomic makes.
func (v *Value) Mem() *Mem {
	m, _ := v.Aux.(*Mem)
	return m
}

// SetControl sets the block's control value; nil clears it.
func (b *Block) SetControl(v *Value) {
	if b.Control != nil {
		b.Control.Uses--
	}
	b.Control = v
	if v != nil {
		v.Uses++
	}
}

// AddEdge adds a successor. Phis of the successor need an argument for it.
func (b *Block) AddEdge(to *Block) {
	b.Succs = append(b.Func.room(b.Succs), Edge{to, len(to.Preds)})
	to.Preds = append(b.Func.room(to.Preds), Edge{b, len(b.Succs) - 1})
}

// room returns the edges, with memory for the two that most blocks have at most.
func (f *Func) room(edges []Edge) []Edge {
	if cap(edges) > 0 {
		return edges
	}
	if len(f.edges)+2 > cap(f.edges) {
		f.edges = make([]Edge, 0, 2*slabSize(2*f.nextBlock))
	}
	n := len(f.edges)
	f.edges = f.edges[:n+2]
	return f.edges[n : n : n+2]
}

// RemoveEdge removes successor i and the phi arguments that belong to it. The
// block's Kind is left to the caller.
func (b *Block) RemoveEdge(i int) {
	e := b.Succs[i]
	e.B.removePred(e.I)
	b.Succs = append(b.Succs[:i], b.Succs[i+1:]...)
	for j := i; j < len(b.Succs); j++ {
		s := b.Succs[j]
		s.B.Preds[s.I].I = j
	}
}

// removePred drops predecessor i, moving the later ones down to keep the
// order of phi arguments.
func (b *Block) removePred(i int) {
	b.Preds = append(b.Preds[:i], b.Preds[i+1:]...)
	for j := i; j < len(b.Preds); j++ {
		p := b.Preds[j]
		p.B.Succs[p.I].I = j
	}
	for _, v := range b.Values {
		if v.Op != OpPhi {
			break
		}
		v.RemoveArg(i)
	}
}

// RedirectEdge makes successor i of b the block to. Phis of the old successor
// lose their argument; phis of to need one, appended by the caller.
func (b *Block) RedirectEdge(i int, to *Block) {
	e := b.Succs[i]
	e.B.removePred(e.I)
	b.Succs[i] = Edge{to, len(to.Preds)}
	to.Preds = append(to.Preds, Edge{b, i})
}

// Phis returns the block's phis, which come first.
func (b *Block) Phis() []*Value {
	for i, v := range b.Values {
		if v.Op != OpPhi {
			return b.Values[:i]
		}
	}
	return b.Values
}
