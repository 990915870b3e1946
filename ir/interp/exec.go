package interp

import (
	"errors"

	"github.com/luabpfc/luabpfc/ir"
)

// maxDepth is how deep the kernel lets functions call each other.
const maxDepth = 8

// How control leaves a value other than to the next one.
var (
	errLeave = errors.New("leave")           // to Func.Short
	errEnd   = errors.New("end the program") // with result 0
)

// frame is one activation of a function.
type frame struct {
	m     *Machine
	f     *ir.Func
	args  []word
	slots []*object
	vals  []word
	have  []bool
	depth int
	walks map[*ir.Value][]*entry // what is left of each walk through a map
}

// call runs f to its return.
func (m *Machine) call(f *ir.Func, args []word, depth int) (word, error) {
	fr := &frame{m: m, f: f, args: args, depth: depth,
		vals: make([]word, f.NumValues()), have: make([]bool, f.NumValues())}
	for _, s := range f.Slots {
		fr.slots = append(fr.slots, &object{name: "slot " + s.String() + " of " + f.Name, region: ir.RegionStack,
			data: make([]byte, s.Size), init: make([]bool, s.Size), align: s.Align})
	}
	ret, err := fr.run()
	for _, s := range fr.slots {
		s.dead = "its function has returned"
	}
	return ret, err
}

// run executes blocks until one returns.
func (fr *frame) run() (word, error) {
	b := fr.f.Entry()
	if fr.depth > maxDepth {
		return word{}, fr.fault(b, nil, errText("functions call each other deeper than 8"))
	}
	for {
		left, err := fr.block(b)
		if err != nil {
			return word{}, err
		}
		if left {
			b = fr.f.Short
			fr.m.dropOpen() // leaving releases what is held
			continue
		}
		var edge ir.Edge
		switch b.Kind {
		case ir.BlockRet:
			if b.Control == nil {
				return word{}, nil
			}
			return fr.get(b, b.Control)
		case ir.BlockJump:
			edge = b.Succs[0]
		case ir.BlockIf:
			c, err := fr.get(b, b.Control)
			if err != nil {
				return word{}, err
			}
			edge = b.Succs[1-c.bits&1]
		}
		if err := fr.phis(b, edge); err != nil {
			return word{}, err
		}
		b = edge.B
	}
}

// phis gives the phis of edge's target their values, all at once.
func (fr *frame) phis(from *ir.Block, edge ir.Edge) error {
	phis := edge.B.Phis()
	words := make([]word, len(phis))
	for i, v := range phis {
		w, err := fr.get(from, v.Args[edge.I])
		if err != nil {
			return err
		}
		words[i] = w
	}
	for i, v := range phis {
		fr.set(v, words[i])
	}
	return nil
}

// block executes the values behind the phis; left says that one has left.
func (fr *frame) block(b *ir.Block) (left bool, err error) {
	limit := fr.m.Env.MaxSteps
	if limit == 0 {
		limit = 1 << 24
	}
	for _, v := range b.Values[len(b.Phis()):] {
		if fr.m.steps++; fr.m.steps > limit {
			return false, fr.fault(b, v, errText("the run takes too many steps"))
		}
		w, err := fr.value(v)
		switch {
		case err == errLeave:
			return true, nil
		case err != nil:
			return false, fr.fault(b, v, err)
		}
		fr.set(v, w)
	}
	// A block without values costs a step too, or an empty loop had no end.
	if fr.m.steps++; fr.m.steps > limit {
		return false, fr.fault(b, nil, errText("the run takes too many steps"))
	}
	return false, nil
}

// value computes one value.
func (fr *frame) value(v *ir.Value) (word, error) {
	for _, a := range v.Args {
		if !fr.have[a.ID] {
			return word{}, errText(a.String() + " is used and was not computed")
		}
	}
	return handler(v.Op)(fr, v)
}

func (fr *frame) set(v *ir.Value, w word) { fr.vals[v.ID], fr.have[v.ID] = w, true }

// get returns a value used by block b's end or an edge from it.
func (fr *frame) get(b *ir.Block, v *ir.Value) (word, error) {
	if !fr.have[v.ID] {
		return word{}, fr.fault(b, v, errText("is used and was not computed"))
	}
	return fr.vals[v.ID], nil
}

// arg returns argument i of v.
func (fr *frame) arg(v *ir.Value, i int) word { return fr.vals[v.Args[i].ID] }

// errText is a fault's message before its place is known.
type errText string

func (e errText) Error() string { return string(e) }

// fault adds the place to an error, unless it has one or is no fault.
func (fr *frame) fault(b *ir.Block, v *ir.Value, err error) error {
	text, ok := err.(errText)
	if !ok {
		return err
	}
	f := &Fault{Func: fr.f.Name, Block: b.String(), Value: "end of block", Pos: b.Pos, Msg: string(text)}
	if v != nil {
		f.Value, f.Pos = v.LongString(), v.Pos
	}
	return f
}

// opFunc computes one value whose arguments are there.
type opFunc func(*frame, *ir.Value) (word, error)

