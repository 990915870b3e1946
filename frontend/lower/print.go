package lower

import (
	"github.com/cilium/ebpf/btf"
	"github.com/luabpfc/luabpfc/frontend/ctype"
	"strings"

	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	lua "github.com/yuin/gopher-lua"
)

// maxPrintArgs is how many values bpf_trace_printk takes.
const maxPrintArgs = 3

// piece is one call of bpf_trace_printk: a format and its values.
type piece struct {
	format string
	args   []*ir.Value
}

// print writes to the trace pipe: print(format, ...), as string.format has it.
// What is known is put into the text; a line of more than three values goes
// out in pieces.
func (lw *lowerer) print(e *syntax.Call, args []Value) Value {
	if len(args) == 0 {
		args = []Value{Const{lua.LString("")}}
	}
	format, ok := stringConst(lw.resolve(args[0]))
	if !ok {
		args = append([]Value{nil}, args...)
		format = strings.TrimSuffix(strings.Repeat("%s ", len(args)-1), " ")
	}
	if strings.ContainsRune(format, 0) {
		return lw.errorf(e, diag.BadFormat, "a format has no zero bytes")
	}
	pieces, ok := lw.format(e, format, args[1:], len(e.Args)-len(args)+1)
	if !ok {
		return Bad{}
	}
	last := &pieces[len(pieces)-1]
	if !strings.HasSuffix(last.format, "\n") {
		last.format += "\n"
	}
	lw.flush()
	for _, p := range pieces {
		lw.at(e)
		if !lw.printPiece(e, p) {
			return Bad{}
		}
	}
	return Tuple{}
}

// format translates a format and its values; skip is what to add to an
// argument's index to find its expression.
func (lw *lowerer) format(e *syntax.Call, format string, args []Value, skip int) ([]piece, bool) {
	var out []piece
	var cur piece
	next := 0
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			cur.format += format[i : i+1]
			continue
		}
		spec, verb := formatSpec(format[i+1:])
		if verb == 0 {
			lw.errorf(e, diag.BadFormat, "'%%%s' is no conversion; there are %%d %%i %%u %%x %%X %%s %%c %%%%", spec)
			return nil, false
		}
		i += len(spec)
		if verb == '%' {
			cur.format += "%%"
			continue
		}
		if next >= len(args) {
			lw.errorf(e, diag.FormatArguments, "the format names %d values or more; there are %d", next+1, len(args))
			return nil, false
		}
		var n syntax.Node = e
		if j := next + skip; j >= 0 && j < len(e.Args) {
			n = e.Args[j]
		}
		text, v, ok := lw.conversion(n, spec, verb, args[next])
		if !ok {
			return nil, false
		}
		next++
		if v != nil && len(cur.args) == maxPrintArgs {
			out = append(out, cur)
			cur = piece{}
		}
		cur.format += text
		if v != nil {
			cur.args = append(cur.args, v)
		}
	}
	if next < len(args) {
		lw.errorf(e, diag.FormatArguments, "the format names %d values; there are %d", next, len(args))
		return nil, false
	}
	return append(out, cur), true
}

// formatSpec splits what follows a % into its text and its verb; l's are
// accepted as C has them. verb 0: none.
func formatSpec(s string) (spec string, verb byte) {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case strings.IndexByte("diuxXsc%", c) >= 0:
			return s[:i+1], c
		case strings.IndexByte("-+ #0123456789.l", c) >= 0:
		default:
			return s[:i+1], 0
		}
	}
	return s, 0
}

// conversion returns the text of one conversion and the value it takes, nil
// if the value is known and became part of the text.
func (lw *lowerer) conversion(n syntax.Node, spec string, verb byte, v Value) (string, *ir.Value, bool) {
	v = lw.resolve(v)
	if r, ok := v.(Ref); ok && verb == 's' && r.isArray() {
		p, ok := lw.printable(n, r)
		return "%s", p, ok
	}
	if k, ok := lw.lua(v); ok && verb == 's' {
		s := k.String()
		return strings.ReplaceAll(s, "%", "%%"), nil, true
	}
	x, ok := lw.storable(n, v, "printed")
	if !ok {
		return "", nil, false
	}
	flags := strings.TrimRight(spec[:len(spec)-1], "l")
	switch verb {
	case 's', 'd', 'i':
		if x.Unsigned {
			return "%llu", x.V, true
		}
		return "%" + flags + "lld", x.V, true
	case 'u':
		return "%" + flags + "llu", x.V, true
	case 'c':
		return "%c", x.V, true
	}
	return "%" + flags + "llx", x.V, true
}

// printPiece puts the format on the stack and calls the helper.
func (lw *lowerer) printPiece(e *syntax.Call, p piece) bool {
	text := p.format + "\x00"
	if len(text) > 256 {
		lw.errorf(e, diag.BadFormat, "a line of %d bytes is too long for the kernel's stack; 255 fit", len(text)-1)
		return false
	}
	slot := lw.b.Func.NewSlot(len(text), "text of print", lw.b.Pos)
	addr := lw.b.SlotAddr(slot)
	off := 0
	for _, size := range words(len(text)) {
		w := bigEndian(text[off : off+size])
		if !lw.mod.BigEndian {
			w = ir.ToBE(w, size*8, false)
		}
		lw.b.Store(addr, lw.b.Const(int64(w)), ir.Mem{Region: ir.RegionStack, Off: int32(off), Size: int32(size)})
		off += size
	}
	args := []*ir.Value{addr, lw.b.Const(int64(len(text)))}
	args = append(args, p.args...)
	for len(args) < 2+maxPrintArgs {
		args = append(args, lw.b.Const(0))
	}
	return lw.helper(e, "trace_printk", ir.I64, args...) != nil
}

// printable returns the address of a copy of an array with a NUL behind it.
func (lw *lowerer) printable(n syntax.Node, r Ref) (*ir.Value, bool) {
	a, _ := arrayOf(r.Type)
	if ctype.Size(a.Type) != 1 {
		lw.errorf(n, diag.BadFormat, "'%%s' prints strings and arrays of chars, not %s", describe(r))
		return nil, false
	}
	text, ok := lw.rawObject(n, &btf.Array{Index: a.Index, Type: a.Type, Nelems: a.Nelems + 1}, "text to print")
	if !ok || !lw.live(n, r) {
		return nil, false
	}
	lw.within(r, func(r Ref) Value {
		lw.copyBytes(text, r, int64(r.size()))
		lw.zero(text, int64(r.size()), int64(text.size()))
		return Nil
	}, func() Value {
		lw.zero(text, 0, int64(text.size()))
		return Nil
	})
	return lw.addrOf(text), true
}
