package luabpfc_test

import (
	"bytes"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/luabpfc/luabpfc/ir/kernel"
)

// refusalRule is a reason for which kernels refuse a program without
// CAP_PERFMON though nothing is wrong with it. What the verifier says is not
// enough: the object must have in it what the rule is about.
type refusalRule struct {
	text  *regexp.Regexp
	needs func(o *objectFacts) bool
}

// objectFacts are what rules ask for.
type objectFacts struct {
	types   []ebpf.ProgramType
	helpers map[asm.BuiltinFunc]bool
	kfuncs  bool
	loops   bool // it jumps back, or has a helper call it back
	adds    bool // a number computed at run time is added to something in 64 bits
	subs    bool // or taken from it
}

func (o *objectFacts) is(types ...ebpf.ProgramType) bool {
	return slices.ContainsFunc(o.types, func(t ebpf.ProgramType) bool { return slices.Contains(types, t) })
}

func (o *objectFacts) calls(helpers ...asm.BuiltinFunc) bool {
	return slices.ContainsFunc(helpers, func(h asm.BuiltinFunc) bool { return o.helpers[h] })
}

// factsOf looks at the instructions of an object.
func factsOf(elf []byte) *objectFacts {
	o := &objectFacts{helpers: map[asm.BuiltinFunc]bool{}}
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(elf))
	if err != nil {
		return o
	}
	for _, p := range spec.Programs {
		o.types = append(o.types, p.Type)
		for i := range p.Instructions {
			o.look(&p.Instructions[i])
		}
	}
	o.loops = o.loops || o.calls(asm.FnLoop, asm.FnForEachMapElem)
	return o
}

func (o *objectFacts) look(in *asm.Instruction) {
	op := in.OpCode
	switch class := op.Class(); {
	case in.IsBuiltinCall():
		o.helpers[asm.BuiltinFunc(in.Constant)] = true
	case in.IsKfuncCall():
		o.kfuncs = true
	case class.IsJump() && op.JumpOp() != asm.Call && op.JumpOp() != asm.Exit:
		o.loops = o.loops || in.Offset < 0 || class == asm.Jump32Class && op.JumpOp() == asm.Ja && in.Constant < 0
	case class == asm.ALU64Class && op.Source() == asm.RegSource:
		o.adds = o.adds || op.ALUOp() == asm.Add
		o.subs = o.subs || op.ALUOp() == asm.Sub
	}
}

// privilegedRules name what the kernel allows only with CAP_PERFMON, each with
// what the verifier says without it. A case that names a rule must be refused
// with that message, so that no rule outlives its reason; loops may be.
var privilegedRules = map[string]refusalRule{
	"variable packet offset": {regexp.MustCompile(`pointer arithmetic with it prohibited for !root`), func(o *objectFacts) bool {
		return o.adds && o.is(ebpf.XDP, ebpf.SchedCLS, ebpf.SchedACT, ebpf.CGroupSKB, ebpf.SkSKB, ebpf.SkMsg, ebpf.LWTIn, ebpf.LWTOut, ebpf.LWTXmit, ebpf.SkReuseport)
	}},
	"variable record offset": {regexp.MustCompile(`pointer arithmetic with it prohibited for !root`), func(o *objectFacts) bool {
		return o.adds && o.calls(asm.FnRingbufReserve)
	}},
	"raw tracepoint": {regexp.MustCompile(`operation not permitted`), func(o *objectFacts) bool {
		return o.is(ebpf.RawTracepoint, ebpf.RawTracepointWritable, ebpf.Tracing, ebpf.TracePoint, ebpf.Kprobe, ebpf.PerfEvent, ebpf.LSM, ebpf.StructOps)
	}},
	// Each addition to an address must be of one kind on all paths: not of a
	// number that is known in one trip and another in the next, nor to a 0 that
	// takes the pointer's place where an earlier test found it null.
	"variable map value offset": {regexp.MustCompile(`tried to add from different maps, paths or scalars`), func(o *objectFacts) bool { return o.adds }},
	"variable stack offset":     {regexp.MustCompile(`variable stack access prohibited for !root`), func(o *objectFacts) bool { return o.adds }},
	"comm": {regexp.MustCompile(`(cannot use helper|unknown func) bpf_get_current_comm`), func(o *objectFacts) bool {
		return o.calls(asm.FnGetCurrentComm)
	}},
	"kernel object": {regexp.MustCompile(`access is allowed only to CAP_PERFMON`), func(o *objectFacts) bool { return o.kfuncs || o.is(ebpf.Netfilter) }},
	"packet length": {regexp.MustCompile(`pointer -= pointer prohibited`), func(o *objectFacts) bool { return o.subs }},
	"print": {regexp.MustCompile(`(cannot use helper|unknown func) bpf_(trace_printk|trace_vprintk|snprintf)`), func(o *objectFacts) bool {
		return o.calls(asm.FnTracePrintk, asm.FnTraceVprintk, asm.FnSnprintf)
	}},
	// The verifier then follows mispredicted branches too, round and round a
	// loop: clang's loops are refused the same way.
	loopRule: {regexp.MustCompile(`argument list too long|bad address|infinite loop detected`), func(o *objectFacts) bool { return o.loops }},
}

const loopRule = "loop"

// explains reports whether the rule is why an object was refused.
func (r refusalRule) explains(text string, elf []byte) bool {
	return r.text.MatchString(text) && r.needs(factsOf(elf))
}

// privilegeRule returns the rule of privilegedRules that a refusal is due to.
func privilegeRule(text string, elf []byte) string {
	for _, name := range slices.Sorted(maps.Keys(privilegedRules)) {
		if privilegedRules[name].explains(text, elf) {
			return name
		}
	}
	return ""
}

// overMillion is what allowedRefusal says of a million instructions and more.
const overMillion = "too large"

// allowedRefusal says why the refusal of an object is none of a compiler bug, ""
// if it is one.
func allowedRefusal(text string, elf []byte, unprivileged bool) string {
	if strings.Contains(text, "argument list too long") {
		return overMillion
	}
	if !unprivileged {
		return ""
	}
	if rule := privilegeRule(text, elf); rule != "" {
		return rule
	}
	for _, r := range oldKernelRules {
		if runningKernel().Before(r.until) && r.explains(text) {
			return r.name
		}
	}
	return ""
}

// oldKernelRules are what kernels before a version refuse without CAP_PERFMON
// though later ones find nothing wrong with it. The objects that TestAccepted
// writes for bench/matrix are known to load without it on the kernel that wrote
// them.
var oldKernelRules = []struct {
	name     string
	until    kernel.Version
	explains func(text string) bool
}{
	// No two pointers could be compared, those of a packet included: the
	// instruction refused is a comparison of registers.
	{"packet comparison", kernel.Version{Major: 6, Minor: 6},
		regexp.MustCompile(`if r\d+ [<>=!]+ r\d+ goto \S+\n(.*\n)?.*pointer comparison prohibited`).MatchString},
}

// pathLine is what a log has where it goes on with another path.
var pathLine = regexp.MustCompile(`(?m)^\s*(?:from \d+ to \d+.*|\d+: \([0-9a-f]{2}\) if [rw]\d+ .* goto \S+ +\d+: R\d.*)$`)
