package lower

import (
	"strings"

	"github.com/cilium/ebpf/btf"

	kbtf "github.com/luabpfc/luabpfc/btf"
	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// What the program's function is called with: the context, or the arguments of
// what the program is attached to, with their types from BTF. BTF is asked only if
// the function has parameters for them.

// programArgs returns the values of the program's parameters.
func (lw *lowerer) programArgs(fn *syntax.Function) []Value {
	if lw.prog.Proto != nil {
		return lw.linkableArgs(fn)
	}
	n := wantedParams(fn)
	switch lw.prog.Kind.Name {
	case "fentry", "fexit", "fmod_ret", "fsession", "freplace":
		return lw.tracedArgs(fn, n, lw.prog.Target, 0)
	case "lsm", "lsm_cgroup":
		lw.needHook(fn, n, kbtf.TypeFunc, "bpf_lsm_"+lw.prog.Target)
		return lw.tracedArgs(fn, n, "bpf_lsm_"+lw.prog.Target, 0)
	case "struct_ops":
		return lw.memberArgs(fn, n)
	case "tp_btf":
		return lw.tracedArgs(fn, n, "btf_trace_"+lw.prog.Target, 1)
	case "iter":
		lw.needHook(fn, n, kbtf.TypeStruct, "bpf_iter__"+lw.prog.Target)
		return lw.recordArg(fn, n, "bpf_iter__"+lw.prog.Target)
	case "tracepoint":
		return lw.tracepointArg(fn, n)
	case "kprobe", "kprobe_multi", "kprobe_session":
		return lw.probedArgs(fn, n, false)
	case "kretprobe", "kretprobe_multi":
		return lw.probedArgs(fn, n, true)
	case "ksyscall", "kretsyscall":
		return lw.syscallArgs(fn, n)
	}
	return []Value{Context{lw.prog.Kind}}
}

// needHook reports a hook that the kernel's BTF, if there is one, does not have
// though no module could have it, where no parameter has a use that would.
func (lw *lowerer) needHook(fn *syntax.Function, wanted int, kind kbtf.TypeKind, name string) {
	scope := lw.stage.Types()
	if wanted > 0 || kind == kbtf.TypeFunc && scope.KernelFunc(name) != nil {
		return
	}
	if kind == kbtf.TypeStruct {
		if _, ok := scope.Tag("struct", name); ok {
			return
		}
	}
	if scope.Kernel != nil && scope.KernelError == nil {
		lw.unknownTarget(fn, name)
	}
}

// kernelParams is more parameters than anything in the kernel has.
const kernelParams = 16

// wantedParams is how many parameters of a function have uses.
func wantedParams(fn *syntax.Function) int {
	if fn.Vararg {
		return kernelParams
	}
	n := 0
	syntax.Inspect(fn.Body, func(x syntax.Node) bool {
		if name, ok := x.(*syntax.Name); ok {
			for i, p := range fn.Params {
				if name.Local == p {
					n = max(n, i+1)
				}
			}
		}
		return true
	})
	return n
}

// paramNode is the place of parameter i of a function.
func paramNode(fn *syntax.Function, i int) syntax.Node {
	if i < len(fn.Params) {
		return fn.Params[i].Range
	}
	return fn.Range
}

// prototype finds a function of the kernel, or what a tracepoint's typedef stands
// for; what is wrong is reported.
func (lw *lowerer) prototype(fn *syntax.Function, name string) *btf.FuncProto {
	scope := lw.stage.Types()
	p := scope.KernelFunc(name)
	if strings.HasPrefix(name, "btf_trace_") {
		if ptr, ok := ctype.Underlying(scope.KernelTypedef(name)).(*btf.Pointer); ok {
			p, _ = ptr.Target.(*btf.FuncProto)
		}
	}
	if p != nil {
		return p
	}
	lw.unknownTarget(fn, name)
	return nil
}

// unknownTarget reports that the types of a program's arguments are not known.
func (lw *lowerer) unknownTarget(fn *syntax.Function, name string) {
	kind, prefix := kbtf.TypeFunc, ""
	for _, p := range []string{"btf_trace_", "bpf_lsm_", "bpf_iter__", "trace_event_raw_"} {
		if strings.HasPrefix(name, p) {
			prefix = p
		}
	}
	switch prefix {
	case "btf_trace_":
		kind = kbtf.TypeTypedef
	case "bpf_iter__", "trace_event_raw_":
		kind = kbtf.TypeStruct
	}
	hint := ""
	if near := diag.Closest(name, lw.stage.Types().KernelNames(kind)); near != "" && strings.HasPrefix(near, prefix) {
		hint = " (did you mean '" + strings.TrimPrefix(near, prefix) + "'?)"
	}
	lw.errorf(paramNode(fn, 0), diag.UnknownTarget, "what %s on '%s' is called with is not known: %s%s",
		lw.prog.Kind.Phrase(), strings.TrimPrefix(name, prefix), lw.noBTF(), hint)
}

// tracedArgs are the arguments of a function of the kernel as the context of a
// tracing program has them: words of 64 bits, then the result where it is known.
func (lw *lowerer) tracedArgs(fn *syntax.Function, n int, name string, skip int) []Value {
	if n == 0 {
		return nil
	}
	p := lw.prototype(fn, name)
	if p == nil {
		return bads(n)
	}
	out, word := lw.tracedParams(fn, n, p, skip)
	switch lw.prog.Kind.Name {
	case "fexit", "fmod_ret", "fsession", "lsm", "lsm_cgroup":
		if len(out) < n && ctype.Size(p.Return) > 0 {
			out = append(out, lw.tracedArg(paramNode(fn, len(out)), word, p.Return))
		}
	}
	return out
}

// tracedParams are at most n of a function's parameters, behind the first skip ones,
// and the word behind them.
func (lw *lowerer) tracedParams(fn *syntax.Function, n int, p *btf.FuncProto, skip int) (out []Value, word int) {
	for i, param := range p.Params {
		if i < skip {
			continue
		}
		if _, dots := param.Type.(*btf.Void); dots || len(out) == n {
			break
		}
		out = append(out, lw.tracedArg(paramNode(fn, len(out)), word, param.Type))
		word += max(1, (ctype.Size(param.Type)+7)/8)
	}
	return out, word
}

func bads(n int) []Value {
	out := make([]Value, n)
	for i := range out {
		out[i] = Bad{}
	}
	return out
}

// tracedArg reads a word of a tracing program's context.
func (lw *lowerer) tracedArg(n syntax.Node, word int, t ctype.Type) Value {
	mem := ir.Mem{Region: ir.RegionCtx, Off: int32(8 * word), Size: 8}
	if p, ok := underlying(t).(*btf.Pointer); ok {
		by := pointerReader(byLoad, p.Target)
		return lw.viewOf(lw.b.Load(ir.Ptr, lw.ctx, mem), p.Target, by)
	}
	if !ctype.IsScalar(t) {
		return lw.byValue(n, t)
	}
	return lw.narrowed(t, lw.b.Load(ir.I64, lw.ctx, mem))
}

// byValue reports an argument that is a structure, passed by value.
func (lw *lowerer) byValue(n syntax.Node, t ctype.Type) Value {
	return lw.errorf(n, diag.UnsupportedType, "this argument is a '%s' passed by value, which programs can't read", ctype.Name(t))
}

// narrowed is a word of which t has the low bytes.
func (lw *lowerer) narrowed(t ctype.Type, v *ir.Value) Int {
	s, _ := scalarOf(t)
	switch {
	case s.size == 8:
	case s.signed:
		v = lw.b.OpBits(ir.OpSext, int64(s.size)*8, v)
	default:
		v = lw.b.OpBits(ir.OpZext, int64(s.size)*8, v)
	}
	return lw.widened(s, bitField{}, v)
}

// pointerReader is by what means a target is read whose pointer is read by by.
func pointerReader(by reader, target ctype.Type) reader {
	switch ctype.Underlying(target).(type) {
	case *btf.Struct, *btf.Union, *btf.Fwd:
	default:
		by = max(by, byKernel)
	}
	if tagged(target, "user") {
		return byUser
	}
	if tagged(target, "percpu") {
		return max(by, byKernel)
	}
	return by
}

// recordArg is a context that a structure of BTF describes, at fixed offsets.
func (lw *lowerer) recordArg(fn *syntax.Function, n int, tag string) []Value {
	if n == 0 {
		return nil
	}
	if t, ok := lw.stage.Types().Tag("struct", tag); ok {
		return []Value{lw.ctxRecord(t)}
	}
	return []Value{Context{lw.prog.Kind}} // whose members are errors
}

// ctxRecord is the context as an object of a type. Its members are relocated if
// the type's are.
func (lw *lowerer) ctxRecord(t ctype.Type) Ref {
	return Ref{Addr: lw.ctx, Region: ir.RegionCtx, Type: t, Pointer: true, view: &view{by: byLoad}, ReadOnly: "this context can only be read"}
}

// probedArgs are the registers, then the arguments in them, or the result.
func (lw *lowerer) probedArgs(fn *syntax.Function, n int, result bool) []Value {
	out := []Value{Context{lw.prog.Kind}}
	if n < 2 {
		return out
	}
	name, _, _ := strings.Cut(lw.prog.Target, "+")
	p := lw.prototype(fn, name)
	if p == nil {
		return append(out, bads(n-1)...)
	}
	if result {
		return append(out, lw.registerArg(fn, 1, "ret", p.Return, byKernel))
	}
	for i, param := range p.Params {
		if len(out) == n {
			break
		}
		if i >= 6 {
			lw.errorf(paramNode(fn, len(out)), diag.UnsupportedType, "an argument behind the sixth is on the stack, where a probe can't tell")
			return append(out, bads(n-len(out))...)
		}
		out = append(out, lw.registerArg(fn, len(out), "parm"+string(rune('1'+i)), param.Type, byKernel))
	}
	return out
}

// registerArg reads a register by what it is for.
func (lw *lowerer) registerArg(fn *syntax.Function, i int, register string, t ctype.Type, by reader) Value {
	f, ok := lw.ctxMember(paramNode(fn, i), register)
	if !ok {
		return Bad{}
	}
	return lw.typedWord(paramNode(fn, i), lw.loadCtx(f, 0).V, t, by)
}

// typedWord is a number as a t.
func (lw *lowerer) typedWord(n syntax.Node, v *ir.Value, t ctype.Type, by reader) Value {
	if p, ok := underlying(t).(*btf.Pointer); ok {
		if by != byUser {
			by = pointerReader(by, p.Target)
		}
		return lw.viewOf(lw.numPtr(v), p.Target, by)
	}
	if !ctype.IsScalar(t) {
		return lw.byValue(n, t)
	}
	return lw.narrowed(t, v)
}

// syscallArgs are the registers and the arguments of a system call. On most
// architectures its function is handed the address of the caller's registers.
func (lw *lowerer) syscallArgs(fn *syntax.Function, n int) []Value {
	out := []Value{Context{lw.prog.Kind}}
	if n < 2 {
		return out
	}
	if lw.prog.Kind.Name == "kretsyscall" {
		long, _ := ctype.Scalar("int64_t")
		return append(out, lw.registerArg(fn, 1, "ret", long, byKernel))
	}
	call, ok := kernel.SyscallByName(lw.prog.Target)
	if !ok {
		lw.unknownSyscall(fn, lw.prog.Target)
		return append(out, bads(n-1)...)
	}
	f, ok := lw.ctxMember(paramNode(fn, 1), "parm1")
	if !ok {
		return append(out, bads(n-1)...)
	}
	at, ok := kernel.SyscallRegisters(lw.mod.Arch)
	if !ok {
		lw.errorf(paramNode(fn, 1), diag.NeedsArch, "where a system call's arguments are is not known for this architecture; read the registers by themselves")
		return append(out, bads(n-1)...)
	}
	u64, _ := ctype.Scalar("uint64_t")
	regs := lw.viewOf(lw.numPtr(lw.loadCtx(f, 0).V), u64, byKernel)
	regs.Pointer, regs.Present = false, nil
	for i, a := range call.Args {
		if len(out) == n {
			break
		}
		r := regs
		r.Off = int64(at[i])
		x, ok := lw.loadView(paramNode(fn, len(out)), r).(Int)
		if !ok {
			return append(out, bads(n-len(out))...)
		}
		out = append(out, lw.typedWord(paramNode(fn, len(out)), x.V, lw.syscallType(a.Type), byUser))
	}
	return out
}

// syscallType is the type of a system call's argument: as wide as a register
// where it is not known by name.
func (lw *lowerer) syscallType(text string) ctype.Type {
	if t, err := lw.stage.Types().Type(text); err == nil {
		return t
	}
	t, _ := ctype.Scalar("uint64_t")
	return t
}

func (lw *lowerer) unknownSyscall(fn *syntax.Function, name string) {
	hint := ""
	if near := diag.Closest(name, kernel.SyscallNames()); near != "" {
		hint = " (did you mean '" + near + "'?)"
	}
	lw.errorf(paramNode(fn, 1), diag.UnknownTarget, "there is no system call '%s'%s", name, hint)
}
