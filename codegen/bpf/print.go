package bpf

import (
	"fmt"
	"strings"
)

// String returns the instruction as the kernel's verifier and bpftool print it.
// A helper is printed by its number ("call 1"); references by symbol, which the
// kernel never sees, by their name.
func (in Inst) String() string { return in.Text(nil) }

// Text is String with helpers named: "call bpf_map_lookup_elem#1". An empty name
// means that the helper is not known.
func (in Inst) Text(helper func(id int32) string) string {
	r := in.Op.row()
	reg := 'r'
	if in.Size == B32 {
		reg = 'w'
	}
	switch r.form {
	case formALU:
		if r.name == "" {
			return fmt.Sprintf("invalid(%d)", uint8(in.Op))
		}
		return in.textALU(r, reg)
	case formUnary:
		return fmt.Sprintf("%c%d = -%c%d", reg, in.Dst, reg, in.Dst)
	case formEnd:
		return fmt.Sprintf("r%d = %s%d r%d", in.Dst, r.text, in.Size.Bits(), in.Dst)
	case formGoto:
		return fmt.Sprintf("%s pc%+d", r.text, in.Off)
	case formGotol:
		return fmt.Sprintf("%s pc%+d", r.text, in.Imm)
	case formCond:
		if in.K {
			return fmt.Sprintf("if %c%d %s %#x goto pc%+d", reg, in.Dst, r.text, uint32(in.Imm), in.Off)
		}
		return fmt.Sprintf("if %c%d %s %c%d goto pc%+d", reg, in.Dst, r.text, reg, in.Src, in.Off)
	case formCall:
		return in.textCall(helper)
	case formExit:
		return r.text
	case formImm64:
		return in.textImm64()
	}
	return in.textMem(r)
}

func (in *Inst) textALU(r *row, reg rune) string {
	if in.K {
		return fmt.Sprintf("%c%d %s %d", reg, in.Dst, r.text, int32(in.Imm))
	}
	// "= (s8)" is printed without a space before the register.
	sep := " "
	if strings.HasSuffix(r.text, ")") {
		sep = ""
	}
	return fmt.Sprintf("%c%d %s%s%c%d", reg, in.Dst, r.text, sep, reg, in.Src)
}

func (in *Inst) textCall(helper func(id int32) string) string {
	if in.Sym != "" {
		return "call " + in.Sym
	}
	if in.Op == CallFunc {
		return fmt.Sprintf("call pc%+d", in.Imm)
	}
	if in.Op == Call && helper != nil {
		if name := helper(int32(in.Imm)); name != "" {
			return fmt.Sprintf("call %s#%d", name, in.Imm)
		}
	}
	if in.Op == CallKfunc {
		return fmt.Sprintf("call kernel-function#%d", in.Imm)
	}
	return fmt.Sprintf("call %d", in.Imm)
}

// textImm64 prints the constant in hexadecimal, as the verifier does; that tells
// it from a move, which prints in decimal.
func (in *Inst) textImm64() string {
	switch {
	case in.Sym == "":
		return fmt.Sprintf("r%d = %#x", in.Dst, uint64(in.Imm))
	case in.Op == LdFunc:
		return fmt.Sprintf("r%d = subprog[%s]", in.Dst, in.Sym)
	case int32(in.Imm) != 0:
		return fmt.Sprintf("r%d = map[%s]%+d", in.Dst, in.Sym, int32(in.Imm))
	}
	return fmt.Sprintf("r%d = map[%s]", in.Dst, in.Sym)
}

func (in *Inst) textMem(r *row) string {
	typ := fmt.Sprintf("u%d", in.Size.Bits())
	wide := ""
	if in.Size == B64 {
		wide = "64"
	}
	switch r.form {
	case formSkb:
		if in.Op == LdInd {
			return fmt.Sprintf("r0 = *(%s *)skb[r%d + %d]", typ, in.Src, in.Imm)
		}
		return fmt.Sprintf("r0 = *(%s *)skb[%d]", typ, in.Imm)
	case formLoad:
		return fmt.Sprintf("r%d = *(%s%d *)(r%d %+d)", in.Dst, r.text, in.Size.Bits(), in.Src, in.Off)
	case formStore:
		if in.K {
			return fmt.Sprintf("*(%s *)(r%d %+d) = %d", typ, in.Dst, in.Off, in.Imm)
		}
		return fmt.Sprintf("*(%s *)(r%d %+d) = r%d", typ, in.Dst, in.Off, in.Src)
	case formAtomic:
		return fmt.Sprintf("lock *(%s *)(r%d %+d) %s r%d", typ, in.Dst, in.Off, r.text, in.Src)
	case formFetch, formXchg:
		return fmt.Sprintf("r%d = atomic%s_%s((%s *)(r%d %+d), r%d)", in.Src, wide, r.text, typ, in.Dst, in.Off, in.Src)
	default: // cmpxchg
		return fmt.Sprintf("r0 = atomic%s_%s((%s *)(r%d %+d), r0, r%d)", wide, r.text, typ, in.Dst, in.Off, in.Src)
	}
}
