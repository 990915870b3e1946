package opt

import (
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Scratch memory: what does not fit on the stack.
//
// A program that needs some has one OpScratch in its entry, whose map is a
// per-CPU array of ir.ScratchSlots slots. A run claims a slot of its CPU with an
// atomic exchange and frees it on every way out. Programs are preempted by
// others, by interrupts and by themselves (a program of the network runs in a
// system call and again in the interrupt that comes in between; bpf_clone_redirect
// runs it inside of itself; a test run is interrupted by live packets), on the
// same CPU, and the order in which they end is that of nesting for interrupts
// only: so no counter of levels will do, nor one slot without a claim. Runs do not
// change CPUs, thus nobody else looks at the slot, and no order of memory between
// CPUs matters.
//
// With no slot free the run ends with the kind's default verdict, and the first
// slot counts it.
//
// A tail call ends the run if it succeeds: the slot is freed in front of it. If it
// fails the run goes on with what it has in the slot, if nobody has claimed the
// slot in between (the owner's number is the same) or has it now; else it ends as
// if there had been none.
//
// Part of the pass "checks", once all ways out are returns.

type scratchExpander struct {
	f    *ir.Func
	base *ir.Value // the slot's address
	run  *ir.Value // the owner's number
}

// scratchOf returns the value that claims f's scratch memory, nil if it has none.
func scratchOf(f *ir.Func) *ir.Value {
	for _, v := range f.Entry().Values {
		if v.Op == ir.OpScratch {
			return v
		}
	}
	return nil
}

// expandScratch claims and frees the scratch memory of f, if it has some.
func expandScratch(f *ir.Func) {
	base := scratchOf(f)
	if base == nil {
		return
	}
	s := &scratchExpander{f: f, base: base}
	for _, b := range f.Blocks {
		if b.Kind == ir.BlockRet {
			s.free(endOf(b, b.Pos))
		}
	}
	var calls []*ir.Value
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			if isHelper(v, "tail_call") {
				calls = append(calls, v)
			}
		}
	}
	got := s.claim()
	at := &cursor{got, 1, base.Pos}
	s.run = at.op(ir.OpAdd, ir.I64, s.access(at, ir.OpVolatileLoad, ir.I64, ir.ScratchRuns), at.konst(1))
	s.access(at, ir.OpVolatileStore, ir.Void, ir.ScratchRuns, s.run)
	for _, v := range calls {
		s.around(v)
	}
}

// access puts an access to a number in front of the slot there.
func (s *scratchExpander) access(at *cursor, op ir.Op, t ir.Type, off int32, args ...*ir.Value) *ir.Value {
	return slotAccess(at, op, t, s.base, off, args...)
}

func slotAccess(at *cursor, op ir.Op, t ir.Type, base *ir.Value, off int32, args ...*ir.Value) *ir.Value {
	v := at.op(op, t, append([]*ir.Value{base}, args...)...)
	v.Aux = &ir.Mem{Region: ir.RegionMap, Off: off, Size: 8}
	return v
}

func (s *scratchExpander) free(at *cursor) {
	s.access(at, ir.OpVolatileStore, ir.Void, ir.ScratchBusy, at.konst(0))
}

// claim builds the search for a free slot where the OpScratch is, and returns the
// block behind it, which begins with the slot's address.
func (s *scratchExpander) claim() *ir.Block {
	f, pos, m := s.f, s.base.Pos, s.base.Aux
	b := s.base.Block
	got := splitBlock(b, indexOf(b, s.base))
	s.base.Reset(ir.OpPhi)
	key := f.NewSlot(4, "", pos)
	missing := f.NewBlock(ir.BlockRet) // an array has all its entries: for the verifier
	missing.Pos = pos
	missing.SetControl(endOf(missing, pos).konst(f.Prog().Default))
	var first *ir.Value
	for n := range ir.ScratchSlots {
		at := endOf(b, pos)
		k := at.slot(key)
		at.op(ir.OpStore, ir.Void, k, at.konst(int64(n))).Aux = &ir.Mem{Region: ir.RegionStack, Size: 4}
		ref := at.op(ir.OpMapRef, ir.Ptr)
		ref.Aux = m
		p := at.call(ir.Ptr, kernel.HelperByName("map_lookup_elem"), ref, k)
		null := at.op(ir.OpConst, ir.Ptr)
		there := f.NewBlock(ir.BlockIf)
		b.Pos = pos
		branch(b, at.op(ir.OpEq, ir.Bool, p, null), missing, there)
		at = endOf(there, pos)
		p = at.op(ir.OpNonNull, ir.Ptr, p)
		if first == nil {
			first = p
		}
		old := slotAccess(at, ir.OpXchg, ir.I64, p, ir.ScratchBusy, at.konst(1))
		next := f.NewBlock(ir.BlockRet)
		there.Pos = pos
		branch(there, at.op(ir.OpEq, ir.Bool, old, at.konst(0)), got, next)
		s.base.AddArg(p)
		b = next
	}
	s.refuse(b, first)
	return got
}

// refuse ends the run in b, for which there is no slot.
func (s *scratchExpander) refuse(b *ir.Block, slot *ir.Value) {
	b.Kind, b.Pos = ir.BlockRet, s.base.Pos
	at := endOf(b, b.Pos)
	slotAccess(at, ir.OpAtomicAdd, ir.Void, slot, ir.ScratchRefused, at.konst(1))
	b.SetControl(at.konst(s.f.Kind.Default))
}

// around frees the slot in front of a tail call and takes it back behind it.
func (s *scratchExpander) around(call *ir.Value) {
	f, b := s.f, call.Block
	at := &cursor{b, indexOf(b, call), call.Pos}
	s.free(at)
	next := splitBlock(b, at.i+1)
	at = endOf(b, call.Pos)
	old := s.access(at, ir.OpXchg, ir.I64, ir.ScratchBusy, at.konst(1))
	mine, others, lost := f.NewBlock(ir.BlockIf), f.NewBlock(ir.BlockJump), f.NewBlock(ir.BlockRet)
	b.Pos, mine.Pos = s.base.Pos, s.base.Pos
	branch(b, at.op(ir.OpEq, ir.Bool, old, at.konst(0)), mine, lost)
	at = endOf(mine, call.Pos)
	run := s.access(at, ir.OpVolatileLoad, ir.I64, ir.ScratchRuns)
	branch(mine, at.op(ir.OpEq, ir.Bool, run, s.run), next, others)
	s.free(endOf(others, call.Pos))
	others.Pos = call.Pos
	others.AddEdge(lost)
	s.refuse(lost, s.base)
}
