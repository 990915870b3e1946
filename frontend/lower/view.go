package lower

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Memory of the kernel and of processes.
//
// A Ref with a view is an object there. The view says by which means it is read:
// by loads, where the kernel's verifier knows the pointer's type, which it does
// of arguments and of what is reached from them through members that point to
// structures; by bpf_probe_read_kernel or bpf_probe_read_user elsewhere. A load
// never faults: what can't be read is 0, as it is with the helpers.
//
// Members of types from BTF are not where this compiler thinks they are, but
// where the running kernel has them. So the way from the pointer to the object is
// kept as steps, and becomes one relocated offset (ir.OpCore) when the object is
// read: one relocation and one read for each pointer that is followed.
//
// What reads bytes asks within for the object, which copies it to the stack
// first unless loads will do.

// reader is the means to read memory.
type reader uint8

const (
	byLoad reader = iota
	byKernel
	byUser
)

// helper is the name of the helper that reads bytes, and of the one for strings.
func (r reader) helper(text bool) string {
	name := "probe_read_kernel"
	if r == byUser {
		name = "probe_read_user"
	}
	if text {
		name += "_str"
	}
	return name
}

// view is what a Ref outside of the program's own memory has besides.
type view struct {
	by reader
	// root is the type at the Ref's address that steps lead from; nil where
	// offsets are as declared.
	root  ctype.Type
	steps []int  // numbers of members and elements, as BTF counts
	words string // the same for people
	// is are the structures for which the verifier takes the object too (struct_ops).
	is []string
	// call is set on the record of a system call's tracepoint.
	call *kernel.SystemCall
}

// step returns the view of a part.
func (v *view) step(words string, steps ...int) *view {
	out := *v
	out.call = nil
	out.steps = append(slices.Clone(v.steps), steps...)
	if out.words != "" && !strings.HasPrefix(words, "[") {
		words = "." + words
	}
	out.words += words
	return &out
}

// kernelMemory is why memory outside of the program can't be written.
const kernelMemory = "the kernel's memory can't be written"

// viewOf is what a pointer to a t points to.
func (lw *lowerer) viewOf(addr *ir.Value, t ctype.Type, by reader) Ref {
	r := Ref{Addr: addr, Region: ir.RegionKernel, Type: t, Pointer: true, ReadOnly: kernelMemory, view: &view{by: by}}
	if by == byUser {
		r.ReadOnly = "a process's memory can't be written"
	}
	r.Present = lw.b.Op(ir.OpNe, addr, lw.b.Null())
	return r
}

// opened returns r with the type that its declaration stands for. What is first
// asked for its members here is looked up in BTF before it is asked whether they
// may lie elsewhere.
func (lw *lowerer) opened(r Ref) Ref {
	scope := lw.stage.Types()
	r.Type = scope.Resolve(r.Type)
	if r.view.root == nil && !scope.Incomplete(r.Type) && scope.Preserved(r.Type) {
		v := *r.view
		v.root = underlying(r.Type)
		r.view = &v
	}
	return r
}

// viewMember returns a member of r.
func (lw *lowerer) viewMember(n syntax.Node, r Ref, name string) Value {
	r = lw.opened(r)
	r.Pointer = false
	if lw.stage.Types().Incomplete(r.Type) {
		return lw.errorf(n, diag.UnknownType, "what is in '%s' is not known: %s", ctype.Name(r.Type), lw.noBTF())
	}
	if _, ok := membersOf(r.Type); !ok {
		return lw.errorf(n, diag.NotATable, "%s has no members", describe(r))
	}
	if r.view.call != nil && name == "id" {
		return lw.syscallNumber(n, r)
	}
	m, ok := ctype.FindMember(r.Type, name)
	if !ok {
		if v, ok := lw.recordMember(n, r, name); ok {
			return v
		}
		return lw.noMember(n, r.Type, name, r.view.argNames()...)
	}
	out := r.part()
	out.Type, out.Bits = m.Type, bitField{}
	if m.Bits > 0 {
		out.Bits = bitField{m.BitOffset, m.Bits}
	}
	switch {
	case r.view.root != nil:
		out.view = r.view.step(name, m.Path...)
	case m.Bits == 0:
		out.Off += int64(m.Offset)
	}
	return out
}

