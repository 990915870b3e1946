package opt

import (
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// loopForm is the pass "loopform".
func loopForm(c *Context, m *ir.Module) {
	x := newFormer(m, c.Opts.Kernel, &c.space, c.errorAt, func(what string) { c.Change(what) })
	if c.Opts.Callbacks {
		x.native = 0
	}
	x.run()
}

// errorAt reports an error of the script, which ends the run.
func (c *Context) errorAt(pos ir.Pos, code diag.Code, msg string) {
	c.errors.Errorf(code, spanOf(c.Module, pos), "%s", msg)
}

// spanOf returns the place of pos in the module's files.
func spanOf(m *ir.Module, pos ir.Pos) diag.Span {
	if pos.Line <= 0 || pos.File < 0 || int(pos.File) >= len(m.Files) {
		return diag.Span{}
	}
	f := m.Files[pos.File]
	start, line := 0, 1
	for i := 0; i < len(f.Text) && line < int(pos.Line); i++ {
		if f.Text[i] == '\n' {
			line, start = line+1, i+1
		}
	}
	start = min(start+max(int(pos.Col)-1, 0), len(f.Text))
	return diag.Span{File: f, Start: start, End: start}
}
