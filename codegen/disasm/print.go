package disasm

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// section is one with instructions.
type section struct {
	o      *object
	name   string
	index  elf.SectionIndex
	bytes  []byte
	relocs map[uint64]elf.Symbol
	lines  map[uint64]*btf.Line
	cores  map[uint64]*btf.CORERelocation
}

// info takes the section's tables of lines and of CO-RE relocations.
func (c *section) info() {
	c.lines, c.cores = map[uint64]*btf.Line{}, map[uint64]*btf.CORERelocation{}
	_, lines, cores := c.o.ext.Section(c.name)
	for _, l := range lines {
		c.lines[uint64(l.Offset)*bpf.SlotBytes] = l.Line
	}
	for _, r := range cores {
		c.cores[uint64(r.Offset)*bpf.SlotBytes] = r.Relo
	}
}

// print prints a function.
func (c *section) print(f function) {
	out := &c.o.out
	if out.Len() > 0 {
		out.WriteByte('\n')
	}
	fmt.Fprintf(out, "%s: %s, %d instructions\n", clip(c.name), clip(f.name), (f.end-f.start)/bpf.SlotBytes)
	last := ""
	for at := f.start; at < f.end; {
		if l := c.lines[at]; l != nil {
			if text := sourceLine(l); text != last {
				out.WriteString(text)
				last = text
			}
		}
		size, text := decode(c.bytes[at:f.end], c.o.order(), func(in *bpf.Inst) string { return c.reference(in, at) })
		if r := c.cores[at]; r != nil {
			text += "  ; " + clip(c.o.core(r))
		}
		fmt.Fprintf(out, "%6d: %s\n", (at-f.start)/bpf.SlotBytes, text)
		at += size
	}
}

// sourceLine is a line of the source as a comment.
func sourceLine(l *btf.Line) string {
	text := clip(strings.TrimSpace(l.Line()))
	if text != "" {
		text += " "
	}
	return fmt.Sprintf("; %s(%s:%d)\n", text, clip(l.FileName()), l.LineNumber())
}

// maxText is how much of a name or a source line is printed: an object may have
// one that is as long as the object, and name it in each instruction.
const maxText = 256

func clip(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + "..."
}

// decode returns the size and the text of the instruction at the start of code.
// named says how an instruction that refers to something is written, "" for as
// usual.
func decode(code []byte, order binary.ByteOrder, named func(*bpf.Inst) string) (size uint64, text string) {
	for _, size := range []int{bpf.SlotBytes, 2 * bpf.SlotBytes} {
		if len(code) < size {
			break
		}
		all, err := bpf.Decode(code[:size], order)
		if err != nil || len(all) != 1 {
			continue
		}
		if s := named(&all[0]); s != "" {
			return uint64(size), clip(s)
		}
		return uint64(size), all[0].Text(helperName)
	}
	n := min(len(code), bpf.SlotBytes)
	return uint64(n), fmt.Sprintf("(% x)  ; no instruction that is known", code[:n])
}

// helperName names a helper as the verifier does.
func helperName(id int32) string {
	if h := kernel.HelperByID(int(id)); h != nil {
		return "bpf_" + h.Name
	}
	return ""
}

// reference writes an instruction that a relocation fills in.
func (c *section) reference(in *bpf.Inst, at uint64) string {
	sym, ok := c.relocs[at]
	if !ok {
		if in.Op == bpf.CallFunc { // within the section
			if name := c.o.names[place{c.index, at + uint64(in.Imm+1)*bpf.SlotBytes}]; name != "" {
				return "call " + name
			}
		}
		return ""
	}
	if !in.Op.IsLdImm64() {
		name := sym.Name
		if elf.ST_TYPE(sym.Info) == elf.STT_SECTION {
			name = c.o.names[place{sym.Section, sym.Value + uint64(in.Imm+1)*bpf.SlotBytes}]
		}
		if name == "" {
			return ""
		}
		return "call " + name
	}
	dst := fmt.Sprintf("r%d = ", in.Dst)
	section := ""
	if int(sym.Section) < len(c.o.file.Sections) {
		s := c.o.file.Sections[sym.Section]
		section = s.Name
		if s.Flags&elf.SHF_EXECINSTR != 0 {
			if name := c.o.names[place{sym.Section, sym.Value + uint64(uint32(in.Imm))}]; name != "" {
				return dst + "subprog[" + name + "]"
			}
		}
	}
	name := sym.Name
	if elf.ST_TYPE(sym.Info) == elf.STT_SECTION {
		name = section
	}
	if section == ".maps" || section == "maps" {
		return dst + "map[" + name + "]"
	}
	if n := int32(in.Imm); n != 0 {
		name += fmt.Sprintf("%+d", n)
	}
	return dst + "&" + name
}

// core says what a CO-RE relocation puts in: "offset of task_struct.mm.total_vm".
// The library keeps the parts of a relocation to itself but for its text.
func (o *object) core(r *btf.CORERelocation) string {
	text := strings.TrimSuffix(strings.TrimPrefix(r.String(), "CORERelocation("), ")")
	kind, rest, _ := strings.Cut(text, ", ")
	open, end := strings.LastIndexByte(rest, '['), strings.LastIndexByte(rest, ']')
	var id btf.TypeID
	if open < 0 || end < open {
		return "CO-RE " + text
	}
	if _, err := fmt.Sscanf(rest[end:], "], local_id=%d", &id); err != nil {
		return "CO-RE " + text
	}
	t, err := o.types.TypeByID(id)
	if err != nil {
		return "CO-RE " + text
	}
	return "CO-RE " + kind + " of " + memberPath(t, rest[open+1:end])
}

// memberPath names what a path such as "0:5:1" leads to from a type.
func memberPath(t btf.Type, path string) string {
	name := typeName(t)
	for i, part := range strings.Split(path, ":") {
		var n int
		if _, err := fmt.Sscanf(part, "%d", &n); err != nil || n < 0 {
			return name + "[" + path + "]"
		}
		if e, ok := btf.As[*btf.Enum](t); ok && i == 0 {
			if n < len(e.Values) {
				return name + " " + e.Values[n].Name
			}
			return name
		}
		if i == 0 {
			if n != 0 {
				name += fmt.Sprintf("[%d]", n)
			}
			continue
		}
		t = btf.UnderlyingType(t)
		var members []btf.Member
		switch x := t.(type) {
		case *btf.Struct:
			members = x.Members
		case *btf.Union:
			members = x.Members
		case *btf.Array:
			name += fmt.Sprintf("[%d]", n)
			t = x.Type
			continue
		}
		if n >= len(members) {
			return name + "[" + path + "]"
		}
		if m := members[n].Name; m != "" {
			name += "." + m
		}
		t = members[n].Type
	}
	return name
}

// typeName is a type's name as C writes it.
func typeName(t btf.Type) string {
	switch x := t.(type) {
	case *btf.Struct:
		return "struct " + x.Name
	case *btf.Union:
		return "union " + x.Name
	case *btf.Enum:
		return "enum " + x.Name
	case *btf.Pointer:
		return typeName(x.Target) + " *"
	}
	if n := t.TypeName(); n != "" {
		return n
	}
	return "a type without a name"
}
