package codegen

import (
	"strings"
	"testing"

	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// verifyModule is a module with a program, a function of two parameters and a
// map of 4-byte keys and 8-byte values.
func verifyModule() (*ir.Module, *ir.Func) {
	m := &ir.Module{}
	array, _ := kernel.MapTypeByName("array")
	m.Maps = []*ir.Map{{Name: "m", Type: array, KeySize: 4, ValueSize: 8}}
	kind, _ := kernel.ProgKindByName("socket")
	f := m.NewFunc("filter", ir.Param{Name: "ctx", Type: ir.Ptr})
	f.Kind = kind
	m.NewFunc("sub", ir.Param{Name: "a", Type: ir.I64}, ir.Param{Name: "p", Type: ir.Ptr})
	return m, f
}

const (
	r0, r1, r2, r3, r4, r6, fp = bpf.R0, bpf.R1, bpf.R2, bpf.R3, bpf.R4, bpf.R6, bpf.FP
)

var (
	zero   = bpf.MovImm(bpf.B64, r0, 0)
	exit   = bpf.Exit()
	lookup = bpf.CallHelper(1)
	mapRef = bpf.LoadSym(r1, "m", 0)
	keyAt8 = []bpf.Inst{bpf.MovReg(bpf.B64, r2, fp), bpf.ALUImm(bpf.Add, bpf.B64, r2, -8), mapRef, lookup, zero, exit}
)

// reserve leaves a record in r0; submit takes it from there.
var (
	reserve = join(mapRef, bpf.MovImm(bpf.B64, r2, 8), bpf.MovImm(bpf.B64, r3, 0), bpf.CallHelper(131))
	submit  = join(bpf.MovReg(bpf.B64, r1, r0), bpf.MovImm(bpf.B64, r2, 0), bpf.CallHelper(132))
)

func join(parts ...any) (list []bpf.Inst) {
	for _, p := range parts {
		switch p := p.(type) {
		case bpf.Inst:
			list = append(list, p)
		case []bpf.Inst:
			list = append(list, p...)
		}
	}
	return list
}

func TestVerifyCodeRejects(t *testing.T) {
	for _, c := range []struct {
		name, want string
		code       []bpf.Inst
	}{
		{"no result", "reads r0", join(exit)},
		{"argument after a call", "reads r1", join(bpf.CallHelper(8), bpf.MovReg(bpf.B64, r0, r1), exit)},
		{"argument after LD_ABS", "reads r1", join(bpf.MovReg(bpf.B64, r6, r1), bpf.LoadAbs(bpf.B8, 0), bpf.MovReg(bpf.B64, r0, r1), exit)},
		{"LD_ABS without r6", "reads r6", join(bpf.LoadAbs(bpf.B8, 0), exit)},
		{"written on one way only", "reads r2", join(bpf.JumpImm(bpf.JEq, bpf.B64, r1, 0, 1), bpf.MovImm(bpf.B64, r2, 0), bpf.MovReg(bpf.B64, r0, r2), exit)},
		{"a missing argument", "reads r2", join(bpf.MovImm(bpf.B64, r1, 0), bpf.CallSym("sub"), exit)},
		{"a missing helper argument", "reads r2", join(mapRef, lookup, exit)},
		{"uninitialised load", "was not written", join(bpf.LoadMem(bpf.B64, r0, fp, -8), exit)},
		{"half initialised load", "was not written", join(bpf.StoreImm(bpf.B32, fp, -8, 0), bpf.LoadMem(bpf.B64, r0, fp, -8), exit)},
		{"stored on one way only", "was not written", join(bpf.JumpImm(bpf.JEq, bpf.B64, r1, 0, 1), bpf.StoreImm(bpf.B64, fp, -8, 0), bpf.LoadMem(bpf.B64, r0, fp, -8), exit)},
		{"uninitialised atomic", "was not written", join(zero, bpf.Atomic(bpf.AtomicAdd, bpf.B64, fp, -8, r0), exit)},
		{"uninitialised key", "argument 2", join(keyAt8)},
		{"half a key", "argument 2", join(bpf.StoreImm(bpf.B16, fp, -8, 0), keyAt8)},
		{"key beside the store", "argument 2", join(bpf.StoreImm(bpf.B32, fp, -4, 0), keyAt8)},
		{"uninitialised value", "argument 3", join(bpf.StoreImm(bpf.B32, fp, -8, 0), bpf.MovReg(bpf.B64, r3, fp),
			bpf.ALUImm(bpf.Add, bpf.B64, r3, -16), bpf.MovImm(bpf.B64, r4, 0), bpf.MovReg(bpf.B64, r2, fp),
			bpf.ALUImm(bpf.Add, bpf.B64, r2, -8), mapRef, bpf.CallHelper(2), exit)},
		{"below the stack", "outside of the stack", join(bpf.StoreImm(bpf.B64, fp, -520, 0), zero, exit)},
		{"above the stack", "outside of the stack", join(bpf.StoreImm(bpf.B64, fp, -4, 0), zero, exit)},
		{"not aligned", "not aligned", join(bpf.StoreImm(bpf.B32, fp, -6, 0), zero, exit)},
		{"frame pointer written", "writes the frame pointer", join(bpf.MovReg(bpf.B64, fp, r1), zero, exit)},
		{"unreachable", "unreachable", join(zero, exit, zero, exit)},
		{"falls off", "goes to no instruction", join(zero)},
		{"jumps out", "goes to no instruction", join(bpf.Goto(5), zero, exit)},
		{"jumps into LD_IMM64", "goes to no instruction", join(zero, bpf.JumpImm(bpf.JEq, bpf.B64, r0, 0, 1), bpf.LoadImm64(r0, 1<<40), exit)},
		{"immediate too wide", "does not fit", join(bpf.Inst{Op: bpf.Mov, Size: bpf.B64, K: true, Imm: 1 << 40}, exit)},
		{"unknown helper", "no helper", join(bpf.CallHelper(9999), exit)},
		{"unknown function", "no function", join(bpf.CallSym("nobody"), exit)},
		{"a record tested twice", "compared before", join(reserve, bpf.JumpImm(bpf.JEq, bpf.B64, r0, 0, 1), bpf.StoreImm(bpf.B64, r0, 0, 1),
			bpf.JumpImm(bpf.JEq, bpf.B64, r0, 0, 3), submit, zero, exit)},
		{"a record tested again by another name", "compared before", join(reserve, bpf.MovReg(bpf.B64, r6, r0), bpf.JumpImm(bpf.JNe, bpf.B64, r0, 0, 2), zero, exit,
			bpf.JumpImm(bpf.JEq, bpf.B64, r6, 0, 1), bpf.MovReg(bpf.B64, r0, r6), submit, zero, exit)},
		{"a record tested again in the stack", "compared before", join(reserve, bpf.JumpImm(bpf.JNe, bpf.B64, r0, 0, 2), zero, exit,
			bpf.StoreMem(bpf.B64, fp, -8, r0), bpf.LoadMem(bpf.B64, r0, fp, -8), bpf.JumpImm(bpf.JEq, bpf.B64, r0, 0, 3), submit, zero, exit)},
	} {
		m, f := verifyModule()
		err := verifyCode(m, f, &FuncCode{Name: "filter", Insts: c.code})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestVerifyCodeAccepts(t *testing.T) {
	for name, code := range map[string][]bpf.Inst{
		"record": join(reserve, bpf.JumpImm(bpf.JNe, bpf.B64, r0, 0, 3), bpf.JumpImm(bpf.JNe, bpf.B64, r0, 0, 5), zero, exit, submit, zero, exit),
		"record spilled and tested": join(reserve, bpf.StoreMem(bpf.B64, fp, -8, r0), bpf.LoadMem(bpf.B64, r0, fp, -8), bpf.JumpImm(bpf.JEq, bpf.B64, r0, 0, 3),
			submit, zero, exit),
		"key":     join(bpf.StoreImm(bpf.B32, fp, -8, 0), keyAt8),
		"in two":  join(bpf.StoreImm(bpf.B16, fp, -8, 0), bpf.StoreImm(bpf.B16, fp, -6, 0), keyAt8),
		"loop":    join(zero, bpf.ALUImm(bpf.Add, bpf.B64, r0, 1), bpf.JumpImm(bpf.JLt, bpf.B64, r0, 9, -2), exit),
		"address": join(bpf.StoreImm(bpf.B64, fp, -8, 0), bpf.MovReg(bpf.B64, r2, fp), bpf.LoadMem(bpf.B64, r0, r2, -8), exit),
		"callee": join(bpf.MovImm(bpf.B64, r1, 0), bpf.MovReg(bpf.B64, r2, fp), bpf.ALUImm(bpf.Add, bpf.B64, r2, -8),
			bpf.CallSym("sub"), bpf.LoadMem(bpf.B64, r0, fp, -8), exit),
	} {
		m, f := verifyModule()
		if err := verifyCode(m, f, &FuncCode{Name: "filter", Insts: code}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
