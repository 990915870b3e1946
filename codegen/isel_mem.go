package codegen

import (
	"math"

	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// maxArgs is how many arguments a call takes.
const maxArgs = 5

// place is an address: a stack object or a register, and an offset.
type place struct {
	obj  int32
	base reg
	off  int32
}

// address returns where p + off is, constant offsets folded.
func (s *selector) address(p *ir.Value, off int32) place {
	total := int64(off)
	p = s.root(p)
	for p.Op == ir.OpPtrAdd {
		c, ok := p.Args[1].IsConst()
		if !ok || !fits16(total+c) {
			break
		}
		total += c
		p = s.root(p.Args[0])
	}
	if p.Op == ir.OpSlotAddr {
		return place{obj: int32(p.Aux.(*ir.Slot).ID) + 1, off: int32(total)}
	}
	base := s.use(p)
	if !fits16(total) {
		far := s.m.newReg()
		s.add(minst{op: bpf.Mov, size: bpf.B64, dst: far, src: base})
		s.aluImm(bpf.Add, bpf.B64, far, total)
		base, total = far, 0
	}
	return place{base: base, off: int32(total)}
}

func fits16(x int64) bool { return x >= math.MinInt16 && x <= math.MaxInt16 }

func (s *selector) load(d reg, v *ir.Value) {
	m := v.Mem()
	size := bpf.Size(m.Size)
	in := minst{op: bpf.Load, size: size, dst: d, region: m.Region}
	if p, c, ok := s.coreField(v); ok {
		in.src, in.off, in.core = s.use(p), int32(c.AuxInt), c.Aux.(*ir.Core)
	} else {
		a := s.address(v.Args[0], m.Off)
		in.src, in.obj, in.off = a.base, a.obj, a.off
	}
	signed := m.Signed && size < bpf.B64
	if signed && s.cpu >= bpf.V4 {
		in.op = bpf.LoadSX
	}
	s.add(in)
	if signed && s.cpu < bpf.V4 {
		s.aluImm(bpf.Lsh, bpf.B64, d, int64(64-size.Bits()))
		s.aluImm(bpf.Arsh, bpf.B64, d, int64(64-size.Bits()))
	}
}

// coreField takes the address of a load apart that is of one whole field of the
// running kernel: the loader patches the load itself, its width included.
func (s *selector) coreField(v *ir.Value) (base, core *ir.Value, ok bool) {
	p, m := s.root(v.Args[0]), v.Mem()
	if p.Op != ir.OpPtrAdd || m.Off != 0 {
		return nil, nil, false
	}
	core = s.root(p.Args[1])
	c, ok := core.Aux.(*ir.Core)
	if !ok || c.Kind != ir.CoreByteOffset || c.Field != m.Size || !fits16(core.AuxInt) || s.root(p.Args[0]).Op == ir.OpSlotAddr {
		return nil, nil, false
	}
	return p.Args[0], core, true
}

func (s *selector) store(v *ir.Value) {
	m := v.Mem()
	size := bpf.Size(m.Size)
	x := s.lowBits(v.Args[1], size.Bits())
	a := s.address(v.Args[0], m.Off)
	in := minst{op: bpf.Store, size: size, dst: a.base, obj: a.obj, off: a.off, region: m.Region}
	if c, ok := x.IsConst(); ok && m.Region != ir.RegionCtx {
		c = int64(ir.Sext(uint64(c), size.Bits()))
		if c == int64(int32(c)) {
			in.k, in.imm = true, c
			s.add(in)
			return
		}
	}
	in.src = s.use(x)
	in.number = x.Type != ir.Ptr
	if param, off, ok := paramPlace(v.Args[0]); ok && m.Region == ir.RegionStack && off+m.Off == a.off {
		in.param = int8(param + 1)
	}
	s.add(in)
}

// lowBits returns a value with the same low bits as x that takes less to make.
func (s *selector) lowBits(x *ir.Value, bits int) *ir.Value {
	for {
		x = s.root(x)
		switch {
		case (x.Op == ir.OpZext || x.Op == ir.OpSext) && int(x.AuxInt) >= bits:
			x = x.Args[0]
		case x.Op == ir.OpAnd && x.Type == ir.I64:
			c, ok := x.Args[1].IsConst()
			if !ok || ir.Zext(^uint64(c), bits) != 0 {
				return x
			}
			x = x.Args[0]
		default:
			return x
		}
	}
}

func (s *selector) atomicAdd(v *ir.Value) {
	m := v.Mem()
	x := s.use(v.Args[1])
	a := s.address(v.Args[0], m.Off)
	s.add(minst{op: bpf.AtomicAdd, size: bpf.Size(m.Size), dst: a.base, obj: a.obj, off: a.off, src: x, region: m.Region})
}

// fetchOps are the atomic instructions: with the old value as a result, and
// without one where there is such.
var fetchOps = map[ir.Op][2]bpf.Op{
	ir.OpFetchAdd: {bpf.FetchAdd, bpf.AtomicAdd}, ir.OpFetchAnd: {bpf.FetchAnd, bpf.AtomicAnd},
	ir.OpFetchOr: {bpf.FetchOr, bpf.AtomicOr}, ir.OpFetchXor: {bpf.FetchXor, bpf.AtomicXor}, ir.OpXchg: {bpf.Xchg, 0},
}

// atomicFetch selects an atomic operation that returns what was there. The
// instruction leaves it in the register of its operand.
func (s *selector) atomicFetch(d reg, v *ir.Value) {
	m := v.Mem()
	ops := fetchOps[v.Op]
	in := minst{op: ops[0], size: bpf.Size(m.Size), region: m.Region}
	if d == 0 && ops[1] != 0 {
		in.op, in.src = ops[1], s.use(v.Args[1])
	} else {
		in.src = d
		if d == 0 {
			in.src = s.m.newReg()
		}
		s.put(in.src, v.Args[1])
	}
	a := s.address(v.Args[0], m.Off)
	in.dst, in.obj, in.off = a.base, a.obj, a.off
	s.add(in)
}

// cmpXchg selects cmpxchg, which compares with r0 and leaves the old value there.
func (s *selector) cmpXchg(d reg, v *ir.Value) {
	m := v.Mem()
	x := s.use(v.Args[2])
	a := s.address(v.Args[0], m.Off)
	s.put(0, v.Args[1])
	s.add(minst{op: bpf.CmpXchg, size: bpf.Size(m.Size), dst: a.base, obj: a.obj, off: a.off, src: x, region: m.Region})
	s.result(d)
}

// skbLoad selects LD_ABS and LD_IND, which want the context in r6.
func (s *selector) skbLoad(d reg, v *ir.Value) {
	m := v.Mem()
	in := minst{op: bpf.LdAbs, size: bpf.Size(m.Size), imm: int64(m.Off)}
	if v.Op == ir.OpLdInd {
		in.op, in.src = bpf.LdInd, s.use(v.Args[1])
	}
	s.put(6, v.Args[0])
	s.add(in)
	s.result(d)
}

// result copies a call's result to d if it is wanted.
func (s *selector) result(d reg) {
	if d != 0 {
		s.add(minst{op: bpf.Mov, size: bpf.B64, dst: d, src: 0})
	}
}

// call selects a call: arguments to r1 to r5, those made anew last, so that they
// hold their register briefly.
func (s *selector) call(d reg, v *ir.Value) {
	if len(v.Args) > maxArgs {
		ir.Bugf("%s: call with %d arguments", s.f.Name, len(v.Args))
	}
	for i, a := range v.Args {
		if !fresh(s.root(a)) {
			s.put(reg(i+1), a)
		}
	}
	for i := len(v.Args) - 1; i >= 0; i-- {
		if fresh(s.root(v.Args[i])) {
			s.put(reg(i+1), v.Args[i])
		}
	}
	in := minst{op: bpf.Call, size: bpf.B64, call: &call{len(v.Args), s.callMem(v)}}
	switch callee := v.Aux.(type) {
	case *kernel.Helper:
		in.imm = int64(callee.ID)
		if callee.Kfunc {
			in.op, in.sym, in.imm = bpf.CallFunc, callee.Name, -1
		}
	case *ir.Func:
		in.op, in.sym, in.imm = bpf.CallFunc, callee.Name, -1
	}
	s.keepAlive(v)
	s.add(in)
	s.result(d)
}

// keepAlive reads the value that a bloom filter is asked for, right before it is:
// kernels from 7.1 on take it that the helper only writes it, as it does for other
// maps, so that what is stored counts as dead if a jump or a call is in between,
// and may not be read by the helper. The reads are of each word of four bytes that
// the value has a part of, wherever it lies.
func (s *selector) keepAlive(v *ir.Value) {
	h, _ := v.Aux.(*kernel.Helper)
	if h == nil || len(h.Args) != 2 || h.Args[1] != kernel.ArgValueInOut {
		return
	}
	m, _ := s.root(v.Args[0]).Aux.(*ir.Map)
	if m == nil || m.Type.Can(kernel.MapPop) {
		return
	}
	in := minst{op: bpf.Load, size: bpf.B8, dst: 0, src: 2, wanted: true}
	if a := s.root(v.Args[1]); fresh(a) {
		p := s.address(a, 0)
		in.obj, in.src, in.off = p.obj, 0, p.off
	}
	at := in.off
	whole := in.obj != 0 && s.m.objs[in.obj].align%4 == 0 && at%4 == 0
	for off := int32(0); off < int32(m.ValueSize); off += 4 {
		in.off = at + off
		s.add(in)
	}
	if last := int32(m.ValueSize) - 1; last%4 != 0 && !whole {
		in.off = at + last
		s.add(in)
	}
}

// callMem returns the stack objects that a call reads and writes.
func (s *selector) callMem(v *ir.Value) (mem []use) {
	h, _ := v.Aux.(*kernel.Helper)
	for i, a := range v.Args {
		a = s.root(a)
		if !fresh(a) || a.Op == ir.OpConst || a.Op == ir.OpCore || a.Op == ir.OpMapRef || a.Op == ir.OpFuncRef {
			continue
		}
		p := s.address(a, 0)
		u := use{obj: p.obj, off: p.off, size: int32(s.m.objs[p.obj].size) - p.off, read: true, write: true}
		if h != nil && i < len(h.Args) {
			s.narrowUse(&u, v, h, i)
		}
		if u.callee, u.param = s.callee(v, i); u.callee != nil {
			s.m.objs[u.obj].align = max(8, s.m.objs[u.obj].align)
		}
		mem = append(mem, u)
	}
	return mem
}

// callee returns the function that is handed argument i of a call, and as which of
// its parameters; nil if it is none of the module.
func (s *selector) callee(v *ir.Value, i int) (*ir.Func, int) {
	h, ok := v.Aux.(*kernel.Helper)
	if !ok {
		f, _ := v.Aux.(*ir.Func)
		return f, i
	}
	if i >= len(h.Args) || h.Args[i] != kernel.ArgFrame {
		return nil, 0
	}
	if f := callbackOf(v); f != nil {
		return f, f.Callback.Frame
	}
	return nil, 0
}

// narrowUse makes a call's use of a stack object as small as its helper's row
// says.
func (s *selector) narrowUse(u *use, v *ir.Value, h *kernel.Helper, i int) {
	var m *ir.Map
	for _, a := range v.Args {
		if a := s.root(a); a.Op == ir.OpMapRef {
			m = a.Aux.(*ir.Map)
		}
	}
	size := func() int32 {
		if i+1 < len(v.Args) {
			if c, ok := s.root(v.Args[i+1]).IsConst(); ok {
				return int32(c)
			}
		}
		return u.size
	}
	info := h.Args[i].Info()
	if !info.Reads && !info.Writes || h.Args[i] == kernel.ArgFrame {
		return
	}
	u.read, u.write = info.Reads, info.Writes
	switch {
	case info.Size == kernel.KeySize && m != nil:
		u.size = int32(m.KeySize)
	case info.Size == kernel.ValueSize && m != nil:
		u.size = int32(m.ValueSize)
	case info.Size == kernel.NextArg:
		u.size = size()
	case info.Size == kernel.Fixed:
		u.size = int32(h.Size(i))
	case info.Writes:
		u.read = true
	}
}

// findEscapes marks the slots whose address goes where accesses through it
// can't be told: all but direct accesses and arguments of calls. Slots that hold
// an address count as well, so that no other shares their bytes: without
// privileges the verifier refuses to overwrite part of one.
func (s *selector) findEscapes(rpo []*ir.Block) {
	escape := func(a *ir.Value) {
		for a = s.root(a); a.Op == ir.OpPtrAdd; {
			a = s.root(a.Args[0])
		}
		if a.Op == ir.OpSlotAddr {
			s.m.objs[a.Aux.(*ir.Slot).ID+1].escapes = true
		}
	}
	for _, b := range rpo {
		for _, v := range b.Values {
			if v.Op == ir.OpStore && v.Args[1].Type == ir.Ptr {
				escape(v.Args[0])
			}
			for i, a := range v.Args {
				if i == 0 && v.Op.IsAccess() {
					continue
				}
				switch v.Op {
				case ir.OpCall, ir.OpCallFunc, ir.OpCopy, ir.OpNonNull:
					if v.Op != ir.OpCopy && v.Op != ir.OpNonNull && !fresh(s.root(a)) {
						escape(a)
					}
					continue
				case ir.OpPtrAdd:
					if _, ok := v.Args[1].IsConst(); ok {
						continue
					}
				}
				escape(a)
			}
		}
		if b.Control != nil {
			escape(b.Control)
		}
	}
}

// findRanged marks the registers of numbers that the verifier must know the
// range of: offsets of addresses and sizes, and what they are computed from.
func (s *selector) findRanged(rpo []*ir.Block) {
	seen := make([]bool, s.f.NumValues())
	s.m.ranged = make([]bool, s.m.nreg)
	var mark func(v *ir.Value)
	mark = func(v *ir.Value) {
		v = s.root(v)
		if seen[v.ID] || v.Type != ir.I64 {
			return
		}
		seen[v.ID] = true
		for _, r := range [2]reg{s.regs[v.ID], s.temps[v.ID]} {
			if r != 0 {
				s.m.ranged[r] = true
			}
		}
		if v.Op.Info().Pure || v.Op == ir.OpPhi {
			for _, a := range v.Args {
				mark(a)
			}
		}
	}
	for _, b := range rpo {
		for _, v := range b.Values {
			switch v.Op {
			case ir.OpPtrAdd, ir.OpLdInd:
				mark(v.Args[1])
			case ir.OpCall:
				h := v.Aux.(*kernel.Helper)
				for i, a := range v.Args {
					if i < len(h.Args) && (h.Args[i].IsSize() || h.Args[i] == kernel.ArgScalar) {
						mark(a)
					}
				}
			}
		}
	}
}
