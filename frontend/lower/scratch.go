package lower

import (
	"slices"
	"strconv"

	"github.com/cilium/ebpf/btf"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Scratch memory: objects that do not fit on the stack.
//
// They lie one behind the other in a slot of a map that the program has for
// them (ir/opt/scratch.go says how a run comes by its slot). The slot's address
// is computed at the program's beginning, so that it is there everywhere, also
// where a packet read past the end leads; subprograms get it as a parameter.
// Which objects go there is a matter of their size alone, so that objects of one
// type are in one place and join.

// scratch is the scratch memory of a program.
type scratch struct {
	base *ir.Value // in the main function
	m    *ir.Map
	size int64
}

// The largest value of a per-CPU map: PCPU_MIN_UNIT_SIZE of the kernel.
const maxScratch = 32 << 10

// roleScratch is the parameter of a subprogram that is the slot's address.
const roleScratch = -3

// openScratch makes the slot's address, first of all in the program.
func (lw *lowerer) openScratch() {
	t, _ := kernel.MapTypeByName("percpu_array")
	m := &ir.Map{Name: lw.prog.Name + "_scratch", Type: t, KeySize: 4, MaxEntries: ir.ScratchSlots, Pos: lw.b.Func.Pos}
	v := lw.b.Block.NewValue(ir.OpScratch, ir.Ptr, lw.b.Pos)
	v.Aux = m
	lw.scratch = &scratch{base: v, m: m, size: ir.ScratchData}
	lw.scratchBase = v
}

// closeScratch gives the map its size, or takes all of it back if nothing is in
// it.
func (lw *lowerer) closeScratch(f *ir.Func) {
	s := lw.scratch
	if s.base.Uses == 0 {
		entry := f.Entry()
		entry.Values = slices.DeleteFunc(entry.Values, func(v *ir.Value) bool { return v == s.base })
		return
	}
	u64, _ := ctype.Scalar("__u64")
	index, _ := ctype.Scalar("__u32")
	u8, _ := ctype.Scalar("__u8")
	s.m.ValueSize = uint32(s.size+7) &^ 7
	array := &btf.Array{Index: index, Type: u8, Nelems: s.m.ValueSize - ir.ScratchData}
	s.m.Key = index
	s.m.Value = &btf.Struct{Name: "scratch", Size: s.m.ValueSize, Members: []btf.Member{
		{Name: "busy", Type: u64, Offset: ir.ScratchBusy * 8},
		{Name: "refused", Type: u64, Offset: ir.ScratchRefused * 8},
		{Name: "runs", Type: u64, Offset: ir.ScratchRuns * 8},
		{Name: "data", Type: array, Offset: ir.ScratchData * 8},
	}}
	lw.mod.Maps = append(lw.mod.Maps, s.m)
	switch {
	case lw.opts.Kernel.Before(fetchKernel):
		lw.r.Errorf(diag.StackOverflow, lw.span(s.m.Pos), "this program needs more memory than the 512 bytes of the stack, which takes kernel %s; the target is %s", fetchKernel, lw.opts.Kernel)
	case lw.opts.CPU != 0 && lw.opts.CPU < fetchCPU:
		lw.r.Errorf(diag.StackOverflow, lw.span(s.m.Pos), "this program needs more memory than the 512 bytes of the stack, which takes -mcpu v%d; the target is v%d", fetchCPU, lw.opts.CPU)
	}
}

// NameScratch gives the maps that programs brought along names that no other
// map, variable or program has; these are named by now.
func NameScratch(mod *ir.Module, maps []*ir.Map) {
	taken := map[string]bool{}
	for _, m := range mod.Maps {
		taken[m.Name] = !slices.Contains(maps, m)
	}
	for _, g := range mod.Globals {
		taken[g.Name] = true
	}
	for _, f := range mod.Funcs {
		taken[f.Name] = taken[f.Name] || f.Sub == nil || f.Linkable != nil
	}
	for _, m := range maps {
		base := m.Name
		for n := 2; taken[m.Name]; n++ {
			m.Name = base + "_" + strconv.Itoa(n)
		}
		taken[m.Name] = true
	}
}

// scratchObject makes an object of size bytes in scratch memory.
func (lw *lowerer) scratchObject(n syntax.Node, t ctype.Type, size int) (Ref, bool) {
	s := lw.scratch
	at := s.size
	if at+int64(size) > maxScratch {
		lw.errorf(n, diag.StackOverflow, "the objects of this program need more than the stack and %d bytes besides; '%s' has %d; use a map", maxScratch, ctype.Name(t), size)
		return Ref{}, false
	}
	s.size = (at + int64(size) + 7) &^ 7
	return Ref{Addr: lw.scratchBase, Off: at, Type: t, Region: ir.RegionMap, Lo: at, Hi: at + int64(size), fresh: true, scratch: true}, true
}

// inScratch reports whether objects of that size are in scratch memory.
func (lw *lowerer) inScratch(size int) bool {
	most := maxObject
	if lw.opts.StackObject > 0 {
		most = lw.opts.StackObject
	}
	return size > most
}

// longRun is how many bytes are written or copied in a row; more are in a loop,
// which kernels follow only if they trust who loads the program (CAP_PERFMON).
const longRun = 4096

// chunk is how many bytes such a loop takes in one trip.
const chunk = 64

// repeat builds a loop of count trips, at most most of them; body is given the
// number of the trip, from 0. It must not branch.
func (lw *lowerer) repeat(count *ir.Value, most int64, body func(i *ir.Value)) {
	b := lw.b
	f := b.Func
	head, inside, after := f.NewBlock(ir.BlockRet), f.NewBlock(ir.BlockRet), f.NewBlock(ir.BlockRet)
	zero := b.Const(0)
	b.Jump(head)
	b.Block = head
	head.Loop = &ir.Loop{Limit: most, What: "copy", Pos: b.Pos}
	i := b.Phi(ir.I64)
	b.If(b.Op(ir.OpULt, i, count), inside, after)
	b.Block = inside
	body(i)
	next := b.Op(ir.OpAdd, i, b.Const(1))
	b.Jump(head)
	i.AddArg(zero)
	i.AddArg(next)
	b.Block = after
}

// chunks runs body for each whole chunk of n bytes, with the offset of the chunk
// added to the addresses, and returns how many bytes that are.
func (lw *lowerer) chunks(n int64, addrs []*ir.Value, body func(p []*ir.Value)) int64 {
	trips := n / chunk
	lw.repeat(lw.b.Const(trips), trips, func(i *ir.Value) {
		off := lw.b.Op(ir.OpMul, lw.b.OpBits(ir.OpBound, trips-1, i), lw.b.Const(chunk))
		moved := make([]*ir.Value, len(addrs))
		for k, p := range addrs {
			moved[k] = lw.b.PtrAdd(p, off)
		}
		body(moved)
	})
	return trips * chunk
}

// looped reports whether n bytes of r are written or copied in a loop.
func (r Ref) looped(n int64) bool {
	return n > longRun && !aligned(r.Region) && r.Region != ir.RegionPacket
}