// noBTF says why a type is not known.
func (lw *lowerer) noBTF() string {
	scope := lw.stage.Types()
	switch {
	case scope.KernelError != nil:
		return scope.KernelError.Error()
	case scope.Kernel == nil:
		return "no BTF of a kernel is given (--btf FILE)"
	}
	return "the kernel's BTF does not have it"
}

// viewIndex returns element i of r: of an array, or behind a pointer.
func (lw *lowerer) viewIndex(n, keyNode syntax.Node, r Ref, i Int) Value {
	r = lw.opened(r)
	c, known := i.V.IsConst()
	if r.Pointer {
		r.Pointer = false
		if known && c == 0 {
			return r
		}
		return lw.viewMoved(n, r, i)
	}
	a, ok := arrayOf(r.Type)
	if !ok {
		return lw.errorf(n, diag.NotATable, "%s has no elements", describe(r))
	}
	size := int64(ctype.Size(a.Type))
	out := r.part()
	out.Type = a.Type
	switch open := a.Nelems == 0; {
	case known && (c < 0 || c >= int64(a.Nelems) && !open):
		return lw.errorf(keyNode, diag.OutOfRange, "this array has the elements 0 to %d", int64(a.Nelems)-1)
	case open:
		out.Index = nil
		return lw.viewMoved(n, out, i)
	case known && r.view.root != nil:
		out.view = r.view.step(fmt.Sprintf("[%d]", c), int(c))
	case known:
		out.Off += c * size
	default:
		if r.view.root != nil {
			out.view = r.view.step("[0]", 0)
		}
		out.Index = lw.indexed(r.Index, i, size, int64(a.Nelems))
	}
	return out
}

// viewMoved returns the object i elements behind r: a new address, of which the
// verifier knows nothing.
func (lw *lowerer) viewMoved(n syntax.Node, r Ref, i Int) Value {
	size := int64(ctype.Size(r.Type))
	if size <= 0 {
		return lw.errorf(n, diag.NotATable, "%s has no elements", describe(r))
	}
	d := lw.b.Op(ir.OpMul, i.V, lw.b.Const(size))
	out := lw.viewOf(lw.numPtr(lw.b.Op(ir.OpAdd, lw.viewNumber(r), d)), r.Type, max(r.view.by, byKernel))
	out.Pointer, out.Present = false, r.Present
	return out
}

func (lw *lowerer) numPtr(n *ir.Value) *ir.Value {
	if c, ok := n.IsConst(); ok && c == 0 {
		return lw.b.Null()
	}
	return lw.b.NumPtr(n)
}

// viewNumber is the address of r, which need not be there, as a number.
func (lw *lowerer) viewNumber(r Ref) *ir.Value {
	sum := lw.b.PtrNum(r.Addr)
	if len(r.view.steps) > 0 {
		sum = lw.b.Op(ir.OpAdd, sum, lw.coreOf(r, ir.CoreByteOffset))
	}
	if r.Off != 0 {
		sum = lw.b.Op(ir.OpAdd, sum, lw.b.Const(r.Off))
	}
	for x := r.Index; x != nil; x = x.up {
		sum = lw.b.Op(ir.OpAdd, sum, lw.b.Op(ir.OpMul, x.i, lw.b.Const(x.scale)))
	}
	return sum
}

// atHand returns r as something that loads read: a copy on the stack unless r
// itself is. r is there.
func (lw *lowerer) atHand(r Ref) Ref {
	if r.view == nil || lw.loadable(r) {
		return r
	}
	n := rangeNode(lw.b.Pos, lw)
	out, ok := lw.rawObject(n, r.Type, "copy from the kernel")
	if !ok {
		return Ref{Addr: lw.b.Null(), Type: r.Type, Region: ir.RegionKernel}
	}
	lw.fetch(n, lw.addrOf(out), int64(r.size()), r)
	out.exact, out.Bits = r.exact, r.Bits
	return out
}

// loadable reports whether loads read r.
func (lw *lowerer) loadable(r Ref) bool {
	if r.view.by != byLoad || r.Index != nil || r.Bits.Width > 0 {
		return false
	}
	if a, ok := arrayOf(r.Type); ok {
		return ctype.Size(a.Type) == 1 && r.size() <= 32 && r.Region != ir.RegionCtx
	}
	_, ok := scalarOf(r.Type)
	return ok
}

