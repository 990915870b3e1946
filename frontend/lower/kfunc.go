package lower

import (
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"

	kbtf "github.com/luabpfc/luabpfc/btf"
	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Calls of the kernel's own functions: bpf.kfunc.NAME(...).
//
// What a kfunc takes and returns is in the kernel's BTF; what else is known of it is
// in ir/kernel. Both make a row like a helper's, and the call is a helper's call
// from there on. Of a pointer's parameter the name tells more than the type:
// NAME__sz and NAME__szk behind NAME are its size, NAME__nullable and NAME__opt
// may be nil, NAME__str is a string, NAME__map a map.

// kfuncPrefix begins the names of kfuncs as values.
const kfuncPrefix = "bpf.kfunc."

// maxKfuncParams is how many arguments the registers hold.
const maxKfuncParams = 5

// kfuncRows are the rows of the table of builtins.
func kfuncRows() map[string]builtinRow {
	return map[string]builtinRow{
		"bpf.kfunc_exists": {min: 1, max: 1, call: (*lowerer).kfuncExists, usage: "bpf.kfunc_exists('name')"},
	}
}

// kfuncExists evaluates bpf.kfunc_exists(name): from there on calls of the function
// may be in the object though a kernel does not have it.
func (lw *lowerer) kfuncExists(e *syntax.Call, args []Value) Value {
	name, ok := stringConst(lw.resolve(args[0]))
	if !ok {
		return lw.errorf(argNode(e, 0), diag.NeedsConstant, "the name of a kfunc must be known when compiling")
	}
	k := lw.kfunc(argNode(e, 0), name)
	if k == nil {
		return Bad{}
	}
	k.Weak = true
	if release := lw.mod.Kfunc(k.Helper.Release); release != nil {
		release.Weak = true // whoever has the one has the other
	}
	return Bool{lw.b.Op(ir.OpNe, lw.b.KfuncAddr(k), lw.b.Null())}
}

// namedKfunc evaluates bpf.kfunc.NAME(...).
func (lw *lowerer) namedKfunc(e *syntax.Call, name string) Value {
	k := lw.kfunc(atMember(e.Fn), name)
	if k == nil || !k.Weak && !lw.mayCall(e.Fn, k.Helper) {
		return Bad{}
	}
	if !lw.mayBeCalled(e, k) {
		return Bad{}
	}
	c := &helperArgs{lw: lw, e: e, h: k.Helper, args: lw.exprs(e.Args, -1), proto: k.Type.(*btf.FuncProto)}
	return c.named()
}

// mayBeCalled reports kfuncs that take what the language has no values for.
func (lw *lowerer) mayBeCalled(e *syntax.Call, k *ir.Kfunc) bool {
	p, name := k.Type.(*btf.FuncProto), k.Helper.Name
	why := ""
	switch {
	case strings.HasPrefix(name, "bpf_iter_"):
		why = "write a 'for', or m:each() for the entries of a map"
	case len(p.Params) > maxKfuncParams:
		why = "it has more parameters than programs can pass"
	}
	for _, a := range p.Params {
		if ptr, ok := underlying(a.Type).(*btf.Pointer); ok {
			if _, isFunc := underlying(ptr.Target).(*btf.FuncProto); isFunc {
				why = "it calls a function of the program, and functions of a script are no values in the kernel"
			}
		} else if isAggregate(a.Type) {
			why = "it takes a structure by value"
		}
		if strings.HasSuffix(a.Name, "__alloc") {
			why = "it works on objects that the language has no type for"
		}
	}
	if why != "" {
		lw.errorf(e.Fn, diag.HelperNotByName, "kfunc '%s' can't be called by its name: %s", name, why)
	}
	return why == ""
}

// kfunc returns the module's row of a kfunc; nil after an error.
func (lw *lowerer) kfunc(n syntax.Node, name string) *ir.Kfunc {
	if k := lw.mod.Kfunc(name); k != nil {
		return k
	}
	scope := lw.stage.Types()
	proto, listed := scope.KernelFunc(name), scope.Kfuncs()
	switch {
	case proto == nil:
		if len(listed) == 0 && scope.Kernel != nil && scope.KernelError == nil {
			listed = scope.KernelNames(kbtf.TypeFunc)
		}
		lw.errorf(n, diag.UnknownKfunc, "there is no kfunc '%s': %s%s", name, lw.noBTF(), diag.DidYouMean(name, listed))
		return nil
	case len(listed) > 0 && !slices.Contains(listed, name):
		lw.errorf(n, diag.UnknownKfunc, "'%s' is a function of the kernel, but none that programs may call%s", name, diag.DidYouMean(name, listed))
		return nil
	case !lw.stage.Reserve(name):
		lw.errorf(n, diag.BadDeclaration, "the script has a map, variable or program named '%s', which is a function of the kernel here; name it otherwise", name)
		return nil
	}
	k := &ir.Kfunc{Helper: lw.kfuncRow(name, proto), Type: proto, Pos: lw.b.Pos}
	lw.mod.Kfuncs = append(lw.mod.Kfuncs, k)
	if release := k.Helper.Release; release != "" && lw.kfunc(n, release) == nil {
		return nil
	}
	return k
}

// kfuncRow makes the row of a kfunc from its prototype and what else is known.
func (lw *lowerer) kfuncRow(name string, p *btf.FuncProto) *kernel.Helper {
	known, _ := kernel.KfuncByName(name)
	has := func(f kernel.KfuncFlag) bool { return known.Flags&f != 0 }
	h := &kernel.Helper{Name: name, Kfunc: true, Effects: kernel.KfuncEffects, First: known.First,
		Sleeps: has(kernel.KfSleepable), Releases: has(kernel.KfRelease), Release: known.Release}
	if has(kernel.KfMovesPacket) {
		h.Effects |= kernel.EffectMovesPacket
	}
	for i := range p.Params {
		kind, size := lw.kfuncParam(p.Params, i)
		h.Args, h.Sizes = append(h.Args, kind), append(h.Sizes, size)
	}
	_, address := underlying(p.Return).(*btf.Pointer)
	switch {
	case !address && ctype.Size(p.Return) <= 0:
		h.Ret = kernel.RetVoid
	case !address:
		h.Ret = kernel.RetInt
	case known.Release != "" && has(kernel.KfRetNull):
		h.Ret = kernel.RetHeld
	case known.Release != "":
		h.Ret = kernel.RetHeldSure
	default: // comparing what is never null with null does no harm
		h.Ret = kernel.RetObject
	}
	return h
}

// kfuncParam returns what parameter i is, and how many bytes one points to.
func (lw *lowerer) kfuncParam(list []btf.FuncParam, i int) (kind kernel.ArgKind, size int) {
	p := list[i]
	ptr, ok := underlying(p.Type).(*btf.Pointer)
	if !ok {
		if i > 0 && sizeName(p.Name, list[i-1].Name) {
			return kernel.ArgSizeOrZero, 0
		}
		return kernel.ArgScalar, 0
	}
	target := underlying(ptr.Target)
	nullable := strings.HasSuffix(p.Name, "__nullable") || strings.HasSuffix(p.Name, "__opt")
	switch {
	case strings.HasSuffix(p.Name, "__map"):
		return kernel.ArgMap, 0
	case strings.HasSuffix(p.Name, "__str"):
		return kernel.ArgString, 0
	case i == 0 && lw.layout().Name == "struct "+target.TypeName():
		return kernel.ArgCtx, 0
	case i+1 < len(list) && sizeName(list[i+1].Name, p.Name):
		return kernel.ArgInOut, 0
	}
	size = 1
	if t := lw.stage.Types().Resolve(target); ctype.Size(t) > 0 {
		size = ctype.Size(t)
	}
	if nullable {
		return kernel.ArgMemOrNull, size
	}
	return kernel.ArgMem, size
}

// sizeName reports whether a parameter's name says that it is the size of what
// another one points to.
func sizeName(name, of string) bool {
	base, _, _ := strings.Cut(of, "__")
	return name == base+"__sz" || name == base+"__szk" || name == of+"__sz" || name == of+"__szk"
}

// kernelObject builds an argument that is an object of the kernel's.
func (c *helperArgs) kernelObject(n syntax.Node, r Ref, there func(p *ir.Value) Value) Value {
	lw := c.lw
	switch {
	case r.view != nil && r.view.by != byLoad:
		return lw.errorf(n, diag.WrongArguments, "%s takes an object here that the kernel gave: an argument of the program, or what another kfunc returned, not a pointer that was read from memory", c.what())
	case !c.h.Releases || len(c.returning) > 0:
	case r.Loan == nil || r.Loan.release != c.h.Name:
		return c.notLent(n)
	default:
		c.returned = r.Loan
	}
	c.returning = append(c.returning, n)
	return c.place(n, r, there)
}

func (c *helperArgs) notLent(n syntax.Node) Value {
	return c.lw.errorf(n, diag.WrongArguments, "%s gives back a reference that the program holds; this is none that was lent for it", c.what())
}

// kfuncResult is what a kfunc returned.
func (c *helperArgs) kfuncResult(v *ir.Value) Value {
	lw, t := c.lw, c.proto.Return
	ptr, ok := underlying(t).(*btf.Pointer)
	if !ok {
		return lw.narrowed(t, v)
	}
	if _, void := underlying(ptr.Target).(*btf.Void); void {
		return lw.viewOf(v, ptr.Target, byKernel)
	}
	r := lw.viewOf(v, ptr.Target, pointerReader(byLoad, ptr.Target))
	if !c.h.Ret.Nullable() {
		r.Present = nil
	}
	return c.borrowed(r)
}

// borrowed is what the helper or kfunc returned: on loan if it has to be given back.
func (c *helperArgs) borrowed(r Ref) Ref {
	if !c.h.Ret.Held() {
		return r
	}
	return c.borrow(r, c.h.Release)
}

// borrow makes what was returned a loan that a helper or kfunc ends.
func (c *helperArgs) borrow(r Ref, release string) Ref {
	lw := c.lw
	h := kernel.HelperByName(release)
	if k := lw.mod.Kfunc(release); k != nil {
		h = k.Helper
	}
	l := lw.lend(&loan{from: c.h.Name, release: release, pos: lw.b.Pos, giveBack: func(l *loan) {
		lw.b.Call(h, ir.Void, lw.refBase(l.ref))
	}})
	r.Loan = l
	l.ref = r
	lw.lent(l)
	return r
}
