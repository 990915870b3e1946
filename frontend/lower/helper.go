package lower

import (
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"
	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Calls of kernel helpers by name: bpf.helper.NAME(...).

// helperPrefix begins the names of helpers as values.
const helperPrefix = "bpf.helper."

// kernelMember evaluates a member of what the kernel stage has only: a helper.
func (lw *lowerer) kernelMember(n syntax.Node, name string) Value {
	h, ok := strings.CutPrefix(name, helperPrefix)
	if !ok {
		return Global{name} // a kfunc is looked up where it is called
	}
	if kernel.HelperByName(h) != nil {
		return Global{name}
	}
	var names []string
	for _, k := range kernel.Helpers {
		names = append(names, k.Name)
	}
	return lw.errorf(atMember(n), diag.UnknownHelper, "there is no helper '%s'%s", h, diag.DidYouMean(strings.TrimPrefix(h, "bpf_"), names))
}

// helper calls a kernel helper if the target has it, else reports an error
// and returns nil.
func (lw *lowerer) helper(n syntax.Node, name string, t ir.Type, args ...*ir.Value) *ir.Value {
	h := kernel.HelperByName(name)
	if !lw.mayCall(n, h) {
		return nil
	}
	v := lw.b.Call(h, t, args...)
	if h.Effects&kernel.EffectMovesPacket != 0 {
		lw.packetMoved()
	}
	return v
}

// mayCall reports whether the program may call h; if not, that is reported.
func (lw *lowerer) mayCall(n syntax.Node, h *kernel.Helper) bool {
	if err := h.Available(lw.prog.Kind, lw.opts.Kernel); err != nil {
		code := diag.NeedsNewerKernel
		if _, ok := h.Since(lw.prog.Kind); !ok {
			code = diag.HelperNotAllowed
		}
		lw.errorf(n, code, "%v", err)
		return false
	}
	if (h.GPL || h.Kfunc) && !gplCompatible(lw.prog.License) {
		lw.errorf(n, diag.NeedsGPL, "%s '%s' is only for programs under a license compatible with the GPL; this one has '%s'", wordFor(h), h.Name, lw.prog.License)
		return false
	}
	if h.Sleeps && !lw.prog.Sleepable && lw.prog.Kind.Type != kernel.Syscall {
		lw.errorf(n, diag.HelperNotAllowed, "%s '%s' may sleep: only sleepable programs may call it, those with the option sleepable = true", wordFor(h), h.Name)
		return false
	}
	return true
}

// gplCompatible implements license_is_gpl_compatible of the kernel's
// include/linux/license.h.
func gplCompatible(l string) bool {
	switch l {
	case "", "GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL":
		return true
	}
	return false
}

// helperArgs builds the arguments of one call.
type helperArgs struct {
	lw     *lowerer
	e      *syntax.Call
	h      *kernel.Helper
	proto  *btf.FuncProto // of a kfunc
	args   []Value        // as written
	nodes  []syntax.Node  // of args
	sizes  bool           // the sizes of buffers are written
	m      *script.Map    // the last map
	dynptr Ref
	field  *script.Map // of the field of an entry that was handed over
	// returned is what the call gives back; returning are the objects so far.
	returned  *loan
	returning []syntax.Node
}

// what names the helper or kfunc in messages.
func (c *helperArgs) what() string { return wordFor(c.h) + " '" + c.h.Name + "'" }

func wordFor(h *kernel.Helper) string {
	if h.Kfunc {
		return "kfunc"
	}
	return "helper"
}

// namedHelper evaluates bpf.helper.NAME(...).
func (lw *lowerer) namedHelper(e *syntax.Call, name string) Value {
	h := kernel.HelperByName(name)
	if !lw.mayCall(e.Fn, h) {
		return Bad{}
	}
	if lw.untraceable(e.Fn, h) {
		return Bad{}
	}
	c := &helperArgs{lw: lw, e: e, h: h, args: lw.exprs(e.Args, -1)}
	return c.named()
}

// named calls the helper or kfunc with what is written.
func (c *helperArgs) named() Value {
	lw, e, h, name := c.lw, c.e, c.h, c.h.Name
	if lw.b.Block == nil {
		return Bad{}
	}
	for i := range c.args {
		c.nodes = append(c.nodes, e.Args[min(i, len(e.Args)-1)])
		if _, bad := c.args[i].(Bad); bad {
			return Bad{}
		}
		c.args[i] = lw.settled(c.args[i])
	}
	if form, ok := helperForms()[name]; ok {
		return lw.formedHelper(c, form)
	}
	full, sizes := len(h.Args), 0
	for _, k := range h.Args {
		switch {
		case k == kernel.ArgCtx:
			full--
		case k.IsSize():
			sizes++
		case k == kernel.ArgFrame && len(c.args) < len(h.Args): // what the callback is handed, and flags
			c.args = append(c.args, Nil, Int{V: lw.b.Const(0)})
			c.nodes = append(c.nodes, e, e)
		case name == "kptr_xchg":
			return lw.errorf(e.Fn, diag.HelperNotByName, "helper '%s' can't be called: it exchanges a pointer that a map's value holds, which the language has no type for", name)
		case h.Kfunc && (k == kernel.ArgCallback || k == kernel.ArgMapField):
			return lw.errorf(e.Fn, diag.HelperNotByName, "%s can't be called by its name: it takes a function, or what only the kernel looks into", c.what())
		}
	}
	for i, a := range c.args {
		if _, ok := lw.resolve(a).(Context); ok && len(h.Args) > 0 && h.Args[0] == kernel.ArgCtx && i == 0 {
			return lw.errorf(c.nodes[i], diag.WrongArguments, "the context is handed to %s by itself: it is %s", c.what(), c.usage())
		}
	}
	if c.hasValues() {
		return c.formatted()
	}
	c.sizes = len(c.args) == full
	if !c.sizes && len(c.args) != full-sizes {
		return lw.errorf(e, diag.WrongArguments, "%s is called with %s; it is %s", c.what(), counted(len(c.args)), c.usage())
	}
	lw.at(e)
	lw.flush()
	v := c.arg(0, 0, nil)
	if c.returned != nil && lw.b.Block != nil {
		lw.finished(c.returned)
	}
	return v
}

// loadBytes evaluates load_bytes(offset, buf): 0 or a negative error.
func (lw *lowerer) loadBytes(e *syntax.Call) Value {
	if lw.prog.Kind.Type == kernel.XDP {
		return lw.namedHelper(e, "xdp_load_bytes")
	}
	return lw.namedHelper(e, "skb_load_bytes")
}

// probeRead evaluates probe_read(buf, address): what a probe of a user-space
// program is handed are addresses of that program.
func (lw *lowerer) probeRead(e *syntax.Call) Value {
	if n := lw.prog.Kind.Name; strings.HasPrefix(n, "uprobe") || strings.HasPrefix(n, "uretprobe") || n == "usdt" {
		return lw.namedHelper(e, "probe_read_user")
	}
	return lw.namedHelper(e, "probe_read_kernel")
}

// usage shows how the helper or kfunc is called: a kfunc by the names of its
// parameters.
func (c *helperArgs) usage() string {
	if c.proto == nil {
		return usage(c.h)
	}
	var l []string
	for i, p := range c.proto.Params {
		name, _, _ := strings.Cut(p.Name, "__")
		switch {
		case c.h.Args[i] == kernel.ArgCtx:
			continue
		case c.h.Args[i].IsSize():
			l[len(l)-1] += " [, size]"
			continue
		}
		l = append(l, name)
	}
	return c.h.Name + "(" + strings.Join(l, ", ") + ")"
}

// usage shows how a helper is called.
func usage(h *kernel.Helper) string {
	words := map[kernel.ArgKind]string{kernel.ArgMap: "map", kernel.ArgKey: "key", kernel.ArgSize: "size", kernel.ArgSizeOrZero: "size",
		kernel.ArgScalar: "number", kernel.ArgString: "text", kernel.ArgAny: "address", kernel.ArgObject: "object", kernel.ArgObjectOrNull: "object",
		kernel.ArgMapField: "field", kernel.ArgDynptr: "dynptr", kernel.ArgCallback: "f", kernel.ArgFrame: "arg"}
	var l []string
	for _, k := range h.Args {
		w, ok := words[k]
		switch {
		case k == kernel.ArgCtx:
			continue
		case !ok && k.Info().Size == kernel.ValueSize:
			w = "value"
		case !ok:
			w = "buffer"
		case k.IsSize():
			l[len(l)-1] += " [, size]"
			continue
		}
		l = append(l, w)
	}
	return h.Name + "(" + strings.Join(l, ", ") + ")"
}

// noSuchMemory is the result of a call that was not made: -EFAULT.
const noSuchMemory = -14

// arg builds argument i of the helper, the next one written being next, behind
// those done, and then calls it.
func (c *helperArgs) arg(i, next int, done []*ir.Value) Value {
	lw := c.lw
	if i == len(c.h.Args) {
		return c.call(done)
	}
	done = slices.Clone(done)
	kind := c.h.Args[i]
	if kind == kernel.ArgCtx {
		return c.arg(i+1, next, append(done, lw.ctx))
	}
	n, v := c.nodes[next], lw.resolve(c.args[next])
	info := kind.Info()
	if kind == kernel.ArgMem || kind == kernel.ArgMemOrNull {
		if _, isCtx := v.(Context); isCtx {
			return c.arg(i+1, next+1, append(done, lw.ctx))
		}
		if r, ok := v.(Ref); ok && r.Region == ir.RegionKernel {
			return c.kernelObject(n, r, func(p *ir.Value) Value { return c.arg(i+1, next+1, append(done, p)) })
		}
		switch {
		case isNil(v) && kind == kernel.ArgMem:
			return c.absent()
		case c.h.Releases && len(c.returning) == 0:
			return c.notLent(n)
		}
	}
	switch {
	case kind == kernel.ArgScalar || kind == kernel.ArgAny:
		v = lw.asAddress(v)
		if r, ok := v.(Ref); ok && kind == kernel.ArgAny {
			return c.place(n, r, func(p *ir.Value) Value { return c.arg(i+1, next+1, append(done, p)) })
		}
		x, ok := lw.storable(n, v, "handed to a helper")
		if !ok {
			return Bad{}
		}
		return c.arg(i+1, next+1, append(done, x.V))
	case kind == kernel.ArgCallback || kind == kernel.ArgMapField || kind == kernel.ArgDynptr || kind == kernel.ArgFrame:
		return c.special(i, next, n, v, done)
	case kind == kernel.ArgString:
		s, ok := stringConst(v)
		if !ok {
			return lw.errorf(n, diag.NeedsConstant, "%s takes a string that is known when compiling here, not %s", c.what(), describe(v))
		}
		g := lw.constants([]byte(s+"\x00"), 1, bytesType(len(s)+1))
		r := Ref{Global: g, Type: bytesType(len(s) + 1), Region: ir.RegionConst, Hi: int64(len(s) + 1)}
		return c.arg(i+1, next+1, append(done, lw.addrOf(r)))
	case kind == kernel.ArgMap:
		m, ok := asMap(v)
		if !ok {
			return lw.errorf(n, diag.WrongArguments, "%s takes a map here, not %s", c.what(), describe(v))
		}
		c.m = m
		return c.arg(i+1, next+1, append(done, lw.mapRef(m)))
	case isNil(v) && info.Nullable:
		done = append(done, lw.b.Null())
		if info.Size == kernel.NextArg {
			return c.nullSize(i, next, done)
		}
		return c.arg(i+1, next+1, done)
	case kind == kernel.ArgKey:
		p, _, ok := lw.keyOf(n, c.m, v)
		if !ok {
			return Bad{}
		}
		return c.arg(i+1, next+1, append(done, p))
	case info.Size == kernel.ValueSize && !info.Writes:
		p, ok := lw.valueOf(n, c.m, v)
		if !ok {
			return Bad{}
		}
		return c.arg(i+1, next+1, append(done, p))
	case kind == kernel.ArgObject || kind == kernel.ArgObjectOrNull:
		r, ok := v.(Ref)
		if !ok || r.Region != ir.RegionKernel {
			return lw.errorf(n, diag.WrongArguments, "%s takes an object of the kernel here, such as another helper's result, not %s", c.what(), describe(v))
		}
		return c.kernelObject(n, r, func(p *ir.Value) Value { return c.arg(i+1, next+1, append(done, p)) })
	}
	return c.buffer(i, next, n, v, done)
}

// nullSize builds the size of a null buffer.
func (c *helperArgs) nullSize(i, next int, done []*ir.Value) Value {
	if c.sizes {
		x, ok := c.lw.intOf(c.nodes[next+1], c.args[next+1], "a size")
		if !ok {
			return Bad{}
		}
		if s, known := x.V.IsConst(); !known || s != 0 {
			return c.lw.errorf(c.nodes[next+1], diag.OutOfRange, "the size of a nil buffer is 0")
		}
		next++
	}
	return c.arg(i+2, next+1, append(done, c.lw.b.Const(0)))
}

// place runs there with the address of r where r is; where it is not the helper
// is not called.
func (c *helperArgs) place(n syntax.Node, r Ref, there func(p *ir.Value) Value) Value {
	if !c.lw.live(n, r) {
		return Bad{}
	}
	return c.lw.reach(r, func(r Ref) Value { return there(c.lw.addrOf(r)) }, c.absent)
}

// absent is the result of a call that was not made, for want of memory.
func (c *helperArgs) absent() Value {
	switch {
	case c.h.Ret.Address() || c.h.Ret == kernel.RetVoid:
		return Nil
	case c.proto == nil:
		return Int{V: c.lw.b.Const(noSuchMemory)}
	}
	none := int64(noSuchMemory)
	if t, _ := scalarOf(c.proto.Return); t.bool {
		none = 0
	}
	return c.lw.narrowed(c.proto.Return, c.lw.b.Const(none))
}

// buffer builds a buffer and, if it has one, its size.
func (c *helperArgs) buffer(i, next int, n syntax.Node, v Value, done []*ir.Value) Value {
	lw, info := c.lw, c.h.Args[i].Info()
	r, ok := c.memory(n, v, info.Writes)
	if !ok {
		return Bad{}
	}
	size := int64(r.size())
	if r.Pointer || size <= 0 {
		size = r.Hi - r.Off
	}
	need := int64(c.h.Size(i))
	if info.Size == kernel.ValueSize {
		need = int64(lw.irMap(c.m).ValueSize)
	}
	if c.h.Name == "dynptr_from_mem" && r.Region != ir.RegionMap {
		return lw.errorf(n, diag.WrongArguments, "helper 'dynptr_from_mem' takes memory in an entry of a map, not %s", describe(v))
	}
	if need > size {
		return lw.errorf(n, diag.OutOfRange, "%s needs %d bytes here; there are %d", c.what(), need, size)
	}
	if info.Writes {
		lw.aboutToWrite(r)
	}
	if info.Size != kernel.NextArg {
		return c.place(n, r, func(p *ir.Value) Value { return c.arg(i+1, next+1, append(done, p)) })
	}
	return c.place(n, r, func(p *ir.Value) Value { return c.size(i, next, size, append(done, p)) })
}

// memory returns the object that an argument is, copied to the stack if the
// helper can't be handed its address.
func (c *helperArgs) memory(n syntax.Node, v Value, writes bool) (Ref, bool) {
	lw := c.lw
	if r, ok := v.(Ref); ok {
		if writes && !lw.writable(n, r) {
			return Ref{}, false
		}
		if r.Region == ir.RegionStack || r.Region == ir.RegionMap || r.Region == ir.RegionGlobal || writes {
			return r, true
		}
		out, ok := lw.rawObject(n, r.Type, "copy for '"+c.h.Name+"'")
		if ok {
			lw.copyRef(n, out, r)
		}
		return out, ok
	}
	length, ok := runLength(v)
	if ok && !writes {
		if s, text := stringConst(v); text && zeroEnded[c.h.Name] {
			v, length = Const{lua.LString(s + "\x00")}, length+1
		}
		out, ok := lw.rawObject(n, bytesType(max(length, 1)), "bytes for '"+c.h.Name+"'")
		if ok {
			lw.copyRun(n, out, v, length)
		}
		return out, ok
	}
	what := "bytes: an array, a struct, a string or a slice"
	if writes {
		what = "memory that it can write: an array or a struct"
	}
	lw.errorf(n, diag.WrongArguments, "%s takes %s here, not %s", c.what(), what, describe(v))
	return Ref{}, false
}

// zeroEnded are the helpers whose strings end with a zero byte that counts.
var zeroEnded = map[string]bool{"trace_printk": true, "trace_vprintk": true, "seq_printf": true, "kallsyms_lookup_name": true, "btf_find_by_name_kind": true}

// bytesType is unsigned char [n].
func bytesType(n int) ctype.Type {
	u8, _ := ctype.Scalar("__u8")
	index, _ := ctype.Scalar("__u32")
	return &btf.Array{Index: index, Type: u8, Nelems: uint32(n)}
}

// size builds the size of a buffer of n bytes, and goes on.
func (c *helperArgs) size(i, next int, n int64, done []*ir.Value) Value {
	lw := c.lw
	if !c.sizes {
		return c.arg(i+2, next+1, append(done, lw.b.Const(n)))
	}
	node := c.nodes[next+1]
	x, ok := lw.intOf(node, c.args[next+1], "a size")
	if !ok {
		return Bad{}
	}
	least := int64(1)
	if c.h.Args[i+1] == kernel.ArgSizeOrZero {
		least = 0
	}
	if s, known := x.V.IsConst(); known {
		if s < least || s > n {
			return lw.errorf(node, diag.OutOfRange, "a size of %d bytes: the buffer has %d", s, n)
		}
		return c.arg(i+2, next+2, append(done, x.V))
	}
	over := x.V // counted from the least size
	if least > 0 {
		over = lw.b.Op(ir.OpSub, x.V, lw.b.Const(least))
	}
	mark := lw.mark()
	yes, no := lw.branch(lw.b.Op(ir.OpULe, over, lw.b.Const(n-least)), mark)
	if no.block != nil {
		lw.open(no)
		no = lw.leave(mark, c.absent())
	}
	if yes.block != nil {
		lw.open(yes)
		s := lw.b.OpBits(ir.OpBound, n-least, over)
		if least > 0 {
			s = lw.b.Op(ir.OpAdd, s, lw.b.Const(least))
		}
		v := c.arg(i+2, next+2, append(done, s))
		if lw.b.Block == nil {
			return Bad{}
		}
		yes = lw.leave(mark, v)
	}
	return lw.join([]edge{yes, no})[0]
}

// call calls the helper; the value is its result.
func (c *helperArgs) call(args []*ir.Value) Value {
	lw, h := c.lw, c.h
	t := ir.I64
	switch {
	case h.Ret == kernel.RetVoid:
		t = ir.Void
	case h.Ret.Address():
		t = ir.Ptr
	}
	lw.at(c.e)
	v := lw.b.Call(h, t, args...)
	if h.Effects&kernel.EffectMovesPacket != 0 {
		lw.packetMoved()
	}
	switch h.Name {
	case "dynptr_data":
		return lw.dynptrSlice(c, v)
	case "ringbuf_reserve_dynptr":
		lw.dynptrReserved(c)
	case "ringbuf_submit_dynptr", "ringbuf_discard_dynptr":
		lw.dynptrFinished(c)
	}
	if h.Effects&kernel.EffectWritesMaps != 0 && c.m != nil && fieldOf[h.Name] == "" {
		lw.mapWritten(c.m)
	}
	switch {
	case h.Ret == kernel.RetVoid:
		return Nil
	case c.proto != nil:
		return c.kfuncResult(v)
	}
	switch h.Ret {
	case kernel.RetInt, kernel.RetUint:
		return Int{V: v}
	}
	if h.Ret != kernel.RetMapValue && h.Ret != kernel.RetMapValueSure || c.m == nil {
		return c.borrowed(lw.objectRef(v, resultTypes[h.Name], h.Ret.Nullable()))
	}
	if name := c.m.Type.Name; name == "sockmap" || name == "sockhash" { // what they hold for programs are sockets
		return c.borrow(lw.objectRef(v, "bpf_sock", h.Ret.Nullable()), "sk_release")
	}
	r := Ref{Addr: v, Region: ir.RegionMap, Type: c.m.Value, Map: c.m, epoch: lw.epochOf(c.m).get(), Hi: int64(ctype.Size(c.m.Value))}
	r.Pointer = !isAggregate(r.Type)
	if h.Ret.Nullable() {
		r.Present = lw.b.Op(ir.OpNe, v, lw.b.Null())
	}
	return r
}

// objectRef is an object of the kernel at an address: a structure without
// members unless programs may look into it.
func (lw *lowerer) objectRef(p *ir.Value, tag string, nullable bool) Ref {
	t := lw.kernelStruct(tag)
	r := Ref{Addr: p, Region: ir.RegionKernel, Type: t, Hi: int64(ctype.Size(t)), ReadOnly: "objects of the kernel can't be written"}
	if nullable {
		r.Present = lw.b.Op(ir.OpNe, p, lw.b.Null())
	}
	return r
}

// kernelStruct returns a structure by its tag: one without members where nothing
// tells what they are.
func (lw *lowerer) kernelStruct(tag string) ctype.Type {
	if t, ok := lw.stage.Types().Tag("struct", tag); ok {
		return t
	}
	return &btf.Struct{Name: tag}
}

// resultTypes are the structures that helpers return addresses of, where they
// can be read.
var resultTypes = map[string]string{"sk_lookup_tcp": "bpf_sock", "sk_lookup_udp": "bpf_sock", "sk_fullsock": "bpf_sock", "get_listener_sock": "bpf_sock",
	"tcp_sock": "bpf_tcp_sock", "skc_lookup_tcp": "sock_common"}
