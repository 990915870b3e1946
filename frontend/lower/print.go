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

// maxText is how much of a string in the kernel's memory is printed.
const maxText = 128

// piece is one call of bpf_trace_printk: a format and its values.
type piece struct {
	format  string
	args    []*ir.Value
	strings int  // of args, how many are texts
	str     bool // the last thing in it is a text
}

// print writes to the trace pipe: print(format, ...), as string.format has it.
// What is known is put into the text; a line of more than three values goes
// out in pieces.
func (lw *lowerer) print(e *syntax.Call, args []Value) Value {
	if len(args) == 0 {
		args = []Value{Const{lua.LString("")}}
	}
	format, ok := stringConst(lw.resolve(args[0]))
	if !ok || len(args) > 1 && !strings.Contains(format, "%") { // as Lua's own print
		args = append([]Value{nil}, args...)
		format = strings.TrimSuffix(strings.Repeat("%s ", len(args)-1), " ")
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
	f := &formatting{lw: lw, at: e, most: maxPrintArgs}
	if len(e.Args) > 0 && skip > 0 {
		f.at = e.Args[0]
	}
	if !f.all(e, format, args, skip) {
		return nil, false
	}
	return append(f.done, f.cur), true
}

// all adds a format and its values.
func (f *formatting) all(e *syntax.Call, format string, args []Value, skip int) bool {
	lw, next := f.lw, 0
	for format != "" {
		text, rest, conversion := strings.Cut(format, "%")
		if !f.text(text) {
			return false
		}
		if !conversion {
			break
		}
		c := parseSpec(rest)
		if format = rest[len(c.text):]; c.verb == 0 {
			lw.badSpec(f.at, c)
			return false
		}
		if c.verb == '%' {
			if !f.text("%") {
				return false
			}
			continue
		}
		if next >= len(args) {
			lw.errorf(f.at, diag.FormatArguments, "the format has more conversions than there are values: nothing is left for '%%%s'", c.text)
			return false
		}
		var n syntax.Node = e
		if j := next + skip; j >= 0 && j < len(e.Args) {
			n = e.Args[j]
		}
		if !f.value(n, c, args[next]) {
			return false
		}
		next++
	}
	if next < len(args) {
		var n syntax.Node = e
		if j := next + skip; j < len(e.Args) {
			n = e.Args[j]
		}
		lw.errorf(n, diag.FormatArguments, "the format has %d conversions and there are %d values: nothing prints this one", next, len(args))
		return false
	}
	return true
}

// formatting is a line of print under construction.
type formatting struct {
	lw   *lowerer
	at   syntax.Node // the format
	most int         // values of a piece
	data bool        // for a helper that takes the values as an array
	done []piece
	cur  piece
}

// text adds text; behind a string only a sign may stand.
func (f *formatting) text(s string) bool {
	s, ok := f.lw.plain(f.at, s)
	if !ok || s == "" {
		return ok
	}
	if f.cur.str && !f.data && isAlnum(s[0]) {
		f.cut()
	}
	f.cur.format += s
	f.cur.str = false
	return true
}

// value adds a value.
func (f *formatting) value(n syntax.Node, c spec, v Value) bool {
	if x, ok := f.lw.directText(f.lw.resolve(v)); ok && f.data && c.verb == 's' {
		f.room()
		f.cur.format += "%" + c.flags + c.width + "s"
		f.cur.args = append(f.cur.args, x)
		return true
	}
	text, x, ok := f.lw.conversion(n, c, v)
	if !ok {
		return false
	}
	if x == nil {
		if f.cur.str && !f.data && text != "" && isAlnum(text[0]) {
			f.cut()
		}
		f.cur.format += text
		return true
	}
	isText := x.Type == ir.Ptr
	f.room()
	if !f.data && (isText && f.cur.strings > 0 && f.lw.opts.Kernel.Before(printfWidth) || f.cur.str && isAlnum(text[0])) {
		f.cut()
	}
	f.cur.format += text
	f.cur.args = append(f.cur.args, x)
	if f.cur.str = isText; isText {
		f.cur.strings++
	}
	return true
}

// room makes room for one more value.
func (f *formatting) room() {
	if len(f.cur.args) == f.most {
		f.cut()
	}
}

// cut ends a piece: what follows is a line of its own.
func (f *formatting) cut() {
	f.done = append(f.done, f.cur)
	f.cur = piece{}
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// printPiece puts the format on the stack and calls the helper.
func (lw *lowerer) printPiece(e *syntax.Call, p piece) bool {
	text := p.format + "\x00"
	if len(text) > 256 {
		lw.errorf(e, diag.BadFormat, "a line of %d bytes is too long for the kernel's stack; 255 fit", len(text)-1)
		return false
	}
	args := []*ir.Value{lw.textOnStack(text), lw.b.Const(int64(len(text)))}
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
		lw.errorf(n, diag.FormatArguments, "'%%s' prints strings and arrays of chars, not an array of '%s'", ctype.Name(a.Type))
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
