package lower

import (
	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Atomic operations and volatile accesses of a place.

// fetchKernel and fetchCPU have the atomic operations that return a value.
var fetchKernel = kernel.Version{Major: 5, Minor: 12}

const fetchCPU = 3

// atomic is bpf.atomic.NAME(place, ...): it returns what was there before.
func atomic(name string, op ir.Op, operands int) func(*lowerer, *syntax.Call) Value {
	return func(lw *lowerer, e *syntax.Call) Value {
		usage := "bpf.atomic." + name + "(place, x)"
		if operands == 2 {
			usage = "bpf.atomic." + name + "(place, old, new)"
		}
		if len(e.Args) != operands+1 {
			return lw.errorf(e, diag.WrongArguments, "'bpf.atomic.%s' is called with %s; it is %s", name, counted(len(e.Args)), usage)
		}
		unused := lw.unused == e
		r, args, v := lw.atomicArgs(e, "bpf.atomic."+name)
		if v != nil {
			return v
		}
		if op == ir.OpFetchAdd && unused {
			lw.xaddRef(e.Args[0], r, args[0])
			return Nil
		}
		if !lw.hasFetch(e, name) {
			return Bad{}
		}
		return lw.atomicRef(e, r, op, args)
	}
}

// hasFetch reports whether the target has such operations.
func (lw *lowerer) hasFetch(e *syntax.Call, name string) bool {
	hint := ""
	if name == "add" {
		hint = "; without using its result it works everywhere"
	}
	switch {
	case lw.opts.Kernel.Before(fetchKernel):
		lw.errorf(e, diag.NeedsNewerKernel, "'bpf.atomic.%s' needs kernel %s; the target is %s%s", name, fetchKernel, lw.opts.Kernel, hint)
		return false
	case lw.opts.CPU != 0 && lw.opts.CPU < fetchCPU:
		lw.errorf(e, diag.NeedsNewerKernel, "'bpf.atomic.%s' needs -mcpu v%d; the target is v%d%s", name, fetchCPU, lw.opts.CPU, hint)
		return false
	}
	return true
}

// atomicArgs evaluates the place and the numbers. What is not nil in their place
// is the call's value.
func (lw *lowerer) atomicArgs(e *syntax.Call, name string) (r Ref, args []*ir.Value, v Value) {
	place := lw.placeOf(e.Args[0])
	if lw.b.Block == nil {
		return r, nil, Bad{}
	}
	for _, a := range e.Args[1:] {
		n, ok := lw.intOf(a, lw.expr(a), "'"+name+"'")
		if !ok || lw.b.Block == nil {
			return r, nil, Bad{}
		}
		args = append(args, n.V)
	}
	lw.at(e)
	place = lw.resolve(place)
	if isNil(place) {
		return r, nil, Nil
	}
	r, ok := lw.placeRef(place)
	if !ok {
		if _, bad := place.(Bad); !bad {
			lw.errorf(e.Args[0], diag.NotAPlace, "'%s' needs a place in memory, such as m[k], not %s", name, describe(place))
		}
		return r, nil, Bad{}
	}
	return r, args, nil
}

// atomicRef does an atomic operation at r.
func (lw *lowerer) atomicRef(e *syntax.Call, r Ref, op ir.Op, args []*ir.Value) Value {
	t, ok := scalarOf(r.Type)
	name := exprName(e.Fn)
	switch {
	case !ok || r.Pointer:
		return lw.errorf(e.Args[0], diag.NotAPlace, "'%s' changes a number, not %s", name, describe(r))
	case t.size < 4 || r.Bits.Width > 0:
		return lw.errorf(e.Args[0], diag.NotAPlace, "the kernel has atomic operations on 4 and 8 bytes only; this is a '%s'", ctype.Name(r.Type))
	case t.be && (op == ir.OpFetchAdd):
		return lw.errorf(e.Args[0], diag.NotAPlace, "'%s' can't add to a '%s', which is in network order", name, ctype.Name(r.Type))
	case r.Region == ir.RegionPacket || r.Region == ir.RegionCtx || r.Region == ir.RegionKernel:
		return lw.errorf(e.Args[0], diag.NotAPlace, "the kernel has atomic operations on maps, records, globals and the stack only; this is %s memory", r.Region)
	case r.misaligned(t.size):
		return lw.errorf(e.Args[0], diag.NotAPlace, "the kernel has atomic operations on aligned numbers only; this one is not")
	}
	if !lw.writable(e.Args[0], r) {
		return Bad{}
	}
	lw.aboutToWrite(r)
	if t.be {
		for i, a := range args {
			args[i] = lw.b.OpBits(ir.OpToBE, int64(t.size)*8, a)
		}
	}
	old := lw.within(r, func(r Ref) Value {
		p, off := lw.address(r)
		v := lw.b.Atomic(op, ir.Mem{Region: r.Region, Off: int32(off), Size: int32(t.size)}, append([]*ir.Value{p}, args...)...)
		switch {
		case t.be:
			v = lw.b.OpBits(ir.OpToBE, int64(t.size)*8, v)
		case t.signed && t.size < 8:
			v = lw.b.OpBits(ir.OpSext, int64(t.size)*8, v)
		}
		return lw.widened(t, r.Bits, v)
	}, func() Value { return lw.widened(t, r.Bits, lw.b.Const(0)) })
	if r.Present == nil || r.Sure || lw.b.Block == nil {
		return old
	}
	if truth, known := lw.known(r.Present); known && truth {
		return old
	}
	return Opt{r.Present, old}
}

// volatile is bpf.volatile(place [, v]): the place read, or written, each time.
func (lw *lowerer) volatile(e *syntax.Call) Value {
	if len(e.Args) != 1 && len(e.Args) != 2 {
		return lw.errorf(e, diag.WrongArguments, "'bpf.volatile' is called with %s; it is bpf.volatile(place [, v])", counted(len(e.Args)))
	}
	place := lw.placeOf(e.Args[0])
	if lw.b.Block == nil {
		return Bad{}
	}
	place = lw.resolve(place)
	if isNil(place) {
		return Nil
	}
	r, ok := lw.placeRef(place)
	if !ok {
		if _, bad := place.(Bad); bad {
			return place
		}
		return lw.errorf(e.Args[0], diag.NotAPlace, "'bpf.volatile' needs a place in memory, such as m[k], not %s", describe(place))
	}
	r.Volatile = true
	if len(e.Args) == 1 {
		lw.at(e)
		return lw.loadRef(e, r)
	}
	v := lw.expr(e.Args[1])
	if lw.b.Block == nil {
		return Bad{}
	}
	lw.at(e)
	lw.storeRef(e, r, v)
	return Tuple{}
}