// fetch reads size bytes of r to an address: zeros where it can't.
func (lw *lowerer) fetch(n syntax.Node, to *ir.Value, size int64, r Ref) *ir.Value {
	return lw.helper(n, max(r.view.by, byKernel).helper(false), ir.I64, to, lw.b.Const(size), lw.viewNumber(r))
}

// loadView reads what is at r: a number, what a pointer points to, or r itself.
// Where r is not there a number is 0, as that of any memory that can't be read.
func (lw *lowerer) loadView(n syntax.Node, r Ref) Value {
	if r.Pointer {
		return r
	}
	if lw.at(n); !lw.live(n, r) {
		return Bad{}
	}
	if r.view.by == byLoad && !gplCompatible(lw.prog.License) {
		return lw.errorf(n, diag.NeedsGPL, "reading the kernel's memory is only for programs under a license compatible with the GPL; this one has '%s'", lw.prog.License)
	}
	if r.Region == ir.RegionCtx && lw.prog.Kind.Name == "tracepoint" && r.view.root != nil {
		if at, _, _ := fieldAt(r.view.root, r.view.steps); at < 64 {
			return lw.errorf(n, diag.NotReadable, "the kernel does not show programs the first 8 bytes of a tracepoint's record, where '%s' is", r.view.words)
		}
	}
	if p, ok := underlying(r.Type).(*btf.Pointer); ok {
		return lw.reach(r, func(r Ref) Value { return lw.loadPointer(r, p) }, nothing)
	}
	t, ok := scalarOf(r.Type)
	if !ok {
		return r
	}
	there := func(r Ref) Value { return lw.loadScalar(t, lw.atHand(r)) }
	if r.Bits.Width > 0 && r.view.root != nil {
		there = func(r Ref) Value { return lw.loadCoreField(n, t, r) }
	}
	return lw.reach(r, there, func() Value { return lw.widened(t, r.Bits, lw.b.Const(0)) })
}

// loadPointer follows a pointer, which is there. The verifier knows the types of
// pointers to structures only.
func (lw *lowerer) loadPointer(r Ref, p *btf.Pointer) Value {
	by := pointerReader(r.view.by, p.Target)
	if lw.loadable(r) {
		at, off := lw.address(r)
		addr := lw.b.Load(ir.Ptr, at, ir.Mem{Region: r.Region, Off: int32(off), Size: 8})
		return lw.viewOf(addr, p.Target, by)
	}
	s := lw.atHand(r)
	at, off := lw.address(s)
	addr := lw.b.Load(ir.I64, at, ir.Mem{Region: s.Region, Off: int32(off), Size: 8})
	return lw.viewOf(lw.numPtr(addr), p.Target, max(by, byKernel))
}

// tagged reports whether a type has a tag.
func tagged(t ctype.Type, tag string) bool {
	for {
		switch u := t.(type) {
		case *btf.TypeTag:
			if u.Value == tag {
				return true
			}
			t = u.Type
		case *btf.Const:
			t = u.Type
		case *btf.Volatile:
			t = u.Type
		default:
			return false
		}
	}
}

// viewString reports whether r points to characters.
func viewString(r Ref) bool {
	if r.view == nil || !r.Pointer {
		return false
	}
	t, ok := underlying(r.Type).(*btf.Int)
	return ok && t.Size == 1
}

// isBytes reports whether r is an array of bytes.
func isBytes(r Ref) bool {
	a, ok := arrayOf(r.Type)
	return ok && !r.Pointer && ctype.Size(a.Type) == 1
}

// readString reads the string that p points to into dst, an array of bytes: as
// many as fit, with a zero at the end. The value is the helper's result.
func (lw *lowerer) readString(n syntax.Node, dst, p Ref) Value {
	return lw.within(dst, func(dst Ref) Value {
		size := int64(dst.size())
		lw.zero(dst, 0, size)
		return lw.reach(p, func(p Ref) Value {
			v := lw.helper(n, max(p.view.by, byKernel).helper(true), ir.I64, lw.addrOf(dst), lw.b.Const(size), lw.viewNumber(p))
			if v == nil {
				return Bad{}
			}
			return Int{V: v}
		}, func() Value { return Int{V: lw.b.Const(noSuchMemory)} })
	}, func() Value { return Int{V: lw.b.Const(0)} })
}

