package lower

import (
	"fmt"
	"strings"

	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// The formats of print: what string.format has, as far as the kernel's
// bpf_trace_printk can be made to print it. The kernel refuses a whole line for
// one conversion that it does not know, without a trace, so what reaches it is
// what the oldest kernel that the object loads on takes:
//
//	from 5.10  %lld %llu %llx, and one %s with nothing but a sign behind it
//	from 5.13  %%, the flags "0+- " and a width, %X, several %s
//	from 5.15  %c
//
// All of them print ASCII only, and no more than three values.

// First kernels of what bpf_trace_printk takes.
var (
	printfWidth = kernel.Version{Major: 5, Minor: 13}
	printfChar  = kernel.Version{Major: 5, Minor: 15}
)

// spec is one conversion of a format.
type spec struct {
	text  string // without the '%'
	flags string
	width string
	verb  byte
}

// parseSpec splits what follows a '%'; l's are accepted as C has them. The verb
// is 0 where there is no conversion.
func parseSpec(s string) spec {
	i := len(s) - len(strings.TrimLeft(s, "-+ #0"))
	j := len(s) - len(strings.TrimLeft(s[i:], "0123456789"))
	k := len(s) - len(strings.TrimLeft(s[j:], "l"))
	if k == len(s) {
		return spec{text: s}
	}
	c := spec{text: s[:k+1], flags: s[:i], width: s[i:j]}
	if strings.IndexByte("diuxXsc%", s[k]) >= 0 {
		c.verb = s[k]
	}
	return c
}

// badSpec reports a conversion that print has not got.
func (lw *lowerer) badSpec(n syntax.Node, c spec) {
	hint := "there are %d %i %u %x %X %s %c %%, with flags and a width as in %-8d"
	switch {
	case c.text == "":
		hint = "write %% for a percent sign"
	case strings.ContainsAny(c.text[len(c.text)-1:], "fgeEGa"):
		hint = "the kernel has integers only, which %d prints"
	case strings.Contains(c.text, "."):
		hint = "the kernel has no precision, only a width as in %8d"
	case c.text[len(c.text)-1] == 'p':
		hint = "an address is a number, which %x prints"
	case c.text[len(c.text)-1] == 'q':
		hint = "%s prints a string"
	}
	lw.errorf(n, diag.BadFormat, "'%%%s' is no conversion; %s", c.text, hint)
}

// plain is text that print writes as it is.
func (lw *lowerer) plain(n syntax.Node, s string) (string, bool) {
	for _, r := range s {
		switch {
		case r == 0:
			lw.errorf(n, diag.BadFormat, "a line of print ends at a zero byte: there can be none in it")
			return "", false
		case r > '~' || r < ' ' && !(r >= '\t' && r <= '\r'):
			lw.errorf(n, diag.BadFormat, "the kernel prints ASCII only: there can be no %q in what print writes", r)
			return "", false
		}
	}
	if !strings.Contains(s, "%") {
		return s, true
	}
	if lw.opts.Kernel.Before(printfWidth) {
		lw.errorf(n, diag.NeedsNewerKernel, "a '%%' in what print writes needs kernel %s; the target is %s", printfWidth, lw.opts.Kernel)
		return "", false
	}
	return strings.ReplaceAll(s, "%", "%%"), true
}

// conversion returns the text of one conversion and the value it takes, nil
// if the value is known and became part of the text.
func (lw *lowerer) conversion(n syntax.Node, c spec, v Value) (string, *ir.Value, bool) {
	v = lw.resolve(v)
	if c.verb == 's' {
		if k, ok := lw.lua(v); ok {
			format := "%" + strings.Trim(c.flags, "+ #0") + c.width + "s"
			s, ok := lw.plain(n, fmt.Sprintf(format, k.String()))
			return s, nil, ok
		}
		if r, ok := v.(Ref); ok && viewString(r) {
			text, ok := lw.viewText(n, r, maxText)
			if !ok {
				return "", nil, false
			}
			return "%" + c.flags + c.width + "s", lw.addrOf(text), lw.canWidth(n, c)
		}
		if r, ok := v.(Ref); ok && r.isArray() {
			p, ok := lw.printable(n, r)
			return "%" + c.flags + c.width + "s", p, ok && lw.canWidth(n, c)
		}
	}
	if _, text := stringConst(v); text {
		lw.errorf(n, diag.FormatArguments, "'%%%s' prints a number, not %s; a string is printed by %%s", c.text, describe(v))
		return "", nil, false
	}
	x, ok := lw.storable(n, v, "printed")
	if !ok || !lw.canWidth(n, c) {
		return "", nil, false
	}
	if c.verb == 'c' {
		if lw.opts.Kernel.Before(printfChar) {
			lw.errorf(n, diag.NeedsNewerKernel, "'%%c' in a format needs kernel %s; the target is %s", printfChar, lw.opts.Kernel)
			return "", nil, false
		}
		return "%c", x.V, true
	}
	front, flags := "%", c.flags
	if strings.Contains(flags, "#") {
		flags = strings.ReplaceAll(flags, "#", "")
		if c.verb == 'x' || c.verb == 'X' {
			front = "0" + string(rune(c.verb)) + "%"
		}
	}
	verb := "lld"
	switch c.verb {
	case 's', 'd', 'i':
		if x.Unsigned {
			verb = "llu"
		}
	case 'u':
		verb = "llu"
	default:
		verb = "ll" + string(rune(c.verb))
	}
	return front + flags + c.width + verb, x.V, true
}

// canWidth reports whether the target prints c with its flags and width, and in
// capitals; if not, that is reported.
func (lw *lowerer) canWidth(n syntax.Node, c spec) bool {
	if !lw.opts.Kernel.Before(printfWidth) || strings.Trim(c.flags, "#") == "" && c.width == "" && c.verb != 'X' {
		return true
	}
	lw.errorf(n, diag.NeedsNewerKernel, "'%%%s' in a format needs kernel %s; the target is %s", c.text, printfWidth, lw.opts.Kernel)
	return false
}
