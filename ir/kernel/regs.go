package kernel

import "sync"

// Registers of the architectures, where a probe or sample hit: struct pt_regs
// of x86, and the structures that user space sees elsewhere, with which those of
// the kernel begin. The names by purpose follow the calling conventions.

// ptRegs and perfEventData stand for layouts that an architecture completes.
var (
	ptRegs        = &Ctx{Name: "struct pt_regs"}
	perfEventData = &Ctx{Name: "struct bpf_perf_event_data"}
)

// Archs are the architectures with known registers, by the names of Debian and
// Go, uname and the kernel.
var Archs = []Arch{
	{Name: "x86_64", Aliases: []string{"amd64", "x86"}, regs: x86Regs},
	{Name: "arm64", Aliases: []string{"aarch64"}, regs: arm64Regs},
	{Name: "riscv64", Aliases: []string{"riscv"}, regs: riscvRegs},
	{Name: "s390x", Aliases: []string{"s390"}, regs: s390Regs},
}

// Arch is an architecture that programs may be for.
type Arch struct {
	Name    string
	Aliases []string
	regs    func() *Ctx
}

// ArchByName returns the proper name of an architecture.
func ArchByName(name string) (string, bool) {
	for _, a := range Archs {
		if a.Name == name {
			return name, true
		}
		for _, s := range a.Aliases {
			if s == name {
				return a.Name, true
			}
		}
	}
	return "", false
}

func registers(arch string) *Ctx {
	for _, a := range Archs {
		if a.Name == arch {
			return a.regs()
		}
	}
	return ptRegs
}

// perfEvent is struct bpf_perf_event_data: the registers, and two numbers.
func perfEvent(arch string) *Ctx {
	r := registers(arch)
	if r == ptRegs {
		return perfEventData
	}
	out := &Ctx{Name: perfEventData.Name, Size: r.Size + 16, Aliases: r.Aliases}
	out.Fields = append(append(out.Fields, r.Fields...),
		CtxField{Name: "sample_period", Off: r.Size, Size: 8}, CtxField{Name: "addr", Off: r.Size + 8, Size: 8})
	return out
}

// words returns 64-bit members from an offset on.
func words(off int32, names ...string) []CtxField {
	l := make([]CtxField, 0, len(names)+1)
	for i, n := range names {
		l = append(l, CtxField{Name: n, Off: off + int32(8*i), Size: 8})
	}
	return l
}

// purposes names registers by what they are for.
func purposes(ret, sp, ip, fp int32, parms ...int32) []CtxField {
	l := []CtxField{{Name: "ret", Off: ret, Size: 8}, {Name: "sp", Off: sp, Size: 8}, {Name: "ip", Off: ip, Size: 8}, {Name: "fp", Off: fp, Size: 8}}
	for i, off := range parms {
		l = append(l, CtxField{Name: "parm" + string(rune('1'+i)), Off: off, Size: 8})
	}
	return l
}

var x86Regs = sync.OnceValue(func() *Ctx {
	return &Ctx{Name: "struct pt_regs", Size: 168,
		Fields: words(0, "r15", "r14", "r13", "r12", "bp", "bx", "r11", "r10", "r9", "r8", "ax", "cx", "dx", "si", "di",
			"orig_ax", "ip", "cs", "flags", "sp", "ss"),
		Aliases: purposes(80, 152, 128, 32, 112, 104, 96, 88, 72, 64),
	}
})

var arm64Regs = sync.OnceValue(func() *Ctx {
	return &Ctx{Name: "struct pt_regs", Size: 272,
		Fields:  append([]CtxField{{Name: "regs", Size: 8, Len: 31}}, words(248, "sp", "pc", "pstate")...),
		Aliases: purposes(0, 248, 256, 29*8, 0, 8, 16, 24, 32, 40),
	}
})

var riscvRegs = sync.OnceValue(func() *Ctx {
	return &Ctx{Name: "struct pt_regs", Size: 256,
		Fields: words(0, "pc", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7",
			"s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"),
		Aliases: purposes(80, 16, 0, 64, 80, 88, 96, 104, 112, 120),
	}
})

var s390Regs = sync.OnceValue(func() *Ctx {
	return &Ctx{Name: "struct pt_regs", Size: 152,
		Fields:  append(words(0, "args", "psw_mask", "psw_addr"), CtxField{Name: "gprs", Off: 24, Size: 8, Len: 16}),
		Aliases: purposes(40, 144, 16, 112, 40, 48, 56, 64, 72),
	}
})
