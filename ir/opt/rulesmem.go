package opt

import (
	"math"

	"github.com/luabpfc/luabpfc/ir"
)

var memoryRules = []rule{
	{"ptradd", []ir.Op{ir.OpPtrAdd}, ptrAddRule},
	{"bound", []ir.Op{ir.OpBound}, boundRule},
	{"nonnull", []ir.Op{ir.OpNonNull}, nonNullRule},
	{"offset", []ir.Op{ir.OpLoad, ir.OpStore, ir.OpAtomicAdd, ir.OpFetchAdd, ir.OpFetchAnd, ir.OpFetchOr, ir.OpFetchXor,
		ir.OpXchg, ir.OpCmpXchg, ir.OpVolatileLoad, ir.OpVolatileStore}, offsetRule},
	{"table", []ir.Op{ir.OpLoad}, tableRule},
	{"narrow", []ir.Op{ir.OpStore, ir.OpAtomicAdd}, narrowRule},
	{"check-base", []ir.Op{ir.OpPktCheck}, checkBaseRule},
	{"load-base", []ir.Op{ir.OpPktLoad, ir.OpPktStore}, loadBaseRule},
}

func ptrAddRule(s *simplifier, v *ir.Value) *ir.Value {
	k, ok := right(v)
	if !ok {
		return nil
	}
	// (ptradd p 0) => p
	if k == 0 && s.ok() {
		return v.Args[0]
	}
	// (ptradd (ptradd p c) d) => (ptradd p c+d)
	if p, c, ok := inner(v, ir.OpPtrAdd); ok && s.ok() {
		return become(v, ir.OpPtrAdd, p, s.num(c+k))
	}
	return nil
}

// (bound x k) => x if every verifier sees that x <= k, in the low phase: before,
// a loop may become a function to which x comes through memory. What only the
// compiler knows of x does not count, nor what another block computes, which
// may be spilled in between.
func boundRule(s *simplifier, v *ir.Value) *ir.Value {
	x := v.Args[0]
	if s.f.Phase < ir.PhaseLow || x.Block != v.Block && x.Op != ir.OpConst {
		return nil
	}
	if n, ok := ir.EvidentMax(x); ok && n <= uint64(v.AuxInt) && s.ok() {
		return x
	}
	return nil
}

// (nonnull (nonnull p)), (nonnull (slot)), (nonnull (ptradd p n)) => the argument
func nonNullRule(s *simplifier, v *ir.Value) *ir.Value {
	switch v.Args[0].Op {
	case ir.OpNonNull, ir.OpSlotAddr, ir.OpPtrAdd, ir.OpMapRef, ir.OpGlobalAddr:
		if s.ok() {
			return v.Args[0]
		}
	}
	return nil
}

// (load (ptradd p c) off) => (load p off+c); stores and atomics likewise. The
// instructions have 16 bits for it.
func offsetRule(s *simplifier, v *ir.Value) *ir.Value {
	p, k, ok := inner(v, ir.OpPtrAdd)
	if !ok {
		return nil
	}
	off := int64(v.Mem().Off) + k
	if off < math.MinInt16 || off > math.MaxInt16 || !s.ok() {
		return nil
	}
	v.SetArg(0, p)
	withOffset(v, off)
	return v
}

// (load (global g) off) => the number that is there, if g is constant and the
// object's own, which no loader changes.
func tableRule(s *simplifier, v *ir.Value) *ir.Value {
	p, m := v.Args[0], v.Mem()
	if p.Op != ir.OpGlobalAddr || v.Type != ir.I64 {
		return nil
	}
	g := p.Aux.(*ir.Global)
	lo, hi := int64(m.Off), int64(m.Off)+int64(m.Size)
	if !g.Const || !g.Static || lo < 0 || hi > int64(len(g.Data)) || !s.ok() {
		return nil
	}
	var x uint64
	for i, b := range g.Data[lo:hi] {
		if s.f.Module.BigEndian {
			x = x<<8 | uint64(b)
		} else {
			x |= uint64(b) << (8 * i)
		}
	}
	if m.Signed {
		x = ir.Sext(x, int(m.Size)*8)
	}
	return s.num(int64(x))
}

// withOffset gives v's access another offset. Accesses may be shared.
func withOffset(v *ir.Value, off int64) {
	m := *v.Mem()
	m.Off = int32(off)
	v.Aux = &m
}

// (store n p (zext m x)) => (store n p x) if n <= m bits; sext likewise, and a
// mask with all n bits. Atomics add modulo 2^n.
func narrowRule(s *simplifier, v *ir.Value) *ir.Value {
	x, n := v.Args[1], int64(v.Mem().Size)*8
	switch {
	case (x.Op == ir.OpZext || x.Op == ir.OpSext) && n <= x.AuxInt:
	case x.Op == ir.OpAnd && x.Type == ir.I64 && x.Args[1].Op == ir.OpConst &&
		ir.Zext(uint64(^x.Args[1].AuxInt), int(n)) == 0:
	default:
		return nil
	}
	if !s.ok() {
		return nil
	}
	v.SetArg(1, x.Args[0])
	return v
}

// nearBase is how large a packet offset may be known to be for its sums not to
// overflow.
const nearBase = 1 << 40

// checkBaseRule gives checks of one place the same base:
//
//	(pktcheck g c off) => (pktcheck g 0 off+c) if c >= 0 and off+c >= 0
//	(pktcheck g (add x c) off) => (pktcheck g x off+c) if 0 <= x, 0 <= c: x+c is
//	negative in neither, and their sums with off are the same
func checkBaseRule(s *simplifier, v *ir.Value) *ir.Value {
	base, m := v.Args[1], v.Mem()
	if k, ok := base.IsConst(); ok {
		off := k + int64(m.Off)
		if k <= 0 || k > nearBase || off < 0 || off+int64(m.Size) > math.MaxInt32 || !s.ok() {
			return nil
		}
		v.SetArg(1, s.num(0))
		withOffset(v, off)
		return v
	}
	x, k, ok := addConst(base)
	if !ok || k < 0 || s.rangeOf(x).Hi > nearBase {
		return nil
	}
	off := k + int64(m.Off)
	if k > nearBase || off+int64(m.Size) > math.MaxInt32 || !s.ok() {
		return nil
	}
	v.SetArg(1, x)
	withOffset(v, off)
	return v
}

func addConst(v *ir.Value) (x *ir.Value, k int64, ok bool) {
	if v.Op != ir.OpAdd {
		return nil, 0, false
	}
	k, ok = v.Args[1].IsConst()
	return v.Args[0], k, ok
}

// loadBaseRule lets a packet load follow its check:
// (pktload (pktcheck g x) (add x c) off) => (pktload (pktcheck g x) x off+c)
func loadBaseRule(s *simplifier, v *ir.Value) *ir.Value {
	check, base := v.Args[0], v.Args[1]
	if check.Op != ir.OpPktCheck || same(base, check.Args[1]) {
		return nil
	}
	want := check.Args[1]
	var k int64
	if x, c, ok := addConst(base); ok && x == want {
		k = c
	} else if c, ok := base.IsConst(); ok {
		w, ok := want.IsConst()
		if !ok {
			return nil
		}
		k = c - w
	} else {
		return nil
	}
	off := k + int64(v.Mem().Off)
	if off < math.MinInt32 || off > math.MaxInt32 || !s.ok() {
		return nil
	}
	v.SetArg(1, want)
	withOffset(v, off)
	return v
}
