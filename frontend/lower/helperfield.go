package lower

import (
	"github.com/cilium/ebpf/btf"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Structures that only the kernel looks into: locks and timers in the entries of
// maps, and dynptrs on the stack. They are handed to helpers by their place, and
// neither read, written nor copied.

// fieldOf are the structures that helpers know as fields of a map's value.
var fieldOf = map[string]string{
	"spin_lock": "bpf_spin_lock", "spin_unlock": "bpf_spin_lock",
	"timer_init": "bpf_timer", "timer_set_callback": "bpf_timer", "timer_start": "bpf_timer", "timer_cancel": "bpf_timer",
}

// isStruct reports whether t is the structure called name.
func isStruct(t ctype.Type, name string) bool {
	s, ok := underlying(t).(*btf.Struct)
	return ok && s.Name == name
}

// opaqueMember is a structure that only the kernel looks into which t is or has as
// a member, "" if there is none.
func opaqueMember(t ctype.Type) string {
	if name := ctype.Opaque(t); name != "" {
		return name
	}
	names, _ := ctype.OpaqueMembers(t)
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

func holdsOpaque(t ctype.Type) bool { return opaqueMember(t) != "" }

// special builds an argument that is a function, a field of a map's value or a
// dynptr.
func (c *helperArgs) special(i, next int, n syntax.Node, v Value, done []*ir.Value) Value {
	lw := c.lw
	goOn := func(p *ir.Value) Value { return c.arg(i+1, next+1, append(done, p)) }
	switch c.h.Args[i] {
	case kernel.ArgFrame:
		if !isNil(v) {
			return lw.errorf(n, diag.WrongArguments, "helper '%s' hands its function nothing else: what it needs lies in maps and bpf.global; write nil", c.h.Name)
		}
		return goOn(lw.b.Null())
	case kernel.ArgCallback:
		f, ok := v.(*Closure)
		if !ok {
			return lw.errorf(n, diag.WrongArguments, "helper '%s' calls a function, and this is %s", c.h.Name, describe(v))
		}
		g, ok := lw.callback(n, c.h, f, c.field)
		if !ok {
			return Bad{}
		}
		return goOn(lw.funcRef(g))
	case kernel.ArgMapField:
		r, ok := v.(Ref)
		if !ok || r.Region != ir.RegionMap || r.Map == nil || !isStruct(r.Type, fieldOf[c.h.Name]) {
			return lw.errorf(n, diag.WrongArguments, "helper '%s' takes a 'struct %s' in an entry of a map here, not %s", c.h.Name, fieldOf[c.h.Name], describe(v))
		}
		c.field = r.Map
		return c.place(n, r, goOn)
	}
	r, ok := v.(Ref)
	if !ok || !isStruct(r.Type, "bpf_dynptr") || r.Region != ir.RegionStack && r.Region != ir.RegionKernel {
		return lw.errorf(n, diag.WrongArguments, "helper '%s' takes a dynptr here, made by ffi.new('struct bpf_dynptr'), not %s", c.h.Name, describe(v))
	}
	c.dynptr = r
	if c.h.Name == "ringbuf_submit_dynptr" || c.h.Name == "ringbuf_discard_dynptr" {
		rec := lw.recordOf(r)
		if rec == nil {
			return lw.errorf(n, diag.WrongArguments, "helper '%s' takes a dynptr that ringbuf_reserve_dynptr was given", c.h.Name)
		}
		if !lw.loanLive(n, rec) {
			return Bad{}
		}
	}
	return c.place(n, r, goOn)
}

// recordOf is the record that a dynptr stands for, nil if it is for none.
func (lw *lowerer) recordOf(r Ref) *loan {
	for i := len(lw.loans) - 1; i >= 0; i-- {
		if x := lw.loans[i]; x.dynptr && r.Slot != nil && x.ref.Slot == r.Slot && x.ref.Off == r.Off {
			return x
		}
	}
	return nil
}

// dynptrReserved notes that a dynptr's record is on loan: the kernel wants it
// submitted or discarded even where there was no room for it.
func (lw *lowerer) dynptrReserved(c *helperArgs) {
	l := lw.lend(&loan{m: c.m, pos: lw.b.Pos, dynptr: true, giveBack: func(l *loan) {
		lw.b.Call(kernel.HelperByName("ringbuf_discard_dynptr"), ir.Void, lw.refBase(l.ref), lw.b.Const(0))
	}})
	l.ref = c.dynptr
	lw.lent(l)
}

// dynptrFinished notes that it was submitted or discarded.
func (lw *lowerer) dynptrFinished(c *helperArgs) {
	if l := lw.recordOf(c.dynptr); l != nil {
		lw.finished(l)
	}
}

// dynptrSlice is what bpf_dynptr_data found: bytes, or nil.
func (lw *lowerer) dynptrSlice(c *helperArgs, p *ir.Value) Value {
	n, ok := p.Args[2].IsConst()
	if !ok || n <= 0 || n > maxOffset {
		return lw.errorf(c.nodes[2], diag.NeedsConstant, "the length of what 'dynptr_data' returns must be known when compiling")
	}
	return Ref{Addr: p, Present: lw.b.Op(ir.OpNe, p, lw.b.Null()), Region: ir.RegionMap, Type: bytesType(int(n)), Hi: n, entry: true}
}

// opaqueAccess reports an access of a structure that only the kernel looks into.
func (lw *lowerer) opaqueAccess(n syntax.Node, r Ref) Value {
	return lw.errorf(n, diag.NotReadable, "only the kernel looks into a 'struct %s': hand it to helpers", ctype.Opaque(r.Type))
}

// wholeOpaque reports that an entry with such a member is read or written as a
// whole.
func (lw *lowerer) wholeOpaque(n syntax.Node, r Ref) bool {
	if r.Region != ir.RegionMap || !holdsOpaque(r.Type) {
		return false
	}
	lw.errorf(n, diag.NotReadable, "a '%s' in a map can't be copied as a whole, because only the kernel looks into its 'struct %s': read and write its other members", ctype.Name(r.Type), opaqueMember(r.Type))
	return true
}

// untraceable reports a map with a lock or a timer in a program that the kernel
// does not let use it.
func (lw *lowerer) untraceable(n syntax.Node, h *kernel.Helper) bool {
	kind := lw.prog.Kind
	what := fieldOf[h.Name]
	switch {
	case what == "":
		return false
	case kind.Type == kernel.SocketFilter && what == "bpf_spin_lock":
	case kind.Type == kernel.Tracing && kind.Name == "iter":
		return false
	case kind.Type == kernel.Kprobe || kind.Type == kernel.Tracepoint || kind.Type == kernel.PerfEvent || kind.Type == kernel.RawTracepoint || kind.Type == kernel.Tracing:
	default:
		return false
	}
	lw.errorf(n, diag.HelperNotAllowed, "%s can't use maps with a 'struct %s'", kind.Phrase(), what)
	return true
}