// viewText is a copy of the string that p points to, of n bytes at most, the zero
// among them.
func (lw *lowerer) viewText(n syntax.Node, p Ref, size int) (Ref, bool) {
	t := bytesType(size)
	out, ok := lw.rawObject(n, t, "string")
	if !ok {
		return Ref{}, false
	}
	lw.readString(n, out, p)
	return out, lw.b.Block != nil
}

// viewAddress is a pointer as a number, null where it is nil.
func (lw *lowerer) viewAddress(r Ref) Int {
	if r.Off == 0 && r.Index == nil && len(r.view.steps) == 0 {
		return Int{V: lw.b.PtrNum(r.Addr), Unsigned: true}
	}
	v := lw.reach(r, func(r Ref) Value { return Int{V: lw.viewNumber(r), Unsigned: true} },
		func() Value { return Int{V: lw.b.Const(0), Unsigned: true} })
	if x, ok := v.(Int); ok {
		return x
	}
	return Int{V: lw.b.Const(0), Unsigned: true}
}

// asAddress returns pointers into the kernel as the numbers that they are.
func (lw *lowerer) asAddress(v Value) Value {
	if r, ok := v.(Ref); ok && r.view != nil && r.Pointer {
		return lw.viewAddress(r)
	}
	return v
}

// castView views what p points to as a t. What the verifier knows holds for
// another declaration of the same type only.
func (lw *lowerer) castView(p Ref, t ctype.Type) Value {
	by := p.view.by
	also := isToo(p, t)
	if by == byLoad && !also && ctype.Essential(underlying(p.Type).TypeName()) != ctype.Essential(underlying(t).TypeName()) {
		by = byKernel
	}
	addr := p.Addr
	if p.Off != 0 || p.Index != nil || len(p.view.steps) > 0 {
		if by == byLoad {
			by = byKernel
		}
		addr = lw.numPtr(lw.viewAddress(p).V)
	}
	out := lw.viewOf(addr, t, by)
	if p.Present == nil {
		out.Present = nil
	}
	if also {
		out.view.is = p.view.is
	}
	return out
}

// mergeViews makes one reference of several into the kernel's memory: a phi of
// the addresses. ok is false if they are no such.
func (j *joiner) mergeViews(vals []Value) (v Value, ok bool) {
	lw := j.lw
	first, by := Ref{}, byLoad
	addrs := make([]*ir.Value, len(vals))
	always := true
	for i, v := range vals {
		r, isRef := v.(Ref)
		switch {
		case !isRef && !isNil(v), isRef && r.view == nil:
			return nil, false
		case !isRef:
			always = false
			addrs[i] = j.at(i, func() *ir.Value { return lw.b.Null() })
			continue
		case first.view == nil:
			first = r
		case r.Loan != first.Loan || r.Pointer != first.Pointer || underlying(r.Type).TypeName() != underlying(first.Type).TypeName() || (r.view.by == byUser) != (first.view.by == byUser):
			return nil, false
		}
		if !r.Pointer && isScalarOrArray(r.Type) {
			return nil, false
		}
		by = max(by, r.view.by)
		always = always && r.Present == nil
		addrs[i] = j.at(i, func() *ir.Value {
			if r.Off == 0 && r.Index == nil && len(r.view.steps) == 0 {
				return r.Addr
			}
			return lw.b.NumPtr(lw.viewAddress(r).V)
		})
		if r.Off != 0 || r.Index != nil || len(r.view.steps) > 0 {
			by = max(by, byKernel)
		}
	}
	out := first.part()
	out.Off, out.Index, out.Present, out.view = 0, nil, nil, &view{by: by}
	out.Addr = j.phi(ir.Ptr, addrs)
	if !always {
		null := j.block.NewValue(ir.OpConst, ir.Ptr, lw.b.Pos)
		out.Present = j.block.NewValue(ir.OpNe, ir.Bool, lw.b.Pos, out.Addr, null)
	}
	return out, true
}

func isScalarOrArray(t ctype.Type) bool {
	_, array := arrayOf(t)
	_, scalar := scalarOf(t)
	return array || scalar
}
