package lower

import (
	"slices"

	"github.com/cilium/ebpf/btf"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// Functions of the kernel that programs implement (struct_ops). A program is called
// with the function's arguments, in words of 64 bits as tracing programs are, and
// its result is the function's. Some structures' members may be written, by a rule of
// the subsystem's own, which ir/kernel has.

// memberArgs are the arguments of the function.
func (lw *lowerer) memberArgs(fn *syntax.Function, n int) []Value {
	m := lw.prog.Member
	if m == nil {
		return []Value{Context{lw.prog.Kind}}
	}
	if n == 0 {
		return nil
	}
	out, _ := lw.tracedParams(fn, n, m.Proto.Type, 0)
	for i, v := range out {
		if r, ok := v.(Ref); ok && r.view != nil && m.Known != nil && underlying(r.Type).TypeName() == m.Known.Argument {
			vw := *r.view
			vw.is = m.Known.Is
			r.view = &vw
			out[i] = r
		}
	}
	return out
}

// memberResult ends the program with the function's result.
func (lw *lowerer) memberResult(s *syntax.ReturnStmt, v Value) {
	m := lw.prog.Member
	t := m.Proto.Type.Return
	n := Int{V: lw.b.Const(0)}
	switch _, pointer := underlying(t).(*btf.Pointer); {
	case isNil(v):
	case ctype.IsVoid(t):
		lw.r.Warnf(diag.ResultIgnored, s.Exprs[0].Bounds().In(lw.file), "'%s' of 'struct %s' returns nothing; this value is ignored", m.Name, m.Struct)
	case pointer || !ctype.IsScalar(t):
		lw.errorf(s.Exprs[0], diag.UnsupportedType, "'%s' of 'struct %s' returns a '%s', which programs can't make", m.Name, m.Struct, ctype.Name(t))
	default:
		x, ok := lw.storable(s.Exprs[0], v, "returned")
		if !ok || lw.b.Block == nil {
			break
		}
		if n = x; ctype.IsBool(t) {
			n.V = lw.b.Op(ir.OpBoolToInt, lw.b.Op(ir.OpNe, x.V, lw.b.Const(0)))
		}
	}
	if lw.b.Block != nil {
		lw.end(n.V)
	}
}

// isToo reports whether the verifier takes what p points to for a t.
func isToo(p Ref, t ctype.Type) bool {
	return p.Off == 0 && p.Index == nil && len(p.view.steps) == 0 &&
		slices.Contains(p.view.is, ctype.Essential(underlying(t).TypeName()))
}

// memberWritable reports whether r, a part of an object that the kernel handed to the
// program, may be written.
func (lw *lowerer) memberWritable(r Ref) bool {
	m := lw.prog.Member
	if m == nil || m.Known == nil || r.view == nil || r.view.is == nil || r.view.by != byLoad || r.Index != nil || r.Bits.Width > 0 {
		return false
	}
	if _, scalar := scalarOf(r.Type); !scalar {
		return false
	}
	for _, w := range m.Known.Writable {
		t, ok := lw.stage.Types().Tag("struct", w.Struct)
		if !ok || r.view.root == nil || len(r.view.steps) == 0 {
			continue
		}
		if f, ok := ctype.FindMember(t, w.Member); ok && underlying(t) == r.view.root &&
			len(f.Path) <= len(r.view.steps) && slices.Equal(f.Path, r.view.steps[:len(f.Path)]) {
			return true
		}
	}
	return false
}
