package codegen

import (
	"fmt"
	"strings"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// helperName names a helper as the verifier does.
func helperName(id int32) string {
	if h := kernel.HelperByID(int(id)); h != nil {
		return "bpf_" + h.Name
	}
	return ""
}

// Listing prints the code of an object with the lines of the script it came
// from, in the verifier's syntax:
//
//	socket: filter, 13 instructions, 8 bytes of stack
//	; counts[pkt.ip.proto] = ... (prog.lua:5)
//	   0: r6 = r1
func Listing(m *ir.Module, out *Output) string {
	var sb strings.Builder
	for i := range out.Funcs {
		c := &out.Funcs[i]
		if i > 0 {
			sb.WriteByte('\n')
		}
		fmt.Fprintf(&sb, "%s: %s, %d instructions, %d bytes of stack\n", c.Section, c.Name, c.Slots(), c.Stack)
		var last ir.Pos
		pc := 0
		for j := range c.Insts {
			if p := c.Pos[j]; p.Line > 0 && (p.Line != last.Line || p.File != last.File) {
				sb.WriteString(sourceLine(m, p))
				last = p
			}
			fmt.Fprintf(&sb, "%6d: %s\n", pc, c.Insts[j].Text(helperName))
			pc += c.Insts[j].Slots()
		}
	}
	return sb.String()
}

// sourceLine returns the line of the script at p, as a comment.
func sourceLine(m *ir.Module, p ir.Pos) string {
	if p.File < 0 || int(p.File) >= len(m.Files) {
		return ""
	}
	f := m.Files[p.File]
	return fmt.Sprintf("; %s (%s:%d)\n", strings.TrimSpace(f.Line(int(p.Line))), f.Name, p.Line)
}
