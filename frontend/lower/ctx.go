package lower

import (
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// The program's context: its members are loaded and stored whole, at offsets
// that the kernel checks when loading.

// layout returns the context's structure on the target.
func (lw *lowerer) layout() *kernel.Ctx { return lw.prog.Kind.Context(lw.mod.Arch) }

// ctxMember finds a member of the context; ok is false after an error.
func (lw *lowerer) ctxMember(n syntax.Node, name string) (f *kernel.CtxField, ok bool) {
	c, kind := lw.layout(), lw.prog.Kind
	f, ok = c.Field(name)
	if ok {
		return f, true
	}
	switch {
	case kind.NeedsArch() && len(c.Fields) == 0:
		lw.errorf(n, diag.NeedsArch, "where '%s' is depends on the architecture: give one with --arch", name)
	case c.Name == "void" && kind.Type == kernel.Syscall:
		lw.errorf(n, diag.UnknownContextField, "the context of a syscall program has no members of its own; view it by ffi.cast")
	case kind.Name == "tracepoint" || kind.Name == "iter":
		lw.errorf(n, diag.UnknownTarget, "what is in the record of '%s' is not known: %s", lw.prog.Target, lw.noRecord())
	case c.Name == "void":
		lw.errorf(n, diag.UnknownContextField, "the context of %s has no members; what it is called with are the parameters of its function", kind.Phrase())
	default:
		lw.errorf(atMember(n), diag.UnknownContextField, "'%s' has no member '%s'%s", c.Name, name, diag.MeantOr(name, c.Names()))
	}
	return nil, false
}

// ctxField reads a member of the program's context.
func (lw *lowerer) ctxField(e *syntax.Index, c Context, name string) Value {
	f, ok := lw.ctxMember(e, name)
	if !ok {
		return Bad{}
	}
	if !f.Readable(c.Kind) {
		hint := ""
		if f.Kind == kernel.PacketStart || f.Kind == kernel.PacketEnd {
			hint = "; the packet is 'pkt', and #pkt its length"
		}
		return lw.errorf(atMember(e), diag.NotReadable, "'%s' can't be read by %s programs%s", name, c.Kind.Name, hint)
	}
	packet := f.Kind == kernel.PacketStart || f.Kind == kernel.PacketEnd
	switch {
	case packet && lw.gen == nil:
		return lw.errorf(e, diag.NoPacket, "the packet of %s can't be read", c.Kind.Phrase())
	case f.Kind == kernel.PacketStart:
		return Pointer{View: headers()["data"]}
	case f.Kind == kernel.PacketEnd:
		return Pointer{Base: lw.packetLen(), View: headers()["data"]}
	case f.Object != "":
		p := lw.b.Load(ir.Ptr, lw.ctx, ctxMem(f, 0))
		return lw.objectRef(p, f.Object, true)
	case f.Kernel != "":
		r := lw.viewOf(lw.b.Load(ir.Ptr, lw.ctx, ctxMem(f, 0)), lw.kernelStruct(f.Kernel), byLoad)
		r.Present = nil
		return r
	case f.Kind != kernel.Scalar:
		return lw.errorf(atMember(e), diag.NotReadable, "'%s' is an address in the kernel: what is there can't be read by %s programs", name, c.Kind.Name)
	case f.Len > 0:
		return CtxArray{f}
	}
	return lw.loadCtx(f, 0)
}

// ctxElement reads an element of an array of the context.
func (lw *lowerer) ctxElement(e *syntax.Index, a CtxArray, key Value) Value {
	i, ok := lw.ctxIndex(e, a, key)
	if !ok {
		return Bad{}
	}
	return lw.loadCtx(a.Field, i)
}

// ctxIndex evaluates an index of an array of the context. The kernel checks
// such offsets when loading, so the index must be known.
func (lw *lowerer) ctxIndex(e *syntax.Index, a CtxArray, key Value) (int32, bool) {
	n, ok := lw.intOf(e.Key, key, "an index")
	if !ok {
		return 0, false
	}
	i, known := n.V.IsConst()
	if !known {
		lw.errorf(e.Key, diag.NeedsConstant, "an index of '%s' must be known when compiling", a.Field.Name)
		return 0, false
	}
	if i < 0 || i >= int64(a.Field.Len) {
		lw.errorf(e.Key, diag.OutOfRange, "'%s' has the elements 0 to %d", a.Field.Name, a.Field.Len-1)
		return 0, false
	}
	return int32(i), true
}

// loadCtx reads element i of a member of the context.
func (lw *lowerer) loadCtx(f *kernel.CtxField, i int32) Int {
	v := lw.b.Load(ir.I64, lw.ctx, ctxMem(f, i))
	switch {
	case f.BE > 0:
		v = lw.b.OpBits(ir.OpToBE, int64(f.BE), v)
	case f.Signed:
		v = lw.b.OpBits(ir.OpSext, int64(f.Size)*8, v)
	}
	return Int{V: v, Unsigned: f.Size == 8}
}

func ctxMem(f *kernel.CtxField, i int32) ir.Mem {
	return ir.Mem{Region: ir.RegionCtx, Off: f.Off + i*f.Size, Size: f.Size}
}

// setCtx evaluates ctx.name = v.
func (lw *lowerer) setCtx(e *syntax.Index, key, v Value) {
	name, named := stringConst(key)
	if !named {
		lw.errorf(e, diag.NotATable, "the context has members, no elements")
		return
	}
	f, ok := lw.ctxMember(e, name)
	if !ok {
		return
	}
	if f.Len > 0 && f.Writable(lw.prog.Kind) {
		lw.errorf(e, diag.NotWritable, "'%s' is an array: write its elements, '%s[0]' to '%s[%d]'", name, name, name, f.Len-1)
		return
	}
	lw.storeCtx(e, f, 0, v)
}

// setCtxElement evaluates ctx.name[i] = v.
func (lw *lowerer) setCtxElement(e *syntax.Index, a CtxArray, key, v Value) {
	if i, ok := lw.ctxIndex(e, a, key); ok {
		lw.storeCtx(e, a.Field, i, v)
	}
}

// storeCtx writes element i of a member of the context.
func (lw *lowerer) storeCtx(e *syntax.Index, f *kernel.CtxField, i int32, v Value) {
	kind := lw.prog.Kind
	if !f.Writable(kind) {
		if who := writers(f, kind); who != "" {
			lw.errorf(e, diag.NotWritable, "'%s' can't be written by %s programs; %s programs may", f.Name, kind.Name, who)
		} else {
			lw.errorf(e, diag.NotWritable, "'%s' can only be read", f.Name)
		}
		return
	}
	v = lw.settled(v)
	x, ok := lw.storable(e, v, "stored")
	if !ok {
		return
	}
	lw.flush()
	switch n := x.V; {
	case f.BE > 0:
		x.V = lw.b.OpBits(ir.OpToBE, int64(f.BE), n)
	case f.Keeps > 0:
		x.V = lw.b.OpBits(ir.OpZext, int64(f.Keeps), n)
	}
	lw.b.Store(lw.ctx, x.V, ctxMem(f, i))
}

// writers names a kind of program of the same context that may write the
// member, "" if none does.
func writers(f *kernel.CtxField, kind *kernel.ProgKind) string {
	for _, k := range kernel.ProgKinds {
		if k.Ctx == kind.Ctx && f.Writable(k) {
			return k.Name
		}
	}
	return ""
}
