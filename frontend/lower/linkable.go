package lower

import (
	"github.com/cilium/ebpf/btf"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// Functions that other objects link against: bpf.func(prototype, fn).
//
// The object that calls one is linked with this one, and the kernel verifies the
// function where it is called, with what it is called with. Here nothing is known of
// that but the C prototype:
//
//	void *             the caller's context, for helpers that want one; the first only
//	uint8_t data[64]   memory of the caller's, that is its stack: read and written
//	struct x *         the same if the script declares struct x for its own memory,
//	                   otherwise an object of the kernel, whose address may be no more
//	                   than a number to the verifier: it is read by helpers
//	numbers            as they are
//
// The caller's memory is aligned as stacks are: to 8 bytes.

// linkable begins a function to link against: its parameters.
func (lw *lowerer) linkable(f *ir.Func) {
	proto := lw.prog.Proto
	f.Sub, f.Linkable = &ir.Sub{Prog: lw.prog.Kind, Ctx: -1}, &ir.Linkable{Type: proto.Type}
	for i, p := range proto.Type.Params {
		t := ir.I64
		if ptr, ok := underlying(p.Type).(*btf.Pointer); ok {
			t = ir.Ptr
			if _, void := underlying(ptr.Target).(*btf.Void); void && f.Sub.Ctx < 0 {
				f.Sub.Ctx = i
			}
		}
		f.Params = append(f.Params, ir.Param{Name: p.Name, Type: t})
	}
}

// linkableArgs returns the values of such a function's parameters.
func (lw *lowerer) linkableArgs(fn *syntax.Function) []Value {
	var out []Value
	for i, p := range lw.prog.Proto.Type.Params {
		v := lw.b.Arg(i)
		ptr, ok := underlying(p.Type).(*btf.Pointer)
		switch {
		case !ok:
			out = append(out, lw.narrowed(p.Type, v))
		case i == lw.b.Func.Sub.Ctx:
			lw.ctx = v
			out = append(out, Context{lw.prog.Kind})
		default:
			out = append(out, lw.linkablePointer(paramNode(fn, i), v, ptr.Target, lw.prog.Proto.Lengths[i]))
		}
	}
	return out
}

// linkablePointer is what a parameter points to, n elements if it is an array.
func (lw *lowerer) linkablePointer(at syntax.Node, v *ir.Value, t ctype.Type, n uint32) Value {
	scope := lw.stage.Types()
	switch underlying(t).(type) {
	case *btf.Void:
		return lw.viewOf(v, t, byKernel)
	case *btf.FuncProto:
		return lw.errorf(at, diag.UnsupportedType, "a function can't be passed to a function of another object")
	case *btf.Struct, *btf.Union, *btf.Fwd:
		if r := scope.Resolve(t); scope.Incomplete(r) || scope.Preserved(r) {
			return lw.viewOf(v, t, byKernel)
		}
	}
	if n > 0 {
		index, _ := ctype.Scalar("__u32")
		t = &btf.Array{Index: index, Type: t, Nelems: n}
	}
	return Ref{Addr: v, Region: ir.RegionStack, Type: t, Hi: int64(ctype.Size(t)), Pointer: !isAggregate(t)}
}
