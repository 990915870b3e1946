package lower

import (
	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// Helpers that format: a format and an array of 64-bit values. Scripts write the
// values behind the format, as for print:
//
//	bpf.helper.seq_printf(seq, '%d %s\n', t.pid, t.comm)
//	bpf.helper.snprintf(buf, '%s:%d', name, port)
//
// or, as the kernel has it, hand an array of numbers over, or nil.

// maxDataArgs is how many values these helpers take.
const maxDataArgs = 12

// dataFormats are these helpers, and which argument the format is.
var dataFormats = map[string]int{"seq_printf": 1, "snprintf": 1, "trace_vprintk": 0}

// hasValues reports whether the values of a formatting helper are written one by
// one.
func (c *helperArgs) hasValues() bool {
	at, ok := dataFormats[c.h.Name]
	if !ok || len(c.args) <= at {
		return false
	}
	if _, ok := stringConst(c.lw.resolve(c.args[at])); !ok {
		return false
	}
	for i := at + 1; i < len(c.args) && i <= at+2; i++ {
		switch v := c.lw.resolve(c.args[i]).(type) {
		case Ref:
			if a, ok := arrayOf(v.Type); !v.Pointer && v.view == nil && (!ok || ctype.Size(a.Type) > 1) {
				return false
			}
		case Const:
			if isNil(v) && i == len(c.args)-1 {
				return false
			}
		}
	}
	return true
}

// formatted calls a formatting helper with the values behind the format.
func (c *helperArgs) formatted() Value {
	lw, at := c.lw, dataFormats[c.h.Name]
	format, _ := stringConst(lw.resolve(c.args[at]))
	f := &formatting{lw: lw, at: c.nodes[at], most: maxDataArgs, data: true}
	if !f.all(c.e, format, c.args[at+1:], at+1) {
		return Bad{}
	}
	pieces := append(f.done, f.cur)
	if len(pieces) > 1 && c.h.Name != "seq_printf" {
		return lw.errorf(c.e, diag.FormatArguments, "helper '%s' takes %d values at most", c.h.Name, maxDataArgs)
	}
	lw.at(c.e)
	lw.flush()
	if at == 0 {
		return c.piece(pieces[0], nil)
	}
	n, v := c.nodes[0], lw.resolve(c.args[0])
	r, ok := v.(Ref)
	if c.h.Name == "snprintf" {
		if r, ok = c.memory(n, v, true); !ok {
			return Bad{}
		}
		lw.aboutToWrite(r)
		size := lw.b.Const(int64(r.size()))
		return c.place(n, r, func(p *ir.Value) Value { return c.piece(pieces[0], []*ir.Value{p, size}) })
	}
	if !ok || r.Region != ir.RegionKernel {
		return lw.errorf(n, diag.WrongArguments, "helper '%s' takes an object of the kernel here, such as ctx.meta.seq, not %s", c.h.Name, describe(v))
	}
	return c.place(n, r, func(p *ir.Value) (v Value) {
		for _, piece := range pieces {
			v = c.piece(piece, []*ir.Value{p})
		}
		return v
	})
}

// piece makes one call: in front stands what comes before the format.
func (c *helperArgs) piece(p piece, front []*ir.Value) Value {
	lw := c.lw
	text := p.format + "\x00"
	if len(text) > 256 {
		return lw.errorf(c.e, diag.BadFormat, "a format of %d bytes is too long for the kernel's stack; 255 fit", len(text)-1)
	}
	args := append([]*ir.Value{}, front...)
	if c.h.Name == "snprintf" {
		g := lw.constants([]byte(text), 1, bytesType(len(text)))
		args = append(args, lw.addrOf(Ref{Global: g, Type: bytesType(len(text)), Region: ir.RegionConst, Hi: int64(len(text))}))
	} else {
		args = append(args, lw.textOnStack(text), lw.b.Const(int64(len(text))))
	}
	data := lw.b.Null()
	if len(p.args) > 0 {
		data = lw.b.SlotAddr(lw.b.Func.NewSlot(8*len(p.args), "values to print", lw.b.Pos))
	}
	for i, x := range p.args {
		if x.Type == ir.Ptr {
			x = lw.b.PtrNum(x)
		}
		lw.b.Store(data, x, ir.Mem{Region: ir.RegionStack, Off: int32(8 * i), Size: 8})
	}
	v := lw.helper(c.e, c.h.Name, ir.I64, append(args, data, lw.b.Const(int64(8*len(p.args))))...)
	if v == nil {
		return Bad{}
	}
	return Int{V: v}
}

// textOnStack writes a text to the stack.
func (lw *lowerer) textOnStack(text string) *ir.Value {
	addr := lw.b.SlotAddr(lw.b.Func.NewSlot(len(text), "text of print", lw.b.Pos))
	off := 0
	for _, size := range words(len(text)) {
		w := bigEndian(text[off : off+size])
		if !lw.mod.BigEndian {
			w = ir.ToBE(w, size*8, false)
		}
		lw.b.Store(addr, lw.b.Const(int64(w)), ir.Mem{Region: ir.RegionStack, Off: int32(off), Size: int32(size)})
		off += size
	}
	return addr
}

// directText is the address of a string in the kernel's memory, which helpers
// that format read by themselves.
func (lw *lowerer) directText(v Value) (*ir.Value, bool) {
	r, ok := v.(Ref)
	if !ok || !viewString(r) || r.view.by == byUser {
		return nil, false
	}
	return lw.viewAddress(r).V, true
}
