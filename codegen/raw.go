package codegen

import (
	"encoding/binary"
	"math"

	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// Raw instructions: a function that is no object's, but is put as it is between
// the instructions of a program that somebody else writes.
//
// The contract, which is that of ipftrace2's first extension API:
//
//   - The arguments come in r1 to r5, in the order of the prototype, and r10 is the
//     frame that the program and the function share. The function uses the
//     RawStack bytes below r10 and no others.
//   - r6 to r9 are as they were behind the function; r0 is its result, and r1 to r5
//     are lost.
//   - Control enters at the first instruction and leaves behind the last one.
//
// There is nobody to fill anything in. So it can't refer to maps, variables or other
// functions, and where the kernel's structures have their members is what the BTF
// says that the function was compiled with.

// RawStack is how much of the frame a function has for itself.
const RawStack = 256

// Raw returns the instructions of the module's one function to link against. What
// keeps it from being written so is a diag.List.
func Raw(m *ir.Module, out *Output) ([]byte, error) {
	var rep diag.Reporter
	at, n := -1, 0
	for i, f := range m.Funcs {
		if f.Linkable != nil {
			at, n = i, n+1
		}
	}
	if n != 1 {
		rep.Errorf(diag.NotRaw, diag.Span{}, "raw instructions are those of one function: the script declares %d by bpf.func", n)
		return nil, rep.Err()
	}
	f, c := m.Funcs[at], &out.Funcs[at]
	checkRaw(m, c, &rep)
	saved := calleeSaved(c.Insts)
	if size := (c.Stack+7)&^7 + 8*len(saved); size > RawStack {
		rep.Errorf(diag.StackOverflow, span(m, f.Pos), "raw instructions have %d bytes of stack; these need %d", RawStack, size)
	}
	if err := rep.Err(); err != nil {
		return nil, err
	}
	insts := falling(c, saved)
	var order binary.ByteOrder = binary.LittleEndian
	if m.BigEndian {
		order = binary.BigEndian
	}
	return bpf.Encode(insts, order)
}

// checkRaw reports what a loader would have to fill in.
func checkRaw(m *ir.Module, c *FuncCode, rep *diag.Reporter) {
	seen := map[string]bool{}
	slots := 0
	for i := range c.Insts {
		in := &c.Insts[i]
		slots += in.Slots()
		if in.Sym != "" && !seen[in.Sym] {
			seen[in.Sym] = true
			rep.Errorf(diag.NotRaw, span(m, c.Pos[i]), "raw instructions can't refer to '%s': nothing fills in its address", in.Sym)
		}
		if in.Core == 0 {
			continue
		}
		if core := c.Cores[in.Core-1]; !core.Known && !seen[core.Root] {
			seen[core.Root] = true
			rep.Errorf(diag.NotRaw, span(m, c.Pos[i]), "raw instructions are not relocated: where a kernel has '%s' of '%s' must come from its BTF (--btf FILE), not from a declaration of the script's", core.Path, core.Root)
		}
	}
	if slots > math.MaxInt16 {
		rep.Errorf(diag.NotRaw, span(m, m.Funcs[0].Pos), "raw instructions that jump to their end are %d at most; these are %d", math.MaxInt16, slots)
	}
}

// calleeSaved returns those of r6 to r9 that the instructions change.
func calleeSaved(insts []bpf.Inst) (list []bpf.Reg) {
	for r := bpf.R6; r <= bpf.R9; r++ {
		for i := range insts {
			if insts[i].Defs().Has(r) {
				list = append(list, r)
				break
			}
		}
	}
	return list
}

// falling returns the function with its returns made jumps to the end, between the
// saving and the restoring of registers.
func falling(c *FuncCode, saved []bpf.Reg) []bpf.Inst {
	body := c.Insts
	if n := len(body); n > 0 && body[n-1].Op == bpf.OpExit {
		body = body[:n-1] // who jumps there lands behind
	}
	end := 0
	for i := range body {
		end += body[i].Slots()
	}
	var out []bpf.Inst
	place := func(i int) int16 { return int16(-((c.Stack+7)&^7 + 8*(i+1))) }
	for i, r := range saved {
		out = append(out, bpf.StoreMem(bpf.B64, bpf.FP, place(i), r))
	}
	at := 0
	for _, in := range body {
		at += in.Slots()
		if in.Op == bpf.OpExit {
			in = bpf.Goto(int16(end - at))
		}
		in.Pos, in.Core = 0, 0
		out = append(out, in)
	}
	for i, r := range saved {
		out = append(out, bpf.LoadMem(bpf.B64, r, bpf.FP, place(i)))
	}
	return out
}
