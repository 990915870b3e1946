package lower

import (
	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	lua "github.com/yuin/gopher-lua"
)

// Writes to the packet. Each is under a check of its own, as reads are. A field
// that is no run of whole bytes is written by reading the bytes around it.

// packetWritable reports whether the program may write its packet; if not, that
// is reported.
func (lw *lowerer) packetWritable(n syntax.Node) bool {
	switch {
	case !lw.prog.Kind.WritesPacket():
		lw.errorf(n, diag.PacketReadOnly, "%s programs can't write their packets; XDP and tc programs can", lw.prog.Kind.Name)
	case lw.inShort:
		lw.errorf(n, diag.PacketInHandler, "an on_short function can't write the packet: it runs because the packet is too short")
	default:
		return lw.b.Block != nil
	}
	return false
}

// store writes the low size bytes of x, a host-order number, at p + off.
func (lw *lowerer) store(n syntax.Node, p Pointer, off int64, size int32, x *ir.Value) {
	at := p.Off + off
	if at >= maxOffset || at <= -maxOffset {
		lw.errorf(n, diag.OutOfRange, "no packet is %d bytes long", at)
		return
	}
	base := lw.base(p)
	check := lw.pktCheck(base, int32(at), size)
	lw.b.PktStore(check, base, x, ir.Mem{Off: int32(at), Size: size, BE: true})
}

// unitOf returns the smallest run of 1, 2, 4 or 8 bytes that holds width bits
// at bit off, rather with bytes in front of them than behind.
func unitOf(off, width int) (first, size int) {
	first = off / 8
	need := (off+width+7)/8 - first
	size = need
	for _, s := range []int{1, 2, 4, 8} {
		if s >= need {
			size = s
			break
		}
	}
	return max(0, first-(size-need)), size
}

// setBits writes the low width bits of x at bit off of p.
func (lw *lowerer) setBits(n syntax.Node, p Pointer, off, width int, x *ir.Value) {
	first, size := unitOf(off, width)
	if off != first*8 || width != size*8 {
		shift := (first+size)*8 - off - width
		mask := int64(1<<width - 1)
		old := lw.b.Op(ir.OpAnd, lw.load(n, p, int64(first), int32(size)), lw.b.Const(^(mask << shift)))
		x = lw.b.Op(ir.OpShl, lw.b.Op(ir.OpAnd, x, lw.b.Const(mask)), lw.b.Const(int64(shift)))
		x = lw.b.Op(ir.OpOr, old, x)
	}
	lw.store(n, p, int64(first), int32(size), x)
}

// setPacket evaluates p.name = v and p[i] = v.
func (lw *lowerer) setPacket(e *syntax.Index, p Pointer, key, v Value) {
	if !lw.packetWritable(e) {
		return
	}
	lw.at(e)
	name, named := stringConst(key)
	if !named {
		i, ok := lw.intOf(e.Key, key, "a packet index")
		if !ok {
			return
		}
		if x, ok := lw.storable(e, v, "stored"); ok {
			lw.store(e, lw.advance(p, i), 0, 1, x.V)
		}
		return
	}
	f, ok := p.View.field(name)
	switch {
	case !ok:
		if _, isHeader := p.View.child(name); isHeader {
			lw.errorf(e, diag.NotAPlace, "'%s' is a header; assign to its fields, or write bytes with p:set(a, bytes)", name)
			return
		}
		lw.member(e, p, name) // reports it
	case f.some:
		lw.errorf(e, diag.NotAPlace, "'%s' says whether bits are set; assign to the fields themselves", name)
	default:
		lw.setHeader(e, p, f, v)
	}
}

// setHeader writes a header's field.
func (lw *lowerer) setHeader(n syntax.Node, p Pointer, f *field, v Value) {
	if f.bytes {
		at := Pointer{Base: p.Base, Off: p.Off + int64(f.off/8), View: headers()["data"]}
		lw.setRun(n, at, f.width/8, v)
		return
	}
	if x, ok := lw.storable(n, v, "stored"); ok {
		lw.setBits(n, p, f.off, f.width, x.V)
	}
}

// setRun writes size bytes at p: a slice, an array, a string, or a number whose
// first byte is the highest.
func (lw *lowerer) setRun(n syntax.Node, p Pointer, size int, v Value) {
	v = scriptBytes(lw.resolve(lw.pinBytes(n, v)))
	if lw.b.Block == nil {
		return
	}
	if d, ok := scriptData(v); ok {
		if text, ok := dataBytes(d); ok && ctype.IsArray(d.Type) {
			v = text
		}
	}
	lw.pktCheck(lw.base(p), int32(p.Off), int32(size)) // all or nothing
	switch x := v.(type) {
	case Bad:
		return
	case Int:
		if x.Slice == 0 && size <= 8 {
			lw.setNumber(n, p, size, x.V)
			return
		}
	case *Entry, Opt:
		if size <= 8 {
			if x, ok := lw.intOf(n, v, "this"); ok {
				lw.setNumber(n, p, size, x.V)
			}
			return
		}
	case Const:
		if x.V == lua.LNil {
			for off, s := range runs(size) { // nil counts as 0
				lw.store(n, p, int64(off), int32(s), lw.b.Const(0))
			}
			return
		}
	}
	have, ok := runLength(v)
	switch {
	case !ok:
		lw.errorf(n, diag.NotBytes, "%d bytes are needed here, not %s", size, describe(v))
		return
	case have != size:
		lw.errorf(n, diag.NotBytes, "%d bytes are assigned to %d", have, size)
		return
	}
	lw.writeRun(n, p, v, size)
}

// scriptBytes returns an array that the script has made, an address of bpf.mac for
// one, as the bytes it consists of.
func scriptBytes(v Value) Value {
	if d, ok := scriptData(v); ok {
		if text, ok := dataBytes(d); ok && ctype.IsArray(d.Type) {
			return text
		}
	}
	return v
}

// setNumber writes the low size bytes of x at p, in network order.
func (lw *lowerer) setNumber(n syntax.Node, p Pointer, size int, x *ir.Value) {
	if len(words(size)) > 1 {
		lw.pktCheck(lw.base(p), int32(p.Off), int32(size))
	}
	off := 0
	for _, s := range words(size) {
		y := x
		if shift := (size - off - s) * 8; shift > 0 {
			y = lw.b.Op(ir.OpLShr, x, lw.b.Const(int64(shift)))
		}
		lw.store(n, p, int64(off), int32(s), y)
		off += s
	}
}

// writeRun writes n bytes of v, all of which are read first.
func (lw *lowerer) writeRun(node syntax.Node, p Pointer, v Value, n int) {
	type part struct {
		off, size int
		x         *ir.Value
	}
	var parts []part
	for off := 0; off < n; {
		size := runUnit(v, off, n)
		x := lw.runWord(node, v, off, size)
		if size > 1 {
			x = lw.b.OpBits(ir.OpToBE, int64(size)*8, x)
		}
		parts = append(parts, part{off, size, x})
		off += size
	}
	for _, w := range parts {
		lw.store(node, p, int64(w.off), int32(w.size), w.x)
	}
}

// runs maps where each of words(n) starts to its size, in order.
func runs(n int) func(yield func(off, size int) bool) {
	return func(yield func(off, size int) bool) {
		off := 0
		for _, s := range words(n) {
			if !yield(off, s) {
				return
			}
			off += s
		}
	}
}