// handler returns the meaning of op, nil if it has none.
func handler(op ir.Op) opFunc {
	switch op {
	case ir.OpConst:
		return func(_ *frame, v *ir.Value) (word, error) { return word{bits: uint64(v.AuxInt)}, nil }
	case ir.OpArg:
		return func(fr *frame, v *ir.Value) (word, error) { return fr.args[v.AuxInt], nil }
	case ir.OpPhi:
		return func(fr *frame, v *ir.Value) (word, error) { return fr.vals[v.ID], nil }
	case ir.OpCore: // by the module's own types
		return func(_ *frame, v *ir.Value) (word, error) { return word{bits: uint64(v.AuxInt)}, nil }
	case ir.OpCopy, ir.OpOpaque, ir.OpHide, ir.OpPtrNum, ir.OpNumPtr:
		return func(fr *frame, v *ir.Value) (word, error) { return fr.arg(v, 0), nil }
	case ir.OpEq, ir.OpNe, ir.OpULt, ir.OpULe:
		return compare
	case ir.OpPtrAdd, ir.OpNonNull, ir.OpPtrDiff:
		return address
	case ir.OpSlotAddr:
		return func(fr *frame, v *ir.Value) (word, error) { return word{obj: fr.slots[v.Aux.(*ir.Slot).ID]}, nil }
	case ir.OpMapRef:
		return func(fr *frame, v *ir.Value) (word, error) { return word{obj: fr.m.maps[v.Aux.(*ir.Map)].self}, nil }
	case ir.OpScratch:
		return scratch
	case ir.OpGlobalAddr:
		return func(fr *frame, v *ir.Value) (word, error) {
			return word{obj: fr.m.globals[v.Aux.(*ir.Global)]}, nil
		}
	case ir.OpFuncRef:
		return func(_ *frame, v *ir.Value) (word, error) {
			f := v.Aux.(*ir.Func)
			return word{obj: &object{name: "function " + f.Name, fn: f}}, nil
		}
	case ir.OpKfuncAddr: // of a kernel that has none
		return func(*frame, *ir.Value) (word, error) { return word{}, nil }
	case ir.OpLoad:
		return load
	case ir.OpStore:
		return store
	case ir.OpAtomicAdd, ir.OpFetchAdd, ir.OpFetchAnd, ir.OpFetchOr, ir.OpFetchXor, ir.OpXchg, ir.OpCmpXchg:
		return atomic
	case ir.OpVolatileLoad:
		return load
	case ir.OpVolatileStore:
		return store
	case ir.OpPktGen:
		return func(fr *frame, _ *ir.Value) (word, error) { return word{bits: fr.m.gen}, nil }
	case ir.OpPktLen:
		return pktLen
	case ir.OpPktCheck:
		return pktCheck
	case ir.OpPktLoad:
		return pktLoad
	case ir.OpPktStore:
		return pktStore
	case ir.OpLdAbs, ir.OpLdInd:
		return legacyLoad
	case ir.OpEach:
		return each
	case ir.OpEachValue:
		return func(fr *frame, v *ir.Value) (word, error) {
			key := fr.arg(v, 0)
			if key.obj == nil || key.obj.value == nil || key.bits != 0 {
				return word{}, errText("the address is of no key")
			}
			return word{obj: key.obj.value}, nil
		}
	case ir.OpCall:
		return callHelper
	case ir.OpCallFunc:
		return callFunc
	}
	if _, ok := ir.Eval(op, 8, false, 1, 1); ok {
		return evaluate
	}
	return nil
}

// evaluate computes an op of numbers only.
func evaluate(fr *frame, v *ir.Value) (word, error) {
	var x [2]uint64
	for i := range v.Args {
		x[i] = fr.arg(v, i).bits
	}
	r, _ := ir.Eval(v.Op, v.AuxInt, fr.m.module.BigEndian, x[0], x[1])
	return word{bits: r}, nil
}

// compare compares numbers, Bools or addresses. Addresses into different
// objects differ, and have no order.
func compare(fr *frame, v *ir.Value) (word, error) {
	x, y := fr.arg(v, 0), fr.arg(v, 1)
	if x.obj != y.obj {
		switch v.Op {
		case ir.OpEq:
			return word{bits: 0}, nil
		case ir.OpNe:
			return word{bits: 1}, nil
		}
		return word{}, errText("compares addresses that have no order")
	}
	return evaluate(fr, v)
}

// address computes with addresses.
func address(fr *frame, v *ir.Value) (word, error) {
	x := fr.arg(v, 0)
	if x.obj == nil {
		return word{}, errText("the address is null")
	}
	switch v.Op {
	case ir.OpPtrAdd:
		if x.obj.data == nil {
			return word{}, errText("moves the address of " + x.obj.name)
		}
		x.bits += fr.arg(v, 1).bits
	case ir.OpPtrDiff:
		y := fr.arg(v, 1)
		if x.obj != y.obj || x.obj != fr.m.packet {
			return word{}, errText("the difference is not of two packet addresses")
		}
		return word{bits: x.bits - y.bits}, nil
	}
	return x, nil
}

// scratch claims scratch memory. Runs here do not nest: the first slot is free.
func scratch(fr *frame, v *ir.Value) (word, error) {
	s := fr.m.maps[v.Aux.(*ir.Map)]
	big := fr.m.module.BigEndian
	slot := s.find(putNumber(0, 4, big), big).values[fr.m.Env.CPU]
	runs := slot.data[ir.ScratchRuns : ir.ScratchRuns+8]
	copy(runs, putNumber(getNumber(runs, big)+1, 8, big))
	return word{obj: slot}, nil
}

func callFunc(fr *frame, v *ir.Value) (word, error) {
	args := make([]word, len(v.Args))
	for i := range args {
		args[i] = fr.arg(v, i)
	}
	return fr.m.call(v.Aux.(*ir.Func), args, fr.depth+1)
}
